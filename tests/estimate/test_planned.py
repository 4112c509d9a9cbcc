"""What is planned for whole cells, the search of a transform included, against their ledgers."""

from __future__ import annotations

import pytest
from e2e.kit import tasks, written

from p2lbench.estimate.calls import Spending
from p2lbench.estimate.planned import Terms, planned
from p2lbench.project import opened, run_cell

OPTIMIZERS = [
    "none",
    {"random": {"steps": 4}},
    {"adam": {"steps": 5}},
    {"torch:SGD": {"steps": 5}},
    {"projector": {"steps": 5}},
    {"cma": {"steps": 4}},
    {"cma+adam": {"cma_steps": 3, "adam_steps": 4}},
    {"chain": {"stages": [{"random": {"steps": 3}}, {"adam": {"steps": 4}}]}},
    {"basin": {"outer": "cma", "inner": "adam", "outer_steps": 2, "inner_steps": 2}},
    {"basincma": {"outer_steps": 2, "inner_steps": 3, "final_steps": 4}},
    {"restarts": {"inner": {"adam": {"steps": 2}}, "restarts": 2}},
    {"adam+restarts": {"steps": 3}},
    {"nevergrad:DE": {"steps": 2}},
]
SEARCH = {"outer_steps": 2, "inner_steps": 2}
TRANSFORMS = ["none", {"spatial": {"search": SEARCH}}, {"color": {"search": None}}]


def spendings(folder, **keys) -> dict[tuple[str, ...], tuple[Spending | None, int]]:
    """By row: what was planned, and the passes in the record."""
    suite = written(folder, optimizers=OPTIMIZERS, candidates=3, **keys)
    made, _, models, todo = tasks(suite)
    found, terms = {}, Terms.of(made.suite)
    for task in todo:
        record = run_cell(task, models)
        assert record.status == "ok", record.reason
        variables = opened(task, models)[0].space.variables
        spent = planned(task.cell.method, terms, variables, models.fresh)
        found[task.cell.method.row] = spent, record.ledger["passes"]
    assert len(found) == len(OPTIMIZERS) * len(keys.get("transforms", "1"))
    return found


@pytest.mark.parametrize("protocol", ["paper", "equal"])
@pytest.mark.parametrize("passes", [90, 500])
def test_a_cell_spends_what_is_planned(tmp_path, protocol, passes):
    budget = {"passes": passes, "protocol": protocol}
    for row, (spent, really) in spendings(tmp_path, transforms=TRANSFORMS, budget=budget).items():
        assert spent is not None
        assert (spent.passes, spent.at_most) == (really, False), row


def test_frozen_variables_and_a_frozen_phi_are_not_searched(tmp_path):
    found = spendings(
        tmp_path,
        transforms=[{"spatial": {"search": SEARCH}}],
        roles={"phi": "frozen"},
        budget={"passes": 100},
    )
    for row, (spent, really) in found.items():
        assert spent is not None
        assert spent.passes == really, row


def test_what_a_plugin_raises_is_no_plan(tmp_path):
    plugin = """
from p2lbench.api import Optimizer, hookimpl

class Torn(Optimizer):
    def minimize(self, problem):
        return problem.start
    def passes(self, space, candidates):
        raise ZeroDivisionError

@hookimpl
def register_optimizers(register):
    register("torn", Torn)
"""
    made, _, models, todo = tasks(written(tmp_path, plugin, optimizers=["torn"]))
    variables = opened(todo[0], models)[0].space.variables
    assert planned(todo[0].cell.method, Terms.of(made.suite), variables, models.fresh) is None
