"""The section on the paper's experiment in a real browser, one page for every kind of chart."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from report.folders import HOSTILE, Made, hostile
from report.test_html_browser import CHROMIUM, CONTRAST, Tab, browser, written

__all__ = ["browser"]
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium on this machine")

STEPS = {f"{x}x{y}": {"outer_steps": x, "inner_steps": y} for x in (2, 4) for y in (2, 4)}
PAGES = {
    "figure12": Made(optimizers=("adam", "basincma"), candidates=9),
    "figure14": Made(optimizers=("cma", "nevergrad:CMA", "nevergrad:DE")),
    "figure17": Made(optimizers=list(STEPS), options=STEPS),
    "runtime": replace(hostile()),
}


@pytest.fixture(scope="module", params=sorted(PAGES))
def tab(
    request: pytest.FixtureRequest, browser: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Tab]:
    made = replace(PAGES[request.param], experiment=request.param)
    found = Tab(browser, written(made, tmp_path_factory.mktemp(request.param)))
    yield found
    assert found.said == []
    assert all(url.startswith(("file:", "data:", "blob:")) for url in found.asked)
    found.context.close()


def test_the_section(tab: Tab, tmp_path: Path) -> None:
    page = tab.page
    section = page.locator("#paper")
    charts, drawn = (
        section.locator(".chart").count(),
        section.locator(".chart .main-svg:first-child"),
    )
    assert drawn.count() == charts
    assert section.locator(".scriptless").count() == 0
    for picture in section.locator(".tops img").all():
        assert picture.evaluate("one => one.naturalWidth") > 0
        assert picture.get_attribute("alt")
    assert page.locator("img[src=x], [onerror]").count() == 0
    assert HOSTILE not in section.inner_html()
    with page.expect_download() as download:
        section.locator(".save").first.click()
    download.value.save_as(tmp_path / "chart.svg")
    assert "<svg" in (tmp_path / "chart.svg").read_text()
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        tab.unfold()
        assert page.evaluate(CONTRAST) == []
    for width in (320, 390, 1024):
        page.set_viewport_size({"width": width, "height": 844})
        root = "document.documentElement"
        page.wait_for_function(f"() => {root}.scrollWidth <= {root}.clientWidth")
    page.emulate_media(media="print")
    page.wait_for_function(
        "() => [...document.querySelectorAll('#paper .chart .main-svg:first-child')]"
        ".every((one) => one.getBoundingClientRect().width === 660)"
    )
