"""How a process that runs cells takes memory from the system, and how much it may take."""

from __future__ import annotations

import ctypes
import os
import re
from contextlib import suppress
from pathlib import Path

from p2lbench.errors import UserError

SHARE = 0.9  # of the machine's memory, for all processes that run cells
_CGROUPS = ("memory.max", "memory/memory.limit_in_bytes")  # version 2, version 1
_UNITS = {"KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4  # of glibc's malloc.h


def keep_freed() -> None:
    """Keep freed memory for the next step, instead of giving it back.

    glibc maps every large tensor anew, page by page, which costs a fifth of a step of a large
    generator. Elsewhere nothing is done.
    """
    with suppress(OSError, AttributeError, TypeError):  # no such function, or no such library
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_M_MMAP_MAX, 0)
        mallopt(_M_TRIM_THRESHOLD, -1)


def resident(pid: int | None) -> int | None:
    """The bytes of memory that a process has; None where the system does not tell. Linux does."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return None


def share(processes: int) -> int:
    """The bytes that each of so many processes on this machine may take; 0 if that is unknown."""
    return int(_total() * SHARE / processes)


def written(text: str) -> int:
    """A limit as users write it, in bytes: `8GB`, `512MiB`.

    Raises:
        UserError: it is none, or processes' memory is not known on this system.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?) ?(\w+)", text)
    if not found or found[2] not in _UNITS or not float(found[1]):
        raise UserError(
            f"--memory-limit: expected a number and one of {', '.join(_UNITS)}, such as 8GB, "
            f"got {text!r}"
        )
    if resident(os.getpid()) is None:
        raise UserError("--memory-limit: this system does not tell what memory a process takes")
    return int(float(found[1]) * _UNITS[found[2]])


def _total() -> int:
    """The machine's memory, or a container's or job's where that is less."""
    try:
        found = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    except (AttributeError, ValueError, OSError):
        return 0
    for name in _limits():
        with suppress(OSError, ValueError):  # no such group, or 'max'
            found.append(int(name.read_text()))
    return min(found)


def _limits() -> list[Path]:
    """Files that may limit this process: of its own control group and of those around it."""
    root, found = Path("/sys/fs/cgroup"), []
    with suppress(OSError):
        for line in Path("/proc/self/cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if controllers in ("", "memory"):
                own = root / controllers / path.lstrip("/")
                name = Path(_CGROUPS[controllers == "memory"]).name
                found += [folder / name for folder in (own, *own.parents) if root in folder.parents]
    return [*found, *(root / name for name in _CGROUPS)]
