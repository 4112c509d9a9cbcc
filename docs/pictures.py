"""Remake the README's pictures from a finished quickstart.

p2lbench run quickstart && python docs/pictures.py results/quickstart
"""

from __future__ import annotations

import io
import shutil
import sys
from pathlib import Path

from rich.console import Console

from p2lbench import leaderboard
from p2lbench.report.terminal import LeaderboardView
from p2lbench.store import Store

IMAGES = Path(__file__).parent / "images"


def main(folder: Path) -> None:
    IMAGES.mkdir(exist_ok=True)
    for name in ("grid", "curves"):
        shutil.copy(folder / f"{name}.png", IMAGES / f"quickstart-{name}.png")
    console = Console(record=True, width=102, file=io.StringIO(), force_terminal=True)
    with Store.open_read(folder) as store:
        console.print(LeaderboardView(leaderboard.load(store)))
    console.save_svg(str(IMAGES / "quickstart-leaderboard.svg"), title="p2lbench run quickstart")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
