"""Plugins: files, installed ones, broken ones, and what must not be imported."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from e2e.kit import PHOTOS, TINY, called

from p2lbench import plugins
from p2lbench.errors import PluginError

GOOD = """
from p2lbench.api import Optimizer, hookimpl

class Still(Optimizer):
    '''Stays where it is.

    And says more.
    '''
    def minimize(self, problem):
        return problem.start

@hookimpl
def register_optimizers(register):
    register("still", Still)
    register("still-too", Still, summary="the same")
    register("lazy", "no_such_module:Thing", summary="imported when needed")
    register("kind:", Family)

class Family(Still):
    def __init__(self, name: str, steps: int = 1):
        pass
"""


def file(folder: Path, code: str, name: str = "mine.py") -> Path:
    path = folder / name
    path.write_text(code)
    return path


def test_built_ins_register_through_the_same_hooks() -> None:
    found = plugins.load()
    assert not found.broken
    names = {"generators", "losses", "transforms", "inits", "optimizers", "weights"}
    assert names <= {report.name for report in found.reports}
    for entry in found.registry:
        if entry.origin.name == "p2lbench" and entry.kind != "weights":
            assert isinstance(entry.factory, str)
            assert entry.summary
            assert callable(entry.load())


def test_a_file_registers_factories_with_summaries(tmp_path: Path) -> None:
    path = file(tmp_path, GOOD)
    found = plugins.load([path, path])  # named twice, loaded once
    still, _ = found.registry.find("optimizers", "still")
    assert still.summary == "Stays where it is."
    assert str(still.origin) == "mine.py"
    assert len(still.origin.source or "") == 64
    assert found.registry.find("optimizers", "still-too")[0].summary == "the same"
    report = found.reports[-1]
    assert (report.name, report.file, report.error) == ("mine", str(path), None)
    assert "optimizers: still" in report.registered
    with pytest.raises(PluginError, match=r"'lazy' of mine.py cannot be loaded: No module named"):
        found.registry.find("optimizers", "lazy")[0].load()


def test_its_instances_can_be_pickled(tmp_path: Path) -> None:
    import pickle

    found = plugins.load([file(tmp_path, GOOD)])
    instance = found.registry.find("optimizers", "still")[0].load()()
    assert type(pickle.loads(pickle.dumps(instance))) is type(instance)


def test_two_files_of_one_name_are_two_plugins(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = GOOD.replace('"still', '"quiet').replace('"lazy', '"idle').replace('"kind', '"sort')
    found = plugins.load([file(tmp_path, GOOD), file(tmp_path / "other", other)])
    assert found.registry.find("optimizers", "still")
    assert found.registry.find("optimizers", "quiet")


HEAD = "from p2lbench.api import Optimizer, hookimpl\n"
BROKEN = {
    "raises": ("raise RuntimeError('not today')", r"RuntimeError: not today \(.*mine\.py:1\)"),
    "exits": ("import sys; sys.exit(0)", "SystemExit: 0"),
    "no syntax": ("def", "SyntaxError"),
    "nothing": ("x = 1", "it registers nothing: expected a register_… function with @hookimpl"),
    "no mark": ("def register_optimizers(register): register('x', int)", "it registers nothing"),
    "no such hook": (
        HEAD + "@hookimpl\ndef register_optimisers(register): pass",
        "unknown hook 'register_optimisers'",
    ),
    "wrong argument": (
        HEAD + "@hookimpl\ndef register_optimizers(registry): pass",
        "registry",
    ),
    "instance": (
        HEAD + "@hookimpl\ndef register_optimizers(register): register('x', 3)",
        "optimizer 'x': expected a class, a function or 'module:attribute', got int; register the",
    ),
    "hook raises": (
        HEAD + "@hookimpl\ndef register_optimizers(register): 1 / 0",
        "ZeroDivisionError",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_file_is_refused_and_leaves_nothing(tmp_path: Path, case: str) -> None:
    code, message = BROKEN[case]
    path = file(tmp_path, code)
    with pytest.raises(PluginError, match=message) as caught:
        plugins.load([path])
    assert str(path) in str(caught.value)


# Installed ones: a distribution's files on sys.path, found in a process of its own.


def install(folder: Path, name: str, code: str) -> None:
    module = name.replace("-", "_")
    (folder / f"{module}.py").write_text(code)
    info = folder / f"{module}-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text(f"[p2lbench]\n{name} = {module}\n")


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    folder = tmp_path / "site"
    folder.mkdir()
    install(folder, "well-made", GOOD)
    install(folder, "broken-one", "import nothing_of_this_name")
    install(folder, "noisy-one", "print('hello'); 1 / 0")
    clash = GOOD.replace('"still"', '"adam"').replace('"still-too"', '"x"')
    install(folder, "clashing", clash.replace('"lazy"', '"y"').replace('"kind:"', '"z:"'))
    return folder


def inside(folder: Path, script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
        timeout=50,
    )


RUN = """
import json, sys
from unittest import mock
from p2lbench import cli
def go(*words):
    with mock.patch.object(sys, "argv", ["p2lbench", *words]):
        try:
            cli.main()
        except SystemExit as end:
            print("\\nCODE", end.code, file=sys.stderr)
            return end.code
"""


def test_installed_plugins_are_listed_and_broken_ones_are_not_fatal(
    installed: Path, tmp_path: Path
) -> None:
    (tmp_path / "tiny.py").write_text(TINY)
    basis = {
        "name": "s",
        "images": [str(PHOTOS / "bag-126.png")],
        "generators": ["tiny"],
        "losses": ["l1"],
        "metrics": ["l1"],
        "plugins": ["tiny.py"],
    }
    for name, optimizer in (("fine", "still"), ("lost", "gone"), ("torn", "adam")):
        text = json.dumps({**basis, "optimizers": [optimizer]})
        (tmp_path / f"{name}.yaml").write_text(text)
    script = (
        RUN
        + f"""
assert go("plugins", "list", "--json") == 0
sys.stdout.write("\\n===\\n")
assert go("plugins", "list") == 0
sys.stdout.write("\\n===\\n")
assert go("list", "optimizers", "--json") == 0
sys.stdout.write("\\n===\\n")
assert go("validate", {str(tmp_path / "fine.yaml")!r}) == 0
assert go("validate", {str(tmp_path / "lost.yaml")!r}) == 2
assert go("validate", {str(tmp_path / "torn.yaml")!r}) == 2
"""
    )
    done = inside(installed, script)
    assert done.returncode == 0, done.stderr
    listed, table, optimizers, _ = done.stdout.split("\n===\n")
    rows = {row["name"]: row for row in json.loads(listed)}
    assert rows["well-made"]["status"] == "loaded"
    assert rows["well-made"]["origin"] == "well-made 1.2"
    assert "optimizers: still" in rows["well-made"]["registered"]
    assert rows["broken-one"]["status"] == "failed"
    assert "No module named 'nothing_of_this_name'" in rows["broken-one"]["error"]
    assert "ZeroDivisionError" in rows["noisy-one"]["error"]
    assert "registered by both p2lbench" in rows["clashing"]["error"]
    assert "clashing 1.2" in rows["clashing"]["error"]
    assert all({"name", "origin", "summary"} <= set(row) for row in rows.values())
    assert "broken-one" in table
    known = {row["name"]: row for row in json.loads(optimizers)}
    assert known["still"]["origin"] == "well-made 1.2"
    assert known["still"]["summary"] == "Stays where it is."
    # Fatal only to a suite that may need one: the message says what did not load.
    assert "unknown optimizer 'gone'" in done.stderr
    assert "plugin 'broken-one' did not load: ModuleNotFoundError" in done.stderr
    assert "optimizer 'adam' is registered by both p2lbench" in done.stderr
    assert "Traceback" not in done.stderr


# What answers without torch.


def test_help_list_validate_and_leaderboard_import_neither_torch_nor_nevergrad(
    tmp_path: Path,
) -> None:
    from e2e.kit import FOUR, ran_inline, written

    folder = ran_inline(written(tmp_path, optimizers=FOUR[:1]))[0].folder
    script = (
        RUN
        + f"""
for words in (
    ["--help"], ["--version"], ["run", "--help"], ["plugins", "list"], ["list", "suites"],
    *(["list", kind] for kind in ("generators", "losses", "metrics", "inits", "optimizers")),
    ["plugins", "new", "quick", "--kind", "metric", "--into", {str(tmp_path)!r}],
    ["list", "transforms", "--json"], ["validate", "quickstart"],
    ["leaderboard", {str(folder)!r}], ["leaderboard", {str(folder)!r}, "--json"],
    ["run", "no-such-suite"],
):
    code = go(*words)
    assert code == (2 if words[-1] == "no-such-suite" else 0), (words, code)
    for heavy in ("torch", "nevergrad", "torchvision", "cma", "matplotlib"):
        assert heavy not in sys.modules, (words, heavy)
"""
    )
    done = inside(tmp_path, script)
    assert done.returncode == 0, done.stderr[-2000:]


LISTS: dict[str, Any] = {
    "generators": "biggan-fmnist",
    "losses": "l1",
    "metrics": "psnr",
    "transforms": "none",
    "inits": "ground-truth",
    "optimizers": "adam",
    "suites": "quickstart",
}


@pytest.mark.parametrize("kind", LISTS)
def test_list_json_has_name_origin_summary(kind: str) -> None:
    rows = called("list", kind, "--json").json
    assert LISTS[kind] in {row["name"] for row in rows}
    for row in rows:
        assert {"name", "origin", "summary"} <= set(row)
        assert all(row[key] for key in ("name", "origin", "summary"))
    if kind == "metrics":  # losses are metrics, too
        assert "l1" in {row["name"] for row in rows}
    assert LISTS[kind] in called("list", kind).out


def test_list_takes_plugin_files_and_shows_options(tmp_path: Path) -> None:
    path = file(tmp_path, "print('noise')\n" + GOOD.replace('    register("lazy"', "    #"))
    done = called("list", "optimizers", "-v", "--json", "--plugin", path)
    rows = {row["name"]: row for row in done.json}
    (option,) = rows["kind:<Name>"]["options"]
    assert option == {"name": "steps", "type": "int", "default": "1", "tuned": None}
    assert {option["name"] for option in rows["adam"]["options"]} >= {"steps", "lr"}
    assert "noise" in done.err


def test_a_lazy_plugin_that_cannot_be_imported_is_no_crash(tmp_path: Path) -> None:
    done = called("list", "optimizers", "--json", "--plugin", file(tmp_path, GOOD))
    assert done.code == 0
    assert "lazy" in {row["name"] for row in done.json}


def test_a_file_that_was_edited_at_once_is_read_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python's bytecode is told from another by seconds and size, which here are the same."""
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    file = tmp_path / "edited.py"
    for value in (1, 2):
        file.write_text(f"VALUE = {value}\n")
        os.utime(file, (1_000_000_000, 1_000_000_000))
        found = plugins._exec(file).VALUE
        assert found == value
    assert not (tmp_path / "__pycache__").exists()
