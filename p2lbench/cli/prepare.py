"""`p2lbench prepare`: the paper's test images, drawn from the user's own folders."""

from __future__ import annotations

import os
from collections.abc import Callable
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from p2lbench.cli.common import JSON, emit, log, out
from p2lbench.cli.waiting import waiting
from p2lbench.errors import UserError
from p2lbench.report.text import count as counted
from p2lbench.report.text import plain

if TYPE_CHECKING:
    from p2lbench.datasets.photos import Pool
    from p2lbench.datasets.preparing import Wanted
    from p2lbench.datasets.record import Prepared

SHOWN = 10  # of the photos that were passed over
PER_CLASS, OF_COCO = 10, 160

app = typer.Typer(no_args_is_help=True)


class Boxes(StrEnum):
    """Where the boxes come from."""

    auto = "auto"
    annotations = "annotations"
    mask_rcnn = "mask-rcnn"
    saliency = "saliency"
    none = "none"


class Detector(StrEnum):
    """What can find boxes in photos that nobody annotated."""

    none = "none"
    saliency = "saliency"
    mask_rcnn = "mask-rcnn"


ROOT = Annotated[Path, typer.Option("--root", metavar="DIR", help="Your folder of photos.")]
NAME = Annotated[
    str | None, typer.Option("--name", help="What suites call the images ({prepared: NAME}).")
]
OUTPUT = Annotated[
    Path | None,
    typer.Option("-o", "--output", metavar="DIR", help="A folder of your own instead of a name."),
]
SEED = Annotated[int, typer.Option("--seed", min=0, help="Of the draw.")]
COUNT = Annotated[int, typer.Option("--count", min=1, max=100_000, help="How many images.")]
TUNE = Annotated[
    int, typer.Option("--tune", min=0, max=100_000, help="As many more for tuning, of each class.")
]
BOXES = Annotated[
    Boxes, typer.Option("--boxes", help="Masks: auto takes annotations, else mask-rcnn.")
]
FRESH = Annotated[
    bool, typer.Option("--fresh", help="Draw anew, in the place of what was prepared before.")
]


@app.command("imagenet-pascal")
def imagenet_pascal(
    root: ROOT,
    per_class: Annotated[
        int, typer.Option(min=1, max=100_000, help="Images of each super-class.")
    ] = PER_CLASS,
    tune: TUNE = 0,
    seed: SEED = 0,
    boxes: BOXES = Boxes.auto,
    name: NAME = None,
    output: OUTPUT = None,
    fresh: FRESH = False,
    as_json: JSON = False,
) -> None:
    """Draw the paper's test set of ImageNet: 10 photos of each of 16 super-classes of PASCAL's."""
    from p2lbench.datasets import ilsvrc
    from p2lbench.datasets.preparing import Wanted

    find_pool = partial(ilsvrc.find_pool, root, boxes.value)
    options = {"per_class": per_class, "tune": tune, "seed": seed, "boxes": boxes.value}
    told = "imagenet-pascal", root, name or "imagenet-pascal", output, options
    _prepare(*told, Wanted(seed, per_class, tune), find_pool, fresh, as_json)


@app.command("coco")
def coco(
    root: ROOT,
    count: COUNT = OF_COCO,
    tune: TUNE = 0,
    seed: SEED = 0,
    min_area: Annotated[
        float, typer.Option(min=0, max=1, help="The share of a photo that its object covers.")
    ] = 0.1,
    boxes: BOXES = Boxes.auto,
    name: NAME = None,
    output: OUTPUT = None,
    fresh: FRESH = False,
    as_json: JSON = False,
) -> None:
    """Draw photos of COCO 2017's validation set that show one large object."""
    from p2lbench.datasets import coco as copy
    from p2lbench.datasets.preparing import Wanted

    find_pool = partial(copy.find_pool, root, boxes.value, min_area)
    options = {"count": count, "tune": tune, "seed": seed, "min_area": min_area}
    told = "coco", root, name or "coco", output, {**options, "boxes": boxes.value}
    _prepare(*told, Wanted(seed, count, tune), find_pool, fresh, as_json)


@app.command("folder")
def folder(
    root: ROOT,
    count: Annotated[
        int, typer.Option(min=1, max=100_000, help="How many, of each sub-folder if it has such.")
    ] = PER_CLASS,
    tune: TUNE = 0,
    seed: SEED = 0,
    boxes: Annotated[
        Detector, typer.Option("--boxes", help="What finds the masks; none: whole photos.")
    ] = Detector.none,
    classes: Annotated[
        bool, typer.Option("--classes", help="The sub-folders' names are the photos' classes.")
    ] = False,
    name: NAME = None,
    output: OUTPUT = None,
    fresh: FRESH = False,
    as_json: JSON = False,
) -> None:
    """Draw photos of any folder: LSUN, FFHQ, your own. It is called as the folder is, or --name."""
    from p2lbench.datasets import plain as any_folder
    from p2lbench.datasets.preparing import Wanted

    find_pool = partial(any_folder.find_pool, root, boxes.value, classes)
    options = {"count": count, "tune": tune, "seed": seed, "boxes": boxes.value}
    own = name or os.path.basename(os.path.abspath(root))
    told = "folder", root, own, output, {**options, "classes": classes}
    _prepare(*told, Wanted(seed, count, tune), find_pool, fresh, as_json)


def _prepare(
    source: str,
    root: Path,
    name: str,
    output: Path | None,
    options: dict[str, Any],
    wanted: Wanted,
    find_pool: Callable[[], Pool],
    fresh: bool,
    as_json: bool,
) -> None:
    from p2lbench import __version__
    from p2lbench.datasets import place
    from p2lbench.datasets.preparing import prepare
    from p2lbench.datasets.record import Prepared, text

    if not place.NAME.fullmatch(name):
        message = "--name: expected letters, digits, '-', '_' and '.', as it names a folder; got"
        raise UserError(f"{message} '{plain(name)}'")
    target = output or place.folder() / name
    asked = Prepared(
        name=name,
        source=source,
        root=text(os.path.abspath(root)),
        options=options,
        p2lbench=__version__,
    )
    with waiting(f"looking through {root}") as say:
        record = prepare(
            asked, wanted, find_pool, target, lambda text: say(plain(text)), fresh=fresh
        )
    _tell(record, target, own=output is not None, as_json=as_json)


def _tell(record: Prepared, folder: Path, own: bool, as_json: bool) -> None:
    from p2lbench.datasets.record import MANIFEST

    images = sum(record.classes.values())
    if record.skipped:
        _tell_skipped(record)
    if as_json:
        emit(
            {
                "name": record.name,
                "folder": str(folder),
                "manifest": str(folder / MANIFEST),
                "images": images,
                "classes": record.classes,
                "tune_images": record.tune_images,
                "skipped": [skipped.model_dump() for skipped in record.skipped],
            }
        )
        return
    tuning = f", {record.tune_images} for tuning" if record.tune_images else ""
    groups = f" of {len(record.classes)} classes" if len(record.classes) > 1 else ""
    out().print(Text(f"{folder}: {counted(images, 'image')}{groups}{tuning}"), soft_wrap=True)
    entry = f"{{manifest: {folder / MANIFEST}}}" if own else f"{{prepared: {record.name}}}"
    out().print(Text(f"images: {entry}"), soft_wrap=True)


def _tell_skipped(record: Prepared) -> None:
    number = len(record.skipped)
    what = f"passed over {counted(number, 'photo')} that cannot be used; the next ones were drawn:"
    log().print(Text(what, "yellow"), soft_wrap=True)
    for skipped in record.skipped[:SHOWN]:
        log().print(Text(plain(f"  {skipped.file}: {skipped.reason}")), soft_wrap=True)
    if number > SHOWN:
        log().print(Text(f"  … and {number - SHOWN} more, in prepared.json"), soft_wrap=True)
