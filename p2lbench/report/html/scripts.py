"""Scripts and data inside the page: escaped, and allowed by their hashes alone."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Sequence
from importlib import resources
from typing import Any

from markupsafe import Markup

STYLES = ("page.css", "tables.css", "viewer.css", "experiment.css")
SCRIPTS = ("base.js", "table.js", "viewer.js", "figures.js", "experiment.js")


def asset(name: str) -> str:
    """A style or script of this package."""
    return (resources.files("p2lbench.report.html") / "assets" / name).read_text("utf-8")


def plotly() -> str:
    """The drawing library, as its package brings it."""
    from plotly.offline import get_plotlyjs

    source: str = get_plotlyjs()
    return source


def code(source: str) -> Markup:
    """JavaScript that may stand between script tags."""
    source = source.replace("\r\n", "\n").replace("\r", "\n")
    source = re.sub("</(?=script)", r"<\\/", source, flags=re.IGNORECASE)
    return Markup(source.replace("<!--", "< !--"))


def data(document: Any) -> Markup:
    """JSON that may stand between script tags: it has no <, >, & and nothing but ASCII."""
    text = json.dumps(document, allow_nan=False, separators=(",", ":"))
    for char in "<>&":
        text = text.replace(char, f"\\u{ord(char):04x}")
    return Markup(text)


def policy(scripts: Sequence[str]) -> str:
    """The content security policy: these scripts, pictures inside the page, and nothing else.

    Styles are not restricted to hashes, as the drawing library writes its own.
    """
    hashes = " ".join(f"'sha256-{_digest(source)}'" for source in scripts)
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _digest(source: str) -> str:
    return base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()
