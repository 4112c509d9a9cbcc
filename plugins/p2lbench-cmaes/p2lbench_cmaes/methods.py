"""The strategies that a suite can name, with the options that each has of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from p2lbench_cmaes.strategy import Final, Strategy

if TYPE_CHECKING:
    import numpy as np


class CmaEs(Strategy):
    """CMA-ES (Hansen 2016), with learning rate adaptation as an option (cmaes.CMA).

    Source: N. Hansen, The CMA Evolution Strategy: A Tutorial, arXiv:1604.00772; learning rates:
    Nomura, Akimoto and Ono, GECCO 2023, arXiv:2304.03473.
    """

    library = "CMA"
    least_columns = 1

    def __init__(
        self,
        steps: int | None = 300,
        sigma: float = 1.0,
        population: int | None = None,
        final: Final = "draw",
        lr_adapt: bool = False,
    ) -> None:
        """`lr_adapt`: smaller learning rates where the objective is rugged or noisy, with the
        default population."""
        super().__init__(steps, sigma, population, final)
        self.lr_adapt = lr_adapt

    def _options(self) -> dict[str, Any]:
        return {"lr_adapt": self.lr_adapt}


class SepCma(Strategy):
    """CMA-ES with a diagonal covariance, whose cost is linear in d (cmaes.SepCMA).

    Source: Ros and Hansen, A Simple Modification in CMA-ES Achieving Linear Time and Space
    Complexity, PPSN 2008.
    """

    library = "SepCMA"


class MapCma(Strategy):
    """CMA-ES as maximum a posteriori estimation, with a momentum of the mean (cmaes.MAPCMA).

    Source: Hamano, Shirakawa and Nomura, Natural Gradient Interpretation of Rank-One Update in
    CMA-ES, PPSN 2024, arXiv:2406.16506.
    """

    library = "MAPCMA"

    def __init__(
        self,
        steps: int | None = 300,
        sigma: float = 1.0,
        population: int | None = None,
        final: Final = "draw",
        momentum: float | None = None,
    ) -> None:
        """`momentum`: the scaling ratio r of the momentum update, d if not given; a smaller one
        is more momentum. `population`: at least 4."""
        super().__init__(steps, sigma, population, final)
        if population is not None and population < 4:
            raise ValueError(f"population: expected at least 4, got {population}")
        if momentum is not None and not momentum > 0:
            raise ValueError(f"momentum: expected a number above 0, got {momentum:g}")
        self.momentum = momentum

    def _options(self) -> dict[str, Any]:
        return {"momentum_r": self.momentum}


class XNes(Strategy):
    """Exponential natural evolution strategy (cmaes.XNES).

    Source: Glasmachers et al., Exponential Natural Evolution Strategies, GECCO 2010.
    """

    library = "XNES"
    # Its step is exponential in the squared distance of the points from the mean.
    takes_moved = False

    def _mean(self) -> np.ndarray[Any, Any]:
        # The library has no public name for it, one of the reasons for the upper bound of its
        # version in pyproject.toml.
        mean: np.ndarray[Any, Any] = self._strategy._mean
        return mean
