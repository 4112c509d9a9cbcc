"""The `images:` of a suite: files, folders and manifests → images, each decoded once."""

from __future__ import annotations

import csv
import io
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import BaseModel, Field

from p2lbench.checks import STRICT, Problems, checked, got
from p2lbench.datasets.named import manifest_of
from p2lbench.errors import Place, UserError, did_you_mean
from p2lbench.images import SUFFIXES, pixel_digest, read_image
from p2lbench.masks import Mask, read_mask
from p2lbench.masks.written import from_cell, from_yaml
from p2lbench.plan import Image
from p2lbench.sample import read_sample
from p2lbench.yamlfile import Locate, always, below, decode, display, nowhere, read_bytes

MAX_MANIFEST = 20_000_000
COLUMNS = ("file", "class", "mask", "split", "truth", "point")
KINDS = ("file", "folder", "manifest", "prepared")

Split = Literal["tune", "test"]
TUNE: Split = "tune"


class _File(BaseModel):
    model_config = STRICT
    file: str
    class_name: str | int | None = Field(None, alias="class")
    mask: Any = None
    split: Split | None = None
    truth: dict[str, list[float]] | None = None
    point: str | None = None


class _Folder(BaseModel):
    model_config = STRICT
    folder: str
    class_name: str | int | None = Field(None, alias="class")
    split: Split | None = None


class _Manifest(BaseModel):
    model_config = STRICT
    manifest: str


class _Prepared(BaseModel):
    model_config = STRICT
    prepared: str


@dataclass(frozen=True)
class Wanted:
    """An image that a suite asks for, before it is read; where it, its mask and class stand."""

    file: Path
    class_name: str | int | None
    mask: Mask | None
    split: str | None
    place: Place | None
    mask_place: Place | None
    class_place: Place | None
    truth: Mapping[str, list[float]] = field(default_factory=dict)
    truth_locate: Locate = nowhere
    point: Path | None = None
    point_place: Place | None = None


@dataclass(frozen=True)
class Found:
    """A suite's image, and where its class and its mask stand (or should).

    `truth`: transform → phi, as written; names are not known here.
    """

    image: Image
    place: Place | None
    mask_place: Place | None
    truth: Mapping[str, list[float]]
    truth_locate: Locate


def read_images(written: Any, folder: Path, locate: Locate, problems: Problems) -> list[Found]:
    """All images of a suite, in its order; each is decoded to be checked and hashed, none kept.

    Args:
        written: what stands below `images:`.
        folder: the suite's folder, which its paths are relative to.
        locate: where something below `written` stands.
        problems: takes every error.
    """
    wanted: list[Wanted] = []
    entries = [((), written)] if isinstance(written, dict) else _numbered(written)
    for keys, entry in entries:
        with problems.catch():
            wanted += _entry(entry, folder, below(locate, *keys))
    found = []
    for want, name in zip(wanted, _names(wanted, folder, problems), strict=True):
        with problems.catch():
            places = want.class_place, want.mask_place, want.truth, want.truth_locate
            found.append(Found(_read(want, name), *places))
    _check_splits(found, problems)
    _check_truths(found, problems)
    return found


def _check_splits(found: Sequence[Found], problems: Problems) -> None:
    """The same photo for tuning and for the test would make the test no test."""
    tuned = {f.image.digest: f.image.name for f in found if f.image.split == TUNE}
    for other in found:
        if other.image.split != TUNE and other.image.digest in tuned:
            message = f"'{other.image.name}' has the pixels of '{tuned[other.image.digest]}', which"
            message += " is for tuning (split: tune): a photo may be for one of both"
            problems.add(UserError(message, other.place))


def _check_truths(found: Sequence[Found], problems: Problems) -> None:
    """The same photo with the same mask is one cell, which has one truth."""
    first: dict[tuple[str, str | None], Found] = {}
    for other in found:
        one = first.setdefault((other.image.digest, other.image.mask_digest), other)
        if [*one.truth.items()] != [*other.truth.items()]:
            message = f"'{other.image.name}' has the pixels and the mask of '{one.image.name}', but"
            message += " another truth: expected the same truth, or one of both images alone"
            problems.add(UserError(message, other.truth_locate() or other.place))


def _numbered(entries: Any) -> list[tuple[tuple[int, ...], Any]]:
    return [((i,), entry) for i, entry in enumerate(entries)]


def _entry(entry: Any, folder: Path, locate: Locate) -> list[Wanted]:
    if isinstance(entry, str):
        entry = {"file": entry}
        locate = always(locate())
    kind = next((k for k in KINDS if isinstance(entry, dict) and k in entry), None)
    if kind is None:
        expected = "a path, {file: ...}, {folder: ...}, {manifest: ...} or {prepared: ...}"
        raise UserError(f"expected {expected}, got {_described(entry)}", locate())
    if kind == "file":
        return _file(checked(_File, entry, locate), folder, locate)
    if kind == "folder":
        return _folder(checked(_Folder, entry, locate), folder, locate)
    if kind == "prepared":
        name = checked(_Prepared, entry, locate).prepared
        return _manifest(manifest_of(name, locate("prepared")), locate("prepared"))
    manifest = folder / checked(_Manifest, entry, locate).manifest
    return _manifest(manifest, locate("manifest"))


def _described(entry: Any) -> str:
    return f"the keys {', '.join(entry)}" if isinstance(entry, dict) and entry else got(entry)


def _file(entry: _File, folder: Path, locate: Locate) -> list[Wanted]:
    at = below(locate, "mask")
    mask = None if entry.mask is None else from_yaml(entry.mask, folder, at)
    places = locate("file"), locate("mask"), locate("class")
    truth = entry.truth or {}, below(locate, "truth")
    point = None if entry.point is None else folder / entry.point, locate("point")
    wanted = folder / entry.file, entry.class_name, mask, entry.split
    return [Wanted(*wanted, *places, *truth, *point)]


def _folder(entry: _Folder, folder: Path, locate: Locate) -> list[Wanted]:
    """The images of a folder in the order of their names; a sub-folder is a class."""
    root, place = folder / entry.folder, locate("folder")
    if not os.path.isdir(root):
        raise UserError(f"{display(root)}: no such folder", place)
    found: list[Wanted] = []
    for path in _listing(root, place):
        is_class = os.path.isdir(path)
        inner = _listing(path, place) if is_class else [path]
        own = _number_or_name(path.name) if is_class else None
        given = own if entry.class_name is None else entry.class_name
        images = [file for file in inner if file.suffix.lower() in SUFFIXES]
        found += [
            Wanted(file, given, None, entry.split, place, None, place)
            for file in images
            if not os.path.isdir(file)
        ]
    if not found:
        message = f"{display(root)}: no images in it; expected {', '.join(SUFFIXES)}"
        raise UserError(message, place)
    return found


def _listing(folder: Path, place: Place | None) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError as error:
        raise UserError(f"{display(folder)} cannot be read: {error.strerror}", place) from error


def _manifest(file: Path, place: Place | None) -> list[Wanted]:
    """The rows of a CSV file; its paths are relative to the file itself, so that it can move."""
    if not os.path.exists(file):
        raise UserError(f"{display(file)}: no such manifest", place)
    text, name = decode(read_bytes(file, MAX_MANIFEST), display(file)), display(file)
    rows = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    problems, found = Problems(), []
    try:
        _check_columns(rows.fieldnames, name)
        for row in rows:
            with problems.catch():
                found.append(_row(row, file.parent, Place(name, rows.line_num)))
    except csv.Error as error:
        problems.add(UserError(f"not valid CSV: {error}", Place(name, rows.reader.line_num)))
    problems.check()
    if not found:
        raise UserError("no images in it: expected a line per image", Place(name, 1))
    return found


def _check_columns(columns: Sequence[str] | None, name: str) -> None:
    place, columns = Place(name, 1), columns or ()
    for column in columns:
        if column not in COLUMNS:
            message = f"unknown column '{column}'.{did_you_mean(column, COLUMNS)}"
            raise UserError(f"{message} Known columns: {', '.join(COLUMNS)}", place)
    if "file" not in columns or len(set(columns)) < len(columns):
        raise UserError(
            f"expected the columns {', '.join(COLUMNS)}, each once; at least file", place
        )


def _row(row: Mapping[str | None, Any], folder: Path, place: Place) -> Wanted:
    if None in row:
        raise UserError("more cells than columns: quote a cell that has a comma", place)
    cells = {key: (value or "").strip() for key, value in row.items()}
    if not cells["file"]:
        raise UserError("no file in this line", place)
    split = cells.get("split") or None
    if split not in (None, *get_args(Split)):
        raise UserError(f"expected split tune, test or nothing, got '{split}'", place)
    mask = from_cell(cells.get("mask", ""), folder, place)
    given = _number_or_name(cells.get("class", ""))
    truth = _truth_cell(cells.get("truth", ""), place)
    places = place, place, place
    point = folder / cells["point"] if cells.get("point") else None
    wanted = folder / cells["file"], given, mask, split
    return Wanted(*wanted, *places, truth, always(place), point, place)


def _truth_cell(cell: str, place: Place) -> dict[str, list[float]]:
    """`spatial 1 1 0.3 0; color 0.7`: each transform and its parameters."""
    truth: dict[str, list[float]] = {}
    for part in cell.split(";") if cell else ():
        name, *values = part.split() or [""]
        try:
            numbers = [float(value) for value in values]
        except ValueError:
            numbers = []
        if not numbers or name in truth or not all(map(isfinite, numbers)):
            example = "'spatial 1 1 0.3 0; color 0.7'"
            raise UserError(f"truth: expected transforms as {example}, got '{cell}'", place)
        truth[name] = numbers
    return truth


def _number_or_name(text: str) -> str | int | None:
    """A class where all is text: digits are its number."""
    if text.isdecimal() and text.isascii() and len(text) < 10:
        return int(text)
    return text or None


def _names(wanted: list[Wanted], folder: Path, problems: Problems) -> list[str]:
    """Each image's stem; where stems repeat, its path relative to the suite's folder."""
    files = [
        os.path.relpath(os.path.abspath(want.file), os.path.abspath(folder)) for want in wanted
    ]
    for file, count in Counter(files).items():
        if count > 1:
            last = len(files) - 1 - files[::-1].index(file)
            message = f"{file} is listed {count} times: remove all but one"
            problems.add(UserError(message, wanted[last].place))
    stems = Counter(want.file.stem for want in wanted)
    return [
        want.file.stem if stems[want.file.stem] == 1 else Path(file).as_posix()
        for want, file in zip(wanted, files, strict=True)
    ]


def _read(want: Wanted, name: str) -> Image:
    with _placed(want.place):
        pixels = read_image(want.file)
    mask_digest = None
    if want.mask is not None:
        with _placed(want.mask_place):
            mask_digest = pixel_digest(read_mask(want.mask, want.file, pixels))
    return Image(
        name,
        want.file,
        pixel_digest(pixels),
        want.class_name,
        want.mask,
        mask_digest,
        want.split,
        sample=None if want.point is None else read_sample(want.point, want.point_place),
    )


@contextmanager
def _placed(place: Place | None) -> Iterator[None]:
    """Errors about a file also say where the suite names it."""
    try:
        yield
    except UserError as error:
        raise UserError(str(error), place) from error
