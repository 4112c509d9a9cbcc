"""What is told of a blend."""

from __future__ import annotations

import numpy as np
import pytest

from p2lbench.blending.blended import Blended, write_blend
from p2lbench.blending.placing import Placed


def test_what_came_out_white_is_told(tmp_path_factory: pytest.TempPathFactory) -> None:
    photo = np.full((6, 8, 3), 200, np.uint8)
    placed, made = np.full_like(photo, 120), np.full_like(photo, 230)
    placed[:, 4] = made[:, 4] = 255  # was so before
    placed[:, 3], made[:, 3] = 3, 0  # or nearly
    made[:, 5:7] = 255
    region = np.ones((6, 8), bool)
    region[:, 0] = region[:, 7] = False
    found = Blended(photo, Placed(placed, region), region, made)
    where = tmp_path_factory.mktemp("blend") / "b"
    told = write_blend(where, None, found, {"image": "photo"}, ["photo", "projection", "blended"])
    assert told["cut_off"] == pytest.approx(2 / 6)
