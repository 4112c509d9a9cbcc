"""Memory that is kept for the next step."""

from __future__ import annotations

import platform
import subprocess
import sys
import textwrap

import pytest

COUNT = """
    import ctypes, resource, sys
    from p2lbench.executors.memory import keep_freed
    if sys.argv[1] == "keep":
        keep_freed()
    libc = ctypes.CDLL(None)
    libc.malloc.restype, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
    for _ in range(20):
        block = libc.malloc(ctypes.c_size_t(1 << 26))
        ctypes.memset(block, 1, 1 << 26)
        libc.free(block)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)
"""


def faults(how: str) -> int:
    command = [sys.executable, "-c", textwrap.dedent(COUNT), how]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="of glibc's malloc")
def test_freed_memory_is_used_again_without_a_page_fault():
    assert faults("keep") < faults("give back") / 2
