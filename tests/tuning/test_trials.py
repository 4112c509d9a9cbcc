"""Trials: as many for every method, the same on every machine, and on tune images alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from e2e.kit import PHOTOS, written

from p2lbench.errors import UserError
from p2lbench.plan import plan
from p2lbench.plugins import Plugins
from p2lbench.suite import Suite, load
from p2lbench.tuning.trials import Tuned, trial_suite, tuned_rows

TUNE = PHOTOS / "tune"
IMAGES: list[Any] = [
    str(PHOTOS / "bag-126.png"),
    {"file": str(TUNE / "bag-9016.png"), "split": "tune"},
    {"file": str(TUNE / "coat-9040.png"), "split": "tune"},
]
OPTIMIZERS: list[Any] = [{"adam": {"steps": 3}}, "cma", "cma+adam", "random"]


def read(folder: Path, **keys: Any) -> tuple[Suite, Plugins]:
    return load(written(folder, **{"images": IMAGES, "optimizers": OPTIMIZERS, **keys}))


def rows(folder: Path, trials: int = 6, seed: int = 0, **keys: Any) -> dict[str, Tuned]:
    suite, plugins = read(folder, **keys)
    return {row.label: row for row in tuned_rows(suite, plugins.registry, trials, seed)}


def tried(row: Tuned) -> list[dict[str, Any]]:
    return [dict(trial.options) for trial in row.trials]


def test_every_method_has_the_same_number(tmp_path: Path) -> None:
    found = rows(tmp_path)
    assert {label: len(row.trials) for label, row in found.items()} == {
        "adam": 6, "cma": 6, "cma+adam": 6, "random": 0
    }  # fmt: skip
    assert [set(options) for options in tried(found["cma+adam"])[1:]] == [{"lr", "sigma"}] * 5


def test_the_first_is_the_row_as_written(tmp_path: Path) -> None:
    adam = rows(tmp_path)["adam"]
    assert adam.trials[0].options == {}
    assert adam.trials[0].row.spec == adam.entry.row.spec
    assert all(trial.row.spec.options["steps"] == 3 for trial in adam.trials)
    assert [trial.row.label for trial in adam.trials] == [f"adam #{k}" for k in range(6)]


def test_trials_are_known(tmp_path: Path) -> None:
    """On every machine: written down here."""
    assert [options["lr"] for options in tried(rows(tmp_path)["adam"])[1:]] == [
        0.033, 0.161, 0.0659, 0.0101, 0.00576
    ]  # fmt: skip


def test_more_trials_begin_with_the_same(tmp_path: Path) -> None:
    few, many = rows(tmp_path, 5), rows(tmp_path, 23)
    for label in ("adam", "cma+adam"):
        assert tried(many[label])[:5] == tried(few[label])


def test_another_seed_tries_something_else(tmp_path: Path) -> None:
    one, other = (tried(rows(tmp_path, seed=seed)["adam"])[1:] for seed in (0, 1))
    assert not {str(options) for options in one} & {str(options) for options in other}


def test_trials_are_spread(tmp_path: Path) -> None:
    """Of 16 points, one in every sixteenth of the range, but for the rounding."""
    row = rows(tmp_path, 17)["adam"]
    at = sorted(row.space["lr"].fraction(options["lr"]) or 0 for options in tried(row)[1:])
    for k, u in enumerate(at):
        assert k / 16 - 0.002 < u < (k + 1) / 16 + 0.002


def test_nothing_is_tried_twice(tmp_path: Path) -> None:
    found = rows(tmp_path, 9, tune={"adam": {"lr": None, "final": ["last", "best"]}})
    assert tried(found["adam"]) == [{}, {"final": "best"}]
    assert len(found["cma"].trials) == 9


def test_options_that_do_not_go_together_are_left_out(tmp_path: Path) -> None:
    plugin = """
from p2lbench.api import Optimizer, Range, hookimpl
class Picky(Optimizer):
    tunable = {"low": Range(1, 9), "high": Range(1, 9)}
    def __init__(self, low: int = 1, high: int = 9):
        if low > high:
            raise ValueError("low: expected at most high")
        self.low, self.high = low, high
    def minimize(self, problem):
        return problem.start
@hookimpl
def register_optimizers(register):
    register("picky", Picky)
"""
    picky = rows(tmp_path, 12, plugin=plugin, optimizers=["picky"])["picky"]
    assert len(picky.trials) == 12
    assert all(1 <= o["low"] <= o["high"] <= 9 for o in tried(picky)[1:])


def test_only_some_rows(tmp_path: Path) -> None:
    suite, plugins = read(tmp_path)
    assert [row.label for row in tuned_rows(suite, plugins.registry, only=["cma"])] == ["cma"]
    with pytest.raises(UserError, match=r"no row 'cmaa'. Did you mean 'cma'"):
        tuned_rows(suite, plugins.registry, only=["cmaa"])
    with pytest.raises(UserError, match="nothing to tune: random declare nothing"):
        tuned_rows(suite, plugins.registry, only=["random"])


def derived(folder: Path, **keys: Any) -> tuple[Suite, Suite, Plugins]:
    suite, plugins = read(folder, **keys)
    found = tuned_rows(suite, plugins.registry, 3)
    return suite, trial_suite(suite, found, "a note"), plugins


def test_the_trials_run_on_tune_images_alone(tmp_path: Path) -> None:
    suite, trials, plugins = derived(tmp_path)
    assert [image.name for image in suite.images] == ["bag-126"]
    assert [image.name for image in trials.images] == ["bag-9016", "coat-9040"]
    planned = plan(trials, plugins)
    assert {cell.image.split for cell in planned.cells()} == {"tune"}
    assert len(planned) == 3 * 3 * 2
    assert not {c.id for c in planned.cells()} & {c.id for c in plan(suite, plugins).cells()}
    assert (trials.name, trials.text.splitlines()[0]) == ("s-tune", "# a note")


def test_rules_hold_for_trials(tmp_path: Path) -> None:
    _, trials, plugins = derived(
        tmp_path,
        losses=["l1", "l2"],
        exclude=[{"losses": "l2", "optimizers": "cma"}, {"optimizers": "adam"}],
        include=[{"losses": "l2", "optimizers": {"lbfgs": {"steps": 2}, "as": "extra"}}],
    )
    found = [(m.loss.label, m.optimizer.label) for m in plan(trials, plugins).methods]
    expected = [("l1", "cma"), ("l1", "cma+adam"), ("l2", "cma+adam"), ("l2", "extra")]
    assert sorted(found) == sorted((lo, f"{la} #{k}") for lo, la in expected for k in range(3))


def test_a_suite_without_tune_images(tmp_path: Path) -> None:
    suite, plugins = read(tmp_path, images=IMAGES[:1])
    with pytest.raises(UserError, match=r"no image is for tuning.*split: tune"):
        trial_suite(suite, tuned_rows(suite, plugins.registry, 3), "")


def test_a_long_name_stays_a_name(tmp_path: Path) -> None:
    _, trials, _ = derived(tmp_path, name="x" * 100)
    assert trials.name == "x" * 95 + "-tune"


@pytest.mark.parametrize("name", ["adam", "lbfgs", "cma", "cma+adam", "basincma", "adam+restarts"])
def test_built_in_optimizers_can_be_tuned(tmp_path: Path, name: str) -> None:
    suite, plugins = read(tmp_path, optimizers=[name])
    (row,) = tuned_rows(suite, plugins.registry, 4)
    assert len(row.trials) == 4
