"""Test photos moved, scaled, dimmed or turned by known amounts: the photos of the suite table1.

`python -m p2lbench.zoo.displace FOLDER` writes the photos, their masks and a manifest; and, as they
were before, below `centred/`, with a manifest of their own. Which photo and which change is decided
by rule and seed, not by looking at results. With `--each N`: of every class the
N photos that follow those, none of them turned, without `centred/`; they are the suite figure10's.

The truth is the T that undoes the change: T(photo) is the original again, but for what sampling,
8 bits and the frame have taken. The change itself is T⁻¹, made by the package's own transforms.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from p2lbench.zoo import fmnist

if TYPE_CHECKING:
    from torch import Tensor

    from p2lbench.transforms.base import Transform

SEED = 2020
FIRST = 1000  # photos from this test index on; those of other suites come before or far behind
TURNED = (1, 8)  # classes of two more photos, which are turned as well: no `spatial` undoes that
MARGIN = 1  # pixels between the displaced object and the frame
SEEN = 24  # grey levels of 255 above which a pixel belongs to the object
TRIES = 1000

Truth = dict[str, list[float]]


@dataclass(frozen=True)
class Displaced:
    """pixels (32, 32) and mask (32, 32), uint8, and the `original` (32, 32).

    `truth`: transform → phi, in order.
    """

    name: str
    class_name: str
    original: np.ndarray[Any, np.dtype[np.uint8]]
    pixels: np.ndarray[Any, np.dtype[np.uint8]]
    mask: np.ndarray[Any, np.dtype[np.uint8]]
    truth: Truth


def displaced() -> Iterator[Displaced]:
    """The first photo of each class from `FIRST` on, then the second ones of `TURNED`."""
    photos = fmnist.load("test")
    rng = np.random.Generator(np.random.Philox(SEED))
    for label in range(10):
        yield _displaced(photos, label, 0, rng, turned=False)
    for label in TURNED:
        yield _displaced(photos, label, 1, rng, turned=True)


def by_class(each: int) -> Iterator[Displaced]:
    """Of each class `each` photos, beginning with the third from `FIRST` on."""
    photos = fmnist.load("test")
    rng = np.random.Generator(np.random.Philox(SEED + 1))
    for label in range(10):
        for which in range(2, 2 + each):
            yield _displaced(photos, label, which, rng, turned=False)


def _displaced(
    photos: fmnist.Photos, label: int, which: int, rng: np.random.Generator, turned: bool
) -> Displaced:
    own = (photos.labels == label) & (photos.indices >= FIRST)
    at = np.flatnonzero(own)[which]
    pixels = photos.pixels[at]
    for _ in range(TRIES):
        truth = _drawn(rng, turned)
        moved, mask = _undone(pixels, truth), _undone(_silhouette(pixels), truth, mask=True)
        if _whole(mask):
            break
    else:
        raise RuntimeError(f"photo {photos.indices[at]}: no displacement keeps it in the frame")
    word = fmnist.CLASSES[label].replace("/", "-").replace(" ", "-")
    name = f"{word}-{photos.indices[at]}{'-turned' if turned else ''}"
    return Displaced(name, fmnist.CLASSES[label], pixels, moved, mask, truth)


def _drawn(rng: np.random.Generator, turned: bool) -> Truth:
    """The object at 0.55 to 0.8 of its size, off the centre, brighter or darker by up to 1.4.

    phi of `spatial` is what brings it back: a scale below 1 enlarges.
    """
    size = rng.uniform(0.55, 0.8)
    x, y = rng.uniform(-0.45, 0.45, 2)
    gain = float(np.exp(rng.uniform(-np.log(1.4), np.log(1.4))))
    truth = {"spatial": [size, size, x, y], "color": [gain]}
    if turned:
        truth["rotation"] = [float(rng.choice([-1, 1]) * rng.uniform(15, 25))]
    return {name: [round(float(v), 4) for v in values] for name, values in truth.items()}


def _silhouette(pixels: np.ndarray[Any, np.dtype[np.uint8]]) -> np.ndarray[Any, Any]:
    """What is brighter than the background, with its holes."""
    from scipy.ndimage import binary_closing, binary_fill_holes, label

    seen = binary_fill_holes(binary_closing(np.pad(pixels > SEEN, 2)))[2:-2, 2:-2]
    parts, _ = label(seen, np.ones((3, 3)))
    largest = np.bincount(parts.ravel())[1:].argmax() + 1
    found: np.ndarray[Any, Any] = np.where(parts == largest, 255, 0).astype(np.uint8)
    return found


def _undone(pixels: np.ndarray[Any, Any], truth: Truth, mask: bool = False) -> Any:
    """T⁻¹ of one channel, as 8 bits; a mask's edge at one half."""
    import torch

    image = torch.from_numpy(pixels.astype(np.float32))[None, None] / 255
    if not mask:
        image = (image * 2 - 1).expand(1, 3, -1, -1)
    for name, values in reversed(truth.items()):
        image = transform(name).invert(image, torch.tensor([values]))
    found: Tensor = image[0, 0]
    unit = (found > 0.5).float() if mask else (found + 1) / 2
    return (unit * 255).round().clamp(0, 255).to(torch.uint8).numpy()


def transform(name: str) -> Transform:
    """One of the transforms that displace, with black outside."""
    from p2lbench.transforms.color import Brightness
    from p2lbench.transforms.projective import Rotation
    from p2lbench.transforms.spatial import Spatial

    made: Transform = {"spatial": Spatial, "color": Brightness, "rotation": Rotation}[name]()
    made.fill = -1.0
    return made


def _whole(mask: np.ndarray[Any, Any]) -> bool:
    """Whether all of the object is in the frame."""
    inner = mask[MARGIN:-MARGIN, MARGIN:-MARGIN]
    return bool(inner.any()) and int(inner.sum()) == int(mask.sum())


def main(folder: Path, each: int | None = None) -> None:
    """Write all photos and masks as PNG, and the manifests."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = ["file,class,mask,split,truth"]
    photos = [*(displaced() if each is None else by_class(each))]
    for photo in photos:
        file, mask = f"{photo.name}.png", f"{photo.name}-mask.png"
        _rgb(photo.pixels).save(folder / file)
        Image.fromarray(photo.mask).save(folder / mask)
        parts = [" ".join([name, *map(str, values)]) for name, values in photo.truth.items()]
        rows.append(f"{file},{photo.class_name},{mask},test,{'; '.join(parts)}")
    (folder / "manifest.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    if each is None:
        _write_centred(photos, folder / "centred")


def _write_centred(photos: Sequence[Displaced], folder: Path) -> None:
    """The photos as they were before."""
    folder.mkdir(exist_ok=True)
    rows = ["file,class,split"]
    for photo in photos:
        original = f"{photo.name.removesuffix('-turned')}.png"
        _rgb(photo.original).save(folder / original)
        rows.append(f"{original},{photo.class_name},test")
    (folder / "manifest.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")


def _rgb(pixels: np.ndarray[Any, np.dtype[np.uint8]]) -> Image.Image:
    return Image.fromarray(np.repeat(pixels[:, :, None], 3, 2))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--each", type=int, help="photos of every class")
    given = parser.parse_args()
    main(given.folder, given.each)
