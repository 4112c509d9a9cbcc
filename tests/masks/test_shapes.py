"""Boxes and polygons: which pixels count, and what is no outline of an object."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw

from p2lbench.errors import UserError
from p2lbench.masks import Box, Polygon
from p2lbench.masks.shapes import box, polygon


def rows(mask: np.ndarray) -> list[str]:
    return ["".join(".#"[int(value)] for value in row) for row in mask]


def test_a_box_ends_before_its_last_corner() -> None:
    assert rows(box(Box(1, 0, 3, 2), (3, 4))) == [".##.", ".##.", "...."]


@pytest.mark.parametrize(
    "corners", [(0, 0, 0, 1), (2, 0, 1, 1), (0, 0, 10, 1), (0, -1, 1, 1), (0, 0, 1, 7)]
)
def test_wrong_boxes(corners: tuple[int, int, int, int]) -> None:
    with pytest.raises(UserError, match=r"expected a box .* x1 <= 9 and .* y1 <= 6") as caught:
        box(Box(*corners), (6, 9))
    assert str(list(corners)) in str(caught.value)


def test_a_polygon_of_four_corners_is_the_box() -> None:
    corners = ((2.0, 1.0), (6.0, 1.0), (6.0, 4.0), (2.0, 4.0))
    expected = box(Box(2, 1, 6, 4), (7, 9))
    for points in (corners, corners[::-1], (*corners, corners[0])):  # either way round; closed
        found = polygon(Polygon(points), (7, 9))
        assert found.dtype == np.float32
        assert (found == expected).all()


def test_a_pixel_counts_if_its_centre_is_inside() -> None:
    assert rows(polygon(Polygon(((0, 0), (4, 0), (0, 4))), (4, 4))) == [
        "###.",
        "##..",
        "#...",
        "....",
    ]
    below = Polygon(((0.6, 0), (3, 0), (3, 3), (0.6, 3)))
    assert rows(polygon(below, (3, 3))) == [".##"] * 3
    above = Polygon(((0.4, 0), (3, 0), (3, 3), (0.4, 3)))
    assert rows(polygon(above, (3, 3))) == ["###"] * 3


def test_polygons_that_share_a_side_share_no_pixel() -> None:
    for middle in (2.0, 2.5, 2.7):  # through centres, too
        left = polygon(Polygon(((0, 0), (middle, 0), (middle, 5), (0, 5))), (5, 5))
        right = polygon(Polygon(((middle, 0), (5, 0), (5, 5), (middle, 5))), (5, 5))
        assert (left + right == 1).all()


def test_hollows_and_holes() -> None:
    u = Polygon(((0, 0), (1, 0), (1, 3), (3, 3), (3, 0), (4, 0), (4, 4), (0, 4)))
    assert rows(polygon(u, (4, 4))) == ["#..#", "#..#", "#..#", "####"]
    ring = ((0, 0), (5, 0), (5, 5), (0, 5), (0, 0), (1, 1), (1, 4), (4, 4), (4, 1), (1, 1))
    assert rows(polygon(Polygon(ring), (5, 5))) == ["#####", "#...#", "#...#", "#...#", "#####"]


def test_it_agrees_with_another_rasteriser() -> None:
    """Pillow's, at 16 times the resolution, sampled at the centres."""
    angles = np.sort(np.random.default_rng(3).uniform(0, 2 * np.pi, 9))
    radii = np.random.default_rng(4).uniform(4, 15, 9)
    points = [(16 + r * np.cos(a), 16 + r * np.sin(a)) for a, r in zip(angles, radii, strict=True)]
    big = Image.new("1", (512, 512))
    ImageDraw.Draw(big).polygon([(16 * x, 16 * y) for x, y in points], fill=1)
    expected = np.asarray(big)[8::16, 8::16]
    found = polygon(Polygon(tuple(points)), (32, 32))
    assert 100 < found.sum() < 600
    assert np.abs(found - expected).sum() <= 4  # its line has a width


@pytest.mark.parametrize(
    ("points", "said"),
    [
        (((0, 0), (10, 0), (3, 3)), r"0 <= x <= 9 and 0 <= y <= 6, got \[10, 0\] as point 2"),
        (((0, 0), (3, -0.5), (3, 3)), r"got \[3, -0.5\] as point 2"),
        (((0, 0), (4, 4), (4, 0), (0, 4)), r"crosses itself: \[0, 0\] to \[4, 4\] and \[4, 0\] to"),
        (((0, 0), (4, 4), (2, 2)), "the centre of no pixel is inside"),
        (((1, 1), (1, 1), (1, 1)), "the centre of no pixel is inside"),
        (((0.1, 0.1), (0.9, 0.1), (0.9, 0.4), (0.1, 0.4)), "not as fractions of the image"),
    ],
)
def test_wrong_polygons(points: tuple[tuple[float, float], ...], said: str) -> None:
    with pytest.raises(UserError, match=said):
        polygon(Polygon(points), (6, 9))
