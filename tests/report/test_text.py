"""Text from users: nothing in it may act where it is printed."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2lbench.report.text import count, csv_cell, encodable, folded, markdown, plain, shorten

anything = st.text(st.characters())


@given(text=anything)
def test_plain_text_is_one_line_without_anything_that_acts(text: str) -> None:
    found = plain(text)
    assert not {unicodedata.category(c) for c in found} & {"Cc", "Cf", "Cs", "Zl", "Zp"}
    assert plain(found) == found
    found.encode("utf-8")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\x1b[31mb\x1b[0m", "ab"),
        ("\x1b]0;title\x07a", "a"),
        ("\x1b]8;;http://x\x1b\\link", "link"),
        ("a\nb\tc", "a b c"),
        ("a\u202eb\u200bc", "abc"),
        ("\udcffx", "\ufffdx"),
        ("x\x1b", "x"),
    ],
)
def test_escapes(text: str, expected: str) -> None:
    assert plain(text) == expected


@given(text=anything, length=st.integers(1, 20))
def test_shorten(text: str, length: int) -> None:
    assert len(shorten(text, length)) <= length


@given(text=anything)
def test_markdown_has_no_active_character_left(text: str) -> None:
    rest = re.sub(r"\\[\\`*_\[\]|~$#+=-]", "", markdown(text))
    assert not set(rest) & set("\\`*_[]|~$<>")
    assert not markdown(text).startswith(("#", "+", "-", "="))


@given(text=anything)
def test_csv_cells_are_no_formulas(text: str) -> None:
    found = csv_cell(text)
    assert not found.startswith(("=", "+", "-", "@", "\t", "\r"))
    assert found.removeprefix("'") == plain(text).removeprefix("'")


@given(text=anything)
def test_encodable_in_ascii(text: str) -> None:
    encodable(plain(text), "ascii").encode("ascii")
    assert encodable("a ↓ é", "utf-8") == "a ↓ é"
    assert encodable("a ↓ é", "ascii") == "a v \\xe9"


@given(text=anything, width=st.integers(1, 12))
def test_folding_keeps_every_letter(text: str, width: int) -> None:
    lines = folded(text, lambda part: len(part) <= width)
    assert all(0 < len(line) <= width for line in lines)
    assert "".join(lines).replace(" ", "") == plain(text).replace(" ", "")


def test_folding_at_joints() -> None:
    def fits(part: str) -> bool:
        return len(part) <= 10

    assert folded("percep-fmnist-heldout", fits) == ["percep-", "fmnist-", "heldout"]
    assert folded("nojointsatallhere", fits) == ["nojointsat", "allhere"]


def test_count() -> None:
    assert [count(0, "cell"), count(1, "cell"), count(2, "cell")] == [
        "0 cells",
        "1 cell",
        "2 cells",
    ]
