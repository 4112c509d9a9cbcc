"""Files such as NVIDIA's stylegan2-ada-pytorch writes, made without its code."""

from __future__ import annotations

import pickle
import sys
from collections import OrderedDict
from types import ModuleType
from typing import Any
from unittest import mock

import numpy as np
import torch
from torch import Tensor, nn

SOURCE = "raise SystemExit('this source is never executed')"
ATTRIBUTES = {
    "synthesis.b4": {"architecture": "skip"},
    "synthesis.b4.conv1": {"conv_clamp": None, "activation": "lrelu"},
    "mapping.fc0": {"bias_gain": 0.01, "activation": "lrelu"},
}
_BUFFERS = ("w_avg", "noise_const", "resample_filter")


def _reconstruct_persistent_obj(meta: Any) -> None:
    raise AssertionError("only its name is written")


class EasyDict(dict[str, Any]):
    """dnnlib's."""


class Persistent:
    """A module; it is pickled as its class's name, its module's source and its attributes."""

    def __init__(self, class_name: str, source: str = SOURCE) -> None:
        self.class_name, self.source = class_name, source
        self.attributes: dict[str, Any] = {
            "training": False,
            "act_gain": np.sqrt(2),
            "resolutions": np.arange(3),
            "device": torch.device("cpu"),
            "dtype": torch.float32,
            "size": torch.Size([3, 4]),
            "_parameters": OrderedDict(),
            "_buffers": OrderedDict(),
            "_non_persistent_buffers_set": set(),
            "_modules": OrderedDict(),
            "_init_args": (),
            "_init_kwargs": EasyDict(),
        }

    def __reduce__(self) -> Any:
        meta = {
            "type": "class",
            "version": 6,
            "module_src": self.source,
            "class_name": self.class_name,
            "state": self.attributes,
        }
        return _reconstruct_persistent_obj, (meta,), None


def generator(
    state: dict[str, Tensor],
    attributes: dict[str, dict[str, Any]] | None = None,
    source: str = SOURCE,
) -> Persistent:
    """A module tree for the tensors of a state dict; `attributes` by module."""
    root = Persistent("Generator", source)
    modules = {"": root}
    for name, tensor in state.items():
        *path, own = name.split(".")
        for depth, step in enumerate(path):
            parent = modules[".".join(path[:depth])]
            inner = modules.setdefault(".".join(path[: depth + 1]), Persistent("Layer", source))
            parent.attributes["_modules"][step] = inner
        owner = modules[".".join(path)].attributes
        if own in _BUFFERS:
            owner["_buffers"][own] = tensor
        else:
            owner["_parameters"][own] = nn.Parameter(tensor, requires_grad=False)
    for module, values in {**ATTRIBUTES, **(attributes or {})}.items():
        modules[module].attributes.update(values)
    return root


def dumps(content: Any, protocol: int = 4) -> bytes:
    """The pickle, with the names of NVIDIA's modules."""
    names = {"torch_utils.persistence": _reconstruct_persistent_obj, "dnnlib.util": EasyDict}
    fakes = {name: ModuleType(name) for name in (*names, "torch_utils", "dnnlib")}
    with mock.patch.dict(sys.modules, fakes):
        for module, own in names.items():
            setattr(fakes[module], own.__name__, own)
            own.__module__ = module
        try:
            return pickle.dumps(content, protocol=protocol)
        finally:
            for own in names.values():
                own.__module__ = __name__


def official(state: dict[str, Tensor], protocol: int = 4, **options: Any) -> bytes:
    """A snapshot: generator, its average, and how it was trained."""
    ema = generator(state, **options)
    settings = EasyDict(class_name="training.dataset.ImageFolderDataset", max_size=None)
    return dumps({"G": ema, "G_ema": ema, "training_set_kwargs": settings}, protocol)
