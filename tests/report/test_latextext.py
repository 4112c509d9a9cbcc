"""Names and numbers as LaTeX."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2lbench.report.latextext import latex, marked, needs_of, number

anything = st.text(st.characters(exclude_categories=()), max_size=40)


@given(text=anything)
def test_no_active_character_is_left(text: str) -> None:
    found = latex(text)
    rest = re.sub(r"\$[^$]*\$|\\symbol\{34\}|\\(text[a-z]+|dag|dots)\{\}|\\[{}$&%#_]", "", found)
    rest = re.sub(r"\{['`]?\}", "", rest)
    assert not set(rest) & set("\\{}$&%#_~^<>|\"'`")
    assert not found.startswith(("[", "*"))
    assert "---" not in rest.replace("—", "") or "—" in text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a--b", "a-{}-b"),
        ("[x]", "{}[x]"),
        ('"q"', r"\symbol{34}q\symbol{34}"),
        ("T⁻¹ → 5 ≤ 6…", r"T$^{-}$$^{1}$ $\to$ 5 $\leq$ 6\dots{}"),
        ("e\N{COMBINING ACUTE ACCENT}", "é"),
        (r"\input{/etc/passwd}", r"\textbackslash{}input\{/etc/passwd\}"),
    ],
)
def test_texts(text: str, expected: str) -> None:
    assert latex(text) == expected


def test_numbers() -> None:
    assert number("0.350") == "0.350"
    assert number("-0.350") == "$-$0.350"
    assert number("1.2e-05") == r"$1.2\times10^{-5}$"
    assert marked("0.3", 1) == r"\textbf{0.3}"
    assert marked("$-$0.3", 1) == r"\textbf{\boldmath $-$0.3}"
    assert marked("0.3", 2) == r"\underline{0.3}"
    assert marked("0.3", 3) == marked("0.3", None) == "0.3"


def test_what_a_document_needs() -> None:
    assert needs_of("plain") == []
    assert needs_of(r"$\checkmark$") == [r"\usepackage{amssymb}"]
    assert needs_of("ä") == [r"\usepackage[T1]{fontenc}"]
    assert "lualatex" in needs_of("漢")[0]
