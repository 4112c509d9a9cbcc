"""Whether a results folder is what its runs left: recomputed from the folder alone."""

from __future__ import annotations

from p2lbench.audit.findings import Findings
from p2lbench.audit.verifying import verify

__all__ = ["Findings", "verify"]
