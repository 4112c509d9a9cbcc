"""Each check of optimizers passes honest ones, and catches one that breaks its promise."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from testing import optimizers as of

from p2lbench.testing import Check, NotApplicable, Violation, checks

HONEST = {"descent": of.Descent, "walk": of.Walk, "short": partial(of.Descent, steps=100)}


@pytest.mark.parametrize("name", HONEST)
@pytest.mark.parametrize("check", checks("optimizer"), ids=str)
def test_honest_optimizers_pass(check: Check, name: str) -> None:
    check(HONEST[name])


BROKEN: list[tuple[str, Any, str]] = [
    ("made", of.NoOptimizer, "a p2lbench.api.Optimizer; got NoOptimizer"),
    ("made", lambda missing: of.Descent(), "missing 1 required positional argument"),
    ("options", of.Untyped, "option 'steps' has no type"),
    ("options", of.WrongDefault, "option 'steps'"),
    ("nonsense", of.TakesAnything, "steps=0 to work, or to be refused"),
    ("pickle", of.Unpicklable, "pickle.loads"),
    ("returns", of.WrongShape, r"float32 tensor \(3, 9\) on cpu; got torch.float32 \(1, 9\)"),
    ("returns", of.Double, "got torch.float64"),
    ("returns", of.Diverging, "finite points"),
    ("bounds", of.OutOfBounds, "within the bounds; got a column that is 4 beyond"),
    ("budget", of.Deaf, "went on after 2000 calls"),
    ("budget", of.Uncounted, "all of them counted"),
    ("budget", of.Unready, "IndexError"),
    ("one-candidate", of.ThreeCandidates, "it to work; got"),
    ("dimensions", of.NotInOneDimension, "ZeroDivisionError"),
    ("minimum", of.Ascent, "a loss below"),
    ("untouched", of.Scribbles, "another space.mean, space.c"),
    ("untouched", of.Remembers, "another seen"),
    ("threads", of.LeavesThread, "after a run; got left"),
    ("threads", of.ClosesOnSuccess, "after an error in the generator; got open"),
    ("seed", of.Unseeded, "two runs with one seed"),
    ("seed", of.CountsRuns, "two runs with one seed"),
    ("global-random", of.GlobalNumpy, "other global random states"),
    ("global-random", of.SeedsGlobally, "another one of random"),
    ("independence", of.SharedStream, "among 2 and among 5"),
    ("independence", of.PullsTogether, "among 2 and among 5"),
    ("nan", of.RaisesOnNaN, "ArithmeticError: NaN"),
    ("passes", of.LyingPlan, "40 passes for 1 candidates, as planned; got 80"),
    ("passes", of.CountsAll, "as planned"),
    ("fit", of.Timid, "at least half of a budget"),
    ("stage", of.CountsCalls, r"expected points of shape \(7, 9\)"),
    ("basin", of.KnowsItsOwn, "LookupError: these are not mine"),
    ("ask-tell", of.DrawsFew, r"a tensor \(7, 6\) from draw\(7\)"),
    ("ask-tell", of.FlatAsk, r"a tensor \(n, 6\) from ask"),
    ("ask-tell", of.ScribblesOnTold, "tensors given to tell"),
    ("ask-tell", of.TellsOthers, "got other points"),
    ("ask-tell", of.CountsAll, "9 points at a time"),
]


@pytest.mark.parametrize(("name", "factory", "message"), BROKEN)
def test_a_broken_promise_is_caught(name: str, factory: Any, message: str) -> None:
    check = {check.id: check for check in checks("optimizer")}[name]
    of.CountsRuns.runs = 0
    with pytest.raises(Violation, match=message):
        check(factory)


def test_what_one_spoils_does_not_reach_the_next() -> None:
    by_name = {str(check): check for check in checks("optimizer")}
    with pytest.raises(Violation, match=r"space\.mean"):
        by_name["untouched"](of.Scribbles)
    by_name["minimum"](of.Descent)


def test_every_check_has_something_that_it_catches() -> None:
    assert {name for name, _, _ in BROKEN} == {check.id for check in checks("optimizer")}


@pytest.mark.parametrize(
    ("name", "factory", "reason"),
    [
        ("independence", type("Coupled", (of.Descent,), {"coupled": True}), "coupled"),
        ("passes", of.Walk, "does not know the cost"),
        ("passes", partial(of.Descent, steps=100_000), "plans 200,000 passes"),
        ("fit", of.Walk, "has no fit"),
        ("basin", of.Descent, "no AskTell"),
        ("ask-tell", of.Descent, "no AskTell"),
    ],
)
def test_what_does_not_apply_is_skipped(name: str, factory: Any, reason: str) -> None:
    check = {check.id: check for check in checks("optimizer")}[name]
    with pytest.raises(NotApplicable, match=reason):
        check(factory)
