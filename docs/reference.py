"""Keep a finished run's leaderboard in results/reference, with the command and what it cost; of an
edition of a paper's experiment also its figures, and what becomes of its claims.

p2lbench run table1 && python docs/reference.py results/table1 --commit $(git rev-parse HEAD)
"""

from __future__ import annotations

import argparse
import json
import math
import shlex
import shutil
import tempfile
from pathlib import Path

from claims import table

from p2lbench import leaderboard
from p2lbench.report.formats import render
from p2lbench.report.paper import draw_all
from p2lbench.store import Store

ROOT = Path(__file__).parents[1]
NO_CLAIMS = 3  # lines of a table that has none
KEPT = ("grid.png", "curves.png", "leaderboard.csv", "suite.yaml", "environment.json")


def main(folder: Path, commit: str, limit: int | None, alone: bool) -> None:
    """Copy what readers need; latents and single images stay behind.

    Raises: SystemExit if a cell has not been run.
    """
    with Store.open_read(folder) as store:
        board = leaderboard.load(store)
        records = {planned.cell: record for planned, record in store.records()}
    missing = sum(record is None for record in records.values())
    if missing:
        raise SystemExit(f"{folder}: {missing} cells have not been run")
    target = ROOT / "results" / "reference" / board.suite.name
    target.mkdir(parents=True, exist_ok=True)
    for name in KEPT:
        shutil.copy(folder / name, target / name)
    ledgers = [record.ledger for record in records.values() if record and record.ledger]
    passes, seconds = (
        math.fsum(ledger[key] for ledger in ledgers) for key in ("passes", "seconds")
    )
    environment = json.loads((folder / "environment.json").read_text())
    command = " ".join(["p2lbench run", board.suite.name, *_sets(environment["overrides"])])
    command += f" --limit {limit}" if limit else ""
    load = (
        "The machine did nothing else."
        if alone
        else "The machine did other work at the same time, so seconds compare with nothing."
    )
    head = (
        f"# {board.suite.name}\n\n"
        f"Made by `{command}` at commit {commit}, on {environment['platform']} with torch "
        f"{environment['packages']['torch']}. {len(records)} cells, {passes:,.0f} passes, "
        f"{seconds / 3600:.1f} hours of one core in the cells. {load}\n\n"
        "![What each method selected](grid.png)\n\n"
    )
    text = head + _experiment(folder, board.suite.experiment, target) + render(board, "markdown")
    (target / "README.md").write_text(text, encoding="utf-8")
    print(target)


def _experiment(folder: Path, experiment: str | None, target: Path) -> str:
    """The paper's own figures of it, and its claims, as Markdown."""
    if experiment is None:
        return ""
    with Store.open_read(folder) as store, tempfile.TemporaryDirectory() as made:
        board = leaderboard.load(store)
        drawn = list(draw_all(store, board, Path(made), "png", "column"))
        own = [one.path for one in drawn if one.path and one.name.startswith(experiment)]
        for path in own:
            shutil.copy(path, target / path.name)
    pictures = "".join(f"![{path.stem}]({path.name})\n\n" for path in own)
    lines = [*table(folder)]
    claims = (
        "\n".join(["What the paper claims:", "", *lines]) + "\n" if len(lines) > NO_CLAIMS else ""
    )
    return pictures + claims


def _sets(overrides: list[str]) -> list[str]:
    return [f"--set {shlex.quote(text)}" for text in overrides]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--commit", required=True, help="of the p2lbench that made it")
    parser.add_argument("--limit", type=int, help="as it was given to run")
    parser.add_argument("--alone", action="store_true", help="it ran on an idle machine")
    given = parser.parse_args()
    main(given.folder, given.commit, given.limit, given.alone)
