"""Draws a generator's own samples as targets whose optimum is known."""

from __future__ import annotations

import csv
import io
import os
from pathlib import Path
from typing import TYPE_CHECKING

from p2lbench.errors import UserError
from p2lbench.options import build
from p2lbench.registry import Registry
from p2lbench.sample import MADE_BY, made_by
from p2lbench.seeds import stream
from p2lbench.space import Space
from p2lbench.spec import Spec

if TYPE_CHECKING:
    from torch import Tensor

    from p2lbench.generators.base import Generator

MANIFEST = "manifest.csv"


def write_samples(
    spec: Spec, registry: Registry, count: int, seed: int, folder: Path, device: str
) -> list[Path]:
    """`count` samples as PNG files of 8 bits, the point of each, and a manifest of them.

    z and whatever else varies is drawn from its prior, within its bounds; the classes come in turn.
    Each sample has a stream of its own, which no method sees.

    Raises:
        UserError: the folder is there and not empty, or cannot be written.
    """
    import torch
    from PIL import Image
    from safetensors.torch import save

    _check_empty(folder)  # before anything is computed
    generator: Generator = build(spec, registry)
    generator.load(device)
    space, maker = Space(generator.variables, None, device), made_by(spec, registry)
    files: dict[str, bytes] = {}
    rows = [("file", "class", "point")]
    for k in range(count):
        name, point = f"sample-{k:0{len(str(count - 1))}d}", _point(generator, space, seed, k)
        latents = {key: value.contiguous() for key, value in space.split(point[None]).items()}
        with torch.no_grad():
            (image,) = generator.forward(**latents)
        pixels = ((image.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8).permute(1, 2, 0).cpu()
        buffer = io.BytesIO()
        Image.fromarray(pixels.numpy()).save(buffer, "PNG")
        files[f"{name}.png"] = buffer.getvalue()
        files[f"{name}.safetensors"] = save(latents, {MADE_BY: maker})
        rows.append((f"{name}.png", _class_name(generator, k), f"{name}.safetensors"))
    table = io.StringIO()
    csv.writer(table, lineterminator="\n").writerows(rows)
    return _written(folder, {**files, MANIFEST: table.getvalue().encode()})


def _point(generator: Generator, space: Space, seed: int, k: int) -> Tensor:
    import numpy as np
    import torch

    rng = np.random.Generator(np.random.Philox(stream("sample", seed, k)))
    noise = torch.from_numpy(rng.standard_normal(space.d, dtype=np.float32)).to(space.device)
    point = (space.mean + space.std * noise).clamp(min=space.low, max=space.high)
    if _classes(generator) and "c" in space.slices:
        vector = generator.embed(torch.tensor([k % _classes(generator)]))
        point[space.slices["c"]] = vector.flatten().to(point.device)
    return point


def _classes(generator: Generator) -> int:
    return len(generator.classes) if generator.conditional else 0


def _class_name(generator: Generator, k: int) -> str:
    return str(k % _classes(generator)) if _classes(generator) else ""


def _check_empty(folder: Path) -> None:
    try:
        if os.path.lexists(folder) and any(folder.iterdir()):
            raise UserError(f"-o: {folder} is not empty: choose another folder")
    except OSError as error:
        raise _unwritable(folder, error) from error


def _written(folder: Path, files: dict[str, bytes]) -> list[Path]:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _check_empty(folder)
        for name, data in files.items():
            (folder / name).write_bytes(data)
    except OSError as error:
        raise _unwritable(folder, error) from error
    return [folder / name for name in files]


def _unwritable(folder: Path, error: OSError) -> UserError:
    return UserError(f"-o: {folder} cannot be written: {error.strerror}")
