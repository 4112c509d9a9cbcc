"""Every distribution in `plugins/` installs by itself, passes its tests, and behaves well."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest
from e2e.kit import called
from plugins.distribution import commands, forbidden_imports, project
from plugins.overlay import Overlay

PLUGINS = Path(__file__).parents[2] / "plugins"
FOLDERS = sorted(path for path in PLUGINS.glob("[!._]*") if path.is_dir())

each = pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)


def test_there_are_some() -> None:
    if not PLUGINS.exists():
        pytest.skip("this checkout has no plugins/")
    assert FOLDERS


@each
def test_the_folder_is_a_distribution(folder: Path) -> None:
    about = project(folder)
    assert about["name"] == folder.name
    assert about["entry-points"]["p2lbench"]
    assert any(word.startswith("p2lbench") for word in about["dependencies"])
    assert list(folder.glob("tests/test_*.py"))


@each
def test_it_imports_the_public_interface_alone(folder: Path) -> None:
    assert forbidden_imports(folder) == []


@each
def test_the_commands_of_its_readme_exist(folder: Path) -> None:
    """`--help` is answered once the words before it could be parsed."""
    lines = [shlex.split(line, comments=True) for line in commands(folder)]
    ours = [words[1:] for words in lines if words[0] == "p2lbench"]
    assert ours
    for words in ours:
        done = called(*words, "--help")
        assert done.code == 0, (words, done.err)


@each
@pytest.mark.timeout(600)
def test_it_installs_and_passes_its_tests(folder: Path, tmp_path: Path) -> None:
    """Built as a wheel, with its own dependencies, so that nothing comes from the checkout."""
    overlay = Overlay(tmp_path / "venv")
    extra = "[test]" if "test" in project(folder).get("optional-dependencies", {}) else ""
    overlay.install(f"{folder}{extra}")
    listed = json.loads(overlay.run("p2lbench plugins list --json"))
    mine = [row for row in listed if row["origin"].startswith(f"{folder.name} ")]
    assert {row["name"] for row in mine} == set(project(folder)["entry-points"]["p2lbench"])
    assert all(row["status"] == "loaded" for row in mine), mine
    overlay.run(f"p2lbench plugins check {folder.name}")
    overlay.run("pytest -q -W error -p no:cacheprovider", cwd=folder, timeout=400)
