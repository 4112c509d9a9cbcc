"""The conformance kit: what each kind of plugin promises, as checks.

```python
import pytest
from p2lbench.testing import checks
from p2lbench_foo import Foo

@pytest.mark.parametrize("check", checks("optimizer"), ids=str)
def test_conformance(check):
    check(Foo)
```
`p2lbench.testing.analytic` has problems with known minima for tests of one's own.
"""

from __future__ import annotations

import importlib

from p2lbench.testing.check import Check, NotApplicable, Violation

__all__ = ["KINDS", "Check", "NotApplicable", "Violation", "checks"]

_MODULES = {
    "optimizer": "optimizers",
    "generator": "generators",
    "loss": "losses",
    "metric": "losses",
    "transform": "transforms",
    "init": "inits",
}
KINDS = tuple(_MODULES)


def checks(kind: str) -> tuple[Check, ...]:
    """The checks of a kind of plugin: one of `KINDS`.

    Raises:
        ValueError: there is no such kind.
    """
    if kind not in _MODULES:
        raise ValueError(f"kind: expected one of {', '.join(KINDS)}, got '{kind}'")
    module = importlib.import_module(f"p2lbench.testing.{_MODULES[kind]}")
    kits = module.KITS
    return tuple(kits[kind].checks)
