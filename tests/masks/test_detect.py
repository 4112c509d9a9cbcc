"""Masks that detectors find are kept on disk, and found again by all that decides them."""

from __future__ import annotations

import io
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image

from p2lbench.masks import Detected, detect
from p2lbench.masks.detect import Found, detected

PIXELS = np.zeros((6, 8, 3), dtype=np.uint8)
PIXELS[2:4, 3:6] = 255


class Bright(ModuleType):
    """A detector that finds what is bright, and counts how often it is asked."""

    def __init__(self) -> None:
        super().__init__("bright")
        self.calls, self.weights = 0, "1"

    def version(self) -> dict[str, str]:
        return {"weights": self.weights}

    def detect(self, pixels: Any, wanted: Detected) -> Found:
        self.calls += 1
        found: Found = pixels[..., 0] > 127
        return found


@pytest.fixture
def detector(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Bright:
    made = Bright()
    monkeypatch.setenv("P2LBENCH_WEIGHTS", str(tmp_path / "weights"))
    monkeypatch.setattr(detect.importlib, "import_module", lambda name: made)
    return made


WANTED = Detected("saliency")


def test_a_mask_is_detected_once(detector: Bright, tmp_path: Path) -> None:
    first = detected(WANTED, PIXELS)
    assert first.dtype == np.float32
    assert (first == (PIXELS[..., 0] == 255)).all()
    assert (detected(WANTED, PIXELS) == first).all()
    assert detector.calls == 1
    assert len(list((tmp_path / "weights" / "masks").iterdir())) == 1


def test_what_decides_a_mask_finds_it_anew(detector: Bright) -> None:
    detected(WANTED, PIXELS)
    detected(WANTED, PIXELS[:, ::-1])
    detected(Detected("saliency", threshold=0.6), PIXELS)
    detected(Detected("saliency", label="dog"), PIXELS)
    detector.weights = "2"
    detected(WANTED, PIXELS)
    assert detector.calls == 5


def png(size: tuple[int, int], level: int) -> bytes:
    out = io.BytesIO()
    Image.new("L", size, level).save(out, format="PNG")
    return out.getvalue()


@pytest.mark.parametrize(
    "content", [b"", b"no image", b"\x89PNG\r\n\x1a\n", png((8, 6), 0), png((6, 8), 255)]
)
def test_a_kept_mask_that_is_damaged_is_detected_again(
    detector: Bright, tmp_path: Path, content: bytes
) -> None:
    first = detected(WANTED, PIXELS)
    (kept,) = (tmp_path / "weights" / "masks").iterdir()
    kept.write_bytes(content)
    assert (detected(WANTED, PIXELS) == first).all()
    assert detector.calls == 2
    assert (detected(WANTED, PIXELS) == first).all()
    assert detector.calls == 2


def test_a_folder_that_cannot_be_written(detector: Bright, tmp_path: Path) -> None:
    (tmp_path / "weights").write_text("in the way")
    assert detected(WANTED, PIXELS).sum() == 6
