"""Write docs/optimizers.md from the registry, the conformance kit and the sweep of Nevergrad.

python docs/optimizers.py            the page, with the kit's results of the last time
python docs/optimizers.py --check    runs the kit on every built-in first (about a minute)
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from p2lbench import plugins
from p2lbench.optimizers.nevergrad.known import FOUND, Findings, why_not
from p2lbench.options import describe
from p2lbench.registry import Entry
from p2lbench.testing import Check, NotApplicable, Violation, checks

DOCS = Path(__file__).parent
sys.path.insert(0, str(DOCS.parent / "tests"))

from builtin_optimizers import BUILT_INS  # noqa: E402 (kept beside the tests that use it)

PAGE, RESULTS = DOCS / "optimizers.md", DOCS / "conformance.json"
INTRODUCTION = """\
# Optimizers

*Written by `python docs/optimizers.py`; a test compares it with the code.*

N is the number of candidates, a *pass* one image through the generator, forward or backward.
*Candidates*: whether they are independent of each other. *Conformance*: how many checks of
[the kit](plugins.md#checking-a-plugin) it passes; the others say nothing about it. Options are
written in a suite as `{name: {option: value}}`.
"""


def main(check: bool) -> None:
    if check:
        RESULTS.write_text(json.dumps(measured(), indent=1) + "\n", encoding="utf-8")
    PAGE.write_text(page(), encoding="utf-8")


def page() -> str:
    """The whole page."""
    found = plugins.load().registry.entries("optimizers")
    results = json.loads(RESULTS.read_text(encoding="utf-8"))
    mine = [entry for entry in found if entry.origin.name == "p2lbench"]
    parts = [INTRODUCTION, overview(mine, results)]
    parts += [section(entry) for entry in mine]
    return "\n".join([*parts, nevergrad()])


def overview(entries: Iterable[Entry], results: dict[str, dict[str, str]]) -> str:
    """One line per optimizer."""
    lines = [
        "| name | what it is | cost | candidates | source | conformance |",
        "|---|---|---|---|---|---|",
    ]
    for entry in entries:
        made: Any = entry.load()
        link = f"[`{title(entry)}`](#{anchor(entry)})"
        sort = "coupled" if BUILT_INS[entry.name]().coupled else "independent"
        cells = [link, entry.summary, made.cost, sort, made.source, verdict(results, entry.name)]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def verdict(results: dict[str, dict[str, str]], name: str) -> str:
    """`22 of 24`, and what failed."""
    outcomes = results.get(name) or {}
    failed = [check for check, outcome in outcomes.items() if outcome == "failed"]
    said = f"{Counter(outcomes.values())['passed']} of {len(outcomes)}"
    return f"{said}; fails {', '.join(failed)}" if failed else said


def section(entry: Entry) -> str:
    """What an optimizer's docstring says, and its options."""
    lines = [f"## {title(entry)}", "", documented(entry), ""]
    if options := describe(entry):
        lines += ["| option | type | default |", "|---|---|---|"]
        lines += [f"| `{n}` | {escaped(kind)} | {code(default)} |" for n, kind, default in options]
        lines.append("")
    return "\n".join(lines)


def documented(entry: Entry) -> str:
    """The class's docstring, and then its constructor's."""
    made: Any = entry.load()
    texts = [made.__doc__ or "", made.__init__.__doc__ or ""]
    lines = [" ".join(part.split()) for text in texts for part in text.split("\n\n")]
    return "\n\n".join(line for line in lines if line)


def title(entry: Entry) -> str:
    return f"{entry.name}<Name>" if entry.family else entry.name


def anchor(entry: Entry) -> str:
    """As GitHub makes one of the heading."""
    kept = [c for c in title(entry).lower() if c.isalnum() or c in "-_ "]
    return "".join(kept).replace(" ", "-")


def escaped(text: str) -> str:
    return text.replace("|", "\\|")


def code(text: str) -> str:
    return f"`{escaped(text)}`" if text else "required"


def nevergrad() -> str:
    """Which of Nevergrad's names work, how each is driven, and why the others do not."""
    found = Findings.read(FOUND)
    works = {name: finding for name, finding in found.names.items() if why_not(finding) is None}
    reasons: dict[str, list[str]] = {}
    for name, finding in found.names.items():
        if name not in works:
            reasons.setdefault(str(finding.reason), []).append(f"`{name}`")
    versions = ", ".join(f"{name} {version}" for name, version in found.versions.items())
    lines = [
        "## Nevergrad's names",
        "",
        f"Of {len(found.names)} names {len(works)} work, found by "
        f"`python -m p2lbench.optimizers.nevergrad.sweep` with {versions}.",
        "",
        "*Points per step*: 1 stands for methods that take one point at a time, N instances of "
        "which run in lock-step; d is the number of columns; empty where it is not known before. "
        "*Seconds*: the method's own, per point, at d = 128 on one busy core.",
        "",
        "| name | points per step | seconds |",
        "|---|---|---|",
    ]
    for name, finding in sorted(works.items()):
        seconds = "" if finding.seconds is None else f"{finding.seconds:.2g}"
        points = "" if finding.population is None else str(finding.population)
        lines.append(f"| `{name}` | {points} | {seconds} |")
    lines += ["", "| why not | names |", "|---|---|"]
    for reason, names in sorted(reasons.items(), key=lambda item: -len(item[1])):
        lines.append(f"| {escaped(reason)} | {', '.join(sorted(names))} |")
    return "\n".join(lines) + "\n"


def measured() -> dict[str, dict[str, str]]:
    """Optimizer → check → passed, failed, or skipped where it does not apply."""
    return {name: {str(c): outcome(c, name) for c in checks("optimizer")} for name in BUILT_INS}


def outcome(check: Check, name: str) -> str:
    """What came of one check."""
    try:
        check(BUILT_INS[name])
    except NotApplicable:
        return "skipped"
    except Violation as violation:
        print(f"{name}: {check}: {violation}", file=sys.stderr)
        return "failed"
    return "passed"


if __name__ == "__main__":
    main("--check" in sys.argv[1:])
