"""The documentation's examples run, and its links lead somewhere."""

from __future__ import annotations

import json
import re
import runpy
import shlex
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from e2e.kit import called

from p2lbench import plugins, runner, suite
from p2lbench.executors import Inline
from p2lbench.leaderboard import load as load_board
from p2lbench.plan import plan
from p2lbench.registry import KINDS
from p2lbench.store import Store
from p2lbench.weights import FOLDER_VARIABLE

ROOT = Path(__file__).parents[2]
PHOTO = ROOT / "suites" / "images" / "fmnist" / "bag-126.png"
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "plugins").glob("*/README.md")),
]
BLOCK = re.compile(r"<!-- test: (\S+) -->\n+```(python|yaml)\n(.*?)^```", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\(([^)\s]+)\)")


def examples(page: str) -> dict[str, str]:
    """File name → content of the tagged blocks of a page."""
    found = BLOCK.findall((ROOT / page).read_text(encoding="utf-8"))
    files = {name + (".py" if kind == "python" else ""): text for name, kind, text in found}
    assert len(files) == len(found), "two examples have one name"
    return files


EXAMPLES = {**examples("docs/plugins.md"), **examples("docs/own-generator.md")}
SUITES = [name for name in EXAMPLES if name.endswith(".yaml")]


class Silent:
    """Follows a run and says nothing."""

    def cell_started(self, cell: Any) -> None: ...
    def cell_progress(self, cell: Any, passes: int, best: float) -> None: ...
    def cell_done(self, record: Any, cached: bool = False) -> None: ...
    def warn(self, message: str) -> None: ...


def ran(file: Path, limit: int | None = None) -> list[dict[str, Any]]:
    """A suite, run inline and all ok; the rows of its leaderboard."""
    checked, found = suite.load(file)
    planned = plan(checked, found)
    executor = Inline("cpu", checked.plugin_files)
    outcome = runner.run(
        planned, found.registry, executor, file.parent / "results", Silent(), limit=limit
    )
    with Store.open_read(outcome.folder) as store:
        reasons = [record.reason for _, record in store.records() if record is not None]
        rows = load_board(store).to_json()["rows"]
    assert outcome.cells["ok"] == outcome.cells["total"] > 0, reasons
    return rows


def small(folder: Path, optimizer: str, files: list[str]) -> Path:
    """A suite on the page's own generator with one photo."""
    keys = {
        "name": "small",
        "images": ["photo.png"],
        "generators": ["disc"],
        "optimizers": [{optimizer: {"steps": 5}}],
        "candidates": 2,
        "plugins": files,
    }
    file = folder / "small.yaml"
    file.write_text(json.dumps(keys))
    return file


def save_decoder(plugin: Path) -> None:
    """The weights that an example has beside it, as if it had been trained."""
    module = runpy.run_path(str(plugin))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        torch.save(module["Decoder"]().state_dict(), module["FILE"])


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with every example and a photo, and the weights of two examples."""
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    learnt = np.arange(12, dtype=np.float32) / 12 - 0.5
    np.save(tmp_path / "colours-1ebce134.npy", learnt.reshape(4, 3))
    for name, text in EXAMPLES.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    save_decoder(tmp_path / "my_decoder.py")
    shutil.copy(PHOTO, tmp_path / "photo.png")
    return tmp_path


def test_there_are_examples_of_every_kind() -> None:
    hooks = set(re.findall(r"def register_(\w+)\(", "".join(EXAMPLES.values())))
    assert hooks == {*KINDS, "weights"}


@pytest.mark.parametrize("name", SUITES)
def test_the_suite_and_its_plugin_run(folder: Path, name: str) -> None:
    for row in ran(folder / name):
        assert row["missing"] == 0
        assert all(value is not None for value in row["selected"].values())


def test_a_suite_stands_below_every_plugin_file() -> None:
    files = {name.removesuffix(".py") for name in EXAMPLES if name.endswith(".py")}
    assert files - {name.removesuffix(".yaml") for name in SUITES} == {"p2lbench_momentum"}


def test_the_distribution_is_found_by_its_entry_point(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (ROOT / "docs" / "plugins.md").read_text(encoding="utf-8")
    ((name, module),) = re.findall(r"^(\S+) = \"(p2lbench_\w+)\"$", page, re.MULTILINE)
    about = folder / "p2lbench_momentum-0.1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: p2lbench-momentum\nVersion: 0.1.0\n"
    )
    (about / "entry_points.txt").write_text(f"[p2lbench]\n{name} = {module}\n")
    monkeypatch.syspath_prepend(str(folder))
    report = {report.name: report for report in plugins.load().reports}[name]
    assert report.error is None
    assert str(report.origin) == "p2lbench-momentum 0.1.0"
    ran(small(folder, "momentum", ["disc.py"]))


def test_the_commands_are_those_that_plugins_new_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (ROOT / "docs" / "plugins.md").read_text(encoding="utf-8")
    ((first, *others),) = [
        block.splitlines() for block in re.findall(r"```sh\n(.*?)```", page, re.S)
    ]
    monkeypatch.chdir(tmp_path)
    assert called(*shlex.split(first)[1:], "--json").json["next"] == others


def test_a_generator_is_wrapped_in_thirty_lines() -> None:
    text = EXAMPLES["my_decoder.py"]
    network = re.search(r"^class Decoder.*?(?=^class )", text, re.DOTALL | re.MULTILINE)
    assert network
    assert len([line for line in text.replace(network[0], "").splitlines() if line]) <= 30


def test_the_commands_of_a_generators_author(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (ROOT / "docs" / "own-generator.md").read_text(encoding="utf-8")
    ((check, run),) = [block.splitlines() for block in re.findall(r"```sh\n(.*?)```", page, re.S)]
    monkeypatch.chdir(folder)
    outcomes = called(*shlex.split(check)[1:], "--json").json[0]["checks"]
    skipped = {each["id"] for each in outcomes if each["status"] == "skipped"}
    assert skipped == {"nonsense", "classes"}
    done = called(*shlex.split(run)[1:], "--executor", "inline", "--json")
    assert done.json["cells"]["ok"] == 2


def test_the_contributors_plugin_runs(folder: Path) -> None:
    ((name, text),) = examples("CONTRIBUTING.md").items()
    (folder / name).write_text(text, encoding="utf-8")
    ran(small(folder, "sign-descent", ["disc.py", name]))


def test_the_contributors_command_is_right(folder: Path) -> None:
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    ((_, text),) = examples("CONTRIBUTING.md").items()
    (folder / "my.py").write_text(text, encoding="utf-8")
    settings = re.findall(r"run quickstart --plugin my.py --set '([^']+)'", page)
    assert len(settings) == 2
    for setting in settings:
        checked, _ = suite.load("quickstart", [folder / "my.py"], [setting])
        assert "sign-descent" in [row.label for row in checked.optimizers]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_relative_links_lead_to_files(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for link in LINK.findall(text):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{page.name}: {link}"
        if anchor and target.suffix == ".md":
            assert anchor in anchors(target), f"{page.name}: {link}"


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    heads = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}
