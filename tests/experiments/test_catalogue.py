"""What is known of the paper's experiments: whole, and as the paper has it."""

from __future__ import annotations

import pytest

from p2lbench.experiments import NAMES
from p2lbench.experiments.catalogue import EXPERIMENTS
from p2lbench.experiments.model import PaperRow


def row(experiment: str, name: str) -> PaperRow:
    return next(one for one in EXPERIMENTS[experiment].rows if one.name == name)


def test_every_name_that_a_suite_may_say_is_known() -> None:
    assert set(EXPERIMENTS) == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_each_says_what_came_out(name: str) -> None:
    experiment = EXPERIMENTS[name]
    assert 1 <= len(experiment.found) <= 3
    assert all(sentence.endswith(".") for sentence in experiment.found)
    names = [one.name for one in experiment.rows]
    assert len(names) == len(set(names))


def test_table_1_is_whole() -> None:
    rows = EXPERIMENTS["table1"].rows
    assert len(rows) == 14
    assert all(one.mean and one.best for one in rows)
    for one in rows:  # the best of 18 is not above the mean
        assert all(b <= m for b, m in zip(one.best or (), one.mean or (), strict=True))
    assert row("table1", "ADAM + color").mean == (0.98, 0.62, 0.42, 0.58)
    assert row("table1", "BasinCMA + spatial + color").mean == (0.71, 0.37, 0.32, 0.47)


def test_a_garbled_row_has_no_numbers() -> None:
    assert row("table3", "BasinCMA").best is None
    assert row("table3", "BasinCMA + transform").best == (0.78, 0.42, 0.36, 0.49)


def test_run_times_are_ratios_to_adams() -> None:
    adam = EXPERIMENTS["runtime"].rows[0]
    assert (adam.name, adam.minutes) == ("ADAM", 5)
    assert row("runtime", "BasinCMA + transform").minutes == 15
