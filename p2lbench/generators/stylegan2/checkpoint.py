"""Published StyleGAN2 checkpoints, read as data: NVIDIA's .pkl, rosinality's .pt, safetensors.

Nothing in them is executed. A .pkl is interpreted by `weights.pickles`; a .pt is read by
`torch.load` with `weights_only`.
"""

from __future__ import annotations

import argparse
import mmap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from p2lbench.errors import UserError
from p2lbench.generators.stylegan2.config import KIND, read_config
from p2lbench.generators.stylegan2.file import converted
from p2lbench.generators.stylegan2.generator import PRIOR_STD
from p2lbench.weights import pickles, tensors
from p2lbench.weights.kinds import header
from p2lbench.weights.pickles import Bad, Module, Stored

_MOST_MODULES, _DEEPEST, _LONGEST_NAME = 10_000, 8, 100
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
    try:
        size = tensors.size_of(path)
        state, settings = reader(path)
        tensors.check(state, size)
        return converted(state, _checked(settings))
    except (ValueError, UserError) as error:
        raise tensors.refusal(path.name, error) from error


def parts(path: Path) -> tuple[Path, ...]:
    """The files that decide what `convert` makes."""
    return (path,)


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
        for name, stored in _named({**part.part("_parameters"), **part.part("_buffers")}):
            if stored is None:
                continue
            if not isinstance(stored, Stored):
                raise Bad("a module with a tensor that is none")
            left -= len(stored.storage.content)
            if left < 0:  # several may be made of one storage, which is read for each of them
                raise Bad("its tensors are larger than the file")
            state[f"{prefix}{name}"] = pickles.tensor(stored)
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
        for name, inner in _named(part.part("_modules")):
            if not isinstance(inner, Module):
                raise Bad("a module with a part that is no module")
            waiting.append((f"{prefix}{name}.", inner))


def _named(parts: Mapping[Any, Any]) -> Iterator[tuple[str, Any]]:
    """Names that are put together to a tensor's; a pickle may have one name any number of times."""
    for name, part in parts.items():
        if not isinstance(name, str) or len(name) > _LONGEST_NAME:
            raise Bad("a module with a name that is none, or too long")
        yield name, part


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
    found = tensors.torch_file(path, (argparse.Namespace,))  # which training checkpoints have
    state = found.get("g_ema", found)
    if not isinstance(state, Mapping):
        raise Bad("its g_ema is no mapping of tensors")
    average = {"latent_avg": found["latent_avg"]} if "latent_avg" in found else {}
    return {**state, **average}, {}


def _safetensors(path: Path) -> Checkpoint:
    """The tensors of either, or a file that was converted before.

    The header's metadata may have `conv_clamp`.
    """
    state, texts = tensors.safetensors_file(path), header(path)
    if KIND.key in texts:
        config = read_config(path)
        state.pop(PRIOR_STD, None)
        return state, {"clamp": config.clamp, "mapping_rate": config.mapping_rate}
    try:
        clamp = float(texts["conv_clamp"]) if "conv_clamp" in texts else None
    except ValueError:
        raise Bad("its conv_clamp is no number") from None
    return state, {"clamp": clamp}
