"""Two results folders side by side: what is paired, what is left out, what is called better."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from p2lbench.errors import StoreError, UserError
from p2lbench.leaderboard import Metric, SuiteInfo
from p2lbench.plan import Image
from p2lbench.record import Record
from p2lbench.reference.told import Told
from p2lbench.report.sidebysideview import SideBySideView, as_markdown
from p2lbench.sidebyside import SideBySide, compare
from p2lbench.spec import canonical, digest
from p2lbench.store import PlanRow, Store

HOSTILE = "[bold]x_1[/bold] | <b>\x1b[31m"
LOSS = {"l1": ("l1",)}


def folder(
    where: Path,
    values: Mapping[str, Mapping[str, float | None]],
    *,
    repeats: int = 1,
    metrics: tuple[str, ...] = ("l1", "held"),
    seed: int = 0,
    steps: int = 10,
    protocol: str = "",
    pixels: Mapping[str, int] | None = None,
) -> Store:
    """`values`: optimizer → image → value of every metric (None: failed). `pixels`: what an image
    shows, if not what its name says."""
    store = Store.create_or_open(where / "quick", "quick")
    names = list(dict.fromkeys(image for row in values.values() for image in row))
    images = {}
    for name in names:
        shown = str((pixels or {}).get(name, name))
        images[name] = Image(name, Path(name), hashlib.sha256(shown.encode()).hexdigest())
    store.set_images(images.values())
    rows, told = [], []
    for optimizer, found in values.items():
        options = {"optimizer": {"name": optimizer, "options": {"steps": steps}}}
        method = canonical({"method": options})
        key = hashlib.sha256(method.encode()).hexdigest()
        told.append((key, method))
        for image, value in found.items():
            for repeat in range(repeats):
                content = {"image": images[image].digest, "method": key}
                content |= {"repeat": repeat, "seed": seed}
                cell = digest(content)
                told.append((cell, canonical(content)))
                rows.append(PlanRow(("g", "l1", "none", "gt", optimizer), image, repeat, cell))
                store.put(record(cell, value, metrics))
    store.set_plan(rows, told)
    store.set_metrics([vars(Metric(m, m, m == "psnr", protocol)) for m in metrics])
    store.set_header(SuiteInfo("quick", 2, repeats, "paper", LOSS).plain())
    return store


def record(cell: str, value: float | None, metrics: tuple[str, ...]) -> Record:
    if value is None:
        return Record(cell, "failed", "boom")
    both = (value, 2 * value)
    original = dict.fromkeys(metrics, both)
    return Record(cell, "ok", objective=both, metrics={"original": original}, latents=b"x")


def row(scale: float, images: int = 14, **others: float | None) -> dict[str, float | None]:
    return {f"i{k:02}": scale * (1 + 0.01 * k) for k in range(images)} | others


@pytest.fixture
def both(tmp_path: Path) -> SideBySide:
    noise = {name: value * (0.5 + 0.01 * k) for k, (name, value) in enumerate(row(1.0).items())}
    first = folder(tmp_path / "a", {"adam": row(1.0), "cma": row(2.0), "old": row(1.0)})
    second = folder(tmp_path / "b", {"adam": noise, "cma": row(2.0), "new": row(1.0)}, steps=20)
    return compare(first, second)


def test_what_is_compared(both: SideBySide) -> None:
    assert [pair.labels[4] for pair in both.pairs] == ["adam", "cma"]
    assert both.only_rows[0][0][4] == "old"
    assert both.only_rows[1][0][4] == "new"
    assert both.metric == "held"  # l1 was optimised
    assert both.images == 14
    adam = both.pairs[0].figures["held"]
    assert adam is not None
    mean = np.mean([1 + 0.01 * k for k in range(14)])
    assert adam.selected[0] == pytest.approx(mean)
    assert adam.mean[0] == pytest.approx(1.5 * mean)
    ratios = [0.5 + 0.01 * k for k in range(14)]
    assert adam.effect.effect.value == pytest.approx(np.exp(np.mean(np.log(ratios))))
    assert (adam.effect.mark, adam.effect.effect.won) == ("better", 14)
    assert adam.effect.p_holm == pytest.approx(2 * 2 / 2**14)
    cma = both.pairs[1].figures["held"]
    assert cma is not None
    assert (cma.effect.mark, cma.effect.effect.tied) == (None, 14)


def test_what_all_rows_differ_by_is_said_once(both: SideBySide) -> None:
    assert both.differences == (("optimizer.options.steps", 10, 20),)
    assert all(pair.differences == () for pair in both.pairs)


def test_swapped(tmp_path: Path) -> None:
    first = folder(tmp_path / "a", {"adam": row(1.0)})
    second = folder(tmp_path / "b", {"adam": row(2.0)}, steps=20)
    there = compare(first, second).pairs[0].figures["held"]
    back = compare(second, first).pairs[0].figures["held"]
    assert there is not None
    assert back is not None
    assert there.effect.effect.value == pytest.approx(1 / back.effect.effect.value)
    assert (there.effect.mark, back.effect.mark) == ("worse", "better")


def test_only_shared_images_count(tmp_path: Path) -> None:
    first = folder(tmp_path / "a", {"adam": row(1.0, 3, mine=900.0)})
    second = folder(tmp_path / "b", {"adam": row(1.0, 3, theirs=900.0)}, steps=20)
    board = compare(first, second)
    figures = board.pairs[0].figures["held"]
    assert figures is not None
    assert figures.selected == pytest.approx((1.01, 1.01))
    assert board.only_images == (("mine",), ("theirs",))
    assert board.pairs[0].only == (1, 1)
    assert "below 12 images no difference is called significant" in board.notes


def test_images_are_the_same_by_content(tmp_path: Path) -> None:
    first = folder(tmp_path / "a", {"adam": {"x": 1.0, "y": 5.0}}, pixels={"x": 1, "y": 2})
    second = folder(tmp_path / "b", {"adam": {"y": 2.0, "x": 7.0}}, pixels={"y": 1, "x": 3})
    board = compare(first, second)
    figures = board.pairs[0].figures["held"]
    assert board.images == 1
    assert figures is not None
    assert figures.selected == (1.0, 2.0)  # x of the first is y of the second


def test_failed_cells_leave_their_images_out_of_both(tmp_path: Path) -> None:
    first = folder(tmp_path / "a", {"adam": {**row(1.0), "i03": None}})
    second = folder(tmp_path / "b", {"adam": row(0.5)}, steps=20)
    board = compare(first, second)
    (pair,) = board.pairs
    figures = pair.figures["held"]
    assert (pair.images, pair.missing) == (13, (1, 0))
    assert figures is not None
    assert figures.effect.p is None
    assert figures.effect.mark is None
    assert any("1 shared cells are not ok" in note for note in board.notes)


def test_repeats_that_both_have(tmp_path: Path) -> None:
    first = folder(tmp_path / "a", {"adam": row(1.0, 3)}, repeats=3)
    second = folder(tmp_path / "b", {"adam": row(1.0, 3)}, repeats=2, steps=20)
    board = compare(first, second)
    assert (board.pairs[0].repeats, board.pairs[0].only) == (2, (3, 0))
    assert ("repeats", 3, 2) in board.differences


def test_other_seeds_are_said(tmp_path: Path) -> None:
    first = folder(tmp_path / "a", {"adam": row(1.0, 3)})
    second = folder(tmp_path / "b", {"adam": row(1.0, 3)}, seed=1)
    assert any("starts are not the same" in note for note in compare(first, second).notes)


def test_the_same_run(tmp_path: Path) -> None:
    first = folder(tmp_path / "a", {"adam": row(1.0)})
    second = folder(tmp_path / "b", {"adam": row(1.0)})
    board = compare(first, second)
    assert board.pairs[0].same == 14
    assert board.differences == ()
    assert any("these are the same runs" in note for note in board.notes)


def test_metrics(tmp_path: Path) -> None:
    first = folder(tmp_path / "a", {"adam": row(1.0)}, metrics=("l1", "psnr"))
    second = folder(tmp_path / "b", {"adam": row(2.0)}, metrics=("psnr", "l1", "more"), steps=20)
    board = compare(first, second)
    figures = board.pairs[0].figures["psnr"]
    assert [m.name for m in board.metrics] == ["l1", "psnr"]
    assert board.metric == "psnr"
    assert figures is not None
    assert (figures.effect.effect.scale, figures.effect.mark) == ("difference", "better")
    assert compare(first, second, "l1").metric == "l1"
    with pytest.raises(UserError, match="Both have: l1, psnr"):
        compare(first, second, "more")


def test_what_a_reference_was_tuned_on_is_optimised_as_well(tmp_path: Path) -> None:
    metrics = ("l1", "held", "other")
    first = folder(tmp_path / "a", {"adam": row(1.0)}, metrics=metrics)
    second = folder(tmp_path / "b", {"adam": row(2.0)}, metrics=metrics, steps=20)
    assert compare(first, second).metric == "held"
    told = Told("published", "theirs", "0" * 64, (), tuned_on="held")
    second.set_header(SuiteInfo("quick", 2, 1, "paper", LOSS, reference=told).plain())
    assert compare(first, second).metric == "other"
    assert compare(second, first).metric == "other"


def test_metrics_that_are_computed_in_different_ways_are_not_compared(tmp_path: Path) -> None:
    first = folder(tmp_path / "a", {"adam": row(1.0)}, protocol="version: 1")
    second = folder(tmp_path / "b", {"adam": row(2.0)}, protocol="version: 2", steps=20)
    board = compare(first, second)
    assert board.metrics == ()
    assert any(note.startswith("l1: not compared") for note in board.notes)
    assert printed(board)


def test_nothing_in_common(tmp_path: Path) -> None:
    first = folder(tmp_path / "a", {"adam": {"x": 1.0}}, pixels={"x": 1})
    second = folder(tmp_path / "b", {"cma": {"x": 1.0}}, pixels={"x": 2})
    board = compare(first, second)
    assert "no image is in both: nothing can be compared" in board.notes
    assert printed(board)
    assert as_markdown(board)
    json.dumps(board.to_json(), allow_nan=False)


def test_rows_in_both_without_an_image_in_both(tmp_path: Path) -> None:
    first = folder(tmp_path / "a", {"adam": {"x": 1.0}}, pixels={"x": 1})
    second = folder(tmp_path / "b", {"adam": {"x": 1.0}}, pixels={"x": 2})
    board = compare(first, second)
    assert board.pairs[0].images == 0
    assert board.pairs[0].figures == {"l1": None, "held": None}
    assert printed(board)


def test_no_plan(tmp_path: Path) -> None:
    first = folder(tmp_path / "a", {"adam": {"x": 1.0}})
    second = Store.create_or_open(tmp_path / "b" / "quick", "quick")
    with pytest.raises(StoreError, match="no run has been planned"):
        compare(first, second)


def printed(board: SideBySide, width: int = 80) -> str:
    console = Console(width=width, color_system=None)
    with console.capture() as capture:
        console.print(SideBySideView(board))
    return capture.get()


@pytest.mark.parametrize("width", [60, 80, 140])
def test_printed_at_any_width(both: SideBySide, width: int) -> None:
    text = printed(both, width)
    assert max(map(len, text.splitlines())) <= width
    assert "better" in text
    assert "optimizer.options.steps: 10 → 20" in text
    assert "rows in the first alone: old" in text


def test_hostile_names(tmp_path: Path) -> None:
    first = folder(tmp_path / "a", {HOSTILE: row(1.0, 3)}, metrics=("l1", HOSTILE))
    second = folder(tmp_path / "b", {HOSTILE: row(1.0, 3)}, metrics=("l1", HOSTILE), steps=20)
    board = compare(first, second)
    assert "\x1b" not in printed(board)
    assert "[bold]x_1[/bold]" in printed(board)
    text = as_markdown(board)
    assert "<b>" not in text
    assert r"\[bold\]x\_1\[/bold\] \| &lt;b&gt;" in text
    tables = [line for line in text.splitlines() if line.startswith("|")]
    assert {line.replace("\\|", "").count("|") for line in tables} == {9, 4}
    json.dumps(board.to_json(), allow_nan=False)
