"""Makes the images of the suite `faces`: the generator's own samples and crops of two portraits.

Writes a PNG for each, their manifest, and the samples' latents in `z.safetensors`; and the picture
of the README, `samples.png`.

    python tools/make_suite.py FOLDER --astronaut skimage/data/astronaut.png

`FOLDER` is `suites/images/faces` of p2lbench. The astronaut is in scikit-image's wheel (`pip
download --no-deps scikit-image==0.26.0`), the other portrait comes with matplotlib.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path

import matplotlib.cbook
import numpy as np
import torch
from p2lbench_faces import Faces
from PIL import Image, ImageOps
from safetensors.torch import save_file
from torch import Tensor

# How far from the prior's mean a tier's latents lie, in standard deviations per coordinate.
SCALES = {"near": 0.75, "typical": 1.0, "far": 1.5}
COUNTS = {"test": {"near": 8, "typical": 8, "far": 8}, "tune": {"near": 1, "typical": 2, "far": 1}}

# The eyes' height and the middle between them, and the side of the square, in pixels. The mean of
# the generator's faces has its eyes at 0.45 of the height, and a third of the side apart.
EYES = 0.45
PORTRAITS = {
    "collins": (226, 101, 130),
    "collins-wide": (226, 101, 162),
    "hopper": (268, 189, 250),
    "hopper-wide": (268, 189, 312),
}
SIDE = 64


def latents(split: str, tier: str, number: int) -> Tensor:
    """z (100,): scaled normal draws; what falls beyond the bound is drawn again.

    The stream depends on split, tier and number alone. No cell's seed can be the same: theirs are
    hashes of other texts (`p2lbench.seeds`).
    """
    text = f"p2lbench-faces/{split}/{tier}/{number}"
    seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:16], "big")
    rng = np.random.Generator(np.random.Philox(seed))
    bound = Faces.variables[0].bound
    z = SCALES[tier] * rng.standard_normal(100)
    while (beyond := np.abs(z) > bound).any():
        z[beyond] = SCALES[tier] * rng.standard_normal(beyond.sum())
    return torch.from_numpy(z.astype(np.float32))


def samples() -> Iterator[tuple[str, Tensor]]:
    """Every sample's name and z."""
    for split, counts in COUNTS.items():
        for tier, count in counts.items():
            for number in range(1, count + 1):
                prefix = "" if split == "test" else f"{split}-"
                yield f"{prefix}{tier}-{number}", latents(split, tier, number)


def picture(faces: Faces, z: Tensor) -> Image.Image:
    """The generator's image of one z, in 8 bits."""
    with torch.no_grad():
        image = faces.forward(z=z[None])[0]
    pixels = ((image.permute(1, 2, 0) + 1) * 127.5).round().clamp(0, 255)
    return Image.fromarray(pixels.numpy().astype(np.uint8))


def crop(photo: Image.Image, middle: int, eyes: int, side: int) -> Image.Image:
    """A square around a face, 64×64, with the eyes where the generator has them."""
    left, top = middle - side // 2, round(eyes - EYES * side)
    box = (left, top, left + side, top + side)
    return photo.convert("RGB").resize((SIDE, SIDE), Image.Resampling.LANCZOS, box)


def portraits(astronaut: Path) -> Iterator[tuple[str, Image.Image]]:
    """Every crop's name and picture, and its mirror image."""
    with (
        matplotlib.cbook.get_sample_data("grace_hopper.jpg") as file,
        Image.open(file) as hopper,
        Image.open(astronaut) as collins,
    ):
        for name, place in PORTRAITS.items():
            face = crop(hopper if name.startswith("hopper") else collins, *place)
            yield f"real-{name}", face
            yield f"real-{name}-mirrored", ImageOps.mirror(face)


def in_turn(names: list[str]) -> list[str]:
    """Names of all tiers in turn, so that a run's first images have one of each."""
    tiers: dict[str, list[str]] = {}
    for name in names:
        tiers.setdefault(name.partition("-")[0], []).append(name)
    return [name for row in zip_longest(*tiers.values()) for name in row if name]


def sheet(pictures: dict[str, Image.Image]) -> Image.Image:
    """The test images of each tier in a row."""
    tiers = ("near", "typical", "far", "real")
    made = Image.new("RGB", (8 * SIDE, len(tiers) * SIDE), "white")
    for y, tier in enumerate(tiers):
        row = [image for name, image in pictures.items() if name.startswith(tier)]
        for x, image in enumerate(row):
            made.paste(image, (x * SIDE, y * SIDE))
    return made


def main() -> None:
    """Write everything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--astronaut", type=Path, required=True)
    given = parser.parse_args()
    faces = Faces()
    faces.load("cpu")
    truth = dict(samples())
    save_file(truth, given.folder / "z.safetensors")
    pictures = {name: picture(faces, z) for name, z in truth.items()}
    pictures = {**dict(portraits(given.astronaut)), **pictures}
    for name, image in pictures.items():
        image.save(given.folder / f"{name}.png")
    sheet(pictures).save(Path(__file__).parents[1] / "samples.png")
    tune = [name for name in pictures if name.startswith("tune-")]
    # The wide crops are for the longer suite on portraits alone.
    test = in_turn([name for name in pictures if name not in tune and "wide" not in name])
    with (given.folder / "manifest.csv").open("w", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["file", "split"])
        rows.writerows([f"{name}.png", "test"] for name in test)
        rows.writerows([f"{name}.png", "tune"] for name in tune)


if __name__ == "__main__":
    main()
