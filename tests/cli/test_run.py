"""`p2lbench run`: the command that an interrupted run names."""

from __future__ import annotations

import shlex

from p2lbench.cli.run import again


def test_the_command_to_go_on_is_the_one_that_was_given() -> None:
    given = [
        *("--debug", "run", "my suite.yaml", "--executor", "dask", "--scheduler", "tcp://n:8786"),
        *("--plugin", "it's.py", "--set", "optimizers=[{adam: {steps: 5}}]", "--limit", "4"),
    ]
    assert shlex.split(again(given)) == ["p2lbench", *given]


def test_going_on_does_not_begin_anew() -> None:
    assert again(["run", "quickstart", "--fresh", "--json"]) == "p2lbench run quickstart --json"
