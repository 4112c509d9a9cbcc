"""Remake the README's pictures from finished runs.

p2lbench run quickstart && python docs/pictures.py results/quickstart
p2lbench run table1 && python docs/pictures.py results/table1
"""

from __future__ import annotations

import io
import shutil
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console

from p2lbench import leaderboard
from p2lbench.report.figures import draw_grid
from p2lbench.report.html.page import render
from p2lbench.report.terminal import LeaderboardView
from p2lbench.store import Store

IMAGES = Path(__file__).parent / "images"


# What the README shows of Table 1: (transform, optimizer), and photos.
METHODS = (
    ("none", "adam"),
    ("spatial+color", "adam"),
    ("none", "basincma"),
    ("spatial+color", "basincma"),
)
PHOTOS = ("dress-1001", "sneaker-1010", "shirt-1004")


def quickstart(folder: Path) -> None:
    """The grid, the curves, and the leaderboard as a terminal shows it."""
    for name in ("grid", "curves"):
        shutil.copy(folder / f"{name}.png", IMAGES / f"quickstart-{name}.png")
    console = Console(record=True, width=102, file=io.StringIO(), force_terminal=True)
    with Store.open_read(folder) as store:
        console.print(LeaderboardView(leaderboard.load(store)))
        page = render(store)
    console.save_svg(str(IMAGES / "quickstart-leaderboard.svg"), title="p2lbench run quickstart")
    photograph(page, IMAGES / "quickstart-report.png")


def photograph(page: str, path: Path) -> None:
    """The upper part of a report, in the browser that is installed."""
    from playwright.sync_api import sync_playwright

    size: Any = {"width": 1280, "height": 1880}
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        file = Path(folder) / "report.html"
        file.write_text(page, encoding="utf-8")
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"))
        view = browser.new_page(viewport=size)
        view.goto(file.as_uri(), wait_until="networkidle")
        view.screenshot(path=path)
        browser.close()


def off_centre(folder: Path) -> None:
    """Plain Adam and the paper's full method on photos whose object is off the centre."""
    with Store.open_read(folder) as store:
        board = leaderboard.load(store)
        rows = [r for r in board.rows if (r.labels[2], r.labels[4]) in METHODS]
        rows = [row for row in rows if row.labels[3] == "ground-truth"]
        few = replace(board, rows=tuple(rows))
        draw_grid(IMAGES / "off-centre.png", store, few, PHOTOS)


def main(folder: Path) -> None:
    """Those of the suite that the folder is of."""
    IMAGES.mkdir(exist_ok=True)
    makers = {"quickstart": quickstart, "table1": off_centre}
    if folder.name not in makers:
        raise SystemExit(f"{folder}: expected the results of {' or '.join(makers)}")
    makers[folder.name](folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
