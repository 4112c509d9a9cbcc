"""What a table says of rows that were not run where it was made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

SIGN = "‡"


@dataclass(frozen=True)
class ToldRow:
    """One row. `labels`: as the table has it; `name`: its optimizer's row name in the reference.

    `made_with`: name, version and source of p2lbench and of the plugins that made it. `differs`:
    what of that is not as here.
    """

    labels: tuple[str, ...]
    name: str
    made_with: tuple[Mapping[str, str | None], ...]
    differs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Told:
    """Where they are from: the suite that was run there, the folder's name, the SHA-256 of its
    database. `tuned_on`: the metric by which settings of these rows were chosen there."""

    suite: str
    folder: str
    sha256: str
    rows: tuple[ToldRow, ...]
    tuned_on: str | None = None

    @classmethod
    def read(cls, plain: Mapping[str, Any] | None) -> Told | None:
        """The inverse of `dataclasses.asdict`. Raises: TypeError, KeyError if it is not one."""
        if plain is None:
            return None
        rows = (
            ToldRow(
                tuple(row["labels"]), row["name"], tuple(row["made_with"]), tuple(row["differs"])
            )
            for row in plain["rows"]
        )
        return cls(**{**plain, "rows": tuple(rows)})

    def notes(self) -> Iterator[str]:
        """About the whole table."""
        if not self.rows:
            return
        yield (
            f"{SIGN}: from the results of '{self.suite}' (folder '{self.folder}', SHA-256 "
            f"{self.sha256[:12]}), not run here; objective and metrics are of the stored points, "
            "worked out here, passes and seconds as they were stored"
        )
        said: dict[tuple[str, ...], list[str]] = {}
        for row in self.rows:
            said.setdefault(row.differs, []).append(row.labels[-1])
        for differs, names in said.items():
            yield from (f"{', '.join(dict.fromkeys(names))} ({SIGN}): {text}" for text in differs)


def told_of(told: Told | None, labels: Sequence[str]) -> dict[str, Any] | None:
    """A row's `reference` in `leaderboard --json`; None for rows that were run here."""
    rows = () if told is None else told.rows
    found = next((row for row in rows if row.labels == tuple(labels)), None)
    if told is None or found is None:
        return None
    plain = asdict(found)
    plain.pop("labels")
    return {"suite": told.suite, "folder": told.folder, "sha256": told.sha256, **plain}
