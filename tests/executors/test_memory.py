"""Memory that is kept for the next step, and processes that take too much of it."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from e2e.kit import FOUR, Silent, tasks, written

from p2lbench.errors import UserError
from p2lbench.executors import Processes, memory

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


LEAK = """
import time
from p2lbench.api import Optimizer, hookimpl
kept = []
class Leak(Optimizer):
    def minimize(self, problem):
        for _ in range(40):
            kept.append(b"x" * 50_000_000)
        time.sleep(60)
@hookimpl
def register_optimizers(register):
    register("leak", Leak)
"""


def test_a_process_over_its_limit_is_replaced(tmp_path: Path) -> None:
    found = tasks(written(tmp_path, LEAK, optimizers=["leak", *FOUR[:2]]))[3]
    files = (tmp_path / "tiny.py", tmp_path / "more.py")
    leaky, *others = Processes("cpu", 1, files, memory=1_500_000_000).run(found, Silent())
    assert leaky.status == "failed"
    assert "more than the limit of 1.50 GB (--memory-limit)" in leaky.reason
    assert [record.status for record in others] == ["ok", "ok"]


def test_resident_memory_is_known_on_linux() -> None:
    own = memory.resident(os.getpid())
    assert (own is not None) == sys.platform.startswith("linux")
    assert own is None or 10_000_000 < own < memory._total()
    assert memory.resident(2**22 + 1) is None


def test_a_share_of_what_the_control_group_leaves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = memory.share(1)
    (tmp_path / "none").write_text("max\n")
    (tmp_path / "some").write_text("1000000000\n")
    monkeypatch.setattr(memory, "_limits", lambda: [tmp_path / name for name in ("none", "gone")])
    assert memory.share(1) >= whole > 1_000_000_000
    monkeypatch.setattr(memory, "_limits", lambda: [tmp_path / name for name in ("none", "some")])
    assert memory.share(1) == 900_000_000
    assert memory.share(3) == 300_000_000


def test_limits_as_written() -> None:
    assert memory.written("8GB") == 8 * 10**9
    assert memory.written("1.5 GiB") == 3 * 2**29
    for wrong in ("8", "0GB", "-1GB", "8 gigabytes", "GB", "", "8GB "):
        with pytest.raises(UserError, match="--memory-limit: expected a number and one of KB"):
            memory.written(wrong)
