"""From a pool to the images that are drawn: in the order of the lot, those that can be used."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from p2lbench.datasets.boxes import check_view
from p2lbench.datasets.photos import Photo, Pool, in_order
from p2lbench.datasets.record import Skipped, text
from p2lbench.errors import UserError
from p2lbench.images import pixel_digest, read_image
from p2lbench.masks.kinds import Box
from p2lbench.weights import WeightsMissing
from p2lbench.yamlfile import read_bytes

MAX_FILE = 200_000_000

Say = Callable[[str], None]


@dataclass(frozen=True)
class Chosen:
    """A photo that was drawn: its content, and its box if it has one."""

    photo: Photo
    split: str
    content: bytes
    box: Box | None

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


@dataclass
class Choosing:
    """Draws from a pool.

    `count`, `tune`: how many test images of each group, and how many more for tuning. `skipped`
    grows as photos that are drawn cannot be used; the next ones take their places.
    """

    pool: Pool
    seed: int
    count: int
    tune: int
    say: Say
    skipped: list[Skipped] = field(default_factory=list)
    _pixels: dict[str, str] = field(default_factory=dict)

    def check(self) -> None:
        """Before anything is read or written.

        Raises:
            UserError: a group has fewer files than are wanted.
        """
        for group, photos in self.pool.groups.items():
            if len(photos) < self.wanted:
                raise _too_few(group, len(photos), self.wanted, len(photos))

    @property
    def wanted(self) -> int:
        """Images of each group."""
        return self.count + self.tune

    def chosen(self) -> Iterator[Chosen]:
        """Group by group, in the order of the draw.

        Raises:
            UserError: a group has too few photos that can be used.
        """
        for group, photos in self.pool.groups.items():
            taken, passed_over = 0, len(self.skipped)
            for photo in in_order(photos, self.seed):
                if taken == self.wanted:
                    break
                if (found := self._usable(photo, "test" if taken < self.count else "tune")) is None:
                    continue
                yield found
                taken += 1
            if taken < self.wanted:
                reasons = [skipped.reason for skipped in self.skipped[passed_over:]]
                last = next(reversed(reasons), None)
                raise _too_few(group, taken, self.wanted, len(photos), last)

    def _usable(self, photo: Photo, split: str) -> Chosen | None:
        total = self.wanted * len(self.pool.groups)
        self.say(f"{len(self._pixels)} of {total} images: {photo.file.name}")
        try:
            return self._read(photo, split)
        except WeightsMissing:
            raise
        except UserError as error:
            self.skipped.append(Skipped(file=text(photo.file), reason=text(error.message)))
            return None

    def _read(self, photo: Photo, split: str) -> Chosen:
        content, pixels = read_bytes(photo.file, MAX_FILE), read_image(photo.file)
        digest = pixel_digest(pixels)
        if digest in self._pixels:
            raise UserError(f"the same pixels as {self._pixels[digest]}")
        box = self.pool.find_box(photo, pixels)
        if box is not None:
            check_view(box, pixels)
        self._pixels[digest] = photo.file.name
        return Chosen(photo, split, content, box)


def _too_few(
    group: str, taken: int, wanted: int, there: int, reason: str | None = None
) -> UserError:
    """`reason`: why the last one could not be used, where some were looked at already."""
    of_what = f"'{group}': " if group else ""
    message = f"{of_what}{taken} of {wanted} images can be had from {there} files"
    if reason is None:
        return UserError(f"{message}. Ask for fewer images, or add photos")
    last = f"; the last that cannot be used: {reason}"
    return UserError(f"{message}{last}. Ask for fewer images with --fresh, or add photos")
