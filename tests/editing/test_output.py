"""Folders of edits and blends: safe names, nothing of others lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from p2lbench.editing.output import checked_name, prepared, slug
from p2lbench.errors import UserError


@pytest.mark.parametrize("name", ["", "..", "a/b", "../x", ".hidden", "a b", "x" * 101, "\x00"])
def test_hostile_names(name: str) -> None:
    with pytest.raises(UserError, match="--name: expected up to 100 letters"):
        checked_name("--name", name)


def test_slugs_are_names() -> None:
    assert slug("Ankle boot/39", "class t-shirt/top") == "ankle-boot-39-class-t-shirt-top"
    assert checked_name("--name", slug("../..", "日本")) == "unnamed"
    assert len(slug("x" * 500)) == 80


def test_an_earlier_call_is_replaced_and_nothing_else(tmp_path: Path) -> None:
    folder = prepared(tmp_path / "new" / "edit", ["*.png", "edit.json"])
    (folder / "a.png").touch()
    (folder / "edit.json").touch()
    assert not [*prepared(folder, ["*.png", "edit.json"]).iterdir()]
    (folder / "a.png").touch()
    (folder / "thesis.doc").touch()
    with pytest.raises(UserError, match=r"other files in it, such as 'thesis.doc'"):
        prepared(folder, ["*.png", "edit.json"])
    assert (folder / "a.png").exists()
    with pytest.raises(UserError, match="cannot be written"):
        prepared(folder / "a.png", ["*.png"])
