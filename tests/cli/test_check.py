"""`p2lbench plugins check`: what it prints, and its exit codes."""

from __future__ import annotations

from pathlib import Path

import pytest
from e2e.kit import called, command

PLUGIN = """
from p2lbench.api import Init, hookimpl

print("a plugin that prints")

class Narrow(Init):
    def distribution(self, target, mask, generator, rng):
        return {v.name: (v.mean, SIGN * 0.5 * v.std) for v in generator.variables}

@hookimpl
def register_inits(register):
    register("narrow", Narrow)
"""


@pytest.fixture
def good(tmp_path: Path) -> Path:
    file = tmp_path / "good.py"
    file.write_text(PLUGIN.replace("SIGN", "1"))
    return file


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    file = tmp_path / "bad.py"
    file.write_text(PLUGIN.replace("SIGN", "-1"))
    return file


def test_all_is_well(good: Path) -> None:
    ran = called("plugins", "check", good)
    assert ran.code == 0
    assert "init 'narrow' of good.py" in ran.out
    assert "✓  distribution  a mean and a deviation of the right shapes" in ran.out
    assert "–  nonsense" in ran.out
    assert "it has no options that are numbers" in ran.out
    assert "9 checks passed, 1 did not apply in" in ran.out


def test_a_violation(bad: Path) -> None:
    ran = called("plugins", "check", "narrow", "--plugin", bad)
    assert ran.code == 1
    assert "✗  distribution" in ran.out
    assert "expected a deviation of 'z' of 0 or more; got a negative one" in ran.out
    assert "8 checks passed, 1 failed, 1 did not apply in" in ran.out


def test_json_is_one_document_and_standard_output_has_nothing_else(bad: Path) -> None:
    ran = command("plugins", "check", bad, "--json", cwd=bad.parent)
    assert ran.code == 1
    (document,) = ran.json
    assert (document["name"], document["kind"], document["origin"]) == ("narrow", "init", "bad.py")
    statuses = {check["id"]: check["status"] for check in document["checks"]}
    assert statuses["distribution"] == "failed"
    assert statuses["nonsense"] == "skipped"
    assert statuses["made"] == "passed"
    assert all(check["title"] and check["seconds"] >= 0 for check in document["checks"])
    assert all(bool(c["reason"]) == (c["status"] != "passed") for c in document["checks"])


def test_what_is_not_there() -> None:
    ran = called("plugins", "check", "adm")
    assert (ran.code, ran.out) == (2, "")
    assert "unknown plugin 'adm'. Did you mean 'adam'?" in ran.err


def test_a_file_that_does_not_load(tmp_path: Path) -> None:
    file = tmp_path / "wrong.py"
    file.write_text("1 / 0")
    ran = called("plugins", "check", file, "--json")
    assert (ran.code, ran.out) == (2, "")
    assert "does not load: ZeroDivisionError" in ran.err
