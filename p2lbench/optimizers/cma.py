"""Covariance matrix adaptation (Hansen and Ostermeier, 2001), by pycma."""

from __future__ import annotations

import warnings
from contextlib import redirect_stdout
from io import StringIO
from math import log
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from p2lbench.optimizers.base import AskTell, fitted, positive, whole
from p2lbench.optimizers.repair import LEAST_POPULATION, Penalty, redrawn
from p2lbench.space import Space
from p2lbench.tunable import Range

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from p2lbench.problem import Problem

Final = Literal["draw", "mean"]
Variant = Literal["full", "diagonal", "vd", "vkd"]
Repair = Literal["clamp", "penalty", "resample"]
# Nothing can be gained after these; pycma's other reasons to stop are guesses about restarts.
CONVERGED = {"tolx", "tolfun", "tolconditioncov", "noeffectaxis", "noeffectcoord", "tolfacupx"}
WORST = 1e30
SIGMAS = Range(0.1, 2.0)  # in units of the prior's spread
FEW_COLUMNS = 10  # pycma advises against VD-CMA below
_VARIANTS = {
    "diagonal": ("ros2008simple",),
    "vd": ("akimoto2014vd",),
    "vkd": ("akimoto2016vkd",),
}


class CMA(AskTell):
    """CMA-ES around `problem.center`, scaled by `problem.spread`.

    The paper's setting: 300 steps from mean 0 and Sigma = I, so sigma = 1.

    `variant`: which covariance matrices it can learn. `full`: all; time and memory grow with d².
    `diagonal`: one variance per column (separable CMA; Ros and Hansen, 2008). `vd`: D (I + v vᵀ) D,
    a diagonal and one direction (Akimoto, Auger and Hansen, 2014). `vkd`: the same with k
    directions, k adapted (Akimoto and Hansen, 2016). All but `full` grow with d.
    """

    takes_moved = True
    tunable: ClassVar = {"sigma": SIGMAS}
    source = (
        "Hansen and Ostermeier 2001; diagonal: Ros and Hansen 2008; vd: Akimoto, Auger and Hansen "
        "2014; vkd: Akimoto and Hansen 2016"
    )
    cost = "population per step"
    cites = ("hansen2001completely", "hansen2019pycma")

    def __init__(
        self,
        steps: int | None = 300,
        sigma: float = 1.0,
        population: int | None = None,
        final: Final = "draw",
        variant: Variant = "full",
        active: bool | None = None,
        repair: Repair = "clamp",
    ) -> None:
        """`population`: points per step, 4 + 3 ln d if not given (18 at d = 128).
        `final`: N fresh draws of the last distribution, or its mean N times.
        `active`: learn from bad points, too (Jastrebski and Arnold, 2006). If not given: yes, but
        for vd and vkd, which cannot, and for `resample`, where the step size may explode.
        `repair`: what is done with points outside the bounds. They are evaluated where they are
        clamped to and told as drawn: with that loss (`clamp`), or with a penalty for the distance
        added (`penalty`). `resample` draws them again, up to 100 times, clamps the rest, and tells
        what was evaluated."""
        self.steps = None if steps is None else whole("steps", steps)
        self.sigma, self.final = positive("sigma", sigma), final
        self.population = None if population is None else whole("population", population, 2)
        self.variant, self.active, self.repair = variant, active, repair
        self.cites = (*CMA.cites, *_VARIANTS.get(variant, ()))
        if active and variant in ("vd", "vkd"):
            raise ValueError(f"active: the variant {variant} has no active update")
        if variant == "vkd" and repair == "resample":
            raise ValueError("repair: vkd must evaluate what it drew: expected clamp or penalty")
        if repair == "penalty" and population is not None and population < LEAST_POPULATION:
            raise ValueError(f"population: penalty takes at least {LEAST_POPULATION}")
        # Its own adaptation of the step size compares two mirrored points of each population.
        self.takes_moved = variant != "vkd"

    def load(self) -> None:
        import cma  # noqa: F401

    def setup(self) -> None:
        import cma

        problem = self.problem
        self._center, self._spread = problem.center.double(), problem.spread.double()
        self._low, self._high = self._encode(problem.space.low), self._encode(problem.space.high)
        self._penalty = Penalty(self._low, self._high) if self.repair == "penalty" else None
        d = problem.space.d
        if d < FEW_COLUMNS and self.variant in ("vd", "vkd"):
            problem.note(f"CMA: pycma advises against {self.variant} below {FEW_COLUMNS} columns")
        with warnings.catch_warnings(), redirect_stdout(StringIO()):
            warnings.simplefilter("ignore")
            self._strategy = cma.CMAEvolutionStrategy([0.0] * d, self.sigma, self._options(d))

    def _options(self, d: int) -> dict[str, Any]:
        from cma.restricted_gaussian_sampler import GaussVDSampler, GaussVkDSampler
        from cma.sigma_adaptation import CMAAdaptSigmaCSA

        rng = self.problem.rng

        def randn(*size: Any) -> np.ndarray[Any, Any]:
            return rng.standard_normal(size[0] if size and isinstance(size[0], tuple) else size)

        # A seed of NaN and a generator of our own: pycma would seed and draw from NumPy's global.
        # So would two-point adaptation, which pycma prefers to CSA from 300 columns on; it also
        # wants its first two points back as they were drawn.
        options = {
            "popsize": self._population(d),
            "randn": randn,
            "seed": float("nan"),
            "verbose": -9,
            "AdaptSigma": CMAAdaptSigmaCSA,
            "CMA_active": self.repair != "resample" if self.active is None else self.active,
            "CMA_diagonal": self.variant == "diagonal",
        }
        if self.variant in ("vd", "vkd"):
            sampler = GaussVDSampler if self.variant == "vd" else GaussVkDSampler
            options["CMA_sampler_options"] = {"randn": randn}
            sampler.extend_cma_options(options)
        return options

    def ask(self) -> Tensor:
        return self._decode(self._drawn(self._population(self.problem.space.d)))

    def draw(self, n: int) -> Tensor:
        # The first two of vkd's are no draws, but mirror images along its last step.
        mirrored = 2 if self.variant == "vkd" else 0
        return self._decode(self._drawn(n + mirrored)[mirrored:])

    def tell(self, points: Tensor, losses: Tensor) -> None:
        import numpy as np

        solutions = self._encode(points)
        values = losses.double().clamp(max=WORST).cpu().numpy()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if self._penalty is not None:
                values = values + self._penalty(solutions, values[values < WORST], self._strategy)
            # Unchecked, because pycma would pull points that gradients have moved back to its own.
            told = np.minimum(values, WORST).tolist()
            self._strategy.tell(list(solutions), told, check_points=False)

    def done(self) -> bool:
        return bool(CONVERGED & set(self._strategy.stop()))

    def result(self) -> Tensor:
        n = self.problem.candidates
        points = self.draw(n) if self.final == "draw" else self.recommend().expand(n, -1)
        return self.problem.clamp(points)

    def recommend(self) -> Tensor:
        return self._decode([self._strategy.gp.pheno(self._strategy.mean)])[0]

    def population_size(self, space: Space, candidates: int) -> int:
        return self._population(max(1, space.size(*self.moves)))

    def fit(self, problem: Problem) -> CMA:
        return fitted(self, problem, self.population_size(problem.space, problem.candidates))

    def _population(self, d: int) -> int:
        return self.population or default_population(d)

    def _drawn(self, n: int) -> np.ndarray[Any, Any]:
        import numpy as np

        solutions = np.asarray(self._strategy.ask(n), dtype=float)
        if self.repair == "resample":
            return redrawn(solutions, self._low, self._high, self._strategy.ask)
        return solutions

    def _encode(self, points: Tensor) -> np.ndarray[Any, Any]:
        found: np.ndarray[Any, Any] = (
            ((points.double() - self._center) / self._spread).cpu().numpy()
        )
        return found

    def _decode(self, solutions: Any) -> Tensor:
        import numpy as np
        import torch

        x = torch.from_numpy(np.asarray(solutions, dtype=float)).to(self._center.device)
        return (self._center + self._spread * x).float()


def default_population(d: int) -> int:
    """CMA's own population for d columns."""
    return 4 + int(3 * log(d))
