"""The main job on the embedded BigGAN: by hand, nothing twice, the same everywhere."""

from __future__ import annotations

import io
import json
import os
import shlex
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from e2e.conftest import Make
from e2e.kit import (
    COMMAND,
    FOUR,
    PHOTOS,
    by_optimizer,
    called,
    command,
    interruptible,
    numbers,
    ran_inline,
    records,
    rows,
    tasks,
    timeless,
    written,
)
from PIL import Image
from safetensors.torch import load as load_tensors

from p2lbench.store import Store

IMAGES = [
    {"file": str(PHOTOS / "bag-126.png"), "class": "bag"},
    # The mask's background counts 0.3 in the objective and nothing in the metrics.
    {"file": str(PHOTOS / "trouser-24.png"), "class": 1, "mask": {"box": [8, 0, 24, 32]}},
]
KEYS = {
    "images": IMAGES,
    "generators": ["biggan-fmnist"],
    "losses": None,
    "metrics": ["l1", "psnr", "percep-fmnist-heldout", "lpips-vgg"],
    # The contract's example, in a worker and on the embedded generator.
    "plugins": ["example.py"],
    "optimizers": [*FOUR, "random-search", {"sign-descent": {"steps": 2}}],
    "budget": {"passes": 120},
    "baseline": "adam",
}


@pytest.fixture(scope="module")
def finished(once: Callable[[str, Make], Path]) -> Path:
    """The folder of a suite that was run by the command in worker processes."""

    def make(folder: Path) -> None:
        suite = written(folder, **KEYS)
        (folder / "example.py").write_text(EXAMPLE)
        done = command("run", suite.name, "--workers", "1", "--json", cwd=folder)
        (folder / "first.json").write_text(done.out)
        (folder / "first.log").write_text(done.err)
        (folder / "first.code").write_text(str(done.code))

    return once("biggan", make)


@pytest.fixture(scope="module")
def store(finished: Path) -> Path:
    return finished / "results" / "s"


# Recomputed from what is stored, with nothing of p2lbench's but the model's weights.


def target(name: str) -> torch.Tensor:
    pixels = np.array(Image.open(PHOTOS / f"{name}.png").convert("RGB")).astype(np.float32)
    return torch.from_numpy(pixels / 255 * 2 - 1).permute(2, 0, 1)


def foreground(name: str) -> torch.Tensor:
    mask = torch.ones(32, 32)
    if name.startswith("trouser"):
        mask[:] = 0
        mask[:, 8:24] = 1
    return mask


def remade(latents: bytes) -> torch.Tensor:
    from p2lbench import zoo

    stored = load_tensors(latents)
    with torch.no_grad():
        model = zoo.load_biggan_fmnist()
        return model.generator(torch.cat([stored["z"], stored["c"]], 1), 1.0)


def by_hand(latents: bytes, image: str) -> dict[str, list[float]]:
    mask, found = foreground(image), {"l1": [], "psnr": []}
    for made in remade(latents):
        errors = (made - target(image)).abs() * mask
        found["l1"].append((errors.sum() / mask.sum()).item())
        half = ((made.clamp(-1, 1) - target(image)) / 2).square() * mask
        found["psnr"].append(-10 * (half.sum() / (3 * mask.sum())).log10().item())
    return found


def test_a_run_is_clean_and_complete(finished: Path, store: Path) -> None:
    document = json.loads((finished / "first.json").read_text())
    assert (finished / "first.code").read_text() == "0"
    assert set(document) == {"suite", "results", "cells", "seconds"}
    statuses = {"failed": 0, "timeout": 0, "diverged": 0, "skipped": 0}
    assert document["cells"] == {"total": 12, "ok": 12, "cached": 0, **statuses}
    assert document["suite"] == "s"
    assert document["results"] == str(store)
    assert "Traceback" not in (finished / "first.log").read_text()
    left = {path.name for path in store.iterdir()}
    assert {"results.db", "latents", "images", "suite.yaml", "environment.json"} <= left
    assert len(list((store / "latents").iterdir())) == 12
    assert (store / "suite.yaml").read_text() == (finished / "s.yaml").read_text()


def test_a_second_run_does_nothing_and_says_so(finished: Path, store: Path) -> None:
    before = {p: p.read_bytes() for p in store.rglob("*.safetensors")}
    asked = ("run", finished / "s.yaml", "--results", finished / "results")
    again = called(*asked, "--json")
    assert again.code == 0
    cells = again.json["cells"]
    assert cells["cached"] == cells["total"] == cells["ok"] == 12
    done = called(*asked)
    assert done.code == 0
    assert "nothing to do: all 12 cells are in the results folder" in done.out
    assert {p: p.read_bytes() for p in store.rglob("*.safetensors")} == before


def test_metrics_are_those_of_the_stored_latents(store: Path) -> None:
    for key, record in records(store).items():
        expected = by_hand(record.latents, key[5])
        for metric, values in expected.items():
            assert record.metrics["original"][metric] == pytest.approx(values, abs=2e-4), key


def test_the_leaderboard_is_the_mean_best_and_selected_by_hand(store: Path) -> None:
    cells: dict[str, list[tuple[dict[str, list[float]], int]]] = {}
    for key, record in records(store).items():
        objective = [float(value) for value in record.objective]  # type: ignore[arg-type]
        selected = objective.index(min(objective))
        cells.setdefault(key[4], []).append((by_hand(record.latents, key[5]), selected))
    board = rows(store)
    assert set(board) == set(cells)
    for name, found in cells.items():
        for metric, best in (("l1", min), ("psnr", max)):
            per_image = [(values[metric], chosen) for values, chosen in found]
            expected = {
                "mean": np.mean([np.mean(values) for values, _ in per_image]),
                "best": np.mean([best(values) for values, _ in per_image]),
                "selected": np.mean([values[chosen] for values, chosen in per_image]),
            }
            for statistic, value in expected.items():
                assert board[name][statistic][metric] == pytest.approx(value, abs=2e-4)


def test_objective_and_metrics_are_recomputed_bitwise(finished: Path, store: Path) -> None:
    from p2lbench.project import prepare
    from p2lbench.scoring import score

    _, _, models, found = tasks(finished / "s.yaml")
    with Store.open_read(store) as opened:
        for task in found:
            record = opened.get(task.cell.id)
            assert record is not None
            setting = prepare(task, models)
            stored = load_tensors(record.latents)
            x = setting.space.join({name: stored[name] for name in setting.space.names()})
            with torch.no_grad():
                objective = setting.objective.original(x).double().tolist()
            assert tuple(objective) == record.objective
            again = score(setting.objective, x, task.metrics, models)
            assert again.values == record.metrics


def test_the_picture_is_of_the_stored_latents(store: Path) -> None:
    record = next(iter(records(store).values()))
    picture = np.array(Image.open(io.BytesIO(record.images))).astype(int)
    images = remade(record.latents)
    expected = ((torch.cat(list(images), 2).permute(1, 2, 0) + 1) * 127.5).round().numpy()
    assert picture.shape == (32, 64, 3)
    assert np.abs(picture - expected).max() <= 1


def test_weights_that_are_missing_are_a_clear_line(store: Path) -> None:
    from p2lbench import weights

    for row in rows(store).values():
        try:
            weights.locate("lpips-vgg")
        except Exception:
            assert row["mean"]["lpips-vgg"] is None
            assert any("p2lbench weights fetch lpips-vgg" in note for note in row["notes"])
        assert row["mean"]["percep-fmnist-heldout"] > 0


def test_leaderboard_json_has_the_keys_of_the_contract(store: Path) -> None:
    document = called("leaderboard", store, "--json").json
    assert set(document) == {
        *("suite", "candidates", "ranked_on", "baseline", "targets", "discrimination", "rows")
    }
    assert (document["suite"], document["candidates"], len(document["rows"])) == ("s", 2, 6)
    names = {"l1", "psnr", "percep-fmnist-heldout", "lpips-vgg"}
    for row in document["rows"]:
        axes = {"generator", "loss", "transform", "init", "optimizer"}
        assert set(row) == axes | {
            *("settings", "diagnostics", "rank", "ranks", "pareto", "effect", "best_of_k"),
            *("images", "mean", "best", "selected", "ci", "frames"),
            *("passes", "seconds", "missing", "notes"),
            *("classes", "profile", "targets", "reference"),
        }
        assert all(set(row[key]) == names for key in ("mean", "best", "selected", "ci"))
        assert set(row["frames"]) == {"aligned", "unmasked"}
        assert row["images"] == 2
        low, high = row["ci"]["l1"]
        assert low <= row["mean"]["l1"] <= high
        assert row["loss"] == "l1+10*percep-fmnist"
        assert (row["transform"], row["init"]) == ("none", "ground-truth")
        assert row["missing"] == 0
    assert called("leaderboard", store, "--format", "json").json == document


def test_rows_are_compared_to_the_suites_baseline(store: Path) -> None:
    document = called("leaderboard", store, "--json").json
    assert document["baseline"] == "adam"
    assert document["ranked_on"] == "percep-fmnist-heldout"
    rows = {row["optimizer"]: row for row in document["rows"]}
    assert rows.pop("adam")["effect"] is None
    for row in rows.values():
        assert (row["effect"]["images"], row["effect"]["mark"]) == (2, None)
        low, high = row["effect"]["interval"]
        assert low <= row["effect"]["value"] <= high
        assert any("against adam" in note for note in row["notes"])


def test_candidates_are_tries_unless_they_are_coupled(store: Path) -> None:
    rows = {row["optimizer"]: row for row in called("leaderboard", store, "--json").json["rows"]}
    assert rows["basincma"]["best_of_k"] is None  # one repeat
    found = rows["adam"]["best_of_k"]
    one, both = found["curves"]["l1"]
    assert found["over"] == "candidates"
    assert one == pytest.approx(rows["adam"]["mean"]["l1"])
    assert both == pytest.approx(rows["adam"]["best"]["l1"])


@pytest.mark.parametrize("form", ["table", "csv", "markdown", "latex"])
def test_every_format_names_every_method(store: Path, form: str) -> None:
    done = called("leaderboard", store, "--format", form)
    assert done.code == 0
    for name in ("adam", "basincma", "nevergrad:OnePlusOne"):
        assert name in done.out


def test_inline_gives_the_same_bits_as_worker_processes(
    finished: Path, store: Path, tmp_path: Path
) -> None:
    outcome, _ = ran_inline(finished / "s.yaml", tmp_path)
    one, other = records(store), records(outcome.folder)
    assert {key: timeless(r) for key, r in one.items()} == {
        key: timeless(r) for key, r in other.items()
    }
    a, b = rows(store), rows(outcome.folder)
    assert {name: numbers(row) for name, row in a.items()} == {n: numbers(r) for n, r in b.items()}


# The same with many cells on the tiny generator.


MANY = {"images": [str(path) for path in sorted(PHOTOS.glob("*.png"))[:3]], "repeats": 2}


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return ran_inline(written(tmp_path_factory.mktemp("whole"), **MANY))[0].folder


def equal(one: Path, other: Path) -> None:
    a, b = records(one), records(other)
    assert list(a) == list(b)
    for key, record in a.items():
        assert timeless(b[key]) == timeless(record), key


def test_two_workers_give_the_same_bits(uninterrupted: Path, tmp_path: Path) -> None:
    suite = written(tmp_path, **MANY)
    done = command("run", suite.name, "--workers", "2", "--json", cwd=tmp_path)
    assert (done.code, done.json["cells"]["ok"]) == (0, 24)
    equal(uninterrupted, tmp_path / "results" / "s")


def test_limited_then_resumed_equals_uninterrupted(uninterrupted: Path, tmp_path: Path) -> None:
    suite = written(tmp_path, **MANY)
    first, _ = ran_inline(suite, limit=5)
    assert first.cells["total"] == 5
    then, _ = ran_inline(suite)
    assert (then.cells["total"], then.cells["cached"]) == (24, 5)
    equal(uninterrupted, then.folder)


def test_fresh_runs_everything_again(tmp_path: Path) -> None:
    suite = written(tmp_path)
    ran_inline(suite)
    again, _ = ran_inline(suite, fresh=True)
    assert (again.cells["ok"], again.cells["cached"]) == (4, 0)


GO_ON = "interrupted; what was finished is kept. To go on:"
SLOW = """
import os, time
from p2lbench.api import Optimizer, hookimpl

class Slow(Optimizer):
    '''Takes its time.'''
    def __init__(self, seconds: float = 0.0, number: int = 0):
        self.seconds = seconds
    def minimize(self, problem):
        with open(os.environ.get("P2L_PIDS", os.devnull), "a") as file:
            file.write(f"{os.getpid()}\\n")
        x = problem.start
        for _ in range(3):
            problem.loss(x)
            time.sleep(float(os.environ.get("P2L_SLOW", 0)))
        return x

@hookimpl
def register_optimizers(register):
    register("slow", Slow)
"""
SIX = [{"slow": {"number": k}, "as": f"slow-{k}"} for k in range(6)]


@pytest.mark.parametrize("how", ["int-group", "term-inline"])
def test_interrupted_then_resumed_equals_uninterrupted(tmp_path: Path, how: str) -> None:
    suite, folder = written(tmp_path, SLOW, optimizers=SIX), tmp_path / "results"
    whole = ran_inline(suite, tmp_path / "whole")[0].folder
    inline = how.endswith("inline")
    options = ["--executor", "inline"] if inline else ["--workers", "1"]
    process = subprocess.Popen(
        [str(COMMAND), "run", "s.yaml", "--json", *options, "--results", str(folder)],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "P2L_SLOW": "0.3", "P2L_PIDS": str(tmp_path / "pids")},
        start_new_session=True,
        preexec_fn=interruptible,  # noqa: PLW1509 (it only sets a signal)
    )
    try:
        wait_for_cells(tmp_path / "results" / "s" / "latents", 2)
        number = signal.SIGTERM if how.startswith("term") else signal.SIGINT
        kill = os.killpg if how.endswith("group") else os.kill
        kill(process.pid, number)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130, err
    assert out == ""
    assert "Traceback" not in err
    words = shlex.join(["run", "s.yaml", "--json", *options, "--results", str(folder)])
    assert f"{GO_ON} p2lbench {words}\n" in err  # one line, to be copied
    assert all(gone(int(pid)) for pid in (tmp_path / "pids").read_text().split())
    kept = by_optimizer(tmp_path / "results" / "s")
    assert 1 <= len(kept) < 6
    assert called("leaderboard", tmp_path / "results" / "s", "--json").code == 0
    outcome, found = ran_inline(suite)
    assert outcome.cells["cached"] == len(kept)
    equal(whole, outcome.folder)
    assert {name: found[name] for name in kept} == kept


def test_an_interrupt_while_workers_start_leaves_no_traceback(tmp_path: Path) -> None:
    written(tmp_path)
    process = subprocess.Popen(
        [str(COMMAND), "run", "s.yaml"],
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=interruptible,  # noqa: PLW1509 (it only sets a signal)
    )
    try:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        limit = time.monotonic() + 90
        while not any("spawn_main" in line(pid) for pid in children.read_text().split()):
            assert time.monotonic() < limit
            time.sleep(0.01)
        time.sleep(0.15)
        os.killpg(process.pid, signal.SIGINT)
        _, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130
    assert GO_ON in err
    assert "Traceback" not in err


def line(pid: str) -> str:
    """A process's command line; empty if it went away."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""


def wait_for_cells(folder: Path, count: int) -> None:
    limit = time.monotonic() + 90
    while time.monotonic() < limit:
        if folder.is_dir() and len(list(folder.glob("*.safetensors"))) >= count:
            return
        time.sleep(0.02)
    raise AssertionError("the run did not get anywhere")


def gone(pid: int) -> bool:
    limit = time.monotonic() + 60
    while time.monotonic() < limit:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return True
        if state == "Z":
            return True
        time.sleep(0.05)
    return False


# The example of the contract, as it stands there.

EXAMPLE = '''
from p2lbench.api import AskTell, Optimizer, hookimpl

class RandomSearch(AskTell):
    """Draws every point from the prior."""
    def ask(self):
        return self.problem.sample(self.problem.candidates)
    def tell(self, points, losses):
        pass

class SignDescent(Optimizer):
    """Fixed-size steps along the gradient's sign."""
    def __init__(self, lr: float = 0.01, steps: int = 100):
        self.lr, self.steps = lr, steps
    def minimize(self, problem):
        x = problem.start.clone()
        for _ in range(self.steps):
            _, grad = problem.gradient(x)
            x = problem.clamp(x - self.lr * grad.sign())
        return x

@hookimpl
def register_optimizers(register):
    register("random-search", RandomSearch)
    register("sign-descent", SignDescent)
'''
BOTH = ["none", "random-search", {"sign-descent": {"lr": 0.02, "steps": 20}}]


def test_the_example_plugin_runs_as_written(tmp_path: Path) -> None:
    suite = written(tmp_path, EXAMPLE, optimizers=BOTH, budget={"passes": 100})
    done = called("run", suite, "--results", tmp_path / "a", "--executor", "inline", "--json")
    assert (done.code, done.json["cells"]["ok"]) == (0, 3)
    board = rows(tmp_path / "a" / "s")
    start = board["none"]["selected"]["l1"]
    assert board["random-search"]["selected"]["l1"] < start
    assert board["sign-descent"]["selected"]["l1"] < start
    assert board["random-search"]["passes"] == 100
    assert board["sign-descent"]["passes"] == 80
    # By --plugin: the same code.
    bare = written(tmp_path, optimizers=BOTH, budget={"passes": 100})
    plugin = ("--plugin", tmp_path / "more.py")
    words = ("--results", tmp_path / "b", "--executor", "inline", "--json", *plugin)
    done = called("run", bare, *words)
    assert (done.code, done.json["cells"]["ok"]) == (0, 3)
    assert {n: numbers(row) for n, row in rows(tmp_path / "b" / "s").items()} == {
        n: numbers(row) for n, row in board.items()
    }
    refused = called("run", bare, "--results", tmp_path / "c")
    assert refused.code == 2
    assert "unknown optimizer 'random-search'" in refused.err


def test_metrics_added_later_are_computed_from_the_stored_latents(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    os.environ["P2L_PIDS"] = str(pids)
    try:
        first, before = ran_inline(written(tmp_path, SLOW, optimizers=SIX[:2]))
        assert len(pids.read_text().split()) == 2
        suite = written(tmp_path, SLOW, optimizers=SIX[:2], metrics=["l1", "mse", "psnr", "l2"])
        second, after = ran_inline(suite)
        assert len(pids.read_text().split()) == 2  # no optimizer ran again
        third, _ = ran_inline(suite)
    finally:
        del os.environ["P2L_PIDS"]
    assert (second.cells["cached"], second.cells["ok"]) == (0, 2)
    assert third.cells["cached"] == 2
    whole = ran_inline(suite, tmp_path / "whole")[1]
    for name, record in after.items():
        assert set(record.metrics["original"]) == {"l1", "psnr", "mse", "l2"}
        assert record.metrics == whole[name].metrics
        assert record.latents == before[name].latents
        assert record.ledger == before[name].ledger
    assert rows(first.folder)["slow-0"]["mean"].keys() == {"l1", "mse", "psnr", "l2"}
