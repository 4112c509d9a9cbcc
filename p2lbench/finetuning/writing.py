"""Writes what fine-tuning came to into the results folder, all of it or nothing."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from math import isfinite
from pathlib import Path
from typing import Any

from p2lbench import __version__
from p2lbench.finetuning import pictures
from p2lbench.finetuning.descent import FineTuned, copies
from p2lbench.finetuning.stored import DOCUMENT, LATENTS, WEIGHTS, hash_of
from p2lbench.folder import explained


def write(tuned: FineTuned, where: Path) -> dict[str, Any]:
    """Make the folder `where`; what its finetune.json says. Same weights, same bytes, but for the
    seconds.

    Raises:
        StoreError: it cannot be written.
    """
    beside = where.with_name(f".{where.name}.{os.getpid()}.tmp")
    with explained(tuned.projection.folder):
        try:
            beside.mkdir(parents=True)
            document = _fill(tuned, beside)
            os.replace(beside, where)
        except BaseException:
            shutil.rmtree(beside, ignore_errors=True)
            raise
    return document


def _fill(tuned: FineTuned, folder: Path) -> dict[str, Any]:
    from safetensors.torch import save

    space = tuned.projection.setting.space
    parts = space.split(tuned.projection.point)
    point = {name: value.contiguous().cpu() for name, value in parts.items()}
    weights = {k: v.contiguous().cpu() for k, v in copies(tuned.weights).items()}
    files = {WEIGHTS: save(weights), LATENTS: save(point)}
    for name, data in files.items():
        (folder / name).write_bytes(data)
    hashes = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    document = {**said(tuned), "files": hashes}
    text = json.dumps(document, indent=2, allow_nan=False)
    (folder / DOCUMENT).write_text(text + "\n", encoding="utf-8")
    pictures.before_after(folder / "before-after.png", tuned)
    pictures.curve(folder / "curve.png", tuned)
    return document


def said(tuned: FineTuned) -> dict[str, Any]:
    """What there is to say of it, JSON-ready."""
    projection, options = tuned.projection, tuned.options
    return {
        "p2lbench": __version__,
        "cell": projection.row.cell,
        "row": list(projection.row.row),
        "image": projection.row.image,
        "repeat": projection.row.repeat,
        "candidate": projection.candidate,
        "options": vars(options),
        "reached": tuned.reached,
        "stopped": stopped(tuned),
        "loss": {"before": tuned.losses[0], "after": tuned.losses[-1]},
        "terms": {k: {"before": a, "after": b} for k, (a, b) in tuned.terms.items()},
        "distance": tuned.distances[-1],
        "parameters": sum(tensor.numel() for tensor in tuned.base.values()),
        "steps": len(tuned.losses) - 1,
        "passes": tuned.passes,
        "seconds": round(tuned.seconds, 3),
        "losses": [value if isfinite(value) else None for value in tuned.losses],
        "distances": list(tuned.distances),
        "base": hash_of(tuned.base),
    }


def stopped(tuned: FineTuned) -> str:
    """Why it ended, in words."""
    options, steps = tuned.options, len(tuned.losses) - 1
    what = f"{options.stop_on} {'below' if tuned.reached else 'did not reach'} {options.stop:g}"
    return f"{what} after {steps} steps"
