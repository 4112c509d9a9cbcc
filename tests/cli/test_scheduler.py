"""`--executor dask` and `--scheduler`: what is refused before anything is written or run."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from e2e.kit import FOUR, Ran, called, written

from p2lbench.errors import UserError
from p2lbench.executors.cluster import checked_address


@pytest.fixture
def suite(tmp_path: Path) -> Iterator[Path]:
    yield written(tmp_path, optimizers=FOUR[:1])
    assert not (tmp_path / "results").exists()


def refused(suite: Path, *words: str) -> str:
    ran: Ran = called("run", suite, "--results", suite.parent / "results", *words)
    assert (ran.code, ran.out) == (2, "")
    assert "Traceback" not in ran.err
    return ran.err


@pytest.mark.parametrize("address", ["tcp://node7:8786", "tls://10.0.0.1:1", "tcp://[::1]:8786"])
def test_addresses(address: str) -> None:
    assert checked_address(address) == address


NONE = [
    *("", "node7:8786", "tcp://node7", "tcp://:8786", "tcp://node7:0", "tcp://node7:99999"),
    *("http://node7:1", "tcp://me@node7:1", "tcp://node7:1/x", "tcp://no de:1", "tcp://[::1:1"),
    *("tcp://node7:eight", "inproc://1/2/3", "tcp://node7:1\n", "tcp://node7:1?x", "a.json"),
]


@pytest.mark.parametrize("text", NONE)
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(UserError, match="expected tcp://HOST:PORT or tls://HOST:PORT, got"):
        checked_address(text)


def test_options_that_do_not_go_together(suite: Path) -> None:
    address = "tcp://127.0.0.1:8786"
    said = refused(suite, "--scheduler", address)
    assert "--scheduler is of --executor dask, not of processes" in said
    dask = ("--executor", "dask", "--scheduler")
    assert "--workers: with --scheduler" in refused(suite, *dask, address, "--workers", "2")
    assert "expected tcp://HOST:PORT" in refused(suite, *dask, "node7:8786")
    assert "--memory-limit: expected a number" in refused(suite, "--memory-limit", "much")
    inline = ("--executor", "inline", "--memory-limit", "1GB")
    assert "--executor inline has none" in refused(suite, *inline)
    said = refused(suite, *dask, address, "--device", "cuda:1")
    assert "--device: expected cuda, got cuda:1" in said


def test_nothing_answers(suite: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))  # nobody listens
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
        said = refused(suite, "--executor", "dask", "--scheduler", address)
    assert f"no dask scheduler answers at {address}" in said


def test_without_distributed(suite: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    for more in ([], ["--scheduler", "tcp://127.0.0.1:8786"]):
        said = refused(suite, "--executor", "dask", *more)
        assert "pip install 'p2lbench[dask]'" in said
