"""Which trial wins: scores, holes, ties, ends of ranges."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from p2lbench.record import Record, Status
from p2lbench.spec import Named, Spec
from p2lbench.store import PlanRow
from p2lbench.tunable import Choices, Range, Tunable
from p2lbench.tuning.choose import Choice, Measure, choose
from p2lbench.tuning.entries import Entry
from p2lbench.tuning.trials import Trial, Tuned

LR = {"lr": Range(0.01, 1)}
Cells = list[tuple[PlanRow, Record | None]]


def tuned(*lrs: float | None, space: Mapping[str, Tunable] = LR) -> Tuned:
    """Trial 0 has the lr of the row as written."""
    written = Named("adam", Spec("optimizers", "adam", {"lr": lrs[0]}))
    trials = [
        Trial(k, {} if k == 0 else {"lr": lr}, Named(f"adam #{k}", written.spec))
        for k, lr in enumerate(lrs)
    ]
    return Tuned(Entry(("optimizers", 0), "adam", written), dict(space), tuple(trials))


def cell(
    trial: int, image: str, value: float | None, *, status: Status = "ok", loss: str = "l1",
    psnr: float | None = None, passes: float = 10, reason: str = "",
) -> tuple[PlanRow, Record | None]:  # fmt: skip
    """The selected candidate is the second of two."""
    row = PlanRow(("g", loss, "none", "gt", f"adam #{trial}"), image, 0, f"{trial}{image}{loss}")
    other = None if value is None else value + 1
    metrics = {"original": {"psnr": (99.0, psnr)}}
    ledger = {"passes": passes, "seconds": 1.0}
    record = Record(
        row.cell, status, reason, objective=(other, value), metrics=metrics, ledger=ledger
    )
    return row, record


def one(row: Tuned, cells: Cells, measure: Measure | None = None) -> Choice:
    (choice,) = choose([row], cells, measure or Measure())
    return choice


def table(*values: tuple[float | None, ...]) -> Cells:
    """A line of values per trial, one value per image."""
    return [cell(k, "abc"[j], v) for k, line in enumerate(values) for j, v in enumerate(line)]


def number(choice: Choice) -> int | None:
    return None if choice.winner is None else choice.winner.trial.number


def test_the_geometric_mean_over_images_decides() -> None:
    """The arithmetic mean would take trial 0: one image of large values would decide alone."""
    choice = one(tuned(0.1, 0.2), table((1.0, 100.0), (0.5, 110.0)))
    assert number(choice) == 1
    assert choice.geometric
    assert [s.score for s in choice.scores] == pytest.approx([10.0, 55**0.5])
    assert choice.scores[0].images == pytest.approx({"a": 1.0, "b": 100.0})
    assert choice.gain == pytest.approx(55**0.5 / 10 - 1)
    assert choice.options == {"lr": 0.2}


def test_a_tie_stays_as_written() -> None:
    assert number(one(tuned(0.1, 0.2, 0.3), table((2.0,), (2.0,), (2.0,)))) == 0
    assert number(one(tuned(0.1, 0.2, 0.3), table((2.0,), (1.0,), (1.0,)))) == 1


@pytest.mark.parametrize("status", ["failed", "timeout", "diverged"])
def test_a_trial_with_a_cell_that_is_not_ok_loses(status: Status) -> None:
    cells = [*table((2.0, 2.0)), cell(1, "a", 1.0), cell(1, "b", 0.1, status=status, reason="x\ny")]
    choice = one(tuned(0.1, 0.2), cells)
    assert number(choice) == 0
    assert choice.scores[1].score is None
    assert choice.scores[1].reason == f"{status}: x"
    assert choice.scores[1].images == {"a": 1.0, "b": None}
    assert choice.scores[1].statuses == {"ok": 1, status: 1}


def test_so_does_one_that_was_not_run() -> None:
    cells = [*table((2.0,)), (cell(1, "a", 1.0)[0], None)]
    choice = one(tuned(0.1, 0.2), cells)
    assert (number(choice), choice.scores[1].reason) == (0, "not run")


def test_the_row_as_written_may_lose() -> None:
    choice = one(tuned(0.1, 0.2), [cell(0, "a", None, status="failed"), cell(1, "a", 1.0)])
    assert (number(choice), choice.gain, choice.written.score) == (1, None, None)


def test_all_may_lose() -> None:
    cells = [cell(k, "a", None, status="failed") for k in range(2)]
    choice = one(tuned(0.1, 0.2), cells)
    assert (number(choice), dict(choice.options), choice.edges) == (None, {}, {})


def test_what_is_skipped_in_every_trial_is_nobodys() -> None:
    cells = table((2.0,), (1.0,))
    skipped = [cell(k, "a", None, status="skipped", loss="l2") for k in range(2)]
    assert number(one(tuned(0.1, 0.2), cells + skipped)) == 1
    half = [cell(0, "a", 1.0, loss="l2"), cell(1, "a", None, status="skipped", loss="l2")]
    assert number(one(tuned(0.1, 0.2), cells + half)) == 0


def test_every_loss_counts() -> None:
    cells = [
        cell(0, "a", 1.0), cell(0, "a", 1.0, loss="l2"),
        cell(1, "a", 0.9), cell(1, "a", 3.0, loss="l2"),
    ]  # fmt: skip
    assert number(one(tuned(0.1, 0.2), cells)) == 0


def test_values_that_have_no_logarithm() -> None:
    choice = one(tuned(0.1, 0.2), table((0.0, 3.0), (-2.0, 3.0)))
    assert (number(choice), choice.geometric) == (1, False)
    assert [s.score for s in choice.scores] == [1.5, 0.5]
    assert choice.gain == -1.0


def test_by_a_metric_of_the_selected_candidate() -> None:
    cells = [cell(0, "a", 1.0, psnr=20.0), cell(1, "a", 2.0, psnr=25.0)]
    choice = one(tuned(0.1, 0.2), cells, Measure("psnr", higher_is_better=True))
    assert (number(choice), choice.geometric, choice.gain) == (1, False, 5.0)
    assert number(one(tuned(0.1, 0.2), cells)) == 0


def test_a_metric_without_values_chooses_nothing() -> None:
    choice = one(tuned(0.1, 0.2), table((1.0,), (2.0,)), Measure("psnr", True))
    assert number(choice) is None
    assert choice.scores[0].reason == "ok: no value"


@pytest.mark.parametrize(
    ("lrs", "values", "expected"),
    [
        ((0.1, 0.2, 0.98), (3.0, 2.0, 1.0), {"lr": "high"}),
        ((0.1, 0.2, 0.011), (3.0, 2.0, 1.0), {"lr": "low"}),
        ((0.1, 0.2, 0.3), (3.0, 2.0, 1.0), {"lr": "high"}),  # three trials: a third is the end
        ((0.1, 0.9, 0.98), (3.0, 1.0, 2.0), {}),  # beyond it was worse
        ((5.0, 0.2, 0.3), (1.0, 2.0, 3.0), {"lr": "high"}),  # as written, outside the range
        ((None, 0.2, 0.3), (1.0, 2.0, 3.0), {}),
    ],
)
def test_the_end_of_a_range(
    lrs: tuple[float, ...], values: tuple[float, ...], expected: dict[str, str]
) -> None:
    assert one(tuned(*lrs), table(*((v,) for v in values))).edges == expected


def test_many_trials_narrow_the_end() -> None:
    lrs = [0.1, *(0.02 * k for k in range(1, 21))]
    values = [2.0 if lr != 0.4 else 1.0 for lr in lrs]
    assert one(tuned(*lrs), table(*((v,) for v in values))).edges == {}


def test_choices_have_no_ends() -> None:
    space: Any = {"lr": Choices([0.1, 0.2])}
    assert one(tuned(0.1, 0.2, space=space), table((2.0,), (1.0,))).edges == {}


def test_a_winner_that_costs_more_is_seen() -> None:
    cells = [cell(0, "a", 2.0, passes=100), cell(1, "a", 1.0, passes=120)]
    assert one(tuned(0.1, 0.2), cells).dearer
    assert not one(tuned(0.1, 0.2), table((2.0,), (1.0,))).dearer


def test_nothing_to_tune() -> None:
    row = Tuned(tuned(0.1).entry, {}, ())
    (choice,) = choose([row], [], Measure())
    assert (choice.scores, choice.winner) == ((), None)
