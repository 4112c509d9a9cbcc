"""Changing YAML in place: what it means, and what stays as it was."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p2lbench.spec import canonical
from p2lbench.yamledit import edited, flow
from p2lbench.yamlfile import parse

QUICKSTART = Path(__file__).parents[1] / "suites" / "quickstart.yaml"
Change = Callable[[Any], Any]


def changed(text: str, change: Change) -> str:
    wanted = deepcopy(parse(text, "").data)
    change(wanted)
    found = edited(text, wanted)
    assert canonical(parse(found, "").data) == canonical(wanted)
    return found


def put(path: list[Any], value: Any) -> Change:
    def change(data: Any) -> None:
        for key in path[:-1]:
            data = data[key]
        data[path[-1]] = value

    return change


TUNED = {"adam": {"lr": 0.05}, "settings": "tuned"}


@pytest.mark.parametrize(
    ("text", "change", "expected"),
    [
        ("a: 1 # one\nb: 2\n", put(["a"], 3), "a: 3 # one\nb: 2\n"),
        ("# top\na: 1\n# end\n", put(["b"], "x"), "# top\na: 1\nb: x\n# end\n"),
        ("a: {b: 1,  c: 2}\n", put(["a", "b"], 3), "a: {b: 3,  c: 2}\n"),
        ("a: {b: 1}\n", put(["a", "c"], 1e-07), "a: {b: 1, c: 1e-07}\n"),
        ("a: {}\n", put(["a", "c"], 1), "a: {c: 1}\n"),
        ("a: [x, y]\n", put(["a", 1], "z"), "a: [x, z]\n"),
        ("a: [x, y]\n", put(["a", 1], TUNED), "a: [x, {adam: {lr: 0.05}, settings: tuned}]\n"),
        ("o:\n- adam # x\n- b\n", put(["o", 0], TUNED),
         "o:\n- adam: {lr: 0.05}\n  settings: tuned # x\n- b\n"),
        ("o:\n  - adam:\n  # c\n  - b\n", put(["o", 0], TUNED),
         "o:\n  - adam: {lr: 0.05}\n    settings: tuned\n  # c\n  - b\n"),
        ("o:\n  - adam:\n      lr: 1 # l\n    as: a # n\n",
         put(["o", 0], {"adam": {"lr": 2, "k": "1"}, "as": "a", "settings": "tuned"}),
         'o:\n  - adam:\n      lr: 2 # l\n      k: "1"\n    as: a # n\n    settings: tuned\n'),
        ("o:\n  - adam:\n      lr: 1\n      # about b\n  - b\n",
         put(["o", 0], {"adam": {"lr": 1}, "settings": "tuned"}),
         "o:\n  - settings: tuned\n    adam:\n      lr: 1\n      # about b\n  - b\n"),
        ("{a: 1, b: [2]}", put(["c"], None), "{a: 1, b: [2], c: null}"),
        ("a: |\n  text\nb: 1\n", put(["b"], True), "a: |\n  text\nb: true\n"),
    ],
)  # fmt: skip
def test_the_rest_stays(text: str, change: Change, expected: str) -> None:
    assert changed(text, change) == expected


@pytest.mark.parametrize(
    ("text", "change"),
    [
        ("a: [&x {b: 1}, *x]\n", put(["a", 0], {"b": 2})),
        ("a:\n  b: 1\n  c: 2\n", put(["a"], {"c": 2})),
        ("a:\n- 1\n- 2\n", put(["a"], [1])),
        ("a: |\n  text\n", put(["b"], "y")),
    ],
)
def test_what_is_awkward_is_written_anew(text: str, change: Change) -> None:
    changed(text, change)


def test_nothing_to_change() -> None:
    text = QUICKSTART.read_text(encoding="utf-8")
    assert edited(text, parse(text, "").data) == text


def test_a_shipped_suite_keeps_its_comments() -> None:
    text = QUICKSTART.read_text(encoding="utf-8")
    found = changed(
        text, put(["optimizers", 4], {"nevergrad:DE": {"sigma": 2}, "settings": "tuned"})
    )
    lost = [line for line in text.splitlines() if line not in found.splitlines()]
    assert lost == ["  - nevergrad:DE   # goes on until the budget below is spent"]
    assert "goes on until" in found


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=8),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.text("abc-:# ", min_size=1, max_size=4), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


@settings(max_examples=60)
@given(VALUES)
def test_flow_means_the_value(value: Any) -> None:
    assert parse(f"a: {flow(value)}\n", "").data == {"a": value}


MAPPINGS = st.dictionaries(st.text("abcd", min_size=1, max_size=2), VALUES, min_size=1, max_size=4)


@settings(max_examples=40)
@given(MAPPINGS, MAPPINGS)
def test_any_text_can_be_made_to_mean_anything(old: Any, new: Any) -> None:
    for text in (flow(old), edited("z: 1", old)):
        assert canonical(parse(edited(text, new), "").data) == canonical(new)
