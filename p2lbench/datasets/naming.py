"""The names of prepared images: a group and the file's own name, and back to the group."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable

_LONGEST = 80
_ODD = re.compile(r"[^A-Za-z0-9._-]+")


def named(group: str | None, stem: str) -> str:
    """In letters that any file system and table takes; without a group the stem alone."""
    return f"{_plain(group)}-{_plain(stem)}" if group else _plain(stem)


def group_of(name: str, groups: Iterable[str]) -> str | None:
    """The group that a name begins with, the longest if several do; None if none does."""
    fitting = [group for group in groups if group and name.startswith(f"{_plain(group)}-")]
    return max(fitting, key=len, default=None)


def _plain(text: str) -> str:
    plain = _ODD.sub("_", text).strip("._-")
    if plain == text and len(plain) <= _LONGEST:
        return plain
    return f"{plain[:_LONGEST]}-{hashlib.sha256(os.fsencode(text)).hexdigest()[:8]}".lstrip("-")
