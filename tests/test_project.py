"""One cell through Algorithm 1: starts, ledger, budgets, masks, classes, statuses."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from e2e.kit import FOUR, PHOTOS, TINY, ran_inline, records, tasks, timeless, written
from safetensors.torch import load

from p2lbench.project import prepare, run_cell
from p2lbench.record import Record

# A generator and a loss that count what they are really asked, and an optimizer that reports it.
COUNTING = """
import json
import torch
from p2lbench.api import Generator, Loss, Optimizer, Variable, hookimpl

SEEN = {"forwards": 0, "backwards": 0, "loss": 0, "loss_backwards": 0, "prepared": 0}
FIRST = []

def watched(tensor, key):
    if tensor.requires_grad:
        def count(grad):
            SEEN[key] += len(grad)
        tensor.register_hook(count)
    return tensor

class Counted(Generator):
    size = 8
    variables = (Variable("z", (4,), bound=2.0, step=0.05),)
    def load(self, device):
        drawn = torch.Generator().manual_seed(7)
        self.map = torch.randn(4, 3 * 8 * 8, generator=drawn).mul(0.3)
    def forward(self, z):
        SEEN["forwards"] += len(z)
        FIRST.append(z.detach().clone())
        return watched(torch.tanh(z @ self.map).view(-1, 3, 8, 8), "backwards")

class Feature(Loss):
    network = "toy"
    def prepare(self, targets, masks):
        SEEN["prepared"] += len(targets)
        return {"target": targets}
    def __call__(self, images, prepared):
        SEEN["loss"] += len(images)
        return watched((images - prepared["target"]).square().mean((1, 2, 3)), "loss_backwards")

class Reporter(Optimizer):
    def __init__(self, inner: Optimizer):
        self.inner = inner
    def load(self):
        self.inner.load()
    def minimize(self, problem):
        before = dict(SEEN)
        FIRST.clear()
        points = problem.run(self.inner).points
        problem.note(json.dumps({key: SEEN[key] - before[key] for key in SEEN}))
        problem.note("first " + json.dumps(FIRST[0].tolist() if FIRST else []))
        problem.note("start " + json.dumps(problem.start.tolist()))
        return points

@hookimpl
def register_generators(register):
    register("counted", Counted)

@hookimpl
def register_losses(register):
    register("feature", Feature)

@hookimpl
def register_optimizers(register):
    register("reporter", Reporter)
"""
MANY: list[Any] = [
    *FOUR,
    {"cma+adam": {"cma_steps": 2, "adam_steps": 2}},
    {"nevergrad:DE": {"steps": 2}},
    {"random": {"steps": 3}},
    "none",
]


def reported(entry: Any) -> Any:
    name = entry if isinstance(entry, str) else next(iter(entry))
    return {"reporter": {"inner": entry}, "as": name}


def test_the_ledger_is_what_generator_and_loss_really_saw(tmp_path: Path) -> None:
    suite = written(
        tmp_path,
        COUNTING,
        generators=["counted"],
        losses=[{"feature": 1, "l1": 1}],
        optimizers=[reported(entry) for entry in MANY],
    )
    outcome, found = ran_inline(suite)
    assert outcome.clean
    for name, record in found.items():
        seen = json.loads(next(note for note in record.notes if note.startswith("{")))
        ledger = record.ledger
        assert ledger["forwards"] == seen["forwards"] == seen["loss"], name
        assert ledger["backwards"] == seen["backwards"], name
        assert ledger["perceptual_forwards"] == seen["loss"], name
        assert ledger["perceptual_backwards"] == seen["loss_backwards"], name
        assert ledger["passes"] == ledger["forwards"] + ledger["backwards"]
        assert seen["prepared"] == 0  # the target's part was done before, once
        assert ledger["target_preparations"] == 2
    spent = {name: record.ledger["passes"] for name, record in found.items()}
    assert spent["adam"] == 2 * 3 * 2
    assert spent["cma"] == 2 * 8
    assert spent["basincma"] == 8 * (2 * 2 + 1) + 2 * 2 * 2
    assert spent["nevergrad:OnePlusOne"] == spent["random"] == 3 * 2
    assert spent["none"] == 0


def starts(folder: Path, **keys: Any) -> dict[str, torch.Tensor]:
    folder.mkdir()
    _, found = ran_inline(written(folder, COUNTING, generators=["counted"], **keys))
    return {
        name: torch.tensor(json.loads(next(n for n in r.notes if n.startswith("start"))[6:]))
        for name, r in found.items()
    }


def test_starts_are_bitwise_the_same_across_methods_and_numbers(tmp_path: Path) -> None:
    optimizers = [reported(entry) for entry in MANY]
    two = starts(tmp_path / "two", optimizers=optimizers)
    five = starts(tmp_path / "five", optimizers=optimizers, candidates=5)
    reference = five["none"]
    assert reference.shape == (5, 4)
    assert reference.unique(dim=0).shape == (5, 4)
    for name in two:
        assert five[name].equal(reference), name
        assert two[name].equal(reference[:2]), name
    other_seed = starts(tmp_path / "seed", optimizers=optimizers[:1], seed=1)
    assert not other_seed["adam"].equal(reference[:2])
    with_budget = starts(tmp_path / "budget", optimizers=optimizers[:1], budget={"passes": 9})
    assert with_budget["adam"].equal(reference[:2])


def test_independent_methods_first_evaluate_the_start(tmp_path: Path) -> None:
    suite = written(
        tmp_path,
        COUNTING,
        generators=["counted"],
        optimizers=[reported({"adam": {"steps": 1}})],
    )
    _, found = ran_inline(suite)
    notes = {note.split(" ", 1)[0]: note.split(" ", 1)[-1] for note in found["adam"].notes}
    assert notes["first"] == notes["start"]


@pytest.mark.parametrize("passes", [150, 400])
def test_equal_protocol_spends_nearly_all_and_never_more(tmp_path: Path, passes: int) -> None:
    suite = written(
        tmp_path,
        budget={"passes": passes, "protocol": "equal"},
        optimizers=[
            "adam",
            "cma",
            {"basincma": {"inner_steps": 2, "final_steps": 5}},
            {"cma+adam": {"cma_steps": 10, "adam_steps": 10}},
            "random",
            "nevergrad:OnePlusOne",
            "nevergrad:DE",
        ],
    )
    _, found = ran_inline(suite)
    for name, record in found.items():
        assert record.status == "ok", record.reason
        # What is left over is less than one more step of the method's: 8 draws of 5 passes.
        assert passes - 45 <= record.ledger["passes"] <= passes, name
        assert record.trace.passes[-1] == record.ledger["passes"]


def test_a_capped_run_equals_a_shorter_one(tmp_path: Path) -> None:
    one = written(tmp_path, optimizers=[{"adam": {"steps": 50}}], budget={"passes": 21})
    _, capped = ran_inline(one, tmp_path / "a")
    _, shorter = ran_inline(written(tmp_path, optimizers=[{"adam": {"steps": 5}}]), tmp_path / "b")
    assert capped["adam"].latents == shorter["adam"].latents
    assert capped["adam"].ledger["passes"] == 20


def test_nothing_left_to_move_is_skipped_and_no_failure(tmp_path: Path) -> None:
    outcome, found = ran_inline(written(tmp_path, roles={"z": "frozen"}))
    assert outcome.clean
    for record in found.values():
        assert record.status == "skipped"
        assert "nothing left to move: no variable has a role among" in record.reason
    again, _ = ran_inline(written(tmp_path, roles={"z": "frozen"}))
    assert again.cells["cached"] == again.cells["skipped"] == 4


def test_a_role_decides_who_may_move_a_variable(tmp_path: Path) -> None:
    _, gradient = ran_inline(written(tmp_path, roles={"z": "gradient"}), tmp_path / "a")
    assert (gradient["adam"].status, gradient["cma"].status) == ("ok", "skipped")
    _, search = ran_inline(written(tmp_path, roles={"z": "search"}), tmp_path / "b")
    assert search["cma"].status == "ok"
    start = load(ran_inline(written(tmp_path, optimizers=["none"]))[1]["none"].latents)["z"]
    # Adam may look at it, but its gradient is zero.
    assert load(search["adam"].latents)["z"].equal(start)


MASKED = {"file": str(PHOTOS / "bag-126.png"), "mask": {"box": [0, 0, 16, 32]}}


def test_the_background_weighs_a_third_in_the_objective_or_nothing(tmp_path: Path) -> None:
    found: dict[str, Record] = {}
    for scoring in ("soft", "hard"):
        suite = written(
            tmp_path, images=[MASKED], optimizers=["none"], losses=["l1"], mask_scoring=scoring
        )
        found[scoring] = ran_inline(suite, tmp_path / scoring)[1]["none"]
    soft, hard = found["soft"], found["hard"]
    assert soft.latents == hard.latents
    assert soft.metrics == hard.metrics  # metrics are inside the mask, whatever the objective is
    assert hard.objective == pytest.approx(hard.metrics["original"]["l1"], rel=1e-6)
    inside, everything = hard.metrics["original"]["l1"], hard.metrics["unmasked"]["l1"]
    for value, a, b in zip(soft.objective, inside, everything, strict=True):
        outside = 2 * b - a  # two halves
        assert value == pytest.approx((a + 0.3 * outside) / 1.3, rel=1e-5)
    assert hard.metrics["aligned"] == hard.metrics["original"]


def test_a_mask_of_ones_is_no_mask(tmp_path: Path) -> None:
    whole = {**MASKED, "mask": {"box": [0, 0, 32, 32]}}
    _, a = ran_inline(written(tmp_path, images=[whole]), tmp_path / "a")
    _, b = ran_inline(written(tmp_path), tmp_path / "b")
    for name, record in a.items():
        assert record.metrics == b[name].metrics
        assert record.objective == b[name].objective


def test_a_class_by_name_and_by_number_are_one(tmp_path: Path) -> None:
    basis = {
        "generators": ["biggan-fmnist"],
        "optimizers": [{"adam": {"steps": 1}}],
        "metrics": ["l1"],
        "plugins": None,
    }
    photo = str(PHOTOS / "bag-126.png")
    one = written(tmp_path, **basis, images=[{"file": photo, "class": 8}])
    first, by_number = ran_inline(one)
    again, by_name = ran_inline(
        written(tmp_path, **basis, images=[{"file": photo, "class": "bag"}])
    )
    assert (first.cells["cached"], again.cells["cached"]) == (0, 1)  # the same cell
    assert timeless(by_number["adam"]) == timeless(by_name["adam"])
    other = written(tmp_path, **basis, images=[{"file": photo, "class": 7}])
    _, wrong = ran_inline(other)
    stored = [load(record["adam"].latents)["c"] for record in (by_name, wrong)]
    assert not torch.allclose(*stored, atol=1e-3)
    unlabelled = written(tmp_path, **basis, images=[{"file": photo}], inits=["predicted"])
    predicted = ran_inline(unlabelled)[1]["adam"]
    assert load(predicted.latents)["c"].equal(stored[0])
    assert predicted.ledger["init_forwards"] == 1


def test_gradient_free_search_holds_the_class_where_it_starts(tmp_path: Path) -> None:
    suite = written(
        tmp_path,
        generators=["biggan-fmnist"],
        images=[{"file": str(PHOTOS / "bag-126.png"), "class": 8}],
        optimizers=[{"cma": {"steps": 1}}, {"adam": {"steps": 2}}, "none"],
        metrics=["l1"],
        plugins=None,
    )
    _, found = ran_inline(suite)
    c = {name: load(record.latents)["c"] for name, record in found.items()}
    assert c["cma"].equal(c["none"])
    assert not c["adam"].equal(c["none"])
    z = load(found["cma"].latents)["z"]
    assert z.abs().max() <= 2


def test_what_a_record_keeps_is_enough_to_score_again(tmp_path: Path) -> None:
    suite = written(tmp_path)
    _, _, models, found = tasks(suite)
    for task in found:
        record = run_cell(task, models)
        stored = load(record.latents)
        assert set(stored) == {"z", "best_seen.z"}
        setting = prepare(task, models)
        with torch.no_grad():
            objective = setting.objective.original(stored["z"]).double().tolist()
            seen = setting.objective.original(stored["best_seen.z"]).double()
        assert record.objective == tuple(objective)
        assert record.selected == objective.index(min(objective))
        logged = torch.tensor(record.trace.best[-1], dtype=torch.float64)
        assert torch.allclose(seen, logged, atol=1e-6)
        assert record.environment["threads"] == 1
        assert run_cell(task, models).latents == record.latents


def test_it_begins_when_the_models_are_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, late = time.monotonic, [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: real() + sum(late))
    monkeypatch.setattr(time, "late", late, raising=False)
    slow = "import time\n" + TINY.replace(
        "    def load(self, device):\n",
        "    def load(self, device):\n        time.late.append(500)\n",
    )
    suite = written(tmp_path, optimizers=["none", {"nevergrad:DE": {"steps": 1}}], timeout=100)
    (tmp_path / "tiny.py").write_text(slow)
    outcome, found = ran_inline(suite)
    assert sum(late) >= 500
    assert outcome.clean, [record.reason for record in found.values()]
    assert all(record.ledger["seconds"] < 100 for record in found.values())


def test_repeats_differ_and_are_all_kept(tmp_path: Path) -> None:
    outcome, _ = ran_inline(written(tmp_path, optimizers=["none"], repeats=3))
    found = [record.latents for record in records(outcome.folder).values()]
    assert len(set(found)) == 3
