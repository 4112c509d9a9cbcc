"""Checkpoints of the training scripts: written whole or not at all, resumed bit for bit."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch


def save(path: Path, state: dict[str, Any]) -> None:
    """Write `state` under a temporary name, sync, and move it into place."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".part")
    with temporary.open("wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def load(path: Path) -> dict[str, Any] | None:
    """The state saved at `path`, or None if there is none."""
    if not path.is_file():
        return None
    state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    return state


def check_settings(path: Path, saved: dict[str, Any], wanted: dict[str, Any]) -> None:
    """Raise ValueError if a run would be resumed with other settings than it began with."""
    changed = sorted(key for key in wanted if saved.get(key) != wanted[key])
    if changed:
        details = ", ".join(f"{key}: {saved.get(key)!r} -> {wanted[key]!r}" for key in changed)
        raise ValueError(f"{path} was begun with other settings ({details}); use another --out")
