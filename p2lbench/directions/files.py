"""Learnt directions in a file: safetensors, which say of what generator they are."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from p2lbench import __version__
from p2lbench.directions.direction import Direction
from p2lbench.directions.draws import moving
from p2lbench.errors import Place, UserError, did_you_mean
from p2lbench.generators.base import Generator
from p2lbench.sample import MADE_BY
from p2lbench.yamlfile import display

TOLD = "directions"  # key of the metadata: name → unit and strengths
MAX_BYTES = 200_000_000


@dataclass(frozen=True)
class Made:
    """`generator`: `sample.made_by`; `spec`: the same to be read; `options`: of the learning."""

    generator: str
    spec: Mapping[str, Any]
    options: Mapping[str, Any]


def content(directions: Sequence[Direction], made: Made) -> bytes:
    """The file's bytes: a tensor `name/variable` per direction and variable."""
    from safetensors.torch import save

    told = {one.name: {"unit": one.unit, "strengths": one.strengths} for one in directions}
    metadata = {
        MADE_BY: made.generator,
        "spec": json.dumps(made.spec, sort_keys=True),
        "options": json.dumps(made.options, sort_keys=True),
        TOLD: json.dumps(told),
        "p2lbench": __version__,
    }
    tensors = {
        f"{one.name}/{variable}": vector.cpu().contiguous()
        for one in directions
        for variable, vector in one.vectors.items()
    }
    return save(tensors, metadata)


def is_ours(path: Path) -> bool:
    """Whether it is a file of directions, which may be replaced by others."""
    try:
        return TOLD in _opened(path)[0]
    except UserError:
        return False


def read(path: Path, name: str, generator: Generator, made_by: str) -> Direction:
    """One direction of a file.

    Args:
        made_by: of the generator that it is to move (`sample.made_by`).

    Raises:
        UserError: the file is missing, damaged, of another generator, or has no such direction.
    """
    metadata, tensors = _opened(path)
    place = Place(display(path))
    if metadata.get(MADE_BY) != made_by:
        spec = metadata.get("spec", "another generator")
        raise UserError(
            f"directions of {spec[:200]}: not of this generator, or with other options or weights; "
            "p2lbench directions learns them again",
            place,
        )
    try:
        told = json.loads(metadata[TOLD])
        if name not in told:
            known = ", ".join(told)
            message = f"no direction '{name}'.{did_you_mean(name, told)} There are: {known}"
            raise UserError(message, place)
        first, last, count = told[name]["strengths"]
        strengths = (float(first), float(last), max(2, min(100, int(count))))
        vectors = {v.name: tensors[f"{name}/{v.name}"] for v in moving(generator)}
        for variable in moving(generator):
            vector = vectors[variable.name]
            if tuple(vector.shape) != variable.shape or not bool(vector.isfinite().all()):
                raise ValueError(f"{name}/{variable.name} does not fit the generator")
        return Direction(name, str(told[name]["unit"]), strengths, vectors)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise UserError(f"not a file that p2lbench directions wrote ({error})", place) from error


def _opened(path: Path) -> tuple[dict[str, str], dict[str, Any]]:
    from safetensors import SafetensorError, safe_open

    place = Place(display(path))
    try:
        if path.stat().st_size > MAX_BYTES:
            raise UserError(f"more than {MAX_BYTES // 10**6} MB: no file of directions", place)
        with safe_open(path, framework="pt") as file:
            tensors = {key: file.get_tensor(key).float() for key in file.keys()}  # noqa: SIM118
            return dict(file.metadata() or {}), tensors
    except OSError as error:
        raise UserError(f"cannot be read: {error.strerror or error}", place) from error
    except (SafetensorError, ValueError, TypeError, RuntimeError) as error:
        raise UserError(f"not a file of directions ({error})", place) from error
