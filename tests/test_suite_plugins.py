"""The plugins that a suite names, and those that do not load."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from fakesuite import BUILT_IN, SUITE, errors, folder, loader

import p2lbench
from p2lbench.errors import PluginError, SuiteErrors, UserError
from p2lbench.plugins import Plugins, Report
from p2lbench.suite import load


def test_an_unknown_name_may_belong_to_a_plugin_that_did_not_load(tmp_path: Path) -> None:
    path = folder(tmp_path, SUITE.replace("- cma", "- theirs"))
    broken = Report("their-plugin", BUILT_IN, error="ImportError: no module named x")
    with pytest.raises(UserError) as caught:
        load(path, load_plugins=loader([broken]))
    assert str(caught.value).endswith("; plugin 'their-plugin' did not load: ImportError: no "
                                      "module named x")  # fmt: skip


def test_plugin_files_are_loaded_in_order(tmp_path: Path) -> None:
    (tmp_path / "one.py").touch()
    asked: list[Sequence[Path]] = []

    def remember(files: Sequence[Path]) -> Plugins:
        asked.append(files)
        return loader()(files)

    path = folder(tmp_path, SUITE + "plugins: [one.py]\n")
    load(path, [Path("two.py")], load_plugins=remember)
    assert asked == [(tmp_path / "one.py", Path("two.py"))]


def test_a_plugin_file_that_does_not_load_is_placed(tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text("1 / 0")
    path = folder(tmp_path, SUITE + "candidates: 0\nplugins: [bad.py]\n")
    with pytest.raises(SuiteErrors) as caught:
        load(path)
    first, second = map(str, caught.value.errors)
    assert "my.yaml:9:13: candidates" in first
    assert "my.yaml:10:11: plugin" in second
    assert "ZeroDivisionError" in second

    def fail(files: Sequence[Path]) -> Any:
        raise PluginError(f"plugin {files[0].resolve()} does not load: it is bad")

    with pytest.raises(UserError) as caught_one:
        load(folder(tmp_path), [tmp_path / "bad.py"], load_plugins=fail)
    assert str(caught_one.value).startswith("plugin /")


def test_plugins_may_name_distributions(tmp_path: Path) -> None:
    given: list[Sequence[Path]] = []

    def remember(files: Sequence[Path]) -> Plugins:
        given.append(files)
        return loader()(files)

    (tmp_path / "one.py").touch()
    path = folder(tmp_path, SUITE + "plugins: [pluggy, one.py, typing-extensions]\n")
    suite, _ = load(path, load_plugins=remember)
    assert given == [(tmp_path / "one.py",)] == [suite.plugin_files]


def test_a_distribution_that_is_not_installed_is_placed(tmp_path: Path) -> None:
    (said,) = errors(tmp_path, SUITE + "plugins: [pluggy, p2lbench-nowhere]\n")
    start = "my.yaml:9:19: the plugin 'p2lbench-nowhere' is not installed: pip install "
    assert said.startswith(start + "p2lbench-nowhere ")
    assert "p2lbench-nowhere.py" in said


def test_a_plugin_of_the_checkout_is_installed_from_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "plugins" / "p2lbench-nowhere"
    source.mkdir(parents=True)
    (source / "pyproject.toml").touch()
    monkeypatch.setattr(p2lbench, "__file__", str(tmp_path / "p2lbench" / "__init__.py"))
    (said,) = errors(tmp_path, SUITE + "plugins: [p2lbench-nowhere]\n")
    assert "pip install plugins/p2lbench-nowhere " in said


def test_the_plugin_example_in_a_suite(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "from p2lbench.api import Optimizer, hookimpl\n\n\n"
        "class Mine(Optimizer):\n"
        "    def __init__(self, lr: float = 0.01) -> None:\n"
        "        self.lr = lr\n\n"
        "    def minimize(self, problem):\n"
        "        return problem.start\n\n\n"
        "@hookimpl\n"
        "def register_optimizers(register):\n"
        '    register("mine", Mine)\n'
    )
    text = SUITE.replace("[gan]", "[biggan-fmnist]").replace("- cma", "- mine: {lr: 1}")
    text = text.replace(": 200", ": 2").replace("class: 1", "class: bag")
    suite, found = load(folder(tmp_path, text + "plugins: [mine.py]\n"))
    assert suite.optimizers[1].spec.options == {"lr": 1.0}
    assert not [report for report in found.broken if report.file]
