"""The suite with the chosen settings filled in, as a file of its own."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

from p2lbench import __version__
from p2lbench.errors import UserError
from p2lbench.masks.written import ALPHA
from p2lbench.plugins import names_distribution
from p2lbench.suite import Suite
from p2lbench.suitefile import shipped
from p2lbench.tuning.choose import Choice, Measure
from p2lbench.tuning.trials import named
from p2lbench.yamledit import edited
from p2lbench.yamlfile import display

MARK = "# Written by p2lbench tune"
FILES = ("file", "mask", "folder", "manifest", "point")  # keys of an image that are paths


def place_for(suite: Suite, asked: Path | None) -> Path:
    """Where the tuned suite goes: beside the suite, or here for one that comes with p2lbench.

    Raises:
        UserError: something is there that was not written by p2lbench tune, or no folder is.
    """
    folder = Path() if suite.file in shipped().values() else suite.file.parent
    path = (asked or folder / f"{suite.file.stem}-tuned.yaml").absolute()
    if not path.parent.is_dir():
        raise UserError(f"-o: {display(path.parent)} is no folder: make it, or choose another")
    same = os.path.realpath(path) == os.path.realpath(suite.file)
    if same or (os.path.lexists(path) and not _ours(path)):
        message = f"{display(path)} is there, and p2lbench tune did not write it"
        raise UserError(f"{message}: choose another file with -o")
    return path


def _ours(path: Path) -> bool:
    try:
        return path.read_text(encoding="utf-8").startswith(MARK)
    except (OSError, ValueError):
        return False


def tuned_text(
    suite: Suite,
    choices: Sequence[Choice],
    measure: Measure,
    place: Path,
    remarks: Sequence[str],
) -> str:
    """The suite as written, with the winners' options, for a file at `place`.

    What `--set` changed is changed in it, and `remarks` stand on top.
    """
    wanted = deepcopy(suite.document.data)
    wanted["name"] = named(suite.name, "-tuned")
    if measure.metric is not None:
        wanted["tuned_on"] = measure.metric
    for choice in choices:
        if choice.winner is not None:
            *keys, last = choice.tuned.entry.keys
            parent = _at(wanted, keys)
            parent[last] = _entry(parent[last], choice.tuned.entry.changed(choice.options))
    if place.parent != suite.file.parent:
        _move(wanted, suite.file.parent, place.parent)
    top = [f"{MARK} {__version__} from {display(suite.file)}", *(f"# {line}" for line in remarks)]
    top += [f"# with --set {override}" for override in suite.overrides]
    again = suite.text.startswith(MARK)
    text = suite.text.partition("\n\n")[2] if again else suite.text
    return "\n".join(top) + "\n\n" + edited(text, wanted)


def _entry(written: Any, changed: Any) -> dict[str, Any]:
    """An optimizer's entry with changed options; what stood beside its name stays."""
    plugin = {changed: {}} if isinstance(changed, str) else changed
    beside = {"as": written["as"]} if isinstance(written, dict) and "as" in written else {}
    return {**plugin, **beside, "settings": "tuned"}


def _at(data: Any, keys: Sequence[str | int]) -> Any:
    for key in keys:
        data = data[key]
    return data


def _move(data: dict[str, Any], old: Path, new: Path) -> None:
    """Paths relative to one folder, made relative to another."""

    def moved(path: str) -> str:
        return path if os.path.isabs(path) else Path(os.path.relpath(old / path, new)).as_posix()

    def image(entry: Any) -> Any:
        if not isinstance(entry, Mapping):
            return moved(entry)
        paths = {k: moved(entry[k]) for k in FILES if isinstance(entry.get(k), str)}
        if "mask" in paths and ALPHA in (entry["mask"], paths["mask"]):
            paths["mask"] = ALPHA if entry["mask"] == ALPHA else f"./{ALPHA}"
        return {**entry, **paths}

    images = data["images"]
    data["images"] = image(images) if isinstance(images, dict) else [image(i) for i in images]
    if data.get("plugins"):
        written = data["plugins"]
        data["plugins"] = [p if names_distribution(p) else moved(p) for p in written]
    for key in ("reference", "targets"):
        if data.get(key):
            data[key] = moved(data[key])
