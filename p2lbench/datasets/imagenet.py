"""ImageNet's classes, and which of them are PASCAL's.

`wnids.txt`: the names of the thousand classes, in their sorted order, which is the order of
BigGAN's classes; facts, as every copy of ILSVRC2012 has them. `pascal.csv`: those of 16 of PASCAL's
classes; `tools/pascal.py` writes it from WordNet, and docs/data.md says how they were chosen.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from types import MappingProxyType


def _text(name: str) -> str:
    return (files(__package__) / name).read_text("utf-8")


WNIDS: tuple[str, ...] = tuple(_text("wnids.txt").split())
CLASS_OF = {wnid: number for number, wnid in enumerate(WNIDS)}


@lru_cache(maxsize=1)
def super_classes() -> Mapping[str, str]:
    """wnid → the class of PASCAL's that it belongs to, for those that belong to one."""
    rows = csv.DictReader(io.StringIO(_text("pascal.csv")))
    return MappingProxyType({row["wnid"]: row["super_class"] for row in rows})
