"""Verdicts: what holds, what does not, and what stays open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from report.folders import Made

from p2lbench.experiments.catalogue import EXPERIMENTS
from p2lbench.experiments.claims import FEWEST, Checked, check, judged
from p2lbench.experiments.errors import errors
from p2lbench.experiments.model import Claim, Entry, Says
from p2lbench.experiments.sides import Side, against
from p2lbench.leaderboard import Metric, load
from p2lbench.reference.told import Told, ToldRow
from p2lbench.stats import Effect, effect
from p2lbench.store import Store

METRIC = Metric("l1", "l1")
OVER = against(Side("basincma"), Side("adam"))
IMAGES = [f"image-{k}" for k in range(8)]


def of(low: float, high: float, images: int = 8, scale: str = "ratio") -> Effect:
    middle = (low * high) ** 0.5
    return Effect(scale, middle, (low, high), 0.5, 0, 0, np.zeros(images))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("says", "ends", "verdict"),
    [
        ("lower", (0.7, 0.9), "holds"),
        ("lower", (1.1, 1.3), "does not hold"),
        ("lower", (0.7, 1.1), "open"),
        ("alike", (0.97, 1.04), "holds"),
        ("alike", (1.06, 1.3), "does not hold"),
        ("alike", (0.7, 0.9), "does not hold"),
        ("alike", (0.97, 1.2), "open"),
    ],
)
def test_the_whole_interval_decides(says: Says, ends: tuple[float, float], verdict: str) -> None:
    assert judged(Claim("x", OVER, says), of(*ends), METRIC)[0] == verdict


def test_higher_is_better_turns_it_round() -> None:
    psnr = Metric("psnr", "psnr", True)
    assert judged(Claim("x", OVER), of(0.5, 0.9, scale="difference"), psnr)[0] == "holds"
    assert judged(Claim("x", OVER), of(0.5, 0.9, scale="difference"), METRIC)[0] == "does not hold"
    assert judged(Claim("x", OVER, "alike"), of(0.1, 0.2, scale="difference"), psnr)[0] == "open"


def test_few_images_leave_it_open() -> None:
    few = of(0.7, 0.9, FEWEST - 1)
    assert judged(Claim("x", OVER), few, METRIC)[0] == "open"
    assert judged(Claim("x", OVER, of="seconds"), few, METRIC)[0] == "holds"
    alone = effect(np.ones((1, 1)), np.full((1, 1), 2.0), "ratio")
    assert "1 image" in judged(Claim("x", OVER, of="seconds"), alone, METRIC)[1]
    assert judged(Claim("x", OVER), None, METRIC)[0] == "open"


def checked(made: Made, folder: Path, claims: Sequence[Claim]) -> list[Checked]:
    with Store.open_read(made.write(folder)) as store:
        board = load(store)
        found = errors(store.records(), board.metrics)
    return check(claims, board, [Entry(row.labels) for row in board.rows], found)


def test_claims_are_checked_on_a_folder(tmp_path: Path) -> None:
    # In these folders the later an optimizer stands, the larger are its errors.
    claims = [Claim("basincma", OVER), Claim("adam", against(Side("adam"), Side("cma")))]
    wrong, right = checked(Made(images=IMAGES), tmp_path / "made", claims)
    assert (wrong.verdict, right.verdict) == ("does not hold", "holds")
    assert wrong.metric == "percep-heldout"
    assert wrong.effect is not None
    assert wrong.effect.value == pytest.approx(2, rel=0.1)
    assert (wrong.effect.won, wrong.effect.images) == (0, 8)
    keys = {
        (metric, kind) for metric in ("l1", "psnr", "percep-heldout") for kind in ("mean", "best")
    }
    assert set(wrong.effects) == keys


def test_the_statistic_is_the_claims(tmp_path: Path) -> None:
    mean, best = (Claim(kind, OVER, statistic=kind) for kind in ("mean", "best"))  # type: ignore[arg-type]
    one, other = checked(Made(images=IMAGES), tmp_path / "made", [mean, best])
    assert one.effect is not None
    assert other.effect is not None
    assert one.effect.value != other.effect.value
    assert one.effects[("percep-heldout", "mean")] is one.effect
    assert other.effects[("percep-heldout", "best")] is other.effect


def test_rows_that_were_not_planned_are_left_out(tmp_path: Path) -> None:
    claims = [Claim("x", against(Side("basincma"), Side("lbfgs")))]
    assert checked(Made(images=IMAGES), tmp_path / "made", claims) == []


def test_other_images_are_never_averaged_over(tmp_path: Path) -> None:
    made = Made(images=IMAGES, broken={("adam", "image-3"): ("failed", "ValueError: no")})
    (one,) = checked(made, tmp_path / "made", [Claim("x", OVER)])
    assert (one.verdict, one.effects) == ("open", {})
    assert "different images" in one.why


def test_images_that_both_rows_lack_leave_it_open(tmp_path: Path) -> None:
    lost = {(name, "image-7"): ("timeout", "") for name in ("adam", "basincma")}
    made = Made(images=[*IMAGES], broken=lost)
    (one,) = checked(made, tmp_path / "made", [Claim("x", OVER)])
    assert (one.verdict, one.why) == ("open", "both rows have only 7 of 8 images")


def test_seconds_of_two_machines_do_not_compare(tmp_path: Path) -> None:
    there = ToldRow(("g", "l1", "none", "gt", "adam"), "adam", ())
    with Store.open_read(Made().write(tmp_path / "made")) as store:
        board = load(store)
        found = errors(store.records(), board.metrics)
    told = replace(board.suite, reference=Told("s", "f", "0" * 64, (there,)))
    entries = [Entry(row.labels) for row in board.rows]
    claims = [Claim("x", OVER, "alike", of="seconds")]
    (one,) = check(claims, replace(board, suite=told), entries, found)
    assert (one.verdict, "another machine" in one.why) == ("open", True)


def test_what_was_not_run_is_open(tmp_path: Path) -> None:
    made = Made(images=IMAGES, unrun=frozenset(("adam", name) for name in IMAGES))
    (one,) = checked(made, tmp_path / "made", [Claim("x", OVER)])
    assert (one.verdict, one.why) == ("open", "not all of it was run")


def test_seconds_are_compared_too(tmp_path: Path) -> None:
    (one,) = checked(Made(), tmp_path / "made", [Claim("x", OVER, "alike", of="seconds")])
    assert (one.verdict, one.metric) == ("holds", "seconds")  # all cells take as long there


def test_axes_that_no_side_names_are_shared() -> None:
    def entry(transform: str, optimizer: str) -> Entry:
        return Entry(("g", "l1", transform, "gt", optimizer))

    rows = [entry(t, o) for t in ("none", "spatial") for o in ("adam", "basincma")]
    assert list(OVER(rows)) == [(1, 0), (3, 2)]
    assert list(against(Side(transform="spatial"), Side(transform="none"))(rows)) == [
        (2, 0),
        (3, 1),
    ]
    whole = against(Side("basincma", "spatial"), Side("adam", "none"))
    assert list(whole(rows)) == [(3, 0)]


def test_an_encoder_is_compared_with_the_same_class() -> None:
    inits = ["predicted", "ground-truth", "ground-truth+encoder", "random-class+encoder"]
    rows = [Entry(("g", "l1", "none", init, "adam")) for init in inits]
    claims = EXPERIMENTS["table1"].claims
    (encoder,) = (claim for claim in claims if "an encoder" in claim.text)
    assert list(encoder.pairs(rows)) == [(2, 1)]
