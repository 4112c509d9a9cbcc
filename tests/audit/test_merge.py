"""`p2lbench merge`: one folder of what several machines ran of a suite."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from audit.folders import (
    MASKED,
    OPTIMIZERS,
    PHOTO,
    cells,
    copied,
    edited,
    file,
    made,
    replaced,
    sql,
    verified,
)
from e2e.kit import Ran, called, command, records, rows, written
from safetensors.numpy import load, save
from storekit import files_below


@pytest.fixture(scope="module")
def halves(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The images of a suite on two machines; the second has another optimizer more."""
    root = tmp_path_factory.mktemp("halves")
    more = [*OPTIMIZERS, {"adam": {"steps": 2}, "as": "short"}]
    one = made(root / "one", images=[PHOTO], transforms=["none"])
    other = made(root / "other", images=[MASKED], transforms=["none"], optimizers=more)
    return one, other


def merged(*folders: Path, to: Path) -> Ran:
    return called("merge", *folders, "-o", to, "--json")


def test_two_halves_make_a_whole(halves: tuple[Path, Path], tmp_path: Path) -> None:
    before = [files_below(folder) for folder in halves]
    done = called("merge", *halves, "--results", tmp_path / "results", "--json")
    folder = tmp_path / "results" / "s"
    assert (done.code, done.json["results"], done.json["conflicts"]) == (0, str(folder), [])
    assert list(done.json["from"].values()) == [2, 3]
    assert records(folder) == {**records(halves[0]), **records(halves[1])}
    assert cells(folder) == cells(halves[0]) + cells(halves[1])
    told = json.loads((folder / "environment.json").read_text())
    assert [each["folder"] for each in told["merged"]] == [str(each) for each in halves]
    assert (folder / "grid.png").exists()
    assert [files_below(folder) for folder in halves] == before
    assert [path.name for path in (tmp_path / "results").iterdir()] == ["s"]


def test_what_was_merged_is_verified(halves: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "tiny.py").write_bytes((halves[0].parents[1] / "tiny.py").read_bytes())
    merged(*halves, to=tmp_path / "r" / "s")  # whose first does not name every row
    assert verified(tmp_path / "r" / "s").json["cells"]["verified"] == 5
    merged(tmp_path / "r" / "s", copied(halves[0], tmp_path / "c"), to=tmp_path / "r" / "again")
    done = verified(tmp_path / "r" / "again")
    assert (done.code, done.json["cells"]["verified"]) == (0, 5)
    sql(tmp_path / "r" / "again", "UPDATE plan SET optimizer = 'longer' WHERE optimizer = 'short'")
    found = verified(tmp_path / "r" / "again").json["differences"]
    assert {each["what"] for each in found} == {"name in optimizers"}


def test_the_same_cells_are_one(original: Path, tmp_path: Path) -> None:
    other = copied(original, tmp_path / "other")
    done = merged(original, other, to=tmp_path / "all")
    assert (done.code, done.json["cells"]) == (0, 8)
    assert done.json["from"] == {str(original): 8, str(other): 0}


def test_what_is_kept_wins_over_what_failed(original: Path, tmp_path: Path) -> None:
    one, other = copied(original, tmp_path / "one"), copied(original, tmp_path / "other")
    sql(one, "UPDATE records SET status = 'timeout' WHERE cell = ?", cells(one)[0])
    sql(other, "DELETE FROM records WHERE cell = ?", cells(one)[1])
    sql(other, "UPDATE records SET status = 'failed' WHERE cell = ?", cells(one)[2])
    done = merged(one, other, to=tmp_path / "all")
    assert (done.code, done.json["conflicts"]) == (0, [])
    assert records(tmp_path / "all") == records(original)


def test_other_points_are_told_and_the_first_kept(original: Path, tmp_path: Path) -> None:
    other, cell = copied(original, tmp_path / "other"), cells(original)[0]
    points = load(file(other, "latents", cell))
    points["z"] = points["z"].copy()
    points["z"][0, 0] += 0.5
    replaced(other, "latents", cell, save(points))
    done = merged(original, other, to=tmp_path / "all")
    (conflict,) = done.json["conflicts"]
    assert (done.code, conflict["cell"], conflict["folder"]) == (1, cell, str(other))
    assert conflict["deviation"] > 0.1
    assert records(tmp_path / "all") == records(original)
    sql(other, "UPDATE records SET status = 'skipped' WHERE cell = ?", cells(original)[1])
    assert len(merged(original, other, to=tmp_path / "two").json["conflicts"]) == 2


def refused(folders: tuple[Path, ...], to: Path, said: str) -> None:
    done = merged(*folders, to=to)
    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert "Traceback" not in done.err
    assert not to.exists()


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"name": "t"}, "name: t, but s"),
        ({"candidates": 3}, "candidates: 3, but 2"),
        ({"budget": {"passes": 50}}, "budget: {'passes': 50}"),
        ({"metrics": ["l1"]}, "metrics: l1, but l1, psnr in"),
        (
            {"metrics": ["l1", {"l2": {}, "as": "psnr"}]},
            "higher_is_better of the metric 'psnr': False, but True in",
        ),
        ({"seed": 7}, "seed: 7, but 0"),
        ({"optimizers": [{"adam": {"steps": 9}}]}, "row tiny | l1 | none | none | adam on"),
        ({"threads": 2}, "other threads"),
    ],
)
def test_other_suites_are_refused(
    halves: tuple[Path, Path], tmp_path: Path, keys: Any, said: str
) -> None:
    basis = {"images": [PHOTO], "transforms": ["none"], "optimizers": OPTIMIZERS}
    other = made(tmp_path / "other", **{**basis, **keys})
    refused((halves[0], other), tmp_path / "all", said)


def test_another_image_of_the_same_name_is_refused(original: Path, tmp_path: Path) -> None:
    other = copied(original, tmp_path / "other")
    sql(other, "UPDATE images SET name = 'x' WHERE name = 'bag-126'")
    sql(other, "UPDATE images SET name = 'bag-126' WHERE name = 'ankle-boot-39'")
    refused((original, other), tmp_path / "all", "the image 'bag-126'")


def test_a_folder_that_is_there_is_not_overwritten(original: Path, tmp_path: Path) -> None:
    other = copied(original, tmp_path / "other")
    (tmp_path / "all").mkdir()
    (tmp_path / "all" / "mine").touch()
    assert merged(original, other, to=tmp_path / "all").code == 2
    assert [path.name for path in (tmp_path / "all").iterdir()] == ["mine"]
    (tmp_path / "all" / "mine").unlink()
    assert merged(original, other, to=tmp_path / "all").code == 0
    refused((original, original), tmp_path / "two", "the same folder twice")
    assert called("merge", original).code == 2


def test_a_damaged_folder_leaves_nothing_behind(original: Path, tmp_path: Path) -> None:
    other, cell = copied(original, tmp_path / "other"), cells(original)[-1]
    (other / "latents" / f"{cell}.safetensors").unlink()
    refused((original, other), tmp_path / "new" / "all", "is missing or empty")
    assert not (tmp_path / "new").exists()
    edited(other, cell, lambda body: body.clear())
    refused((original, other), tmp_path / "all", "damaged")


def test_the_command_by_itself(halves: tuple[Path, Path], tmp_path: Path) -> None:
    """In a process where nothing was imported before."""
    done = command("merge", *halves, "-o", tmp_path / "all", "--json", cwd=tmp_path)
    assert (done.code, done.json["cells"]) == (0, 5), done.err


def test_targets_of_one_file_are_joined(tmp_path: Path) -> None:
    """Machines that ran different rows of a suite with frozen targets."""
    images, run = [PHOTO, MASKED], ("run", "--executor", "inline", "--results")
    keys = {"images": images, "transforms": ["none"]}
    plugin = ("--plugin", tmp_path / "all" / "tiny.py")
    first = made(tmp_path / "all", name="a", optimizers=OPTIMIZERS, **keys)
    frozen = tmp_path / "targets.json"
    assert called("targets", first, "-o", frozen, *plugin).code == 0
    parts = []
    for name, optimizers in (("all", OPTIMIZERS), ("one", OPTIMIZERS[:1]), ("two", OPTIMIZERS[1:])):
        where = tmp_path / f"run-{name}"
        where.mkdir()
        suite = written(where, optimizers=optimizers, targets=str(frozen), **keys)
        assert called(*run, where, suite).code == 0
        parts.append(where / "s")
    done = merged(*parts[1:], to=tmp_path / "joined")
    assert done.code == 0, done.err
    whole = {name: row["targets"] for name, row in rows(parts[0]).items()}
    assert {name: row["targets"] for name, row in rows(tmp_path / "joined").items()} == whole
