"""Every built-in generator, loss, metric, transform and init passes the conformance kit.

`stylegan2` and `biggan-deep` need a checkpoint. The former is put through it in
tests/generators/test_stylegan2.py; the latter is the class of `biggan-fmnist` with other weights.
"""

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
    found = [case for case in found if case[1] not in ("stylegan2", "biggan-deep")]
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
