"""Poisson blending: what must not change does not, and nothing moves."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from p2lbench.blending.placing import Region
from p2lbench.blending.poisson import Mode, blend, faded, grown
from p2lbench.errors import UserError
from p2lbench.images import Pixels

pytest.importorskip("cv2")


def smooth(height: int, width: int, seed: int = 0) -> Pixels:
    from scipy import ndimage

    noise = np.random.default_rng(seed).normal(size=(height, width, 3))
    soft = ndimage.gaussian_filter(noise, (2, 2, 0))
    return (128 + 60 * soft / np.abs(soft).max()).astype(np.uint8)


def regions(height: int, width: int) -> dict[str, Region]:
    found = {name: np.zeros((height, width), dtype=np.bool_) for name in "abcde"}
    found["a"][:] = True  # touches every border
    found["b"][height // 2, width // 2] = True  # a single pixel
    found["c"][0, 0] = True
    found["d"][height // 3 : -height // 4, width // 5 : width // 2 + 1] = True
    found["e"][:] = np.random.default_rng(1).random((height, width)) > 0.7
    return found


@pytest.mark.parametrize("size", [(60, 81), (32, 32), (7, 9), (4, 40)])
@pytest.mark.parametrize("mode", ["normal", "mixed"])
def test_the_photo_blended_into_itself_is_the_photo(size: tuple[int, int], mode: Mode) -> None:
    photo = smooth(*size)
    for region in regions(*size).values():
        if region.any():
            assert (blend(photo, photo, region, mode) == photo).all()


@pytest.mark.parametrize(("down", "right"), [(0, 0), (1, 0), (0, 1), (1, 1)])
def test_nothing_moves(down: int, right: int) -> None:
    """Whatever the parity of the region's sides: a patch stays in its pixels."""
    photo = np.full((40, 50, 3), 120, dtype=np.uint8)
    source = photo.copy()
    source[18:22, 20:25] = 200
    region = np.zeros(photo.shape[:2], dtype=np.bool_)
    region[10 : 30 + down, 12 : 40 + right] = True
    assert np.abs(blend(source, photo, region).astype(int) - source).max() <= 1


def test_the_whole_region_counts() -> None:
    """OpenCV wears masks down by three pixels: a region of one pixel is still the source's."""
    photo = np.full((30, 30, 3), 100, dtype=np.uint8)
    source = photo.copy()
    source[15, 15] = 180
    region = np.zeros((30, 30), dtype=np.bool_)
    region[15, 15] = True
    assert blend(source, photo, region)[15, 15, 0] > 130


def test_a_region_up_to_the_border_counts_up_to_the_border() -> None:
    photo = np.full((40, 50, 3), 120, dtype=np.uint8)
    source = photo.copy()
    source[1:5, 1:6] = 200
    whole = np.ones(photo.shape[:2], dtype=np.bool_)
    assert np.abs(blend(source, photo, whole).astype(int) - source).max() <= 1


def test_colours_are_the_photos() -> None:
    """Only differences between pixels are taken over."""
    photo = smooth(50, 60)
    region = regions(50, 60)["d"]
    made = blend((photo + 40).astype(np.uint8), photo, region)
    assert np.abs(made.astype(int) - photo).max() <= 1


def test_mixed_keeps_the_photos_edges() -> None:
    photo = np.full((40, 40, 3), 60, dtype=np.uint8)
    photo[:, 20:] = 200
    flat = np.full_like(photo, 128)
    region = np.zeros((40, 40), dtype=np.bool_)
    region[10:30, 10:30] = True
    step = [float(np.ptp(blend(flat, photo, region, m)[20, 18:22, 0])) for m in ("normal", "mixed")]
    assert step[0] < 100 < step[1]


def test_changes_outside_fade() -> None:
    photo, region = smooth(50, 60), np.zeros((50, 60), dtype=np.bool_)
    region[20:30, 25:35] = True
    region[10, 10] = True  # widens the rectangle that is solved
    made = blend(255 - photo, photo, region)
    assert (faded(made, photo, region, 0)[~region] == photo[~region]).all()
    soft = faded(made, photo, region, 5)
    assert (soft[region] == made[region]).all()
    away = ~grown(region, 6)
    assert (soft[away] == photo[away]).all()


def test_growing_and_shrinking() -> None:
    region = np.zeros((9, 9), dtype=np.bool_)
    region[0:4, 3:6] = True
    assert grown(region, 1).sum() == 5 * 5
    assert grown(region, -1).sum() == 3 * 1  # not at the image's border
    assert grown(region, 0) is region


def test_nothing_to_blend() -> None:
    photo = smooth(20, 20)
    with pytest.raises(UserError, match="blend: nothing of the generator's image lies in"):
        blend(photo, photo, np.zeros((20, 20), dtype=np.bool_))


def test_without_opencv(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cv2", None)
    photo = smooth(20, 20)
    with pytest.raises(UserError, match=r"blend needs OpenCV: pip .* \(the extra `blend`"):
        blend(photo, photo, np.ones((20, 20), dtype=np.bool_))
