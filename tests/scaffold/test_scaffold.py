"""`p2lbench plugins new`: what it writes, and what it refuses."""

from __future__ import annotations

import ast
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from e2e.kit import called
from plugins.distribution import commands, forbidden_imports, project

from p2lbench import api
from p2lbench.errors import UserError
from p2lbench.scaffold import LONGEST, SUMMARIES, TEMPLATES, USED, Scaffold

ROOT = Path(__file__).parents[2]
LONG = "a-name-of-which-no-longer-is"


def write(folder: Path, variant: str, name: str = "try-out") -> Path:
    return Scaffold(name, variant).write(folder)


def test_there_are_templates_of_every_kind() -> None:
    kinds = {Scaffold("x-y", variant).kinds for variant in SUMMARIES}
    assert kinds == {"generators", "losses", "metrics", "transforms", "inits", "optimizers"}
    assert {folder.name for folder in TEMPLATES.iterdir()} == {"common", *SUMMARIES}


@pytest.mark.parametrize("variant", SUMMARIES)
def test_it_writes_a_whole_distribution(tmp_path: Path, variant: str) -> None:
    folder = write(tmp_path, variant)
    kind = variant.partition("-")[0]
    files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert files == {
        ".gitignore",
        "README.md",
        "photo.png",
        "pyproject.toml",
        "try.yaml",
        "p2lbench_try_out/__init__.py",
        f"p2lbench_try_out/{kind}.py",
        "p2lbench_try_out/py.typed",
        f"tests/test_{kind}.py",
    }
    about = project(folder)
    assert about["name"] == "p2lbench-try-out"
    assert about["entry-points"]["p2lbench"] == {"try-out": "p2lbench_try_out"}
    for name in files - {"photo.png"}:
        text = (folder / name).read_text(encoding="utf-8")
        assert "$" not in text, name
        assert text == "" or text.endswith("\n"), name
    assert not forbidden_imports(folder)
    for command in commands(folder):
        assert command.startswith(("p2lbench ", "pip install -e '.[test]'", "pytest"))


OURS = f"--config={ROOT / 'pyproject.toml'}"


@pytest.mark.parametrize(
    "words", [["check", OURS], ["check", "--isolated"], ["format", "--check", OURS]]
)
@pytest.mark.parametrize("name", ["up", LONG])
def test_what_it_writes_is_linted_and_formatted(
    tmp_path: Path, words: list[str], name: str
) -> None:
    """By our settings, and by ruff's own; a name as short or long as may be changes nothing."""
    assert len(LONG) == LONGEST
    for variant in SUMMARIES:
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *words, "--no-cache", "."],
            cwd=write(tmp_path / variant, variant, name),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("variant", SUMMARIES)
def test_no_class_hides_what_the_code_uses(tmp_path: Path, variant: str) -> None:
    for file in write(tmp_path, variant).rglob("*.py"):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        capital = {name for name in names if name[0].isupper()} - {"TryOut"}
        assert capital <= {*USED, *api.__all__}, file.name


def test_the_wheel_has_the_templates(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    templates = {path for path in TEMPLATES.rglob("*") if path.is_file()}
    assert len(templates) > 20
    package = TEMPLATES.parents[1]
    assert {f"p2lbench/{path.relative_to(package).as_posix()}" for path in templates} <= names
    assert {"p2lbench/py.typed", "p2lbench/_suites/images/fmnist/bag-126.png"} <= names


REFUSED = {
    "a+b": "expected at most 28 lower case letters, digits and single '-'",
    "Up": "lower case",
    "3d": "beginning with a letter",
    "a--b": "single '-'",
    "a_b": "lower case",
    "": "lower case",
    "a" * 29: "at most 28",
    "optimizer": "its class Optimizer would hide another; choose .* such as my-optimizer",
    "tensor": "its class Tensor would hide",
    "none": "its class None would hide",
    "testbed": "pytest would take its class Testbed for a test",
}


@pytest.mark.parametrize("name", REFUSED)
def test_names_that_nothing_can_have(name: str) -> None:
    with pytest.raises(UserError, match=REFUSED[name]):
        Scaffold(name, "optimizer")


TAKEN = [
    ("adam", "optimizer", "optimizer 'adam' is registered by p2lbench 0.1.0"),
    ("l1", "loss", "loss 'l1' is registered by p2lbench"),
    ("l1", "metric", "loss 'l1' is registered by p2lbench"),
    ("psnr", "loss", "metric 'psnr' is registered by p2lbench"),
]


@pytest.mark.parametrize(("name", "kind", "message"), TAKEN)
def test_names_that_somebody_has(tmp_path: Path, name: str, kind: str, message: str) -> None:
    done = called("plugins", "new", name, "--kind", kind, "--into", tmp_path)
    assert (done.code, done.out) == (2, "")
    assert message in done.err
    assert not list(tmp_path.iterdir())


def test_a_name_of_another_kind_is_free(tmp_path: Path) -> None:
    assert called("plugins", "new", "adam", "--kind", "init", "--into", tmp_path).code == 0


def test_a_distribution_that_is_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    about = tmp_path / "p2lbench_old_one-1.2.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: p2lbench-old-one\nVersion: 1.2\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    done = called("plugins", "new", "old-one", "--kind", "init", "--into", tmp_path)
    assert done.code == 2
    assert "p2lbench-old-one 1.2 is installed" in done.err


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    words = ("plugins", "new", "try-out", "--kind", "loss", "--into", tmp_path)
    assert called(*words).code == 0
    mine = tmp_path / "p2lbench-try-out" / "README.md"
    mine.write_text("mine")
    done = called(*words)
    assert (done.code, done.out) == (2, "")
    assert "p2lbench-try-out exists: nothing was written" in done.err
    assert mine.read_text() == "mine"


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = called("plugins", "new", "try-out", "--kind", "loss", "--into", tmp_path / "file")
    assert done.code == 2
    assert "cannot write" in done.err
    assert "Not a directory" in done.err


def test_gradient_free_is_for_optimizers(tmp_path: Path) -> None:
    words = ("plugins", "new", "try-out", "--gradient-free", "--into", tmp_path)
    done = called(*words, "--kind", "loss")
    assert done.code == 2
    assert "--gradient-free is for optimizers, got --kind loss" in done.err
    assert called(*words, "--kind", "optimizer").code == 0
    assert "AskTell" in (tmp_path / "p2lbench-try-out/p2lbench_try_out/optimizer.py").read_text()


def test_what_it_says(tmp_path: Path) -> None:
    done = called("plugins", "new", "try-out", "--kind", "init", "--into", tmp_path / "a b")
    assert done.code == 0
    assert "init.py               the class TryOut: begin here" in done.out
    assert f"cd '{tmp_path}/a b/p2lbench-try-out'" in done.out
    assert max(map(len, done.out.replace(str(tmp_path), "").splitlines())) <= 80
    told = called("plugins", "new", "other", "--kind", "init", "--into", tmp_path, "--json").json
    assert Path(told["folder"]) == tmp_path / "p2lbench-other"
    assert all(Path(name).is_file() for name in told["files"])
    assert told["next"][1:] == [
        "pip install -e '.[test]'",
        "p2lbench plugins check p2lbench-other",
        "pytest",
        "p2lbench run try.yaml",
    ]
