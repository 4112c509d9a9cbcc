"""Imported by the fork server of the sweep, so that each child starts with what methods import."""

from importlib import import_module

from p2lbench.optimizers.nevergrad.instance import library

library()
for part in ("ensemble", "linear_model", "neural_network", "preprocessing", "svm"):
    import_module(f"sklearn.{part}")
