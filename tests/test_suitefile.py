"""Where suites are found, and that those which come with p2lbench are valid."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import p2lbench
from p2lbench.errors import UserError
from p2lbench.suite import find, load, shipped


def test_suites_are_found_by_path_before_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert find("quickstart") == shipped()["quickstart"]
    Path("quickstart").mkdir()  # a results folder, say
    assert find("quickstart") == shipped()["quickstart"]
    Path("quickstart").rmdir()
    Path("quickstart").touch()
    assert find("quickstart") == Path("quickstart")
    with pytest.raises(UserError, match=r"unknown suite 'quikstart'\. Did you mean 'quickstart'"):
        find("quikstart")
    for path in ("none.yaml", "some/none"):
        with pytest.raises(UserError, match=f"no such suite file: .*{path}"):
            find(path)
    with pytest.raises(UserError, match="expected a file, got a folder"):
        load(tmp_path)


def test_shipped_suites_are_those_of_the_wheel_if_there_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "p2lbench"
    (package / "_suites").mkdir(parents=True)
    monkeypatch.setattr(p2lbench, "__file__", str(package / "__init__.py"))
    assert shipped() == {}
    (tmp_path / "suites").mkdir()
    (tmp_path / "suites" / "a.yaml").touch()
    assert [*shipped()] == ["a"]
    (package / "_suites" / "b.yaml").touch()
    assert [*shipped()] == ["b"]


# The paper editions, which need photos and weights, are in tests/datasets.
@pytest.mark.parametrize("name", [name for name in shipped() if "-paper" not in name])
def test_shipped_suites_are_valid_where_their_plugins_are(name: str) -> None:
    problem = ""
    try:
        assert load(name)[0].name == name
    except UserError as error:
        problem = str(error)
    # A suite on a plugin is tested with the plugin; without it, it says what to install.
    missing = r".*\.yaml:\d+:\d+: the plugin '.*' is not installed: pip install .*"
    assert not problem or re.fullmatch(missing, problem)
