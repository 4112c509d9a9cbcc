"""One of Nevergrad's optimizers, with a random state and threads of its own."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from p2lbench.globalrandom import GlobalRandom
from p2lbench.optimizers.nevergrad.turns import Turns

if TYPE_CHECKING:
    import numpy as np

DIFFERENCE = 2.0**-11  # the square root of float32's precision, in units of sigma


@cache
def library() -> Any:
    """Nevergrad, which draws from global generators when it is imported; and pycma with it."""
    with warnings.catch_warnings(), GlobalRandom(0).installed():
        warnings.simplefilter("ignore")
        import cma  # noqa: F401
        import nevergrad
    return nevergrad


@cache
def registry() -> dict[str, Any]:
    """Its optimizers by name; one of the names ends in a blank, which no suite should need."""
    return {name.strip(): factory for name, factory in library().optimizers.registry.items()}


class Instance:
    """Points are in units of the search's sigma-free scale: 0 where it starts, sigma its step."""

    def __init__(
        self, name: str, d: int, sigma: float, seed: int, budget: int, workers: int = 1
    ) -> None:
        """`seed`: below 2⁶²; `budget`: how many evaluations it may plan with; `workers`: how many
        at a time."""
        import numpy as np

        self._random, self._turns = GlobalRandom(seed), list[Turns]()
        nevergrad = library()
        with self._world():
            parameter = nevergrad.p.Array(init=np.zeros(d)).set_mutation(sigma=sigma)
            # Other bits than the global state's, which would else be the same numbers.
            parameter.random_state = np.random.RandomState((seed >> 30) % 2**32)
            factory = registry()[name]
            self.optimizer = factory(parameter, budget=budget, num_workers=workers)

    def ask(self, n: int) -> list[Any]:
        """n candidates, whose `value` is a point (d,)."""
        with self._world():
            return [self.optimizer.ask() for _ in range(n)]

    def tell(self, candidates: list[Any], losses: list[float]) -> None:
        """The loss of each candidate that was asked."""
        with self._world():
            for candidate, loss in zip(candidates, losses, strict=True):
                self.optimizer.tell(candidate, loss)

    def close(self) -> None:
        """End its threads."""
        with self._world():
            for turns in self._turns:
                turns.stop()
            for turns in self._turns:
                turns.join()

    def population(self) -> int | None:
        """How many points it draws at a time; 1 if one by one, None if any number will do."""
        with self._world():
            return _population(self.optimizer)

    @contextmanager
    def _world(self) -> Iterator[None]:
        """Inside, the global random states are its own, and its threads take turns with us."""
        import cma
        from nevergrad.optimization import metamodel, recaster, recastlib

        with ExitStack() as stack:
            stack.enter_context(warnings.catch_warnings())
            warnings.simplefilter("ignore")
            stack.enter_context(self._random.installed())
            stack.enter_context(_replaced(vars(recaster), "MessagingThread", self._started))
            # Else pycma's `fmin` seeds NumPy's global generator by the clock.
            stack.enter_context(_replaced(cma.CMAOptions.defaults(), "seed", float("nan")))
            # Its metamodels convert arrays of one value, which NumPy refuses from 2.4 on.
            stack.enter_context(_replaced(vars(metamodel), "float", _scalar))
            # Each search of theirs ends after 20 s, which no second run would repeat.
            stack.enter_context(_replaced(vars(metamodel), "callbacks", _untimed()))
            stack.enter_context(_replaced(vars(recastlib), "scipyoptimize", _scipy()))
            yield

    def _started(self, *args: Any, **kwargs: Any) -> Turns:
        self._turns.append(Turns(*args, **kwargs))
        return self._turns[-1]


@contextmanager
def _replaced(table: dict[str, Any], key: str, value: Any) -> Iterator[None]:
    before = {key: table[key]} if key in table else {}
    table[key] = value
    try:
        yield
    finally:
        del table[key]
        table.update(before)


@cache
def _untimed() -> SimpleNamespace:
    """Nevergrad's callbacks without the one that looks at the clock."""

    def never(optimizer: Any) -> None:
        pass

    timer = SimpleNamespace(timer=lambda seconds: never)
    return SimpleNamespace(EarlyStopping=timer)


@cache
def _scipy() -> SimpleNamespace:
    """`scipy.optimize` whose methods by gradient difference by what a float32 point can show."""
    from scipy.optimize import minimize

    def coarse(f: Any, x: Any, *, method: str, options: dict[str, Any], **others: Any) -> Any:
        if method in ("BFGS", "L-BFGS-B", "SLSQP"):
            options = {**options, "eps": DIFFERENCE}
        return minimize(f, x, method=method, options=options, **others)

    return SimpleNamespace(minimize=coarse)


def _scalar(x: Any) -> float:
    import numpy as np

    return float(np.asarray(x).item())


def values(candidates: list[Any]) -> np.ndarray[Any, Any]:
    """The points of candidates, (n, d)."""
    import numpy as np

    return np.stack([candidate.value for candidate in candidates])


def _population(optimizer: Any) -> int | None:
    """Of a method that is made of others: 1 if one of them takes one point at a time, else the
    largest of theirs."""
    found = [_own_population(part) for part in _parts(optimizer)]
    sizes = [size for size in found if size is not None]
    return 1 if 1 in sizes else max(sizes, default=None)


def _parts(optimizer: Any) -> Iterator[Any]:
    """The optimizers that do the work: itself, or those inside it."""
    from nevergrad.optimization import base, optimizerlib

    if isinstance(optimizer, optimizerlib.ChoiceBase):
        inside = [optimizer.optim]
    else:
        held = [v if isinstance(v, list) else [v] for v in vars(optimizer).values()]
        inside = [part for some in held for part in some if isinstance(part, base.Optimizer)]
    if not inside or _one_by_one(optimizer):
        yield optimizer
    for part in inside:
        yield from _parts(part)


def _one_by_one(optimizer: Any) -> bool:
    """Whether it must take one point at a time, or is at its best when it does.

    NGOptBase and its kin choose a method by dimension, budget and number of workers when they are
    first asked; most that they choose for one worker take one point at a time.
    """
    from nevergrad.optimization import optimizerlib

    configured = getattr(optimizer, "_configured_optimizer", None)
    return (
        optimizer.no_parallelization
        or getattr(configured, "no_parallelization", False)
        or isinstance(optimizer, (optimizerlib._OnePlusOne, optimizerlib.NGOptBase))
    )


def _own_population(optimizer: Any) -> int | None:
    from nevergrad.optimization.oneshot import OneShotOptimizer

    if _one_by_one(optimizer):
        return 1
    if isinstance(optimizer, OneShotOptimizer):
        return None
    for holder in (optimizer, getattr(optimizer, "_config", None)):
        for name in ("llambda", "_popsize", "popsize"):
            size = getattr(holder, name, None)
            size = getattr(size, "llambda", size)  # TBPSA, EDA and EMNA adapt theirs
            if isinstance(size, int) and size > 1:
                return size
    return 1
