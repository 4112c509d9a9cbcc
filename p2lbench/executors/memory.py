"""How a process that runs cells takes memory from the system."""

from __future__ import annotations

import ctypes
from contextlib import suppress

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
