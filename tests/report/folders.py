"""Results folders of any size, written through the store: what reports are made of in tests."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from PIL import Image as Pillow

from p2lbench.images import pixel_digest
from p2lbench.leaderboard import Metric, SuiteInfo
from p2lbench.plan import Image
from p2lbench.record import Record, Trace
from p2lbench.runtimes import Frozen, RowTargets
from p2lbench.store import PlanRow, Store

HOSTILE = "</script><img src=x onerror=alert(1)>"
METRICS = (
    Metric("l1", "l1"),
    Metric("psnr", "psnr", True),
    Metric("percep-heldout", "percep-heldout"),
)


@dataclass
class Made:
    """A folder to write; `broken`: (optimizer, image) → status and reason; `unrun`: left out."""

    optimizers: Sequence[str] = ("adam", "cma", "basincma")
    images: Sequence[str] = ("bag", "boot")
    transforms: Sequence[str] = ("none",)
    repeats: int = 1
    candidates: int = 3
    size: tuple[int, int] = (8, 8)
    suite: str = "made"
    baseline: str | None = None
    notes: tuple[str, ...] = ()
    metrics: Sequence[Metric] = METRICS
    text: str = "name: made\n"
    broken: dict[tuple[str, str], tuple[str, str]] = field(default_factory=dict)
    unrun: frozenset[tuple[str, str]] = frozenset()
    targets: bool = False
    experiment: str | None = None
    options: dict[str, dict[str, int]] = field(default_factory=dict)  # of optimizers, as kept

    def write(self, folder: Path) -> Path:
        with Store.create_or_open(folder, self.suite) as store:
            plan = [self._planned(*cell) for cell in self._cells()]
            store.set_plan(plan, self._identities())
            for row in plan:
                if (row.row[4], row.image) not in self.unrun:
                    store.put(self._record(row))
            self._keep(store)
            store.set_metrics([vars(metric) for metric in self.metrics])
            store.set_header(self._suite().plain())
            store.write_suite(self.text.encode())
            store.write_environment({"p2lbench": "0", "packages": {"torch": "2"}, "plugins": []})
        return folder

    def _keep(self, store: Store) -> None:
        """Targets in a grey each, half of every second one masked."""
        kept = []
        for k, name in enumerate(self.images):
            pixels = np.full((*self.size, 3), 40 + k, np.uint8)
            mask = np.zeros(self.size, np.float32)
            mask[:, : self.size[1] // 2] = 1
            digest, masked = pixel_digest(pixels), pixel_digest(mask) if k % 2 else None
            image = Image(name, Path(), digest, f"class {k}", mask_digest=masked)
            store.put_image(image, pixels, mask if masked else None)
            kept.append(image)
        store.set_images(kept)

    def _suite(self) -> SuiteInfo:
        uncoupled = tuple(
            ("g", "l1", transform, "gt", name)
            for transform in self.transforms
            for name in self.optimizers
            if name.startswith("adam")
        )
        return SuiteInfo(
            self.suite, self.candidates, self.repeats, "paper", {"l1": ("l1",)}, {"passes": 900},
            self.notes, baseline=self.baseline, uncoupled=uncoupled, targets=self._targets(),
            experiment=self.experiment,
            classes={name: f"class {k % 2}" for k, name in enumerate(self.images)},
        )  # fmt: skip

    def _targets(self) -> Frozen | None:
        if not self.targets:
            return None
        rows = [
            RowTargets(("g", "l1", transform, "gt", name), 0, True)
            for transform in self.transforms
            for name in self.optimizers
        ]
        levels = dict.fromkeys(self.images, (0.8, 0.4, 0.2, 0.1))
        return Frozen("f" * 64, 4, (levels,), tuple(rows))

    def _cells(self) -> list[tuple[int, str, str, str]]:
        return [
            (repeat, image, transform, optimizer)
            for repeat in range(self.repeats)
            for image in self.images
            for transform in self.transforms
            for optimizer in self.optimizers
        ]

    def _planned(self, repeat: int, image: str, transform: str, optimizer: str) -> PlanRow:
        cell = hashlib.sha256(self._decided(repeat, image, transform, optimizer)).hexdigest()
        return PlanRow(("g", "l1", transform, "gt", optimizer), image, repeat, cell)

    def _decided(self, repeat: int, image: str, transform: str, optimizer: str) -> bytes:
        method = hashlib.sha256(self._method(transform, optimizer)).hexdigest()
        key = {"method": method, "image": image, "repeat": repeat}
        return json.dumps(key).encode()

    def _method(self, transform: str, optimizer: str) -> bytes:
        """What a plan keeps of a method, with no more of it than figures ask for."""
        empty = {"kind": "x", "name": "g", "options": {}}
        options = self.options.get(optimizer, {})
        name = "basincma" if "outer_steps" in options else optimizer
        method = {
            "generator": empty,
            "loss": [],
            "transform": {"parts": [{**empty, "name": transform}], "search": None},
            "init": [],
            "optimizer": {"kind": "optimizers", "name": name, "options": options},
        }
        suite = {"candidates": self.candidates, "protocol": "paper", "budget": {}, "roles": {}}
        return json.dumps({**suite, "mask_scoring": "hard", "method": method}).encode()

    def _identities(self) -> list[tuple[str, str]]:
        """All that decides the cells, where `options` are given."""
        texts = [self._decided(*cell) for cell in self._cells()]
        texts += [self._method(*cell[2:]) for cell in self._cells()]
        found = {hashlib.sha256(text).hexdigest(): text.decode() for text in texts}
        return list(found.items()) if self.options else []

    def _record(self, row: PlanRow) -> Record:
        status, reason = self.broken.get((row.row[4], row.image), ("ok", ""))
        if status != "ok":
            return Record(row.cell, status, reason)  # type: ignore[arg-type]
        drawn = np.random.default_rng(int(row.cell[:8], 16))
        level = 0.1 + 0.05 * self.optimizers.index(row.row[4])
        level *= 0.5 + 0.1 * self.images.index(row.image) + (row.row[2] == "none") * 0.2
        values = (level * drawn.uniform(0.9, 1.1, self.candidates)).tolist()
        passes = tuple(int(10 * 1.5**k) for k in range(10))
        path = [[value * (1 + 10 / step) for value in values] for step in passes]
        seconds = tuple(step / 200 for step in passes)
        return Record(
            row.cell, "ok", objective=tuple(values), metrics={"original": self._metrics(values)},
            trace=Trace(passes, seconds, tuple(map(tuple, path))),
            ledger={"passes": 300 + 100 * self.optimizers.index(row.row[4]), "seconds": 2.5},
            images=self._strip(drawn), latents=b"x",
        )  # fmt: skip

    def _metrics(self, values: list[float]) -> dict[str, tuple[float, ...]]:
        found = {"l1": values, "psnr": [20 - 10 * v for v in values]}
        found["percep-heldout"] = [v / 3 for v in values]
        return {m.name: tuple(found.get(m.name, values)) for m in self.metrics}

    def _strip(self, drawn: np.random.Generator) -> bytes:
        height, width = self.size
        shades = drawn.integers(0, 256, (1, self.candidates, 1, 3))
        ramp = np.linspace(0.3, 1, height)[:, None, None, None]
        tiles = np.broadcast_to(shades * ramp, (height, self.candidates, width, 3))
        out = io.BytesIO()
        pixels = tiles.reshape(height, self.candidates * width, 3).astype(np.uint8)
        Pillow.fromarray(pixels).save(out, "PNG")
        return out.getvalue()


def hostile() -> Made:
    """Where every name and text would like to be markup."""
    odd = f"{HOSTILE}\u2028\u202e'\"&amp;`${{1}}"
    return Made(
        optimizers=("adam", odd, "-->" + HOSTILE),
        images=(odd, "{{ 7 * 7 }}", "__proto__"),
        suite="made",
        notes=(odd,),
        metrics=(*METRICS[:2], Metric("percep-heldout", odd, protocol=odd)),
        text=f"# {odd}\nname: {odd}\n",
        broken={("-->" + HOSTILE, odd): ("failed", f"ValueError: {odd}\n  at {HOSTILE}")},
    )


def many() -> Made:
    """As large as suites become that people read: 60 rows, 30 images, some of it missing."""
    names = [
        f"{kind}-{k}" for kind in ("adam", "cma", "basincma", "nevergrad:DE") for k in range(5)
    ]
    images = [f"photo-{k:02d}" for k in range(30)]
    broken = {(names[7], images[3]): ("failed", "RuntimeError: CUDA out of memory")}
    broken |= {(names[19], image): ("timeout", "longer than 60 s") for image in images[:6]}
    made = Made(names, images, ("none", "prealign", "spatial+color"), candidates=4, size=(32, 32))
    return replace(made, baseline=names[0], broken=broken, suite="many", targets=True)
