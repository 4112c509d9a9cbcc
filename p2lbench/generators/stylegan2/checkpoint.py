"""Published StyleGAN2 checkpoints, read as data: NVIDIA's .pkl, rosinality's .pt, safetensors.

Nothing in them is executed. A .pkl is interpreted by `weights.pickles`; a .pt is read by
`torch.load` with `weights_only`.
"""

from __future__ import annotations

import argparse
import mmap
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from p2lbench.errors import UserError
from p2lbench.generators.stylegan2.config import FORMAT, metadata, read_config
from p2lbench.generators.stylegan2.file import converted
from p2lbench.generators.stylegan2.generator import PRIOR_STD
from p2lbench.weights import pickles
from p2lbench.weights.pickles import Bad, Module, Stored

LARGEST = 4 << 30  # bytes; NVIDIA's largest have 0.4 GB
_MOST_MODULES, _DEEPEST = 10_000, 8
_LONGEST = 240  # characters of a message
_SAFE_TORCH = (2, 6)  # before, weights_only could be made to execute code (CVE-2025-32434)
_FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
Checkpoint = tuple[dict[str, Tensor], dict[str, Any]]


def convert(path: Path) -> bytes:
    """The one file that p2lbench keeps of a checkpoint.

    Raises:
        UserError: it cannot be read, or is no StyleGAN2 generator. The message is one line.
        OSError: the file cannot be opened.
    """
    readers = {".pkl": _pickle, ".pt": _torch, ".pth": _torch, ".safetensors": _safetensors}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise UserError(f"{path.name}: expected {', '.join(readers)}, got '{path.suffix}'")
    size = path.stat().st_size
    if not 0 < size <= LARGEST:
        raise UserError(f"{path.name}: expected 1 to {LARGEST} bytes, got {size}")
    try:
        state, settings = reader(path)
        _check(state, size)
        return converted(state, _checked(settings))
    except (ValueError, UserError) as error:
        raise UserError(f"{path.name} cannot be used: {_line(str(error))}") from error


def _line(text: str) -> str:
    """A message on one line of a terminal, whatever names of the file's are in it."""
    short = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
    return "".join(c if c.isprintable() else "?" for c in short)


def _pickle(path: Path) -> Checkpoint:
    """NVIDIA's: a mapping with the module G_ema, or the module itself."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        found = pickles.run(content)  # type: ignore[arg-type]  # mmap has read and readline
    module = found.get("G_ema") if isinstance(found, dict) else found
    if not isinstance(module, Module):
        raise Bad("there is no generator in it (G_ema)")
    left = path.stat().st_size
    state: dict[str, Tensor] = {}
    modules = dict(_modules(module))
    for prefix, part in modules.items():
        for name, stored in {**part.part("_parameters"), **part.part("_buffers")}.items():
            if stored is None:
                continue
            if not isinstance(stored, Stored):
                raise Bad("a module with a tensor that is none")
            tensor = pickles.tensor(stored)
            left -= tensor.nbytes
            if left < 0:  # several may be made of one storage
                raise Bad("its tensors are larger than the file")
            state[f"{prefix}{name}"] = tensor
    return state, _settings(modules)


def _modules(module: Module) -> Iterator[tuple[str, Module]]:
    """All modules by the prefix of their tensors' names."""
    waiting, count = [("", module)], 0
    while waiting:
        prefix, part = waiting.pop()
        count += 1
        if count > _MOST_MODULES or prefix.count(".") > _DEEPEST:
            raise Bad("its modules are nested without end")
        yield prefix, part
        for name, inner in part.part("_modules").items():
            if not (isinstance(name, str) and isinstance(inner, Module)):
                raise Bad("a module with a part that is no module")
            waiting.append((f"{prefix}{name}.", inner))


def _settings(modules: Mapping[str, Module]) -> dict[str, Any]:
    """What decides the function and is not in the tensors, from the layers' attributes."""

    def attribute(prefix: str, name: str, default: Any) -> Any:
        return modules[prefix].attributes.get(name, default) if prefix in modules else default

    for prefix, name, wanted in (
        ("synthesis.b4.", "architecture", "skip"),
        ("synthesis.b4.conv1.", "activation", "lrelu"),
        ("mapping.fc0.", "activation", "lrelu"),
    ):
        if attribute(prefix, name, wanted) != wanted:
            raise Bad(f"its {name} is not {wanted}, which is the only one that is supported")
    clamp = attribute("synthesis.b4.conv1.", "conv_clamp", None)
    rate = attribute("mapping.fc0.", "bias_gain", 0.01)
    return {"clamp": clamp, "mapping_rate": rate}


def _checked(settings: Mapping[str, Any]) -> dict[str, float]:
    """Those that are given, as numbers."""
    given = {name: value for name, value in settings.items() if value is not None}
    for value in given.values():
        if type(value) not in (int, float) or not 0 < value < 1e6:
            raise Bad("its clamp or its learning-rate multiplier is no number")
    return {name: float(value) for name, value in given.items()}


def _torch(path: Path) -> Checkpoint:
    """rosinality's: a mapping with the state `g_ema` and perhaps `latent_avg`, or the state."""
    _check_torch(path)
    try:
        with torch.serialization.safe_globals([argparse.Namespace]):  # of training checkpoints
            found = torch.load(path, map_location="cpu", weights_only=True)
    # torch does not say what a damaged or hostile file may make it raise.
    except Exception as error:
        raise Bad("torch cannot read it with weights_only") from error
    if not isinstance(found, Mapping):
        raise Bad("there is no mapping of tensors in it")
    state = found.get("g_ema", found)
    if not isinstance(state, Mapping):
        raise Bad("its g_ema is no mapping of tensors")
    average = {"latent_avg": found["latent_avg"]} if "latent_avg" in found else {}
    return {**state, **average}, {}


def _check_torch(path: Path) -> None:
    if tuple(map(int, torch.__version__.split(".")[:2])) < _SAFE_TORCH:
        raise Bad(f"reading .pt safely needs torch 2.6 or newer, this is {torch.__version__}")
    if not zipfile.is_zipfile(path):
        return
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, NotImplementedError) as error:
        raise Bad("it is a damaged zip file") from error
    if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
        raise Bad("it is compressed, which torch's files are not")


def _safetensors(path: Path) -> Checkpoint:
    """The tensors of either, or a file that was converted before.

    The header's metadata may have `conv_clamp`.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        state = load_file(path)
    except SafetensorError as error:
        raise Bad("it is no safetensors file") from error
    texts = metadata(path)
    if FORMAT in texts:
        config = read_config(path)
        state.pop(PRIOR_STD, None)
        return state, {"clamp": config.clamp, "mapping_rate": config.mapping_rate}
    try:
        clamp = float(texts["conv_clamp"]) if "conv_clamp" in texts else None
    except ValueError:
        raise Bad("its conv_clamp is no number") from None
    return state, {"clamp": clamp}


def _check(state: Mapping[Any, Any], size: int) -> None:
    """Tensors of plain numbers that take no more memory than the file has bytes."""
    for name, tensor in state.items():
        if not isinstance(name, str) or not isinstance(tensor, Tensor):
            raise Bad("there is something else than named tensors in it")
        plain = tensor.layout is torch.strided and tensor.device.type == "cpu"
        if not plain or tensor.is_nested or tensor.dtype not in _FLOATS or not tensor.numel():
            raise Bad(f"'{name}' is no tensor of plain numbers")
        size -= tensor.nbytes
    if size < 0:
        raise Bad("its tensors are larger than the file")
