"""What the tests of results folders share: a record, a store, a writer to be killed."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from p2lbench.images import pixel_digest
from p2lbench.plan import Image
from p2lbench.record import Record, Trace
from p2lbench.store import Store

OK = Record(
    cell="ab12",
    status="ok",
    objective=(0.5, None, 0.25),
    metrics={"original": {"l1": (0.1, None, 0.3)}, "aligned": {"l1": (0.1, 0.2, 0.3)}},
    missing={"lpips-alex": "weights not found"},
    ledger={"passes": 100, "seconds": 1.5},
    trace=Trace((1, 10), (0.1, 0.2), ((0.9, 0.8, 0.7), (0.5, 0.6, 0.25))),
    notes=("stopped early",),
    environment={"torch": "2.9", "nested": {"a": [1, None]}},
    latents=b"points",
    images=b"\x89PNG",
)
ROW = ("g", "l1", "none", "ground-truth", "adam")


def create(where: Path, **options: object) -> Store:
    return Store.create_or_open(where, "quick", **options)  # type: ignore[arg-type]


def keep_images(store: Store, names: Iterable[str], size: int = 8) -> None:
    """Targets in the grey of 50."""
    pixels = np.full((size, size, 3), 50, np.uint8)
    images = [Image(name, Path(), pixel_digest(pixels), "Bag & $x$") for name in names]
    for image in images:
        store.put_image(image, pixels, None)
    store.set_images(images)


def files_below(path: Path) -> dict[str, bytes]:
    return {str(p.relative_to(path)): p.read_bytes() for p in path.rglob("*") if p.is_file()}


WRITER = """
    import sys
    from pathlib import Path
    from p2lbench.record import Record
    from p2lbench.store import Store
    store = Store.create_or_open(Path(sys.argv[1]), "quick", warn=lambda text: None)
    print("ready", flush=True)
    for k in range(int(sys.argv[2])):
        cell = f"{k % 40:04x}"
        store.put(Record(cell, "ok", latents=b"z" * 5000 + str(k).encode(), images=b"p" * 100))
        print(cell, flush=True)
    sys.stdin.read()
"""


def writer(where: Path, puts: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", textwrap.dedent(WRITER), str(where), str(puts)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def kill(process: subprocess.Popen[str]) -> str:
    process.send_signal(signal.SIGKILL)
    out, _ = process.communicate()
    return out
