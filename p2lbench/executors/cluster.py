"""Connections to dask clusters: the one that a user names, or one on this machine."""

from __future__ import annotations

import importlib
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import urlsplit

from p2lbench.errors import UserError
from p2lbench.executors.worker import interrupts_held

Client = Any  # of distributed, which is an extra

CONNECT_SECONDS = 10.0


class ClusterError(UserError):
    """A dask cluster that cannot be used, or went away."""


def checked_address(text: str) -> str:
    """A scheduler's address, `tcp://host:port` or `tls://host:port`.

    Raises:
        UserError: it is none.
    """
    if not _is_address(text):
        raise UserError(
            f"--scheduler: expected tcp://HOST:PORT or tls://HOST:PORT, got {text!r}; the address "
            "that 'dask scheduler' prints when it starts"
        )
    return text


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        whole = bool(parts.hostname and parts.port) and text == f"{parts.scheme}://{parts.netloc}"
    except ValueError:  # a port that is no number, or half of an IPv6 address
        return False
    usable = re.fullmatch(r"[\w.:\-\[\]%]+", parts.netloc)
    return whole and parts.scheme in ("tcp", "tls") and usable is not None


def distributed() -> Any:
    """The package dask.distributed. Raises: UserError: it is not installed."""
    try:
        return importlib.import_module("distributed")
    except ImportError as error:
        raise UserError(
            "--executor dask needs dask.distributed, which is not installed: "
            "pip install 'p2lbench[dask]'"
        ) from error


@contextmanager
def connected(address: str) -> Iterator[Client]:
    """A client of a scheduler.

    Raises:
        ClusterError: nothing answers there, or something else than a scheduler of dask.
    """
    package = distributed()
    with _quiet():
        try:
            client = package.Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
        except Exception as error:  # OSError, TimeoutError, or what is read from another server
            raise ClusterError(
                f"--scheduler: no dask scheduler answers at {address} "
                f"({type(error).__name__}). Is 'dask scheduler' running there, of the same version "
                "as here, and may this machine connect to it?"
            ) from error
        with _closing(client):
            yield client


@contextmanager
def local_cluster(workers: int) -> Iterator[Client]:
    """A client of a scheduler of its own, with workers that run one cell at a time each."""
    package = distributed()
    with _quiet():
        # The thread that starts workers comes of this one, and Ctrl-C is no business of theirs.
        with interrupts_held():
            cluster = package.LocalCluster(
                n_workers=workers,
                threads_per_worker=1,
                dashboard_address="127.0.0.1:0",
                memory_limit=0,
                silence_logs=logging.ERROR,
            )
        with cluster, _closing(package.Client(cluster, set_as_default=False)) as client:
            yield client


@contextmanager
def _closing(client: Client) -> Iterator[Client]:
    try:
        yield client
    finally:
        with suppress(Exception):  # a scheduler that is gone takes no farewell
            client.close(timeout=2)


@contextmanager
def _quiet() -> Iterator[None]:
    """The run tells what happens to its workers; dask's own words are for what it cannot know.

    Images are in the orders, which is no mistake: dask warns of 10 MB.
    """
    import dask

    names = [name for name in logging.root.manager.loggerDict if name.startswith("distributed")]
    levels = {name: logging.getLogger(name).level for name in names}
    for name in names:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        with dask.config.set({"distributed.admin.large-graph-warning-threshold": "1GB"}):
            yield
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
