"""What a name of Nevergrad's must do to be called working, one after another, in one process."""

from __future__ import annotations

import pickle
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from math import inf

import torch
from torch import Tensor

from p2lbench.budget import Budget
from p2lbench.optimizers.adam import Adam
from p2lbench.optimizers.base import Optimizer
from p2lbench.optimizers.basin import Basin
from p2lbench.optimizers.nevergrad import Nevergrad
from p2lbench.optimizers.nevergrad.instance import Instance
from p2lbench.optimizers.nevergrad.known import POPULATIONS, Finding
from p2lbench.problem import Problem
from p2lbench.root import Root
from p2lbench.space import Space, Variable
from p2lbench.testing.analytic import spent
from p2lbench.testing.sameness import states

LARGE, LARGE_PASSES, LARGE_AGAIN = 128, 160, 100
# Of processor time, so that what else runs on the machine does not decide.
ENOUGH_SECONDS = 30.0  # a run in many columns ends here, and what there is is judged
USABLE_SECONDS = 0.5  # per evaluation
BOUND = 3.0
BEST = 0.7  # where the sphere's minimum is, in every column

Told = Callable[[str], None]


class Unfit(Exception):
    """A promise that is not kept; the message completes `it …`."""


class Tried(Nevergrad):
    """Any name, whatever is known of it."""

    def _checked(self, name: str) -> str:
        return name

    def _known_width(self, d: int) -> int | None:
        return None


class Enough(Exception):
    """Ends a run that takes too long."""


class Watched:
    """The sphere around `BEST` or another function, that keeps what it was asked."""

    networks, same_frame = 0, True

    def __init__(
        self,
        f: Callable[[Tensor], Tensor] | None = None,
        seconds: float = inf,
        most: float = inf,
    ) -> None:
        """It raises `Enough` after so many seconds or points."""
        self.f = f or (lambda x: ((x - BEST) ** 2).sum(1))
        self.points: list[Tensor] = []
        self.states, self.began = states(), time.process_time()
        self.seconds, self.most = seconds, most

    def original(self, x: Tensor) -> Tensor:
        if len(self.points) < 9 and states() != self.states:
            raise Unfit("moves the global random state between its steps")
        late = time.process_time() - self.began > self.seconds
        if late or len(self.points) >= self.most:
            raise Enough
        self.points += [row.clone() for row in x]
        return self.f(x)

    def aligned(self, x: Tensor) -> Tensor:
        return ((x - BEST) ** 2).sum(1)

    def told(self) -> Tensor:
        return torch.stack(self.points)


def examine(name: str, tell: Told) -> Finding:
    """All checks of one name.

    `tell(where)` is told what comes next.

    Raises:
        Unfit: one fails.
    """
    before = set(threading.enumerate())
    population = _population(name, tell)
    improved = _small(name, tell)
    minimum, start = _repeats(name, tell)
    if not improved and not minimum < start:
        raise Unfit("does not improve on its starts")
    _honours_sigma(name, tell)
    if population == 1:
        _keeps_candidates_apart(name, tell)
    _survives_bad_losses(name, tell)
    _serves_a_basin(name, tell)
    seconds = _large(name, tell)
    if pickle.loads(pickle.dumps(Tried(name))).name != name:
        raise Unfit("cannot be pickled")
    _leaves_no_threads(before)
    return Finding(None, None, population, float(f"{seconds:.2g}"), float(f"{minimum:.3g}"))


def problem(
    watched: Watched, d: int, candidates: int, passes: float = inf, bound: float | None = BOUND
) -> Problem:
    """A root problem over z of d columns, N(0, 1)."""
    space = Space([Variable("z", (d,), bound=bound)])
    budget = Budget(passes, inf)
    root = Root(watched, space, space.mean, space.std, candidates, 0, budget)
    root.begin()
    return Problem(root, space, range(space.d), root.start)


def run(optimizer: Optimizer, watched: Watched, d: int, n: int, passes: int) -> Tensor:
    """The points it returns; what any run must keep is checked."""
    before = states()
    p = problem(watched, d, n, passes)
    points = p.run(optimizer).points
    if states() != before:
        raise Unfit("changes the global random state")
    if isinstance(optimizer, Nevergrad) and not len(watched.points) == passes == spent(p):
        raise Unfit(f"takes {len(watched.points)} of {passes} passes at d = {d}")
    asked = watched.told()
    if not bool(asked.isfinite().all()):
        raise Unfit(f"asks for points that are not finite at d = {d}")
    if points.shape != (n, d) or not bool(points.isfinite().all() & (points.abs() <= BOUND).all()):
        raise Unfit(f"returns points outside the bounds at d = {d}")
    return points


def _population(name: str, tell: Told) -> int | str | None:
    """The number, or the formula, that fits at many numbers of columns and large budgets."""
    tell("when it is made")
    found = {
        (d, budget): Instance(name, d, 1.0, 0, budget).population()
        for budget, columns in ((10_000, (2, 3, 5, 8, 16, 64, 128, 256)), (100_000, (8, 128)))
        for d in columns
    }
    sizes = set(found.values())
    if sizes == {None}:
        return "4 + 3 ln d"
    if len(sizes) == 1:
        return sizes.pop()
    fits = (key for key, f in POPULATIONS.items() if all(n == f(d) for (d, _), n in found.items()))
    return next(fits, None)


def _small(name: str, tell: Told) -> bool:
    """Few passes in several numbers of columns; whether it improved on its starts anywhere."""
    improved = False
    for d, n, passes in ((2, 1, 30), (3, 3, 31), (5, 2, 20), (7, 3, 20), (LARGE, 3, 10)):
        tell(f"at d = {d}")
        watched = Watched()
        points = run(Tried(name), watched, d, n, passes)
        improved |= float(watched.f(points).min()) < _start(watched, d, n)
    return improved


def _repeats(name: str, tell: Told) -> tuple[float, float]:
    """Two runs with one seed are one; the minimum found, and that of its starts."""
    d, n = 8, 3
    first, again = Watched(), Watched()
    tell(f"at d = {d}")
    points = run(Tried(name), first, d, n, 150)
    tell(f"at d = {d}")
    same = run(Tried(name), again, d, n, 150)
    _compare(first, again, d)
    if not torch.equal(points, same):
        raise Unfit(f"returns other points in a second run with the same seed at d = {d}")
    return float(first.f(points).min()), _start(first, d, n)


def _start(watched: Watched, d: int, n: int) -> float:
    return float(watched.f(problem(Watched(), d, n).start).min())


def _compare(first: Watched, again: Watched, d: int) -> None:
    many = min(len(first.points), len(again.points))
    if not torch.equal(first.told()[:many], again.told()[:many]):
        raise Unfit(f"asks for other points in a second run with the same seed at d = {d}")


def _honours_sigma(name: str, tell: Told) -> None:
    """A tenth of sigma makes the first steps smaller; points at the start itself do not count."""
    tell("at d = 8")
    large, small = (_first_steps(name, sigma, 24) for sigma in (1.0, 0.1))
    if not len(large) or not len(small):  # some begin with the start many times
        large, small = (_first_steps(name, sigma, 160) for sigma in (1.0, 0.1))
    if not len(large) or not len(small):
        raise Unfit("asks for nothing but its start in its first 80 evaluations")
    share = float(small.median() / large.median())
    if not share < 0.5:
        raise Unfit(f"ignores sigma: a tenth of it makes the first steps {share:.2g} times as long")


def _first_steps(name: str, sigma: float, passes: int) -> Tensor:
    """How far its first points are from where it starts; later ones depend on what was told."""
    watched = Watched()
    p = problem(watched, 8, 2, passes, None)
    p.run(Tried(name, sigma=sigma))
    origins = torch.cat([p.start, p.center[None]])
    steps = (watched.told()[:, None] - origins).norm(dim=2).min(1).values
    first: Tensor = steps[steps > 0][:6]
    return first


def _keeps_candidates_apart(name: str, tell: Told) -> None:
    """What takes one point at a time must not depend on how many candidates there are."""
    d = 5
    tell(f"at d = {d}")
    few, many = (problem(Watched(), d, n).run(Tried(name, steps=12)).points for n in (2, 4))
    if not torch.allclose(few, many[:2], rtol=0, atol=1e-5):
        raise Unfit("lets the number of candidates change a candidate's path")


def _survives_bad_losses(name: str, tell: Told) -> None:
    def sometimes(x: Tensor) -> Tensor:
        far = torch.where(x[:, 0] > 1, torch.inf, ((x - BEST) ** 2).sum(1))
        return torch.where(x[:, 0] < -0.5, torch.nan, far)

    def never(x: Tensor) -> Tensor:
        return x.sum(1) * torch.nan

    for f, what in ((sometimes, "some losses"), (never, "all losses")):
        tell(f"when {what} are not finite")
        try:
            run(Tried(name), Watched(f), 4, 3, 45)
        except Exception as error:
            raise Unfit(f"fails when {what} are not finite: {short(error)}") from error


def _serves_a_basin(name: str, tell: Told) -> None:
    """As the outer search of a basin, whole and cut short."""
    d, n = 6, 3
    for passes in (1500, 60):
        tell("in a basin")
        try:
            watched = Watched()
            p = problem(watched, d, n, passes)
            points = p.run(Basin(Tried(name), Adam(), 2, 2, 2)).points
        except Exception as error:
            raise Unfit(f"fails in a basin: {short(error)}") from error
        if not bool(points.isfinite().all()):
            raise Unfit("returns points that are not finite in a basin")


def _large(name: str, tell: Told) -> float:
    """Seconds per evaluation in many columns, the objective's own left out."""
    first, again = Watched(seconds=ENOUGH_SECONDS), Watched(None, ENOUGH_SECONDS, LARGE_AGAIN)
    tell(f"at d = {LARGE}")
    began = time.process_time()
    _large_run(name, first)
    seconds = (time.process_time() - began) / max(1, len(first.points))
    if seconds > USABLE_SECONDS:
        raise Unfit(f"takes {seconds:.2g} s per evaluation at d = {LARGE}")
    tell(f"at d = {LARGE}")
    _large_run(name, again)
    _compare(first, again, LARGE)
    return seconds


def _large_run(name: str, watched: Watched) -> None:
    with suppress(Enough):
        run(Tried(name), watched, LARGE, 1, LARGE_PASSES)


def _leaves_no_threads(before: set[threading.Thread]) -> None:
    left = set(threading.enumerate()) - before
    for thread in left:
        thread.join(1.0 / len(left))
    if any(thread.is_alive() for thread in left):
        raise Unfit("leaves threads behind")


def short(error: BaseException) -> str:
    """An exception in one line."""
    lines = str(error).strip().splitlines()
    text = f"{type(error).__name__}: {lines[-1].strip() if lines else ''}".rstrip(": ")
    return text if len(text) <= 100 else text[:97] + "..."
