"""Boxes in PASCAL VOC's XML, as ImageNet's annotations have them; from untrusted files."""

from __future__ import annotations

from pathlib import Path
from xml.parsers import expat

from p2lbench.datasets.boxes import Corners, check_size
from p2lbench.errors import Place, UserError
from p2lbench.images import Pixels
from p2lbench.yamlfile import display, read_bytes

_MAX_BYTES = 1_000_000
_MAX_DEPTH = 10
_NUMBERS = ("width", "height", "xmin", "ymin", "xmax", "ymax")
_OBJECT = ("annotation", "object")


def read_boxes(file: Path, name: str, pixels: Pixels) -> list[Corners]:
    """The boxes (x0, y0, x1, y1) of the objects of a name.

    Args:
        pixels: the photo, whose size must be the one that was annotated.

    Raises:
        UserError: no such file, a document type or entities in it, or not of that form.
    """
    reader = _Reader(Place(display(file)))
    reader.read(read_bytes(file, _MAX_BYTES))
    for size in reader.numbers(("annotation", "size"), "width", "height"):
        check_size(size, pixels, reader.place)
    return reader.boxes.get(name, [])


class _Reader:
    """Expat's events → the few numbers that are wanted."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.boxes: dict[str, list[Corners]] = {}
        self._path: list[str] = []
        self._text = ""
        self._name = ""
        self._numbers: dict[tuple[str, ...], dict[str, float]] = {}

    def read(self, content: bytes) -> None:
        parser = expat.ParserCreate()
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        parser.StartDoctypeDeclHandler = self._refuse
        parser.EntityDeclHandler = self._refuse
        try:
            parser.Parse(content, True)
        except (expat.ExpatError, ValueError, LookupError) as error:
            raise UserError(f"not valid XML: {error}", self.place) from error

    def numbers(self, path: tuple[str, ...], *names: str) -> list[tuple[float, ...]]:
        """The numbers of those names that stand directly below a path; none if one is missing."""
        found = self._numbers.get(path, {})
        return [tuple(found[name] for name in names)] if {*names} <= {*found} else []

    def _refuse(self, *_: object) -> None:
        raise UserError("a document type or entity, which annotations have none of", self.place)

    def _start(self, tag: str, _: dict[str, str]) -> None:
        self._path.append(tag)
        self._text = ""
        if len(self._path) > _MAX_DEPTH:
            raise UserError(f"nested more than {_MAX_DEPTH} levels deep", self.place)
        if tuple(self._path) == _OBJECT:
            self._name = ""
            self._numbers.pop((*_OBJECT, "bndbox"), None)

    def _characters(self, text: str) -> None:
        if len(self._text) < _MAX_BYTES // 1000:
            self._text += text

    def _end(self, tag: str) -> None:
        parent, text = tuple(self._path[:-1]), self._text.strip()
        if tag in _NUMBERS:
            self._numbers.setdefault(parent, {})[tag] = self._number(tag, text)
        if tag == "name" and parent == _OBJECT:
            self._name = text
        if (*parent, tag) == _OBJECT:
            for corners in self.numbers((*_OBJECT, "bndbox"), *_NUMBERS[2:]):
                x0, y0, x1, y1 = corners
                self.boxes.setdefault(self._name, []).append((x0, y0, x1, y1))
        self._path.pop()

    def _number(self, tag: str, text: str) -> float:
        if not text.replace(".", "", 1).isdecimal() or len(text) > 12:
            raise UserError(f"expected a number of pixels as {tag}, got '{text[:40]}'", self.place)
        return float(text)
