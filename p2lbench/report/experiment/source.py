"""What the paper's tables and figures are drawn from."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property

from p2lbench.experiments.catalogue import EXPERIMENTS
from p2lbench.experiments.comparable import Run, unlike_the_paper
from p2lbench.experiments.errors import Errors, errors
from p2lbench.experiments.model import Entry, Experiment, Labels, PaperRow
from p2lbench.experiments.runs import runs
from p2lbench.leaderboard import Leaderboard, Row
from p2lbench.report.text import plain
from p2lbench.spec import Method
from p2lbench.store import Store


@dataclass(frozen=True)
class Source:
    """A results folder whose suite names an experiment. What it asks of the folder raises
    StoreError where that is damaged."""

    store: Store
    board: Leaderboard
    experiment: Experiment
    name: str

    @cached_property
    def runs(self) -> dict[Labels, Run]:
        """How rows were run."""
        return runs(self.store)

    @cached_property
    def errors(self) -> Errors:
        """What claims are checked on."""
        return errors(self.store.records(), self.board.metrics)

    @cached_property
    def entries(self) -> list[Entry]:
        """The leaderboard's rows, in its order."""
        return [Entry(row.labels, self._method(row)) for row in self.board.rows]

    def of_paper(self, row: Row) -> PaperRow | None:
        """The paper's row of the same method, whatever its steps are."""
        run = self.runs.get(row.labels)
        found = () if run is None else self.experiment.rows
        return next((one for one in found if run and one.is_of(run.method)), None)

    def unlike(self, row: Row) -> list[str]:
        """Why the paper's numbers do not stand beside a row's; empty if they do."""
        run, wanted = self.runs.get(row.labels), self.of_paper(row)
        if run is None:
            return ["the folder does not keep how its cells were run"]
        if wanted is None:
            return ["the text has no numbers of it"]
        return unlike_the_paper(run, wanted)

    def name_of(self, row: Row) -> str:
        """A row by the axes that vary, the optimizer first; without what most rows have."""
        usual = self._usual
        named = (
            row.labels[k] for k in reversed(self.board.varying) if usual.get(k) != row.labels[k]
        )
        return " · ".join(plain(label) for label in named)

    @cached_property
    def _usual(self) -> dict[int, str]:
        """Axis → the commonest name, but for the optimizer's; no transform counts as that."""
        found = {}
        for k in self.board.varying[:-1]:
            names = Counter(row.labels[k] for row in self.board.rows)
            found[k] = "none" if k == 2 and "none" in names else names.most_common(1)[0][0]
        return found

    def _method(self, row: Row) -> Method | None:
        run = self.runs.get(row.labels)
        return None if run is None else run.method


def source_of(store: Store, board: Leaderboard) -> Source | None:
    """None where the suite names no experiment, or one that is not known here."""
    name = board.suite.experiment
    found = EXPERIMENTS.get(name or "")
    return None if name is None or found is None else Source(store, board, found, name)
