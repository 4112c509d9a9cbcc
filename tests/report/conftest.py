"""A small run with all that a report has to cope with."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from storekit import keep_images

from p2lbench.leaderboard import Leaderboard, Metric, SuiteInfo, load
from p2lbench.record import Record, Trace
from p2lbench.store import PlanRow, Store

HOSTILE = "=[bold]$x_1$[/bold] | <b>&\x1b[31m%\n漢"
METRICS = [
    Metric("l1", "l1"),
    Metric("psnr", "psnr", True),
    Metric("percep-fmnist-heldout", "percep-fmnist-heldout"),
    Metric("lpips-alex", "lpips-alex"),
]
SUITE = SuiteInfo("quick", 4, 1, "paper", {"l1": ("l1",), "l2": ("l2",)}, {"passes": 500})
METHODS = (("l1", "adam"), ("l1", HOSTILE), ("l2", "adam"), ("l2", "_broken"))
IMAGES = ("bag", "boot", HOSTILE)
SIZE = 8


def strip(shade: int, candidates: int = 4) -> bytes:
    """Candidates side by side, candidate k in the grey `shade + k`."""
    pixels = np.repeat(shade + np.arange(candidates), SIZE).astype(np.uint8)
    out = io.BytesIO()
    Image.fromarray(np.broadcast_to(pixels[None, :, None], (SIZE, len(pixels), 3)).copy()).save(
        out, "PNG"
    )
    return out.getvalue()


def record(cell: str, value: float, status: str = "ok") -> Record:
    if status != "ok":
        return Record(cell, "failed", f"ValueError: {HOSTILE}")
    values = (value, value / 2, value, value)
    original = {"l1": values, "psnr": values, "percep-fmnist-heldout": values}
    trace = Trace(
        (4, 40, 400), (0.1, 0.2, 0.3), tuple((4 * v,) * 3 + (v,) for v in (3.0, 2.0, value))
    )
    return Record(
        cell, "ok", objective=values, metrics={"original": original}, trace=trace,
        missing={"lpips-alex": "weights not found; p2lbench weights fetch lpips-alex"},
        ledger={"passes": 400.0, "seconds": 2.5}, images=strip(100), latents=b"x",
    )  # fmt: skip


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.create_or_open(tmp_path / "quick", "quick") as store:
        rows = []
        for k, (loss, optimizer) in enumerate(METHODS):
            for image in IMAGES:
                cell = hashlib.sha256(f"{k}{image}".encode()).hexdigest()
                rows.append(PlanRow(("g", loss, "none", "gt", optimizer), image, 0, cell))
                bad = optimizer == "_broken" or (k == 2 and image == "boot")
                store.put(record(cell, 0.4 + 0.1 * k, "failed" if bad else "ok"))
        store.set_plan(rows)
        keep_images(store, IMAGES)
        store.set_metrics([vars(metric) for metric in METRICS])
        store.set_header(SUITE.plain())
        yield store


@pytest.fixture
def board(store: Store) -> Leaderboard:
    return load(store)
