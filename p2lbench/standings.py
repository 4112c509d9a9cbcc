"""What a results folder has of planned cells, read as for 100,000 of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from p2lbench.plan import PlanRow
from p2lbench.record import Status

_QUERY = """
SELECT position, plan.cell, image, status, json_extract(body, '$.measured'),
       json_array_length(body, '$.objective'), json_extract(body, '$.environment.reference')
FROM plan JOIN records ON records.cell = plan.cell
WHERE position > ? ORDER BY position LIMIT ?
"""


class Standing(NamedTuple):
    """What there is of a planned cell: its record's status, whether that has points, its `measured`
    (see `Record`), and whether it is a reference's. `image`: the first that it is planned for."""

    cell: str
    image: str
    status: Status
    measured: Mapping[str, str]
    points: bool
    referred: bool


def standings(rows: Callable[..., list[tuple[Any, ...]]], page: int) -> Iterator[Standing]:
    """Every planned cell that has a record, once; `rows`: the answer of the database to a query."""
    seen: set[str] = set()
    last = -1
    while found := rows(_QUERY, last, page):
        last = found[-1][0]
        for _, cell, image, status, measured, points, referred in found:
            if cell not in seen:
                seen.add(cell)
                flags = bool(points), bool(referred)
                yield Standing(cell, image, status, _mapping(measured), *flags)


def plan_rows(found: Iterable[tuple[Any, ...]]) -> tuple[PlanRow, ...]:
    """Rows of the table `plan`, with one object for each name: there are few, and many rows."""
    known: dict[Any, Any] = {}
    same = known.setdefault
    return tuple(PlanRow(same(row[1:6], row[1:6]), same(row[6], row[6]), *row[7:]) for row in found)


@lru_cache(maxsize=4096)
def _mapping(text: str) -> Mapping[str, str]:
    return json.loads(text)  # type: ignore[no-any-return]
