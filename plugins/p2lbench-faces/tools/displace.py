"""Makes the images of the suite `table1-faces`: faces off the centre, by known amounts.

Six samples of the generator (the tier `typical` of the suite `faces`), made smaller and moved on a
grey ground; and two portraits, cut out wider and off the centre, so that what lies around the face
is photo. All are brighter or darker by a known factor. Beside each is a mask of where the face's
square is, and in the manifest the truth: the transforms that bring it back.

    python tools/displace.py FACES FOLDER --astronaut skimage/data/astronaut.png

`FACES` is `suites/images/faces` of p2lbench, `FOLDER` `suites/images/faces-displaced`.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from make_suite import EYES, PORTRAITS, SIDE, Image, matplotlib

SEED = 2020
SAMPLES = 6
FINER = 4  # images are moved at so many times their size
GROUND = 128  # the generator's grey
MARGIN = 0.04  # between the face's square and the frame, in halves of the image


def drawn(rng: np.random.Generator) -> tuple[list[float], float]:
    """(phi of `spatial`, phi of `color`): the face at 0.55 to 0.8 of its size, wholly in the frame,
    brighter or darker by up to 1.4."""
    size = rng.uniform(0.55, 0.8)
    room = 1 - MARGIN - size
    x, y = rng.uniform(-room, room, 2)
    gain = math.exp(rng.uniform(-math.log(1.4), math.log(1.4)))
    return [round(float(v), 4) for v in (size, size, x, y)], round(gain, 4)


def mask(phi: list[float]) -> Image.Image:
    """Where the face's square is: T⁻¹ of ones."""
    whole = moved(Image.new("L", (SIDE, SIDE), 255), phi, 0)
    return whole.point(lambda grey: 255 if grey > 127 else 0)


def moved(image: Image.Image, phi: list[float], ground: int = GROUND) -> Image.Image:
    """T⁻¹ of an image: what it has at x is then at s x + t, on coordinates from -1 to 1."""
    side = FINER * SIDE
    large = image.resize((side, side), Image.Resampling.LANCZOS)
    size, _, *shift = phi
    x, y = (side / 2 * (1 - (1 + t) / size) for t in shift)
    fill = ground if image.mode == "L" else (ground,) * 3
    placed = large.transform(
        large.size,
        Image.Transform.AFFINE,
        (1 / size, 0, x, 0, 1 / size, y),
        Image.Resampling.BICUBIC,
        fillcolor=fill,
    )
    return placed.resize((SIDE, SIDE), Image.Resampling.BOX)


def around(photo: Image.Image, name: str, phi: list[float]) -> Image.Image:
    """A square of a photo whose part that `phi` brings back is the face."""
    middle, eyes, side = PORTRAITS[name]
    size, _, x, y = phi
    wide = side / size
    left = middle - x * wide / 2 - wide / 2
    top = eyes - EYES * side + side / 2 - y * wide / 2 - wide / 2
    box = (left, top, left + wide, top + wide)
    if left < 0 or top < 0 or box[2] > photo.width or box[3] > photo.height:
        raise ValueError(f"{name}: the photo has nothing at {box}")
    return photo.convert("RGB").resize((SIDE, SIDE), Image.Resampling.LANCZOS, box)


def brightened(image: Image.Image, gain: float) -> Image.Image:
    """The inverse of `color` with phi = gain; what is too bright is clipped."""
    pixels = np.asarray(image.convert("RGB"), dtype=np.float64) / gain
    return Image.fromarray(pixels.round().clip(0, 255).astype(np.uint8))


def faces(folder: Path, astronaut: Path) -> Iterator[tuple[str, Image.Image, list[float], float]]:
    """Name, displaced image, and the phi of both transforms."""
    rng = np.random.Generator(np.random.Philox(SEED))
    for number in range(1, SAMPLES + 1):
        phi, gain = drawn(rng)
        with Image.open(folder / f"typical-{number}.png") as sample:
            yield (
                f"typical-{number}",
                brightened(moved(sample.convert("RGB"), phi), gain),
                phi,
                gain,
            )
    with (
        matplotlib.cbook.get_sample_data("grace_hopper.jpg") as file,
        Image.open(file) as hopper,
        Image.open(astronaut) as collins,
    ):
        for name, photo in (("collins", collins), ("hopper", hopper)):
            phi, gain = drawn(rng)
            yield f"real-{name}", brightened(around(photo, name, phi), gain), phi, gain


def main() -> None:
    """Write everything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("faces", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--astronaut", type=Path, required=True)
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    rows = ["file,mask,split,truth"]
    for name, image, phi, gain in faces(given.faces, given.astronaut):
        image.save(given.folder / f"{name}.png")
        mask(phi).save(given.folder / f"{name}-mask.png")
        truth = f"spatial {' '.join(map(str, phi))}; color {gain}"
        rows.append(f"{name}.png,{name}-mask.png,test,{truth}")
    (given.folder / "manifest.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
