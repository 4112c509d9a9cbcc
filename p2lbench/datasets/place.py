"""The images folder: where prepared images are, by name."""

from __future__ import annotations

import os
import re
from pathlib import Path

FOLDER_VARIABLE = "P2LBENCH_IMAGES"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def folder() -> Path:
    """Where prepared images are: `P2LBENCH_IMAGES`, else `p2lbench/images` in the platform's cache,
    beside the weights."""
    if chosen := os.environ.get(FOLDER_VARIABLE):
        return Path(chosen).expanduser()
    from platformdirs import user_cache_path

    return user_cache_path("p2lbench", appauthor=False) / "images"
