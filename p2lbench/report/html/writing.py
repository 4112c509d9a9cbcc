"""Puts a report where it was asked for, whole or not at all."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from p2lbench.errors import UserError
from p2lbench.report.html.page import GENERATOR

_HEAD = 4096  # bytes in which a report says what it is


def check(path: Path) -> None:
    """Whether a report may be written there: before the work, not after it.

    Raises: UserError: a folder, no folder to write into, or a file that is no report.
    """
    try:
        _inspect(path)
        _probe(path)
    except (OSError, ValueError) as error:
        raise _unwritable(path, error) from error


def _inspect(path: Path) -> None:
    if path.is_dir():
        raise UserError(
            f"{path}: this is a folder; expected a file, such as {path / 'report.html'}"
        )
    if not path.parent.is_dir():
        raise UserError(f"{path}: there is no folder {path.parent}; make it first")
    if path.exists() and not _ours(path):
        raise UserError(
            f"{path}: exists and is not a report of p2lbench; nothing was changed. Give "
            "another file with -o, or remove it"
        )


def write(path: Path, text: str) -> None:
    """Replaces the file at once. Raises: UserError where it cannot be written."""
    beside = _beside(path)
    try:
        with open(beside, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except OSError as error:
        raise _unwritable(path, error) from error
    finally:
        with contextlib.suppress(OSError):
            beside.unlink()


def _ours(path: Path) -> bool:
    with open(path, "rb") as file:
        return f'content="{GENERATOR}'.encode() in file.read(_HEAD)


def _probe(path: Path) -> None:
    beside = _beside(path)
    beside.touch()
    beside.unlink()


def _beside(path: Path) -> Path:
    """A name of this process alone: two reports at once do not meet."""
    return path.with_name(f".{path.name[:100]}.{os.getpid()}.tmp")


def _unwritable(path: Path, error: OSError | ValueError) -> UserError:
    why = getattr(error, "strerror", None) or str(error)
    return UserError(f"{path}: cannot be written ({why}). Give another file with -o")
