"""Frozen targets: per image and objective, values from what prior draws reach to the best known.

They are a file of their own, so that results stay what they were when a method is added. Whoever
changes the file changes its SHA-256, which the leaderboard shows.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, Field

from p2lbench import weights
from p2lbench.checks import STRICT, checked
from p2lbench.errors import Place, SuiteErrors, UserError
from p2lbench.plan import Image, mask_scoring, methods
from p2lbench.registry import Registry
from p2lbench.runtimes import Frozen, RowTargets
from p2lbench.spec import Method, digest
from p2lbench.stated import hashes_of_files, weights_named
from p2lbench.store import storable
from p2lbench.yamlfile import always, display

if TYPE_CHECKING:
    from p2lbench.suite import Suite

FORMAT = 1
MAX_BYTES = 100_000_000
_Values = Annotated[list[float], Field(min_length=1)]


class _Image(BaseModel):
    model_config = STRICT
    name: str
    pixels: str
    mask: str | None
    background: float | None
    median: float
    best: float
    by: list[str]
    values: _Values


class _Objective(BaseModel):
    model_config = STRICT
    id: str
    generator: str
    loss: str
    images: list[_Image]


class Content(BaseModel):
    """The file, but for its own hash."""

    model_config = STRICT
    format: Literal[1]
    p2lbench: str
    suite: str
    levels: Annotated[int, Field(ge=1)]
    draws: int
    cells: int
    objectives: list[_Objective]


@dataclass(frozen=True)
class Key:
    """What a target is for: an objective (see `objective`), an image and its mask by their digests,
    and what the mask's background weighs in scores, None without a mask."""

    objective: str
    pixels: str
    mask: str | None
    background: float | None


@dataclass(frozen=True)
class Targets:
    """A targets file: `values` by key, the easiest first, `levels` of them."""

    sha256: str
    levels: int
    values: Mapping[Key, tuple[float, ...]]


def objective(method: Method, registry: Registry) -> str:
    """The hash of what decides a method's objective: generator and loss, resolved, and the hashes
    of their weights and files. Versions are not in it: the same weights make the same numbers."""
    parts = method.generator, method.loss
    names = dict.fromkeys(name for part in parts for name in weights_named(part, registry))
    return digest(
        {
            "generator": method.generator.plain(),
            "loss": method.loss.plain(),
            "weights": {name: weights.locate(name).sha256 for name in names},
            "files": [hashes_of_files(part, registry) for part in parts],
        }
    )


def key(objective: str, image: Image, scoring: str, background: float) -> Key:
    """Which targets a method has on an image; `scoring`: of its mask, `soft` or `hard`."""
    counts = None
    if image.mask_digest is not None:
        counts = 0.0 if scoring == "hard" else float(background)
    return Key(objective, image.digest, image.mask_digest, counts)


def write(path: Path, content: Mapping[str, Any]) -> str:
    """A targets file; its SHA-256, which stands in it, is that of its content as canonical JSON.

    Raises: UserError if it cannot be written.
    """
    sha256 = digest(content)
    text = json.dumps({"sha256": sha256, **content}, indent=1, allow_nan=False) + "\n"
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UserError(f"{display(path)} cannot be written: {error.strerror}") from error
    return sha256


def read(path: Path, place: Place | None) -> Targets:
    """A targets file.

    Raises:
        UserError: it is missing, is none, or does not have its hash; at `place`, where a suite
            names it.
    """
    name = display(path)
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise UserError(f"{name} cannot be read: {error.strerror}", place) from error
    if len(data) > MAX_BYTES:
        raise UserError(f"{name}: more than {MAX_BYTES // 10**6} MB: no targets file", place)
    plain = _parsed(data, name, place)
    stated = plain.pop("sha256", None)
    try:
        content = checked(Content, plain, always(place))
    except SuiteErrors as error:
        raise UserError(f"{name}: {error.errors[0].message}; {_REMAKE}", place) from error
    if stated != digest(plain):
        message = f"{name}: it was changed: its content does not have its SHA-256; {_REMAKE}"
        raise UserError(message, place)
    return Targets(stated, content.levels, _values(content, name, place))


_REMAKE = "take the file as p2lbench targets wrote it, or make another"


def _parsed(data: bytes, name: str, place: Place | None) -> dict[str, Any]:
    try:
        plain = json.loads(data, parse_constant=_refused, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{name}: not JSON ({error}); {_REMAKE}", place) from error
    if not isinstance(plain, dict):
        raise UserError(f"{name}: no targets file; {_REMAKE}", place)
    return plain


def _refused(constant: str) -> float:
    raise ValueError(f"{constant} is no number")


def _finite(written: str) -> float:
    return value if isfinite(value := float(written)) else _refused(written)


def _values(content: Content, name: str, place: Place | None) -> dict[Key, tuple[float, ...]]:
    found = {}
    for one in content.objectives:
        for image in one.images:
            if len(image.values) != content.levels:
                message = f"{name}: expected {content.levels} values of '{image.name}', got"
                raise UserError(f"{message} {len(image.values)}", place)
            known = Key(one.id, image.pixels, image.mask, image.background)
            found[known] = tuple(image.values)
    return found


def of_suite(path: str, suite: Suite, registry: Registry) -> Frozen:
    """The targets that a suite names, for its rows and images.

    Args:
        path: as the suite has it, relative to the suite's file.

    Raises:
        UserError: the file is wrong, or has none for some row and image.
    """
    place = suite.document.place("targets")
    targets = read(suite.file.parent / path, place)
    objectives: dict[tuple[tuple[str, tuple[float, ...]], ...], int] = {}
    rows, missing, hashes = [], list[str](), dict[str, str]()
    for method in methods(suite):
        parts = digest([method.generator.plain(), method.loss.plain()])
        if parts not in hashes:
            hashes[parts] = objective(method, registry)
        values, lacking = _of_row(method, hashes[parts], suite, targets)
        missing += lacking
        number = objectives.setdefault(tuple(values.items()), len(objectives))
        rows.append(RowTargets(method.row, number, _traced(method, suite)))
    if missing:
        raise UserError(_lacking(path, missing), place)
    return Frozen(targets.sha256, targets.levels, tuple(map(dict, objectives)), tuple(rows))


def _of_row(
    method: Method, objective: str, suite: Suite, targets: Targets
) -> tuple[dict[str, tuple[float, ...]], list[str]]:
    """Image, as results folders name it → values, and what has none."""
    values, lacking = {}, []
    for image in suite.images:
        wanted = key(objective, image, mask_scoring(suite, method), suite.background)
        found = targets.values.get(wanted)
        if found is None:
            parts = f"generator {method.generator.label} and loss {method.loss.label}"
            lacking.append(f"'{image.name}' with {parts}")
        else:
            values[storable(image.name)] = found
    return values, lacking


def _lacking(path: str, missing: Sequence[str]) -> str:
    names = list(dict.fromkeys(missing))
    more = f" and {len(names) - 1} more" if len(names) > 1 else ""
    return (
        f"{path} has no targets for {names[0]}{more}: targets hold for the pixels, masks, "
        "generators, losses and weights that they were made with. Make them with p2lbench targets, "
        "or leave the key out"
    )


def _traced(method: Method, suite: Suite) -> bool:
    """Whether the two frames are one, so that what the search has seen is what is scored."""
    if method.transform.parts:
        return False
    masked = any(image.mask_digest is not None for image in suite.images)
    return not masked or suite.background == 0 or mask_scoring(suite, method) == "soft"
