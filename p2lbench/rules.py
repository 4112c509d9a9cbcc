"""What a suite says about rows by their names: `exclude`, `include`, `baseline`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from p2lbench.axes import Axes, Row
from p2lbench.checks import Problems, got
from p2lbench.errors import UserError, did_you_mean
from p2lbench.options import UnknownName
from p2lbench.plan import NO_INIT, crossed, matches, methods
from p2lbench.spec import AXES, Method
from p2lbench.yamlfile import Document, Locate, below

if TYPE_CHECKING:
    from p2lbench.suite import Suite


@dataclass(frozen=True)
class Rules:
    """Reads rules against the rows of the axes; every error goes to `problems`.

    `without_init`: row names of generators that are crossed with no init but `none`.
    """

    axes: Axes
    rows: Mapping[str, Sequence[Any]]
    without_init: frozenset[str]
    document: Document
    problems: Problems

    def check_exclude(self, written: Sequence[Mapping[str, str]]) -> None:
        """Each key an axis, each value one of its rows, or a plugin's name that has no row here.

        So a list of excludes can be kept while rows come and go; a name that nothing has is a slip.
        """
        for i, rule in enumerate(written):
            locate = self.document.within("exclude", i)
            with self.problems.catch():
                self._check_axes(rule, locate)
                for axis, name in rule.items():
                    if name not in self._names(axis) and not self.axes.registered(axis, name):
                        raise self._no_row(axis, name, locate)

    def include(self, written: Sequence[Mapping[str, Any]]) -> tuple[Method, ...]:
        """A method per entry; an axis not named takes its first row."""
        found: list[Method] = []
        for i, rule in enumerate(written):
            locate = self.document.within("include", i)
            with self.problems.catch():
                self._check_axes(rule, locate)
                method = self._method(rule, locate)
                self._check_names(method, found, locate)
                found.append(method)
        return tuple(found)

    def check_baseline(
        self, baseline: str | None, include: Sequence[Method], stored: Sequence[str]
    ) -> None:
        """The baseline is an optimizer's row; one of the reference's may be it, too."""
        own = [*self._names("optimizers"), *(method.optimizer.label for method in include)]
        known = dict.fromkeys([*own, *stored])
        if baseline is not None and baseline not in known:
            message = f"no optimizer row '{baseline}'.{did_you_mean(baseline, known)}"
            place = self.document.place("baseline")
            self.problems.add(UserError(f"{message} Rows: {', '.join(known)}", place))

    def _check_axes(self, rule: Mapping[str, Any], locate: Locate) -> None:
        if not rule:
            raise UserError(f"expected {{axis: row}}, with the axes {', '.join(AXES)}", locate())
        for axis in rule:
            if axis not in AXES:
                message = f"unknown axis '{axis}'.{did_you_mean(axis, AXES)}"
                raise UserError(f"{message} Axes: {', '.join(AXES)}", locate(axis, key=True))

    def _method(self, rule: Mapping[str, Any], locate: Locate) -> Method:
        chosen: dict[str, Any] = {}
        for axis in AXES:
            if axis in rule:
                chosen[axis] = self._row(axis, rule[axis], locate)
            elif axis == "inits" and chosen["generators"].label in self.without_init:
                chosen[axis] = NO_INIT
            else:
                chosen[axis] = self.rows[axis][0]
        return Method(*chosen.values())

    def _row(self, axis: str, written: Any, locate: Locate) -> Row:
        """A row of the axis by its name, or an entry of its own as the axis would have it."""
        by_name: dict[str, Row] = {row.label: row for row in self.rows[axis]}
        if isinstance(written, str) and written in by_name:
            return by_name[written]
        try:
            row: Row = self.axes.reader(axis)(written, below(locate, axis))
        except UnknownName as error:
            if isinstance(written, str):
                raise self._no_row(axis, written, locate) from error
            raise
        if row.label in by_name:
            message = f"'{row.label}' is the name of another row: add `as:`"
            raise UserError(message, locate(axis))
        return row

    def _check_names(self, method: Method, earlier: Sequence[Method], locate: Locate) -> None:
        """Two entries may bring the same row, but not two rows of one name."""
        for k, axis in enumerate(AXES):
            rows = [tuple(vars(each).values())[k] for each in (method, *earlier)]
            if any(other.label == rows[0].label and other != rows[0] for other in rows):
                message = f"'{rows[0].label}' is the name of another row: add `as:`"
                raise UserError(message, locate(axis))

    def _names(self, axis: str) -> list[str]:
        extra = [NO_INIT.label] if axis == "inits" and self.without_init else []
        return [row.label for row in self.rows[axis]] + extra

    def _no_row(self, axis: str, name: str, locate: Locate) -> UserError:
        known = self._names(axis)
        message = f"no row {got(name)} in {axis}.{did_you_mean(name, known)}"
        return UserError(f"{message} Rows: {', '.join(known)}", locate(axis))


def check_effect(suite: Suite, document: Document, problems: Problems) -> None:
    """An `exclude` that drops nothing is a mistake that would go unnoticed; so is no method."""
    rows = list(crossed(suite))
    names = {axis: {method.row[k] for method in rows} for k, axis in enumerate(AXES)}
    for i, rule in enumerate(suite.exclude):
        absent = any(name not in names[axis] for axis, name in rule.items())
        if not absent and not any(matches(method, rule) for method in rows):
            message = "this excludes nothing: no method has all these rows"
            problems.add(UserError(message, document.place("exclude", i)))
    if not methods(suite):
        message = "every method is excluded: nothing is left to run"
        problems.add(UserError(message, document.place("exclude")))
