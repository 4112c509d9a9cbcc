"""The counted problem: budgets, stages, streams, copies."""

from __future__ import annotations

from math import inf

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from p2lbench.budget import BudgetSpent, StageOver
from p2lbench.errors import Skip
from p2lbench.optimizers.base import Optimizer
from p2lbench.problem import Problem
from p2lbench.root import Timeout
from p2lbench.space import Variable
from p2lbench.testing.analytic import problem, spent, sphere

Z, C = Variable("z", (4,), bound=2.0), Variable("c", (3,), mean=0.1, std=0.02, role="gradient")
PHI = Variable("phi", (2,), role="search")


class Descend(Optimizer):
    """Plain steps; catches nothing."""

    def __init__(self, steps: int = 5, lr: float = 0.1):
        self.steps, self.lr = steps, lr

    def minimize(self, problem: Problem) -> Tensor:
        x = problem.start
        for _ in range(self.steps):
            x = problem.clamp(x - self.lr * problem.gradient(x)[1])
        return x


def test_a_gradient_costs_two_passes_and_an_evaluation_one():
    p = problem(candidates=3)
    p.loss(p.start)
    assert spent(p) == 3
    p.gradient(p.start)
    assert spent(p) == 9
    assert p._root.objective.evaluated == 6
    assert (p._root.ledger.forwards, p._root.ledger.backwards) == (6, 3)


def test_losses_and_gradients_are_those_of_the_function():
    p = problem(sphere(0.5))
    x = p.start
    torch.testing.assert_close(p.loss(x), ((x - 0.5) ** 2).sum(1))
    losses, slopes = p.gradient(x)
    torch.testing.assert_close(losses, ((x - 0.5) ** 2).sum(1))
    torch.testing.assert_close(slopes, 2 * (x - 0.5))


@given(cap=st.integers(0, 60), calls=st.lists(st.booleans(), max_size=20), n=st.integers(1, 7))
@settings(max_examples=60)
def test_spending_never_exceeds_the_budget_and_a_refusal_is_final(cap, calls, n):
    p = problem(passes=cap)
    x, refused = p.sample(n), False
    for gradient in calls:
        before = p._root.objective.evaluated
        try:
            p.gradient(x) if gradient else p.loss(x)
            assert not refused
        except BudgetSpent:
            refused = True
            assert p._root.objective.evaluated == before
    assert spent(p) <= cap
    assert spent(p) == p._root.ledger.forwards + p._root.ledger.backwards


def test_a_smaller_call_is_refused_too_once_one_was():
    p = problem(passes=5)
    with pytest.raises(BudgetSpent):
        p.gradient(p.start)
    with pytest.raises(BudgetSpent):
        p.loss(p.start[:1])
    assert spent(p) == 0


def test_seconds_are_a_budget_too_and_the_timeout_is_not_one():
    with pytest.raises(BudgetSpent):
        (p := problem(seconds=0.0)).loss(p.start)
    with pytest.raises(Timeout):
        (p := problem(timeout=-1.0)).loss(p.start)


def test_starts_do_not_depend_on_how_many_there_are():
    many, few = problem(candidates=7, seed=3), problem(candidates=2, seed=3)
    assert torch.equal(many.start[:2], few.start)
    assert not torch.equal(many.start[0], problem(candidates=1, seed=4).start[0])


@given(n=st.integers(1, 12), more=st.integers(1, 9))
@settings(max_examples=30)
def test_rows_of_a_sample_do_not_depend_on_how_many_are_drawn(n, more):
    assert torch.equal(problem().sample(n), problem().sample(n + more)[:n])


def test_a_candidate_draws_from_its_own_stream():
    wide, narrow = problem(candidates=4), problem(candidates=2)
    assert torch.equal(wide.sample(4)[:2], narrow.sample(2))


def test_points_out_of_bounds_are_clamped_before_they_are_evaluated():
    p = problem(sphere(0.0))
    far = torch.full((3, 4), 100.0)
    assert p.loss(far).tolist() == [16.0, 16.0, 16.0]
    assert p.gradient(far)[0].tolist() == [16.0, 16.0, 16.0]
    assert bool((p.best().abs() <= 2).all())


def test_everything_handed_out_is_a_copy():
    p = problem()
    for get in (lambda: p.start, lambda: p.center, lambda: p.spread, p.best):
        before = get().clone()
        get().fill_(99.0)
        assert torch.equal(get(), before)
    p.space.steps.fill_(9.0)
    assert p.space.steps.tolist() == pytest.approx([0.05] * 4)
    x = p.start
    p.loss(x)
    x.fill_(1.5)
    assert not torch.equal(p.best(), x)
    with pytest.raises(AttributeError, match="read only"):
        p.candidates = 1


def test_what_was_given_is_left_untouched():
    p, x = problem(), torch.full((3, 4), 5.0)
    p.loss(x), p.gradient(x)
    assert torch.equal(x, torch.full((3, 4), 5.0))
    assert not x.requires_grad


@pytest.mark.parametrize(
    "wrong",
    [torch.zeros(3, 5), torch.zeros(4), torch.zeros(0, 4), [[0.0] * 4], torch.zeros(1, 3, 4)],
)
def test_points_of_another_shape_are_refused_by_name(wrong):
    p = problem()
    with pytest.raises(ValueError, match="expected"):
        p.loss(wrong)
    assert spent(p) == 0


def test_rows_say_whose_a_point_is():
    p = problem(sphere(0.0))
    p.loss(torch.tensor([[1.0] * 4, [0.5] * 4]), rows=torch.tensor([2, 2]))
    best = p.best()
    assert torch.equal(best[2], torch.full((4,), 0.5))
    assert torch.equal(best[:2], p.start[:2])
    with pytest.raises(ValueError, match="rows"):
        p.loss(p.start, rows=torch.tensor([0, 1, 3]))


def test_best_prefers_the_original_frame_then_the_aligned_then_the_start():
    p = problem(sphere(0.0), aligned=sphere(1.0), candidates=3)
    p.gradient(torch.full((1, 4), 1.0), rows=torch.tensor([0]))
    p.gradient(torch.full((1, 4), 0.9), rows=torch.tensor([1]))
    p.loss(torch.full((1, 4), 0.3), rows=torch.tensor([1]))
    best = p.best()
    assert best[0].tolist() == pytest.approx([1.0] * 4)
    assert best[1].tolist() == pytest.approx([0.3] * 4)
    assert torch.equal(best[2], p.start[2])


def test_a_stage_varies_some_columns_and_keeps_the_rest_row_by_row():
    p = problem(variables=[Z, C, PHI])
    start = p.start
    stage = p.stage(("both", "search"), start=start)
    assert stage.space.names() == ("z", "phi")
    x = stage.start + 1
    full = p.restrict(stage.lift(x))
    assert torch.equal(full[:, 4:7], start[:, 4:7])
    assert torch.equal(stage.restrict(full), stage.clamp(x))


def test_gradients_are_zero_for_what_only_search_may_move():
    p = problem(variables=[Z, C, PHI])
    slopes = p.space.split(p.gradient(p.start)[1])
    assert bool((slopes["phi"] == 0).all())
    assert bool((slopes["z"] != 0).any())


def test_roles_can_be_changed_for_a_stage():
    p = problem(variables=[Z, C])
    assert p.stage(("both",), roles={"c": "both"}).space.names() == ("z", "c")
    with pytest.raises(Skip, match="nothing left to move"):
        p.stage(("both",), roles={"z": "frozen"})


def test_a_stage_with_more_rows_deals_them_to_the_parents_candidates():
    p = problem(candidates=2)
    stage = p.stage(("both",), start=torch.zeros(5, 4))
    assert stage.candidates == 5
    stage.loss(torch.full((1, 4), 0.5), rows=torch.tensor([3]))
    p._absorb(stage)
    assert p.best()[1].tolist() == [0.5] * 4
    assert torch.equal(p.best()[0], p.start[0])


@pytest.mark.parametrize("catches", [True, False])
def test_a_stage_that_ends_by_its_gradients_returns_where_it_would_have_gone_on(catches):
    """The k+1st call is not run, and its points are the result."""
    from p2lbench.optimizers.adam import Adam

    endless = Adam(10_000) if catches else Descend(10_000)
    short = Adam(4) if catches else Descend(4)
    capped, plain = problem(), problem()
    a = capped.run(endless, gradients=4).points
    b = plain.run(short).points
    assert torch.equal(a, b)
    assert spent(capped) == spent(plain) == 2 * 3 * 4


def test_a_stages_own_limit_leaves_the_rest_of_the_budget_to_others():
    p = problem(passes=100)
    result = p.run(Descend(1000), passes=20)
    assert spent(p) <= 20
    assert "allowance" in result.reason
    p.loss(p.start)


def test_a_nested_stage_is_bound_by_every_limit_around_it():
    class Twice(Optimizer):
        def minimize(self, problem: Problem) -> Tensor:
            first = problem.run(Descend(3)).points
            return problem.run(Descend(100), start=first).points

    p = problem()
    p.run(Twice(), gradients=5)
    assert spent(p) == 2 * 3 * 5


def test_best_of_a_stage_reaches_its_parent_even_if_it_raises():
    class Breaks(Optimizer):
        def minimize(self, problem: Problem) -> Tensor:
            problem.loss(torch.full((3, 4), 0.5))
            raise RuntimeError("on purpose")

    p = problem()
    with pytest.raises(RuntimeError):
        p.run(Breaks())
    assert p.best().tolist() == [[0.5] * 4] * 3


def test_an_optimizer_is_run_on_a_copy_and_its_result_is_cloned_and_clamped():
    class Keeps(Optimizer):
        def minimize(self, problem: Problem) -> Tensor:
            self.x = torch.full((3, 4), 9.0, requires_grad=True)
            return self.x

    p, optimizer = problem(), Keeps()
    points = p.run(optimizer).points
    assert not hasattr(optimizer, "x")
    assert points.tolist() == [[2.0] * 4] * 3
    assert not points.requires_grad


@pytest.mark.parametrize("returned", [torch.zeros(2, 4), torch.zeros(3, 5), None, "x"])
def test_a_wrong_shape_is_named(returned):
    class Wrong(Optimizer):
        def minimize(self, problem: Problem) -> Tensor:
            return returned

    with pytest.raises(ValueError, match=r"Wrong returned .*expected points of shape \(3, 4\)"):
        problem().run(Wrong())


def test_nan_losses_never_become_the_best():
    p = problem(lambda x: torch.full((len(x),), torch.nan))
    p.loss(p.start + 0.1)
    assert torch.equal(p.best(), p.start)


def test_remaining_is_the_tightest_of_all_limits():
    p = problem(passes=50)
    assert (p.remaining.passes, problem().remaining.passes) == (50, inf)
    stage = p.stage(("both",), passes=20)
    stage.loss(stage.start)
    assert (p.remaining.passes, stage.remaining.passes) == (47, 17)


def test_center_and_spread_are_the_inits_mean_and_the_priors_deviation():
    p = problem(variables=[Z, C], deviations={"c": 0.0})
    assert p.center.tolist() == pytest.approx([0.0] * 4 + [0.1] * 3)
    assert p.spread.tolist() == pytest.approx([1.0] * 4 + [0.02] * 3)
    assert p.space.split(p.start)["c"].tolist() == [pytest.approx([0.1] * 3)] * 3
    stage = p.stage(("both", "gradient"), center=torch.arange(7.0))
    assert stage.center.tolist() == list(range(7))


def test_the_trace_is_log_spaced_and_ends_with_what_was_found():
    p = problem(candidates=2)
    p.run(Descend(400))
    trace = p._root.trace()
    assert len(trace.passes) < 70
    assert list(trace.passes) == sorted(set(trace.passes))
    assert trace.passes[-1] == spent(p) == 1600
    assert trace.best[-1] == pytest.approx(p._root.best.losses().tolist())
    for earlier, later in zip(trace.best, trace.best[1:], strict=False):
        assert all(b <= a for a, b in zip(earlier, later, strict=True))


def test_stage_over_is_a_budget_spent():
    assert issubclass(StageOver, BudgetSpent)


@pytest.mark.parametrize("value", [float("inf"), float("-inf"), float("nan")])
def test_a_returned_point_that_is_not_finite_stays_visible(value):
    class Diverges(Optimizer):
        def minimize(self, problem: Problem) -> Tensor:
            x = problem.start
            x[1, 2] = value
            return x

    points = problem().run(Diverges()).points
    assert bool(points[1, 2].isnan())
    assert bool(points[[0, 2]].isfinite().all())


def test_a_stage_may_have_seconds_of_its_own():
    p = problem()
    result = p.run(Descend(10**6), seconds=0.05)
    assert "allowance" in result.reason
    assert p.remaining.seconds == inf
    p.loss(p.start)
