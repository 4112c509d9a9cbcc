"""What an optimizer promises to those that drive it: chains, basins, budgets that are shared."""

from __future__ import annotations

import copy
from typing import Any
from unittest import mock

import torch
from torch import Tensor

from p2lbench.optimizers.adam import Adam
from p2lbench.optimizers.base import AskTell, Optimizer
from p2lbench.optimizers.basin import Basin
from p2lbench.optimizers.chain import Chain
from p2lbench.optimizers.simple import RandomSearch
from p2lbench.space import ROLES, Variable
from p2lbench.testing.check import Factory, Kit, Violation, does_not_apply
from p2lbench.testing.runs import BOWL, PASSES, Run, optimizer_of, run, setting

check = Kit("optimizer")
CONVERGED = 1e-6
MOST = 100_000  # planned passes that a check is ready to spend


@check("passes", "it spends what passes() plans")
def _passes(factory: Factory) -> None:
    optimizer = optimizer_of(factory)
    for candidates in (1, 3):
        p = setting(candidates)
        planned = optimizer.passes(p.space, candidates)
        if planned is None:
            does_not_apply("passes() does not know the cost before")
        if planned > MOST:
            does_not_apply(f"it plans {planned:,} passes: check it with fewer steps")
        made = run(optimizer, candidates, passes=planned + PASSES)
        early = made.spent < planned and not _converged(made)
        if made.spent > planned or early:
            raise Violation(
                f"{planned} passes for {candidates} candidates, as planned",
                f"{made.spent}",
                "A loss of n points costs n, a gradient 2n. The space that passes() is given has "
                "variables that it may not move, too: see space.size(*self.moves).",
            )


@check("fit", "fit() spends most of a budget")
def _fit(factory: Factory) -> None:
    optimizer = optimizer_of(factory)
    if type(optimizer).fit is Optimizer.fit:
        does_not_apply("it has no fit: the protocol 'equal' runs it as it is")
    variables = [Variable("z", (24,), bound=2.0)]
    p = setting(variables=variables)
    planned = optimizer.passes(p.space, 3) or 0
    usual = min(max(planned, 400), 3000)
    for budget in (usual // 2, 2 * usual):
        p = setting(variables=variables, passes=budget, f=lambda x: x.square().sum(1))
        fitted = optimizer.fit(p.stage(ROLES))
        if fitted is optimizer:
            does_not_apply("fit() returns it as it is")
        made = Run(p, p.run(fitted).points)
        if made.spent < budget / 2 and not _converged(made, at=0.0):
            raise Violation(
                f"at least half of a budget of {budget} passes to be spent",
                f"{made.spent}",
                "Scale the steps to problem.remaining.passes.",
            )


def _converged(made: Run, at: float | None = None) -> bool:
    losses = BOWL(made.points) if at is None else ((made.points - at) ** 2).sum(1)
    return float(losses.min()) <= CONVERGED


@check("stage", "it runs as a stage: with other rows, with an allowance, inside a chain")
def _stage(factory: Factory) -> None:
    optimizer = optimizer_of(factory)
    p = setting()
    p.run(optimizer, start=p.sample(7), passes=70)
    for gradients in range(3):
        p = setting(passes=60)
        p.run(optimizer, gradients=gradients)
    for cap in (10, 60, 200):
        run(Chain([RandomSearch(2), optimizer, Adam(3)]), passes=cap)


@check("basin", "a basin can use it for its outer search")
def _basin(factory: Factory) -> None:
    outer = _asktell(factory)
    for inherit in ("points", "losses"):
        for cap in (7, 60, 400):
            run(Basin(outer, Adam(), 3, 2, 5, inherit), passes=cap)
    run(Basin(outer, Adam(), 3, 2, 0, final="mean"), passes=400)


@check("ask-tell", "ask, tell, recommend, draw and result have the right shapes")
def _ask_tell(factory: Factory) -> None:
    optimizer = copy.deepcopy(_asktell(factory))
    p = setting()
    planned = optimizer.population_size(p.space, p.candidates)
    stage = p.stage(optimizer.moves)
    d = stage.space.d
    optimizer.begin(stage)
    try:
        for number in range(5):
            asked = optimizer.ask()
            _points("ask()", asked, None, d)
            if planned is not None and len(asked) != planned:
                raise Violation(
                    f"{planned} points at a time, as population_size() says", f"{len(asked)}"
                )
            losses = stage.loss(asked)
            if number == 2:
                losses[0] = torch.nan
            _tell(optimizer, asked, losses, p.candidates)
        _points("result()", optimizer.result(), p.candidates, d)
        _points("recommend()[None]", optimizer.recommend()[None], 1, d)
        for n in (1, 7):
            _points(f"draw({n})", optimizer.draw(n), n, d)
    finally:
        optimizer.close()
        optimizer.close()


def _asktell(factory: Factory) -> AskTell:
    optimizer = optimizer_of(factory)
    if not isinstance(optimizer, AskTell):
        does_not_apply("it is no AskTell")
    return optimizer


def _points(what: str, given: Any, n: int | None, d: int) -> None:
    expected = f"a tensor ({'n' if n is None else n}, {d}) from {what}"
    if not isinstance(given, Tensor) or not given.is_floating_point():
        raise Violation(expected, getattr(given, "dtype", type(given).__name__))
    rows = len(given) if n is None else n
    if tuple(given.shape) != (rows, d) or not rows:
        raise Violation(expected, f"{tuple(given.shape)}")


def _tell(optimizer: AskTell, asked: Tensor, losses: Tensor, candidates: int) -> None:
    """`learn`, with a look at what `tell` is given, and at what it does to that."""
    told: list[Tensor] = []
    own = optimizer.tell

    def tell(points: Tensor, values: Tensor) -> None:
        versions = points._version, values._version
        told.append(points.clone())
        own(points, values)
        if (points._version, values._version) != versions:
            raise Violation(
                "the tensors given to tell as they were",
                "tensors that were changed in place",
                "Work on a clone.",
            )

    before = asked.clone()
    with mock.patch.object(optimizer, "tell", tell):
        optimizer.learn(asked, losses, torch.arange(len(asked)) % candidates)
    if len(told) != 1 or not torch.equal(told[0], before):
        raise Violation(
            "tell to be called once with the points that were asked",
            f"{len(told)} calls" if len(told) != 1 else "other points",
            "Leave minimize and learn to the base class.",
        )
