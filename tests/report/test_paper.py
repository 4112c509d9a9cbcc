"""Figures for papers: which are drawn, that they are what journals take, and hostile names."""

from __future__ import annotations

import itertools
import re
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure as MplFigure
from matplotlib.lines import Line2D
from PIL import Image

from p2lbench.errors import StoreError
from p2lbench.leaderboard import Leaderboard, load
from p2lbench.report.paper import draw_all, style
from p2lbench.store import Store


@pytest.fixture
def compared(store: Store) -> Leaderboard:
    """With a baseline, and candidates that are independent of each other."""
    header = store.header()
    uncoupled = [row.row for row in store.plan()]
    store.set_header({**header, "baseline": "adam", "uncoupled": uncoupled})
    return load(store)


def drawn(store: Store, board: Leaderboard, where: Path, **given: str) -> dict[str, Path | None]:
    options = {"form": "pdf", "width": "column", **given}
    found = draw_all(store, board, where, options["form"], options["width"])  # type: ignore[arg-type]
    return {one.name: one.path for one in found}


def test_a_file_per_figure(store: Store, compared: Leaderboard, tmp_path: Path) -> None:
    found = drawn(store, compared, tmp_path / "new" / "folder")
    names = ["best-of-k", "effects", "grid", "pareto"]
    names += [f"curves-{over}-{k}" for over in ("passes", "seconds") for k in (1, 2)]
    assert sorted(found) == sorted(names)
    for name, path in found.items():
        assert path is not None
        assert path.read_bytes()[:4] == b"%PDF", name


def test_what_there_is_nothing_to_draw_of(store: Store, board: Leaderboard, tmp_path: Path) -> None:
    empty = replace(board, rows=(), ranked_on=None)
    found = {one.name: one for one in draw_all(store, empty, tmp_path, "png", "column")}
    assert {one.path for one in found.values()} == {None}
    assert "baseline" in found["effects"].reason
    assert not list(tmp_path.glob("*.png"))


def test_fonts_are_embedded_as_truetype(
    store: Store, compared: Leaderboard, tmp_path: Path
) -> None:
    for path in drawn(store, compared, tmp_path).values():
        assert path is not None
        raw = path.read_bytes()
        streams = re.findall(rb"stream\r?\n(.*?)endstream", raw, re.DOTALL)
        text = raw + b"".join(_inflated(stream) for stream in streams)
        assert b"/Type3" not in text
        assert b"/FontFile2" in text


def _inflated(stream: bytes) -> bytes:
    try:
        return zlib.decompress(stream.strip(b"\r\n"))
    except zlib.error:
        return b""


@pytest.mark.parametrize(("width", "inches"), [("column", 3.3), ("page", 6.8)])
def test_widths(
    store: Store, compared: Leaderboard, tmp_path: Path, width: str, inches: float
) -> None:
    for path in drawn(store, compared, tmp_path, form="png", width=width).values():
        assert path is not None
        with Image.open(path) as image:
            assert image.width == pytest.approx(300 * inches, abs=1)
            assert np.asarray(image.convert("L")).std() > 5  # something is drawn


def test_the_same_twice(store: Store, compared: Leaderboard, tmp_path: Path) -> None:
    one, two = (drawn(store, compared, tmp_path / name) for name in ("a", "b"))
    for name, path in one.items():
        other = two[name]
        assert path is not None
        assert other is not None
        assert path.read_bytes() == other.read_bytes(), name


def test_no_two_methods_share_two_of_colour_dashes_and_marker() -> None:
    looks = [style.look(k) for k in range(style.MAX_METHODS)]
    for one, other in itertools.combinations(looks, 2):
        same = [one.colour == other.colour, one.dash == other.dash, one.marker == other.marker]
        assert sum(same) < 2


def test_more_methods_than_looks(store: Store, compared: Leaderboard, tmp_path: Path) -> None:
    row = compared.rows[0]
    rows = [
        replace(row, labels=(*row.labels[:4], f"_{'long $x$ ' * 9}{k}")) for k in range(60)
    ]  # not in the store: no picture, no trace
    found = drawn(store, replace(compared, rows=tuple(rows)), tmp_path)
    assert found["pareto"] is not None
    assert found["curves-passes"] is None


def test_a_place_that_cannot_be_written(
    store: Store, compared: Leaderboard, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError):
        drawn(store, compared, tmp_path / "file")


@pytest.mark.parametrize(("low", "high"), [(0.97, 1.9), (0.2, 0.55), (0.4, 11), (0.01, 90)])
def test_a_logarithmic_axis_has_numbers_to_read(low: float, high: float) -> None:
    axes = MplFigure().subplots()
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    style.plain_ticks(axes)
    ticks = [tick for tick in axes.xaxis.get_majorticklocs() if low <= tick <= high]
    assert 3 <= len(ticks) <= 8


def test_a_legend_has_no_line_that_is_nearly_empty() -> None:
    names = ["adam", "cma+adam", "basincma", "cma", "nevergrad:DE"]
    made = MplFigure()
    style.legend_below(made, "page", [Line2D([], []) for _ in names], names)
    assert made.legends[0]._ncols == 3
    assert style.legend_lines(names, "page") == pytest.approx(0.42)
