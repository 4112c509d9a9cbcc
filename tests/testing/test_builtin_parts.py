"""Every built-in generator, loss, metric, transform and init passes the conformance kit."""

from __future__ import annotations

import pytest

from p2lbench.plugins import load
from p2lbench.registry import Entry
from p2lbench.testing import Check, checks

KIND = {
    "generators": "generator",
    "losses": "loss",
    "metrics": "metric",
    "transforms": "transform",
    "inits": "init",
}


def _built_ins() -> list[tuple[str, str, Entry]]:
    found = [(KIND[e.kind], e.name, e) for e in load().registry if e.kind in KIND]
    measured = [("metric", name, entry) for kind, name, entry in found if kind == "loss"]
    return [*found, *measured]


CASES = [
    pytest.param(check, entry, id=f"{kind}-{name}-{check}")
    for kind, name, entry in _built_ins()
    for check in checks(kind)
]


@pytest.mark.parametrize(("check", "entry"), CASES)
def test_conformance(check: Check, entry: Entry) -> None:
    check(entry.load())
