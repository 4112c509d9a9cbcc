"""Plugins without torch, a suite that uses them, and a folder to put it in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import pytest
from PIL import Image
from pydantic import Field

from p2lbench.errors import SuiteErrors, UserError
from p2lbench.optimizers.base import Optimizer
from p2lbench.plugins import Plugins, Report
from p2lbench.registry import Entry, Origin, Registry
from p2lbench.suite import Suite, load

BUILT_IN = Origin("p2lbench", "0.1.0", "source of p2lbench")
OTHER = Origin("other-plugin", "2.0")


class Fake(Optimizer):
    def minimize(self, problem: Any) -> Any:
        raise NotImplementedError


class Adam(Fake):
    def __init__(
        self,
        steps: int = 500,
        lr: float | dict[str, float] | None = None,
        final: Literal["last", "best"] = "last",
    ) -> None:
        if steps < 1:
            raise ValueError(f"steps: expected at least 1, got {steps}")
        self.steps, self.lr, self.final = steps, lr, final


class CMA(Fake):
    def __init__(
        self, steps: int | None = 300, population: Annotated[int, Field(ge=2)] = 18
    ) -> None:
        self.steps, self.population = steps, population


class Chain(Fake):
    def __init__(self, stages: list[Optimizer], last: Optimizer | None = None) -> None:
        self.stages, self.last = stages, last


class Basin(Fake):
    def __init__(self, outer: Optimizer = "cma", inner: Optimizer = "adam") -> None:  # type: ignore[assignment]
        self.outer, self.inner = outer, inner


class Family(Fake):
    def __init__(self, name: str, budget: float = 1) -> None:
        if name == "Unknown":
            raise ValueError(f"no method '{name}'")
        self.name, self.budget = name, budget


class Foreign(Fake):
    """From another plugin than the rest."""


class Generator:
    conditional = True
    classes: tuple[str, ...] = ("bag", "boot")
    default_loss: dict[str, float] | None = {"l1": 1, "percep": 10}  # noqa: RUF012
    default_metrics: tuple[str, ...] = ("percep",)
    weights: tuple[str, ...] = ()

    def __init__(self, truncation: float = 1.0) -> None:
        self.truncation = truncation


class Unconditional(Generator):
    conditional = False
    classes = ()


class Undecided(Generator):
    default_loss = None


class Heavy(Generator):
    weights = ("lpips-vgg",)


class Loss:
    objective = True

    def __init__(self, masked: str = "eq7") -> None:
        self.masked = masked


class Measured(Loss):
    objective = False


class Reads:
    def __init__(self, file: str) -> None:
        self.files = (file,)


class Filed(Reads, Generator):
    pass


class FiledMetric(Reads, Measured):
    pass


class Transform:
    searched = True

    def __init__(self, blur: bool = False) -> None:
        self.blur = blur


class Fixed(Transform):
    searched = False


class Init:
    needs_class = False

    def __init__(self, spread: float = 0.0) -> None:
        self.spread = spread


class GroundTruth(Init):
    needs_class = True


FACTORIES: dict[str, dict[str, Callable[..., Any]]] = {
    "generators": {
        "gan": Generator,
        "plain-gan": Unconditional,
        "undecided": Undecided,
        "heavy": Heavy,
        "filed": Filed,
    },
    "losses": {"l1": Loss, "l2": Loss, "percep": Loss, "watched": Measured},
    "metrics": {"psnr": Measured, "filed-metric": FiledMetric},
    "transforms": {"spatial": Transform, "color": Transform, "prealign": Fixed, "a+b": Transform},
    "inits": {"ground-truth": GroundTruth, "predicted": Init, "encoder": Init},
    "optimizers": {
        "adam": Adam,
        "cma": CMA,
        "chain": Chain,
        "basin": Basin,
        "nevergrad:": Family,
    },
}


def registry(**more: Callable[..., Any]) -> Registry:
    """The fakes; `more` are further optimizers."""
    found = Registry()
    found.add(
        [Entry(k, n, f, BUILT_IN) for k, table in FACTORIES.items() for n, f in table.items()]
    )
    found.add([Entry("optimizers", n.replace("_", "-"), f, BUILT_IN) for n, f in more.items()])
    found.add([Entry("optimizers", "foreign", Foreign, OTHER)])
    return found


def loader(broken: Sequence[Report] = ()) -> Callable[[Sequence[Path]], Plugins]:
    """What stands in for `plugins.load`."""
    own = Report("optimizers", BUILT_IN, ("adam",))
    return lambda files: Plugins(registry(), (own, *broken))


SUITE = """\
name: mine
images:
  - {file: a.png, class: bag}
  - {file: b.png, class: 1}
generators: [gan]
optimizers:
  - adam: {steps: 200}
  - cma
"""


def folder(path: Path, suite: str = SUITE) -> Path:
    """A folder with two images, a mask and a suite; the suite's path."""
    rng = np.random.default_rng(0)
    for name in ("a.png", "b.png"):
        pixels = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(path / name)
    mask = np.zeros((8, 8), dtype=np.uint8)
    mask[2:6, 2:6] = 255
    Image.fromarray(mask).save(path / "mask.png")
    file = path / "my.yaml"
    file.write_text(suite, encoding="utf-8")
    return file


def loaded(path: Path, *overrides: str) -> Suite:
    return load(path, overrides=overrides, load_plugins=loader())[0]


def read(tmp_path: Path, more: str = "", suite: str = SUITE, *overrides: str) -> Suite:
    return loaded(folder(tmp_path, suite + more), *overrides)


def errors(tmp_path: Path, text: str, *overrides: str) -> list[str]:
    """What is said of a suite, paths relative to its folder."""
    path = folder(tmp_path, text)
    with pytest.raises(UserError) as caught:
        loaded(path, *overrides)
    error = caught.value
    found = error.errors if isinstance(error, SuiteErrors) else [error]
    return [str(each).replace(f"{tmp_path}/", "") for each in found]
