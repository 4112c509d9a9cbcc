"""What there is to draw from: photos in groups, and what tells where their objects are."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from p2lbench.errors import UserError
from p2lbench.images import SUFFIXES, Pixels
from p2lbench.masks.kinds import Box
from p2lbench.yamlfile import display


@dataclass(frozen=True)
class Photo:
    """A file that may be drawn.

    `key`: by what it is drawn, its class and its file's name, which are the same in every layout
    of a data set. `group`: of which so many are wanted; empty where there is one group alone.
    """

    file: Path
    key: str
    group: str
    class_name: str | int | None


FindBox = Callable[[Photo, Pixels], Box | None]


@dataclass(frozen=True)
class Pool:
    """The photos by group, and the box of one; `find_box` raises UserError where there is none to
    be had, and the photo is passed over."""

    groups: Mapping[str, Sequence[Photo]]
    find_box: FindBox


def in_order(photos: Iterable[Photo], seed: int) -> list[Photo]:
    """Photos in the order in which they are drawn: that of the SHA-256 of the seed and their keys.

    So it depends on nothing but names: not on a folder's order, nor on what else is in it.
    """
    return sorted(photos, key=lambda photo: (_lot(photo.key, seed), photo.key))


def _lot(key: str, seed: int) -> bytes:
    return hashlib.sha256(f"{seed} ".encode() + os.fsencode(key)).digest()


def photos_in(folder: Path) -> list[Path]:
    """The image files of a folder, by name.

    Raises:
        UserError: it cannot be read.
    """
    return [file for file in listing(folder) if file.suffix.lower() in SUFFIXES]


def listing(folder: Path) -> list[Path]:
    """What is in a folder, by name, without what is hidden.

    Raises:
        UserError: it cannot be read.
    """
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if not entry.name.startswith(".")]
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UserError(f"{display(folder)} cannot be read: {reason}") from error
    return [folder / name for name in sorted(names)]
