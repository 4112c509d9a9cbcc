"""L-BFGS against torch's run alone, and what batching must not change."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from p2lbench.optimizers.lbfgs import LBFGS
from p2lbench.problem import Problem
from p2lbench.space import Variable
from p2lbench.testing.analytic import problem, spent

GOLDEN = json.loads((Path(__file__).parent.parent / "golden" / "lbfgs.json").read_text())
STARTS = torch.tensor([run["x0"] for run in GOLDEN.values()])


def rosenbrock(x: torch.Tensor) -> torch.Tensor:
    return (100 * (x[:, 1:] - x[:, :-1] ** 2) ** 2 + (1 - x[:, :-1]) ** 2).sum(1)


@pytest.fixture
def counts(monkeypatch):
    """How often each candidate was evaluated."""
    found: dict[int, int] = {}
    gradient = Problem.gradient

    def counted(self, x, rows=None):
        for row in rows.tolist():
            found[row] = found.get(row, 0) + 1
        return gradient(self, x, rows)

    monkeypatch.setattr(Problem, "gradient", counted)
    return found


def test_it_reaches_torchs_minima_at_torchs_cost(counts):
    p = problem(rosenbrock, [Variable("z", (10,))], candidates=3)
    points = p.run(LBFGS(100, lr=1.0, memory=10), start=STARTS).points
    assert bool((rosenbrock(points.double()) < 1e-8).all())
    for row, run in enumerate(GOLDEN.values()):
        assert counts[row] <= 1.1 * max(run["n_closure_evals"], run["float32"]["n_closure_evals"])
    assert spent(p) == 2 * sum(counts.values())


def test_a_candidate_that_converged_costs_nothing_more(counts):
    p = problem(rosenbrock, [Variable("z", (10,))], candidates=2)
    solved = torch.stack([torch.ones(10), STARTS[0]])
    p.run(LBFGS(100, lr=1.0), start=solved)
    assert counts[0] == 1 < counts[1]


def test_candidates_do_not_meet():
    together = problem(rosenbrock, [Variable("z", (10,))], candidates=3)
    points = together.run(LBFGS(60, lr=1.0), start=STARTS).points
    for row in range(3):
        alone = problem(rosenbrock, [Variable("z", (10,))], candidates=1)
        found = alone.run(LBFGS(60, lr=1.0), start=STARTS[row : row + 1]).points[0]
        torch.testing.assert_close(points[row], found, rtol=0, atol=1e-5)


def test_the_minimum_within_bounds_is_found():
    """The bounded minimum of (x - 3)² in 4 columns is a corner; of a tilted bowl, on a face."""
    p = problem(lambda x: ((x - 3) ** 2).sum(1), [Variable("z", (4,), bound=2.0)])
    assert p.run(LBFGS(50, lr=1.0)).points.tolist() == [[2.0] * 4] * 3
    goal = torch.tensor([0.5, 3.0, -0.25, -4.0])
    p = problem(lambda x: ((x - goal) ** 2).sum(1), [Variable("z", (4,), bound=2.0)])
    expected = torch.tensor([[0.5, 2.0, -0.25, -2.0]] * 3)
    torch.testing.assert_close(p.run(LBFGS(50, lr=1.0)).points, expected, rtol=0, atol=1e-4)


def test_it_backs_off_from_where_the_loss_is_not_a_number():
    def walled(x):
        return torch.where(x[:, 0] > 1.2, torch.nan, ((x - 1) ** 2).sum(1))

    p = problem(walled, [Variable("z", (3,))], candidates=2)
    points = p.run(LBFGS(50, lr=20.0), start=torch.zeros(2, 3)).points
    torch.testing.assert_close(points, torch.ones(2, 3), rtol=0, atol=1e-3)


def test_a_budget_may_end_in_a_line_search():
    p = problem(rosenbrock, [Variable("z", (10,))], candidates=3, passes=50)
    points = p.run(LBFGS(100, lr=1.0), start=STARTS).points
    assert spent(p) <= 50
    assert bool((rosenbrock(points) <= rosenbrock(STARTS)).all())
