"""Pickles that attack whoever reads them: nothing is executed, and one line says what is wrong."""

from __future__ import annotations

import copyreg
import io
import os
import pickle
import random
import struct
import tracemalloc
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import officialpkl
import pytest
import torch
from officialpkl import Persistent

from p2lbench.errors import UserError
from p2lbench.generators.stylegan2.checkpoint import convert
from p2lbench.weights import pickles
from p2lbench.weights.pickles import Stored, machine
from p2lbench.weights.pickles.values import Blob

CANARY = "canary"


class Calls:
    """Pickled as the call of a function."""

    def __init__(self, function: Callable[..., Any], *given: Any) -> None:
        self.function, self.given = function, given

    def __reduce__(self) -> Any:
        return self.function, self.given


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Attacks make a file here; afterwards there must be none."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refused(content: bytes, message: str = "", suffix: str = ".pkl") -> str:
    """The one line that says why; nothing was executed."""
    path = Path(f"hostile{suffix}")
    path.write_bytes(content)
    with pytest.raises(UserError) as raised:
        convert(path)
    text = str(raised.value)
    assert len(text.splitlines()) == 1
    assert len(text) < 300
    assert text.isprintable()
    assert text.startswith(path.name)
    assert message in text
    assert not Path(CANARY).exists()
    return text


def text(value: str) -> bytes:
    return b"\x8c" + bytes([len(value)]) + value.encode()


def named(module: str, name: str) -> bytes:
    """STACK_GLOBAL."""
    return text(module) + text(name) + b"\x93"


TOUCH = f"touch {CANARY}"
PYTHON = f"__import__('pathlib').Path({CANARY!r}).touch()"
EXECUTING = {
    "os.system by reduce": pickle.dumps(Calls(os.system, TOUCH)),
    "the same in protocol 0": f"cos\nsystem\n(S'{TOUCH}'\ntR.".encode(),
    "builtins.eval": pickle.dumps(Calls(eval, PYTHON)),
    "builtins.exec": pickle.dumps(Calls(exec, PYTHON)),
    "INST": f"(S'{TOUCH}'\nios\nsystem\n.".encode(),
    "OBJ": f"(cos\nsystem\nS'{TOUCH}'\no.".encode(),
    "a dotted name": b"\x80\x04"
    + named("pickle", "sys.modules.get")
    + text("os")
    + b"\x85R0"
    + named("shutil", "os.system")
    + text(TOUCH)
    + b"\x85R.",
    "in a snapshot": officialpkl.dumps({"G_ema": Calls(os.system, TOUCH)}),
    "beside the generator": officialpkl.dumps(
        {"G_ema": Persistent("Generator"), "D": Calls(os.system, TOUCH)}
    ),
}


@pytest.mark.parametrize(
    "attack", ["os.system by reduce", "the same in protocol 0", "builtins.eval", "builtins.exec"]
)
def test_the_attacks_work_on_pythons_own_pickle(attack):
    pickle.loads(EXECUTING[attack])
    assert Path(CANARY).exists()


@pytest.mark.parametrize("attack", EXECUTING)
def test_nothing_is_executed(attack):
    refused(EXECUTING[attack], "not allowed")


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("builtins", "getattr"),
        ("builtins", "__import__"),
        ("builtins", "object"),
        ("torch", "load"),
        ("torch", "_utils._rebuild_tensor_v2"),
        ("torch._utils", "_rebuild_tensor_v2.__globals__"),
        ("collections", "OrderedDict.__init_subclass__"),
        ("collections.OrderedDict", "fromkeys"),
        ("torch.storage", "_load_from_bytes.__globals__.get"),
        ("dnnlib.util", "EasyDict.__class__"),
        ("dnnlib.util", "open_url"),
        ("numpy", "dtype.type"),
        ("importlib", "import_module"),
        ("os", "system\nx\x1b[31m"),
    ],
)
def test_names_outside_of_the_table_are_refused(module, name):
    refused(b"\x80\x04" + named(module, name) + b".", "which is not allowed")


@pytest.mark.parametrize(
    "content",
    [
        named("collections", "OrderedDict") + b")R}" + text("__class__") + b"Nsb.",
        named("dnnlib.util", "EasyDict") + b")\x81}" + text("__setstate__") + b"Nsb.",
        named("collections", "OrderedDict") + b")RN}" + text("update") + b"Ns\x86b.",
        named("numpy", "ndarray") + b")R}" + text("__reduce__") + b"Nsb.",
    ],
)
def test_the_state_of_what_is_allowed_sets_no_attribute(content):
    refused(b"\x80\x04" + content, "no generator in it")


@pytest.mark.parametrize(
    "content",
    [
        named("collections", "OrderedDict") + b"}" + text("x") + b"Nsb.",
        officialpkl.dumps(Persistent("x"))[2:-1] + b"}b.",
        b"(lN}b.",
    ],
    ids=["a function", "a module", "a list's nothing"],
)
def test_the_state_of_anything_else_is_refused(content):
    refused(b"\x80\x04" + content, "state of something that has none")


@pytest.mark.parametrize("opcode", [b"\x82\x51", b"\x83\x51\x00", b"\x84\x51\x00\x00\x00"])
def test_extension_codes_are_not_looked_up(opcode):
    copyreg.add_extension("os", "system", 0x51)
    try:
        attack = b"\x80\x04" + opcode + text(TOUCH) + b"\x85R."
        pickle.loads(attack)  # which fills the cache that skips find_class
        Path(CANARY).unlink()
        refused(attack, "opcode EXT")
    finally:
        copyreg.remove_extension("os", "system", 0x51)
        copyreg.clear_extension_cache()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"Px\n.", "opcode PERSID is not allowed"),
        (text("x") + b"Q.", "outside of itself"),
        (b"\x97.", "opcode NEXT_BUFFER is not allowed"),
        (named("dnnlib.util", "EasyDict") + b")}\x92.", "opcode NEWOBJ_EX is not allowed"),
        (text("x") + b")R.", "no Global"),
        (b"N)R.", "no Global"),
        (b"Nh\x05.", "damaged"),
        (b"Nt.", "damaged"),
        (b"R.", "damaged"),
        (b"(.", "damaged"),
        (b"NN.", "damaged"),
        (b"}Nu.", "damaged"),
        (b"}Na.", "no list"),
        (b"\x80\x09N.", "protocol 9"),
        (b"\xff.", "damaged"),
        (b"NN\x93.", "name is no text"),
    ],
)
def test_what_makes_no_sense_is_refused(content, message):
    refused(content, message)


@pytest.mark.parametrize(
    "content",
    [
        b"\x8e" + struct.pack("<Q", 2**62),
        b"\x8d" + struct.pack("<Q", 2**63 - 1),
        b"\x96" + struct.pack("<Q", 2**40),
        b"B" + struct.pack("<I", 2**32 - 1),
        b"\x8b" + struct.pack("<i", 2**31 - 1),
        b"\x95" + struct.pack("<Q", 2**63),
        b"Nr" + struct.pack("<I", 2**32 - 1) + b"0",
        b"I" + b"9" * 100_000 + b"\n.",
    ],
    ids=["bytes", "text", "bytearray", "bytes 4", "number", "frame", "memo", "digits"],
)
def test_a_size_that_is_only_claimed_takes_no_memory(content):
    tracemalloc.start()
    try:
        refused(b"\x80\x04" + content)
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()


DOUBLED = b"N" + b"2\x86" * 60  # 2⁶⁰ of None, in 60 pairs of the same


@pytest.mark.parametrize(
    "content",
    [
        DOUBLED + b".",
        b"}" + text("G_ema") + DOUBLED + b"s.",
        b"}" + DOUBLED + b"Ns.",
        b"]" * 100_000 + b"a" * 99_999 + b".",
        b"N" + b"\x85" * 100_000 + b".",
        b"}N" + b"\x85" * 100_000 + b"Ns.",
        b"(" * 100_000 + b"t" * 100_000 + b".",
    ],
    ids=["doubled", "as G_ema", "as a key", "lists", "tuples", "a deep key", "marks"],
)
def test_deep_and_doubled_structures_end_in_a_line(content):
    refused(content)


def test_keys_of_one_hash_do_not_take_forever():
    """A mapping of n such keys compares each with all others."""
    same = (k * (2**61 - 1) for k in range(1, 40_000))
    keys = b"".join(b"\x8a\x0a" + key.to_bytes(10, "little") + b"N" for key in same)
    refused(b"\x80\x04}(" + keys + b"u.", "too long")


def test_opcodes_are_counted():
    refused(b"N0" * (machine.MOST_OPCODES // 2) + b"N.", "opcodes")


def linked(parts: dict[str, Persistent]) -> Persistent:
    module = Persistent("Generator")
    module.attributes["_modules"].update(parts)
    return module


def test_modules_inside_of_each_other_end_in_a_line():
    whole = linked({})
    for _ in range(30):
        whole = linked({"a": whole, "b": whole})
    refused(officialpkl.dumps({"G_ema": whole}), "nested without end")


def storage(content: bytes) -> Calls:
    return Calls(torch.storage._load_from_bytes, content)


def tensor(given: Any, size: Any, stride: Any, offset: Any = 0) -> Calls:
    rebuild = torch._utils._rebuild_tensor_v2
    return Calls(rebuild, given, offset, size, stride, False, OrderedDict())


def floats(count: int) -> bytes:
    out = io.BytesIO()
    torch.save(torch.zeros(count).storage(), out, _use_new_zipfile_serialization=False)
    return out.getvalue()


def holding(*tensors: Any) -> bytes:
    module = Persistent("Generator")
    module.attributes["_buffers"].update({f"t{i}": made for i, made in enumerate(tensors)})
    return officialpkl.dumps({"G_ema": module})


def saved(content: Any, new: bool) -> bytes:
    out = io.BytesIO()
    torch.save(content, out, _use_new_zipfile_serialization=new)
    return out.getvalue()


@pytest.mark.filterwarnings("ignore:TypedStorage is deprecated")
@pytest.mark.parametrize(
    ("size", "stride", "offset"),
    [
        ((10**12,), (0,), 0),
        ((2, 4), (4, 1), 1),
        ((4,), (3,), 0),
        ((-4,), (1,), 0),
        ((4,), (-1,), 3),
        ((4,), (1,), -1),
        ((4,), (1, 1), 0),
        ((2**200,), (1,), 0),
        ((0, 2**62, 4), (1, 1, 1), 0),
        ([4], [1], 0),
    ],
)
def test_tensors_stay_within_their_storage(size, stride, offset):
    refused(holding(tensor(storage(floats(8)), size, stride, offset)), "tensor")


@pytest.mark.filterwarnings("ignore:TypedStorage is deprecated")
@pytest.mark.parametrize("size", [1000, 1])
def test_many_tensors_of_one_storage_are_counted(size):
    shared = storage(floats(1000))
    many = holding(*(tensor(shared, (size,), (1,)) for _ in range(1000)))
    refused(many, "larger than the file")


@pytest.mark.filterwarnings("ignore:TypedStorage is deprecated")
def test_a_tensor_keeps_no_more_than_its_own_elements():
    blob = Blob(floats(1000))
    for size, stride, offset in (((1,), (1,), 5), ((2, 3), (1, 2), 0), ((), (), 999)):
        made = pickles.tensor(Stored(blob, offset, size, stride))
        assert made.shape == size
        assert made.is_contiguous()
        assert made.untyped_storage().nbytes() == made.nbytes


def test_a_text_that_is_remembered_is_not_made_into_bytes_again_and_again():
    """What protocol 2 has for bytes: a call with their text, which may stand there only once."""
    encode = b"h\x00h\x01h\x02\x86R0"
    remembered = b"c_codecs\nencode\nq\x000" + text("latin1") + b"q\x020"
    long = b"X" + struct.pack("<I", 100_000) + b"x" * 100_000 + b"q\x010"
    refused(b"\x80\x02" + remembered + long + encode * 3 + b"N.", "more bytes than")
    refused(b"\x80\x02" + remembered + long + encode + b"N.", "no generator in it")


@pytest.mark.filterwarnings("ignore:TypedStorage is deprecated")
@pytest.mark.parametrize("new", [True, False])
def test_a_storage_is_no_way_in(new):
    attack = saved(Calls(os.system, TOUCH), new)
    assert refused(holding(tensor(storage(attack), (1,), (1,))))
    whole = floats(8)
    for cut in range(0, len(whole), 7):
        refused(holding(tensor(storage(whole[:cut]), (8,), (1,))))


@pytest.mark.parametrize("new", [True, False])
def test_a_torch_file_is_no_way_in(new):
    for attack in (Calls(os.system, TOUCH), Calls(eval, PYTHON)):
        content = {"g_ema": {"input.input": torch.ones(1)}, "args": attack}
        refused(saved(content, new), "which is not allowed; expected tensors", ".pt")


def test_a_torch_file_may_not_be_compressed():
    plain = io.BytesIO(saved({"g_ema": {"x": torch.ones(1)}}, new=True))
    packed = io.BytesIO()
    with zipfile.ZipFile(plain) as old, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as new:
        for entry in old.infolist():
            new.writestr(entry.filename, old.read(entry))
    refused(packed.getvalue(), "compressed", ".pt")


def test_repeated_elements_of_a_torch_file_are_not_written_out():
    wide = torch.zeros(1).expand(10**9)
    refused(saved({"g_ema": {"x": wide}}, new=True), "larger than the file", ".pt")


@pytest.mark.parametrize("name", ["x\ny\x1b[31m", "x" * 10_000])
def test_names_of_the_files_stay_on_a_line(name):
    refused(saved({name: torch.ones(1)}, new=True), "cannot be used", ".pt")
    refused(saved({name: torch.ones(1, dtype=torch.int64)}, new=True), "cannot be used", ".pt")
    refused(b"\x80\x04cos\n" + name.replace("\n", "").encode() + b"\n.")


@pytest.mark.parametrize("suffix", [".pkl", ".pt", ".safetensors"])
@pytest.mark.parametrize("content", [b"", b"\x00", b"PK\x03\x04", b"\xff" * 5000, b"hello\n"])
def test_files_of_something_else(suffix, content):
    refused(content, suffix=suffix)


def test_another_ending_is_refused():
    refused(b"x", "expected .pkl, .pt, .pth, .safetensors, got '.zip'", ".zip")


def test_damage_of_any_kind_ends_in_a_line():
    """Cut short, and with bytes changed: either it is refused in a line or read as data."""
    whole = officialpkl.official({"synthesis.b4.conv1.weight": torch.ones(2), **_OTHERS})
    for cut in range(0, len(whole), max(1, len(whole) // 100)):
        refused(whole[:cut])
    rng = random.Random(0)
    for _ in range(500):
        changed = bytearray(whole)
        for _ in range(rng.randint(1, 4)):
            changed[rng.randrange(len(changed))] = rng.randrange(256)
        refused(bytes(changed))


_OTHERS = {"synthesis.b4.bias": torch.ones(1), "mapping.fc0.weight": torch.ones(2)}
