"""`p2lbench list`: families show how many of their names work, which, and why the others do not."""

from __future__ import annotations

from pathlib import Path

import pytest
from e2e.kit import PHOTOS, called

from p2lbench.errors import UserError
from p2lbench.optimizers.nevergrad import Nevergrad, optimizer
from p2lbench.optimizers.nevergrad.known import Finding, Findings

FAMILY = """
from p2lbench.api import Optimizer, hookimpl

class Mine(Optimizer):
    def __init__(self, name: str):
        self.name = name
    @staticmethod
    def members():
        return {"good": None, "bad": "is not done yet", "worse": "is not done yet"}
    def minimize(self, problem):
        return problem.start

class Silent(Optimizer):
    def __init__(self, name: str):
        self.name = name
    def minimize(self, problem):
        return problem.start

@hookimpl
def register_optimizers(register):
    register("mine:", Mine, summary="my family")
    register("silent:", Silent, summary="says nothing of its names")
    register("lost:", "no_such_module:Lost", summary="cannot be loaded")
"""
SUITE = """\
name: s
images: [{file: photo.png}]
generators: [biggan-fmnist]
optimizers:
  - adam
  - basin: {outer: nevergrad:PSO, inner: adam}
  - nevergrad:%s
"""


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    path = tmp_path / "mine.py"
    path.write_text(FAMILY)
    return path


def test_a_family_says_how_many_of_its_names_work(plugin: Path) -> None:
    shown = called("list", "optimizers", "--plugin", plugin).out
    assert "my family: 1 of 3 work; --verbose lists" in shown
    assert "says nothing of its names" in shown
    assert "worse" not in shown


def test_verbose_lists_the_names_by_reason(plugin: Path) -> None:
    plugin.write_text(FAMILY.replace('    register("lost:"', '    # register("lost:"'))
    shown = called("list", "optimizers", "--verbose", "--plugin", plugin).out
    assert "mine:<Name>: 1 work\n    good\n" in shown
    assert "mine:<Name>: 2 do not, since each is not done yet\n    bad, worse\n" in shown
    assert "silent:<Name>:" not in shown


def test_json_has_every_name_with_its_reason(plugin: Path) -> None:
    rows = called("list", "optimizers", "--json", "--plugin", plugin).json
    by_name = {row["name"]: row for row in rows}
    assert by_name["mine:<Name>"]["summary"] == "my family"
    assert by_name["mine:<Name>"]["members"] == [
        {"name": "bad", "status": "does not work", "reason": "is not done yet"},
        {"name": "good", "status": "works", "reason": None},
        {"name": "worse", "status": "does not work", "reason": "is not done yet"},
    ]
    assert by_name["lost:<Name>"]["members"] == []
    assert "members" not in by_name["adam"]


def test_all_of_nevergrads_names_are_listed() -> None:
    rows = called("list", "optimizers", "--json").json
    members = next(row["members"] for row in rows if row["name"] == "nevergrad:<Name>")
    assert len(members) == len(Nevergrad.members()) > 500
    assert {"DE", "NGOpt", "Cobyla"} <= {m["name"] for m in members if m["status"] == "works"}
    assert all((m["status"] == "works") == (m["reason"] is None) for m in members)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Stuck", ["optimizer 'nevergrad:Stuck': it hangs", "p2lbench list optimizers --verbose"]),
        ("PS", ["unknown Nevergrad optimizer 'PS'. Did you mean 'PSO'?"]),
    ],
)
def test_a_suite_with_a_name_that_does_not_work_is_refused(
    name: str,
    said: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = {"Stuck": Finding("hangs"), "PSO": Finding(population=40)}
    monkeypatch.setattr(optimizer, "findings", lambda: Findings({"nevergrad": "1"}, names))
    (tmp_path / "photo.png").write_bytes((PHOTOS / "bag-126.png").read_bytes())
    (tmp_path / "s.yaml").write_text(SUITE % name)
    done = called("validate", tmp_path / "s.yaml")
    assert done.code == 2
    assert "s.yaml:7:5: " in done.err
    assert all(text in done.err for text in said)


def test_a_name_that_works_is_not_refused() -> None:
    with pytest.raises(UserError, match="unknown Nevergrad optimizer 'Nothing'"):
        Nevergrad("Nothing")
    assert Nevergrad("PSO").name == "PSO"
