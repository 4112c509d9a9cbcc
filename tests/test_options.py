"""Options: what a constructor's types accept, how nested optimizers resolve, what errors say."""

from __future__ import annotations

import functools
import subprocess
import sys
from collections.abc import Callable, Mapping
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import pytest
from fakesuite import Adam, Basin, Chain, Fake, registry
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import Field

from p2lbench.errors import PluginError, SuiteErrors, UserError
from p2lbench.options import UnknownName, build, describe, resolve
from p2lbench.registry import Entry, Origin, Registry
from p2lbench.spec import Spec, canonical
from p2lbench.yamlfile import parse

if TYPE_CHECKING:
    from decimal import Decimal


def made(factory: Callable[..., Any], options: Any = None) -> tuple[Spec, Any]:
    """A factory's spec for these options, and the instance built from it."""
    found = registry(mine=factory)
    spec = resolve(found, "optimizers", {"mine": options})
    return spec, build(spec, found)


def message(written: Any, **more: Callable[..., Any]) -> str:
    with pytest.raises(UserError) as caught:
        resolve(registry(**more), "optimizers", written)
    return str(caught.value)


class Everything(Fake):
    def __init__(
        self,
        whole: int = 1,
        real: float = 2.0,
        flag: bool = False,
        text: str = "t",
        pair: tuple[int, int] = (1, 2),
        many: list[float] | None = None,
        table: Mapping[str, float] | None = None,
        choice: Literal["a", "b"] = "a",
        small: Annotated[float, Field(gt=0, le=1)] = 0.5,
        chosen: frozenset[str] = frozenset(),
        copy: int = 0,
        json: int = 0,
    ) -> None:
        self.given = {k: v for k, v in locals().items() if k != "self" and "__" not in k}


class Colour(Enum):
    RED = "red"


class Typed(Fake):
    def __init__(self, colour: Colour = Colour.RED, file: Path | None = None) -> None:
        self.colour, self.file = colour, file


plain = st.fixed_dictionaries(
    {},
    optional={
        "whole": st.integers(-(2**62), 2**62),
        "real": st.floats(allow_nan=False, allow_infinity=False) | st.integers(-99, 99),
        "flag": st.booleans(),
        "text": st.text(st.characters(codec="utf-8"), max_size=5),
        "pair": st.lists(st.integers(0, 9), min_size=2, max_size=2),
        "many": st.none() | st.lists(st.floats(0, 1), max_size=3),
        "table": st.none() | st.dictionaries(st.sampled_from("zc"), st.floats(0, 1)),
        "choice": st.sampled_from("ab"),
        "small": st.floats(0.1, 1),
        "chosen": st.lists(st.sampled_from("abc"), unique=True),
    },
)


@settings(max_examples=60)
@given(plain)
def test_what_fits_the_types_arrives(options: dict[str, Any]) -> None:
    spec, instance = made(Everything, options)
    assert [*spec.options] == [*instance.given]
    for name, value in options.items():
        kinds: dict[str, Callable[[Any], Any]] = {"pair": tuple, "chosen": frozenset}
        assert instance.given[name] == kinds.get(name, lambda v: v)(value)
    assert isinstance(instance.given["real"], float)
    canonical(spec.plain())  # ready for JSON


WRONG: dict[str, list[Any]] = {
    "whole": [True, "5", 5.5, None, [1]],
    "real": [True, "5", None, {"a": 1}],
    "flag": [1, "true", None],
    "text": [5, None, ["a"]],
    "pair": [[1], [1, 2, 3], [1, "x"], "ab"],
    "many": [["x"], 5, [True]],
    "table": [["z"], {"z": "x"}],
    "choice": ["c", 1],
    "small": [0, 1.5],
    "chosen": ["abc", [1]],
}


@pytest.mark.parametrize(("name", "value"), [(n, v) for n, vs in WRONG.items() for v in vs])
def test_what_does_not_fit_is_refused(name: str, value: Any) -> None:
    text = message({"mine": {name: value}}, mine=Everything)
    assert text.startswith(f"option '{name}")
    assert "expected" in text


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"whole": "5"}, "option 'whole' of optimizer 'mine': expected a whole number, got '5'"),
        ({"whole": True}, "option 'whole' of optimizer 'mine': expected a whole number, got true"),
        (
            {"pair": [1, "x"]},
            "option 'pair.1' of optimizer 'mine': expected a whole number, got 'x'",
        ),
        ({"table": {"z": "x"}}, "option 'table.z' of optimizer 'mine': expected a number, got 'x'"),
        ({"table": 3}, "option 'table' of optimizer 'mine': expected a mapping, got 3"),
        ({"choice": "c"}, "option 'choice' of optimizer 'mine': expected 'a' or 'b', got 'c'"),
        ({"small": 2}, "option 'small' of optimizer 'mine': expected at most 1.0, got 2"),
        ({"copi": 2}, "optimizer 'mine' has no option 'copi'. Did you mean 'copy'? Its options: "),
    ],
)
def test_messages(options: Any, expected: str) -> None:
    assert message({"mine": options}, mine=Everything).startswith(expected)


def test_enums_and_paths_go_to_json_and_back() -> None:
    spec, instance = made(Typed, {"file": "a/b"})
    assert spec.options == {"colour": "red", "file": "a/b"}
    assert (instance.colour, instance.file) == (Colour.RED, Path("a/b"))


def test_a_set_has_one_order() -> None:
    assert made(Everything, {"chosen": ["c", "a", "b"]})[0].options["chosen"] == ["a", "b", "c"]


@pytest.mark.parametrize("written", ["adam", {"adam": None}, {"adam": {}}])
def test_defaults_are_filled_in(written: Any) -> None:
    spec = resolve(registry(), "optimizers", written)
    assert spec == Spec("optimizers", "adam", {"steps": 500, "lr": None, "final": "last"})


def test_equal_values_resolve_to_equal_specs() -> None:
    one = resolve(registry(), "optimizers", {"adam": {"lr": 1, "steps": 5}})
    two = resolve(registry(), "optimizers", {"adam": {"steps": 5, "lr": 1.0}})
    assert canonical(one.plain()) == canonical(two.plain())


def test_optimizers_in_options_resolve_however_deep() -> None:
    inner = {"basin": {"inner": {"adam": {"lr": {"z": 1}}}}}
    written = {"chain": {"stages": ["adam", inner], "last": "nevergrad:DE"}}
    spec = resolve(registry(), "optimizers", written)
    first, second = spec.options["stages"]
    assert (first.name, first.options["steps"]) == ("adam", 500)
    assert second.options["inner"].options["lr"] == {"z": 1.0}
    assert second.options["outer"].name == "cma"  # a default that is a name
    chain = build(spec, registry())
    assert isinstance(chain, Chain)
    assert [type(stage) for stage in chain.stages] == [Adam, Basin]
    assert isinstance(chain.stages[1], Basin)
    assert isinstance(chain.stages[1].inner, Adam)
    assert chain.last is not None


def test_every_build_is_fresh() -> None:
    spec = resolve(registry(), "optimizers", "basin")
    one, two = build(spec, registry()), build(spec, registry())
    assert one is not two
    assert one.inner is not two.inner


def test_families_take_their_name_from_the_colon() -> None:
    spec = resolve(registry(), "optimizers", {"nevergrad:DE": {"budget": 3}})
    assert (spec.name, spec.options) == ("nevergrad:DE", {"name": "DE", "budget": 3.0})
    assert build(spec, registry()).name == "DE"
    assert "no option 'name'" in message({"nevergrad:DE": {"name": "x"}})
    assert "a name behind the colon" in message("nevergrad:")
    assert "no method 'Unknown'" in message("nevergrad:Unknown")


def test_an_unknown_name_is_told_apart() -> None:
    with pytest.raises(UnknownName, match=r"Did you mean 'adam'\? See: p2lbench list optimizers"):
        resolve(registry(), "optimizers", "adm")


PLACED = """\
optimizers:
  - chain:
      stages:
        - adm
        - adam: {steps: 0}
        - adam: {lr: 1, stepz: 3, final: best}
        - 5
      lost: 1
  - adam: {steps: x, lr: {z: q}}
  - basin: {outer: {cma: {population: 1}}}
  - nevergrad:Unknown
  - adam: [1]
"""


def test_errors_stand_at_their_place_and_come_all_at_once() -> None:
    document = parse(PLACED, "my.yaml")
    found: list[UserError] = []
    for i, written in enumerate(document.data["optimizers"]):
        with pytest.raises(UserError) as caught:
            resolve(registry(), "optimizers", written, document.within("optimizers", i))
        error = caught.value
        found += error.errors if isinstance(error, SuiteErrors) else [error]
    assert [str(error).split(" ")[0] for error in found] == [
        "my.yaml:8:7:",  # no option 'lost'
        "my.yaml:7:11:",  # 5 is no optimizer
        "my.yaml:9:19:", "my.yaml:9:30:",
        "my.yaml:10:39:",
        "my.yaml:11:5:",
        "my.yaml:12:11:",
    ]  # fmt: skip
    document = parse(PLACED.replace("        - 5\n", ""), "my.yaml")
    with pytest.raises(SuiteErrors) as several:
        resolve(
            registry(),
            "optimizers",
            document.data["optimizers"][0],
            document.within("optimizers", 0),
        )
    assert [str(error).split(" ")[0] for error in several.value.errors] == [
        "my.yaml:7:7:", "my.yaml:4:11:", "my.yaml:5:25:", "my.yaml:6:25:",
    ]  # fmt: skip


@pytest.mark.parametrize("error", [KeyError("x"), RuntimeError("no"), SystemExit(3)])
def test_whatever_a_constructor_raises_is_the_users_to_read(error: BaseException) -> None:
    class Raising(Fake):
        def __init__(self, steps: int = 1) -> None:
            raise error

    assert message("mine", mine=Raising).startswith(f"optimizer 'mine': {type(error).__name__}")


def test_the_message_names_the_plugin() -> None:
    class Refusing(Fake):
        def __init__(self) -> None:
            raise ValueError("not today")

    found = Registry()
    found.add([Entry("optimizers", "mine", Refusing, Origin("their-plugin", "2.0"))])
    with pytest.raises(UserError, match=r"'mine' of their-plugin 2\.0: not today"):
        resolve(found, "optimizers", "mine")


class Unannotated(Fake):
    def __init__(self, x=1) -> None:  # type: ignore[no-untyped-def]
        pass


class TypingOnly(Fake):
    def __init__(self, x: Decimal | None = None) -> None:
        pass


class Odd(Fake):
    def __init__(self, x: int = object()) -> None:  # type: ignore[assignment]
        pass


class Infinite(Fake):
    def __init__(self, x: float = float("inf")) -> None:
        pass


class PositionalOnly(Fake):
    def __init__(self, x: int = 1, /) -> None:
        pass


class Loose(Fake):
    def __init__(self, **options: int) -> None:
        pass


class Endless(Fake):
    def __init__(self, inner: Fake = "mine") -> None:  # type: ignore[assignment]
        pass


class NoSchema:
    pass


class Unchecked(Fake):
    def __init__(self, x: NoSchema | None = None) -> None:
        pass


@pytest.mark.parametrize(
    ("factory", "expected"),
    [
        (Unannotated, "has no type; write x: float"),
        (TypingOnly, "import them outside of TYPE_CHECKING"),
        (Odd, "expected numbers, texts, lists"),
        (Infinite, "has the default inf"),
        (PositionalOnly, "remove the '/'"),
        (Loose, "takes *options"),
        (Endless, "nested without end"),
        (Unchecked, "cannot be checked"),
    ],
)
def test_a_plugin_whose_options_cannot_be_checked(factory: type, expected: str) -> None:
    with pytest.raises(PluginError) as caught:
        resolve(registry(mine=factory), "optimizers", "mine")
    assert expected in str(caught.value)


def test_functions_and_partials_are_factories() -> None:
    def make(steps: int = 3) -> Adam:
        return Adam(steps)

    assert made(make, {"steps": 4})[1].steps == 4
    assert made(functools.partial(Adam, final="best"), {"steps": 4})[1].final == "best"


def test_describe_tells_name_type_and_default() -> None:
    table = {entry.name: describe(entry) for entry in registry().entries("optimizers")}
    assert table["adam"] == [
        ("steps", "int", "500"),
        ("lr", "float | dict[str, float] | None", "null"),
        ("final", "Literal['last', 'best']", '"last"'),
    ]
    assert table["cma"][1] == ("population", "int, Ge(ge=2)", "18")
    assert table["chain"][0] == ("stages", "list[Optimizer]", "")
    assert table["nevergrad:"] == [("budget", "float", "1")]


def test_no_torch_is_imported() -> None:
    code = (
        "import sys; from p2lbench import options, plugins\n"
        "registry = plugins.load().registry\n"
        "for entry in registry.entries('optimizers'):\n"
        "    print(entry.name, options.describe(entry))\n"
        "sys.exit(any(name in sys.modules for name in ('torch', 'nevergrad')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
