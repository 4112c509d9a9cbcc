"""Where a generator puts its objects: samples, segmented from their background, and measured.

Paper, section 3.3, does so for BigGAN with an object detector. This one needs no network, and so
works only for generators whose objects stand out from a background of about one colour. How well
they do is part of the answer.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from p2lbench.draws import from_prior
from p2lbench.errors import UserError
from p2lbench.generators.base import ObjectStats
from p2lbench.transforms.objects import located

if TYPE_CHECKING:
    from torch import Tensor

    from p2lbench.generators.base import Generator

Background = Literal["border", "fill"]
Array = np.ndarray[Any, np.dtype[np.float64]]

BATCH = 50
BINS = 128
SPECK = 0.1  # of the largest part's area; smaller parts are no object
FILLED = 0.98  # of the image; an object that leaves no background has no outline
STEPS = 32  # of the image's side, for modes
SIDES = ("height", "width")


@dataclass(frozen=True)
class Spread:
    """A measured fraction over the samples: median, mode (to 1/32), standard deviation, and the
    10% and 90% quantiles."""

    median: float
    mode: float
    std: float
    low: float
    high: float


@dataclass(frozen=True)
class Measured:
    """Centres and sizes of objects as fractions of the image, height first.

    `used`: the samples in which an object was found. `separability`: the share of the variance of
    distances from the background that the threshold explains (Otsu's eta), median over samples;
    near 1 the outline is sure, below about 0.7 it is a guess.
    """

    samples: int
    used: int
    separability: float
    center: tuple[Spread, Spread]
    size: tuple[Spread, Spread]

    @property
    def stats(self) -> ObjectStats:
        """What to write as `object_stats`: median centre, mode of the sizes (as section 3.4)."""
        return ObjectStats(
            (self.center[0].median, self.center[1].median), (self.size[0].mode, self.size[1].mode)
        )

    def plain(self) -> dict[str, Any]:
        """JSON-ready, each spread under `height` or `width`."""
        sides = {
            name: dict(zip(SIDES, map(asdict, getattr(self, name)), strict=True))
            for name in ("center", "size")
        }
        return {
            "samples": self.samples,
            "used": self.used,
            "separability": self.separability,
            **sides,
        }


def measure(
    generator: Generator, samples: int = 500, seed: int = 0, background: Background = "border"
) -> Measured:
    """Measure a loaded generator's objects.

    Args:
        background: what objects are told apart from: each sample's own border colour (the median
            of its outermost pixels), or the generator's `fill`.

    Raises:
        UserError: no sample had an object that could be told from the background.
    """
    found: list[ObjectStats] = []
    clarity: list[float] = []
    for image in _drawn(generator, samples, seed):
        mask, eta = segmented(image, None if background == "border" else generator.fill)
        clarity.append(eta)
        stats = located(mask)
        if stats is not None and float(mask.mean()) < FILLED:
            found.append(stats)
    if not found:
        name = type(generator).__name__
        raise UserError(f"{name}: in none of {samples} samples an object stands out")
    center, size = (
        _both(np.array([getattr(stats, name) for stats in found])) for name in ("center", "size")
    )
    return Measured(samples, len(found), float(np.median(clarity)), center, size)


def segmented(image: Tensor, background: float | None = None) -> tuple[Tensor, float]:
    """An image (3, H, W) → its object as a mask (1, 1, H, W) of 0 and 1, and Otsu's eta.

    Foreground is what is farther from the background's colour than Otsu's threshold, without
    specks. `background`: a value of all channels; None: the border's median colour.
    """
    import torch
    from scipy import ndimage

    pixels = image.detach().cpu().double().numpy()
    color = _border(pixels) if background is None else np.full(3, background)
    distance = np.abs(pixels - color[:, None, None]).max(axis=0)
    threshold, eta = otsu(distance)
    parts, count = ndimage.label(distance > threshold, structure=np.ones((3, 3)))
    areas = np.bincount(parts.ravel(), minlength=count + 1)[1:]
    kept = 1 + np.flatnonzero(areas >= SPECK * areas.max(initial=1))
    return torch.from_numpy(np.isin(parts, kept)).float()[None, None], eta


def otsu(values: Array) -> tuple[float, float]:
    """The threshold that separates values best into two classes, and the share of their variance
    that lies between the classes (Otsu, 1979)."""
    low, high = float(values.min()), float(values.max())
    if high - low < 1e-6:
        return high, 0.0
    counts, edges = np.histogram(values, bins=BINS, range=(low, high))
    middles, shares = (edges[:-1] + edges[1:]) / 2, counts / counts.sum()
    below, moment = shares.cumsum()[:-1], (shares * middles).cumsum()
    mean = moment[-1]
    between = (mean * below - moment[:-1]) ** 2 / np.maximum(below * (1 - below), 1e-12)
    best = int(between.argmax())
    variance = float((shares * (middles - mean) ** 2).sum())
    return float(edges[best + 1]), float(between[best] / variance)


def _drawn(generator: Generator, samples: int, seed: int) -> Iterator[Tensor]:
    """Images of latents from the prior, of classes in equal shares."""
    import torch

    rng = torch.Generator().manual_seed(seed)
    for first in range(0, samples, BATCH):
        latents = from_prior(generator, min(BATCH, samples - first), rng, first)
        with torch.no_grad():
            yield from generator.forward(**latents)


def _border(pixels: Array) -> Array:
    ring = np.concatenate(
        [pixels[:, 0], pixels[:, -1], pixels[:, 1:-1, 0], pixels[:, 1:-1, -1]], axis=1
    )
    middle: Array = np.median(ring, axis=1)
    return middle


def _both(values: Array) -> tuple[Spread, Spread]:
    """(n, 2) heights and widths."""
    return _spread(values[:, 0]), _spread(values[:, 1])


def _spread(values: Array) -> Spread:
    places, counts = np.unique((values * STEPS).round() / STEPS, return_counts=True)
    low, high = np.quantile(values, (0.1, 0.9))
    mode = places[counts.argmax()]
    return Spread(*map(float, (np.median(values), mode, values.std(), low, high)))
