"""What a counted gradient costs against a bare loop over the same modules.

    python benchmarks/gradient_step.py [--rounds 60]

Both do the same arithmetic: generator and objective of the quickstart, forward and backward to the
latents, in one batch. Rounds are interleaved; what is printed is the median of their ratios, which
is what a noisy machine can be asked for. Goal: below 1.03.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import torch

from p2lbench.images import read_image
from p2lbench.models import Models
from p2lbench.plan import Task, plan
from p2lbench.problem import Problem
from p2lbench.project import prepare
from p2lbench.root import Root
from p2lbench.suite import load


def timed(step: Callable[[], object]) -> float:
    began = time.perf_counter()
    step()
    return time.perf_counter() - began


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rounds", type=int, default=60)
    rounds = arguments.parse_args().rounds
    torch.set_num_threads(1)
    suite, plugins = load("quickstart")
    cell = next(plan(suite, plugins).cells())
    models = Models(plugins.registry, "cpu")
    setting = prepare(Task(cell, read_image(cell.image.file), None, (), 600.0), models)
    objective, mean, std = setting.objective, setting.mean, setting.std
    root = Root(objective, setting.space, mean, std, cell.candidates, cell.seed)
    root.begin()
    problem = Problem(root, setting.space, range(setting.space.d), root.start)
    x, split = problem.start, setting.space.split

    def bare() -> object:
        leaf = x.clone().requires_grad_(True)
        images = objective.generator.forward(**split(leaf))
        terms = zip(objective.terms, objective._prepared, strict=True)
        total = sum(weight * loss(images, given) for (loss, weight), given in terms)
        return torch.autograd.grad(total.sum(), leaf)

    for _ in range(10):
        bare(), problem.gradient(x)
    pairs = [(timed(bare), timed(lambda: problem.gradient(x))) for _ in range(rounds)]
    ratio = statistics.median(counted / plain for plain, counted in pairs)
    plain = statistics.median(pair[0] for pair in pairs)
    print(f"{cell.candidates} candidates, {rounds} rounds: bare {plain * 1e3:.1f} ms, ", end="")
    print(f"counted / bare = {ratio:.3f}")


if __name__ == "__main__":
    main()
