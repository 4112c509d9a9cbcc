"""The video of a search: what stands when, and both kinds of file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from p2lbench.errors import UserError
from p2lbench.pictured import Shown
from p2lbench.report import video

GREY = [Shown(spent, 1.0 - level / 255, np.full((8, 8, 3), level, np.uint8))
        for spent, level in ((10, 0), (60, 100), (110, 200), (110, 255))]  # fmt: skip
TARGET = np.full((8, 8, 3), 50, np.uint8)
MIDDLE = 2 * 8 + 224 + 112, 8 + 112  # of the right picture


def test_a_gif_shows_each_point_from_its_passes_on_and_then_the_outcome(tmp_path: Path) -> None:
    with Image.open(video.write(tmp_path / "x.gif", TARGET, GREY)) as film:
        found, milliseconds = [], []
        for k in range(getattr(film, "n_frames", 1)):
            film.seek(k)
            found.append(film.convert("RGB").getpixel(MIDDLE)[0])  # type: ignore[index]
            milliseconds.append(film.info["duration"])
    levels = [*dict.fromkeys(found)]
    assert np.abs(np.subtract(levels, (0, 100, 255))).max() < 10
    assert found == sorted(found)
    assert abs(found.count(levels[0]) - video.FRAMES // 2) <= 1
    assert milliseconds[-1] >= 1000


def test_a_search_of_one_point_has_a_video(tmp_path: Path) -> None:
    assert video.write(tmp_path / "x.gif", TARGET, GREY[-1:]).stat().st_size > 0


def test_mp4_says_what_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(video, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"pip install 'p2lbench\[video\]'"):
        video.check(video.MP4)
    video.check(video.GIF)


def test_mp4(tmp_path: Path) -> None:
    ffmpeg = pytest.importorskip("imageio_ffmpeg")
    path = video.write(tmp_path / "x.mp4", TARGET, GREY)
    frames, seconds = ffmpeg.count_frames_and_secs(str(path))
    assert frames == video.FRAMES + video.STILL
    assert seconds == pytest.approx(frames / video.RATE, abs=0.2)
