"""Measures of the library piq (PyTorch Image Quality) as losses and metrics of p2lbench."""

from __future__ import annotations

from p2lbench.api import Register, hookimpl
from p2lbench_piq.measures import (
    DSS,
    FSIM,
    GMSD,
    MDSI,
    MSGMSD,
    SRSIM,
    VIF,
    VSI,
    HaarPSILoss,
)

__all__ = [
    "DSS",
    "FSIM",
    "GMSD",
    "MDSI",
    "MSGMSD",
    "SRSIM",
    "VIF",
    "VSI",
    "HaarPSILoss",
    "register_losses",
    "register_metrics",
]


@hookimpl
def register_losses(register: Register) -> None:
    """What can be optimised; each can also be named as a metric."""
    register("piq-gmsd", GMSD)
    register("piq-ms-gmsd", MSGMSD)
    register("piq-mdsi", MDSI)
    register("piq-haarpsi-loss", HaarPSILoss)


@hookimpl
def register_metrics(register: Register) -> None:
    """What is measured and never optimised."""
    register("piq-fsim", FSIM)
    register("piq-vsi", VSI)
    register("piq-vif", VIF)
    register("piq-sr-sim", SRSIM)
    register("piq-dss", DSS)
