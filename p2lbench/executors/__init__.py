"""Where cells run: in this process, or in warm worker processes that can be killed."""

from __future__ import annotations

from p2lbench.executors.base import Executor, Watch
from p2lbench.executors.inline import Inline
from p2lbench.executors.processes import Processes

__all__ = ["Executor", "Inline", "Processes", "Watch"]
