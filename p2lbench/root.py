"""The root of a cell's problems: the ledger, the clock, the random streams and the trace."""

from __future__ import annotations

import time
from collections.abc import Callable
from math import inf, nan
from typing import TYPE_CHECKING, Protocol

from p2lbench.best import Best
from p2lbench.budget import Budget, BudgetSpent, Ledger
from p2lbench.film import Film
from p2lbench.plan import candidate_seed
from p2lbench.record import Trace
from p2lbench.seeds import stream
from p2lbench.space import Space

if TYPE_CHECKING:
    from torch import Tensor

LOGS_PER_DECADE = 20


class Timeout(BaseException):
    """The cell ran longer than the suite allows. A plugin's `except Exception` lets it through."""


class Objective(Protocol):
    """One loss of full points (n, D) in two frames (paper, section 3.4)."""

    same_frame: bool
    networks: int

    def original(self, x: Tensor) -> Tensor:
        """(n,): L(T⁻¹(G(x)), y, m), which search and scores use."""

    def aligned(self, x: Tensor) -> Tensor:
        """(n,): L(G(x), T(y), T(m)), which gradients use; differentiable."""


class Root:
    """Counts, times, draws and logs for all stages of one cell."""

    def __init__(
        self,
        objective: Objective,
        space: Space,
        mean: Tensor,
        std: Tensor,
        candidates: int,
        seed: int,
        budget: Budget = Budget(),  # noqa: B008 (frozen)
        timeout: float = inf,
        progress: Callable[[int, float], None] | None = None,
    ) -> None:
        """`mean`, `std` (D,): the init's; `progress(passes, best)` is told at times."""
        import numpy as np
        import torch

        self.space, self.device = space, space.device
        self.objective, self.same_frame = objective, objective.same_frame
        self.budget, self.center, self.deviation = budget, mean, std
        self.ledger, self.notes = Ledger(), list[str]()
        self.rng = np.random.Generator(np.random.Philox(stream(seed, "rng")))
        self.generator = torch.Generator(self.device).manual_seed(stream(seed, "torch") % 2**63)
        self._timeout, self._progress = timeout, progress
        self._streams = [
            np.random.Generator(np.random.Philox(candidate_seed(seed, k)))
            for k in range(candidates)
        ]
        self._over = False
        self._began = self._told = time.monotonic()
        self.start = self.draw(list(range(candidates)))
        self.start = self.start.clamp(min=space.low, max=space.high)
        self.best = Best(self.start)
        self.film: Film | None = None
        self._log: list[tuple[int, float, tuple[float, ...]]] = []
        self._next_log = 1.0

    def begin(self) -> None:
        """Start the clock; set-up does not count."""
        self._began = self._told = time.monotonic()

    @property
    def elapsed(self) -> float:
        """Seconds since the clock started."""
        return time.monotonic() - self._began

    @property
    def remaining(self) -> Budget:
        """What is left of the cell's budget."""
        left = self.budget.passes - self.ledger.passes
        return Budget(max(0.0, left), max(0.0, self.budget.seconds - self.elapsed))

    def note(self, text: str) -> None:
        """Keep a remark for the record, once."""
        if text not in self.notes:
            self.notes.append(text)

    def draw(self, owners: list[int]) -> Tensor:
        """(n, D): one draw from the init per entry, from that candidate's own stream."""
        import numpy as np
        import torch

        # Row by row, because one call for all would make a row depend on how many there are.
        rows = [self._streams[k].standard_normal(self.space.d, dtype=np.float32) for k in owners]
        noise = torch.from_numpy(np.stack(rows)).to(self.device)
        return self.center + self.deviation * noise

    def admit(self, cost: int) -> None:
        """Let a call of so many passes through.

        Raises:
            BudgetSpent: it does not fit; no later call will either.
        """
        left = self.remaining
        if self._over or cost > left.passes or left.seconds <= 0:
            self._over = True
            raise BudgetSpent("the budget is used up")

    def check_time(self) -> None:
        """Raises Timeout if the cell's time is over."""
        if self.elapsed > self._timeout:
            raise Timeout(f"stopped after {self._timeout:g} s")

    def loss(self, full: Tensor, rows: Tensor) -> Tensor:
        """Original-frame losses (n,) of full points (n, D)."""
        import torch

        began = time.perf_counter()
        with torch.no_grad():
            losses = self.objective.original(full)
        self._settle(full, losses, rows, backward=False)
        self.ledger.objective_seconds += time.perf_counter() - began
        return losses

    def gradient(self, full: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Aligned-frame losses (n,) and their gradients (n, D)."""
        import torch

        began = time.perf_counter()
        leaf = full.requires_grad_(True)
        with torch.enable_grad():
            losses = self.objective.aligned(leaf)
            (slopes,) = torch.autograd.grad(losses.sum(), leaf)
        losses, full = losses.detach(), full.detach()
        self._settle(full, losses, rows, backward=True)
        self.ledger.objective_seconds += time.perf_counter() - began
        return losses, slopes

    def trace(self) -> Trace:
        """What was logged, and the state at the end."""
        self._write_log()
        passes, seconds, best = zip(*self._log, strict=True)
        return Trace(passes, seconds, best)

    def _settle(self, full: Tensor, losses: Tensor, rows: Tensor, backward: bool) -> None:
        if losses.shape != (len(full),):
            raise ValueError(f"expected losses of shape ({len(full)},), got {tuple(losses.shape)}")
        n = len(full)
        self.ledger.forwards += n
        self.ledger.perceptual_forwards += n * self.objective.networks
        if backward:
            self.ledger.backwards += n
            self.ledger.perceptual_backwards += n * self.objective.networks
        original = self.same_frame or not backward
        self.best.note(full, losses, rows, original)
        if self.film is not None:
            self.film.note(self.ledger.passes, full, losses, original)
        if self.ledger.passes >= self._next_log:
            self._write_log()
            while self._next_log <= self.ledger.passes:
                self._next_log *= 10 ** (1 / LOGS_PER_DECADE)
        self._tell()

    def _write_log(self) -> None:
        best = tuple(f if f < inf else nan for f in self.best.losses().tolist())
        entry = self.ledger.passes, self.elapsed, best
        if self._log and self._log[-1][0] == entry[0]:
            self._log[-1] = entry
        else:
            self._log.append(entry)

    def _tell(self) -> None:
        now = time.monotonic()
        if self._progress is not None and now - self._told > 0.25:
            self._told = now
            self._progress(self.ledger.passes, float(self.best.losses().min()))
