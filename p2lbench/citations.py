"""What a table's methods are to be cited for: from what plugins state to BibTeX."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib import resources

from p2lbench.options import build
from p2lbench.registry import Registry, singular
from p2lbench.report.text import plain
from p2lbench.spec import Method, Spec, canonical
from p2lbench.stated import specs

Cited = Mapping[str, tuple[str, ...]]  # 'optimizer adam' → keys of references.bib, or BibTeX

ALWAYS = ("huh2020transforming", "p2lbench")  # the protocol, and what ran it
_HEAD = re.compile(r"@\w+\s*\{\s*([^\s,{}\"#%~\\]+)\s*,")


def cited(methods: Iterable[Method], metrics: Iterable[Spec], registry: Registry) -> Cited:
    """What each plugin in the methods and metrics, nested ones included, names in `cites`."""
    used = [(singular(s.kind), s) for method in methods for s in specs(method)]
    used += [("metric", spec) for spec in metrics]  # a loss may be named as one
    each = {canonical([kind, spec.plain()]): (kind, spec) for kind, spec in used}
    found: dict[str, dict[str, None]] = {}
    for kind, spec in each.values():
        names = found.setdefault(f"{kind} {spec.name}", {})
        names.update(dict.fromkeys(_stated(build(spec, registry))))
    return {part: tuple(names) for part, names in sorted(found.items()) if names}


def parts(methods: Iterable[Method]) -> dict[str, dict[str, tuple[str, ...]]]:
    """Axis → row name → the plugins in it, of the axes whose rows are made of several."""
    found: dict[str, dict[str, tuple[str, ...]]] = {"transform": {}, "init": {}}
    for method in methods:
        found["transform"][method.transform.label] = tuple(s.name for s in method.transform.parts)
        found["init"][method.init.label] = tuple(spec.name for _, spec in method.init.parts)
    return found


def bibtex(found: Cited) -> str:
    """A BibTeX file, each entry below a comment that says what it is cited for.

    An entry that several plugins bring under one key stands once; what is neither a key of
    p2lbench's nor an entry is said in a comment.
    """
    users: dict[str, list[str]] = {key: ["every table of p2lbench"] for key in ALWAYS}
    for part, names in found.items():
        for name in names:
            users.setdefault(name, []).append(part)
    entries: dict[str, str] = {}
    for name, parts in users.items():
        key, text = _entry(name)
        said = plain(", ".join(parts))
        comment = f"% {said}" if text else f"% {said}: not a BibTeX entry: {plain(name)[:80]}"
        entries.setdefault(key, f"{comment}\n{text}" if text else f"{comment}\n")
    return "\n".join(entries.values())


@cache
def references() -> Mapping[str, str]:
    """Key → entry of the package's own list."""
    text = resources.files("p2lbench").joinpath("references.bib").read_text(encoding="utf-8")
    return dict(_entries(text))


def _entry(name: str) -> tuple[str, str]:
    """Key and text; no text if it is neither known nor an entry."""
    if name in references():
        return name, references()[name]
    return next(iter(_entries(name)), (name, ""))


def _entries(text: str) -> Iterator[tuple[str, str]]:
    """The entries of a BibTeX text, without control characters."""
    for head in _HEAD.finditer(text):
        end = _closing(text, text.index("{", head.start()))
        if end is not None:
            lines = text[head.start() : end + 1].splitlines()
            kept = [line[: len(line) - len(line.lstrip())] + plain(line) for line in lines]
            yield head[1], "\n".join(kept) + "\n"


def _closing(text: str, start: int) -> int | None:
    """Where the brace that opens at `start` closes."""
    depth = 0
    for brace in re.finditer(r"[{}]", text[start:]):
        depth += 1 if brace[0] == "{" else -1
        if depth == 0:
            return start + brace.start()
    return None


def _stated(plugin: object) -> Iterator[str]:
    given = getattr(plugin, "cites", ())
    found = (given,) if isinstance(given, str) else given
    yield from (name for name in found if isinstance(name, str))
