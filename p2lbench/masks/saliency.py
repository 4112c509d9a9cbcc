"""The object that stands out from the image's border, by colour; no weights.

A pixel's saliency is its colour's distance from the colours of three of the four sides (a
background cue, as Zhang et al., ICCV 2015, who leave out the side that the object may touch), times
a Gaussian around the middle (where photographers put objects: Judd et al., ICCV 2009). GrabCut
(Rother et al., 2004) then finds the outline, from what is surely salient and surely not.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image

from p2lbench.errors import UserError
from p2lbench.images import Pixels
from p2lbench.masks.detect import Found
from p2lbench.masks.kinds import Detected
from p2lbench.opencv import opencv

SIDE = 160  # the longer side at which it works; small images are enlarged to it
RIM = 0.08  # of the shorter side
MIDDLE = 0.3  # standard deviation of the Gaussian, of each side
NOISE = 9.0  # variance of Lab colours that no side is without
SURE, SURELY_NOT = 0.95, 0.10  # quantiles of saliency
ROUNDS = 4
SPECK = 0.1  # of the largest part's area; smaller parts are no object
FILLED = 0.98  # of the image; an object that leaves no background is none

Array = np.ndarray[Any, np.dtype[np.float64]]


def version() -> dict[str, str]:
    """OpenCV's version and this module's."""
    return {"opencv": _opencv().__version__, "procedure": "1"}


def detect(pixels: Pixels, wanted: Detected) -> Found:
    """The salient object of an image (H, W, 3) as (H, W).

    Raises:
        UserError: OpenCV is not installed, or nothing stands out.
    """
    cv2, (height, width) = _opencv(), pixels.shape[:2]
    scale = SIDE / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS))
    try:
        cut = _without_specks(_grabcut(cv2, small, _saliency(cv2, small)))
    except cv2.error:  # too few pixels, or too few colours
        cut = np.zeros(size[::-1], dtype=np.bool_)
    share = Image.fromarray(cut.astype(np.float32)).resize((width, height), _TRIANGLE)
    found: Found = np.asarray(share) > 0.5
    if not 0 < found.mean() < FILLED:
        message = "saliency: no object stands out from the image's border"
        raise UserError(f"{message}; give the mask as a file, a box or a polygon")
    return found


_TRIANGLE = Image.Resampling.BILINEAR


def _opencv() -> Any:
    return opencv("saliency", "masks")


def _saliency(cv2: Any, pixels: Pixels) -> Array:
    """(H, W) in [0, 1]."""
    lab = cv2.cvtColor(pixels.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    lab = cv2.GaussianBlur(lab, (0, 0), 1.0).astype(np.float64)
    rim = max(1, round(RIM * min(lab.shape[:2])))
    sides = lab[:rim], lab[-rim:], lab[:, :rim], lab[:, -rim:]
    distances = np.sort([_unit(_distance(lab, side.reshape(-1, 3))) for side in sides], axis=0)
    return _unit(_unit(distances[:3].sum(axis=0)) * _middle(*lab.shape[:2]))


def _distance(lab: Array, side: Array) -> Array:
    """Mahalanobis distance of every colour from a side's."""
    spread = np.cov(side.T) + NOISE * np.eye(3)
    apart = lab - side.mean(axis=0)
    squared = np.einsum("hwi,ij,hwj->hw", apart, np.linalg.inv(spread), apart)
    distance: Array = np.sqrt(squared)
    return distance


def _unit(values: Array) -> Array:
    """To [0, 1], the highest hundredth at 1."""
    return np.clip(values / max(float(np.quantile(values, 0.99)), 1e-6), 0, 1)


def _middle(height: int, width: int) -> Array:
    rows, columns = (np.arange(n) + 0.5 for n in (height, width))
    squared = (rows / height - 0.5)[:, None] ** 2 + (columns / width - 0.5) ** 2
    weight: Array = np.exp(-squared / (2 * MIDDLE**2))
    return weight


def _grabcut(cv2: Any, pixels: Pixels, saliency: Array) -> Found:
    levels = (255 * saliency).astype(np.uint8)
    threshold, _ = cv2.threshold(levels, 0, 255, cv2.THRESH_OTSU)
    marks = np.where(levels > threshold, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    marks[levels >= np.quantile(levels, SURE)] = cv2.GC_FGD
    marks[levels <= np.quantile(levels, SURELY_NOT)] = cv2.GC_BGD
    cv2.setRNGSeed(0)  # GrabCut starts its mixtures of colours by k-means
    models = np.zeros((1, 65)), np.zeros((1, 65))
    bgr = np.ascontiguousarray(pixels[..., ::-1])
    cv2.grabCut(bgr, marks, None, *models, ROUNDS, cv2.GC_INIT_WITH_MASK)
    cut: Found = (marks == cv2.GC_FGD) | (marks == cv2.GC_PR_FGD)
    return cut


def _without_specks(cut: Found) -> Found:
    from scipy import ndimage

    parts, count = ndimage.label(cut, structure=np.ones((3, 3)))
    areas = np.bincount(parts.ravel(), minlength=count + 1)[1:]
    kept: Found = np.isin(parts, 1 + np.flatnonzero(areas >= SPECK * areas.max(initial=1)))
    return kept
