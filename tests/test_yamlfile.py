"""YAML from an untrusted file: the same values as ruamel.yaml's, places, and no surprises."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from p2lbench import yamlfile
from p2lbench.errors import UserError
from p2lbench.yamlfile import MAX_DEPTH, Document, apply, parse, read

few = settings(max_examples=60, suppress_health_check=list(HealthCheck))

texts = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=12)
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)


@few
@given(st.dictionaries(texts, values, max_size=5))
def test_plain_documents_read_as_ruamel_reads_them(value: dict[str, Any]) -> None:
    # Written as JSON, which YAML 1.2 includes: ruamel.yaml cannot read all that it dumps.
    text = json.dumps(value, ensure_ascii=False, indent=1)
    assert parse(text, "f.yaml").data == YAML(typ="safe", pure=True).load(text) == value


@few
@given(
    st.dictionaries(
        st.from_regex(r"[a-z]{1,8}", fullmatch=True), st.integers(0, 99), min_size=1, max_size=6
    ),
    st.integers(0, 3),
)
def test_places_point_at_the_token(table: dict[str, int], indent: int) -> None:
    pad = " " * indent
    text = "# a comment\n" + "".join(f"{pad}{key}:  {value}\n" for key, value in table.items())
    document, lines = parse(text, "f.yaml"), text.split("\n")
    for key, value in table.items():
        at, of = document.place(key, key=True), document.place(key)
        assert at.line is not None
        assert at.column is not None
        assert of.line is not None
        assert of.column is not None
        assert lines[at.line - 1][at.column - 1 :].startswith(f"{key}:")
        assert lines[of.line - 1][of.column - 1 :].startswith(str(value))


def test_places_inside_lists_and_of_what_is_not_there() -> None:
    document = parse("a:\n  - {b: 1, c: [x, y]}\n", "f.yaml")
    assert str(document.place("a", 0, "c", 1)) == "f.yaml:2:19"
    assert str(document.place("a", 0, "c", key=True)) == "f.yaml:2:12"
    assert str(document.place("a", 0, "nothing", "below")) == "f.yaml:2:5"
    assert str(document.within("a", 0)("b")) == "f.yaml:2:9"


# Pieces from which hostile documents are made; single bytes hardly ever get past the scanner.
PIECES = [
    "a",
    "b: ",
    "- ",
    "\n",
    "  ",
    "[",
    "]",
    "{",
    "}",
    ",",
    "&x ",
    "*x",
    "!t ",
    "!!int ",
    "|",
    "> ",
    "'",
    '"',
    "\\",
    "#",
    "---\n",
    "...\n",
    "%YAML 1.1\n",
    "%YAML 9.9\n",
    "%TAG ! x\n",
    "? ",
    ":",
    "\t",
    "0",
    "1.5",
    "\x85",
    "\u2028",
    "\ufeff",
    "|+9 x",
    "\\U0011FFFF",
    '"\\ud800"',
    "!<",
    "@",
    "\r",
    "!!float ",
    "<<: ",
    "12:30:99",
    "~",
    "!!bool ",
    "0o8",
    "0x",
    "1_",
    "!!timestamp ",
    ".",
    "1e999",
    "=",
    "!!null x",
]


@few
@given(
    st.binary(max_size=60)
    | st.lists(st.sampled_from(PIECES), max_size=30).map(lambda pieces: "".join(pieces).encode())
)
@example(b'"\\U0011FFFF"')
@example(b"%YAML 9.9\n---\na: 1")
@example(b"? !!float x\n: 1")
@example(b"a: !!int 0x")
@example(b"a: " + b"9" * 5000)
@example(b"\xff\xfea\x00")
@example(b"a: &a &b 1")
@example(b"&a a: 1\n&a b: 2")
def test_bytes_raise_nothing_but_user_errors(content: bytes) -> None:
    error, document = outcome(content)
    if error is None:
        assert document is not None
        assert () in document.values
    else:
        assert error.place is not None
        str(error).encode()


def outcome(content: bytes) -> tuple[UserError | None, Document | None]:
    try:
        return None, parse(content, "f.yaml")
    except UserError as error:
        return error, None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1\nb:\t2\n c: 3", "f:2:3: tabs"),
        ("a: [1,2", "f:1:8: expected ','"),
        ("a: 1\nb: 'x", "f:2:4: a quoted text is not closed"),
        ("a: b: c", "f:1:5: unexpected ':'"),
        ("- a\nb: 1", "f:2:1: the indentation"),
        ("a: 1\nc: 3\na: 2", "f:3:1: 'a' is here twice, first in line 1"),
        ("? [1]\n: 2", "f:1:3: expected a text as key, got a list or mapping"),
        ("x:\n  1: 2", "f:2:3: expected a text as key, got '1'"),
        ("a: !x 3", "f:1:4: the tag !x is not supported"),
        ("a: !!python/object:os.system 3", "f:1:4: the tag !!python/object:os.system"),
        ("a: 1\n<<: {b: 1}", "f:2:1: merge keys"),
        ("a: .nan", "f:1:4: expected a finite number, got '.nan'"),
        ("a: -.inf", "f:1:4: expected a finite number"),
        ("a: 1e999", "f:1:4: expected a finite number"),
        ("a: &a [*a]", "f:1:4: an alias (*name) inside"),
        ("a: *b", "f:1:4: an alias (*name) without"),
        ("", "f:1:1: the file is empty"),
        ("# only this\n", "f:1:1: the file is empty"),
        ("a: 1\n---\nb: 2", "f:2:1: expected one document"),
        ("a: \x01", "f:1:4: the character U+0001"),
        ("a: @b", "f:1:4: a character that needs quotes"),
        ("[" * 100_000, f"f:1:{MAX_DEPTH + 1}: nested more than {MAX_DEPTH} levels"),
        ('a: "\\ud800"', "f:1:4: expected a value of type str"),
    ],
)
def test_refusals_say_where_and_what(text: str, expected: str) -> None:
    with pytest.raises(UserError) as caught:
        parse(text, "f")
    assert str(caught.value).startswith(expected)


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("yes", "yes"),
        ("010", 10),
        ("0o17", 15),
        ("0x1F", 31),
        ("1_000", 1000),
        ("1e3", 1000.0),
        ("2020-01-01", "2020-01-01"),
        ("12:30:45", "12:30:45"),
        ("~", None),
        ("", None),
        ("!!str 5", "5"),
        ("True", True),
        ("=", "="),
    ],
)
def test_scalars_are_those_of_yaml_1_2(written: str, value: Any) -> None:
    assert parse(f"a: {written}", "f").data == {"a": value}


def test_a_bomb_is_refused_at_once() -> None:
    lines = ["a: &a [x, x, x, x, x, x, x, x, x, x]"]
    for above, name in zip("abcdefghij", "bcdefghijk", strict=True):
        lines.append(f"{name}: &{name} [{', '.join([f'*{above}'] * 10)}]")
    start = time.process_time()
    with pytest.raises(UserError, match=r"f:5:4: aliases expand to more than"):
        parse("\n".join(lines), "f")
    assert time.process_time() - start < 2


def test_a_chain_of_aliases_cannot_nest_without_end() -> None:
    lines = ["a0: &a0 [x]"] + [f"a{n}: &a{n} [*a{n - 1}]" for n in range(1, 200)]
    with pytest.raises(UserError, match=f"or {MAX_DEPTH} levels"):
        parse("\n".join(lines), "f")


def test_too_many_values_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yamlfile, "MAX_NODES", 100)
    parse("[" + "x," * 99 + "]", "f")
    with pytest.raises(UserError, match="f:1:200: more than"):
        parse("[" + "x," * 60_000 + "]", "f")


def test_bytes_that_are_not_utf8_are_placed(tmp_path: Path) -> None:
    file = tmp_path / "f.yaml"
    file.write_bytes(b"\xef\xbb\xbfa: 1\nb: \xe4\n")
    with pytest.raises(UserError, match=r"f\.yaml:2:4: expected UTF-8 text, got byte 0xe4"):
        read(file)


def test_a_byte_order_mark_is_no_column(tmp_path: Path) -> None:
    file = tmp_path / "f.yaml"
    file.write_bytes(b"\xef\xbb\xbfa: 1\n")
    document = read(file)
    assert document.data == {"a": 1}
    assert document.place("a", key=True).column == 1


def test_only_regular_files_of_some_size_are_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "large").write_bytes(b"#" * 1_000_001)
    for name, message in [
        ("fifo", "a device or pipe"),
        ("large", "at most 1,000,000 bytes"),
        (".", "a folder"),
        ("none", "No such file"),
        ("nul\0", "null"),
    ]:
        with pytest.raises(UserError, match=message):
            read(tmp_path / name)


def test_settings_replace_and_add() -> None:
    document = parse("a: {b: 1}\nimages: [{class: 2}]\nempty:\n", "f")
    for setting in ("a.b=5", "images.0.class=3", "budget.passes=100", "empty.x={y: 1}"):
        document = apply(document, setting)
    assert document.data == {
        "a": {"b": 5},
        "images": [{"class": 3}],
        "budget": {"passes": 100},
        "empty": {"x": {"y": 1}},
    }
    assert str(document.place("budget", "passes")) == "--set budget.passes"
    assert str(document.place("images", 0, "class")) == "--set images.0.class"
    assert str(document.place("empty", "x", "y")) == "--set empty.x"
    assert str(document.place("images", 0)) == "f:2:10"


def test_a_setting_leaves_the_document_alone() -> None:
    document = parse("a: {b: [1, 2]}", "f")
    apply(document, "a.b.1=7")
    assert document.data == {"a": {"b": [1, 2]}}


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("a", "--set a: expected a.b=VALUE"),
        ("a=", "--set a=: expected a.b=VALUE"),
        ("a..b=1", "--set a..b=1: expected"),
        ("l.1=1", "--set l.1: expected a number below 1, got '1'"),
        ("l.x=1", "--set l.x: expected a number below 1, got 'x'"),
        ("a.b.c=1", "--set a.b.c: 1 holds nothing"),
        ("a=[1", "--set a: "),
        ("a=!x", "--set a: the tag !x"),
    ],
)
def test_wrong_settings(setting: str, message: str) -> None:
    with pytest.raises(UserError) as caught:
        apply(parse("a: {b: 1}\nl: [2]", "f"), setting)
    assert str(caught.value).startswith(message)
