"""Torch files that `weights_only` would read at the cost of the process, its memory or its time."""

from __future__ import annotations

import argparse
import io
import struct
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from p2lbench.weights import tensors
from p2lbench.weights.pickles import Bad

PROTO = b"\x80\x02"


def text(value: str) -> bytes:
    return b"X" + struct.pack("<I", len(value)) + value.encode()


LONG = text("x" * 100_000) + b"q\x01"
ENCODE = b"c_codecs\nencode\nq\x00" + LONG + text("latin1") + b"q\x02\x86R"
KEYS = (b"\x8a\x0a" + (k * (2**61 - 1)).to_bytes(10, "little") + b"N" for k in range(1, 9))
HOSTILE = {
    "a key that is deep": (b"}N" + b"\x85" * 200_000 + b"Ns.", "a key that is no text"),
    "keys of one hash": (b"}(" + b"".join(KEYS) + b"u.", "too long"),
    "a bytearray": (b"c__builtin__\nbytearray\n\x8a\x05" + bytes(4) + b"\x01\x85R.", "not allowed"),
    "bytes again and again": (
        b"](" + ENCODE + b"h\x00h\x01h\x02\x86R" * 3 + b"e.",
        "more bytes than",
    ),
    "a copy of a repeated element": (
        b"ctorch._utils\n_rebuild_device_tensor_from_cpu_tensor\n.",
        "not allowed",
    ),
}


def zipped(path: Path, pickle: bytes) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in (("data.pkl", pickle), ("version", b"3\n"), ("byteorder", b"little")):
            archive.writestr(f"archive/{name}", content)
    return path


def former(path: Path, pickle: bytes) -> Path:
    """Torch's format before zip files."""
    out = io.BytesIO()
    torch.save({}, out, _use_new_zipfile_serialization=False)
    whole = out.getvalue()
    head = whole[: whole.index(b"}q\x00.")]
    assert head
    path.write_bytes(head.removesuffix(PROTO) + pickle)
    return path


@pytest.mark.parametrize("attack", HOSTILE)
@pytest.mark.parametrize("write", [zipped, former])
def test_what_no_state_dict_needs_is_refused_before_torch_sees_it(
    write: Any, attack: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pickle, message = HOSTILE[attack]
    monkeypatch.setattr(torch, "load", lambda *_, **__: pytest.fail("torch has read it"))
    with pytest.raises(Bad, match=f"{message}.*; expected tensors by name"):
        tensors.torch_file(write(tmp_path / "x.pt", PROTO + pickle))


def test_storages_that_are_the_same_bytes_are_counted(tmp_path: Path) -> None:
    """A zip file's directory may name one part of it many times over."""
    path = tmp_path / "x.pt"
    torch.save({"a": torch.ones(1000)}, path)
    with zipfile.ZipFile(path, "a") as archive:
        (storage,) = (e for e in archive.infolist() if e.filename.endswith("data/0"))
        archive.filelist.extend([storage] * 3)
        archive.writestr("archive/more", b"")
    with pytest.raises(Bad, match="its parts are larger than the file"):
        tensors.torch_file(path)


@pytest.mark.parametrize("new", [True, False])
def test_what_trainers_write_is_read(new: bool, tmp_path: Path) -> None:
    layer = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    adam = torch.optim.Adam(layer.parameters())
    layer(torch.ones(4, 2)).sum().backward()
    adam.step()
    written = {
        "g_ema": layer.state_dict(),
        "parameters": OrderedDict(layer.named_parameters()),
        "optimizer": adam.state_dict(),
        "half": [torch.ones(2).half(), torch.ones(2).bfloat16(), torch.ones(2).bool()],
        "args": argparse.Namespace(lr=0.002, size=torch.Size([2, 3]), kinds={"a"}, name="x"),
        "raw": (b"bytes", torch.float16, torch.device("cpu"), 2**70, None),
    }
    torch.save(written, tmp_path / "x.pt", _use_new_zipfile_serialization=new)
    found = tensors.torch_file(tmp_path / "x.pt", (argparse.Namespace,))
    assert found["args"] == written["args"]
    assert found["raw"] == written["raw"]
    assert found["g_ema"]["0.weight"].equal(layer[0].weight)


@pytest.mark.parametrize("shape", [[0, 2**63, 1], [2**63, 0], [0, 2**62, 4]])
def test_shapes_that_safetensors_leaves_to_torch(shape: list[int], tmp_path: Path) -> None:
    header = f'{{"x":{{"dtype":"F32","shape":{shape},"data_offsets":[0,0]}}}}'.encode()
    (tmp_path / "x.safetensors").write_bytes(struct.pack("<Q", len(header)) + header)
    with pytest.raises(Bad):
        tensors.check(tensors.safetensors_file(tmp_path / "x.safetensors"), 100)
