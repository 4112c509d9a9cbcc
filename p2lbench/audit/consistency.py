"""What a record, the plan and the header say, held against each other; nothing is recomputed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise
from math import inf, isnan
from typing import Any

from p2lbench.audit.findings import Findings, Where, is_number
from p2lbench.errors import StoreError
from p2lbench.identity import decided_by
from p2lbench.plan import PlanRow
from p2lbench.record import Record
from p2lbench.store import Store
from p2lbench.storedimage import StoredImage

Content = dict[str, Any]
KEYS = ("passes", "forwards", "backwards")


def readable(row: PlanRow) -> bool:
    """Whether a row of the plan has the types of one; a database holds whatever was put there."""
    texts = (*row.row, row.image, row.cell)
    return all(isinstance(text, str) for text in texts) and isinstance(row.repeat, int)


def check_rows(
    store: Store, plan: Sequence[PlanRow], findings: Findings
) -> dict[str, tuple[Content, Content]]:
    """Each planned cell's id, image and repeat, and that a row of the table is one method.

    Returns: of the cells that are what the plan says, what decides them.
    """
    images, known = store.images(), dict[str, tuple[Content, Content]]()
    for row in plan:
        try:
            content, method = decided_by(store, row.cell)
            _check_row(row, content, images.get(row.image), findings)
            known[row.cell] = content, method
        except (StoreError, KeyError, TypeError, AttributeError) as error:
            findings.differ(Where.of(row), "id", str(error), None)
    _check_methods(plan, known, findings)
    _check_header(store, plan, known, findings)
    return known


def _check_row(
    row: PlanRow, content: Content, image: StoredImage | None, findings: Findings
) -> None:
    where = Where.of(row)
    if image is None:
        findings.differ(where, "image", row.image, "not among the images of the folder")
    elif (content["image"], content["mask"]) != (image.digest, image.mask_digest):
        findings.differ(where, "image", image.digest, content["image"])
    elif "truth" in content and content["truth"] != _truth(image):
        findings.differ(where, "truth", _truth(image), content["truth"])
    if content["repeat"] != row.repeat:
        findings.differ(where, "repeat", row.repeat, content["repeat"])


def _truth(image: StoredImage) -> list[Any]:
    return [[spec.plain(), list(phi)] for spec, phi in image.truth]


def _check_methods(
    plan: Sequence[PlanRow], known: Mapping[str, tuple[Content, Content]], findings: Findings
) -> None:
    """All cells of a row are of one method, all of a suite of one seed."""
    keys: dict[tuple[str, ...], Counter[str]] = {}
    seeds = Counter(content["seed"] for content, _ in known.values())
    for row in plan:
        if row.cell in known:
            keys.setdefault(row.row, Counter())[known[row.cell][0]["method"]] += 1
    for row in plan:
        if row.cell not in known:
            continue
        content = known[row.cell][0]
        ((usual, _),) = keys[row.row].most_common(1)
        if content["method"] != usual:
            findings.differ(Where.of(row), "method of the row", usual, content["method"])
        ((seed, _),) = seeds.most_common(1)
        if content["seed"] != seed:
            findings.differ(Where.of(row), "seed", seed, content["seed"])


def _check_header(
    store: Store,
    plan: Sequence[PlanRow],
    known: Mapping[str, tuple[Content, Content]],
    findings: Findings,
) -> None:
    """What the leaderboard says of the suite is what its cells were run with."""
    header, images = store.header(), store.images()
    for name, told in dict(header.get("classes") or {}).items():
        if name in images and str(images[name].class_name) != told:
            findings.differ(Where(image=name), "class", told, str(images[name].class_name))
    done = set()
    for row in plan:
        if row.cell not in known or known[row.cell][0]["method"] in done:
            continue
        content, method = known[row.cell]
        done.add(content["method"])
        given = {k: v for k, v in method["budget"].items() if v is not None}
        pairs = {
            "candidates": (header.get("candidates"), method["candidates"]),
            "protocol": (header.get("protocol"), method["protocol"]),
            "budget": (header.get("budget"), given),
        }
        for what, (told, found) in pairs.items():
            if told != found:
                findings.differ(Where(row=row.row), what, told, found)


def check_record(
    record: Record, where: Where, content: Content, method: Content, findings: Findings
) -> None:
    """The status, the ledger and the trace of a record that has points."""
    _check_status(record, where, method["candidates"], findings)
    _check_ledger(record, where, method["budget"].get("passes"), findings)
    _check_trace(record, where, _frames_agree(content, method), findings)


def _check_status(record: Record, where: Where, candidates: int, findings: Findings) -> None:
    if len(record.objective) != candidates:
        findings.differ(where, "number of objectives", len(record.objective), candidates)
    finite = all(map(is_number, record.objective))
    if record.status == "ok" and not finite:
        findings.differ(where, "status", "ok", "an objective is not finite")


def _check_ledger(record: Record, where: Where, allowed: float | None, findings: Findings) -> None:
    spent = [record.ledger.get(key, -1) for key in KEYS]
    if not all(is_number(value) and value >= 0 for value in spent):
        findings.differ(where, "ledger", spent, "expected passes, forwards and backwards")
        return
    passes, forwards, backwards = spent
    if passes != forwards + backwards:
        findings.differ(where, "passes", passes, forwards + backwards)
    if passes > (inf if allowed is None else allowed):
        findings.differ(where, "passes", passes, f"at most {allowed}, the budget")


def _frames_agree(content: Content, method: Content) -> bool:
    """Whether aligned and original objectives are one function."""
    soft = method["mask_scoring"] == "soft" or content["mask"] is None
    return soft and not method["method"]["transform"]["parts"]


def _check_trace(record: Record, where: Where, one_frame: bool, findings: Findings) -> None:
    trace = record.trace
    if not trace.passes or len({len(column) for column in vars(trace).values()}) != 1:
        findings.differ(where, "trace", "no entries, or columns of different lengths", None)
        return
    steps = pairwise(trace.passes)
    if not all(earlier < later for earlier, later in steps):
        findings.differ(where, "trace", list(trace.passes), "passes that grow")
    if trace.passes[-1] > record.ledger.get("passes", inf):
        findings.differ(where, "trace", trace.passes[-1], record.ledger.get("passes"))
    # A first value in the original frame replaces the best one of the aligned.
    for k, column in enumerate(zip(*trace.best, strict=False)):
        values = [value for value in column if not isnan(value)]
        rises = sum(later > earlier for earlier, later in pairwise(values))
        if rises > (0 if one_frame else 1):
            findings.differ(where, f"trace of candidate {k}", "rises", "never rises")
