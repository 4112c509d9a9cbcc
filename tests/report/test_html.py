"""The report as text: nothing is lost, nothing is invented, no name becomes markup."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from report.folders import HOSTILE, Made, hostile, many

from p2lbench.errors import StoreError
from p2lbench.leaderboard import STATISTICS, as_text, load
from p2lbench.report.html import cells, heat, page, pictures, scripts
from p2lbench.store import Store


class Parsed(HTMLParser):
    """The tags of a page with their attributes, and the text of each script."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.words: list[str] = []
        self._raw = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._raw = tag if tag in ("script", "style") else ""
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        self._raw = ""

    def handle_data(self, data: str) -> None:
        if self._raw == "script":
            self.scripts[-1] += data
        elif not self._raw:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    @property
    def data(self) -> Any:
        return json.loads(self.scripts[0])

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [found for name, found in self.tags if name == tag]


@pytest.fixture(autouse=True)
def library(monkeypatch: pytest.MonkeyPatch) -> None:
    """The drawing library has 5 MB, which each test would go through."""
    monkeypatch.setattr(scripts, "plotly", lambda: "var Plotly = 1 < 2;")


def render(folder: Path, limit: int = pictures.LIMIT) -> str:
    with Store.open_read(folder) as store:
        return page.render(store, limit=limit)


def test_hostile_names_are_text(where: Path) -> None:
    parsed = Parsed(render(hostile().write(where)))
    assert {found.get("onerror") for found in parsed.named("img")} == {None}
    assert len(parsed.named("script")) == 1 + 1 + len(scripts.SCRIPTS)
    assert parsed.text.count(HOSTILE) > 10
    assert "{{ 7 * 7 }}" in parsed.text
    assert "\u202e" not in parsed.text
    assert any(HOSTILE in name for name in parsed.data["methods"])


def test_data_has_nothing_that_ends_a_script(where: Path) -> None:
    text = render(hostile().write(where))
    data = text.split('id="data">')[1].split("</script>\n<script>")[0]
    assert len(json.loads(data)["methods"]) == 3
    assert not set(data) & set("<>&\u2028\u2029")
    assert data.isascii()


def test_the_policy_allows_these_scripts_alone(where: Path) -> None:
    parsed = Parsed(render(Made().write(where)))
    policy = next(str(meta["content"]) for meta in parsed.named("meta") if "http-equiv" in meta)
    allowed = set(re.findall(r"'sha256-([^']+)'", policy))
    assert allowed == {
        base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        for script in parsed.scripts[1:]
    }
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy.split("style-src")[0]


def test_code_cannot_end_its_script() -> None:
    source = scripts.code("a = '</SCRIPT>';\r\nb = '<!--'")
    assert source == "a = '<\\/SCRIPT>';\nb = '< !--'"


def test_the_same_folder_gives_the_same_page(where: Path, tmp_path: Path) -> None:
    made = render(Made(images=("bag", "boot", "hat"), repeats=2).write(where))
    shutil.copytree(where, tmp_path / "elsewhere" / "copy")
    assert render(tmp_path / "elsewhere" / "copy") == made


def test_every_number_is_the_leaderboards(where: Path) -> None:
    text = render(Made(baseline="adam", images=[f"i{k}" for k in range(13)]).write(where))
    with Store.open_read(where) as store:
        board = load(store)
    for row in board.rows:
        for metric in board.metrics:
            for kind in STATISTICS:
                value = row.value(kind, metric.name)
                assert value is not None
                shown = as_text(value, board.digits(metric.name))
                found = rf'<span class="of-{kind}[^"]*" data-v="{re.escape(str(value))}">{shown}<'
                assert re.search(found, text)
    assert text.count('<span class="mark worse">worse</span>') == 2
    assert "Holm's correction over the pairs" in Parsed(text).text


def test_best_ties_and_the_front_are_marked(where: Path) -> None:
    made = Made(optimizers=("a", "b"), images=("bag",))
    folder = made.write(where)
    with Store.create_or_open(folder, "made") as store:
        first, second = store.plan()
        record = store.get(first.cell)
        assert record is not None
        store.put(replace(record, cell=second.cell))
    text = render(folder)
    assert text.count(">1=<") == 2
    assert text.count('<span class="hidden"> (best)</span>') == 2 * (3 * 3 + 1)
    assert text.count('<span class="tag front">front</span>') == 2 + 1  # and the legend


def test_rows_that_miss_images_have_no_rank(where: Path) -> None:
    text = render(
        Made(broken={("cma", "boot"): ("failed", "ValueError: no\n  line 2")}).write(where)
    )
    line = next(part for part in text.split("<tr ") if "<b>cma</b>" in part and "data-axes" in part)
    assert "data-partial" in line
    assert '<td class="number">—</td>' in line
    assert "†" in line
    assert "1 of 2 images" in line
    assert " best" not in line.split("</tr>")[0]


def test_a_ranking_on_an_optimised_metric_is_said(where: Path) -> None:
    made = Made(metrics=(Made().metrics[0],))
    text = Parsed(render(made.write(where))).text
    assert "an optimised metric, which favours who optimised it" in text
    assert "ranked on an optimised metric (l1): no held-out one has values" in text


def test_failures_are_grouped_by_reason(where: Path) -> None:
    broken = {
        (name, image): ("failed", "ValueError: no")
        for name in ("adam", "cma")
        for image in ("bag", "boot")
    }
    broken["basincma", "bag"] = ("timeout", "longer than 60 s")
    text = Parsed(render(Made(broken=broken).write(where))).text
    assert "failed 4 cells ValueError: no" in text
    assert "timeout 1 cell longer than 60 s" in text
    assert text.index("failed 4 cells") < text.index("timeout 1 cell")


def test_a_run_that_has_not_ended(where: Path) -> None:
    text = Parsed(render(Made(unrun=frozenset({("cma", "boot")})).write(where))).text
    assert "5 ok , 1 not run yet" in text
    assert "not run yet 1 cell" in text


def test_a_run_without_any_ok_cell(where: Path) -> None:
    made = Made()
    broken = {(name, image): ("failed", "no") for name in made.optimizers for image in made.images}
    parsed = Parsed(render(replace(made, broken=broken).write(where)))
    assert "Not ranked" in parsed.text
    assert "No cell is ok: there are no pictures." in parsed.text
    assert parsed.data["figures"] == []


def test_a_folder_without_a_plan_is_refused(where: Path) -> None:
    with Store.create_or_open(where, "made"):
        pass
    with pytest.raises(StoreError, match="no run has been planned here yet"):
        render(where)


def test_what_the_folder_lacks_is_said(where: Path) -> None:
    Made().write(where)
    (where / "suite.yaml").unlink()
    (where / "environment.json").write_text("[[")
    text = Parsed(render(where)).text
    assert "suite.yaml is not in the folder" in text
    assert "environment.json is not in the folder" in text


def cells_of(folder: Path, limit: int = pictures.LIMIT) -> tuple[list[dict[str, Any]], str]:
    parsed = Parsed(render(folder, limit))
    images = parsed.data["gallery"]["images"]
    return [cell for image in images for cell in image["cells"]], parsed.text


def test_pictures_are_the_stored_ones(where: Path) -> None:
    Made(size=(8, 6), optimizers=("adam",), images=("bag", "boot")).write(where)
    gallery = Parsed(render(where)).data["gallery"]
    image = gallery["images"][1]
    (cell,) = image["cells"]
    with Store.open_read(where) as store:
        record = store.get(store.plan()[1].cell)
    assert record is not None
    whole = decoded(record.images)
    shown = [decoded(base64.b64decode(uri.split(",")[1])) for uri in cell["pictures"]]
    np.testing.assert_array_equal(np.concatenate(shown, axis=1), whole)
    assert cell["selected"] == record.selected
    assert image["class"] == "class 1"
    target = decoded(base64.b64decode(image["targets"]["8x6"].split(",")[1]))
    np.testing.assert_array_equal(target, np.full((8, 6, 3), 41))
    assert gallery["images"][0]["masks"] == {}
    assert list(image["masks"]) == ["8x6"]


def decoded(png: bytes) -> np.ndarray[Any, Any]:
    import io

    from PIL import Image

    with Image.open(io.BytesIO(png)) as image:
        return np.asarray(image.convert("RGB"))


def test_a_limit_leaves_candidates_out_first_and_says_so(where: Path) -> None:
    Made().write(where)
    cells, text = cells_of(where)
    assert len(cells) == 6
    assert all(None not in cell["pictures"] for cell in cells)
    assert "Left out" not in text
    fewer, text = cells_of(where, 2000)
    assert len(fewer) == 6
    assert any(None in cell["pictures"] for cell in fewer)
    assert all(cell["pictures"][cell["selected"]] for cell in fewer)
    assert "the candidates that were not selected, in" in text
    none, text = cells_of(where, 0)
    assert none == []
    assert "the pictures of 6 of 6 cells" in text


def test_large_pictures_are_compressed(where: Path) -> None:
    Made(size=(200, 200), optimizers=("adam",), images=("bag",)).write(where)
    (cell,), _ = cells_of(where)
    assert all(uri.startswith("data:image/webp;base64,") for uri in cell["pictures"])


def test_files_that_were_changed_cost_their_picture_alone(where: Path) -> None:
    Made().write(where)
    with Store.open_read(where) as store:
        cell = store.plan()[0].cell
    (where / "images" / f"{cell}.png").write_bytes(b"no")
    for target in (where / "targets").glob("*.png"):
        target.unlink()
    cells, text = cells_of(where)
    assert len(cells) == 5
    assert "1 cell whose file of images is missing or was changed" in text
    assert "2 targets whose file is missing or was changed" in text


def figures_of(folder: Path) -> dict[str, list[dict[str, Any]]]:
    return {one["key"]: one["views"] for one in Parsed(render(folder)).data["figures"]}


def test_figures_are_there_where_they_have_something_to_show(where: Path, tmp_path: Path) -> None:
    assert list(figures_of(Made().write(where))) == ["convergence", "cost", "profiles", "best-of-k"]
    one = Made(optimizers=("cma",), targets=True)
    assert list(figures_of(one.write(tmp_path / "one"))) == ["convergence", "cost", "targets"]


def test_convergence_ends_at_the_returned_objectives(where: Path) -> None:
    Made(optimizers=("adam",), images=("bag",)).write(where)
    with Store.open_read(where) as store:
        record = store.get(store.plan()[0].cell)
    assert record is not None
    steps = record.trace.passes
    over_passes, over_seconds = figures_of(where)["convergence"]
    mean, best = over_passes["series"]
    assert mean["x"] == list(steps)
    assert over_seconds["series"][0]["x"] == [step / 200 for step in steps]
    last = record.trace.best[-1]
    assert mean["y"][-1] == pytest.approx(np.mean(last), rel=1e-5)
    assert best["y"][-1] == pytest.approx(min(last), rel=1e-5)
    assert (mean["faint"], best["faint"]) == (False, True)


def test_the_front_stands_out(where: Path) -> None:
    Made(optimizers=("adam", "cma")).write(where)
    (view,) = figures_of(where)["cost"]
    path, adam, cma = view["series"]
    assert (path["row"], path["x"]) == (None, [300])
    assert (adam["strong"], cma["strong"]) == (True, False)
    assert "for 300 passes" in adam["texts"][0]


def test_targets_and_profiles_are_the_leaderboards(where: Path) -> None:
    Made(targets=True).write(where)
    found = figures_of(where)
    with Store.open_read(where) as store:
        board = load(store)
    (reached,) = found["targets"]
    for one in reached["series"]:
        runtimes = board.rows[one["row"]].runtimes
        assert runtimes is not None
        assert one["y"][-1] == pytest.approx(runtimes.ecdf.share[-1], rel=1e-5)
    assert [view["share"] for view in found["profiles"]] == [True, True]
    assert found["profiles"][0]["series"][0]["y"][-1] == 1


def test_classes_of_several_images_have_means(where: Path) -> None:
    text = Parsed(render(Made(images=("bag", "boot", "hat")).write(where))).text
    assert "class 0 (2 images) class 1 (1 image)" in text


def test_shades_go_from_the_worst_to_the_best(where: Path) -> None:
    Made(optimizers=("a", "b", "c"), images=("bag",)).write(where)
    with Store.open_read(where) as store:
        board = load(store)
        found = cells.collect(store, board, lambda text: None)
    shown = heat.heat(board, found)
    assert shown is not None
    shades = [row[0].shade for row in shown.tiles]
    assert shades[0] == heat.SHADES
    assert shades[-1] == 0
    assert [row[0].best for row in shown.tiles] == [True, False, False]


@pytest.mark.slow
def test_a_large_table_stays_a_page_that_opens(where: Path) -> None:
    text = render(many().write(where))
    assert text.count("data-axes=") == 60
    assert len(text) < 8_000_000


def test_an_edition_of_an_experiment_has_a_section(where: Path) -> None:
    parsed = Parsed(render(Made(experiment="table1").write(where)))
    assert "The paper’s Table 1" in parsed.text
    assert "BasinCMA has less error than Adam" in parsed.text
    assert "The paper's numbers are not shown" in parsed.text
    assert {found.get("href") for found in parsed.named("a")} >= {"#paper"}
    assert parsed.data["paper"] == []  # a table is no chart


def test_other_suites_have_none(where: Path) -> None:
    parsed = Parsed(render(Made().write(where)))
    assert "The paper’s" not in parsed.text
    assert parsed.data["paper"] == []


@pytest.mark.parametrize("name", ["table1", "figure10", "figure12", "figure14", "runtime"])
def test_hostile_names_in_experiments_are_text(where: Path, name: str) -> None:
    text = render(replace(hostile(), experiment=name).write(where))
    parsed = Parsed(text)
    assert {found.get("onerror") for found in parsed.named("img")} == {None}
    assert len(parsed.named("script")) == 1 + 1 + len(scripts.SCRIPTS)
    assert "\u202e" not in parsed.text
    section = text.split('id="paper"')[1].split("</section>")[0]
    assert "<img src=x" not in section


def test_pictures_name_images_of_the_page(where: Path) -> None:
    made = Made(experiment="figure12", optimizers=("adam", "basincma"))
    pictured = Parsed(render(made.write(where))).data
    (part,) = (one for one in pictured["paper"] if one["kind"] == "pictures")
    for image in part["images"]:
        assert pictured["gallery"]["images"][image["at"]]["name"] == image["name"]
        for shots in image["shots"]:
            cells_there = pictured["gallery"]["images"][image["at"]]["cells"]
            assert any(cell["row"] == shots["row"] for cell in cells_there)
