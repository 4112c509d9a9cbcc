"""The data of the paper's tables and figures, from made-up folders."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from report.folders import HOSTILE, Made, hostile

from p2lbench.errors import StoreError
from p2lbench.experiments import NAMES
from p2lbench.experiments.comparable import OTHER_IMAGES
from p2lbench.finetuning.tradeoff import Point, TradeOff, plan_of
from p2lbench.leaderboard import load
from p2lbench.record import Record
from p2lbench.reference.told import Told, ToldRow
from p2lbench.report.experiment import verdicts
from p2lbench.report.experiment.kinds import (
    Bars,
    Curves,
    HeatMap,
    Part,
    Pictures,
    Tabular,
    Ways,
)
from p2lbench.report.experiment.parts import MAKERS, parts
from p2lbench.report.experiment.source import Source, source_of
from p2lbench.report.paper import draw_all, experiment
from p2lbench.report.text import plain
from p2lbench.stats import effect
from p2lbench.store import Store

IMAGES = [f"image-{k}" for k in range(7)]
STEPS = {f"{x}x{y}": {"outer_steps": x, "inner_steps": y} for x in (2, 4, 8) for y in (2, 4, 8)}


@contextmanager
def opened(made: Made, folder: Path) -> Iterator[Source]:
    with Store.open_read(made.write(folder / "made")) as store:
        source = source_of(store, load(store))
        assert source is not None
        yield source


def made_of(made: Made, folder: Path) -> list[Part]:
    with opened(made, folder) as source:
        return parts(source)


def test_no_experiment_no_section(tmp_path: Path) -> None:
    with Store.open_read(Made().write(tmp_path / "made")) as store:
        assert source_of(store, load(store)) is None


def test_tables_have_marks_and_both_statistics(tmp_path: Path) -> None:
    with opened(
        Made(experiment="table1", images=IMAGES, transforms=("none", "spatial")), tmp_path
    ) as source:
        (table,) = parts(source)
        assert isinstance(table, Tabular)
        assert table.groups == [("Average of 3 candidates", 3), ("Best of 3 candidates", 3)]
        assert len(table.lines) == 6
        best = [k for k, line in enumerate(table.lines) if line.numbers[0].best]
        value = source.board.rows[best[0]].mean["l1"]
        assert value == min(row.mean["l1"] or 9 for row in source.board.rows)
        assert not any(number.paper for line in table.lines for number in line.numbers)
        assert "not shown" in verdicts.beside(source)


def test_the_papers_numbers_stand_beside_comparable_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(Made(experiment="table1"), tmp_path) as source:
        wanted = source.experiment.rows[0]
        monkeypatch.setattr(Source, "of_paper", lambda self, row: wanted)
        monkeypatch.setattr(
            Source, "unlike", lambda self, row: ["other"] if row.labels[4] != "adam" else []
        )
        (table,) = parts(source)
        assert isinstance(table, Tabular)
        found = {line.names[0]: [number.paper for number in line.numbers] for line in table.lines}
        assert found["adam"] == [
            "0.98",
            "",
            "",
            "0.83",
            "",
            "",
        ]  # l1 alone is a metric of the paper
        assert set(found["cma"]) == {""}
        assert OTHER_IMAGES in verdicts.beside(source)


def test_bars_by_class_have_standard_errors(tmp_path: Path) -> None:
    made = Made(experiment="figure10", optimizers=("cma+adam",), images=IMAGES)
    with opened(made, tmp_path) as source:
        (bars,) = parts(source)
        assert isinstance(bars, Bars)
        assert [bar.value for bar in bars.bars] == sorted(bar.value for bar in bars.bars)
        cells = source.errors.of(source.board.rows[0].labels, "percep-heldout", "mean")
    even = np.array([cells[name][0] for name in IMAGES[::2]])
    bar = next(bar for bar in bars.bars if bar.label == "class 0 (4)")
    assert bar.value == pytest.approx(even.mean())
    assert bar.error == pytest.approx(even.std(ddof=1) / 2)


def test_folders_of_images_are_the_classes(tmp_path: Path) -> None:
    made = Made(experiment="figure10", optimizers=("cma+adam",), images=IMAGES)
    with opened(made, tmp_path) as source:
        groups = {name: "cat" if k else "dog" for k, name in enumerate(IMAGES)}
        board = replace(source.board, suite=replace(source.board.suite, groups=groups))
        (bars,) = parts(replace(source, board=board))
    assert isinstance(bars, Bars)
    assert {bar.label: bar.error is None for bar in bars.bars} == {
        "cat (6)": False,
        "dog (1)": True,
    }


def test_bars_by_class_say_which_images_they_miss(tmp_path: Path) -> None:
    broken = {("cma+adam", name): ("failed", "no") for name in IMAGES[:2]}
    made = Made(experiment="figure10", optimizers=("cma+adam",), images=IMAGES, broken=broken)
    with opened(made, tmp_path) as source:
        first = source.errors.of(source.board.rows[0].labels, "percep-heldout", "mean")[IMAGES[2]]
        first[0] = math.nan
        (bars,) = parts(source)
    assert bars.caption.endswith("5 of 7 images are complete. Without a value: class 0 (3).")


def test_top_candidates_are_those_of_lowest_objective(tmp_path: Path) -> None:
    made = Made(experiment="figure12", optimizers=("adam", "basincma"), candidates=12)
    with opened(made, tmp_path) as source:
        pictures, bars = parts(source)
        assert isinstance(pictures, Pictures)
        assert isinstance(bars, Bars)
        name, (first, second) = pictures.images[0]
        assert (name, first.row, second.row) == ("bag", 0, 1)
        record = source.store.get(first.cell)
        assert record is not None
        assert list(first.candidates) == list(np.argsort(record.objective)[:9])
    assert [bar.label for bar in bars.bars] == ["adam", "basincma"]


def test_bars_of_candidates_are_over_the_same_images(tmp_path: Path) -> None:
    # In adam's second repeat the last photo failed; cma has it in neither.
    broken = {("cma", IMAGES[-1]): ("failed", "no")}
    made = Made(experiment="figure12", optimizers=("adam", "cma"), images=IMAGES, repeats=2)
    folder = replace(made, broken=broken).write(tmp_path / "made")
    with Store.create_or_open(folder, "made") as store:
        plan = store.plan()
        lost = next(r for r in plan if (r.row[4], r.image, r.repeat) == ("adam", IMAGES[-1], 1))
        store.put(Record(lost.cell, "failed", "no"))
    with Store.open_read(folder) as store:
        source = source_of(store, load(store))
        assert source is not None
        _, bars = parts(source)
    assert isinstance(bars, Bars)
    assert [bar.text.rpartition(", ")[2] for bar in bars.bars] == ["6 images", "6 images"]


def test_curves_are_sorted_by_where_they_end(tmp_path: Path) -> None:
    (curves,) = made_of(Made(experiment="figure14", images=IMAGES), tmp_path)
    assert isinstance(curves, Curves)
    assert [curve.label for curve in curves.curves] == ["adam", "cma", "basincma"]
    assert [curve.place for curve in curves.curves] == [0, 0.5, 1]
    ends = [curve.y[-1] for curve in curves.curves]
    assert ends == sorted(ends)


def test_curves_over_other_images_are_not_sorted_among_them(tmp_path: Path) -> None:
    broken = {("cma", IMAGES[0]): ("failed", "it fell over")}
    (curves,) = made_of(Made(experiment="figure14", images=IMAGES, broken=broken), tmp_path)
    assert isinstance(curves, Curves)
    assert [curve.label for curve in curves.curves] == ["adam", "basincma"]
    assert [curve.place for curve in curves.curves] == [0, 1]


def test_steps_are_read_from_options(tmp_path: Path) -> None:
    # The labels say nothing: two are named after each other's steps.
    options = {**STEPS, "2x8": STEPS["8x2"], "8x2": STEPS["2x8"]}
    made = Made(experiment="figure17", optimizers=list(STEPS), images=IMAGES, options=options)
    with opened(made, tmp_path) as source:
        (heat,) = parts(source)
        claims = verdicts.groups(source)
        by_label = {row.labels[4]: row.mean["percep-heldout"] for row in source.board.rows}
    assert isinstance(heat, HeatMap)
    assert (heat.xs, heat.ys) == ([2, 4, 8], [2, 4, 8])
    assert heat.values[2][0] == by_label["8x2"]
    assert heat.values[0][2] == by_label["2x8"]
    pairs = {line.pair for line in claims[0].lines}
    assert pairs == {"4x4 against 2x8", "4x4 against 8x2"}
    assert len(claims[1].lines) == 2


def test_rows_of_other_images_are_not_on_the_map(tmp_path: Path) -> None:
    broken = {("2x2", "image-1"): ("failed", "no")}
    made = Made(
        experiment="figure17",
        optimizers=list(STEPS),
        images=IMAGES,
        options=STEPS,
        broken=broken,
    )
    (heat,) = made_of(made, tmp_path)
    assert isinstance(heat, HeatMap)
    assert 2 not in heat.xs or heat.values[0][0] is None


def test_steps_are_compared_where_all_else_is_the_same(tmp_path: Path) -> None:
    made = Made(
        experiment="figure17",
        optimizers=[*STEPS, "longer"],
        transforms=("none", "spatial"),
        images=IMAGES,
        options={**STEPS, "longer": {**STEPS["8x8"], "final_steps": 900}},
    )
    with opened(made, tmp_path) as source:
        maps = [part for part in parts(source) if isinstance(part, HeatMap)]
        balanced, more = verdicts.groups(source)
    assert len({part.key for part in maps}) == len({part.title for part in maps}) == 4
    full = [part for part in maps if len(part.xs) == 3]
    assert len(full) == 2
    assert all(value is not None for part in full for line in part.values for value in line)
    # Of either transform: 4x4 against 2x8 and 8x2, and 8x8 against 2x2 and 4x4.
    assert (len(balanced.lines), len(more.lines)) == (4, 4)
    assert not any("longer" in line.pair for line in more.lines)


def test_a_difference_is_not_taken_for_a_ratio(tmp_path: Path) -> None:
    with opened(Made(experiment="figure12", images=IMAGES), tmp_path) as source:
        ((line,),) = (group.lines for group in verdicts.groups(source))
    assert line.every["l1", "mean"].startswith("2.")
    assert line.every["psnr", "mean"].startswith("difference -1.")
    small = effect(np.full((6, 1), 2e-3), np.full((6, 1), 1e-3), "difference")
    assert verdicts.effect_text(small) == "difference +0.0010 (+0.0010 to +0.0010)"


def test_costs_are_multiples_of_adams(tmp_path: Path) -> None:
    seconds, passes = made_of(Made(experiment="runtime"), tmp_path)
    assert isinstance(passes, Bars)
    assert isinstance(seconds, Bars)
    assert {bar.label: round(bar.value, 3) for bar in passes.bars} == {
        "adam": 1,
        "cma": round(400 / 300, 3),
        "basincma": round(500 / 300, 3),
    }
    assert "of this machine" in seconds.caption
    assert all(bar.paper is None for bar in seconds.bars)


def test_seconds_of_another_machine_are_not_drawn(tmp_path: Path) -> None:
    there = ToldRow(("g", "l1", "none", "gt", "cma"), "cma", ())
    with opened(Made(experiment="runtime"), tmp_path) as source:
        told = replace(source.board.suite, reference=Told("s", "f", "0" * 64, (there,)))
        seconds, passes = parts(replace(source, board=replace(source.board, suite=told)))
    assert isinstance(seconds, Bars)
    assert isinstance(passes, Bars)
    assert {bar.label for bar in seconds.bars} == {"adam", "basincma"}
    assert {bar.label for bar in passes.bars} == {"adam", "basincma", "cma"}


def drawn(source: Source, where: Path) -> dict[str, Path | str]:
    """Files of the figures, or why there are none."""
    found: dict[str, Path | str] = {}
    for part in parts(source):
        path = where / f"{part.key}.png"
        found[part.key] = experiment.draw(path, part, source.store, "column") or path
    return found


def test_the_papers_minutes_are_ratios_where_both_rows_compare(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = {"adam": 0, "basincma": 4}
    unlike: set[str] = set()
    monkeypatch.setattr(
        Source,
        "of_paper",
        lambda self, row: self.experiment.rows[rows.get(row.labels[4], 1)],
    )
    monkeypatch.setattr(
        Source, "unlike", lambda self, row: ["other"] if row.labels[4] in unlike else []
    )
    with opened(Made(experiment="runtime"), tmp_path) as source:
        for different, wanted in (("cma", {"adam": 1, "basincma": 2, "cma": None}), ("adam", {})):
            unlike.clear()
            unlike.add(different)
            seconds, passes = parts(source)
            assert isinstance(seconds, Bars)
            assert isinstance(passes, Bars)
            found = {bar.label: bar.paper for bar in seconds.bars}
            assert found == (wanted or dict.fromkeys(found))
            assert all(bar.paper is None for bar in passes.bars)
        assert "Diamonds" in verdicts.beside(source)


@pytest.mark.parametrize("name", ["table1", "figure10", "figure12", "figure14", "runtime"])
def test_hostile_names_are_drawn(tmp_path: Path, name: str) -> None:
    with opened(replace(hostile(), experiment=name), tmp_path) as source:
        verdicts.groups(source)
        assert all("\u202e" not in part.title + part.caption for part in parts(source))
        for path in drawn(source, tmp_path).values():
            assert name == "table1" or Path(path).stat().st_size > 1000


@pytest.mark.parametrize("name", sorted(MAKERS))
def test_nothing_was_run(tmp_path: Path, name: str) -> None:
    nothing = frozenset((o, i) for o in ("adam", "cma", "basincma") for i in ("bag", "boot"))
    with opened(Made(unrun=nothing, experiment=name), tmp_path) as source:
        assert parts(source) == []
        assert all(line.verdict == "open" for g in verdicts.groups(source) for line in g.lines)


@pytest.mark.parametrize(
    "made",
    [
        Made(experiment="figure10", images=IMAGES),
        Made(experiment="figure12", optimizers=("adam", "basincma")),
        Made(experiment="figure14"),
        Made(experiment="figure17", optimizers=list(STEPS), options=STEPS),
        Made(experiment="runtime"),
    ],
    ids=lambda made: str(made.experiment),
)
def test_each_is_drawn_for_papers(made: Made, tmp_path: Path) -> None:
    with opened(made, tmp_path) as source:
        found = drawn(source, tmp_path)
    assert found
    for path in found.values():
        with Image.open(path) as image:
            assert image.width == pytest.approx(990, abs=1)
            assert np.asarray(image.convert("L")).std() > 5


def test_a_trade_off_is_a_table_of_what_run_left(tmp_path: Path) -> None:
    judged = {"held-out": 0.25}
    point = Point(HOSTILE, "weight", 10.0, 2, 0, 0.5, 0.1, 40.0, 0, {}, judged, judged, 1.5, None)
    with opened(Made(experiment="figure18", images=("bag",)), tmp_path) as source:
        assert parts(source) == []
        found = TradeOff("s", "held-out", (point,), (), plan_of(source.store))
        (source.store.folder / "tradeoff.json").write_text(json.dumps(found.to_json()))
        _, table = parts(source)
    assert isinstance(table, Tabular)
    (line,) = table.lines
    assert line.names == [plain(HOSTILE), "10"]
    assert [number.text for number in line.numbers] == ["0.5", "0.1", "25%", "25%", "1.5", "—"]


def test_figures_has_the_papers_own(tmp_path: Path) -> None:
    made = Made(experiment="figure14", optimizers=("adam",), images=("bag",))
    with opened(made, tmp_path) as source:
        found = {one.name for one in draw_all(source.store, source.board, tmp_path, "pdf", "page")}
    assert "figure14" in found


def test_a_table_is_for_latex(tmp_path: Path) -> None:
    with opened(Made(experiment="table1", images=("bag",)), tmp_path) as source:
        assert "latex" in str(drawn(source, tmp_path)["table1"])


def test_every_experiment_is_drawn() -> None:
    assert set(NAMES) == set(MAKERS)


def traded(protocol: str, weight: float | None, loss: float | None, seen: float) -> Point:
    judged = {"judge": seen}
    shared = (1, 0, loss, 0.1, 40.0, 0, {}, judged, judged, 1.5, 1 - seen)
    return Point("adam", protocol, weight, *shared)


POINTS = [
    traded("weight", 10, 0.5, 0.6),
    traded("none", None, 1.0, 0.9),
    traded("weight", 1000, 0.8, 0.8),
    traded("weight", 0, None, 0.1),
    traded("weight", 1, math.inf, 0.2),
    traded("equal", 1, 0.6, 0.7),
]


def test_the_trade_off_is_read_from_its_document(tmp_path: Path) -> None:
    with opened(Made(experiment="figure18"), tmp_path) as source:
        assert parts(source) == []
        document = source.store.folder / "tradeoff.json"
        found = TradeOff("s", "judge", tuple(POINTS), ({"cell": "x"},))
        document.write_text(json.dumps(found.to_json()))
        assert parts(source) == []  # it is of other cells
        found = replace(found, plan=plan_of(source.store))
        document.write_text(json.dumps(found.to_json()))
        seen, moved, table = parts(source)
        assert "1 failure left out" in table.caption
        assert isinstance(seen, Ways)
        assert isinstance(moved, Ways)
        (way,) = seen.ways
        assert list(way.names) == ["as projected", "λ 1000", "λ 10"]
        assert (list(way.x), list(way.y)) == ([1.0, 0.8, 0.5], [0.9, 0.8, 0.6])
        assert way.star == (0.6, 0.7)
        assert list(seen.labels) == list(way.names)
        files = drawn(source, tmp_path)
        assert all(Path(files[part.key]).stat().st_size > 1000 for part in (seen, moved))
        document.write_text('{"judge": "judge", "points": [{"method": 3}]}')
        with pytest.raises(StoreError, match="not what a run writes"):
            parts(source)


def test_names_are_plain(tmp_path: Path) -> None:
    with opened(replace(hostile(), experiment="table1"), tmp_path) as source:
        names = [source.name_of(row) for row in source.board.rows]
    assert any(HOSTILE in name for name in names)
    assert not any("\u2028" in name for name in names)
