"""docs/optimizers.md says what the code, the kit and the sweep say."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

from builtin_optimizers import BUILT_INS

from p2lbench import plugins
from p2lbench.testing import checks

DOCS = Path(__file__).parents[2] / "docs"


def test_the_page_is_what_is_written_from_the_code():
    made = runpy.run_path(str(DOCS / "optimizers.py"))["page"]()
    written = (DOCS / "optimizers.md").read_text(encoding="utf-8")
    assert written == made, "run: python docs/optimizers.py"


def test_every_optimizer_was_put_to_every_check():
    results = json.loads((DOCS / "conformance.json").read_text(encoding="utf-8"))
    entries = plugins.load().registry.entries("optimizers")
    names = {entry.name for entry in entries if entry.origin.name == "p2lbench"}
    ids = {str(check) for check in checks("optimizer")}
    assert names == set(BUILT_INS) == set(results), "run: python docs/optimizers.py --check"
    assert all(set(outcomes) == ids for outcomes in results.values())
