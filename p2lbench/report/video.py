"""How a reconstruction developed, as a GIF, or as MP4 by imageio."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from p2lbench.errors import UserError
from p2lbench.pictured import Pixels, Shown
from p2lbench.report.fonts import Fonts
from p2lbench.report.projectiongrid import enlarged

GIF, MP4 = ".gif", ".mp4"
FRAMES, RATE, STILL = 96, 12, 18  # of the search; per second; of the outcome, which stands
_SIDE, _GAP, _TEXT = 224, 8, 44  # sums that MP4's blocks of 16 pixels divide
_OF_PALETTE = 8  # frames
_BAR, _INK, _FAINT = (200, 80, 20), (20, 20, 20), (225, 225, 225)


def check(suffix: str) -> None:
    """Raises UserError if what such a video takes is not installed."""
    if suffix == MP4 and (find_spec("imageio") is None or find_spec("imageio_ffmpeg") is None):
        raise UserError(
            "--mp4 needs imageio with ffmpeg: pip install 'p2lbench[video]'. "
            "--video writes a GIF, which needs nothing more"
        )


def write(path: Path, target: Pixels, shown: Sequence[Shown]) -> Path:
    """Write the video: the target on the left, on the right the best reconstruction so far, below
    them passes and loss.

    Args:
        target: (H, W, 3).
        shown: what a search had, in the order of its passes, at least one.

    Raises:
        OSError, UserError: it cannot be written.
    """
    check(path.suffix)
    frames = list(_frames(target, shown))
    if path.suffix == MP4:
        import imageio.v3 as imageio

        images = np.stack([np.asarray(frame) for frame in frames])
        imageio.imwrite(path, images, fps=RATE, codec="libx264", macro_block_size=4)
        return path
    colours = _palette(frames)
    small = [frame.quantize(palette=colours, dither=Image.Dither.NONE) for frame in frames]
    small[0].save(
        path, format="GIF", save_all=True, append_images=small[1:], duration=1000 // RATE, loop=0
    )
    return path


def _palette(frames: Sequence[Image.Image]) -> Image.Image:
    """One for all frames, from some of them: with one for each, colours flicker."""
    some = frames[:: max(1, len(frames) // _OF_PALETTE)]
    width, height = frames[0].size
    sheet = Image.new("RGB", (width, height * len(some)))
    for k, frame in enumerate(some):
        sheet.paste(frame, (0, k * height))
    return sheet.quantize(256, method=Image.Quantize.MEDIANCUT)


def _frames(target: Pixels, shown: Sequence[Shown]) -> Iterator[Image.Image]:
    """Evenly spread over the passes; then the outcome for a while."""
    fonts, spent, last = Fonts(), [moment.passes for moment in shown], shown[-1].passes
    for k in range(FRAMES):
        passes = spent[0] + (last - spent[0]) * k // FRAMES
        moment = shown[max(0, bisect_right(spent[:-1], passes) - 1)]
        yield _frame(fonts, target, moment, passes, last)
    for _ in range(STILL):
        yield _frame(fonts, target, shown[-1], last, last)


def _frame(fonts: Fonts, target: Pixels, moment: Shown, passes: int, last: int) -> Image.Image:
    width = 2 * _SIDE + 3 * _GAP
    canvas = Image.new("RGB", (width, _SIDE + 2 * _GAP + _TEXT), "white")
    pen = ImageDraw.Draw(canvas)
    for k, pixels in enumerate((target, moment.image)):
        image = enlarged(pixels, _SIDE)
        x = _GAP + k * (_SIDE + _GAP) + (_SIDE - image.width) // 2
        canvas.paste(image, (x, _GAP + (_SIDE - image.height) // 2))
    y = _SIDE + 2 * _GAP
    pen.text((_GAP, y), f"{passes:,} passes", _INK, font=fonts.text)
    loss = f"loss {moment.objective:.3f}"
    pen.text((width - _GAP, y), loss, _INK, font=fonts.text, anchor="ra")
    whole = width - 2 * _GAP
    pen.rectangle((_GAP, y + 26, _GAP + whole, y + 31), _FAINT)
    pen.rectangle((_GAP, y + 26, _GAP + whole * passes // max(last, 1), y + 31), _BAR)
    return canvas
