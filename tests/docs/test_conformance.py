"""The documentation's example plugins pass the kit that it recommends."""

from __future__ import annotations

from pathlib import Path

import pytest
from docs.test_docs import EXAMPLES, examples, save_decoder

from p2lbench.testing import NotApplicable, checks
from p2lbench.testing.targets import find

PLUGINS = {
    name: text
    for name, text in {**EXAMPLES, **examples("CONTRIBUTING.md")}.items()
    if name.endswith(".py")
}


@pytest.mark.parametrize("name", PLUGINS)
def test_it_passes(name: str, tmp_path: Path) -> None:
    file = tmp_path / name
    file.write_text(PLUGINS[name], encoding="utf-8")
    if name == "my_decoder.py":
        save_decoder(file)
    for target in find(str(file)):
        assert target.factory is not None
        for check in checks(target.kind):
            try:
                check(target.factory)
            except NotApplicable:
                continue
