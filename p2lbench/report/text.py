"""Text that users chose, made safe for where it is printed."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|.?)", re.DOTALL)
_JOINTS = " -_+:/·,"
_ASCII = {"↓": "v", "↑": "^", "·": "|", "—": "-", "†": "+", "•": "-", "…": "..."}


def plain(text: str) -> str:
    """One line: no terminal escapes, control or invisible characters, or lone surrogates."""
    kept = []
    for char in _ANSI.sub("", text):
        category = unicodedata.category(char)
        if category in ("Cc", "Zl", "Zp"):
            kept.append(" ")
        elif category == "Cs":
            kept.append("\N{REPLACEMENT CHARACTER}")
        elif category != "Cf":
            kept.append(char)
    return " ".join("".join(kept).split())


def shorten(text: str, length: int) -> str:
    """`plain(text)`, cut to a length."""
    text = plain(text)
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"


def folded(text: str, fits: Callable[[str], bool]) -> list[str]:
    """`plain(text)` in lines that fit, broken where names have joints, else anywhere."""
    lines: list[str] = []
    rest = plain(text)
    while rest and not fits(rest):
        end = next((k for k in range(2, len(rest)) if not fits(rest[:k])), len(rest)) - 1
        joints = [k for k in range(1, end + 1) if rest[k - 1] in _JOINTS]
        at = joints[-1] if joints else end
        lines.append(rest[:at].rstrip())
        rest = rest[at:].lstrip()
    return [*lines, rest] if rest else lines


def encodable(text: str, encoding: str) -> str:
    """The text as far as an encoding has it, the rest as ASCII stand-ins."""
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        text = "".join(_ASCII.get(char, char) for char in text)
        return text.encode(encoding, "backslashreplace").decode(encoding)
    return text


def markdown(text: str) -> str:
    """As Markdown text, in a table's cell or a list too; HTML has no meaning left."""
    escaped = re.sub(r"([\\`*_\[\]|~$])", r"\\\1", plain(text))
    escaped = re.sub(r"^([#+=-])", r"\\\1", escaped)
    return escaped.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def csv_cell(text: str) -> str:
    """As a CSV cell that no spreadsheet takes for a formula: a ' goes before = + - @."""
    text = plain(text)
    return f"'{text}" if text.startswith(("=", "+", "-", "@")) else text


def count(number: int, noun: str) -> str:
    """'1 image', '2 images'."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
