"""What stands on a suite's axes: entries as written → resolved rows with their names."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal, TypeVar, get_args

from pydantic import Field

from p2lbench.checks import Problems, got
from p2lbench.errors import Place, PluginError, UserError
from p2lbench.optimizers.base import Optimizer
from p2lbench.options import build, resolve, resolve_options
from p2lbench.registry import Entry, Origin, Registry
from p2lbench.spec import InitMap, Named, Search, Settings, Spec, TransformChain, WeightedLoss
from p2lbench.yamlfile import Locate, always, below

NONE = "none"
MAX_LABEL = 80

Row = Named | WeightedLoss | TransformChain | InitMap
AnyRow = TypeVar("AnyRow", bound=Row)
Reader = Callable[[Any, Locate], AnyRow]


def search(
    outer: Optimizer = "cma",  # type: ignore[assignment]
    inner: Optimizer = "adam",  # type: ignore[assignment]
    outer_steps: Annotated[int, Field(ge=1)] = 30,
    inner_steps: Annotated[int, Field(ge=1)] = 30,
    sigma: Annotated[float, Field(gt=0)] = 0.316,
    redraw: Literal["ema", "none"] = "ema",
) -> None:
    """The options of a transform's search, with the paper's numbers (Algorithm 1, lines 2-12)."""


_SEARCH = Entry("transforms", "search", search, Origin("p2lbench"))


@dataclass(frozen=True)
class Axes:
    """Reads entries of axes with the plugins of a registry.

    Each method takes an entry as written and where it stands, and raises UserError, placed.
    """

    registry: Registry

    def reader(self, axis: str) -> Reader[Any]:
        """The method that reads an axis's entries."""
        return {
            "generators": self.generator,
            "losses": self.loss,
            "transforms": self.transform,
            "inits": self.init,
            "optimizers": self.optimizer,
            "metrics": self.metric,
        }[axis]

    def generator(self, written: Any, locate: Locate) -> Named:
        """`name` or `{name: options}`."""
        return self._named("generators", written, locate)

    def optimizer(self, written: Any, locate: Locate) -> Named:
        """`name` or `{name: options}`, beside it how the options were chosen."""
        entry, settings = _settled(written, locate)
        row = self._named("optimizers", entry, locate)
        return replace(row, settings=settings or self._default(row.spec))

    def metric(self, written: Any, locate: Locate) -> Named:
        """`name` or `{name: options}`; a loss, or what is only measured."""
        return self._named("metrics", written, locate)

    def loss(self, written: Any, locate: Locate) -> WeightedLoss:
        """`name`, or `{name: weight, …}` for a weighted sum; its row name is `l1+10*percep`.

        In place of a weight, `{weight: 10, …}` may set options of the loss, too.
        """
        entry, label = _labelled(written, locate)
        terms = {entry: 1} if isinstance(entry, str) else entry
        if not (isinstance(terms, dict) and terms):
            raise UserError(f"expected a loss or {{loss: weight}}, got {got(terms)}", locate())
        problems, found = Problems(), []
        for name, value in terms.items():
            with problems.catch():
                inside = always(locate()) if isinstance(entry, str) else locate
                found.append(self._term(name, value, inside))
        problems.check()
        parts = [spec.name if w == 1 else f"{w:g}*{spec.name}" for spec, w in found]
        # Sorted, so that the order in which a suite names them changes neither sum nor id.
        return WeightedLoss(label or "+".join(parts), tuple(sorted(found, key=_by_name)))

    def transform(self, written: Any, locate: Locate) -> TransformChain:
        """`none`, `name`, `a+b`, or `{name: {search: {…}, other options}}`."""
        entry, label = _labelled(written, locate)
        name, given, inside = _name_and_options(entry, locate)
        if name == NONE:
            if given:
                raise UserError("'none' has no options", inside())
            return TransformChain(label or NONE)
        own = {key: value for key, value in given.items() if key != "search"}
        parts = self._parts(name, own, inside)
        searched = any(getattr(build(p, self.registry), "searched", True) for p in parts)
        if "search" in given and not searched:
            message = f"'{name}' is not searched: remove 'search'"
            raise UserError(message, inside("search", key=True))
        chosen = self._search(given.get("search"), below(inside, "search")) if searched else None
        return TransformChain(label or name, parts, chosen)

    def init(self, written: Any, locate: Locate) -> InitMap:
        """`none`, a class init's `name` or `{name: options}`, or `{variable: init, …}`."""
        entry, label = _labelled(written, locate)
        if entry == NONE:
            return InitMap(label or NONE)
        if isinstance(entry, str) or self._is_class_init(entry):
            spec = resolve(self.registry, "inits", entry, locate)
            return InitMap(label or spec.name, (("class", spec),))
        if not (isinstance(entry, dict) and entry):
            message = f"expected an init or {{variable: init}}, got {got(entry)}"
            raise UserError(message, locate())
        problems, parts = Problems(), []
        for variable, init in entry.items():
            with problems.catch():
                spec = resolve(self.registry, "inits", init, below(locate, variable))
                parts.append((variable, spec))
        problems.check()
        name = label or "+".join(spec.name for _, spec in parts)
        return InitMap(name, tuple(sorted(parts, key=lambda part: part[0])))

    def _named(self, kind: str, written: Any, locate: Locate) -> Named:
        entry, label = _labelled(written, locate)
        spec = resolve(self.registry, kind, entry, locate)
        return Named(label or spec.name, spec)

    def _default(self, spec: Spec) -> Settings | None:
        """`default` if every option has the value that it has by itself."""
        try:
            same = resolve(self.registry, spec.kind, spec.name, try_out=False) == spec
        except UserError:  # some option must be written
            return None
        return "default" if same else None

    def _term(self, name: str, value: Any, locate: Locate) -> tuple[Spec, float]:
        given = dict(value) if isinstance(value, dict) else {"weight": value}
        weight = given.pop("weight", 1)
        if isinstance(weight, bool) or not isinstance(weight, (int, float)) or not weight > 0:
            message = f"expected a weight above 0 for '{name}', got {got(weight)}"
            raise UserError(message, locate(name))
        self._refuse_metric(name, locate)
        spec = resolve(self.registry, "losses", {name: given}, locate)
        if not getattr(build(spec, self.registry), "objective", True):
            raise self._only_measured(name, locate)
        return spec, float(weight)

    def _refuse_metric(self, name: str, locate: Locate) -> None:
        if not self.registered("losses", name) and self.registered("metrics", name):
            raise self._only_measured(name, locate)

    def _only_measured(self, name: str, locate: Locate) -> UserError:
        message = f"'{name}' is measured, not optimised: name it under metrics:"
        return UserError(message, locate(name, key=True))

    def _parts(self, name: str, given: dict[str, Any], inside: Locate) -> tuple[Spec, ...]:
        whole = self.registered("transforms", name) or "+" not in name
        names = [name] if whole else name.split("+")
        if given and not whole:
            option = next(iter(given))
            message = f"'{name}' has no option '{option}': a sum of transforms takes only search"
            raise UserError(message, inside(option, key=True))
        problems, parts = Problems(), []
        for part in names:
            with problems.catch():
                if part == NONE:
                    message = f"'{NONE}' cannot be part of '{name}': leave it out"
                    raise UserError(message, inside(key=True))
                at = _as_key(part, inside)
                parts.append(resolve(self.registry, "transforms", {part: given}, at))
        problems.check()
        return tuple(parts)

    def _search(self, given: Any, locate: Locate) -> Search:
        if given is not None and not isinstance(given, dict):
            raise UserError(f"expected the search's options, got {got(given)}", locate())
        return Search(**resolve_options(self.registry, _SEARCH, given or {}, locate))

    def _is_class_init(self, entry: Any) -> bool:
        """Whether it is `{name: options}` rather than `{variable: init}`."""
        if not (isinstance(entry, dict) and len(entry) == 1):
            return False
        ((name, value),) = entry.items()
        return not isinstance(value, str) and self.registered("inits", name)

    def registered(self, kind: str, name: str) -> bool:
        """Whether a name is known, or contested, which `resolve` will say."""
        try:
            self.registry.find(kind, name)
        except PluginError:
            return True
        except UserError:
            return False
        return True


def read_axis(
    written: Iterable[Any], read: Reader[AnyRow], locate: Locate, problems: Problems
) -> list[tuple[AnyRow, Place | None]]:
    """The rows of an axis and where they stand; every error goes to `problems`."""
    found: list[tuple[AnyRow, Place | None]] = []
    for i, entry in enumerate(written):
        with problems.catch():
            row = read(entry, below(locate, i))
            found.append((row, locate(i)))
            if row.label in [earlier.label for earlier, _ in found[:-1]]:
                message = f"two rows are called '{row.label}': add `as:` to give one another name"
                raise UserError(message, locate(i))
    return found


def _labelled(written: Any, locate: Locate) -> tuple[Any, str | None]:
    """An entry without its `as:`, and the row name that it gives."""
    if not (isinstance(written, dict) and "as" in written):
        return written, None
    label = written["as"]
    if not (isinstance(label, str) and label.strip() and label.isprintable()):
        raise UserError(f"as: expected the name of the row, got {got(label)}", locate("as"))
    if len(label) > MAX_LABEL:
        message = f"as: expected at most {MAX_LABEL} characters, got {len(label)}"
        raise UserError(message, locate("as"))
    rest = {key: value for key, value in written.items() if key != "as"}
    if not rest:
        raise UserError("`as:` names a row, but there is nothing beside it", locate())
    return rest, label


def _settled(written: Any, locate: Locate) -> tuple[Any, Settings | None]:
    """An entry without its `settings:`, and what that says."""
    if not (isinstance(written, dict) and "settings" in written):
        return written, None
    word = written["settings"]
    if word not in get_args(Settings):
        expected = ", ".join(get_args(Settings))
        raise UserError(f"settings: expected {expected}, got {got(word)}", locate("settings"))
    return {key: value for key, value in written.items() if key != "settings"}, word


def _name_and_options(entry: Any, locate: Locate) -> tuple[str, dict[str, Any], Locate]:
    if isinstance(entry, str):
        return entry, {}, always(locate())
    if isinstance(entry, dict) and len(entry) == 1:
        ((name, given),) = entry.items()
        if given is None or isinstance(given, dict):
            return name, given or {}, below(locate, name)
    raise UserError(f"expected a name or {{name: options}}, got {got(entry)}", locate())


def _as_key(name: str, inside: Locate) -> Locate:
    """`inside` for who looks below `name`."""
    return lambda *keys, key=False: inside(*keys[1:], key=key) if keys else inside(key=key)


def _by_name(term: tuple[Spec, float]) -> str:
    return term[0].name
