"""Folders for what an edit or a blend leaves, beside the records of a results folder."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from p2lbench.errors import UserError

_USABLE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def checked_name(option: str, name: str) -> str:
    """A name that is safe as a folder's. Raises: UserError."""
    if not _USABLE.fullmatch(name):
        raise UserError(
            f"{option}: expected up to 100 letters, digits, '.', '_' and '-', a letter or digit "
            f"first; got {name[:80]!r}"
        )
    return name


def slug(*parts: str) -> str:
    """Some text as such a name."""
    text = re.sub(r"[^a-z0-9]+", "-", "-".join(parts).lower()).strip("-")
    return text[:80].strip("-") or "unnamed"


def prepared(folder: Path, owned: Sequence[str]) -> Path:
    """The folder, new or with nothing of an earlier call left in it.

    Args:
        owned: patterns of the files that such a call leaves; these are replaced.

    Raises:
        UserError: there is something else in it, or it cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        ours = {path for pattern in owned for path in folder.glob(pattern) if path.is_file()}
        others = sorted(path.name for path in folder.iterdir() if path not in ours)
        if others:
            message = f"{folder} has other files in it, such as {others[0]!r}"
            raise UserError(f"{message}: choose another with --name")
        for path in ours:
            path.unlink()
    except OSError as error:
        raise UserError(f"{folder} cannot be written: {error.strerror}") from error
    return folder
