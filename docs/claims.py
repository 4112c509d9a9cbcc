"""What the paper claims of its tables, checked on finished runs of the embedded ones.

python docs/claims.py results/table1 results/table1-equal … prints the tables of docs/experiments/.

A ratio is the geometric mean, over images, of one method's error by another's: below 1 the first is
better. Beside it: on how many images it is.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from p2lbench.record import Record
from p2lbench.store import Store

Method = tuple[str, str, str]  # transform, init, optimizer
Errors = dict[Method, dict[str, Record]]


def method(optimizer: str, transform: str = "none", init: str = "ground-truth") -> Method:
    """A row of the embedded tables, which have one generator and one loss."""
    return (transform, init, optimizer)


ENCODER = "ground-truth+encoder"
WHOLE = "spatial+color"
FACES = "none"  # the init of a generator without classes


@dataclass(frozen=True)
class Claim:
    """That `better` has lower errors than `worse`."""

    text: str
    better: Method
    worse: Method


def table1(init: str = "ground-truth") -> tuple[Claim, ...]:
    """The paper's claims about Table 1; those with an encoder follow in `ENCODED`."""

    def row(optimizer: str, transform: str = "none") -> Method:
        return method(optimizer, transform, init)

    return (
        Claim("BasinCMA over CMA+Adam", row("basincma"), row("cma+adam")),
        Claim("CMA+Adam over Adam", row("cma+adam"), row("adam")),
        Claim("BasinCMA over Adam", row("basincma"), row("adam")),
        Claim("spatial helps Adam", row("adam", "spatial"), row("adam")),
        Claim("spatial helps BasinCMA", row("basincma", "spatial"), row("basincma")),
        Claim("color helps Adam", row("adam", "color"), row("adam")),
        Claim("color helps BasinCMA", row("basincma", "color"), row("basincma")),
        Claim("color beside spatial helps Adam", row("adam", WHOLE), row("adam", "spatial")),
        Claim(
            "color beside spatial helps BasinCMA",
            row("basincma", WHOLE),
            row("basincma", "spatial"),
        ),
        Claim("BasinCMA over Adam, both transforms", row("basincma", WHOLE), row("adam", WHOLE)),
        Claim("the whole method over plain Adam", row("basincma", WHOLE), row("adam")),
        # Asked by reviewers, not by the paper.
        Claim("BasinCMA over Adam with restarts", row("basincma"), row("adam+restarts")),
        Claim(
            "searching over pre-alignment, Adam", row("adam", "spatial"), row("adam", "prealign")
        ),
        Claim(
            "searching over pre-alignment, BasinCMA",
            row("basincma", "spatial"),
            row("basincma", "prealign"),
        ),
        Claim(
            "the mask helps the search, Adam", row("adam", "spatial"), row("adam", "spatial-blind")
        ),
        Claim(
            "the true transform over the found one, Adam", row("adam", "oracle"), row("adam", WHOLE)
        ),
    )


ENCODED = (
    Claim("the encoder helps Adam", method("adam", init=ENCODER), method("adam")),
    Claim("the encoder helps BasinCMA", method("basincma", init=ENCODER), method("basincma")),
)
TABLE2 = tuple(
    Claim(
        f"{start} over {other}, {optimizer}",
        method(optimizer, init=start),
        method(optimizer, init=other),
    )
    for optimizer in ("adam", "adam-c-0.01")
    for start, other in (
        ("predicted", "ground-truth"),
        ("predicted", "random-class"),
        ("random-class", "random-gaussian"),
        ("random-class", "random-gaussian-matched"),
    )
)
CLAIMS = {
    "table1": (*table1(), *ENCODED),
    "table1-equal": (*table1(), *ENCODED),
    "table1-faces": table1(FACES),
    "table2": TABLE2,
}


def records(store: Store) -> Errors:
    """Method → image → record, first repeat."""
    found: Errors = {}
    for planned, record in store.records():
        if record is not None and record.status == "ok" and planned.repeat == 0:
            _, _, transform, init, optimizer = planned.row
            found.setdefault((transform, init, optimizer), {})[planned.image] = record
    return found


def error(record: Record, metric: str, best: bool) -> float | None:
    """The mean or the best over candidates, in the original frame."""
    values = [v for v in record.metrics["original"].get(metric, ()) if v is not None]
    if not values:
        return None
    return min(values) if best else math.fsum(values) / len(values)


def compared(claim: Claim, found: Errors, metric: str, best: bool) -> str:
    """`0.41 (11/12)`: the ratio, and on how many images it is below 1."""
    one, other = found[claim.better], found[claim.worse]
    logs = []
    for image in one.keys() & other.keys():
        pair = error(one[image], metric, best), error(other[image], metric, best)
        if pair[0] and pair[1]:
            logs.append(math.log(pair[0] / pair[1]))
    if not logs:
        return "—"
    wins = sum(log < 0 for log in logs)
    return f"{math.exp(math.fsum(logs) / len(logs)):.2f} ({wins}/{len(logs)})"


def table(folder: Path) -> Iterator[str]:
    """One suite's claims as a Markdown table."""
    with Store.open_read(folder) as store:
        higher = {m["name"] for m in store.metrics() if m["higher_is_better"]}
        metrics = [m["name"] for m in store.metrics() if m["name"] not in higher]
        found = records(store)
    columns = [f"{metric}, {kind}" for kind in ("mean", "best") for metric in metrics]
    yield f"| {folder.name} | {' | '.join(columns)} |"
    yield f"|---|{'---:|' * len(columns)}"
    for claim in CLAIMS[folder.name]:
        if claim.better in found and claim.worse in found:
            cells = [compared(claim, found, m, best) for best in (False, True) for m in metrics]
            yield f"| {claim.text} | {' | '.join(cells)} |"
    yield ""


def main(folders: Sequence[str]) -> None:
    """Print every folder's table."""
    for folder in folders:
        print("\n".join(table(Path(folder))))


if __name__ == "__main__":
    main(sys.argv[1:])
