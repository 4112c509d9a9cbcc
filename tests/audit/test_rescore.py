"""`p2lbench rescore`: a metric joins a folder, and stays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from audit.folders import MASKED, OPTIMIZERS, PHOTO, SEARCH, cells, edited, sql, verified
from e2e.kit import Ran, called, ran_inline, records, timeless, written

from p2lbench.store import Store

# Brightness; refuses dark images, so that a metric raises in some cells.
BRIGHT = """
from p2lbench.api import Loss, hookimpl

class Bright(Loss):
    objective = False
    def __init__(self, limit: float = -9.0) -> None:
        self.limit = limit
    def __call__(self, images, prepared):
        if float(prepared["target"].mean()) < self.limit:
            raise RuntimeError("too dark")
        return images.mean((1, 2, 3))

@hookimpl
def register_metrics(register):
    register("bright", Bright)
"""


def rescored(folder: Path, *metrics: str, plugins: bool = True) -> Ran:
    home = folder.parents[1]
    files = ["--plugin", home / "tiny.py"] if plugins else []
    if (home / "bright.py").exists():
        files += ["--plugin", home / "bright.py"]
    asked = [word for metric in metrics for word in ("--metric", metric)]
    return called("rescore", folder, "--executor", "inline", "--json", *files, *asked)


def again(folder: Path, **keys: Any) -> tuple[Any, Any]:
    """The suite of the folder, run once more."""
    basis = {
        "images": [PHOTO, MASKED],
        "transforms": ["none", {"spatial": {"search": SEARCH}}],
        "optimizers": OPTIMIZERS,
    }
    return ran_inline(written(folder.parents[1], **{**basis, **keys}), folder.parent)


def test_a_metric_joins_and_nothing_else_changes(folder: Path) -> None:
    before = records(folder)
    done = rescored(folder, "mse")
    assert (done.code, done.json["cells"], done.json["without"]) == (0, 8, {})
    board = called("leaderboard", folder, "--json").json
    assert all(row["mean"]["mse"] > 0 for row in board["rows"])
    assert "mse" in (folder / "leaderboard.csv").read_text()
    for key, record in records(folder).items():
        values = [metrics.pop("mse") for metrics in record.metrics.values()]  # type: ignore[attr-defined]
        assert [len(each) for each in values] == [2, 2, 2]
        record.measured.pop("mse")  # type: ignore[attr-defined]
        assert timeless(record) == timeless(before[key])
        assert record.ledger == before[key].ledger
    assert (verified(folder).code, verified(folder).json["cells"]["verified"]) == (0, 8)


def test_its_values_are_those_of_a_run_that_has_it(folder: Path, tmp_path: Path) -> None:
    assert rescored(folder, "{psnr: {masked: none}, as: whole}" if False else "mse").code == 0
    _, other = ran_inline(
        written(tmp_path, images=[PHOTO], optimizers=OPTIMIZERS, metrics=["l1", "mse"]),
        tmp_path / "other",
    )
    found = {key[4]: r for key, r in records(folder).items() if key[2] == "none"}
    for key, record in records(folder).items():
        if key[2] == "none" and key[5] == "bag-126":
            assert record.metrics["original"]["mse"] == other[key[4]].metrics["original"]["mse"]
    assert found.keys() == other.keys()


def test_the_next_run_keeps_it_and_computes_it_for_new_cells(folder: Path) -> None:
    rescored(folder, "mse")
    values = {key: record.metrics["original"]["mse"] for key, record in records(folder).items()}
    outcome, _ = again(folder)
    assert outcome.cells["cached"] == 8
    found = records(folder)
    assert {key: record.metrics["original"]["mse"] for key, record in found.items()} == values
    outcome, _ = again(folder, repeats=2)
    assert (outcome.cells["cached"], outcome.cells["total"]) == (8, 16)
    assert all(len(r.metrics["aligned"]["mse"]) == 2 for r in records(folder).values())
    with Store.open_read(folder) as store:
        assert [metric["name"] for metric in store.metrics()] == ["l1", "psnr", "mse"]


def test_a_run_without_its_plugin_leaves_it_as_it_is(folder: Path) -> None:
    (folder.parents[1] / "bright.py").write_text(BRIGHT)
    assert rescored(folder, "bright").code == 0
    values = {key: record.metrics["original"]["bright"] for key, record in records(folder).items()}
    outcome, _ = again(folder)
    assert outcome.cells["cached"] == 8
    found = records(folder)
    assert {key: record.metrics["original"]["bright"] for key, record in found.items()} == values
    assert "bright" in called("leaderboard", folder, "--json").json["rows"][0]["mean"]


def test_a_metric_that_the_suite_names_itself_is_the_suites(folder: Path) -> None:
    rescored(folder, "mse")
    outcome, _ = again(folder, metrics=["l1", "mse"])
    assert outcome.cells["cached"] == 8
    with Store.open_read(folder) as store:
        assert [metric["name"] for metric in store.metrics()] == ["l1", "mse"]


def test_a_metric_that_raises_costs_no_cell_its_status(folder: Path) -> None:
    (folder.parents[1] / "bright.py").write_text(BRIGHT)
    done = rescored(folder, "{bright: {limit: 9}}")
    assert (done.code, sum(done.json["without"].values())) == (1, 8)
    assert all("too dark" in reason for reason in done.json["without"])
    assert {record.status for record in records(folder).values()} == {"ok"}
    assert verified(folder, "--plugin", folder.parents[1] / "bright.py").code == 0


def test_an_interrupted_one_goes_on(folder: Path) -> None:
    rescored(folder, "mse")
    for cell in cells(folder)[:3]:
        edited(folder, cell, lambda body: body["measured"].pop("mse"))
    done = rescored(folder, "mse")
    assert (done.code, done.json["cells"]) == (0, 3)


def test_a_metric_like_the_loss_is_said_to_be_optimised(folder: Path) -> None:
    assert rescored(folder, "{l1: null, as: mine}").code == 0
    with Store.open_read(folder) as store:
        assert (
            store.header()["losses"]["l1"] == ["l1", "l1", "mine"]
            or "mine" in store.header()["losses"]["l1"]
        )


@pytest.mark.parametrize(
    ("metrics", "said"),
    [
        (["l1"], "'l1' is a metric of this folder; every cell has it"),
        (["mse", "mse"], "two of the same name"),
        (["nothing"], "unknown metric 'nothing'"),
        (["{mse: null, as: l1}"], "'l1' is a metric of this folder with other options"),
        (["lpips-alex"], "weights fetch lpips-alex"),
        (["[mse"], "--metric"),
    ],
)
def test_what_cannot_be_added_leaves_the_folder_alone(
    folder: Path, metrics: list[str], said: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("P2LBENCH_WEIGHTS", str(tmp_path / "none"))
    before = (folder / "results.db").read_bytes()
    done = rescored(folder, *metrics)
    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert (folder / "results.db").read_bytes() == before


def test_a_generator_that_is_missing_is_said_first(folder: Path) -> None:
    done = rescored(folder, "mse", plugins=False)
    assert (done.code, done.out) == (2, "")
    assert "unknown generator 'tiny'" in done.err
    assert "mse" not in sql(folder, "SELECT value FROM meta WHERE key = 'metrics'")[0][0]
