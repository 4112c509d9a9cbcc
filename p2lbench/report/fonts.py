"""The letters in pictures, and how much text fits."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PIL import ImageFont

from p2lbench.report.text import folded, plain

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont


class Fonts:
    """DejaVu, as matplotlib brings it."""

    def __init__(self) -> None:
        import matplotlib

        self._folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
        self.title = self._load("DejaVuSans-Bold.ttf", 20)
        self.bold = self._load("DejaVuSans-Bold.ttf", 14)
        self.text = self._load("DejaVuSans.ttf", 14)

    def _load(self, name: str, size: int) -> FreeTypeFont:
        return ImageFont.truetype(str(self._folder / name), size)

    def fitted(self, text: str, width: int, font: FreeTypeFont) -> str:
        """One line, cut to a width."""
        text = plain(text)
        if font.getlength(text) <= width:
            return text
        while text and font.getlength(text + "…") > width:
            text = text[:-1]
        return text + "…"

    def wrapped(self, text: str, width: int, lines: int) -> list[str]:
        """At most so many lines in bold; the last one is cut."""
        found = folded(text, lambda part: self.bold.getlength(part) <= width)
        if len(found) > lines:
            found[lines - 1 :] = [self.fitted("".join(found[lines - 1 :]), width, self.bold)]
        return found
