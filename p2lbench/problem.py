"""What an optimizer sees of a cell: the counted loss and gradient, the space, the budget.

One idea carries it: a stage is a problem whose objective is its parent. Only the root has the
ledger, the clock, the random streams and the trace. A stage is template rows plus free columns:
whatever does not vary keeps the value that its row has in the template.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Any

from p2lbench.best import Best
from p2lbench.budget import Budget, BudgetSpent, StageOver
from p2lbench.errors import Skip
from p2lbench.space import Role, Space

if TYPE_CHECKING:
    import numpy as np
    import torch
    from torch import Tensor

    from p2lbench.optimizers.base import Optimizer
    from p2lbench.root import Root


@dataclass(frozen=True)
class Result:
    """What a stage returned: `points (n, d)` in its caller's space, and why it ended."""

    points: Tensor
    reason: str


class Problem:
    """A counted objective over some columns of the root's space.

    Points are float32 `(n, d)`. Everything handed out is a copy. Read only.
    """

    def __init__(
        self,
        root: Root,
        space: Space,
        columns: Sequence[int],
        template: Tensor,
        parent: Problem | None = None,
        center: Tensor | None = None,
        limit: _Limit | None = None,
    ) -> None:
        """`template (n, D)`: full rows of the root's space, one per candidate of this stage."""
        import torch

        n = len(template)
        put = self.__dict__.__setitem__  # past __setattr__, which refuses
        put("_root", root)
        put("space", space)
        put("candidates", n)
        put("device", root.device)
        put("_parent", parent)
        put("_template", template)
        put("_columns", None if len(columns) == template.shape[1] else _index(columns, root.device))
        put("_low", space.low)
        put("_high", space.high)
        put("_center", center)
        # Which of the parent's candidates each row belongs to: dealt in turn.
        put("_parent_rows", torch.arange(n) % (parent.candidates if parent else n))
        put("_root_rows", parent._root_rows[self._parent_rows] if parent else torch.arange(n))
        still = space.columns(space.names("search", "frozen"))
        put("_still", _index(still, root.device) if still else None)
        put("_limit", limit or _Limit(n))
        put("_best", Best(self.restrict(template)))
        put("_refused", {})

    if TYPE_CHECKING:
        _root: Root
        space: Space
        candidates: int
        device: str
        _parent: Problem | None
        _template: Tensor
        _columns: Tensor | None
        _low: Tensor
        _high: Tensor
        _center: Tensor | None
        _parent_rows: Tensor
        _root_rows: Tensor
        _still: Tensor | None
        _limit: _Limit
        _best: Best
        _refused: dict[int, Tensor]

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a problem is read only: '{name}' cannot be set")

    # What is given

    @property
    def start(self) -> Tensor:
        """(N, d): the init's draws, or what the stage before handed on."""
        return self.restrict(self._template)

    @property
    def center(self) -> Tensor:
        """(d,): where a search distribution starts; the init's mean unless the stage says so."""
        own = self.restrict(self._root.center[None])[0] if self._center is None else self._center
        return own.clone()

    @property
    def spread(self) -> Tensor:
        """(d,): the prior's standard deviation, always > 0."""
        return self.space.std

    @property
    def deviation(self) -> Tensor:
        """(d,): the init's own standard deviation, 0 where it is certain."""
        return self.restrict(self._root.deviation[None])[0]

    @property
    def rng(self) -> np.random.Generator:
        """The cell's NumPy generator."""
        return self._root.rng

    @property
    def generator(self) -> torch.Generator:
        """The cell's torch generator."""
        return self._root.generator

    @property
    def budget(self) -> Budget:
        """What this problem was allowed."""
        whole, own = self._root.budget, self._limit
        return Budget(min(own.passes, whole.passes), min(own.seconds, whole.seconds))

    @property
    def remaining(self) -> Budget:
        """What is left of it, and of those around it."""
        around = self._parent.remaining if self._parent else self._root.remaining
        passes = min(self._limit.passes - self._limit.spent, around.passes)
        seconds = min(self._limit.until - time.monotonic(), around.seconds)
        return Budget(max(0.0, passes), max(0.0, seconds))

    def note(self, text: str) -> None:
        """Say something that readers of the leaderboard should know."""
        self._root.note(text)

    # What may be asked

    def sample(self, n: int, around: Tensor | None = None) -> Tensor:
        """(n, d) fresh draws from the init, within bounds; row i from candidate i mod N's stream.

        `around (d,)` moves the draws' mean there.
        """
        owners = [int(self._root_rows[i % self.candidates]) for i in range(n)]
        draws = self.restrict(self._root.draw(owners))
        if around is not None:
            draws = draws - self.restrict(self._root.center[None]) + around
        return self.clamp(draws)

    def clamp(self, x: Tensor) -> Tensor:
        """Into the bounds."""
        return x.clamp(min=self._low, max=self._high)

    def loss(self, x: Tensor, rows: Tensor | None = None) -> Tensor:
        """(n, d) → (n,) original-frame losses, for n passes.

        `rows`: the candidate each point belongs to; dealt in turn if not given.

        Raises:
            BudgetSpent: it does not fit what is left; nothing was run.
        """
        x, rows = self._take(x, rows)
        full = self.lift(x, rows)
        self._admit(full, rows, gradient=False)
        losses = self._root.loss(full, self._root_rows[rows])
        self._best.note(x, losses, rows, original=True)
        return losses

    def gradient(self, x: Tensor, rows: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """(n, d) → aligned-frame losses (n,) and gradients (n, d), for 2n passes.

        Zero for variables that only search may move.

        Raises:
            BudgetSpent: it does not fit what is left; nothing was run.
        """
        x, rows = self._take(x, rows)
        full = self.lift(x, rows)
        self._admit(full, rows, gradient=True)
        losses, slopes = self._root.gradient(full, self._root_rows[rows])
        self._best.note(x, losses, rows, original=self._root.same_frame)
        slopes = self.restrict(slopes)
        if self._still is not None:
            slopes[:, self._still] = 0.0
        return losses, slopes

    def best(self) -> Tensor:
        """(N, d): each candidate's best point so far.

        By original-frame loss if it has one, else by the aligned one, else its start.
        """
        return self._best.points()

    def run(
        self,
        optimizer: Optimizer,
        start: Tensor | None = None,
        vary: Sequence[str] | None = None,
        roles: Mapping[str, Role] | None = None,
        center: Tensor | None = None,
        gradients: float = inf,
        passes: float = inf,
        seconds: float = inf,
    ) -> Result:
        """Run another optimizer as a stage of this problem; the options are those of `stage`.

        It works on a copy of the optimizer, shares counter, clock, budget and trace, and ends
        early if an allowance does, whoever's it was.

        Raises:
            Skip: nothing is left for it to move.
            ValueError: it returned something other than `(n, d)` points.
        """
        part = self.stage(optimizer.moves, start, vary, roles, center, gradients, passes, seconds)
        try:
            points, reason = copy.deepcopy(optimizer).minimize(part), "done"
            points = part._checked(points, optimizer)
        except BudgetSpent as spent:
            points, reason = part._salvage(), str(spent)
        finally:
            self._absorb(part)
        return Result(self.restrict(part.lift(points)), reason)

    def stage(
        self,
        moves: Sequence[Role],
        start: Tensor | None = None,
        vary: Sequence[str] | None = None,
        roles: Mapping[str, Role] | None = None,
        center: Tensor | None = None,
        gradients: float = inf,
        passes: float = inf,
        seconds: float = inf,
    ) -> Problem:
        """A sub-problem over the variables whose role is among `moves`.

        `start (n, d)` and `center (d,)` are in this problem's space; what does not vary keeps its
        value in `start`, row by row. `vary` names the variables that may vary (default: all).
        `roles` changes roles for the stage. `gradients` is an allowance per row, `passes` and
        `seconds` in all.

        Raises:
            Skip: no variable is left to move.
        """
        now: dict[str, Role] = {**self.space.roles, **(roles or {})}
        free = [name for name in self.space.names() if now[name] in moves and name in (vary or now)]
        if not free:
            raise Skip(f"nothing left to move: no variable has a role among {', '.join(moves)}")
        rows = self._template if start is None else self.lift(start)
        mine = self.space.columns(free)
        columns = mine if self._columns is None else [int(self._columns[i]) for i in mine]
        inner_center = self.center if center is None else center
        return Problem(
            self._root,
            self.space.subspace(free, now),
            columns,
            rows,
            parent=self,
            center=inner_center[_index(mine, self.device)].clone(),
            limit=_Limit(len(rows), gradients, passes, seconds),
        )

    def lift(self, x: Tensor, rows: Tensor | None = None) -> Tensor:
        """(n, d) here → (n, D) in the root's space, within the bounds."""
        x = self.clamp(x.detach())
        if self._columns is None:
            return x.clone()
        full = self._template[self._rows(len(x)) if rows is None else rows]
        full[:, self._columns] = x
        return full

    def restrict(self, full: Tensor) -> Tensor:
        """(n, D) in the root's space → a copy of this problem's columns (n, d)."""
        return full.clone() if self._columns is None else full[:, self._columns]

    # How it keeps its word

    def _rows(self, n: int) -> Tensor:
        import torch

        return torch.arange(n) % self.candidates

    def _take(self, x: Tensor, rows: Tensor | None) -> tuple[Tensor, Tensor]:
        import torch

        if not isinstance(x, torch.Tensor) or x.ndim != 2 or x.shape[1] != self.space.d:
            got = f"shape {tuple(x.shape)}" if isinstance(x, torch.Tensor) else type(x).__name__
            raise ValueError(f"expected points as a tensor (n, {self.space.d}), got {got}")
        if not len(x):
            raise ValueError("expected at least one point, got none")
        rows = self._rows(len(x)) if rows is None else torch.as_tensor(rows)
        if rows.shape != (len(x),) or rows.min() < 0 or rows.max() >= self.candidates:
            raise ValueError(
                f"expected {len(x)} rows from 0 to {self.candidates - 1}, got {rows.tolist()}"
            )
        return self.clamp(x.detach().to(self.device, torch.float32)), rows

    def _admit(self, full: Tensor, rows: Tensor, gradient: bool) -> None:
        """Let a call through every limit around it, or refuse it and count nothing."""
        self._root.check_time()  # first: a loop of calls that a stage refuses must end, too
        chain: list[tuple[Problem, Tensor]] = []
        stage: Problem | None = self
        while stage is not None:
            chain.append((stage, rows))
            rows, stage = stage._parent_rows[rows], stage._parent
        cost = len(full) * (2 if gradient else 1)
        for each, own in chain:
            if not each._limit.admits(cost, own, gradient):
                each._refuse(full, own)
                raise StageOver("the stage's allowance is used up")
        self._root.admit(cost)
        for each, own in chain:
            each._limit.charge(cost, own, gradient)

    def _refuse(self, full: Tensor, rows: Tensor) -> None:
        # A stage that ends by its gradients returns the points it would have gone on from.
        if self._limit.gradients < inf:
            self._refused.update(zip(rows.tolist(), self.restrict(full), strict=True))

    def _salvage(self) -> Tensor:
        points = self.best()
        for row, point in self._refused.items():
            points[row] = point
        return points

    def _checked(self, points: Any, optimizer: Optimizer) -> Tensor:
        import torch

        name = type(optimizer).__name__
        wanted = (self.candidates, self.space.d)
        if not isinstance(points, torch.Tensor) or tuple(points.shape) != wanted:
            shape = tuple(points.shape) if isinstance(points, torch.Tensor) else type(points)
            raise ValueError(f"{name} returned {shape}: expected points of shape {wanted}")
        points = points.detach().to(self.device, torch.float32)
        # Clamping would make a bound of infinity, and hide that the search diverged.
        return self.clamp(points).where(points.isfinite(), torch.nan)

    def _absorb(self, part: Problem) -> None:
        for original in (True, False):
            found, losses = part._best.table(original)
            self._best.note(self.restrict(part.lift(found)), losses, part._parent_rows, original)


class _Limit:
    """A stage's own allowance: gradients per row, passes and seconds in all.

    Once it refused, it always refuses.
    """

    def __init__(
        self, n: int, gradients: float = inf, passes: float = inf, seconds: float = inf
    ) -> None:
        self.gradients, self.passes, self.seconds = gradients, passes, seconds
        self.until = time.monotonic() + seconds
        self.spent, self._over = 0, False
        self._used = [0] * n

    def admits(self, cost: int, rows: Tensor, gradient: bool) -> bool:
        if self._over or self.spent + cost > self.passes or time.monotonic() > self.until:
            self._over = True
        elif gradient and self.gradients < inf:
            self._over = any(self._used[row] + 1 > self.gradients for row in rows.tolist())
        return not self._over

    def charge(self, cost: int, rows: Tensor, gradient: bool) -> None:
        self.spent += cost
        if gradient and self.gradients < inf:
            for row in rows.tolist():
                self._used[row] += 1


def _index(columns: Sequence[int], device: str) -> Tensor:
    import torch

    return torch.tensor(list(columns), dtype=torch.long, device=device)
