"""`images: {prepared: NAME}` of a suite → the manifest of that name, checked to be what it was."""

from __future__ import annotations

from pathlib import Path

from p2lbench.datasets.place import NAME, folder
from p2lbench.datasets.record import MANIFEST, read_record
from p2lbench.errors import Place, UserError
from p2lbench.yamlfile import display

SOURCES = ("imagenet-pascal", "coco")
SUPER_CLASSES = 16  # of imagenet-pascal


def manifest_of(name: str, place: Place | None) -> Path:
    """The manifest of prepared images.

    Raises:
        UserError: nothing of that name was prepared here, not to its end, or a file has changed.
    """
    if not NAME.fullmatch(name):
        message = "expected the name of prepared images: letters, digits, '-', '_' and '.', got"
        raise UserError(f"{message} '{name}'", place)
    where = folder() / name
    record = read_record(where)
    if record is None or not record.complete:
        what = "is not prepared here" if record is None else "is prepared only in part"
        message = f"'{name}' {what} ({display(where)}): {command(name)}"
        raise UserError(message, place)
    if damaged := record.damaged(where):
        again = f"p2lbench prepare {record.source}, with the options it had, puts it right"
        raise UserError(f"'{name}': in {display(where)}, {damaged}; {again}", place)
    return where / MANIFEST


def command(name: str) -> str:
    """What to type to get images of a name."""
    source = next((source for source in SOURCES if name.startswith(source)), "folder")
    named = "" if name == source else f"{_drawn(name, source)} --name {name}"
    return f"p2lbench prepare {source} --root DIR{named}"


def _drawn(name: str, source: str) -> str:
    """A number at the end of a name, as in imagenet-pascal-16, is how many images it has."""
    number = name.removeprefix(f"{source}-")
    if source != "imagenet-pascal" or not (number.isascii() and number.isdecimal()):
        return ""
    each, rest = divmod(int(number), SUPER_CLASSES)
    return f" --per-class {each}" if each and not rest else ""
