"""Variables that optimizers name are held against the generators' while a suite is checked."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from p2lbench.errors import SuiteErrors, UserError
from p2lbench.suite import load

ROOT = Path(__file__).resolve().parents[1]
SUITE = """\
name: mine
images:
  - {file: bag.png, class: bag}
generators: [biggan-fmnist]
"""
PLUGIN = """\
from p2lbench.api import Optimizer, hookimpl


class Around(Optimizer):
    def __init__(self, inner: Optimizer, names: list[str] = []):
        self.inner, self.names = inner, names

    def check(self, variables):
        raise {raised}

    def minimize(self, problem):
        return problem.start


@hookimpl
def register_optimizers(register):
    register("around", Around)
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    shutil.copy(ROOT / "suites" / "images" / "fmnist" / "bag-126.png", tmp_path / "bag.png")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def errors(folder: Path, more: str) -> list[str]:
    (folder / "my.yaml").write_text(SUITE + more)
    try:
        load(folder / "my.yaml")
    except SuiteErrors as several:
        return [str(error) for error in several.errors]
    except UserError as error:
        return [str(error)]
    return []


@pytest.mark.parametrize(
    ("more", "places"),
    [
        ("optimizers: [{adam: {lr: {z: 0.1, c: 0.1, phi: 0.1}}}]", []),
        ("optimizers: [{adam: {lr: {zz: 0.1}}}]", ["5:22"]),
        ("optimizers: [adam, {adam: {steps: 5, lr: {zz: 0.1}}, as: x}]", ["5:38"]),
        ("optimizers: [{'torch:SGD': {lr: {zz: 0.1}}}]", ["5:29"]),
        ("optimizers: [{projector: {lr: {zz: 0.1}}}, {basincma: {lr: {zz: 1}}}]", ["5:27", "5:56"]),
        ("optimizers: [{cma+adam: {lr: {zz: 0.1}}}, {adam+restarts: {lr: {zz: 1}}}]",
         ["5:26", "5:60"]),
        ("optimizers: [{basin: {outer: cma, inner: {adam: {lr: {zz: 0.1}}}}}]", ["5:50"]),
        ("optimizers: [{restarts: {inner: {adam: {lr: {zz: 0.1}}}}}]", ["5:41"]),
        ("optimizers:\n  - chain:\n      stages: [{adam: {lr: {z: 1}}},\n               "
         "{adam: {lr: {zz: 1}}}]", ["8:24"]),
        ("optimizers: [adam]\ninclude: [{optimizers: {adam: {lr: {zz: 1}}, as: x}}]", ["6:32"]),
    ],
)  # fmt: skip
def test_an_unknown_variable_is_told_where_it_stands(folder, more, places):
    found = errors(folder, more + "\n")
    assert [error.partition(": ")[0] for error in found] == [f"my.yaml:{at}" for at in places]
    assert all("lr: unknown variable 'zz'. Did you mean 'z'? Variables: z, c, phi" in e
               for e in found)  # fmt: skip


def test_a_generator_that_does_not_say_its_variables_is_believed(folder):
    (folder / "plugin.py").write_text(
        "from p2lbench.api import Generator, Variable, hookimpl\n\n\n"
        "class Mine(Generator):\n    size, variables = 8, (Variable('z', (3,)),)\n"
        "    default_loss = {'l1': 1}\n\n    def forward(self, z):\n        return z\n\n\n"
        "@hookimpl\ndef register_generators(register):\n    register('mine', Mine)\n"
    )
    more = "optimizers: [{adam: {lr: {zz: 0.1}}}]\nplugins: [plugin.py]\n"
    (folder / "my.yaml").write_text(SUITE.replace("biggan-fmnist", "mine") + more)
    load(folder / "my.yaml")


@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        ('ValueError("names: unknown")', "5:36: optimizer 'around': names: unknown"),
        ('KeyError("x")', "5:15: optimizer 'around': KeyError: 'x'"),
        ("SystemError()", "5:15: optimizer 'around': SystemError: "),
    ],
)
def test_what_a_plugins_check_raises_is_a_users_error(folder, raised, expected):
    (folder / "plugin.py").write_text(PLUGIN.format(raised=raised))
    more = "optimizers: [{around: {inner: cma, names: [q]}}]\nplugins: [plugin.py]\n"
    assert errors(folder, more) == [f"my.yaml:{expected}"]


def validated() -> subprocess.CompletedProcess[str]:
    code = "from p2lbench.cli import main; main()"
    command = [sys.executable, "-c", code, "validate", "my.yaml", "--json"]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_command_ends_with_2_and_one_line(folder):
    (folder / "my.yaml").write_text(SUITE + "optimizers: [{adam: {lr: {zz: 0.1}}}]\n")
    done = validated()
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("my.yaml:5:22: optimizer 'adam': lr: unknown variable 'zz'")
    assert "Traceback" not in done.stderr
    (folder / "my.yaml").write_text(SUITE + "optimizers: [{adam: {lr: {z: 0.1}}}]\n")
    assert json.loads(validated().stdout)["cells"] == 1


def test_phi_is_searched_or_kept(folder: Path) -> None:
    (error,) = errors(folder, "optimizers: [adam]\nroles: {phi: gradient}\n")
    assert error.startswith("my.yaml:6:14: expected search or frozen as the role of phi, got 'grad")
    for role in ("search", "frozen"):
        assert errors(folder, f"optimizers: [adam]\nroles: {{phi: {role}}}\n") == []
