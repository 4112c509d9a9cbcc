"""What is cited for what, and that it is BibTeX."""

from __future__ import annotations

import re
from contextlib import suppress

import pytest

from p2lbench import citations, plugins
from p2lbench.errors import UserError
from p2lbench.inits.classes import Predicted
from p2lbench.optimizers.cma import CMA
from p2lbench.plan import methods
from p2lbench.registry import KINDS
from p2lbench.suite import load

MINE = "@article{me2026,\n  title = {A {B} c},\n  year = {2026}\n}"


def keys(text: str) -> list[str]:
    return re.findall(r"^@\w+\{([^,]+),", text, re.MULTILINE)


def test_every_key_that_built_ins_name_is_an_entry() -> None:
    """And every entry is named by something."""
    named = set(citations.ALWAYS)
    for entry in plugins.load().registry:
        if entry.origin.name == "p2lbench" and entry.kind in KINDS:
            factory = entry.load()
            named.update(getattr(factory, "cites", ()))
            with suppress(TypeError, UserError, ValueError):  # it takes an option without default
                named.update(citations._stated(factory()))
    for variant in ("diagonal", "vd", "vkd"):
        named.update(CMA(variant=variant).cites)
    named.update(Predicted("resnext101").cites)
    assert named == set(citations.references())


def test_entries_are_whole() -> None:
    for key, entry in citations.references().items():
        assert keys(entry) == [key]
        assert entry.count("{") == entry.count("}")
        assert {"title", "author", "year"} <= set(re.findall(r"^  (\w+) = ", entry, re.MULTILINE))


def test_a_suite() -> None:
    suite, found = load("quickstart")
    cited = citations.cited(methods(suite), suite.metrics, found.registry)
    assert cited["optimizer basincma"][0] == "wampler2009optimal"
    assert "kingma2015adam" in cited["optimizer adam"]
    text = citations.bibtex(cited)
    assert keys(text)[:2] == ["huh2020transforming", "p2lbench"]
    assert len(keys(text)) == len(set(keys(text)))
    assert "% optimizer adam, optimizer basincma, optimizer cma+adam\n@inproceedings{kingma" in text
    assert "liu1989limited" not in text
    # LPIPS is a loss, too, but here it is measured alone.
    assert "metric lpips-alex" in cited
    assert not {part for part in cited if part.startswith("loss lpips")}
    assert citations.parts(methods(suite))["init"] == {"ground-truth": ("ground-truth",)}


def test_entries_of_plugins() -> None:
    text = citations.bibtex(
        {"optimizer mine": (MINE,), "loss mine": (MINE, "brooks1958discussion")}
    )
    assert text.count("@article{me2026,") == 1
    assert "% optimizer mine, loss mine\n@article{me2026," in text
    assert "  title = {A {B} c}," in text
    assert "@article{brooks1958discussion," in text


@pytest.mark.parametrize(
    "bad", ["nosuchkey", "@article{broken, title = {x", "\x1b[31mred", "@article{a b, x}", ""]
)
def test_what_is_no_entry_is_a_comment(bad: str) -> None:
    text = citations.bibtex({"optimizer \x1b[31mmine\n@x": (bad,)})
    assert "\x1b" not in text
    assert keys(text) == ["huh2020transforming", "p2lbench"]
    assert "% optimizer mine @x: not a BibTeX entry:" in text


class Odd:
    def __init__(self, cites: object) -> None:
        self.cites = cites


@pytest.mark.parametrize(("given", "found"), [("key", ["key"]), (("a", 3), ["a"]), ((), [])])
def test_what_plugins_state(given: object, found: list[str]) -> None:
    assert list(citations._stated(Odd(given))) == found


def test_of_two_entries_of_one_key_the_first_stands() -> None:
    other = MINE.replace("2026,\n", "2026,\n  note = {other},\n").replace("A {B} c", "Other")
    text = citations.bibtex({"loss a": (MINE,), "loss b": (other,)})
    assert keys(text).count("me2026") == 1
    assert "A {B} c" in text
    assert "Other" not in text
