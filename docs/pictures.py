"""Remake the README's pictures from finished runs.

p2lbench run quickstart && python docs/pictures.py results/quickstart
p2lbench run table1 && python docs/pictures.py results/table1
"""

from __future__ import annotations

import io
import shutil
import sys
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from p2lbench import leaderboard
from p2lbench.report.figures import draw_grid
from p2lbench.report.html import page, writing
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
    console.save_svg(str(IMAGES / "quickstart-leaderboard.svg"), title="p2lbench run quickstart")
    report(folder)


def report(folder: Path) -> None:
    """The report's leaderboard and pictures, in Chromium."""
    from playwright.sync_api import sync_playwright

    with Store.open_read(folder) as store:
        writing.write(folder / "report.html", page.render(store))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        tab = browser.new_page(viewport={"width": 1220, "height": 1230})
        tab.goto((folder / "report.html").absolute().as_uri())
        tab.get_by_label("Image", exact=True).select_option(index=3)
        tab.evaluate("scrollTo({top: leaderboard.offsetTop - 40, behavior: 'instant'})")
        tab.screenshot(path=IMAGES / "quickstart-report.png")
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
