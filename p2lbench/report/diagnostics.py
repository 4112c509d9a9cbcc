"""How the diagnostics of a leaderboard are headed, printed and explained."""

from __future__ import annotations

from p2lbench.leaderboard import Row
from p2lbench.record import DIAGNOSTICS

# What stands above a column (a line for each word), the number's format, what it says.
_SHOWN = {
    "coverage": ("mask\ncovered", ".0%", "mask covered by the image brought back"),
    "round_trip": ("T⁻¹T(y)\nl1", ".2f", "l1 of the target brought there and back"),
    "placement": ("off\npx", ".2f", "pixels by which T misplaces the object"),
    "scale": ("off\nscale", ".0%", "factor by which it is too large or too small"),
    "brightness": ("off\nbright", ".0%", "too bright or too dark"),
    "class_moved": ("class\nmoved", ".2f", "way of c, in distances between neighbouring classes"),
    "class_crossed": ("class\ncrossed", ".0%", "cells in which c came nearest to another class"),
    "gap": ("gap to\noptimum", ".3g", "objective above that of the point which made the target"),
    "optimum": ("optimum", ".3g", "the objective of that point, as the target has 8 bits"),
}
DIAGNOSTIC_HEADS = {name: _SHOWN[name][0] for name in DIAGNOSTICS}
DIAGNOSTIC_TEXTS = {name: _SHOWN[name][2] for name in DIAGNOSTICS}


def shown(row: Row, name: str) -> str:
    """A diagnostic of a row's selected candidates as tables print it."""
    if name not in row.diagnostics:
        return "—"
    _, selected = row.diagnostics[name]
    return format(selected, _SHOWN[name][1])
