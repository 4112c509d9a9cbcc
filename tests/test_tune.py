"""`p2lbench tune`, from a suite to the tuned suite, and what `split` means everywhere."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from e2e.kit import COMMAND, PHOTOS, called, interruptible, records, written

from p2lbench.executors import Inline
from p2lbench.plan import plan
from p2lbench.runner import run
from p2lbench.suite import load
from p2lbench.tuning.job import finish, prepare
from p2lbench.yamlfile import parse

TUNE = PHOTOS / "tune"
IMAGES: list[Any] = [
    {"file": str(PHOTOS / "bag-126.png"), "split": "test"},
    str(PHOTOS / "dress-75.png"),
    {"file": str(TUNE / "bag-9016.png"), "split": "tune"},
    {"file": str(TUNE / "coat-9040.png"), "split": "tune"},
]
# Descends z² with a step that is best at 0.3 and diverges towards 1.5; some values break it.
PLUGIN = """
from p2lbench.api import Optimizer, Range, hookimpl

class Step(Optimizer):
    tunable = {"rate": Range(0.001, 1.5)}
    def __init__(self, rate: float = 0.001, steps: int = 4, fail_above: float = 9.0):
        self.rate, self.steps, self.fail_above = rate, steps, fail_above
    def minimize(self, problem):
        if self.rate > self.fail_above:
            raise ArithmeticError(f"rate {self.rate} is too much")
        x = problem.start
        for _ in range(self.steps):
            _, grad = problem.gradient(x)
            x = problem.clamp(x - self.rate * grad / grad.norm(dim=1, keepdim=True))
        return x

@hookimpl
def register_optimizers(register):
    register("step", Step)
"""
OPTIMIZERS: list[Any] = ["step", {"adam": {"steps": 4}, "as": "adam 4"}, "random"]


def suite(folder: Path, **keys: Any) -> Path:
    basis = {"images": IMAGES, "optimizers": OPTIMIZERS, "plugin": PLUGIN}
    return written(folder, **{**basis, "budget": {"passes": 40}, **keys})


def tuned(folder: Path, *words: Any, file: Path | None = None, **keys: Any) -> Any:
    """The document of a run of `tune` in this process."""
    done = called(
        "tune", file or suite(folder, **keys), "--results", folder / "results",
        "--executor", "inline", "--trials", 5, "--json", *words,
    )  # fmt: skip
    assert done.code == 0, done.err
    return done.json


def row(document: Any, label: str) -> Any:
    return next(row for row in document["optimizers"] if row["optimizer"] == label)


def test_it_finds_what_is_known_to_be_better(tmp_path: Path) -> None:
    document = tuned(tmp_path)
    found = row(document, "step")
    assert found["winner"] > 0
    assert 0.05 < found["options"]["rate"] < 1
    assert found["best"] < 0.95 * found["written"]
    assert found["gain"] == pytest.approx(found["best"] / found["written"] - 1)
    scores = [trial["score"] for trial in found["trials"]]
    assert found["best"] == min(scores)
    checked, _ = load(tmp_path / "s-tuned.yaml")
    best = {row.label: (row.spec.options, row.settings) for row in checked.optimizers}
    assert best["step"][0]["rate"] == found["options"]["rate"]
    assert [settings for _, settings in best.values()] == ["tuned", "tuned", "default"]


def test_the_document(tmp_path: Path) -> None:
    document = tuned(tmp_path)
    assert list(document) == [
        "suite", "file", "overrides", "p2lbench", "results", "output", "seed", "metric",
        "higher_is_better", "images", "cells", "passes", "seconds", "optimizers",
    ]  # fmt: skip
    assert document == json.loads((tmp_path / "results" / "s-tune" / "tuning.json").read_text())
    assert [image["name"] for image in document["images"]] == ["bag-9016", "coat-9040"]
    assert document["cells"]["total"] == 2 * 5 * 2
    assert document["metric"] is None
    step = row(document, "step")
    assert list(step) == [
        "optimizer", "plugin", "space", "trials", "winner", "options", "written", "best", "gain",
        "average", "edges",
    ]  # fmt: skip
    assert step["space"] == {"rate": {"low": 0.001, "high": 1.5, "scale": "log", "whole": False}}
    assert [list(trial["options"]) for trial in step["trials"]] == [["rate"]] * 5
    assert all(set(trial["images"]) == {"bag-9016", "coat-9040"} for trial in step["trials"])
    assert document["passes"] == sum(
        2 * trial["passes"] for r in document["optimizers"] for trial in r["trials"]
    )
    random = row(document, "random")
    assert (random["trials"], random["winner"], random["space"]) == ([], None, {})
    assert (tmp_path / "results" / "s-tune" / "tuning.png").stat().st_size > 10_000


def test_every_method_has_the_same_number_of_trials(tmp_path: Path) -> None:
    document = tuned(tmp_path, "--trials", 3)
    assert [len(r["trials"]) for r in document["optimizers"]] == [3, 3, 0]


def test_the_same_again(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    one, other = tuned(tmp_path / "a"), tuned(tmp_path / "b")
    for document in (one, other):
        for r in document["optimizers"]:
            for trial in r["trials"]:
                trial.pop("seconds")
    assert one["optimizers"] == other["optimizers"]
    again = tuned(tmp_path / "a", file=tmp_path / "a" / "s.yaml")
    assert again["cells"]["cached"] == again["cells"]["total"] == one["cells"]["total"]


def test_more_trials_go_on_where_fewer_ended(tmp_path: Path) -> None:
    tuned(tmp_path)
    more = tuned(tmp_path, "--trials", 7)
    assert (more["cells"]["cached"], more["cells"]["total"]) == (20, 28)


def test_a_trial_that_breaks_loses(tmp_path: Path) -> None:
    document = tuned(tmp_path, optimizers=[{"step": {"fail_above": 0.05}}])
    step = row(document, "step")
    broken = [trial for trial in step["trials"] if trial["score"] is None]
    assert 0 < len(broken) < 5
    assert all("is too much" in trial["reason"] for trial in broken)
    assert step["options"]["rate"] <= 0.05
    assert document["cells"]["failed"] == 2 * len(broken)


def test_where_every_trial_breaks_the_row_stays_as_written(tmp_path: Path) -> None:
    file = suite(tmp_path, optimizers=[{"step": {"fail_above": 0.0}}, "adam"])
    words = ("--results", tmp_path / "results", "--executor", "inline", "--trials", 3)
    done = called("tune", file, *words)
    assert done.code == 1
    assert "none: every trial lost" in done.out
    first, second = parse((tmp_path / "s-tuned.yaml").read_text(), "").data["optimizers"]
    assert first == {"step": {"fail_above": 0.0}}
    assert second["settings"] == "tuned"


def test_chosen_by_a_metric(tmp_path: Path) -> None:
    document = tuned(tmp_path, "--metric", "psnr")
    assert (document["metric"], document["higher_is_better"]) == ("psnr", True)
    step = row(document, "step")
    assert step["best"] == max(trial["score"] for trial in step["trials"])
    checked, _ = load(tmp_path / "s-tuned.yaml")
    assert checked.tuned_on == "psnr"


def test_a_metric_that_chose_is_not_held_out(tmp_path: Path) -> None:
    keys = {"metrics": ["l1", "psnr", "ms-ssim"], "optimizers": [{"adam": {"steps": 2}}]}
    for name, on in (("plain", None), ("chosen", "ms-ssim")):
        (tmp_path / name).mkdir()
        file = suite(tmp_path / name, tuned_on=on, **keys)
        done = called("run", file, "--results", tmp_path / name, "--executor", "inline")
        assert done.code == 0, done.err
        optimised = done.out.partition("Optimised, directly or in effect:")[2].split(".")[0]
        assert ("ms-ssim" in optimised) == (on is not None)


def test_one_row_alone(tmp_path: Path) -> None:
    document = tuned(tmp_path, "--optimizer", "adam 4")
    assert [r["optimizer"] for r in document["optimizers"]] == ["adam 4"]
    checked, _ = load(tmp_path / "s-tuned.yaml")
    assert [row.settings for row in checked.optimizers] == ["default", "tuned", "default"]


# What `split` means


def test_tune_images_are_never_run(tmp_path: Path) -> None:
    done = called(
        "run", suite(tmp_path), "--results", tmp_path / "results", "--executor", "inline", "--json"
    )
    assert done.code == 0, done.err
    assert done.json["cells"]["total"] == 3 * 2
    assert "2 images are for tuning only (split: tune): not run; p2lbench tune" in done.err
    assert {key[5] for key in records(tmp_path / "results" / "s")} == {"bag-126", "dress-75"}
    table = called("leaderboard", tmp_path / "results" / "s").out
    assert "2 images · 2 for tuning left out" in table
    assert "split" in (tmp_path / "results" / "s" / "suite.yaml").read_text()


def test_test_images_are_never_tuned_on(tmp_path: Path) -> None:
    """Neither planned nor read: they are gone when the trials begin."""
    photos = tmp_path / "photos"
    photos.mkdir()
    for image in IMAGES:
        file = Path(image if isinstance(image, str) else image["file"])
        (photos / file.name).write_bytes(file.read_bytes())
    images = ["photos/bag-126.png", {"file": "photos/bag-9016.png", "split": "tune"}]
    checked, plugins = load(suite(tmp_path, images=images, optimizers=["step"]))
    job = prepare(checked, plugins.registry, trials=3)
    (photos / "bag-126.png").unlink()
    planned = plan(job.trials, plugins)
    executor = Inline("cpu", checked.plugin_files)
    outcome = run(planned, plugins.registry, executor, tmp_path / "results", Follower())
    assert outcome.cells["ok"] == outcome.cells["total"] == 3
    finish(job, outcome)
    assert {key[5] for key in records(outcome.folder)} == {"bag-9016"}


def test_validate_counts_both(tmp_path: Path) -> None:
    file = suite(tmp_path)
    document = called("validate", file, "--json").json
    assert (document["images"], document["tune_images"], document["cells"]) == (2, 2, 6)
    assert "2 images are for tuning only" in called("validate", file).out


def test_a_suite_of_tune_images_alone_cannot_be_run(tmp_path: Path) -> None:
    file = suite(tmp_path, images=IMAGES[2:])
    done = called("run", file, "--results", tmp_path / "results", "--executor", "inline")
    assert (done.code, done.out) == (2, "")
    assert "every image of 's' is for tuning only (split: tune): nothing to run" in done.err
    assert "p2lbench tune" in done.err
    assert not (tmp_path / "results").exists()
    assert called("validate", file).code == 0


def test_a_photo_is_for_one_of_both(tmp_path: Path) -> None:
    copy = tmp_path / "copy.png"
    copy.write_bytes((TUNE / "bag-9016.png").read_bytes())
    done = called("validate", suite(tmp_path, images=[*IMAGES, str(copy)]))
    assert done.code == 2
    assert "'copy' has the pixels of 'bag-9016', which is for tuning (split: tune)" in done.err


def test_scores_are_no_results(tmp_path: Path) -> None:
    tuned(tmp_path)
    table = called("leaderboard", tmp_path / "results" / "s-tune").out
    assert "on images for tuning (split: tune)" in " ".join(table.split())
    assert "adam 4 #3" in table


# The tuned suite


def test_rows_of_the_tuned_suite_say_so(tmp_path: Path) -> None:
    tuned(tmp_path)
    done = called(
        "run", tmp_path / "s-tuned.yaml", "--results", tmp_path / "results", "--executor", "inline"
    )
    assert done.code == 0, done.err
    folder = tmp_path / "results" / "s-tuned"
    rows = called("leaderboard", folder, "--json").json["rows"]
    assert {row["optimizer"]: row["settings"] for row in rows} == {
        "step": "tuned", "adam 4": "tuned", "random": "default"
    }  # fmt: skip
    assert "not tuned, unlike the other rows: random" in rows[0]["notes"]
    for form in ("table", "markdown", "latex", "csv"):
        said = called("leaderboard", folder, "--format", form).out
        assert said.count("tuned") >= 2
        assert "settings" in said.lower() or form == "table"


def test_settings_are_a_label(tmp_path: Path) -> None:
    """A cell is the same cell, whatever is said of its options."""
    ids = []
    for settings in ({}, {"settings": "tuned"}, {"settings": "paper"}):
        checked, plugins = load(suite(tmp_path, optimizers=[{"adam": {"steps": 2}, **settings}]))
        ids.append([cell.id for cell in plan(checked, plugins).cells()])
    assert ids[0] == ids[1] == ids[2]


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ("adam", "default"),
        ({"adam": {}}, "default"),
        ({"adam": {"steps": 500}, "as": "x"}, "default"),
        ({"adam": {"steps": 3}}, None),
        ({"adam": {"steps": 3}, "settings": "paper"}, "paper"),
        ({"settings": "tuned", "as": "x", "cma": None}, "tuned"),
        ({"basin": {"outer": "cma", "inner": "adam"}}, None),
    ],
)
def test_what_a_row_says(tmp_path: Path, entry: Any, expected: str | None) -> None:
    (found,) = load(suite(tmp_path, optimizers=[entry]))[0].optimizers
    assert found.settings == expected


def test_a_suite_keeps_its_comments_and_paths(tmp_path: Path) -> None:
    suite(tmp_path)
    (tmp_path / "photo.png").write_bytes((TUNE / "bag-9016.png").read_bytes())
    text = """\
# About this suite.
name: mine   # its name
images:
  - {file: photo.png, split: tune}  # for tuning
  - %s
generators: [tiny]
losses: [l1]
optimizers:
  - step   # as it is
  # another
  - adam: {steps: 4}
    as: mine
  - random
include:
  - optimizers: {step: {steps: 2}, as: two}
plugins: [tiny.py, more.py]
""" % (PHOTOS / "bag-126.png")
    file = tmp_path / "mine.yaml"
    file.write_text(text)
    (tmp_path / "other").mkdir()
    output = tmp_path / "other" / "best.yaml"
    document = tuned(tmp_path, "-o", output, "--set", "candidates=3", file=file)
    assert document["output"] == str(output)
    made = output.read_text()
    assert made.startswith("# Written by p2lbench tune ")
    assert "# with --set candidates=3" in made
    for kept in ("# About this suite.", "# its name", "# for tuning", "# as it is", "# another"):
        assert kept in made
    data = parse(made, "").data
    assert (data["name"], data["candidates"]) == ("mine-tuned", 3)
    assert data["images"][0] == {"file": "../photo.png", "split": "tune"}
    assert data["images"][1] == str(PHOTOS / "bag-126.png")
    assert data["plugins"] == ["../tiny.py", "../more.py"]
    assert data["optimizers"][1]["as"] == "mine"
    assert data["include"][0]["optimizers"]["settings"] == "tuned"
    checked, _ = load(output)
    assert [row.settings for row in checked.optimizers] == ["tuned", "tuned", "default"]
    assert [method.optimizer.settings for method in checked.include] == ["tuned"]
    assert file.read_text() == text


def test_a_tuned_suite_can_be_tuned_again(tmp_path: Path) -> None:
    tuned(tmp_path)
    tuned(tmp_path, file=tmp_path / "s-tuned.yaml")
    text = (tmp_path / "s-tuned-tuned.yaml").read_text()
    assert text.count("Written by p2lbench tune") == 1
    assert parse(text, "").data["name"] == "s-tuned-tuned"


# What is wrong


@pytest.mark.parametrize(
    ("words", "keys", "expected"),
    [
        (["--metric", "lpips"], {}, "--metric: no metric 'lpips' in this suite."),
        (["--optimizer", "adam"], {}, "--optimizer: no row 'adam'. Did you mean 'adam 4'?"),
        ([], {"images": IMAGES[:2]}, "no image is for tuning. Mark some"),
        ([], {"optimizers": ["random"]}, "nothing to tune: random declare nothing"),
        (["--trials", 1], {}, "'--trials'"),
        (["-o", "no/such/place.yaml"], {}, "-o: no/such is no folder"),
        (["-o", "s.yaml"], {}, "s.yaml is there, and p2lbench tune did not write it"),
        ([], {"tune": {"step": {"rat": [1, 2]}}}, "has no option 'rat'. Did you mean 'rate'?"),
        ([], {"tuned_on": "l3"}, "no metric 'l3' in this suite. Did you mean 'l1'?"),
        ([], {"optimizers": [{"adam": {}, "settings": "best"}]}, "settings: expected tuned, def"),
    ],
)  # fmt: skip
def test_what_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[Any], keys: Any, expected: str
) -> None:
    monkeypatch.chdir(tmp_path)
    suite(tmp_path, **keys)
    before = sorted(path.name for path in tmp_path.iterdir() if path.name != "__pycache__")
    done = called("tune", "s.yaml", "--executor", "inline", *words)
    assert (done.code, done.out) == (2, "")
    assert expected in " ".join(done.err.split())
    assert "Traceback" not in done.err
    after = sorted(path.name for path in tmp_path.iterdir() if path.name != "__pycache__")
    assert after == before


def test_a_file_of_somebody_elses_is_not_overwritten(tmp_path: Path) -> None:
    file = suite(tmp_path)
    (tmp_path / "s-tuned.yaml").write_text("mine: 1\n")
    done = called("tune", file, "--results", tmp_path / "results", "--executor", "inline")
    assert done.code == 2
    assert "p2lbench tune did not write it: choose another file with -o" in done.err
    assert (tmp_path / "s-tuned.yaml").read_text() == "mine: 1\n"
    assert not (tmp_path / "results").exists()


# Interrupted


class Follower:
    """Follows a run; ends it like Ctrl-C after some cells."""

    def __init__(self, after: int = 10**9) -> None:
        self.left, self.done = after, 0

    def cell_started(self, cell: Any) -> None: ...
    def cell_progress(self, cell: Any, passes: int, best: float | None) -> None: ...
    def warn(self, message: str) -> None: ...

    def cell_done(self, record: Any, cached: bool = False) -> None:
        self.done += not cached
        if self.done >= self.left:
            raise KeyboardInterrupt


def test_interrupted_tuning_goes_on_where_it_ended(tmp_path: Path) -> None:
    checked, plugins = load(suite(tmp_path))
    job = prepare(checked, plugins.registry, trials=5)
    planned = plan(job.trials, plugins)
    executor = Inline("cpu", checked.plugin_files)
    with pytest.raises(KeyboardInterrupt):
        run(planned, plugins.registry, executor, tmp_path / "results", Follower(7))
    assert not (tmp_path / "s-tuned.yaml").exists()
    document = tuned(tmp_path, file=tmp_path / "s.yaml")
    assert (document["cells"]["cached"], document["cells"]["total"]) == (7, 20)


def test_ctrl_c_keeps_what_is_finished_and_chooses_nothing(tmp_path: Path) -> None:
    slow = PLUGIN.replace(
        "x = problem.start\n", "x = problem.start; __import__('time').sleep(0.3)\n"
    )
    suite(tmp_path, plugin=slow, optimizers=["step"])
    process = subprocess.Popen(
        [str(COMMAND), "tune", "s.yaml", "--trials", "9", "--executor", "inline"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=interruptible,  # noqa: PLW1509 (it only sets a signal)
    )
    try:
        limit, latents = time.monotonic() + 80, tmp_path / "results" / "s-tune" / "latents"
        while time.monotonic() < limit and len([*latents.glob("*.safetensors")]) < 2:
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert (process.returncode, out) == (130, "")
    assert "To go on: p2lbench tune s.yaml --trials 9 --executor inline" in err
    assert "Traceback" not in err
    assert not (tmp_path / "s-tuned.yaml").exists()
    kept = records(tmp_path / "results" / "s-tune")
    assert 0 < len(kept) < 18


def test_the_list_says_what_is_tuned() -> None:
    listed = {row["name"]: row for row in called("list", "optimizers", "--verbose", "--json").json}
    options = {option["name"]: option["tuned"] for option in listed["cma+adam"]["options"]}
    assert options == {
        "cma_steps": None, "adam_steps": None, "lr": "0.005 to 0.5", "sigma": "0.1 to 2",
        "population": None, "variant": None,
    }  # fmt: skip
    assert "= 1.0; tuned over 0.1 to 2" in called("list", "optimizers", "--verbose").out
