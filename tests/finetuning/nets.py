"""A tiny generator with weights, classes and batch norm, and a results folder of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from e2e.kit import PHOTOS, ran_inline, written

from p2lbench.plugins import load as plugins
from p2lbench.projection import Projection, load

NET = """
import os, torch
from torch import nn
from p2lbench.api import Generator, Variable, hookimpl

class Net(Generator):
    size = 8
    variables = (
        Variable("z", (4,), bound=2.0, step=0.05),
        Variable("c", (3,), step=0.01, role="gradient"),
    )
    conditional = True
    classes = ("bag", "ankle boot", "coat", *(f"class {k}" for k in range(7)))

    def load(self, device):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(3)
            self._net = nn.Sequential(
                nn.Linear(7, 48), nn.BatchNorm1d(48), nn.Tanh(), nn.Linear(48, 192), nn.Tanh()
            )
        self._net[1].running_mean += 0.1
        self._net.to(device).eval().requires_grad_(False)

    def forward(self, z, c):
        if os.environ.get("NET_ENDS") and self._net[0].weight.requires_grad:
            os._exit(3)
        return self._net(torch.cat([z, c], 1)).view(-1, 3, 8, 8)

    def embed(self, class_ids):
        drawn = torch.Generator().manual_seed(1)
        return torch.randn(10, 3, generator=drawn)[class_ids]

@hookimpl
def register_generators(register):
    register("net", Net)
"""
BAG = {
    "file": str(PHOTOS / "bag-126.png"),
    "class": "bag",
    "mask": {"box": [4, 8, 20, 24]},
}
SEARCH = {"outer": "cma", "inner": "adam", "outer_steps": 1, "inner_steps": 1}
SUITE: dict[str, Any] = {
    "images": [BAG],
    "generators": ["net"],
    "losses": [{"l2": 1, "mse": 2}],
    "metrics": ["l1", "psnr"],
    "inits": ["ground-truth"],
    "transforms": ["none", {"spatial+color": {"search": SEARCH}}],
    "optimizers": [{"adam": {"steps": 3}}],
}
PLAIN, MOVED = "adam | none", "adam | spatial+color"


def suite(where: Path, **keys: Any) -> Path:
    """A suite file on the tiny generator."""
    where.mkdir(parents=True, exist_ok=True)
    return written(where, NET, **{**SUITE, **keys})


def made(where: Path, **keys: Any) -> Path:
    """The results folder of such a suite; its plugin is `plugin(folder)`."""
    outcome, _ = ran_inline(suite(where, **keys))
    return outcome.folder


def plugin(folder: Path) -> Path:
    return folder.parents[1] / "more.py"


def loaded(folder: Path, row: str = PLAIN, **chosen: Any) -> Projection:
    return load(folder, plugins([plugin(folder)]).registry, row=row, **chosen)
