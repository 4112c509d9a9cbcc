"""What a user may get wrong: where, what was expected, what to do; exit 2, nothing written."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from e2e.kit import FOUR, PHOTOS, TINY, called, ran_inline, written
from PIL import Image

from p2lbench.store import Store

Prepare = Callable[[Path], Any]

SUITE = """\
name: s
images:
  - {file: photo.png, class: 1}
generators: [tiny]
losses: [l1]
metrics: [l1, psnr]
optimizers:
  - adam: {steps: 3}
candidates: 2
plugins: [tiny.py]
"""
OPTIONS = TINY.replace(
    "    size = 8\n", "    size = 8\n    def __init__(self, scale: float = 1): pass\n"
)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def huge(path: Path) -> None:
    """A PNG whose header claims 100,000 × 100,000 pixels."""
    header = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)


def truncated(path: Path) -> None:
    whole = (PHOTOS / "bag-126.png").read_bytes()
    path.write_bytes(whole[: len(whole) // 2])


def grey(size: tuple[int, int], level: int) -> Callable[[Path], None]:
    return lambda path: Image.new("L", size, level).save(path)


def text(content: str) -> Callable[[Path], None]:
    return lambda path: (path.write_text(content), None)[1]


BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]\n"
    for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)
DUPLICATE = """
from p2lbench.api import Optimizer, hookimpl
class Mine(Optimizer):
    def minimize(self, problem):
        return problem.start
@hookimpl
def register_optimizers(register):
    register("adam", Mine)
"""
IMAGE = ("{file: photo.png, class: 1}", "{file: %s}")


def image(entry: str) -> tuple[str, str]:
    return "{file: photo.png, class: 1}", entry


# name: (what is replaced in the suite and by what, files, more words of the command,
#        what the message must have)
CASES: dict[str, tuple[tuple[str, str], dict[str, Any], tuple[str, ...], list[str]]] = {
    "unknown key": (
        ("candidates: 2", "candidats: 2"),
        {},
        (),
        ["s.yaml:9:1: unknown key 'candidats'. Did you mean 'candidates'?"],
    ),
    "missing key": (("generators: [tiny]\n", ""), {}, (), ["missing key 'generators'"]),
    "text for a number": (
        ("candidates: 2", "candidates: two"),
        {},
        (),
        ["s.yaml:9:13: candidates: expected a whole number, got 'two'"],
    ),
    "number for a list": (("[tiny]", "7"), {}, (), ["s.yaml:4:13: generators: expected a list"]),
    "no candidates": (
        ("candidates: 2", "candidates: 0"),
        {},
        (),
        ["s.yaml:9:13: candidates: expected at least 1, got 0"],
    ),
    "infinite timeout": (("candidates: 2", "timeout: .inf"), {}, (), ["s.yaml:9:10", "finite"]),
    "unknown optimizer": (
        ("adam: {steps: 3}", "adma: {steps: 3}"),
        {},
        (),
        ["s.yaml:8:5: unknown optimizer 'adma'. Did you mean 'adam'?", "p2lbench list optimizers"],
    ),
    "unknown generator": (
        ("[tiny]", "[tinny]"),
        {},
        (),
        ["s.yaml:4:14: unknown generator 'tinny'. Did you mean 'tiny'?"],
    ),
    "unknown loss": (
        ("losses: [l1]", "losses: [l11]"),
        {},
        (),
        ["s.yaml:5:10: unknown loss 'l11'"],
    ),
    "unknown metric": (
        ("[l1, psnr]", "[l1, psnrr]"),
        {},
        (),
        ["s.yaml:6:15: unknown metric 'psnrr'. Did you mean 'psnr'?", "p2lbench list metrics"],
    ),
    "unknown transform": (
        ("candidates: 2", "transforms: [spatia]"),
        {},
        (),
        ["s.yaml:9:14: unknown transform 'spatia'"],
    ),
    "unknown init": (
        ("candidates: 2", "inits: [guess]"),
        {},
        (),
        ["s.yaml:9:9: unknown init 'guess'"],
    ),
    "unknown option": (
        ("{steps: 3}", "{stepz: 3}"),
        {},
        (),
        ["s.yaml:8:12: optimizer 'adam' has no option 'stepz'. Did you mean 'steps'?"],
    ),
    "wrong option": (
        ("{steps: 3}", "{steps: 0}"),
        {},
        (),
        ["s.yaml:8:19: optimizer 'adam': steps: expected at least 1, got 0"],
    ),
    "wrong type of option": (
        ("{steps: 3}", "{steps: many}"),
        {},
        (),
        ["s.yaml:8:19: option 'steps' of optimizer 'adam': expected a whole number, got 'many'"],
    ),
    "wrong option of a generator": (
        ("[tiny]", "[{tiny: {scale: big}}]"),
        {"tiny.py": text(OPTIONS)},
        (),
        ["s.yaml:4:29: option 'scale' of generator 'tiny' of tiny.py: expected a number"],
    ),
    "unknown option of a generator": (
        ("[tiny]", "[{tiny: {scale: 1}}]"),
        {},
        (),
        ["s.yaml:4:22: generator 'tiny' of tiny.py has no option 'scale'", "It has no options"],
    ),
    "no such image": (
        image("{file: gone.png}"),
        {},
        (),
        ["s.yaml:3:12: gone.png", "no such image"],
    ),
    "truncated image": (image("{file: x.png}"), {"x.png": truncated}, (), ["s.yaml:3:12: x.png"]),
    "no image": (
        image("{file: x.png}"),
        {"x.png": text("hello")},
        (),
        ["s.yaml:3:12: x.png", "PNG"],
    ),
    "huge image": (
        image("{file: x.png}"),
        {"x.png": huge},
        (),
        ["s.yaml:3:12: x.png: ", "64 megapixels", "scale it down"],
    ),
    "mask of another size": (
        image("{file: photo.png, mask: m.png}"),
        {"m.png": grey((30, 32), 255)},
        (),
        ["s.yaml:3:29: m.png", "32"],
    ),
    "empty mask": (
        image("{file: photo.png, mask: m.png}"),
        {"m.png": grey((32, 32), 0)},
        (),
        ["s.yaml:3:29: m.png"],
    ),
    "huge mask": (
        image("{file: photo.png, mask: m.png}"),
        {"m.png": huge},
        (),
        ["s.yaml:3:29: m.png", "megapixels"],
    ),
    "box outside": (
        image("{file: photo.png, mask: {box: [0, 0, 40, 10]}}"),
        {},
        (),
        ["s.yaml:3:29: expected a box [x0, y0, x1, y1] with 0 <= x0 < x1 <= 32"],
    ),
    "polygon outside": (
        image("{file: photo.png, mask: {polygon: [[0, 0], [40, 0], [0, 9]]}}"),
        {},
        (),
        ["s.yaml:3:29: expected points [x, y] with 0 <= x <= 32", "got [40, 0] as point 2"],
    ),
    "polygon that crosses itself": (
        image("{file: photo.png, mask: {polygon: [[0, 0], [9, 9], [9, 0], [0, 9]]}}"),
        {},
        (),
        ["s.yaml:3:29: the polygon crosses itself", "in the order of its outline"],
    ),
    "polygon of two points": (
        image("{file: photo.png, mask: {polygon: [[0, 0], [9, 9]]}}"),
        {},
        (),
        ["s.yaml:3:39: polygon: expected at least 3 of them"],
    ),
    "mask of one pixel": (
        image("{file: photo.png, mask: {box: [3, 3, 4, 4]}}"),
        {},
        (),
        ["s.yaml:3:29: of the 8 x 8 pixels that 'tiny' sees", "0 are foreground", "crop the photo"],
    ),
    "no alpha channel": (
        image("{file: photo.png, mask: alpha}"),
        {},
        (),
        ["s.yaml:3:29: photo.png: mask: alpha, but the image has no alpha channel"],
    ),
    "unknown detector": (
        image("{file: photo.png, mask: {detect: mask-rnn}}"),
        {},
        (),
        ["s.yaml:3:38: unknown detector 'mask-rnn'. Did you mean 'mask-rcnn'?"],
    ),
    "detector without its weights": (
        image("{file: photo.png, mask: {detect: mask-rcnn}}"),
        {},
        (),
        ["s.yaml:3:29: mask-rcnn: weights not found; p2lbench weights fetch mask-rcnn"],
    ),
    "folder for an image": (image("{file: .}"), {}, (), ["s.yaml:3:12:", "{folder: ...}"]),
    "class of nobody": (
        ("[tiny]", "[biggan-fmnist]"),
        {"photo.png": None},
        ("--set", "images.0.class=shoe"),
        ["generator 'biggan-fmnist' has no class 'shoe'", "Expected 0 to 9, or one of: "],
    ),
    "YAML bomb": (("name: s\n", "name: s\n" + BOMB), {}, (), ["aliases expand to more than"]),
    "no YAML": (("name: s\n", "name: [s\n"), {}, (), ["s.yaml:"]),
    "key twice": (("candidates: 2", "name: t"), {}, (), ["s.yaml:9:1: 'name' is here twice"]),
    "name of a folder elsewhere": (
        ("name: s", "name: ../s"),
        {},
        (),
        ["s.yaml:1:7: expected a name"],
    ),
    "broken plugin": (
        ("[tiny.py]", "[tiny.py, bad.py]"),
        {"bad.py": text("import nothing_of_this_name\n")},
        (),
        ["s.yaml:10:20: plugin ", "bad.py does not load: ModuleNotFoundError", "bad.py:1"],
    ),
    "plugin with a syntax error": (
        ("[tiny.py]", "[tiny.py, bad.py]"),
        {"bad.py": text("def\n")},
        (),
        ["s.yaml:10:20: plugin ", "SyntaxError", "bad.py"],
    ),
    "plugin that exits": (
        ("[tiny.py]", "[tiny.py, bad.py]"),
        {"bad.py": text("raise SystemExit(0)\n")},
        (),
        ["s.yaml:10:20: plugin ", "SystemExit"],
    ),
    "plugin that registers nothing": (
        ("[tiny.py]", "[tiny.py, bad.py]"),
        {"bad.py": text("x = 1\n")},
        (),
        ["s.yaml:10:20: plugin ", "it registers nothing"],
    ),
    "no such plugin": (
        ("[tiny.py]", "[tiny.py, gone.py]"),
        {},
        (),
        ["s.yaml:10:20: gone.py: no such plugin file"],
    ),
    "name taken": (
        ("[tiny.py]", "[tiny.py, mine.py]"),
        {"mine.py": text(DUPLICATE)},
        (),
        ["optimizer 'adam' is registered by both p2lbench 0.", "and mine.py: rename or uninstall"],
    ),
    "--plugin that is not there": (
        ("", ""),
        {},
        ("--plugin", "gone.py"),
        ["gone.py does not load: expected an existing .py file"],
    ),
    "--set without a value": (
        ("", ""),
        {},
        ("--set", "candidates"),
        ["--set candidates: expected a.b=VALUE"],
    ),
    "--set of an unknown key": (
        ("", ""),
        {},
        ("--set", "candidats=3"),
        ["--set candidats: unknown key 'candidats'. Did you mean 'candidates'?"],
    ),
    "--set of a wrong type": (
        ("", ""),
        {},
        ("--set", "candidates=lots"),
        ["--set candidates: candidates: expected a whole number, got 'lots'"],
    ),
    "--set into a text": (("", ""), {}, ("--set", "name.x=1"), ["--set name.x: "]),
    "unknown device": (
        ("", ""),
        {},
        ("--device", "tpu"),
        ["--device: expected auto, cpu, cuda or cuda:N, got 'tpu'"],
    ),
    "absent device": (("", ""), {}, ("--device", "cuda:99"), ["--device: cuda:99 is not there"]),
    "unknown executor": (("", ""), {}, ("--executor", "cloud"), ["--executor", "cloud"]),
    "no workers": (("", ""), {}, ("--workers", "0"), ["--workers"]),
    "equal without passes": (
        ("candidates: 2", "budget: {protocol: equal}"),
        {},
        (),
        ["s.yaml:9:20: protocol equal needs a number of passes"],
    ),
    "baseline of nobody": (
        ("candidates: 2", "baseline: cma"),
        {},
        (),
        ["s.yaml:9:11: no optimizer row 'cma'"],
    ),
    "all excluded": (
        ("candidates: 2", "exclude: [{optimizers: adam}]"),
        {},
        (),
        ["every method is excluded"],
    ),
    "two rows of one name": (
        ("  - adam: {steps: 3}\n", "  - adam: {steps: 3}\n  - adam: {steps: 4}\n"),
        {},
        (),
        ["s.yaml:9:5: two rows are called 'adam': add `as:`"],
    ),
}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("P2LBENCH_WEIGHTS", "TORCH_HOME"):
        monkeypatch.setenv(name, str(tmp_path.parent / f"no-{name}"))
    (tmp_path / "tiny.py").write_text(TINY)
    (tmp_path / "photo.png").write_bytes((PHOTOS / "bag-126.png").read_bytes())
    return tmp_path


def refused(here: Path, *words: str) -> str:
    before = sorted(path.name for path in here.iterdir() if path.name != "__pycache__")
    done = called(*words)
    assert done.code == 2, done.err
    assert done.out == ""
    assert "Traceback" not in done.err
    assert sorted(p.name for p in here.iterdir() if p.name != "__pycache__") == before
    return done.err


@pytest.mark.parametrize("case", CASES)
def test_bad_input_is_refused(here: Path, case: str) -> None:
    (old, new), files, words, expected = CASES[case]
    assert old in SUITE
    for name, make in files.items():
        if make is not None:
            make(here / name)
    (here / "s.yaml").write_text(SUITE.replace(old, new) if old else SUITE)
    said = refused(here, "run", "s.yaml", *words, "--json")
    for text in expected:
        assert text in said, said
    assert "/p2lbench/p2lbench/" not in said
    if not any(word.startswith("--") and word not in ("--set", "--plugin") for word in words):
        assert expected[0] in refused(here, "validate", "s.yaml", *words)


def test_everything_wrong_is_said_at_once(here: Path) -> None:
    suite = SUITE.replace("[tiny]", "[tinny]").replace("candidates: 2", "candidates: 0")
    (here / "s.yaml").write_text(suite.replace("[l1, psnr]", "[psnrr]"))
    said = refused(here, "validate", "s.yaml")
    places = [line.split(": ")[0] for line in said.splitlines()]
    assert places == ["s.yaml:4:14", "s.yaml:6:11", "s.yaml:9:13"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("run", "quickstar"), "unknown suite 'quickstar'. Did you mean 'quickstart'?"),
        (("run", "gone.yaml"), "no such suite file: gone.yaml"),
        (("validate", "."), "expected a file, got a folder"),
        (("leaderboard", "gone"), "gone: no results here"),
        (("leaderboard", "."), "no results.db"),
        (("list", "things"), "things"),
        (("walk",), "walk"),
        (("run",), "Missing argument"),
    ],
)
def test_wrong_words(here: Path, words: tuple[str, ...], expected: str) -> None:
    assert expected in refused(here, *words)


@pytest.mark.parametrize("content", ["", "\x00", "- 1", "just text", "\t- x: [", "name: \xff"])
def test_what_is_no_suite(here: Path, content: str) -> None:
    (here / "s.yaml").write_bytes(content.encode("latin-1"))
    assert "s.yaml" in refused(here, "run", "s.yaml")


def test_a_results_folder_of_another_version(tmp_path: Path) -> None:
    suite = written(tmp_path, optimizers=FOUR[:1])
    folder = ran_inline(suite)[0].folder
    with Store.create_or_open(folder, "s") as store:
        store._execute("UPDATE meta SET value = '99' WHERE key = 'schema'")
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    for words in (
        ("run", suite, "--results", tmp_path / "results", "--json"),
        ("leaderboard", folder, "--json"),
    ):
        done = called(*words)
        assert (done.code, done.out) == (2, "")
        assert "in version 99 of the results' format" in done.err
        assert "another folder with --results" in done.err
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_the_results_of_another_suite(tmp_path: Path) -> None:
    folder = ran_inline(written(tmp_path, optimizers=FOUR[:1]))[0].folder
    folder.rename(tmp_path / "results" / "t")
    done = called("run", written(tmp_path, name="t"), "--results", tmp_path / "results")
    assert done.code == 2
    assert 'holds the results of another suite, "s"' in done.err


def test_a_folder_of_something_else(tmp_path: Path) -> None:
    (tmp_path / "results" / "s").mkdir(parents=True)
    (tmp_path / "results" / "s" / "thesis.tex").write_text("years of work")
    done = called("run", written(tmp_path), "--results", tmp_path / "results")
    assert done.code == 2
    assert "thesis.tex" in done.err
    assert [p.name for p in (tmp_path / "results" / "s").iterdir()] == ["thesis.tex"]


def test_a_loss_without_its_weights_is_refused(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from p2lbench import weights

    def none(name: str) -> Any:
        raise weights.WeightsMissing(f"{name}: weights not found; p2lbench weights fetch {name}")

    monkeypatch.setattr(weights, "locate", none)
    (here / "s.yaml").write_text(SUITE.replace("losses: [l1]", "losses: [lpips-vgg]"))
    said = refused(here, "run", "s.yaml")
    assert "s.yaml:5:10" in said
    assert "p2lbench weights fetch lpips-vgg" in said


def test_debug_shows_the_traceback(here: Path) -> None:
    from p2lbench.cli.common import STATE
    from p2lbench.errors import UserError

    (here / "s.yaml").write_text(SUITE.replace("candidates: 2", "candidates: 0"))
    try:
        with pytest.raises(UserError, match="expected at least 1"):
            called("--debug", "validate", "s.yaml")
    finally:
        STATE.debug = False


def test_a_valid_suite_says_what_it_would_run(here: Path) -> None:
    (here / "s.yaml").write_text(SUITE)
    document = called("validate", "s.yaml", "--json").json
    assert document["cells"] == 1
    assert document["rows"] == [["tiny", "l1", "none", "none", "adam"]]
    assert json.dumps(document)
    assert "s: valid" in called("validate", "s.yaml").out
    assert not (here / "results").exists()
