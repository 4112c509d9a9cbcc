"""Images from untrusted files, without torch: arrays, checked, hashed and resized."""

from __future__ import annotations

import hashlib
import os
import stat
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from p2lbench.errors import Place, UserError
from p2lbench.yamlfile import display

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF")
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif")
MAX_PIXELS = 64_000_000

Pixels = np.ndarray[Any, np.dtype[np.uint8]]
Share = np.ndarray[Any, np.dtype[np.float32]]
Array = TypeVar("Array", bound=np.ndarray[Any, Any])

# What Pillow's decoders raise on damaged files.
_DAMAGED = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    AttributeError,
    EOFError,
    RuntimeError,
    struct.error,
)


def read_image(path: Path) -> Pixels:
    """Decode an image to (H, W, 3) RGB, 8 bits, upright.

    The orientation in EXIF is applied, 16-bit grey is scaled to 8, transparent pixels are laid
    over black, and of an animation the first frame is taken. Colour profiles are not applied.

    Raises:
        UserError: missing, damaged, no image, of another format, or of more than 64 megapixels
            (told from the header, before anything is decoded).
    """
    with _upright(path) as image:
        return np.asarray(_rgb(image), dtype=np.uint8)


def read_alpha(path: Path) -> Pixels | None:
    """The opacity of an image's pixels (H, W), upright; None if it has none.

    Raises:
        UserError: as `read_image`.
    """
    with _upright(path) as image:
        if not image.has_transparency_data:
            return None
        return np.asarray(image.convert("RGBA").getchannel("A"), dtype=np.uint8)


def is_turned(path: Path) -> bool:
    """Whether an image's EXIF data say to turn or mirror it, as `read_image` does.

    Raises:
        UserError: as `read_image`.
    """
    _check_file(path)
    with _opened(path) as image:
        return image.getexif().get(ExifTags.Base.Orientation, 1) in range(2, 9)


def pixel_digest(array: np.ndarray[Any, Any]) -> str:
    """SHA-256 of an array's type, shape and values: the same for the same pixels in any file."""
    digest = hashlib.sha256(f"{array.dtype.name} {array.shape} ".encode())
    little = array.astype(array.dtype.newbyteorder("<"), copy=False)
    digest.update(np.ascontiguousarray(little).data)
    return digest.hexdigest()


def fit(array: Array, size: tuple[int, int]) -> Array:
    """The largest central part of `size`'s proportions, resized to `size` (height, width).

    Antialiased: photos (H, W, 3) by a Lanczos filter; masks (H, W) by a triangle filter, since
    Lanczos would overshoot and a share below 0 means nothing. What has the size is not changed.
    """
    top, left, height, width = central((array.shape[0], array.shape[1]), size)
    part: Any = array[top : top + height, left : left + width]
    cropped = cast("Array", np.ascontiguousarray(part))
    if cropped.shape[:2] == size:
        return cropped
    mask = array.ndim == 2
    kind = Image.Resampling.BILINEAR if mask else Image.Resampling.LANCZOS
    resized = np.array(Image.fromarray(cropped).resize(size[::-1], kind), dtype=array.dtype)
    final: Any = np.clip(resized, array.min(), array.max()) if mask else resized
    return cast("Array", final)


def central(shape: tuple[int, int], size: tuple[int, int]) -> tuple[int, int, int, int]:
    """(top, left, height, width) of the largest central part of `size`'s proportions in an image
    of a shape (height, width)."""
    scale = min(shape[0] / size[0], shape[1] / size[1])
    height, width = (max(1, round(side * scale)) for side in size)
    return (shape[0] - height) // 2, (shape[1] - width) // 2, height, width


def _check_file(path: Path) -> None:
    place = Place(display(path))
    try:
        status = path.stat()
    except FileNotFoundError as error:
        raise UserError("no such image file: check the path", place) from error
    except (OSError, ValueError) as error:
        raise UserError(f"cannot be read: {getattr(error, 'strerror', error)}", place) from error
    if stat.S_ISDIR(status.st_mode):
        raise UserError("expected an image file, got a folder: write {folder: ...}", place)
    if not stat.S_ISREG(status.st_mode):  # opening a FIFO would wait for ever
        raise UserError("expected an image file, got a device or pipe", place)
    if status.st_size == 0:
        raise UserError("the image file is empty (0 bytes): export it again", place)


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """An image of which only the header is read; whatever a decoder raises is a UserError."""
    place = Place(display(path))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # odd metadata is no concern of the user's
        try:
            with Image.open(os.fspath(path), formats=FORMATS) as image:
                yield image
        except Image.DecompressionBombError as error:
            message = "far more than 64 megapixels, or a decompression bomb; scale it down"
            raise UserError(message, place) from error
        except UnidentifiedImageError as error:
            listed = ", ".join(FORMATS)
            raise UserError(f"not an image: expected one of {listed}", place) from error
        except PermissionError as error:
            raise UserError("cannot be read: permission denied", place) from error
        except _DAMAGED as error:
            message = f"the image is damaged or cut short ({error}); export it again"
            raise UserError(message, place) from error


@contextmanager
def _upright(path: Path) -> Iterator[Image.Image]:
    """An image of at most 64 megapixels, decoded to 8 bits, its orientation applied."""
    _check_file(path)
    with _opened(path) as image:
        width, height = image.size
        if width * height > MAX_PIXELS:
            message = f"{width} x {height} pixels: expected at most 64 megapixels; scale it down"
            raise UserError(message, Place(display(path)))
        if image.mode in ("I", "F"):
            message = f"{image.mode} pixels of 32 bits: expected 8 or 16 bits per channel"
            raise UserError(message, Place(display(path)))
        try:
            yield ImageOps.exif_transpose(_eight_bits(image))
        except MemoryError as error:
            message = f"{width} x {height} pixels do not fit into memory; scale it down"
            raise UserError(message, Place(display(path))) from error


def _eight_bits(image: Image.Image) -> Image.Image:
    if not image.mode.startswith("I;16"):
        return image
    sixteen = np.asarray(image, dtype=np.uint16).astype(np.uint32)
    grey = Image.fromarray(((sixteen + 128) // 257).astype(np.uint8))
    grey.info.update(image.info)
    grey.getexif().update(image.getexif())
    return grey


def _rgb(image: Image.Image) -> Image.Image:
    if image.has_transparency_data:
        black = Image.new("RGBA", image.size, (0, 0, 0, 255))
        image = Image.alpha_composite(black, image.convert("RGBA"))
    return image.convert("RGB")
