"""BigGAN-deep checkpoints: read as data, converted once, read again.

The format is that of pytorch_pretrained_biggan: a state dict in a torch file, and a `config.json`.
Nothing in them is executed: a torch file is read with `weights_only`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor

from p2lbench.errors import UserError
from p2lbench.generators.biggan.config import KIND, PUBLISHED, Config, from_file, read_config
from p2lbench.generators.biggan.names import shapes, spectral
from p2lbench.weights import tensors
from p2lbench.weights.kinds import header

_IN_FOLDER = ("model.safetensors", "pytorch_model.bin")
_CONFIG = "config.json"
_SAID = 3  # names in a message


def read(path: Path) -> tuple[Config, dict[str, Tensor]]:
    """The architecture and the tensors, float32, of a file that `p2lbench weights` keeps.

    The names are those of the package's state dict. Of a weight under spectral norm there are
    `weight_orig`, `weight_u` and `weight_v`, or, where it was removed, `weight`.

    Raises:
        UserError: it is no such file; one line.
    """
    try:
        config, state = read_config(path), tensors.safetensors_file(path)
        _check_fit(state, config)
    except ValueError as error:
        raise tensors.refusal(path.name, error) from error
    return config, {name: tensor.float() for name, tensor in state.items()}


def convert(source: Path) -> bytes:
    """The one file that p2lbench keeps of a checkpoint: safetensors, with the architecture in it.

    Args:
        source: a folder with `config.json` and `pytorch_model.bin` or `model.safetensors`; or such
            a file under any name, beside it `config.json` or `<its name>-config.json`. A file
            without one may be any of the published ones, which its tensors tell.

    Raises:
        UserError: it cannot be read, or is no BigGAN-deep. The message is one line.
        OSError: the file cannot be opened.
    """
    try:
        file = _file(source)
        size = tensors.size_of(file)
        safe = file.suffix.lower() == ".safetensors"
        state = tensors.safetensors_file(file) if safe else tensors.torch_file(file)
        tensors.check(state, size)
        config = _config(file, state)
        _check_fit(state, config)
        return save(_kept(state), config.metadata())
    except (ValueError, UserError) as error:
        raise tensors.refusal(source.name, error) from error


def parts(source: Path) -> tuple[Path, ...]:
    """The files that decide what `convert` makes: the tensors', and the configuration's if it is
    one of its own."""
    file = _file(source)
    beside = _beside(file)
    return (file,) if beside is None else (file, beside)


def _file(source: Path) -> Path:
    if not source.is_dir():
        return source
    found = [source / name for name in _IN_FOLDER if (source / name).is_file()]
    if not found:
        raise UserError(f"expected {' or '.join(_IN_FOLDER)} in the folder, and {_CONFIG}")
    return found[0]


def _beside(file: Path) -> Path | None:
    """The configuration that lies beside a checkpoint which has none in itself. The published pairs
    are called biggan-deep-128-pytorch_model.bin and biggan-deep-128-config.json."""
    if KIND.key in header(file):
        return None
    stems = (file.stem, file.stem.removesuffix("-pytorch_model"))
    names = (*(f"{stem}-{_CONFIG}" for stem in stems), _CONFIG)
    return next((path for name in names if (path := file.with_name(name)).is_file()), None)


def _config(file: Path, state: Mapping[str, Tensor]) -> Config:
    if (beside := _beside(file)) is not None:
        return from_file(beside)
    if KIND.key in header(file):
        return read_config(file)
    for config in PUBLISHED.values():
        if _misfit(state, config) is None:
            return config
    names = ", ".join(PUBLISHED)
    raise UserError(f"its tensors are those of none of {names}: put its {_CONFIG} beside it")


def _check_fit(state: Mapping[str, Tensor], config: Config) -> None:
    if (reason := _misfit(state, config)) is not None:
        raise UserError(f"{reason}; is its {_CONFIG} another checkpoint's?")


def _misfit(state: Mapping[str, Tensor], config: Config) -> str | None:
    """Why tensors are not exactly those of an architecture, or None."""
    expected = shapes(config, [name for name in spectral(config) if name in state])
    if missing := [name for name in expected if name not in state]:
        return f"it is no {KIND.title} of this architecture: it lacks {_some(missing)}"
    if extra := [name for name in state if name not in expected]:
        return f"it is no {KIND.title} of this architecture: it also has {_some(extra)}"
    for name, shape in expected.items():
        if tuple(state[name].shape) != shape:
            return f"'{name}' has shape {[*state[name].shape]}, expected {[*shape]}"
    return None


def _some(names: Collection[Any]) -> str:
    more = f" and {len(names) - _SAID} more" if len(names) > _SAID else ""
    return ", ".join([*map(str, names)][:_SAID]) + more


def _kept(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Copies: some may be views of others, or strided, which safetensors does not write."""
    kept = {
        name: tensor.detach().to(torch.float32, copy=True, memory_format=torch.contiguous_format)
        for name, tensor in sorted(state.items())
    }
    for name, tensor in kept.items():
        if not tensor.isfinite().all():
            raise UserError(f"'{name}' has values that are not finite")
    return kept
