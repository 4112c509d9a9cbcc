"""A suite's image as its results folder keeps it: pixels and mask by content, and what is said."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as Pillow

from p2lbench.errors import StoreError, UserError
from p2lbench.folder import TARGETS
from p2lbench.images import Array, Pixels, Share, pixel_digest, read_image
from p2lbench.plan import Image
from p2lbench.sample import Sample
from p2lbench.spec import Spec


@dataclass(frozen=True)
class StoredImage:
    """One target. `digest`, `mask_digest`: SHA-256 of its pixels, and of its mask if it has one;
    `class_name`: as the suite gave it; `truth`: its true transforms and their
    phi; `sample`: what made it, if it is a generator's own."""

    name: str
    digest: str
    mask_digest: str | None
    class_name: str | int | None
    truth: tuple[tuple[Spec, tuple[float, ...]], ...]
    sample: Sample | None
    folder: Path = field(repr=False, compare=False)

    @property
    def pixels(self) -> Pixels:
        """(H, W, 3) in 0 to 255. Raises: StoreError if they are not those that the run saw."""
        path = pixel_file(self.folder, self.digest)
        return _checked(path, self.digest, read_image)

    @property
    def mask(self) -> Share | None:
        """(H, W) in [0, 1], the foreground's share; None for no mask. Raises: StoreError."""
        if self.mask_digest is None:
            return None
        return _checked(mask_file(self.folder, self.mask_digest), self.mask_digest, _read_mask)

    def image(self, class_name: str | int | None) -> Image:
        """As a plan has it, of that class."""
        path = pixel_file(self.folder, self.digest)
        return Image(
            self.name,
            path,
            self.digest,
            class_name,
            mask_digest=self.mask_digest,
            truth=self.truth,
            sample=self.sample,
        )


def pixel_file(folder: Path, digest: str) -> Path:
    """Where pixels of that digest are kept in a results folder."""
    return folder / TARGETS / f"{digest}.png"


def mask_file(folder: Path, digest: str) -> Path:
    """Where a mask of that digest is kept."""
    return folder / TARGETS / f"{digest}.safetensors"


def pixel_bytes(pixels: Pixels) -> bytes:
    """PNG."""
    buffer = io.BytesIO()
    Pillow.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def mask_bytes(mask: Share) -> bytes:
    """Safetensors: shares of 32 bits, which no PNG holds."""
    from safetensors.numpy import save

    return save({"mask": np.ascontiguousarray(mask)})


def plain(image: Image) -> dict[str, Any]:
    """What a results folder's database says of an image, JSON-ready."""
    return {
        "digest": image.digest,
        "mask_digest": image.mask_digest,
        "class_name": image.class_name,
        "truth": [[spec.plain(), list(values)] for spec, values in image.truth],
        "sample": None if image.sample is None else image.sample.plain(),
    }


def read(name: str, told: Any, folder: Path) -> StoredImage:
    """The inverse of `plain`. Raises: KeyError, TypeError, ValueError if it is not one."""
    digests = str(told["digest"]), told["mask_digest"]
    if not all(digest is None or _is_digest(digest) for digest in digests):
        raise ValueError("not a digest")
    truth = tuple((Spec.read(spec), tuple(map(float, phi))) for spec, phi in told["truth"])
    sample = None if told.get("sample") is None else Sample.read(told["sample"])
    return StoredImage(name, *digests, told["class_name"], truth, sample, folder)


def _is_digest(text: str) -> bool:
    return len(text) == 64 and not set(text) - set("0123456789abcdef")


def _read_mask(path: Path) -> Share:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        return load_file(path)["mask"]
    except (SafetensorError, KeyError, OSError) as error:
        raise UserError(f"{path}: not a mask ({error})") from error


def _checked(path: Path, digest: str, read: Callable[[Path], Array]) -> Array:
    try:
        found = read(path)
    except UserError as error:
        raise StoreError(f"{path}: the target cannot be read ({error.message})") from error
    if pixel_digest(found) != digest:
        raise StoreError(f"{path}: this is not the target that the run saw; its pixels differ")
    return found
