"""Which rows of a reference are of the same cells as a suite's, but for the optimizer."""

from __future__ import annotations

import json
from collections.abc import Collection, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from p2lbench.errors import StoreError, UserError
from p2lbench.folder import damaged
from p2lbench.options import build
from p2lbench.plan import Plan, Planned, PlanRow
from p2lbench.reference import differences, folder
from p2lbench.reference.told import Told, ToldRow
from p2lbench.registry import Registry
from p2lbench.spec import Method, canonical, hashed
from p2lbench.stated import hashes_of_files, specs, weights_named
from p2lbench.store import Store

Labels = tuple[str, str, str, str, str]
_PARTS = ("generator", "loss", "transform", "init")


@dataclass(frozen=True)
class Matched:
    """A row of the reference that may stand beside the suite's.

    `cells`: image's name and repeat → cell id. `own`: it is a row of the suite, of the same cells.
    `settings`, `uncoupled`: as the reference has them.
    """

    method: Method
    told: ToldRow
    cells: Mapping[tuple[str, int], str]
    own: bool
    settings: str | None
    uncoupled: bool

    def is_known(self, registry: Registry) -> bool:
        """Whether its plugins are here, with these options."""
        try:
            return all(build(spec, registry) is not None for spec in specs(self.method))
        except UserError:
            return False

    @property
    def labels(self) -> Labels:
        """The row's names here."""
        generator, loss, transform, init, optimizer = self.told.labels
        return generator, loss, transform, init, optimizer

    def rows(self, wanted: frozenset[tuple[tuple[str, ...], str, int]]) -> Iterator[PlanRow]:
        """Its part of the plan: the images and repeats that the suite's own rows have there."""
        for (image, repeat), cell in self.cells.items():
            if (self.labels[:4], image, repeat) in wanted:
                yield PlanRow(self.labels, image, repeat, cell)


@dataclass(frozen=True)
class Reference:
    """What a suite's `reference` has for it. `left_out`: a line with reasons for each other row."""

    folder: Path
    suite: str
    sha256: str
    rows: tuple[Matched, ...]
    left_out: tuple[str, ...]
    tuned_on: str | None

    @property
    def beside(self) -> tuple[Matched, ...]:
        """The rows that the suite does not have itself."""
        return tuple(row for row in self.rows if not row.own)

    def to_json(self) -> dict[str, Any]:
        """`reference` of `validate --json`."""
        rows = [
            {"row": list(row.labels), "name": row.told.name, "own": row.own}
            | {"differs": list(row.told.differs)}
            for row in self.rows
        ]
        left_out = list(self.left_out)
        told = {"suite": self.suite, "folder": str(self.folder), "sha256": self.sha256}
        return {**told, "rows": rows, "left_out": left_out}

    def told(self, own: Container[tuple[str, ...]]) -> Told:
        """What tables say of it; `own`: rows of the suite that are taken from there."""
        rows = [row for row in self.rows if not row.own or row.labels in own]
        tuned = any(row.settings == "tuned" for row in rows)
        name = self.folder.resolve().name
        told = tuple(row.told for row in rows)
        return Told(self.suite, name, self.sha256, told, self.tuned_on if tuned else None)


def match(plan: Plan, registry: Registry, results: Path | None = None) -> Reference | None:
    """Hold a suite's reference against what the suite plans; None if it names none.

    Args:
        results: the suite's own folder, which is no reference.

    Raises:
        UserError: the reference cannot be used, or has no row that may stand beside the suite's,
            or the baseline is none of those that may.
    """
    path = plan.suite.reference
    if path is None:
        return None
    place = plan.suite.document.place("reference")
    if results is not None and path.resolve() == results.resolve():
        raise UserError(f"{path}: this is the suite's own results folder; name another's", place)
    try:
        with folder.opened(path) as store:
            found = _Matcher(plan, registry, store).found()
    except StoreError as error:
        raise UserError(f"the reference cannot be used: {error.message}", place) from error
    if not found.rows:
        why = "".join(f"\n  {line}" for line in found.left_out)
        raise UserError(f"no row of {path} can stand beside those of this suite:{why}", place)
    _check_baseline(plan, found)
    return found


def _check_baseline(plan: Plan, found: Reference) -> None:
    """A baseline that only the reference has is one of those that may stand here."""
    name = plan.suite.baseline
    known = [method.optimizer.label for method in plan.methods]
    known += [row.labels[4] for row in found.rows]
    if name is not None and name not in known:
        lines = [line for line in found.left_out if f"'{name}'" in line] or found.left_out
        why = "".join(f"\n  {line}" for line in lines)
        message = f"'{name}' is no row here. Rows: {', '.join(dict.fromkeys(known))}{why}"
        raise UserError(message, plan.suite.document.place("baseline"))


@dataclass(frozen=True)
class _Context:
    """What rows that are compared share: all axes but the optimizer's, as the suite has them.

    `cells`: canonical JSON of what decides a cell beside its method → images and repeats.
    """

    planned: Planned
    identity: Mapping[str, Any]
    weights: tuple[str, ...]
    files: tuple[str, ...]
    origins: tuple[Mapping[str, str | None], ...]
    cells: Mapping[str, tuple[tuple[str, int], ...]]

    @property
    def method(self) -> Method:
        return self.planned.method

    def refused(self, there: Mapping[str, Any]) -> list[str]:
        """Why a method of the reference is not to be compared here."""
        return [
            *differences.of_methods(there, self.identity),
            *differences.of_weights(there, self.identity, self.weights),
            *differences.of_files(there, self.files),
        ]


class _Matcher:
    """Goes through the rows of a reference, whose store is open."""

    def __init__(self, plan: Plan, registry: Registry, store: Store) -> None:
        self.plan, self.registry, self.store = plan, registry, store
        self.header = folder.header(store)
        self.own = {planned.key: planned.method.row for planned in plan.planned}
        self.own_rows: set[tuple[str, ...]] = {method.row for method in plan.methods}
        self.taken: set[tuple[str, ...]] = set()

    def found(self) -> Reference:
        """Every row, taken or left out."""
        rows: list[Matched] = []
        left_out: list[str] = []
        for labels, planned in self._theirs.items():
            try:
                matched = self._matched(labels, planned)
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                why = f"what decides the row '{labels[4]}' is not readable ({error!r})"
                raise damaged(self.store.folder, why) from error
            if isinstance(matched, Matched):
                rows.append(matched)
            else:
                left_out.append(f"reference row '{self._name(labels)}': {matched}: left out")
        path = self.plan.suite.reference or self.store.folder
        return Reference(
            path,
            self.header["suite"],
            folder.sha256(self.store.folder),
            tuple(rows),
            tuple(left_out),
            self.header["tuned_on"],
        )

    @cached_property
    def _theirs(self) -> dict[Labels, list[PlanRow]]:
        rows: dict[Labels, list[PlanRow]] = {}
        for row in self.store.plan():
            rows.setdefault(row.row, []).append(row)
        return rows

    @cached_property
    def _recorded(self) -> Collection[str]:
        """The cells that have a record."""
        return self.store.statuses(row.cell for rows in self._theirs.values() for row in rows)

    def _name(self, labels: Labels) -> str:
        """The optimizer, after the other names where the reference has several of these."""
        several = len({row[:4] for row in self._theirs}) > 1
        return " | ".join(labels) if several else labels[4]

    def _matched(self, labels: Labels, rows: Sequence[PlanRow]) -> Matched | str:
        """The row, or why it is left out."""
        contents = [self._content(row.cell) for row in rows]
        keys = {content["method"] for content in contents}
        if len(keys) != 1:
            return "its cells are of several methods"
        identity = self._content(next(iter(keys)))
        context = self._context(identity["method"])
        if isinstance(context, str):
            return context
        if refused := context.refused(identity):
            return "; ".join(refused)
        there = {}
        for row, content in zip(rows, contents, strict=True):
            if row.cell in self._recorded:
                there[canonical(_without_method(content))] = row.cell
        missing = self._missing(context, there)
        if missing is not None:
            return missing
        cells = {
            place: there[content] for content, places in context.cells.items() for place in places
        }
        return self._row(labels, next(iter(keys)), identity, context, cells)

    def _content(self, id_: str) -> dict[str, Any]:
        """What an id is the hash of, written as ids are: so it can be kept here as well."""
        found = self.store.identity(id_)
        if found is None or hashed(canonical(found)) != id_:
            raise damaged(self.store.folder, f"what decides {id_} is not kept, or not as it should")
        return found

    def _missing(self, context: _Context, there: Mapping[str, str]) -> str | None:
        """Why the row is not of all the suite's images and repeats."""
        missing = [content for content in context.cells if content not in there]
        if not missing:
            return None
        image, _ = context.cells[missing[0]][0]
        found = [json.loads(content) for content in there]
        why = differences.of_cells(found, json.loads(missing[0]), image) if found else "not run"
        has = len(context.cells) - len(missing)
        return f"{why} (it has {has} of the {len(context.cells)} images and repeats here)"

    def _row(
        self,
        labels: Labels,
        key: str,
        identity: Mapping[str, Any],
        context: _Context,
        cells: Mapping[tuple[str, int], str],
    ) -> Matched | str:
        threads, origins = identity["threads"], tuple(identity["origins"])
        if not (isinstance(threads, int) and 1 <= threads <= 1024):
            return f"threads {threads!r}"
        own = self.own.get(key)
        name = own[4] if own is not None else self._free(context, labels[4], identity)
        here = own or (*context.method.row[:4], name)
        if here in self.taken:
            return "a second row of these cells and that name"
        self.taken.add(here)
        differs = tuple(differences.of_origins(origins, context.origins))
        return Matched(
            Method.read(identity["method"], here),
            ToldRow(here, labels[4], tuple(dict(origin) for origin in origins), differs),
            cells,
            own is not None,
            folder.known_settings(self.header["settings"], labels[4]),
            folder.is_uncoupled(self.header["uncoupled"], labels),
        )

    def _free(self, context: _Context, name: str, identity: Mapping[str, Any]) -> str:
        """A name that no other optimizer of the suite has, and no row beside this one."""
        own = {m.optimizer.label: m.optimizer.plain() for m in self.plan.methods}
        optimizer = identity["method"]["optimizer"]
        while (
            own.get(name, optimizer) != optimizer
            or (*context.method.row[:4], name) in self.own_rows
        ):
            name = renamed(name)
        return name

    def _context(self, method: Mapping[str, Any]) -> _Context | str:
        """The suite's rows that differ in the optimizer alone, or what none has."""
        wanted = [method[part] for part in _PARTS]
        if (found := self._contexts.get(canonical(wanted))) is not None:
            return found
        parts: list[list[Any]] = [json.loads(key) for key in self._contexts]
        nearest = max(parts, key=lambda own: sum(map(_equal, own, wanted)))
        names = [name for name, a, b in zip(_PARTS, nearest, wanted, strict=True) if a != b]
        return f"no row here has its {' and '.join(names)}"

    @cached_property
    def _contexts(self) -> dict[str, _Context]:
        found: dict[str, _Context] = {}
        for planned in self.plan.planned:
            identity = json.loads(planned.identity)
            key = canonical([identity["method"][part] for part in _PARTS])
            if key not in found:
                found[key] = self._made(planned, identity)
        return found

    def _made(self, planned: Planned, identity: Mapping[str, Any]) -> _Context:
        method = planned.method
        parts = (method.generator.spec, method.loss, method.transform, method.init)
        cells: dict[str, tuple[tuple[str, int], ...]] = {}
        for image, repeat, content in self.plan.contents(planned):
            key = canonical(content)
            cells[key] = (*cells.get(key, ()), (image.name, repeat))
        return _Context(
            planned,
            identity,
            tuple(weights_named(parts, self.registry)),
            tuple(hashes_of_files(parts, self.registry).get("files", ())),
            self._origins(parts, identity["origins"]),
            cells,
        )

    def _origins(
        self, parts: Sequence[Any], all_of_it: Sequence[Mapping[str, str | None]]
    ) -> tuple[Mapping[str, str | None], ...]:
        """p2lbench's and those of the parts, as the method has them."""
        entries = (self.registry.find(spec.kind, spec.name)[0] for spec in specs(parts))
        used = [entry.origin.plain() for entry in entries]
        return tuple(o for o in all_of_it if o in used or o.get("name") == "p2lbench")


def renamed(name: str) -> str:
    """What a row of the reference is called where the suite has another of that name."""
    return f"{name} (reference)"


def _without_method(content: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in content.items() if key != "method"}


def _equal(one: Any, other: Any) -> bool:
    return bool(one == other)
