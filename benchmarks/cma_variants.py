"""What CMA's restricted covariance matrices save of the optimizer's own seconds.

    python benchmarks/cma_variants.py [--columns 512] [--steps 100] [--rounds 5]

Each variant searches a sphere, whose evaluation costs next to nothing; what is timed is the seconds
outside the objective, as the ledger has them. Rounds are interleaved; printed are the medians of
the ratios to `full`. Goal for `diagonal` at 512 columns: below 0.25.
"""

from __future__ import annotations

import argparse
import statistics
from typing import get_args

import torch
from torch import Tensor

from p2lbench.optimizers.cma import CMA, Variant
from p2lbench.problem import Problem
from p2lbench.root import Root
from p2lbench.space import Space, Variable


class Sphere:
    same_frame, networks = True, 0

    def original(self, x: Tensor) -> Tensor:
        return (x**2).sum(1)

    aligned = original


def seconds(variant: Variant, columns: int, steps: int) -> float:
    space = Space([Variable("z", (columns,), bound=2.0)])
    root = Root(Sphere(), space, space.mean, space.std, 6, 0)
    root.begin()
    Problem(root, space, range(columns), root.start).run(CMA(steps, variant=variant))
    return root.elapsed - root.ledger.objective_seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--columns", type=int, default=512)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    variants = get_args(Variant)
    seconds("full", 8, 3)
    rounds = [
        {v: seconds(v, asked.columns, asked.steps) for v in variants} for _ in range(asked.rounds)
    ]
    whole = statistics.median(times["full"] for times in rounds)
    print(f"full: {whole / asked.steps * 1000:.1f} ms per step")
    for variant in variants[1:]:
        ratio = statistics.median(times[variant] / times["full"] for times in rounds)
        print(f"{variant}: {ratio:.3f} of it")


if __name__ == "__main__":
    main()
