"""Names of rows against the suite as run: a row is what the suite calls by its name.

Read without plugins, so that optimizers need not be there. What the suite leaves to defaults is not
compared.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping, Sequence
from typing import Any

from p2lbench.audit.findings import Findings, Where
from p2lbench.errors import UserError
from p2lbench.plan import PlanRow
from p2lbench.spec import AXES
from p2lbench.store import Store
from p2lbench.yamlfile import apply, decode, parse, read_bytes

SUITE = "suite.yaml"
ENVIRONMENT, MERGED = "environment.json", "merged"
MAX_ENVIRONMENT = 1 << 26  # bytes: of a merged folder it has the suites of all parts
SET = "# run with --set "
PARTS = dict(zip(AXES, ("generator", "loss", "transform", "init", "optimizer"), strict=True))
Content = Mapping[str, Any]


def check_labels(
    store: Store,
    plan: Sequence[PlanRow],
    methods: Mapping[Any, Content],
    findings: Findings,
) -> None:
    """Compare each row's method (`methods`: by row) with the entries of the suite's axes."""
    try:
        suites = [_suite(text) for text in _texts(store)]
    except (UserError, ValueError, SyntaxError, AttributeError) as error:
        findings.remark(f"names of rows are not compared with {SUITE}: {error}")
        return
    if any(data.get("name") != store.header().get("name") for data in suites):
        findings.remark(f"names of rows are not compared with {SUITE}: it is another suite's")
        return
    stored = _of_reference(store)
    for row in dict.fromkeys(row.row for row in plan):
        for axis, label in zip(AXES if row in methods else (), row, strict=False):
            if axis == "optimizers" and row in stored:
                continue  # a reference's: no name of the suite's
            try:
                _check_any(axis, label, row, suites, methods[row], findings)
            except (TypeError, ValueError, AttributeError, KeyError, StopIteration) as error:
                findings.remark(f"names in {axis} are not all compared with {SUITE}: {error!r}")


def _of_reference(store: Store) -> set[tuple[str, ...]]:
    """The rows that tables mark as a reference's, which `suite.yaml` need not name."""
    told = store.header().get("reference") or {}
    try:
        rows = {tuple(row["labels"]) for row in told["rows"] if told}
    except (TypeError, KeyError, AttributeError):
        return set()
    return rows


def _texts(store: Store) -> list[str]:
    """The suite as run; of a folder that was merged, as each of its parts was."""
    others: list[str] = []
    try:
        found = json.loads(read_bytes(store.folder / ENVIRONMENT, MAX_ENVIRONMENT))
        todo = [found]
        while todo:
            merged = todo.pop().get(MERGED) or ()
            others += [part[SUITE] for part in merged if isinstance(part.get(SUITE), str)]
            todo += merged
    except (UserError, ValueError, TypeError, AttributeError, RecursionError):
        others = []
    return list(dict.fromkeys([decode(read_bytes(store.folder / SUITE), SUITE), *others]))


def _suite(text: str) -> dict[str, Any]:
    document = parse(text, SUITE)
    for line in text.splitlines():
        if not line.startswith(SET):
            break
        document = apply(document, str(ast.literal_eval(line.removeprefix(SET))))
    if not isinstance(document.data, dict):
        raise UserError(f"{SUITE} is no suite")
    return document.data


def _check_any(
    axis: str,
    label: str,
    row: tuple[str, ...],
    suites: Sequence[Mapping[str, Any]],
    method: Content,
    findings: Findings,
) -> None:
    """What the first suite finds, unless another finds nothing."""
    found = []
    for data in suites:
        own = Findings(findings.tolerance)
        _check(axis, label, row, data, method, own)
        if not own.differences:
            return
        found.append(own)
    findings.differences += found[0].differences


def _check(
    axis: str,
    label: str,
    row: tuple[str, ...],
    data: Mapping[str, Any],
    method: Content,
    findings: Findings,
) -> None:
    if data.get(axis) is None and not any(axis in rule for rule in _included(data)):
        return  # the suite leaves it to the defaults
    written: dict[str, Any] = {}
    for entry in (*(data.get(axis) or ()), *(r[axis] for r in _included(data) if axis in r)):
        name, rest = _labelled(axis, entry)
        written.setdefault(name, rest)
    stored = method[PARTS[axis]]
    if label not in written:
        if label != "none":
            findings.differ(Where(row=row), f"name in {axis}", label, f"not in {SUITE}")
    elif not _fits(axis, written[label], stored):
        findings.differ(Where(row=row), f"'{label}' in {axis}", stored, written[label])


def _included(data: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [rule for rule in data.get("include") or () if isinstance(rule, dict)]


def _labelled(axis: str, entry: Any) -> tuple[str, Any]:
    """The name of an entry's row, and the entry without what only says so."""
    if not isinstance(entry, dict):
        return str(entry), entry
    rest = {key: value for key, value in entry.items() if key not in ("as", "settings")}
    if "as" in entry:
        return str(entry["as"]), rest
    if axis == "losses":
        return "+".join(_term(name, _weight(value)) for name, value in rest.items()), rest
    if axis == "inits" and all(isinstance(value, (str, dict)) for value in rest.values()):
        names = [value if isinstance(value, str) else next(iter(value)) for value in rest.values()]
        return "+".join(names) if _by_variable(rest) else next(iter(rest)), rest
    return next(iter(rest)), rest


def _by_variable(rest: Mapping[str, Any]) -> bool:
    """`{variable: init}` rather than `{init: options}`: names, or mappings as options."""
    return all(
        isinstance(value, str) or (len(value) == 1 and isinstance(next(iter(value.values())), dict))
        for value in rest.values()
    )


def _weight(value: Any) -> Any:
    return value.get("weight", 1) if isinstance(value, dict) else value


def _term(name: str, weight: Any) -> str:
    return name if weight == 1 else f"{weight:g}*{name}"


def _fits(axis: str, written: Any, stored: Any) -> bool:
    """Whether a method's part is what the entry says, as far as that goes without its plugin."""
    if axis in ("generators", "optimizers"):
        return _is(written, stored)
    if axis == "losses":
        terms = {written: 1} if isinstance(written, str) else written
        given = sorted((name, float(_weight(value))) for name, value in terms.items())
        return given == sorted((spec["name"], float(weight)) for spec, weight in stored)
    if axis == "transforms":
        name = written if isinstance(written, str) else next(iter(written))
        parts = [part["name"] for part in stored["parts"]]
        return name in ("none", "+".join(parts)) and (name != "none" or not parts)
    if isinstance(written, str):
        return written == "none" or [spec["name"] for _, spec in stored] == [written]
    if not _by_variable(written):
        return [spec["name"] for _, spec in stored] == [*written]
    return all(name in written and _is(written[name], spec) for name, spec in stored)


def _is(written: Any, stored: Any) -> bool:
    """Whether a resolved plugin or option is what was written; what was not written may be
    anything, and so may what a plugin reads in its own way."""
    if isinstance(stored, dict) and stored.keys() == {"kind", "name", "options"}:
        if isinstance(written, str):
            return bool(written == stored["name"])
        ((name, options),) = written.items() if len(written) == 1 else (("", {}),)
        mine = stored["options"]
        return name == stored["name"] and all(
            key in mine and _is(value, mine[key]) for key, value in (options or {}).items()
        )
    if isinstance(written, dict) and isinstance(stored, dict):
        return all(key in stored and _is(value, stored[key]) for key, value in written.items())
    if isinstance(written, list) and isinstance(stored, list):
        return len(written) == len(stored) and all(map(_is, written, stored))
    numbers = isinstance(written, (int, float)) and isinstance(stored, (int, float))
    texts = isinstance(written, str) and isinstance(stored, str)
    return written == stored if numbers or texts else True
