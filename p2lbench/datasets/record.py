"""`prepared.json`: what a folder of prepared images is, and whether it still is that."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from p2lbench.checks import checked
from p2lbench.errors import Place, UserError
from p2lbench.weights.files import replacing
from p2lbench.yamlfile import always, display, read_bytes

RECORD, MANIFEST = "prepared.json", "manifest.csv"
PROCEDURE = 1  # of the draw; another one draws other images
_MAX_BYTES = 20_000_000


class Skipped(BaseModel):
    """A photo that was drawn and cannot be used."""

    model_config = ConfigDict(extra="forbid", strict=True)
    file: str
    reason: str


class Prepared(BaseModel):
    """What was drawn, from where, and the SHA-256 of every file.

    `files`: by their paths in the folder, the manifest included. `classes`: how many test images
    each group has. `complete`: False while images are drawn.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)
    name: str
    source: str
    root: str
    options: dict[str, Any]
    procedure: int = PROCEDURE
    p2lbench: str
    complete: bool = False
    files: dict[str, Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]] = {}
    classes: dict[str, int] = {}
    tune_images: int = 0
    skipped: list[Skipped] = []

    def differences(self, other: Prepared) -> list[str]:
        """What they were asked for differently, in words."""
        here, there = other._asked(), self._asked()
        return [
            f"{name}: {there.get(name)} there, {here.get(name)} here"
            for name in {**there, **here}
            if there.get(name) != here.get(name)
        ]

    def _asked(self) -> dict[str, Any]:
        asked = {"source": self.source, "root": self.root, "procedure": self.procedure}
        return {**asked, **self.options}

    def damaged(self, folder: Path) -> str | None:
        """The first file that is gone or no longer what it was, and which of both it is."""
        if MANIFEST not in self.files:
            return f"{MANIFEST} is not in {RECORD}"
        for name, sha256 in self.files.items():
            try:
                same = has_hash(folder / name, sha256)
            except (OSError, ValueError):
                same = None
            if not same:
                return f"{name} {'has changed' if same is False else 'is gone or cannot be read'}"
        return None

    def write(self, folder: Path) -> None:
        """Replace the folder's record."""
        with replacing(folder / RECORD) as out:
            out.write((json.dumps(self.model_dump(), indent=1) + "\n").encode())


def has_hash(path: Path, sha256: str) -> bool | None:
    """Whether a file has a SHA-256; None if there is no such regular file.

    Raises:
        OSError: it cannot be read.
    """
    if not path.is_file():  # opening a FIFO would wait for ever
        return None
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == sha256


def text(path: Path | str) -> str:
    """A path as JSON takes it: bytes that are no text are spelt out."""
    return str(path).encode("utf-8", "backslashreplace").decode()


def read_record(folder: Path) -> Prepared | None:
    """The record of a folder; None if it has none.

    Raises:
        UserError: it is damaged.
    """
    file = folder / RECORD
    if not file.exists():
        return None
    place = Place(display(file))
    try:
        content: Mapping[str, Any] = json.loads(read_bytes(file, _MAX_BYTES))
    except (ValueError, RecursionError) as error:
        raise UserError(f"damaged ({error}): prepare it again with --fresh", place) from error
    return checked(Prepared, content, always(place))
