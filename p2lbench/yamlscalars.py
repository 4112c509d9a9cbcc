"""What a single value of a YAML file means: texts, numbers, true, false and nothing."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any


def _text(text: str) -> str:
    text.encode()  # half a surrogate pair, as "\\ud800" makes, could never be printed
    return text


def _integer(text: str) -> int:
    digits = text.replace("_", "").lower()
    # In YAML 1.2 a leading 0 does not make a number octal.
    return int(digits, 0 if re.match(r"[-+]?0[box]", digits) else 10)


def _real(text: str) -> float:
    number = float(text.replace("_", "").replace(".inf", "inf").replace(".nan", "nan"))
    if not math.isfinite(number):
        raise ValueError(text)
    return number


def _null(text: str) -> None:
    if text.lower() not in ("", "~", "null"):
        raise ValueError(text)


# By the short name of the tag. A reader raises ValueError, KeyError or OverflowError.
SCALARS: dict[str, Callable[[str], Any]] = {
    "str": _text,
    "timestamp": str,  # dates are no part of YAML 1.2's core: `2020-01-01` is a text
    "value": str,  # nor is `=`
    "null": _null,
    "bool": lambda text: {"true": True, "false": False}[text.lower()],
    "int": _integer,
    "float": _real,
}
