"""What is planned for every built-in, against what it really spends on a problem without a minimum
in reach."""

from __future__ import annotations

from collections import Counter
from math import inf

import pytest
import torch

from p2lbench.budget import Budget
from p2lbench.errors import Skip
from p2lbench.estimate.calls import Calls, spending
from p2lbench.estimate.prospect import Prospect
from p2lbench.optimizers.adam import Adam
from p2lbench.optimizers.base import AskTell, Optimizer
from p2lbench.optimizers.basin import Basin, BasinCMA
from p2lbench.optimizers.chain import Chain, CMAAdam
from p2lbench.optimizers.cma import CMA
from p2lbench.optimizers.lbfgs import LBFGS
from p2lbench.optimizers.nevergrad import Nevergrad
from p2lbench.optimizers.projector import Projector
from p2lbench.optimizers.restarts import AdamRestarts, Restarts
from p2lbench.optimizers.simple import RandomSearch, Start
from p2lbench.optimizers.torchoptim import TorchOptim
from p2lbench.space import Variable
from p2lbench.testing.analytic import problem, rastrigin, recorder, spent

VARIABLES = (Variable("z", (10,), bound=4.0), Variable("c", (3,), role="gradient"))

# Those whose cost is known before.
PLANNED: dict[str, Optimizer] = {
    "none": Start(),
    "random": RandomSearch(7),
    "adam": Adam(9),
    "torch:SGD": TorchOptim("SGD", 9, lr=1e-3),
    "projector": Projector(9),
    "cma": CMA(6),
    "cma-25": CMA(4, population=25),
    "chain": Chain([RandomSearch(5), CMA(4), Adam(6)]),
    "chain-of-chains": Chain([CMAAdam(3, 4), Adam(5)]),
    "cma+adam": CMAAdam(4, 9),
    "basin": Basin(CMA(), Adam(), 2, 3, 5),
    "basin-random": Basin(RandomSearch(), Adam(), 3, 2, 0),
    "basin-nevergrad": Basin(Nevergrad("OnePlusOne"), Adam(), 3, 2, 4),
    "basincma": BasinCMA(3, 2, 6),
    "restarts": Restarts(Adam(4), 3),
    "adam+restarts": AdamRestarts(5, restarts=2),
    "nevergrad:DE": Nevergrad("DE", steps=2),
    "nevergrad:OnePlusOne": Nevergrad("OnePlusOne", steps=5),
}
# Those that go on until the budget ends.
ENDLESS: dict[str, Optimizer] = {
    "random": RandomSearch(),
    "cma": CMA(None),
    "adam+restarts": AdamRestarts(5),
    "restarts-cma": Restarts(CMA(3)),
    "nevergrad:DE": Nevergrad("DE"),
    "nevergrad:OnePlusOne": Nevergrad("OnePlusOne"),
    "chain": Chain([CMA(None), Adam(5)]),
}
UNKNOWN: dict[str, Optimizer] = {
    "lbfgs": LBFGS(30),
    "chain": Chain([LBFGS(30), Adam(5)]),
    "restarts": Restarts(LBFGS(4), 3),
    "basin": Basin(CMA(), LBFGS(), 2, 3, 5),
}
BUDGETS = (1, 37, 230, 731)


def hilly(x: torch.Tensor) -> torch.Tensor:
    """No method reaches its minimum soon: basins, and a long valley."""
    return rastrigin(x) + 20 * ((x[:, 1:] - x[:, :-1] ** 2) ** 2).sum(1)


def really(optimizer: Optimizer, candidates: int, passes: float, equal: bool) -> Counter[Calls]:
    """The calls that it makes, by kind and number of points."""
    p = problem(hilly, VARIABLES, candidates, passes=passes)
    p.run(optimizer.fit(p) if equal else optimizer)
    made = Counter((call.gradient, len(call.points)) for call in recorder(p).calls)
    assert sum(n * points * (1 + gradient) for (gradient, points), n in made.items()) == spent(p)
    return made


def planned(optimizer: Optimizer, candidates: int, passes: float, equal: bool):
    prospect = Prospect(recorder(problem(hilly, VARIABLES)).space, candidates, Budget(passes))
    if equal:
        optimizer = optimizer.fit(prospect)
    return spending(optimizer, prospect.stage(optimizer.moves))


def passes_of(made) -> int:
    return sum(n * points * (1 + gradient) for (gradient, points), n in made.items())


def calls_of(found) -> Counter:
    by_size: Counter = Counter()
    for calls in found.calls:
        by_size[calls.gradient, calls.points] += calls.count
    return by_size


@pytest.mark.parametrize("candidates", [1, 4])
@pytest.mark.parametrize("name", PLANNED)
def test_without_a_budget_every_call_is_planned(name, candidates):
    found = planned(PLANNED[name], candidates, inf, equal=False)
    assert calls_of(found) == really(PLANNED[name], candidates, inf, equal=False)
    assert not found.at_most


@pytest.mark.parametrize("equal", [False, True])
@pytest.mark.parametrize("name", PLANNED)
def test_a_budget_ends_it_where_it_is_planned_to(name, equal):
    for budget in BUDGETS:
        found = planned(PLANNED[name], 4, budget, equal)
        assert found.passes == passes_of(really(PLANNED[name], 4, budget, equal)), budget


@pytest.mark.parametrize("equal", [False, True])
@pytest.mark.parametrize("name", ENDLESS)
def test_what_goes_on_until_the_budget_ends(name, equal):
    for budget in BUDGETS:
        found = planned(ENDLESS[name], 4, budget, equal)
        assert found.passes == passes_of(really(ENDLESS[name], 4, budget, equal)), budget


@pytest.mark.parametrize("name", ["random", "cma", "nevergrad:DE", "nevergrad:OnePlusOne"])
def test_without_a_budget_it_stops_at_a_thousand_passes_per_candidate(name):
    found = planned(ENDLESS[name], 1, inf, equal=False)
    assert found.passes == passes_of(really(ENDLESS[name], 1, inf, equal=False))


@pytest.mark.parametrize("name", UNKNOWN)
def test_what_is_not_known_before_is_bounded_by_the_budget(name):
    found = planned(UNKNOWN[name], 4, 500, equal=False)
    assert found.at_most
    assert passes_of(really(UNKNOWN[name], 4, 500, equal=False)) <= found.passes <= 500


@pytest.mark.parametrize("name", ["lbfgs", "chain", "restarts"])
def test_without_a_budget_nothing_bounds_it(name):
    assert planned(UNKNOWN[name], 4, inf, equal=False) is None


class Asks(AskTell):
    def ask(self):
        raise NotImplementedError

    def tell(self, points, losses):
        raise NotImplementedError

    def passes(self, space, candidates):
        return 90


class Descends(Optimizer):
    def minimize(self, problem):
        raise NotImplementedError

    def passes(self, space, candidates):
        return 90


class Alone(Chain):
    """A chain that goes its own way, so that its stages say nothing of it."""

    def minimize(self, problem):
        raise NotImplementedError

    def passes(self, space, candidates):
        return 70


def test_a_plugin_spends_what_it_says():
    assert planned(Descends(), 5, inf, equal=False).calls == (Calls(True, 5, 9),)
    assert planned(Descends(), 4, inf, equal=False).calls == (Calls(True, 4, 90 / 8),)
    assert planned(Alone([Adam(5)]), 5, inf, equal=False).calls == (Calls(True, 5, 7),)
    assert planned(Asks(), 4, inf, equal=False).passes == 90
    assert planned(Descends(), 5, 33, equal=False).passes == 30


@pytest.mark.parametrize("said", [-1, 2.5, "many"])
def test_what_is_no_number_of_passes_is_refused(said, monkeypatch):
    monkeypatch.setattr(Descends, "passes", lambda *_: said)
    with pytest.raises(ValueError, match="expected a number"):
        planned(Descends(), 4, 100, equal=False)


def test_with_nothing_to_move_it_is_skipped():
    prospect = Prospect(recorder(problem()).space, 3, Budget()).stage(("both",), roles={})
    with pytest.raises(Skip):
        prospect.stage(("gradient",))
