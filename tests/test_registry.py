"""Names, families, and who may claim them."""

from __future__ import annotations

import pytest

from p2lbench.errors import PluginError, UserError
from p2lbench.registry import Entry, Origin, Registry, parameters

ONE, TWO = Origin("one", "1.0"), Origin("two.py", None, "hash")


def entry(name: str, kind: str = "optimizers", origin: Origin = ONE) -> Entry:
    return Entry(kind, name, dict, origin)


@pytest.mark.parametrize("name", ["a", "adam", "cma+adam", "nevergrad:", "lpips-0.1", "8"])
def test_names_of_the_right_form(name: str) -> None:
    registry = Registry()
    registry.add([entry(name)])
    assert [e.name for e in registry.entries("optimizers")] == [name]


@pytest.mark.parametrize("name", ["", "Adam", "a b", "-a", ":a", "a/b", "ä", "a_b", "+"])
def test_names_of_the_wrong_form(name: str) -> None:
    registry = Registry()
    with pytest.raises(PluginError, match=r"one 1.0 registers optimizer .*expected lower case"):
        registry.add([entry("fine"), entry(name)])
    assert registry.entries("optimizers") == []  # all of a plugin, or none


def test_the_same_name_twice_in_one_plugin() -> None:
    with pytest.raises(PluginError, match=r"one 1.0 registers optimizer 'x' twice"):
        Registry().add([entry("x"), entry("x")])


def test_a_name_of_two_plugins_is_refused_to_both() -> None:
    registry = Registry()
    registry.add([entry("x")])
    with pytest.raises(PluginError, match=r"registered by both one 1.0 and two.py: rename or unin"):
        registry.add([entry("y", origin=TWO), entry("x", origin=TWO)])
    with pytest.raises(PluginError, match=r"registered by both one 1.0 and two.py"):
        registry.find("optimizers", "x")
    with pytest.raises(UserError, match=r"unknown optimizer 'y'"):
        registry.find("optimizers", "y")


def test_kinds_have_names_of_their_own() -> None:
    registry = Registry()
    registry.add([entry("x", "losses"), entry("x", "optimizers")])
    assert registry.find("losses", "x")[0].kind == "losses"
    assert registry.find("metrics", "x")[0].kind == "losses"  # a loss can be measured
    with pytest.raises(UserError, match=r"unknown generator 'x'"):
        registry.find("generators", "x")


def test_a_family_takes_what_stands_behind_its_colon() -> None:
    registry = Registry()
    registry.add([entry("ng:"), entry("ng:special")])
    assert registry.find("optimizers", "ng:DE")[1] == {"name": "DE"}
    assert registry.find("optimizers", "ng:DE")[0].family
    assert registry.find("optimizers", "ng:special") == (entry("ng:special"), {})
    assert registry.find("optimizers", "ng:")[1] == {}
    with pytest.raises(UserError, match=r"unknown optimizer 'mg:DE'"):
        registry.find("optimizers", "mg:DE")


def test_an_unknown_name_gets_the_nearest() -> None:
    registry = Registry()
    registry.add([entry("basincma"), entry("l1", "losses")])
    with pytest.raises(UserError, match=r"Did you mean 'basincma'.* See: p2lbench list optimizers"):
        registry.find("optimizers", "basin-cma")
    with pytest.raises(UserError, match=r"unknown loss 'l2'. Did you mean 'l1'"):
        registry.find("losses", "l2")


def test_options_must_be_named() -> None:
    def good(a: int, *, b: int = 1) -> None: ...
    def bad(**options: int) -> None: ...
    def worse(*options: int) -> None: ...

    assert [p.name for p in parameters(good)] == ["a", "b"]
    for factory in (bad, worse):
        with pytest.raises(PluginError, match=r"takes \*options: expected named, typed keyword"):
            parameters(factory)


def test_a_string_is_imported_when_needed() -> None:
    assert Entry("optimizers", "x", "collections:OrderedDict", ONE).load().__name__ == "OrderedDict"
    for wrong in ("collections:Nothing", "nowhere_at_all:X", "collections"):
        with pytest.raises(PluginError, match=r"optimizer 'x' of one 1.0 cannot be loaded"):
            Entry("optimizers", "x", wrong, ONE).load()
