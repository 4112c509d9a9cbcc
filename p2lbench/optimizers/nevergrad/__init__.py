"""Nevergrad's optimizers, their instances and threads; which of its names work, and the sweep.

The library is imported by what runs, and not by what checks a suite.
"""

from p2lbench.optimizers.nevergrad.optimizer import Nevergrad

__all__ = ["Nevergrad"]
