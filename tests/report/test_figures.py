"""The image grid and the convergence curves, from a results folder."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from storekit import keep_images

from p2lbench.errors import StoreError
from p2lbench.leaderboard import Leaderboard
from p2lbench.record import Trace
from p2lbench.report import curves, grid
from p2lbench.report.figures import draw_curves, draw_grid
from p2lbench.store import Store

TILE = 128


def shades(path: Path) -> set[int]:
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("RGB"))
    grey = pixels[(pixels[..., 0] == pixels[..., 1]) & (pixels[..., 1] == pixels[..., 2])][:, 0]
    values, counts = np.unique(grey, return_counts=True)
    return {int(value) for value, n in zip(values, counts, strict=True) if n >= 0.9 * TILE * TILE}


def test_grid_shows_targets_and_selected_candidates(
    store: Store, board: Leaderboard, tmp_path: Path
) -> None:
    path = draw_grid(tmp_path / "grid.png", store, board)
    # 101: the second candidate's grey, which has the lowest objective; 238: what failed
    assert shades(path) == {50, 101, 238, 255}


@pytest.mark.parametrize("size", [1, 3, 32, 128, 200])
def test_targets_of_any_size(store: Store, board: Leaderboard, tmp_path: Path, size: int) -> None:
    keep_images(store, store.images(), size)
    assert 50 in shades(draw_grid(tmp_path / "grid.png", store, board))


def test_candidates_of_a_strip() -> None:
    pixels = np.arange(2 * 6 * 3, dtype=np.uint8).reshape(2, 6, 3)
    strip = _png(pixels)
    second = grid.candidate(strip, 3, 1)
    assert second is not None
    np.testing.assert_array_equal(second, pixels[:, 2:4])
    assert grid.candidate(strip, 4, 1) is None  # 6 pixels are not 4 candidates
    assert grid.candidate(strip, 3, 3) is None
    assert grid.candidate(strip[:30], 3, 0) is None
    assert grid.candidate(b"", 3, 0) is None


def _png(pixels: grid.Pixels) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def test_large_grids_are_cut_and_say_so(tmp_path: Path) -> None:
    assert grid._left_out(60, 30) == "The first 12 of 60 images. The first 20 of 30 methods."
    assert grid._left_out(12, 9) == ""
    pixels = np.zeros((4, 4, 3), np.uint8)
    lines = [grid.Line("x" * 200, "y" * 200, pixels, [grid.Tile(None, "z" * 99)] * 30)] * 60
    path = grid.draw(tmp_path / "grid.png", "title", "sub", ["m" * 100] * 30, lines, 60)
    with Image.open(path) as image:
        assert image.width < 3300
        assert image.height < 2300


@pytest.mark.parametrize("suffix", ["png", "pdf"])
def test_curves_of_a_run(store: Store, board: Leaderboard, tmp_path: Path, suffix: str) -> None:
    path = draw_curves(tmp_path / f"curves.{suffix}", store, board)
    again = draw_curves(tmp_path / f"again.{suffix}", store, board)
    assert path.read_bytes() == again.read_bytes()
    assert path.read_bytes()[:4] == {"png": b"\x89PNG", "pdf": b"%PDF"}[suffix]


def test_curves_of_nothing(tmp_path: Path, store: Store, board: Leaderboard) -> None:
    draw_curves(tmp_path / "curves.png", store, replace(board, rows=()))
    draw_grid(tmp_path / "grid.png", store, replace(board, rows=()), {})


def test_a_place_that_cannot_be_written_is_explained(
    tmp_path: Path, store: Store, board: Leaderboard
) -> None:
    with pytest.raises(StoreError, match="No such file"):
        draw_grid(tmp_path / "no" / "grid.png", store, board)
    with pytest.raises(StoreError, match="No such file"):
        draw_curves(tmp_path / "no" / "curves.png", store, board)


# What the curves are


def trace(points: dict[int, tuple[float, ...]]) -> Trace:
    return Trace(tuple(points), (0.0,) * len(points), tuple(points.values()))


def test_geometric_mean_over_images_of_the_mean_over_candidates() -> None:
    one = trace({2: (8.0, 4.0), 8: (2.0, 4.0)})
    two = trace({4: (1.0, 2.0)})
    (curve,) = curves.panel("p", {"m": {"a": [one], "b": [two]}}).curves
    assert curve.spent.tolist() == [4, 8]  # from where every image has a value
    assert curve.mean == pytest.approx(np.sqrt([6.0 * 1.5, 3.0 * 1.5]))
    assert curve.best == pytest.approx(np.sqrt([4.0 * 1.0, 2.0 * 1.0]))


def test_repeats_are_averaged_within_an_image() -> None:
    repeats = [trace({1: (1.0,)}), trace({1: (3.0,), 2: (2.0,)})]
    (curve,) = curves.panel("p", {"m": {"a": repeats}}).curves
    assert curve.mean.tolist() == pytest.approx([2.0, 1.5])


def test_a_candidate_that_has_not_begun_delays_the_mean() -> None:
    nan = float("nan")
    late = trace({1: (1.0, nan), 2: (1.0, 3.0)})
    (curve,) = curves.panel("p", {"m": {"a": [late]}}).curves
    assert curve.spent.tolist() == [2]
    assert curves.panel("p", {"m": {"a": [trace({1: (nan,)})], "b": [Trace()]}}).curves == ()


def test_values_that_are_not_positive_are_averaged_plainly(tmp_path: Path) -> None:
    found = curves.panel("p", {"m": {"a": [trace({1: (1.0,)})], "b": [trace({1: (-2.0,)})]}})
    assert not found.geometric
    assert found.curves[0].mean.tolist() == [-0.5]
    curves.draw(tmp_path / "curves.png", "t", 1, [found])


@given(
    traces=st.lists(
        st.lists(st.tuples(st.integers(1, 10**6), st.floats(1e-3, 1e3)), min_size=1, max_size=30),
        min_size=1, max_size=3,
    )
)  # fmt: skip
@settings(max_examples=40)
def test_curves_never_rise(traces: list[list[tuple[int, float]]]) -> None:
    images = {}
    for k, points in enumerate(traces):
        spent = sorted({passes for passes, _ in points})
        best = np.minimum.accumulate([value for _, value in points[: len(spent)]])
        found = Trace(tuple(spent), (0.0,) * len(spent), tuple((float(b),) for b in best))
        images[str(k)] = [found]
    (curve,) = curves.panel("p", {"m": images}).curves
    assert (np.diff(curve.mean) <= 1e-9 * curve.mean[:-1]).all()
    assert curve.spent[-1] == max(t[0].passes[-1] for t in images.values())


def test_more_points_than_a_figure_can_show() -> None:
    long = Trace(tuple(range(1, 5001)), (0.0,) * 5000, tuple((1.0 / k,) for k in range(1, 5001)))
    (curve,) = curves.panel("p", {"m": {"a": [long]}}).curves
    assert len(curve.spent) <= 400
    assert curve.spent[[0, -1]].tolist() == [1, 5000]
