"""The tables that ImageNet's validation photos are labelled by: Kaggle's, and the devkit's."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from p2lbench.datasets.boxes import Corners
from p2lbench.datasets.imagenet import CLASS_OF
from p2lbench.errors import Place, UserError
from p2lbench.yamlfile import decode, display, read_bytes

SOLUTIONS = ("LOC_val_solution.csv", "LOC_train_solution.csv")
TRUTH, META = "ILSVRC2012_validation_ground_truth.txt", "meta.mat"
_DEVKIT = (".", "data", "ILSVRC2012_devkit_t12/data")
_MAX_TABLE = 150_000_000
_MAX_TRUTH = 1_000_000
_MAX_META = 10_000_000
_VALIDATION = 50_000


@dataclass(frozen=True)
class Labels:
    """What tables say of photos, by the files' names without ending.

    `predictions`: `wnid x0 y0 x1 y1`, once or more. `wnids`: the class alone. `missing`: why the
    class of a photo cannot be known.
    """

    predictions: Mapping[str, str] = field(default_factory=dict)
    wnids: Mapping[str, str] = field(default_factory=dict)
    missing: str = ""

    @property
    def has_boxes(self) -> bool:
        return bool(self.predictions)

    def wnid(self, stem: str) -> str:
        """The class of a photo.

        Raises:
            UserError: no table has it.
        """
        if stem in self.predictions:
            return self.predictions[stem].partition(" ")[0]
        if stem not in self.wnids:
            raise UserError(self.missing or f"{stem}: no table of labels has its class")
        return self.wnids[stem]

    def boxes(self, stem: str, wnid: str) -> list[Corners]:
        """The boxes of a class.

        Raises:
            UserError: the line is not one of boxes.
        """
        text = self.predictions.get(stem, "")
        words = iter(text.split())
        try:
            lines = list(zip(words, *[map(float, words)] * 4, strict=True))
        except ValueError as error:
            message = f"{stem}: expected 'wnid x0 y0 x1 y1', once or more, got '{text[:80]}'"
            raise UserError(message) from error
        return [(x0, y0, x1, y1) for name, x0, y0, x1, y1 in lines if name == wnid]


def read_labels(folders: Sequence[Path]) -> Labels:
    """The first tables that are found of either kind.

    Raises:
        UserError: one is damaged.
    """
    predictions: dict[str, str] = {}
    for name in SOLUTIONS:
        if file := _first(folders, (".",), name):
            predictions.update(_solution(file))
    truth = _first(folders, _DEVKIT, TRUTH)
    meta = _first([truth.parent, *folders] if truth else folders, _DEVKIT, META)
    if truth and meta:
        return Labels(predictions, _ground_truth(truth, _wnids(meta)))
    if truth:
        return Labels(predictions, missing=_LACKS_META.format(display(truth)))
    return Labels(predictions, missing=_LACKS_TABLE)


_LACKS_META = (
    "{}: its numbers are the devkit's own, not the order of the classes; put the devkit's meta.mat "
    "beside it, or Kaggle's LOC_val_solution.csv"
)
_LACKS_TABLE = (
    "files called ILSVRC2012_val_… do not tell their class: put Kaggle's LOC_val_solution.csv "
    "beside them or beside ILSVRC/, or the devkit's ILSVRC2012_validation_ground_truth.txt and "
    "meta.mat"
)


def _first(folders: Sequence[Path], below: Sequence[str], name: str) -> Path | None:
    files = (folder / part / name for folder in folders for part in below)
    return next((file for file in files if file.is_file()), None)


def _solution(file: Path) -> dict[str, str]:
    text, name = decode(read_bytes(file, _MAX_TABLE), display(file)), display(file)
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    found: dict[str, str] = {}
    try:
        if next(rows, None) != ["ImageId", "PredictionString"]:
            raise UserError("expected the columns ImageId,PredictionString", Place(name, 1))
        for row in rows:
            if len(row) != 2 or row[1].partition(" ")[0] not in CLASS_OF:
                message = "expected ILSVRC2012_val_00000001,n02690373 x0 y0 x1 y1"
                raise UserError(message, Place(name, rows.line_num))
            found[row[0]] = row[1]
    except csv.Error as error:
        raise UserError(f"not valid CSV: {error}", Place(name, rows.line_num)) from error
    return found


def _ground_truth(file: Path, wnids: Mapping[int, str]) -> dict[str, str]:
    words = decode(read_bytes(file, _MAX_TRUTH), display(file)).split()
    numbers = [int(word) if word.isdecimal() and len(word) < 5 else 0 for word in words]
    if len(numbers) > _VALIDATION or not all(number in wnids for number in numbers):
        message = "expected a number from 1 to 1000 for each of the 50,000 photos"
        raise UserError(message, Place(display(file)))
    return {f"ILSVRC2012_val_{i:08d}": wnids[number] for i, number in enumerate(numbers, 1)}


def _wnids(file: Path) -> dict[int, str]:
    """The devkit's numbers → wnids, from its table of synsets."""
    from scipy.io import loadmat

    content = io.BytesIO(read_bytes(file, _MAX_META))
    try:
        synsets: Any = loadmat(content, variable_names=["synsets"], squeeze_me=True)["synsets"]
        pairs = zip(synsets["ILSVRC2012_ID"].tolist(), synsets["WNID"].tolist(), strict=True)
        found = {int(number): str(wnid) for number, wnid in pairs if str(wnid) in CLASS_OF}
    except Exception as error:  # a file of a stranger's, and scipy raises what it likes
        message = f"not the devkit's table of synsets ({type(error).__name__})"
        raise UserError(message, Place(display(file))) from error
    if sorted(found) != list(range(1, len(CLASS_OF) + 1)):
        raise UserError("expected the 1,000 classes of ILSVRC2012", Place(display(file)))
    return found
