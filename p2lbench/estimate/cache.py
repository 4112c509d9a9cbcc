"""Calibrations of this machine, kept in one file of the user's cache."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from p2lbench.estimate.calibration import Calibration
from p2lbench.weights.files import replacing

FILE = "calibration.json"
MOST_BYTES = 4 * 2**20
MOST = 200  # the oldest ones go first


def path() -> Path:
    """Where they are."""
    from platformdirs import user_cache_path

    return user_cache_path("p2lbench", appauthor=False) / FILE


def read() -> dict[str, Calibration]:
    """All that is kept, the latest last; what is damaged is as if it were not there."""
    try:
        if path().stat().st_size > MOST_BYTES:
            return {}
        content = json.loads(path().read_bytes())
        return dict(_whole(content["calibrations"]))
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return {}


def keep(key: str, found: Calibration) -> None:
    """Add one; a cache that cannot be written costs time, nothing else."""
    known = {**{k: v for k, v in read().items() if k != key}, key: found}
    latest = list(known.items())[-MOST:]
    with suppress(OSError), replacing(path()) as out:
        out.write(json.dumps({"calibrations": {k: v.plain() for k, v in latest}}).encode())


def machine() -> dict[str, Any]:
    """What of this machine decides how long a call takes."""
    from importlib.metadata import version

    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "torch": version("torch"),
        "gpus": sorted(str(name) for name in Path("/dev").glob("nvidia[0-9]*")),
        "visible": os.environ.get("CUDA_VISIBLE_DEVICES"),
    }


def _processor() -> str:
    with suppress(OSError):
        for line in (
            Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        ):
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _whole(entries: Any) -> Iterator[tuple[str, Calibration]]:
    for key, plain in dict(entries).items():
        with suppress(ValueError, TypeError, KeyError):
            yield str(key), Calibration.read(plain)
