"""Any folder of photos → a pool; its sub-folders are groups."""

from __future__ import annotations

from pathlib import Path

from p2lbench.datasets import boxes
from p2lbench.datasets.photos import Photo, Pool, listing, photos_in
from p2lbench.errors import UserError
from p2lbench.yamlfile import display


def find_pool(root: Path, how: str, classes: bool) -> Pool:
    """The photos of a folder, or those of its sub-folders, each of which is a group then.

    Args:
        how: `none`, or the detector whose box is the mask.
        classes: a sub-folder's name is the class of its photos.

    Raises:
        UserError: no photos, no sub-folders though they are classes, or a name that is no class.
        WeightsMissing: a detector's are not on this machine.
    """
    if not root.is_dir():
        raise UserError(f"{display(root)}: no such folder")
    folders = [folder for folder in listing(root) if folder.is_dir()]
    groups = {folder.name: _photos(folder, folder.name, classes) for folder in folders}
    groups = {name: photos for name, photos in groups.items() if photos}
    if not groups and classes:
        raise UserError(f"--classes: {display(root)} has no sub-folders of photos")
    if not groups:
        groups = {"": _photos(root, "", classes)}
    if not any(groups.values()):
        raise UserError(f"{display(root)}: no photos in it")
    return Pool(groups, boxes.no_box if how == "none" else boxes.finder(how))


def _photos(folder: Path, group: str, classes: bool) -> list[Photo]:
    if classes and not (group.strip() == group and group.isprintable()):
        raise UserError(f"--classes: the name of {display(folder)} cannot be a class's")
    given = group if classes else None
    return [Photo(file, f"{group}/{file.name}", group, given) for file in photos_in(folder)]
