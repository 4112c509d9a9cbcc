"""What the paper claims of a suite's experiment, checked on finished runs, as Markdown.

python docs/claims.py results/table1 results/table1-equal … prints the tables of docs/experiments/.

A ratio is the geometric mean, over images, of one row's error by another's. Beside it: its 95%
interval and on how many images it is below 1.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from p2lbench import leaderboard
from p2lbench.report.experiment import verdicts
from p2lbench.report.experiment.source import source_of
from p2lbench.report.text import markdown
from p2lbench.store import Store


def table(folder: Path) -> Iterator[str]:
    """One suite's claims: a line per pair of rows, a column per metric and statistic."""
    with Store.open_read(folder) as store:
        source = source_of(store, leaderboard.load(store))
        groups = [] if source is None else verdicts.groups(source)
    lines = [(group, line) for group in groups for line in group.lines]
    keys = list(dict.fromkeys(key for _, line in lines for key in line.every))
    heads = [folder.name, "", "here", *(f"{metric}, {kind}" for metric, kind in keys)]
    yield f"| {' | '.join(heads)} |"
    yield f"|---|---|---|{'---:|' * len(keys)}"
    for group, line in lines:
        cells = [group.text, line.pair, line.verdict, *(line.every.get(key, "—") for key in keys)]
        yield f"| {' | '.join(map(markdown, cells))} |"
    yield ""


def main(folders: Sequence[str]) -> None:
    """Print every folder's table."""
    for folder in folders:
        print("\n".join(table(Path(folder))))


if __name__ == "__main__":
    main(sys.argv[1:])
