"""Why a stored row is not of the same cells as a suite's, in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from p2lbench.masks.kinds import BACKGROUND

_OWN = ("method", "weights", "files", "origins", "threads")  # compared elsewhere, or no matter
Plain = Mapping[str, Any]


def of_methods(there: Plain, here: Plain) -> Iterator[str]:
    """What two methods are run with, but for the methods themselves."""
    for key in sorted((there.keys() | here.keys()) - set(_OWN)):
        one, other = there.get(key), here.get(key)
        if one == other:
            continue
        if isinstance(one, Mapping) and isinstance(other, Mapping):
            names = [n for n in sorted(one.keys() | other.keys()) if one.get(n) != other.get(n)]
            yield from (_differ(f"{key} {n}", one.get(n), other.get(n)) for n in names)
        else:
            yield _differ(key.replace("_", " "), one, other)


def of_weights(there: Plain, here: Plain, names: Sequence[str]) -> Iterator[str]:
    """Weights of the parts that both must have."""
    for name in names:
        if there.get("weights", {}).get(name) != here["weights"].get(name):
            yield f"the weights '{name}' are other ones"


def of_files(there: Plain, files: Sequence[str]) -> Iterator[str]:
    """Files that these parts read, which stand before an optimizer's."""
    if list(there.get("files", []))[: len(files)] != list(files):
        yield "a file that a plugin reads is another one"


def of_origins(there: Sequence[Plain], here: Sequence[Plain]) -> Iterator[str]:
    """Versions of p2lbench and of the plugins that both must have."""
    for own in here:
        if own in there:
            continue
        name = own.get("name")
        theirs = next((each for each in there if name and each.get("name") == name), None)
        if theirs is not None:
            yield f"made with {name} {_version(theirs)}, here {_version(own)}"
        else:
            what = name or f"plugin file (SHA-256 {str(own.get('source'))[:12]})"
            yield f"not made with the {what} of here"


def of_cells(there: Sequence[Plain], here: Plain, image: str) -> str:
    """Why none of a row's cells is the one of here; both without their methods."""
    same = [one for one in there if one.get("image") == here["image"]]
    if not same:
        return f"image '{image}' is not in it"
    nearest = min(same, key=lambda one: len(list(_keys(one, here))))
    return "; ".join(
        f"another mask of image '{image}'"
        if key == "mask"
        else _differ(
            f"{key} of image '{image}'" if key in ("class", "truth") else key,
            *(one.get(key, BACKGROUND if key == "background" else None) for one in (nearest, here)),
        )
        for key in _keys(nearest, here)
    )


def _keys(one: Plain, other: Plain) -> Iterator[str]:
    return (key for key in sorted(one.keys() | other.keys()) if one.get(key) != other.get(key))


def _differ(what: str, there: Any, here: Any) -> str:
    return f"{what} {_text(there)}, here {_text(here)}"


def _text(value: Any) -> str:
    return "none" if value is None or value == {} else str(value)[:80]


def _version(origin: Plain) -> str:
    source = origin.get("source")
    return f"{origin.get('version')}{f' (source {str(source)[:12]})' if source else ''}"
