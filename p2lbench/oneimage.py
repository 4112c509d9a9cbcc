"""A suite of one image: a suite whose images are replaced by it, and of whose rows some are run."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from p2lbench.errors import Place, SuiteErrors, UserError
from p2lbench.generators.base import Generator
from p2lbench.imagechecks import is_conditional
from p2lbench.images import central, read_alpha, read_image
from p2lbench.masks import read_mask
from p2lbench.masks.written import from_cell
from p2lbench.methodnames import chosen
from p2lbench.options import build
from p2lbench.plan import methods
from p2lbench.plugins import Plugins
from p2lbench.suite import Suite, find, load
from p2lbench.suitefile import MAX_NAME, NAME
from p2lbench.yamlfile import decode, display, parse, read_bytes

SUITE = "project"
AUTO = "auto"
IMAGENET = 1000  # classes
IN_VIEW = 0.9  # of the object; below, it is said
MARK = "# p2lbench project: the image and the rows were chosen by the command\n"

# What a suite says of its own images or of all its rows, and has no meaning for another image.
_UNSET: dict[str, Any] = {
    "targets": None,
    "reference": None,
    "baseline": None,
    "experiment": None,
    "finetune": None,
    "tune": {},
    "repeats": 1,
}
# The command's options, and what they set in the suite.
_SETS = {
    "class_name": ("--class", "images.0.class"),
    "mask": ("--mask", "images.0.mask"),
    "generator": ("--generator", "generators"),
    "candidates": ("--candidates", "candidates"),
}
_ADVICE = (
    ("add `class:`.", "add --class NAME, or --set inits=[predicted]."),
    ("add for example `truth: {spatial: [1, 1, 0.25, 0]}`", "leave it out by --set transforms=[…]"),
)


@dataclass(frozen=True)
class Wanted:
    """What the command was given; None: not said."""

    image: Path
    suite: str = SUITE
    methods: tuple[str, ...] = ()
    class_name: str | None = None
    mask: str | None = None
    generator: str | None = None
    candidates: int | None = None
    overrides: tuple[str, ...] = ()
    plugin_files: tuple[Path, ...] = ()
    output: Path | None = None


@dataclass(frozen=True)
class Job:
    """The suite of one image, the plugins that it can use, where its folder goes, what the mask is,
    and remarks on what was decided."""

    suite: Suite
    plugins: Plugins
    results: Path
    mask: str | None
    remarks: tuple[str, ...]

    @property
    def folder(self) -> Path:
        """The results folder."""
        return self.results / self.suite.name


def prepare(wanted: Wanted) -> Job:
    """Check what was asked for, and make the suite of it; writes nothing.

    Raises:
        UserError: something is wrong with the image, its class or its mask, with a name, or with
            the folder.
    """
    if wanted.image.is_dir():
        raise UserError(f"{display(wanted.image)}: expected one image, got a folder")
    read_image(wanted.image)
    folder = _folder(wanted)
    mask, remark = _mask(wanted)
    settings = [*_settings(wanted, mask), *wanted.overrides, _setting("name", folder.name)]
    suite, plugins = _loaded(wanted, settings)
    if _lacks_classifier(suite, plugins):
        settings.insert(0, "inits=[{predicted: {classifier: resnext101}}]")
        suite, plugins = _loaded(wanted, settings)
    if len(suite.images) != 1:
        left = len(suite.images)
        raise UserError(f"{display(wanted.image)}: --set images… left {left} images; expected one")
    rows = chosen(methods(suite), wanted.methods)
    alone = replace(
        suite,
        text=MARK + suite.text,
        generators=(),
        optimizers=(),
        exclude=(),
        include=rows,
    )
    remarks = (remark, *_out_of_view(alone, plugins))
    return Job(alone, plugins, folder.parent, mask, tuple(filter(None, remarks)))


def name_for(image: Path) -> str:
    """A suite's name, which is that of its folder, from an image's."""
    stem = re.sub(r"[^A-Za-z0-9._-]+", "-", image.stem).strip("-._")
    return f"{SUITE}-{stem or 'image'}"[:MAX_NAME]


def _folder(wanted: Wanted) -> Path:
    folder = Path(wanted.output or Path("results") / name_for(wanted.image)).absolute()
    folder = Path(os.path.normpath(folder))
    if not NAME.fullmatch(folder.name):
        message = "expected a folder whose name is of letters, digits, '-', '_' and '.'"
        raise UserError(f"-o {wanted.output}: {message}")
    told = folder / "suite.yaml"
    if told.exists() and MARK.strip() not in decode(read_bytes(told), display(told)):
        raise UserError(
            f"{display(folder)}: here are the results of a suite, which project would replace; "
            "choose another folder: -o DIR"
        )
    return folder


def _mask(wanted: Wanted) -> tuple[str | None, str]:
    """The mask as a manifest writes it, and what is to be said of it."""
    if wanted.mask is None:
        return None, "no mask: the whole image counts (--mask auto looks for the object)"
    if wanted.mask != AUTO:
        return wanted.mask, ""
    alpha = read_alpha(wanted.image)
    if alpha is not None and alpha.min() < 255:
        return "alpha", "mask: the image's own alpha channel"
    from importlib.util import find_spec

    if find_spec("cv2") is None:
        why = "OpenCV is not installed (pip install opencv-python-headless)"
        return None, f"no mask, the whole image counts: {why}"
    return "detect:saliency", "mask: what stands out from the image's border (detect:saliency)"


def _settings(wanted: Wanted, mask: str | None) -> Iterator[str]:
    """What is overridden in the suite, as `--set` writes it."""
    yield "images=[{}]"
    yield _setting("images.0.file", str(wanted.image.absolute()))
    if wanted.class_name is not None:
        number = wanted.class_name.isdecimal() and wanted.class_name.isascii()
        given = int(wanted.class_name) if number else wanted.class_name
        yield _setting("images.0.class", given)
    if mask is not None:
        yield _setting("images.0.mask", _as_yaml(mask))
    if wanted.generator is not None:
        yield f"generators=[{wanted.generator}]"
    if wanted.candidates is not None:
        yield _setting("candidates", wanted.candidates)
    path = find(wanted.suite)
    written = parse(read_bytes(path), display(path)).data
    if isinstance(written, dict):
        yield from (_setting(key, value) for key, value in _UNSET.items() if key in written)


def _setting(key: str, value: Any) -> str:
    return f"{key}={json.dumps(value, ensure_ascii=False)}"


def _as_yaml(mask: str) -> Any:
    """What a manifest writes in a cell, as a suite does; paths from here, not from the suite."""
    from p2lbench.masks import Alpha, Box, Detected, File, Polygon

    match from_cell(mask, Path.cwd(), Place("--mask")):
        case File(path):
            return str(path.absolute())
        case Box(x0, y0, x1, y1):
            return {"box": [x0, y0, x1, y1]}
        case Polygon(points):
            return {"polygon": [list(point) for point in points]}
        case Detected(detector, label, threshold):
            options = {} if label is None else {"label": label, "threshold": threshold}
            return {"detect": {detector: options}}
        case Alpha() | None:
            return "alpha"


def _loaded(wanted: Wanted, settings: Sequence[str]) -> tuple[Suite, Plugins]:
    try:
        return load(wanted.suite, wanted.plugin_files, settings)
    except SuiteErrors as errors:
        raise SuiteErrors([_as_given(error, wanted) for error in errors.errors]) from errors
    except UserError as error:
        raise _as_given(error, wanted) from error


def _as_given(error: UserError, wanted: Wanted) -> UserError:
    """An error in the command's words: its options stand where the suite's keys would."""
    if error.place is None:
        return error
    given = {key: told for name, (told, key) in _SETS.items() if getattr(wanted, name) is not None}
    given["images.0.file"] = display(wanted.image)
    place = given.get(error.place.file.removeprefix("--set "))
    message = error.message
    for of_suite, of_command in _ADVICE:
        message = message.replace(of_suite, of_command)
    return UserError(message, error.place if place is None else Place(place))


def _out_of_view(suite: Suite, plugins: Plugins) -> Iterator[str]:
    """What is said where a generator, which is given the central part, sees too little of it."""
    image = suite.images[0]
    if image.mask is None:
        return
    share = read_mask(image.mask, image.file, read_image(image.file))
    specs = {method.generator.label: method.generator.spec for method in suite.include}
    for label, spec in specs.items():
        generator = build(spec, plugins.registry)
        if isinstance(generator, Generator):
            top, left, height, width = central((share.shape[0], share.shape[1]), generator.shape)
            seen = share[top : top + height, left : left + width].sum() / share.sum()
            if seen < IN_VIEW:
                yield (
                    f"only {seen:.0%} of the object lies in the photo's central part, which is all "
                    f"that {label} sees: crop the photo around the object"
                )


def _lacks_classifier(suite: Suite, plugins: Plugins) -> bool:
    """Whether the class is to be predicted, as nothing else is said, for a generator of ImageNet's
    classes, which the default classifier does not know."""
    given = {"inits", "include"} & set(suite.document.data)
    if given or any(image.class_name is not None for image in suite.images):
        return False
    found = [build(row.spec, plugins.registry) for row in suite.generators]
    conditional = [generator for generator in found if is_conditional(generator)]
    return bool(conditional) and all(len(g.classes) == IMAGENET for g in conditional)
