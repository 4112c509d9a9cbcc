"""Checkpoints of the catalogue: fetched, converted, recorded at first, checked ever after."""

from __future__ import annotations

import hashlib
import io
import json
import pickle
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from e2e.kit import called
from fileserver import Server, serving
from safetensors.torch import load_file

from p2lbench import weights
from p2lbench.errors import UserError
from p2lbench.generators.biggan.checkpoint import read
from p2lbench.generators.biggan.config import PUBLISHED, parsed
from p2lbench.weights import Weights, WeightsMissing, catalogue

GOLDEN = Path(__file__).parent.parent / "golden"
VALUES = load_file(GOLDEN / "biggan_tiny.safetensors")
STATE = {name[3:]: tensor for name, tensor in VALUES.items() if name.startswith("sd.")}
WRITTEN = json.loads((GOLDEN / "biggan_tiny.json").read_text())["config"]
OTHER = {**STATE, "generator.bn.bias": STATE["generator.bn.bias"] + 1}


def packed(state: object) -> bytes:
    out = io.BytesIO()
    torch.save(state, out)
    return out.getvalue()


CONTENT = packed(STATE)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture(autouse=True)
def folder(weights_folder: Path) -> Path:
    return weights_folder


@pytest.fixture(autouse=True)
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """Has the one file of the catalogue, whose architecture is among the published ones."""
    monkeypatch.setitem(PUBLISHED, "tiny", parsed(WRITTEN))
    with serving(CONTENT) as server:
        entry = Weights(
            "tiny", "tiny.bin", server.url, len(CONTENT), "", "MIT", "a test", kind="biggan-deep"
        )
        monkeypatch.setattr(catalogue, "CATALOGUE", {"tiny": entry})
        yield server


def same(path: Path, state: dict[str, torch.Tensor] = STATE) -> None:
    config, found = read(path)
    assert config == parsed(WRITTEN)
    assert all(found[name].equal(tensor) for name, tensor in state.items())


def row(name: str = "tiny") -> weights.Row:
    return next(row for row in weights.listing() if row.name == name)


def saved(path: Path, state: dict[str, torch.Tensor] = STATE) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(packed(state))
    return path


def test_it_is_converted_and_its_hash_recorded(folder: Path, server: Server) -> None:
    located = weights.fetch("tiny")
    assert located == weights.locate("tiny")
    assert located.path == folder / f"tiny-{SHA256[:8]}.safetensors"
    assert (located.sha256, located.published, located.recorded) == (SHA256, False, True)
    assert located.note == (
        f"tiny: sha256 {SHA256}, recorded at its first download, since none is published"
    )
    same(located.path)
    assert json.loads((folder / "pinned.json").read_text())["tiny"]["sha256"] == SHA256
    assert not list(folder.glob("tiny.bin*")), "the download is kept beside what was made of it"
    assert weights.fetch("tiny") == located
    assert len(server.asked) == 1


def test_it_is_listed_as_recorded_here(folder: Path) -> None:
    assert (row().present, row().recorded) == (False, False)
    weights.fetch("tiny")
    assert (row().present, row().verified, row().recorded) == (True, False, True)
    assert row().origin == "download"
    assert len([row for row in weights.listing() if row.name == "tiny"]) == 1
    listed = called("weights", "list")
    assert "recorded here" in listed.out


def test_another_file_is_refused_ever_after(folder: Path, server: Server) -> None:
    located = weights.fetch("tiny")
    located.path.unlink()
    with pytest.raises(UserError, match="is gone; p2lbench weights fetch tiny"):
        weights.locate("tiny")
    server.body = packed(OTHER)
    with pytest.raises(UserError, match=f"but {SHA256} was recorded at the first download"):
        weights.fetch("tiny")
    assert not list(folder.glob("*.bin*"))
    server.body = CONTENT
    assert weights.fetch("tiny") == located


def test_two_downloads_at_once_are_not_taken_for_one(folder: Path) -> None:
    """Without a published hash, the announced length is all that tells."""

    class Other:
        """Another process, which writes to the same file."""

        total = 0

        def update(self, received: int) -> None:
            with (folder / "tiny.bin.part").open("ab") as part:
                part.write(bytes(received))

        def reset(self) -> None: ...
        def close(self) -> None: ...

    with pytest.raises(UserError, match=rf"expected {len(CONTENT)} bytes, got \d+; is another"):
        weights.fetch("tiny", Other())
    assert not list(folder.iterdir())
    assert weights.fetch("tiny").sha256 == SHA256


def test_what_was_converted_is_checked_too(folder: Path, server: Server) -> None:
    path = weights.fetch("tiny").path
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(UserError, match="is not what it was; p2lbench weights fetch tiny"):
        weights.locate("tiny")
    verified = called("weights", "verify")
    assert verified.code == 2
    assert "is not what it was" in verified.err
    same(weights.fetch("tiny").path)
    assert called("weights", "verify").code == 0


def test_a_published_hash_is_checked(
    folder: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = replace(catalogue.CATALOGUE["tiny"], sha256=SHA256)
    monkeypatch.setattr(catalogue, "CATALOGUE", {"tiny": known})
    server.body = packed(OTHER)
    with pytest.raises(UserError, match="is not the published file"):
        weights.fetch("tiny")
    server.body = CONTENT
    located = weights.fetch("tiny")
    assert (located.published, located.note) == (True, None)
    assert not (folder / "pinned.json").exists()
    other = saved(folder / "tiny.bin", OTHER)
    located.path.unlink()
    with pytest.raises(UserError, match=f"but {SHA256} is published"):
        weights.fetch("tiny")
    assert other.exists(), "the user's own file was deleted"


class Code:
    def __reduce__(self) -> object:
        return print, ("code of a stranger",)


@pytest.mark.parametrize("body", [b"<html>log in first</html>", pickle.dumps(Code()), b""])
def test_what_is_no_checkpoint_is_neither_recorded_nor_kept(
    body: bytes, folder: Path, server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    server.body = body
    with pytest.raises(UserError, match=r"tiny\.bin cannot be used: "):
        weights.fetch("tiny")
    assert not list(folder.iterdir())
    assert "stranger" not in capsys.readouterr().out


def test_missing_says_what_to_do(folder: Path, server: Server) -> None:
    with pytest.raises(WeightsMissing) as raised:
        weights.locate("tiny")
    for part in ("weights fetch tiny", server.url, "1 MB", "weights add tiny FILE", str(folder)):
        assert part in str(raised.value)


def test_a_download_by_hand_is_found_or_added(folder: Path, server: Server, tmp_path: Path) -> None:
    server.status = 503
    by_hand = saved(tmp_path / "Downloads" / "x.bin")
    located = weights.add("tiny", by_hand)
    assert (located.sha256, located.recorded, located.source) == (SHA256, False, "x.bin")
    assert located.note == f"tiny: converted from x.bin (sha256 {SHA256})"
    assert row().origin == "added"
    put = saved(folder / "tiny.bin")
    assert weights.fetch("tiny").recorded
    assert put.exists()
    assert weights.add("tiny", by_hand).recorded, "it is the one that was recorded"
    assert not server.asked


def test_another_file_may_be_added_and_fetched_over(tmp_path: Path, folder: Path) -> None:
    weights.fetch("tiny")
    source = tmp_path / "mine"
    saved(source / "pytorch_model.bin", OTHER)
    (source / "config.json").write_text(json.dumps({**WRITTEN, "eps": 1e-3}))
    located = weights.add("tiny", source)
    assert not located.recorded
    assert located.sha256 != hashlib.sha256(packed(OTHER)).hexdigest(), "eps is part of it"
    config, state = read(located.path)
    assert config.eps == 1e-3
    assert state["generator.bn.bias"].equal(OTHER["generator.bn.bias"])
    located.path.unlink()
    with pytest.raises(UserError, match="is gone; p2lbench weights add tiny mine"):
        weights.locate("tiny")
    same(weights.fetch("tiny").path)


def beside(file: Path, **changed: object) -> Path:
    file.with_name("config.json").write_text(json.dumps({**WRITTEN, **changed}))
    return file


def test_a_configuration_beside_it_makes_it_another_network(tmp_path: Path) -> None:
    """The hash of the tensors' file alone does not tell which function it is."""
    weights.fetch("tiny")
    located = weights.add("tiny", beside(saved(tmp_path / "x.bin"), eps=1e-3))
    assert not located.recorded
    assert read(located.path)[0].eps == 1e-3
    assert located.sha256 != SHA256


def test_a_download_does_not_take_a_configuration_that_lies_beside_it(folder: Path) -> None:
    folder.mkdir()
    config = beside(folder / "tiny.bin", eps=1e-3).with_name("config.json")
    with pytest.raises(UserError, match=re.escape(f"tiny: {config} would decide")):
        weights.fetch("tiny")
    assert not (folder / "pinned.json").exists()
    config.unlink()
    assert weights.fetch("tiny").sha256 == SHA256


def test_a_folder_or_a_file_is_brought_under_a_name_of_ones_own(tmp_path: Path) -> None:
    source = tmp_path / "My-Dogs"
    saved(source / "pytorch_model.bin")
    (source / "config.json").write_text(json.dumps(WRITTEN))
    added = called("weights", "add", source)
    assert added.code == 0
    assert "converted from My-Dogs" in added.out
    same(weights.locate("my-dogs").path)
    assert row("my-dogs").purpose == "BigGAN-deep, converted from My-Dogs"
    assert called("weights", "add", source / "pytorch_model.bin", "--as", "dogs.pt").code == 0
    same(weights.locate("dogs.pt").path)
    (moved,) = (weights.locate("my-dogs").path.rename(tmp_path / "c.safetensors"),)
    assert called("weights", "add", moved).code == 0
    same(weights.locate("c").path)


def test_what_is_of_no_kind_is_said_for_each(tmp_path: Path) -> None:
    torch.save({"x": torch.ones(1)}, tmp_path / "x.pt")
    with pytest.raises(UserError) as raised:
        weights.bring(tmp_path / "x.pt")
    first, second = str(raised.value).split("; as BigGAN-deep: ")
    assert first.startswith("as StyleGAN2: x.pt cannot be used: ")
    assert second.startswith("x.pt cannot be used: its tensors are those of none of biggan-deep")
    (tmp_path / "x.zip").write_bytes(b"")
    with pytest.raises(UserError, match=r"expected a folder or a file \.bin, \.pkl, .*'\.zip'"):
        weights.bring(tmp_path / "x.zip")


def test_where(folder: Path) -> None:
    assert called("weights", "where").out == f"{folder}\n"
    missing = called("weights", "where", "tiny")
    assert (missing.code, missing.out) == (2, "")
    assert "p2lbench weights fetch tiny" in missing.err
    assert f"{folder}/tiny-….safetensors" in missing.err.replace("\n", "")
    path = weights.fetch("tiny").path
    assert called("weights", "where", "tiny").out == f"{path}\n"
    assert called("weights", "where", "tiny", "--json").json == {"name": "tiny", "path": str(path)}
    assert called("weights", "where", "tinny").code == 2


@pytest.mark.parametrize(
    ("field", "value"),
    [("kind", "stylegan3"), ("mirrors", ("http://example.org/x",)), ("url", "pypi:x==1")],
)
def test_entries_are_checked(field: str, value: object) -> None:
    entry = replace(catalogue.CATALOGUE["tiny"], url="https://example.org/tiny.bin")
    entry.check()
    with pytest.raises(ValueError, match="expected"):
        replace(entry, **{field: value}).check()
