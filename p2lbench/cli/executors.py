"""Where cells run: the options that say so, and what they mean."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from p2lbench.cli.common import cores
from p2lbench.errors import UserError

if TYPE_CHECKING:
    from p2lbench.executors.base import Executor
    from p2lbench.plan import Plan
    from p2lbench.registry import Registry


class ExecutorName(StrEnum):
    """Where cells run."""

    inline = "inline"
    processes = "processes"
    dask = "dask"


EXECUTOR = Annotated[
    ExecutorName,
    typer.Option("--executor", help="In worker processes, in this one, or on a dask cluster."),
]
SCHEDULER = Annotated[
    str | None,
    typer.Option("--scheduler", metavar="tcp://HOST:PORT", help="Of the dask cluster to use."),
]
WORKERS = Annotated[
    int | None, typer.Option("--workers", min=1, help="How many; default: as cores allow.")
]
MEMORY = Annotated[
    str | None,
    typer.Option(
        "--memory-limit",
        metavar="SIZE",
        help="What each worker may take (8GB); default: its part of 90% of the machine's.",
    ),
]
DEVICE = Annotated[
    str, typer.Option("--device", metavar="auto|cpu|cuda[:i]", help="What cells compute on.")
]


@dataclass(frozen=True)
class Where:
    """The options as given."""

    executor: ExecutorName
    workers: int | None = None
    scheduler: str | None = None
    memory: str | None = None


def chosen_device(asked: str, scheduler: str | None = None) -> str:
    """The device that `--device` means; on a cluster's workers, if there is a scheduler.

    Raises:
        UserError: no such device, or it is not here.
    """
    import torch

    if asked == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    kind, _, index = asked.partition(":")
    if kind not in ("cpu", "cuda") or (index and not (kind == "cuda" and index.isdigit())):
        raise UserError(f"--device: expected auto, cpu, cuda or cuda:N, got '{asked}'")
    if scheduler is not None and index:
        raise UserError(
            f"--device: expected cuda, got {asked}: which GPU is up to each worker of the cluster "
            "(CUDA_VISIBLE_DEVICES)"
        )
    if scheduler is not None:
        return kind
    if kind == "cuda" and int(index or 0) >= torch.cuda.device_count():
        raise UserError(
            f"--device: {asked} is not there ({torch.cuda.device_count()} CUDA devices); use cpu"
        )
    return asked


def chosen_executor(where: Where, planned: Plan, registry: Registry) -> Executor:
    """What the options mean for a plan.

    Raises:
        UserError: they do not go together, or the cluster cannot be used.
    """
    from p2lbench.executors import Dask, Inline, Processes, memory
    from p2lbench.executors.cluster import distributed

    suite, device = planned.suite, planned.device
    limit = 0 if where.memory is None else memory.written(where.memory)
    if where.scheduler is not None:
        _check_scheduler(where, where.scheduler)
        return Dask(device, registry, suite.plugin_files, scheduler=where.scheduler, memory=limit)
    if where.executor is ExecutorName.inline:
        if limit:
            raise UserError("--memory-limit is of worker processes; --executor inline has none")
        return Inline(device, suite.plugin_files)
    count = default_workers(planned, where.workers)
    limit = limit or memory.share(count)
    if where.executor is ExecutorName.processes:
        return Processes(device, count, suite.plugin_files, memory=limit)
    distributed()
    return Dask(device, registry, suite.plugin_files, workers=count, memory=limit)


def default_workers(planned: Plan, asked: int | None = None) -> int:
    """How many worker processes a plan gets: as cores allow, and no more than it has cells."""
    return min(asked or max(1, cores() // planned.suite.threads), max(1, len(planned)))


def _check_scheduler(where: Where, scheduler: str) -> None:
    from p2lbench.executors.cluster import checked_address, connected

    if where.executor is not ExecutorName.dask:
        raise UserError(f"--scheduler is of --executor dask, not of {where.executor.value}")
    if where.workers is not None:
        raise UserError(
            "--workers: with --scheduler, workers are started beside it ('dask worker'), not here"
        )
    checked_address(scheduler)
    with connected(scheduler):
        pass
