"""A user's copy of ImageNet (ILSVRC2012) in the layouts that are about → a pool of photos.

Validation photos are preferred, which BigGAN was not trained on; `--root …/train` takes the others.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from p2lbench.datasets import boxes
from p2lbench.datasets.ilsvrclabels import Labels, read_labels
from p2lbench.datasets.imagenet import CLASS_OF, super_classes
from p2lbench.datasets.photos import FindBox, Photo, Pool, photos_in
from p2lbench.datasets.vocxml import read_boxes
from p2lbench.errors import UserError
from p2lbench.images import Pixels
from p2lbench.masks.kinds import Box
from p2lbench.yamlfile import display

_BELOW = (".", "ILSVRC/Data/CLS-LOC", "Data/CLS-LOC")
_PARTS = (".", "val", "train")
_ABOVE = 4  # from …/ILSVRC/Data/CLS-LOC/val to the folder that the archive was unpacked in
_FLAT = re.compile(r"ILSVRC2012_val_\d{8}")


def find_pool(root: Path, how: str) -> Pool:
    """The photos of PASCAL's super-classes, and the box of each.

    Args:
        how: `annotations`; `auto`, these if there are any, else Mask R-CNN; a detector; `none`.

    Raises:
        UserError: it is no copy of ImageNet, its labels cannot be known, or there are no boxes.
        WeightsMissing: Mask R-CNN's are not on this machine.
    """
    folder = _folder_of_photos(root)
    labels = read_labels(_around(root, folder))
    groups: dict[str, list[Photo]] = {name: [] for name in super_classes().values()}
    for photo in _photos(folder, labels):
        groups[photo.group].append(photo)
    return Pool(groups, _find_box(how, root, folder, labels))


def _folder_of_photos(root: Path) -> Path:
    for below in _BELOW:
        for part in _PARTS:
            folder = root / below / part
            if folder.is_dir() and (_by_class(folder) or _is_flat(folder)):
                return folder
    raise UserError(
        f"{display(root)}: no photos of ImageNet in it; expected ILSVRC/Data/CLS-LOC/val, folders "
        "called n02690373 and so on, or files called ILSVRC2012_val_00000001.JPEG"
    )


def _by_class(folder: Path) -> bool:
    return any((folder / wnid).is_dir() for wnid in super_classes())


def _is_flat(folder: Path) -> bool:
    return any(_FLAT.fullmatch(file.stem) for file in photos_in(folder))


def _around(root: Path, folder: Path) -> list[Path]:
    """The folders in which labels and annotations may be, the nearest first."""
    above = (*folder.absolute().parents[:_ABOVE], *folder.resolve().parents[:_ABOVE])
    return list(dict.fromkeys([folder, *above, root]))


def _photos(folder: Path, labels: Labels) -> Iterator[Photo]:
    if _by_class(folder):
        for wnid in super_classes():
            for file in photos_in(folder / wnid) if (folder / wnid).is_dir() else ():
                yield _photo(file, wnid)
        return
    for file in photos_in(folder):
        if _FLAT.fullmatch(file.stem) and (wnid := labels.wnid(file.stem)) in super_classes():
            yield _photo(file, wnid)


def _photo(file: Path, wnid: str) -> Photo:
    return Photo(file, f"{wnid}/{file.name}", super_classes()[wnid], CLASS_OF[wnid])


def _find_box(how: str, root: Path, folder: Path, labels: Labels) -> FindBox:
    """Of the annotations, XML files come first; of a photo that has none, a table may."""
    if how not in ("auto", "annotations"):
        return boxes.finder(how) if how != "none" else boxes.no_box
    trees = [
        tree
        for base in _around(root, folder)
        for name in ("Annotations/CLS-LOC/val", "Annotations/CLS-LOC/train", "Annotations")
        if (tree := base / name).is_dir()
    ]
    if trees or labels.has_boxes:
        return partial(_annotated, trees, labels)
    if how == "annotations":
        raise UserError(f"--boxes annotations: {display(root)} has none: expected Annotations/")
    return boxes.finder("mask-rcnn")


def _annotated(trees: list[Path], labels: Labels, photo: Photo, pixels: Pixels) -> Box:
    wnid, _, name = photo.key.partition("/")
    stem = Path(name).stem
    boxes.check_upright(photo)
    for tree in trees:
        for file in (tree / f"{stem}.xml", tree / wnid / f"{stem}.xml"):
            if file.is_file():
                return boxes.largest(read_boxes(file, wnid, pixels), pixels)
    found = labels.boxes(stem, wnid)
    boxes.check_inside(found, pixels)
    return boxes.largest(found, pixels)
