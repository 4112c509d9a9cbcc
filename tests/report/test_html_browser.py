"""The report in a real browser, from file://: what can be done with it, and by whom."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from report.folders import HOSTILE, Made, hostile

from p2lbench.report.html import page
from p2lbench.store import Store

CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium on this machine")

# For all text on the page: the contrast of its colour with the ground that it stands on.
CONTRAST = """() => {
  const numbers = (text) => text.match(/[\\d.]+/g).map(Number);
  const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const rgba = (text) => {
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = text; canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
    .map((v) => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
    .reduce((sum, v, k) => sum + v * [.2126, .7152, .0722][k], 0);
  const ground = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const found = rgba(getComputedStyle(e).backgroundColor);
      if (found[3] === 255) return found;
    }
    return rgba(getComputedStyle(document.body).backgroundColor);
  };
  const low = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !element.checkVisibility()) continue;
    if (element.closest('.stage, script, style, svg, .hidden, .skip')) continue;
    const [a, b] = [light(rgba(getComputedStyle(element).color)), light(ground(element))];
    const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    if (ratio < 4.5) low.push([walker.currentNode.data.trim().slice(0, 40), ratio.toFixed(2)]);
  }
  return low;
}"""

MADE = Made(
    optimizers=("adam", "cma", "basincma", "none"),
    images=("bag", "boot", "hat"),
    transforms=("none", "spatial"),
    repeats=2,
    baseline="adam",
    notes=("a note for the table",),
    broken={("none", "hat"): ("failed", "ValueError: no")},
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield found
        found.close()


def written(made: Made, folder: Path) -> Path:
    with Store.open_read(made.write(folder / "results")) as store:
        (folder / "report.html").write_text(page.render(store), encoding="utf-8")
    return folder / "report.html"


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(MADE, tmp_path_factory.mktemp("report"))


class Tab:
    """A page, and what it should not have said or asked for."""

    def __init__(self, browser: Any, file: Path) -> None:
        self.context = browser.new_context()
        self.page = self.context.new_page()
        self.said: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("dialog", lambda dialog: (self.said.append("dialog"), dialog.dismiss()))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.set_default_timeout(20000)
        self.page.goto(file.as_uri(), timeout=60000)
        self.page.wait_for_selector(".chart .main-svg", state="attached")

    def names(self) -> list[str]:
        """The methods of the leaderboard's visible rows, in order."""
        lines = self.page.locator("#board tbody tr:visible th")
        return [" ".join(text.split()) for text in lines.all_inner_texts()]

    def column(self, label: str) -> list[str]:
        heads = self.page.locator("#board thead tr:last-child th").all_inner_texts()
        at = next(k for k, head in enumerate(heads) if head.strip().startswith(label))
        lines = self.page.locator("#board tbody tr:visible").all()
        return [line.locator("td, th").nth(at).inner_text().split("\n")[0] for line in lines]

    def sort(self, label: str) -> Any:
        button = self.page.locator("#board .sort", has_text=label).first
        button.click()
        return button.locator("xpath=ancestor::th")

    def unfold(self) -> None:
        self.page.evaluate("document.querySelectorAll('details').forEach(e => { e.open = true; })")

    def begin(self) -> None:
        """As it was opened: a page of 5 MB is not loaded for each test."""
        self.page.set_viewport_size({"width": 1280, "height": 900})
        self.page.emulate_media(color_scheme="light", media="screen")
        while "system" not in self.page.locator("#theme").inner_text():
            self.page.locator("#theme").click()
        self.page.evaluate("document.querySelectorAll('details').forEach(e => { e.open = false; })")
        self.page.locator("#reset").click()
        for picker in ("image", "method"):
            self.page.locator(f"#pick-{picker}").select_option(index=0)

    def end(self) -> None:
        """Nothing was said on the console, and nothing asked for but the file."""
        assert self.said == []
        assert [url for url in self.asked if not url.startswith("data:")] == [self.page.url]


@pytest.fixture(scope="module")
def opened(browser: Any, file: Path) -> Iterator[Tab]:
    found = Tab(browser, file)
    yield found
    found.context.close()


@pytest.fixture
def tab(opened: Tab) -> Iterator[Tab]:
    opened.begin()
    yield opened
    opened.end()


@pytest.fixture(scope="module")
def bad(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    found = Tab(browser, written(hostile(), tmp_path_factory.mktemp("hostile")))
    yield found
    found.end()
    found.context.close()


def test_columns_sort_and_say_so(tab: Tab) -> None:
    assert tab.column("rank")[:6] == ["1", "2", "3", "4", "5", "6"]
    head = tab.sort("l1")
    assert head.get_attribute("aria-sort") == "ascending"
    values = [float(text) for text in tab.column("l1")[:6]]
    assert values == sorted(values)
    head = tab.sort("l1")
    assert head.get_attribute("aria-sort") == "descending"
    assert [float(text) for text in tab.column("l1")[:6]] == values[::-1]
    assert tab.page.locator("#board th[aria-sort]").count() == 1
    assert "sorted by l1" in tab.page.locator("#board-said").inner_text()


def test_higher_is_better_sorts_from_the_top(tab: Tab) -> None:
    assert tab.sort("psnr").get_attribute("aria-sort") == "descending"


@pytest.mark.parametrize("label", ["l1", "psnr", "passes", "method"])
def test_rows_that_miss_images_stay_last(tab: Tab, label: str) -> None:
    for _ in range(2):
        tab.sort(label)
        assert all("†" in name for name in tab.names()[-2:])
        assert not any("†" in name for name in tab.names()[:-2])


def test_the_statistic_changes_the_numbers(tab: Tab) -> None:
    selected = tab.column("l1")
    tab.page.get_by_text("best of 3", exact=True).first.click()
    best = tab.column("l1")
    assert all(float(b) <= float(s) for b, s in zip(best, selected, strict=True))
    tab.page.locator("#board-tools").get_by_text("mean", exact=True).click()
    assert tab.column("l1") not in (best, selected)
    assert " to " in tab.page.locator("#board tbody tr td:visible").nth(1).inner_text()


def test_filters_reach_every_part_of_the_page(tab: Tab) -> None:
    tab.page.locator(".filter[data-axis='4'] summary").click()
    tab.page.get_by_role("button", name="None", exact=True).click()
    tab.page.get_by_label("basincma", exact=True).check()
    assert len(tab.names()) == 2
    assert tab.page.locator("#heat tbody tr:visible").count() == 2
    assert tab.page.locator("#convergence .keys button:visible").count() == 2
    assert tab.page.locator("#methods button:visible").count() == 2
    tab.page.keyboard.press("Escape")
    tab.page.locator("#find").fill("SPATIAL")
    assert len(tab.names()) == 1
    assert tab.page.locator("#board-said").inner_text().startswith("1 of 8 rows")
    tab.page.locator("#reset").click()
    assert len(tab.names()) == 8


def test_the_slider_moves_by_keyboard(tab: Tab) -> None:
    slider = tab.page.get_by_label("How much of the target is shown")
    slider.focus()
    before = tab.page.locator("#made").evaluate("e => getComputedStyle(e).clipPath")
    for _ in range(10):
        tab.page.keyboard.press("ArrowRight")
    assert slider.input_value() == "60"
    assert slider.get_attribute("aria-valuetext") == "60% target, 40% reconstruction"
    assert tab.page.locator("#made").evaluate("e => getComputedStyle(e).clipPath") != before
    tab.page.keyboard.press("Home")
    assert slider.input_value() == "0"


def test_pictures_are_chosen_by_image_method_repeat_and_candidate(tab: Tab) -> None:
    made = tab.page.locator("#made")
    seen = {made.get_attribute("src")}
    tab.page.get_by_label("Image", exact=True).select_option(index=1)
    assert "boot (class 1)" in (tab.page.locator("#target").get_attribute("alt") or "")
    seen.add(made.get_attribute("src"))
    tab.page.get_by_label("Method", exact=True).select_option(index=1)
    seen.add(made.get_attribute("src"))
    tab.page.get_by_label("Repeat").select_option(index=1)
    seen.add(made.get_attribute("src"))
    buttons = tab.page.locator("#candidates button")
    pressed = [button.get_attribute("aria-pressed") for button in buttons.all()]
    other = pressed.index("false")
    buttons.nth(other).focus()
    tab.page.keyboard.press("Enter")
    seen.add(made.get_attribute("src"))
    assert len(seen) == 5
    title = tab.page.locator("#values-title").inner_text()
    assert title.endswith(f"candidate {other}")  # counted from 0, as --candidate has it
    assert tab.page.locator("#candidates button[aria-pressed=true]").count() == 1
    assert tab.page.evaluate("document.activeElement.closest('#candidates') !== null")
    assert tab.page.locator("#made").evaluate("e => e.complete && e.naturalWidth") == 8
    assert not tab.page.locator("#veil").is_visible()
    tab.page.get_by_label("shade what the mask").check()
    assert tab.page.locator("#veil").is_visible()


def test_a_number_of_an_image_leads_to_its_picture(tab: Tab) -> None:
    line = tab.page.locator("#heat tbody tr").nth(2)
    line.locator("button").nth(1).click()
    assert tab.page.get_by_label("Image", exact=True).input_value() == "1"
    assert tab.page.get_by_label("Method", exact=True).input_value() == "2"
    assert tab.page.evaluate("document.activeElement.id") == "slider"


def test_charts_follow_their_keys_and_the_theme(tab: Tab) -> None:
    lines = tab.page.locator("#convergence .scatterlayer .trace")
    drawn = lines.count()
    key = tab.page.locator("#convergence .keys button").first
    key.focus()
    tab.page.keyboard.press("Space")
    assert key.get_attribute("aria-pressed") == "false"
    assert lines.count() == drawn - 2
    ground = "() => document.querySelector('#cost .main-svg').style.background"
    before = tab.page.evaluate(ground)
    tab.page.emulate_media(color_scheme="dark")
    tab.page.wait_for_function(f"before => ({ground})() !== before", arg=before)
    tab.page.get_by_role("button", name="Theme").click()
    tab.page.wait_for_function(f"before => ({ground})() === before", arg=before)


def test_charts_follow_the_width(tab: Tab) -> None:
    wide = "document.querySelector('#cost .main-svg').getBoundingClientRect().width"
    assert tab.page.evaluate(wide) > 1000
    tab.page.set_viewport_size({"width": 390, "height": 844})
    tab.page.wait_for_function(f"() => {wide} < 390")
    tab.page.set_viewport_size({"width": 1280, "height": 844})
    tab.page.wait_for_function(f"() => {wide} > 1000")


def test_charts_can_be_saved(tab: Tab, tmp_path: Path) -> None:
    with tab.page.expect_download() as download:
        tab.page.locator("#cost .save").click()
    download.value.save_as(tmp_path / "cost.svg")
    assert "<svg" in (tmp_path / "cost.svg").read_text()


def test_charts_have_other_views_and_tables(tab: Tab) -> None:
    section = tab.page.locator("#convergence")
    assert "passes" in section.locator(".x-title").inner_text()
    section.locator("select").select_option(index=1)
    assert "seconds" in section.locator(".x-title").inner_text()
    section.locator("summary").click()
    assert section.locator("table").first.locator("tbody tr").count() == 8


def test_the_page_is_marked_up_for_screen_readers(tab: Tab) -> None:
    bare = """() => [...document.querySelectorAll('button, select, input, [role=region], img')]
      .filter((e) => e.checkVisibility())
      .filter((e) => !(e.textContent.trim() || e.labels?.length || e.ariaLabel
        || e.alt !== undefined || e.getAttribute('aria-labelledby')))
      .map((e) => e.outerHTML)"""
    assert tab.page.evaluate(bare) == []
    assert tab.page.evaluate("document.documentElement.lang") == "en"
    unscoped = "() => [...document.querySelectorAll('th:not([scope])')].map((e) => e.outerHTML)"
    assert tab.page.evaluate(unscoped) == []
    levels = tab.page.evaluate("[...document.querySelectorAll('h1,h2,h3')].map(e => +e.tagName[1])")
    assert levels[0] == 1
    assert max(b - a for a, b in pairwise(levels)) <= 1
    repeated = """() => { const ids = [...document.querySelectorAll('main [id], header [id]')]
      .map((e) => e.id); return ids.filter((id, k) => ids.indexOf(id) !== k); }"""
    assert tab.page.evaluate(repeated) == []
    first = "document.querySelector('a, button, input, select, summary, [tabindex]').className"
    assert tab.page.evaluate(first) == "skip"
    outline = "getComputedStyle(document.querySelector('#find')).outlineStyle"
    tab.page.locator("#find").focus()
    assert tab.page.evaluate(outline) == "solid"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_can_be_read(tab: Tab, scheme: str) -> None:
    tab.page.emulate_media(color_scheme=scheme)
    tab.unfold()
    assert tab.page.evaluate(CONTRAST) == []


@pytest.mark.parametrize("width", [320, 390, 768, 1024])
@pytest.mark.parametrize("which", ["opened", "bad"])
def test_narrow_pages_do_not_scroll_sideways(
    request: pytest.FixtureRequest, width: int, which: str
) -> None:
    tab: Tab = request.getfixturevalue(which)
    tab.page.set_viewport_size({"width": width, "height": 844})
    tab.unfold()
    root = "document.documentElement"
    tab.page.wait_for_function(f"() => {root}.scrollWidth <= {root}.clientWidth")


def test_hostile_names_do_not_run(bad: Tab) -> None:
    for select in bad.page.locator("select:visible").all():
        for k in range(select.locator("option").count()):
            select.select_option(index=k)
    bad.page.locator("#find").fill(HOSTILE)
    bad.unfold()
    assert bad.page.locator("img[src=x], [onerror]").count() == 0
    assert HOSTILE in bad.page.locator("#board").inner_text()
    assert "&lt;img" in bad.page.locator("#cost .scatterlayer").inner_html()


def test_what_is_left_of_it_without_scripts(browser: Any, file: Path) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(file.as_uri(), timeout=60000)
    assert page.locator("#board tbody tr:visible").count() == 8
    assert page.locator("button#theme").is_hidden()
    assert page.get_by_text("The pictures need JavaScript.").is_visible()
    context.close()


def test_it_prints(tab: Tab) -> None:
    tab.page.emulate_media(media="print", color_scheme="dark")
    assert not tab.page.locator("nav").is_visible()
    body = "getComputedStyle(document.body).backgroundColor"
    assert tab.page.evaluate(body) == "rgb(255, 255, 255)"
    drawn = "document.querySelector('#cost .main-svg').getBoundingClientRect().width"
    tab.page.wait_for_function(f"() => {drawn} === 660")  # fits a sheet
    assert tab.page.locator("#cost .keys button").first.is_visible()
