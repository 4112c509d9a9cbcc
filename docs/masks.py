"""Draw docs/images/masks.png: each kind of mask on one photo, and saliency on others.

python docs/masks.py
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image, ImageFilter

from p2lbench.images import Pixels, Share, read_image
from p2lbench.masks import Alpha, Box, Detected, File, Mask, Polygon, read_mask

ROOT = Path(__file__).parent.parent
PHOTOS = ROOT / "suites" / "images"
PHOTO = PHOTOS / "faces" / "real-collins.png"
OTHERS = ("fmnist/bag-126", "fmnist/sneaker-36", "faces/real-hopper", "faces/near-1", "faces/far-2")
OUTLINE = [(1, 36), (2, 22), (8, 10), (18, 2), (34, 0), (50, 3), (60, 12), (63, 27), (60, 40),
           (54, 46), (50, 56), (45, 64), (19, 64), (12, 54), (8, 43)]  # fmt: skip
SHADE = np.array([225, 60, 160])


def kinds(folder: Path) -> dict[str, tuple[Mask, Path]]:
    """Caption → a mask and its photo; the file and the alpha channel are made from the outline."""
    polygon = Polygon(tuple((float(x), float(y)) for x, y in OUTLINE))
    share = read_mask(polygon, PHOTO, read_image(PHOTO))
    grey = Image.fromarray((share * 255).astype(np.uint8))
    grey.save(folder / "mask.png")
    cutout = Image.open(PHOTO).convert("RGB")
    cutout.putalpha(grey.filter(ImageFilter.GaussianBlur(2)))
    cutout.save(folder / "cutout.png")
    return {
        "mask: head.png": (File(folder / "mask.png"), PHOTO),
        "{box: [8, 2, 60, 64]}": (Box(8, 2, 60, 64), PHOTO),
        "{polygon: [[1, 36], …]}": (polygon, PHOTO),
        "alpha": (Alpha(), folder / "cutout.png"),
        "{detect: saliency}": (Detected("saliency"), PHOTO),
    }


def shaded(pixels: Pixels, share: Share) -> Pixels:
    """The background in one colour."""
    part = share[..., None]
    return (part * pixels + (1 - part) * SHADE).astype(np.uint8)


def main() -> None:
    figure, axes = plt.subplots(2, 6, figsize=(12, 4.3), layout="constrained")
    with tempfile.TemporaryDirectory() as folder:
        top = kinds(Path(folder))
        rest = {name: (Detected("saliency"), PHOTOS / f"{name}.png") for name in OTHERS}
        axes[0, 0].imshow(read_image(PHOTO))
        axes[0, 0].set_title("the photo", fontsize=9)
        axes[1, 0].set_title("saliency on others:", fontsize=9, y=0.45)
        places = [*axes[0, 1:], *axes[1, 1:]]
        for place, (title, (mask, photo)) in zip(places, {**top, **rest}.items(), strict=True):
            # A cutout's transparent pixels are decoded as black; the photo shows what was there.
            pixels = read_image(PHOTO if mask == Alpha() else photo)
            place.imshow(shaded(pixels, read_mask(mask, photo, pixels)), interpolation="nearest")
            place.set_title(title, fontsize=9)
    for place in axes.flat:
        place.axis("off")
    figure.savefig(ROOT / "docs" / "images" / "masks.png", dpi=80)


if __name__ == "__main__":
    main()
