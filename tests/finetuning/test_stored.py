"""`p2lbench finetune`: what it writes is read again; what is damaged is refused."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from e2e.kit import Ran, called
from finetuning.nets import MOVED, PLAIN, loaded, plugin
from PIL import Image
from safetensors.torch import load_file, save

from p2lbench.errors import StoreError, UserError
from p2lbench.finetuning import pictures
from p2lbench.finetuning.descent import descend
from p2lbench.finetuning.options import Options
from p2lbench.finetuning.stored import names, place
from p2lbench.finetuning.writing import write

FILES = {"weights.safetensors", "latents.safetensors", "finetune.json", "curve.png"}
FILES |= {"before-after.png"}
FREE = ("--weight", 0, "--lr", 0.01)


def finetuned(folder: Path, *words: Any) -> Ran:
    return called("finetune", folder, "--device", "cpu", "--plugin", plugin(folder), *words)


def test_what_was_written_gives_the_same_image(folder: Path) -> None:
    tuned = descend(loaded(folder, MOVED), Options(weight=0.0, lr=0.01, steps=4))
    where = place(folder, tuned.projection.row.cell, tuned.projection.candidate, "mine")
    write(tuned, where)
    assert {file.name for file in where.iterdir()} == FILES
    shutil.copytree(where, where.with_name(where.name.replace("-mine", "-not-mine")))
    for name in ("mine", where.name):
        again = loaded(folder, finetuned=name)
        assert again.image().equal(tuned.projection.image())
        assert again.original().equal(tuned.projection.original())
        assert again.point.equal(tuned.projection.point)
        assert (again.row, again.candidate) == (tuned.projection.row, tuned.projection.candidate)
    assert not loaded(folder, MOVED).image().equal(again.image())


def test_the_command(folder: Path) -> None:
    done = finetuned(folder, "--row", PLAIN, *FREE, "--steps", 3, "--json")
    assert done.code == 0
    where = Path(done.json["folder"])
    assert {file.name for file in where.iterdir()} == FILES
    kept = json.loads((where / "finetune.json").read_text())
    assert {"folder": str(where), **kept} == done.json
    assert kept["stopped"] == "loss did not reach 0.1 after 3 steps"
    assert (kept["reached"], kept["steps"], kept["passes"]) == (False, 3, 7)
    assert kept["loss"] == {"before": kept["losses"][0], "after": kept["losses"][-1]}
    assert kept["options"] == {
        "weight": 0,
        "lr": 0.01,
        "stop": 0.1,
        "stop_on": "loss",
        "steps": 3,
    }
    with Image.open(where / "before-after.png") as picture:
        assert picture.width > 600
    table = finetuned(folder, "--row", PLAIN, "--lr", 0.01, "--steps", 5, "--name", "held")
    assert "did not reach 0.1" in table.out
    assert "lambda 1000 is more than the loss's slope" in table.out
    assert names(folder) == sorted([where.name, f"{where.name}-held"])
    still = finetuned(folder, "--row", PLAIN, "--steps", 1, "--name", "short")
    assert (still.code, "slope" in still.out) == (0, False)
    assert not still.err.startswith("\n")


def test_the_same_call_writes_the_same_bytes(folder: Path) -> None:
    for name in ("one", "two"):
        assert finetuned(folder, "--row", MOVED, *FREE, "--steps", 3, "--name", name).code == 0
    one, two = sorted((folder / "finetuned").iterdir())
    for name in FILES - {"finetune.json"}:
        assert (one / name).read_bytes() == (two / name).read_bytes()
    first, second = (json.loads((each / "finetune.json").read_text()) for each in (one, two))
    assert first.pop("seconds") != 0 != second.pop("seconds")
    assert first == second


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "--row: 2 rows; say which"),
        (("--row", "adma"), "Did you mean 'adam'"),
        (("--row", PLAIN, "--image", "bag"), "Did you mean 'bag-126'"),
        (("--row", PLAIN, "--candidate", 9), "--candidate: expected 0 to 1"),
        (("--row", PLAIN, "--stop-on", "l1"), "--stop-on: the loss has no term 'l1'"),
        (("--row", PLAIN, "--lr", 0), "--lr: expected a number above 0"),
        (("--row", PLAIN, "--name", "../up"), "--name: expected letters"),
    ],
)
def test_what_is_wrong_is_said(folder: Path, words: tuple[Any, ...], told: str) -> None:
    done = finetuned(folder, *words, "--json")
    assert (done.code, done.out) == (2, "")
    assert told in done.err
    assert "Traceback" not in done.err
    assert not (folder / "finetuned").exists()


def test_a_place_that_is_taken_is_left(folder: Path) -> None:
    assert finetuned(folder, "--row", PLAIN, "--steps", 0).code == 0
    again = finetuned(folder, "--row", PLAIN, "--steps", 0)
    assert again.code == 2
    assert "is there already; give this one a --name" in again.err


def test_a_generator_without_weights_is_told(tmp_path: Path) -> None:
    from audit.folders import made

    folder = made(tmp_path / "tiny", transforms=["none"])
    tiny = folder.parents[1] / "tiny.py"
    words = ("--row", "adam", "--image", "bag-126", "--plugin", tiny)
    done = called("finetune", folder, *words)
    assert done.code == 2
    assert "generator tiny cannot be fine-tuned: its parameters() names no weights" in done.err


def test_an_interrupt_leaves_nothing_half(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(pictures, "before_after", interrupted)
    assert finetuned(folder, "--row", PLAIN, "--steps", 1).code == 130
    assert list((folder / "finetuned").iterdir()) == []


def test_names_that_are_not_there(folder: Path) -> None:
    with pytest.raises(UserError, match="nothing was fine-tuned here"):
        loaded(folder, finetuned="mine")
    for row in (PLAIN, MOVED):
        assert finetuned(folder, "--row", row, "--steps", 0, "--name", "mine").code == 0
    with pytest.raises(UserError, match="several are called 'mine': give the whole name"):
        loaded(folder, finetuned="mine")
    with pytest.raises(UserError, match="there is no 'yours'"):
        loaded(folder, finetuned="yours")


def replaced(where: Path, file: str, data: bytes) -> None:
    """Another file and its hash, as somebody would forge it."""
    (where / file).write_bytes(data)
    plain = json.loads((where / "finetune.json").read_text())
    plain["files"][file] = hashlib.sha256(data).hexdigest()
    (where / "finetune.json").write_text(json.dumps(plain))


def forged(change: Callable[[dict[str, torch.Tensor]], Any], file: str = "weights.safetensors"):  # type: ignore[no-untyped-def]
    def damage(where: Path) -> None:
        tensors = load_file(where / file)
        change(tensors)
        replaced(where, file, save(tensors))

    return damage


def grown(where: Path) -> None:
    with (where / "weights.safetensors").open("r+b") as sparse:
        sparse.truncate(1 << 36)


LATENTS = "latents.safetensors"
DAMAGED: dict[str, tuple[Callable[[Path], Any], str]] = {
    "other bytes": (
        lambda where: (where / "weights.safetensors").write_bytes(b"none"),
        "differs from what was fine-tuned",
    ),
    "pickle": (
        lambda where: replaced(where, "weights.safetensors", b"\x80\x04."),
        "no safetensors",
    ),
    "missing": (lambda where: (where / LATENTS).unlink(), "cannot be read: No such file"),
    "shape": (
        forged(lambda t: t.update({"net.0.weight": torch.zeros(2, 2)})),
        "expected torch.float32 .* of net.0.weight, got torch.float32 .2, 2.",
    ),
    "name": (forged(lambda t: t.pop("net.0.bias")), "of net.0.bias, got nothing"),
    "infinite": (forged(lambda t: t["net.0.bias"].fill_(torch.inf)), "net.0.bias is not finite"),
    "bounds": (forged(lambda t: t["z"].fill_(3.0), LATENTS), "out of their bounds"),
    "huge": (grown, "larger than the weights of this generator"),
    "json": (lambda where: (where / "finetune.json").write_text("[[["), "not what p2lbench fine"),
    "deep": (
        lambda where: (where / "finetune.json").write_text("[" * 100_000),
        "not what p2lbench finetune writes",
    ),
    "base": (
        lambda where: (where / "finetune.json").write_text(
            (where / "finetune.json").read_text().replace('"base": "', '"base": "0')
        ),
        "own weights are not those of then",
    ),
}


@pytest.fixture(scope="module")
def whole(ran: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which something was fine-tuned."""
    where = tmp_path_factory.mktemp("whole")
    shutil.copy(plugin(ran), where)
    folder = Path(shutil.copytree(ran, where / "results" / ran.name))
    assert finetuned(folder, "--row", PLAIN, "--steps", 0).code == 0
    return folder


@pytest.mark.parametrize(("damage", "told"), DAMAGED.values(), ids=DAMAGED)
def test_damaged_files_are_refused(whole: Path, damage: Callable[[Path], Any], told: str) -> None:
    (where,) = (whole / "finetuned").iterdir()
    assert loaded(whole, finetuned=where.name)
    kept = Path(shutil.copytree(where, whole / "kept"))
    damage(where)
    try:
        with pytest.raises(StoreError, match=told):
            loaded(whole, finetuned=where.name)
    finally:
        shutil.rmtree(where)
        kept.rename(where)
