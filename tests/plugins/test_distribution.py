"""What the tests of `plugins/` find wrong, on distributions that are."""

from __future__ import annotations

from pathlib import Path

from plugins.distribution import commands, forbidden_imports

CODE = """
import torch
import p2lbench.api
import p2lbench_other
from p2lbench import api, testing
from p2lbench.api import Optimizer
from p2lbench.testing.analytic import problem
from . import near

def later():
    import p2lbench.plugins
    from p2lbench import suite, api
    from p2lbench.root import Root
    from p2lbench.apish import x
    import p2lbench
"""


def test_imports_of_what_is_not_public_are_found_wherever_they_stand(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "code.py").write_text(CODE)
    found = [line.partition("code.py:")[2] for line in forbidden_imports(tmp_path)]
    assert found == [
        "11: p2lbench.plugins",
        "12: p2lbench.suite",
        "13: p2lbench.root",
        "14: p2lbench.apish",
        "15: p2lbench",
    ]


def test_the_commands_of_a_readme(tmp_path: Path) -> None:
    text = (
        "```sh\npip install x  # why\n\n# a remark\np2lbench run \\\n  a.yaml\n```\n```\nno\n```\n"
    )
    (tmp_path / "README.md").write_text(text)
    assert [line.split()[:2] for line in commands(tmp_path)] == [
        ["pip", "install"],
        ["p2lbench", "run"],
    ]
