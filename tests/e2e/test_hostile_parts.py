"""Losses, metrics, generators, transforms and inits that break the rules, in this process."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from e2e.kit import called, numbers, ran_inline, records, rows, timeless, written

LOSSES = '''
import torch
from p2lbench.api import Loss, hookimpl

class Plain(Loss):
    """Mean absolute error."""
    def __call__(self, images, prepared):
        return (images - prepared["target"]).abs().mean(dim=(1, 2, 3))

class ChangesImages(Plain):
    def __call__(self, images, prepared):
        found = super().__call__(images, prepared)
        with torch.no_grad():
            images.zero_()
        return found

class ChangesPrepared(Plain):
    def __call__(self, images, prepared):
        found = super().__call__(images, prepared)
        prepared["target"].copy_(images.detach()[:1])
        return found

class ChangesTarget(Plain):
    def prepare(self, targets, masks):
        found = {"target": targets.clone()}
        targets.zero_(), masks.zero_()
        return found

class Reduced(Plain):
    def __call__(self, images, prepared):
        return super().__call__(images, prepared).mean()

class Number(Plain):
    def __call__(self, images, prepared):
        return 0.0

class Raises(Plain):
    def __call__(self, images, prepared):
        raise RuntimeError("no loss today")

class RaisesInPrepare(Plain):
    def prepare(self, targets, masks):
        raise RuntimeError("no preparation today")

class NoMapping(Plain):
    def prepare(self, targets, masks):
        return targets

class NaN(Plain):
    def __call__(self, images, prepared):
        return super().__call__(images, prepared) * float("nan")

class Detached(Plain):
    def __call__(self, images, prepared):
        return super().__call__(images, prepared).detach()

class Wide(Plain):
    def __call__(self, images, prepared):
        return super().__call__(images, prepared).double()

@hookimpl
def register_losses(register):
    for factory in (Plain, ChangesImages, ChangesPrepared, ChangesTarget, Reduced, Number, Raises,
                    RaisesInPrepare, NoMapping, NaN, Detached, Wide):
        register(factory.__name__.lower(), factory)
'''

BROKEN = {
    "changesimages": ("failed", "ChangesImages changed its input in place"),
    "changesprepared": ("failed", "ChangesPrepared changed its input in place"),
    "reduced": ("failed", r"Reduced returned torch\.float32 \(\): expected .*\(\d,\), not reduced"),
    "number": ("failed", r"Number returned float: expected a tensor of shape \(\d,\)"),
    "raises": ("failed", r"RuntimeError: no loss today \(.*more\.py:\d+\)"),
    "raisesinprepare": ("failed", r"RuntimeError: no preparation today"),
    "nomapping": (
        "failed",
        r"NoMapping\.prepare returned torch\.float32 .*: expected a mapping of tensors",
    ),
    "nan": ("diverged", "not finite"),
}


@pytest.fixture(scope="module")
def losses(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    suite = written(
        tmp_path_factory.mktemp("losses"),
        LOSSES,
        losses=["l1", *BROKEN, "changestarget", "wide", "detached", "plain"],
        optimizers=[{"adam": {"steps": 2}}, {"random": {"steps": 2}}],
    )
    outcome, _ = ran_inline(suite)
    return outcome, outcome.folder


def by_loss(folder: Path) -> dict[tuple[str, str], Any]:
    return {(key[1], key[4]): record for key, record in records(folder).items()}


@pytest.mark.parametrize("optimizer", ["adam", "random"])
@pytest.mark.parametrize("name", BROKEN)
def test_a_loss_that_breaks_the_rules(losses: Any, name: str, optimizer: str) -> None:
    found = by_loss(losses[1])[name, optimizer]
    status, reason = BROKEN[name]
    assert found.status == status, found.reason
    assert re.search(reason, found.reason), found.reason


def test_a_loss_without_gradient_serves_search_alone(losses: Any) -> None:
    found = by_loss(losses[1])
    assert found["detached", "adam"].status == "failed"
    assert "grad" in found["detached", "adam"].reason


def test_the_other_losses_are_unharmed(losses: Any, tmp_path: Path) -> None:
    suite = written(
        tmp_path,
        LOSSES,
        losses=["l1", "plain"],
        optimizers=[{"adam": {"steps": 2}}, {"random": {"steps": 2}}],
    )
    alone = by_loss(ran_inline(suite)[0].folder)
    found = by_loss(losses[1])
    for key, expected in alone.items():
        assert timeless(found[key]) == timeless(expected), key
    # Scribbling on its own copy of the target changes nothing, either.
    for optimizer in ("adam", "random"):
        tidy, untidy = found["plain", optimizer], found["changestarget", optimizer]
        assert tidy.latents == untidy.latents
        assert tidy.metrics == untidy.metrics


@pytest.mark.parametrize("name", [name for name in BROKEN if name != "nan"])
def test_a_metric_that_breaks_the_rules_fails_its_cell_alone(tmp_path: Path, name: str) -> None:
    suite = written(tmp_path, LOSSES, optimizers=["none"], metrics=["psnr", name, "l1"])
    outcome, found = ran_inline(suite)
    record = found["none"]
    assert record.status == "failed"
    assert record.reason.startswith(f"metric {name}: ")
    assert set(record.metrics["original"]) == {"psnr", "l1"}
    assert rows(outcome.folder)["none"]["missing"] == 1


def test_a_metric_that_is_not_finite_is_null(tmp_path: Path) -> None:
    suite = written(tmp_path, LOSSES, optimizers=["none"], metrics=["l1", "nan"])
    done = called("run", suite, "--results", tmp_path / "r", "--executor", "inline", "--json")
    assert (done.code, done.json["cells"]["ok"]) == (0, 1)
    (row,) = called("leaderboard", tmp_path / "r" / "s", "--json").json["rows"]
    assert row["mean"]["nan"] is None
    assert any(note.startswith("nan: not finite") for note in row["notes"])


def test_a_broken_metric_added_later_costs_no_search(tmp_path: Path) -> None:
    first = {"optimizers": [{"adam": {"steps": 2}}]}
    _, before = ran_inline(written(tmp_path, LOSSES, **first))
    outcome, broken = ran_inline(written(tmp_path, LOSSES, **first, metrics=["l1", "raises"]))
    assert outcome.cells["failed"] == 1
    assert broken["adam"].reason.startswith("metric raises: RuntimeError")
    assert rows(outcome.folder)["adam"]["missing"] == 1
    # Its points stay, and without that metric it is as it was.
    outcome, mended = ran_inline(written(tmp_path, LOSSES, **first))
    assert outcome.clean
    for record in (broken["adam"], mended["adam"]):
        for kept in ("latents", "images", "objective", "ledger", "trace"):
            assert getattr(record, kept) == getattr(before["adam"], kept), kept
    assert mended["adam"].metrics == before["adam"].metrics


GENERATORS = """
import torch
from p2lbench.api import Generator, Variable, hookimpl

class Base(Generator):
    size = 8
    variables = (Variable("z", (4,), bound=2.0, step=0.05),)
    def forward(self, z):
        return z.sum(1)[:, None, None, None].expand(-1, 3, 8, 8) / 20

def made(name, forward):
    return type(name, (Base,), {"forward": forward})

def plain(z):
    return Base.forward(None, z)

def scribbles(self, z):
    images = plain(z)
    with torch.no_grad():
        z.zero_()
    return images

FACTORIES = {
    "small": made("Small", lambda self, z: plain(z)[:, :, :4]),
    "grey": made("Grey", lambda self, z: plain(z)[:, :1]),
    "one": made("One", lambda self, z: plain(z)[:1]),
    "double": made("Double", lambda self, z: plain(z).double()),
    "nan": made("NaN", lambda self, z: plain(z) * float("nan")),
    "nothing": made("Nothing", lambda self, z: None),
    "scribbles": made("Scribbles", scribbles),
    "raises": made("Raises", lambda self, z: 1 / 0),
    "no-variables": type("NoVariables", (Base,), {"variables": ()}),
    "no-load": type("NoLoad", (Base,), {"load": lambda self, device: 1 / 0}),
}

@hookimpl
def register_generators(register):
    for name, factory in FACTORIES.items():
        register(name, factory)
"""

UNFIT = {
    "small": ("failed", r"Small made torch\.float32 \(\d, 3, 4, 8\): expected .*\(\d, 3, 8, 8\)"),
    "grey": ("failed", r"\(\d, 1, 8, 8\)"),
    "one": ("failed", r"\(1, 3, 8, 8\): expected"),
    "double": ("failed", r"Double made torch\.float64"),
    "nan": ("diverged", r"not finite"),
    "nothing": ("failed", r"Nothing made NoneType: expected"),
    "scribbles": ("failed", r"Scribbles changed its input in place"),
    "raises": ("failed", r"ZeroDivisionError"),
    "no-load": ("failed", r"ZeroDivisionError"),
}


@pytest.fixture(scope="module")
def generators(tmp_path_factory: pytest.TempPathFactory) -> Path:
    suite = written(
        tmp_path_factory.mktemp("generators"),
        GENERATORS,
        generators=[*UNFIT, "no-variables", "tiny"],
        optimizers=[{"adam": {"steps": 2}}, "none"],
    )
    return ran_inline(suite)[0].folder


@pytest.mark.parametrize("optimizer", ["adam", "none"])
@pytest.mark.parametrize("name", UNFIT)
def test_a_generator_that_breaks_the_rules(generators: Path, name: str, optimizer: str) -> None:
    found = {(key[0], key[4]): record for key, record in records(generators).items()}
    record = found[name, optimizer]
    status, reason = UNFIT[name]
    assert record.status == status, record.reason
    assert re.search(reason, record.reason), record.reason
    assert found["tiny", optimizer].status == "ok"


def test_a_generator_without_variables_is_no_crash(generators: Path) -> None:
    found = {key[0]: record.status for key, record in records(generators).items()}
    assert found["no-variables"] in ("skipped", "failed")


OTHERS = '''
import torch
from p2lbench.api import Init, Transform, hookimpl

class Shift(Transform):
    """Moves the image to the right by phi pixels, rounded."""
    dim = 1
    def __init__(self, start: float = 0.0):
        self.start = start
    def identity(self):
        return torch.zeros(1)
    def initial(self, mask, generator):
        return torch.full((1,), self.start)
    def _moved(self, images, phi):
        images = images.expand(len(phi), -1, -1, -1)
        steps = phi.detach()[:, 0].round().int().tolist()
        return torch.stack([i.roll(s, -1) for i, s in zip(images, steps)])
    def apply(self, images, phi):
        return self._moved(images, phi)
    def invert(self, images, phi):
        return self._moved(images, -phi)

class Fixed(Shift):
    searched = False

class Scribbles(Shift):
    def apply(self, images, phi):
        moved = super().apply(images, phi)
        images.zero_()
        return moved

class Around(Init):
    """z around a number."""
    def __init__(self, mean: float = 1.0, std: float = 0.0):
        self.mean, self.std = mean, std
    def distribution(self, target, mask, generator, rng):
        target.zero_(), mask.zero_()
        return {"z": (torch.full((4,), self.mean), self.std)}

class Elsewhere(Init):
    def distribution(self, target, mask, generator, rng):
        return {"w": (torch.zeros(4), 1.0)}

class Random(Init):
    def distribution(self, target, mask, generator, rng):
        return {"z": (torch.from_numpy(rng.standard_normal(4)).float(), 0.1)}

class Sick(Init):
    def distribution(self, target, mask, generator, rng):
        raise RuntimeError("no init today")

@hookimpl
def register_transforms(register):
    register("shift", Shift)
    register("fixed", Fixed)
    register("scribbles", Scribbles)

@hookimpl
def register_inits(register):
    for factory in (Around, Elsewhere, Random, Sick):
        register(factory.__name__.lower(), factory)
'''


def run_others(folder: Path, **keys: Any) -> tuple[Any, dict[tuple[str, ...], Any]]:
    outcome, _ = ran_inline(written(folder, OTHERS, **keys))
    return outcome, records(outcome.folder)


def test_inits_say_where_a_search_starts(tmp_path: Path) -> None:
    from safetensors.torch import load

    inits = [
        {"around": {"mean": 1.5}},
        {"around": {"mean": 1.5, "std": 0.1}, "as": "wide"},
        "elsewhere",
        "random",
        "sick",
    ]
    outcome, found = run_others(tmp_path, inits=inits, optimizers=["none"])
    by_init = {key[3]: record for key, record in found.items()}
    assert (load(by_init["around"].latents)["z"] == 1.5).all()
    wide = load(by_init["wide"].latents)["z"]
    assert 0 < (wide - 1.5).abs().mean() < 0.5
    assert by_init["elsewhere"].status == "skipped"
    assert "speaks of 'w'" in by_init["elsewhere"].reason
    assert by_init["random"].status == "ok"
    assert by_init["sick"].status == "failed"
    assert (outcome.cells["skipped"], outcome.cells["failed"]) == (1, 1)
    assert rows(outcome.folder)["none"]["missing"] in (0, 1)


def test_algorithm_1_runs_end_to_end_with_a_searched_transform(tmp_path: Path) -> None:
    from safetensors.torch import load

    search = {"outer": "cma", "inner": "adam", "outer_steps": 2, "inner_steps": 2, "sigma": 2.0}
    outcome, found = run_others(
        tmp_path,
        transforms=["none", {"shift": {"search": search}}, {"fixed": {"start": 2.0}}],
        optimizers=[{"adam": {"steps": 2}}, {"cma": {"steps": 2}}],
    )
    assert outcome.clean, [record.reason for record in found.values()]
    by = {(key[2], key[4]): record for key, record in found.items()}
    phi = {key: load(record.latents).get("phi") for key, record in by.items()}
    assert phi["none", "adam"] is None
    assert (phi["fixed", "adam"] == 2).all()
    assert phi["shift", "adam"].shape == (2, 1)
    # The same search for every method, and one phi for all candidates: CMA's mean.
    assert phi["shift", "adam"].equal(phi["shift", "cma"])
    assert phi["shift", "adam"].unique().numel() == 1
    assert (phi["shift", "adam"] != 0).all()
    # One phi is one column: CMA draws 4 of it; each is descended by 2 steps, then evaluated.
    plain, searched = (by[name, "adam"].ledger["passes"] for name in ("none", "shift"))
    assert searched - plain == 2 * 4 * (2 * 2 + 1)
    frames = by["fixed", "adam"].metrics
    for metric, values in frames["original"].items():  # whole pixels: nothing is lost
        assert values == pytest.approx(frames["aligned"][metric], rel=1e-5)


def test_the_search_spreads_phi_by_its_sigma(tmp_path: Path) -> None:
    from safetensors.torch import load

    found = {}
    for sigma in (0.001, 5.0):
        search = {"outer_steps": 1, "inner_steps": 1, "sigma": sigma}
        folder = tmp_path / str(sigma)
        folder.mkdir()
        _, made = run_others(
            folder, transforms=[{"shift": {"search": search}}], optimizers=["none"]
        )
        (record,) = made.values()
        found[sigma] = load(record.latents)["phi"].abs().max().item()
    assert found[0.001] < 0.01 < found[5.0]


def test_the_transform_search_takes_at_most_half_the_budget(tmp_path: Path) -> None:
    _, found = run_others(
        tmp_path, transforms=["shift"], optimizers=["none"], budget={"passes": 1000}
    )
    (record,) = found.values()
    assert 400 < record.ledger["passes"] <= 500


def test_a_transform_that_scribbles_on_its_input(tmp_path: Path) -> None:
    search = {"outer_steps": 1, "inner_steps": 1}
    outcome, found = run_others(
        tmp_path, transforms=[{"scribbles": {"search": search}}, "none"], optimizers=["none"]
    )
    by = {key[2]: record for key, record in found.items()}
    assert by["scribbles"].status == "failed"
    assert "Scribbles changed its input in place" in by["scribbles"].reason
    assert by["none"].status == "ok"
    board = rows(outcome.folder)
    assert numbers(board["none"])["missing"] in (0, 1)
