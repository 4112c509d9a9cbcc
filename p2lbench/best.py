"""Each candidate's best point so far, in each frame."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


class Best:
    """A table of N rows; `note` keeps the lowest loss of every row."""

    def __init__(self, start: Tensor) -> None:
        """`start (N, d)`: what a row answers until it has been noted."""
        import torch

        worst = torch.full((len(start),), torch.inf, device=start.device)
        self._tables = {True: (start, worst), False: (start, worst)}

    def note(self, x: Tensor, losses: Tensor, rows: Tensor, original: bool = True) -> None:
        """Points (n, d) with their losses (n,), each belonging to one row; NaN never counts."""
        import torch

        points, lowest = self._tables[original]
        rows = rows.to(lowest.device)
        now = torch.where(losses.isnan(), torch.inf, losses)
        after = lowest.scatter_reduce(0, rows, now, "amin")
        won = (now == after[rows]) & (now < lowest[rows])
        points = points.index_put((rows[won],), x[won])
        self._tables[original] = (points, after)

    def table(self, original: bool = True) -> tuple[Tensor, Tensor]:
        """Points (N, d) and losses (N,), infinite where there is none."""
        points, lowest = self._tables[original]
        return points.clone(), lowest.clone()

    def points(self) -> Tensor:
        """(N, d): best by original-frame loss, else by the aligned one, else the start."""
        import torch

        found, lowest = self._tables[True]
        aligned, _ = self._tables[False]
        return torch.where(lowest.isfinite()[:, None], found, aligned).clone()

    def losses(self) -> Tensor:
        """(N,): the losses of `points`; infinite where nothing was noted."""
        import torch

        lowest, aligned = self._tables[True][1], self._tables[False][1]
        return torch.where(lowest.isfinite(), lowest, aligned)
