"""Draws images into a folder of p2lbench's: copies, a manifest, and a record with every hash."""

from __future__ import annotations

import csv
import hashlib
import io
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from p2lbench.datasets.choosing import Choosing, Chosen, Say
from p2lbench.datasets.naming import named
from p2lbench.datasets.photos import Photo, Pool
from p2lbench.datasets.record import MANIFEST, RECORD, Prepared, has_hash, read_record, text
from p2lbench.errors import UserError
from p2lbench.weights.files import replacing
from p2lbench.yamlfile import display

IMAGES = "images"


@dataclass(frozen=True)
class Wanted:
    """What to draw: `count` images of each group for the test, and `tune` more for tuning."""

    seed: int
    count: int
    tune: int = 0


def prepare(
    asked: Prepared,
    wanted: Wanted,
    find_pool: Callable[[], Pool],
    folder: Path,
    say: Say,
    fresh: bool = False,
) -> Prepared:
    """Draw, copy and record, or verify what is there; a half-finished folder is gone on with.

    Args:
        asked: the record with what decides the draw.
        find_pool: looks through the user's folder; not called where all is there already.
        fresh: draw anew, and put that in the place of what was prepared before when all is there.

    Raises:
        UserError: the folder holds something else or was drawn otherwise, a group has too few
            photos, or the folder cannot be written.
    """
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{display(folder)} is a file: expected a folder, or none yet")
    drawn = (folder / RECORD).is_file()
    if not drawn and folder.exists() and any(folder.iterdir()):
        message = f"{display(folder)} is not empty, and not a folder of prepared images"
        raise UserError(f"{message}: delete it yourself, or choose another")
    before = None if fresh else _before(asked, folder)
    if before is not None and before.complete and before.damaged(folder) is None:
        return before
    choosing = Choosing(find_pool(), wanted.seed, wanted.count, wanted.tune, say)
    choosing.check()
    try:
        if fresh and drawn:
            return _drawn_anew(asked, choosing, folder)
        return _drawn(asked, before, choosing, folder)
    except OSError as error:
        raise UserError(f"{display(folder)} cannot be written: {error}") from error


def _drawn_anew(asked: Prepared, choosing: Choosing, folder: Path) -> Prepared:
    """As `_drawn`; what was prepared before stays whole if it fails. Nothing else is deleted."""
    with tempfile.TemporaryDirectory(prefix=".fresh-", dir=folder) as draft:
        record = _drawn(asked, None, choosing, Path(draft))
        if (folder / IMAGES).exists():
            shutil.rmtree(folder / IMAGES)
        for name in (IMAGES, MANIFEST, RECORD):
            (Path(draft) / name).replace(folder / name)
    return record


def _before(asked: Prepared, folder: Path) -> Prepared | None:
    before = read_record(folder)
    if before is not None and (found := before.differences(asked)):
        message = f"{display(folder)} was drawn otherwise ({'; '.join(found)})"
        raise UserError(f"{message}: draw it anew with --fresh, or choose another --name")
    return before


def _drawn(asked: Prepared, before: Prepared | None, choosing: Choosing, folder: Path) -> Prepared:
    if before is None:
        asked.write(folder)
    known = before.files if before is not None and before.complete else None
    files, taken, rows = {}, set[str](), [("file", "class", "mask", "split")]
    for chosen in choosing.chosen():
        name = _name(chosen.photo, taken)
        if known is not None and known.get(name) != chosen.sha256:
            raise _other(chosen.photo, name in known)
        _copy(chosen, folder / name)
        files[name] = chosen.sha256
        rows.append((name, *_cells(chosen)))
    files[MANIFEST] = _write_manifest(rows, folder)
    groups = [text(group) for group in choosing.pool.groups]
    record = asked.model_copy(
        update={
            "complete": True,
            "files": files,
            "classes": dict.fromkeys(groups, choosing.count),
            "tune_images": choosing.tune * len(groups),
            "skipped": choosing.skipped,
        }
    )
    record.write(folder)
    return record


def _other(photo: Photo, drawn: bool) -> UserError:
    """What was prepared would be other images under the same name."""
    how = "has changed since it was drawn" if drawn else "is drawn now and was not before"
    again = "bring the old files back, or draw anew with --fresh"
    return UserError(f"{display(photo.file)} {how}: {again}")


def _copy(chosen: Chosen, target: Path) -> None:
    if target.is_symlink() or not has_hash(target, chosen.sha256):
        with replacing(target) as out:
            out.write(chosen.content)


def _name(photo: Photo, taken: set[str]) -> str:
    """Where the copy goes: the group, which figures by class tell from an image's name, and the
    file's own name, in letters that any file system and table takes.

    Args:
        taken: names that are in use, in small letters, without endings; gets this one.
    """
    name = named(photo.group, photo.file.stem)
    if name.lower() in taken:
        name += f"-{hashlib.sha256(os.fsencode(photo.key)).hexdigest()[:8]}"
    taken.add(name.lower())
    return f"{IMAGES}/{name}{photo.file.suffix}"


def _cells(chosen: Chosen) -> tuple[str, str, str]:
    box, given = chosen.box, chosen.photo.class_name
    mask = "" if box is None else f"{box.x0} {box.y0} {box.x1} {box.y1}"
    return "" if given is None else str(given), mask, chosen.split


def _write_manifest(rows: list[tuple[str, str, str, str]], folder: Path) -> str:
    table = io.StringIO()
    csv.writer(table, lineterminator="\n").writerows(rows)
    content = table.getvalue().encode()
    with replacing(folder / MANIFEST) as out:
        out.write(content)
    return hashlib.sha256(content).hexdigest()
