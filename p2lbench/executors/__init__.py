"""Where cells run: in this process, in warm processes that can be killed, or on a cluster."""

from __future__ import annotations

from p2lbench.executors.base import Executor, Watch
from p2lbench.executors.dask import Dask
from p2lbench.executors.inline import Inline
from p2lbench.executors.processes import Processes

__all__ = ["Dask", "Executor", "Inline", "Processes", "Watch"]
