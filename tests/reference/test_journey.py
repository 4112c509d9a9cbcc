"""An author runs one optimizer, and compares it with rows that somebody published."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from e2e.kit import called, command, numbers, records, rows, written
from reference.conftest import (
    IMAGES,
    MINE,
    OWN,
    STORED,
    THEIRS,
    bodies,
    changed,
    other_network,
    published,
    ran,
)

from p2lbench.store import Store

Author = Callable[..., Path]


def bare(row: dict[str, Any]) -> Any:
    """A row's numbers, without where it is from."""
    return {key: value for key, value in numbers(row).items() if key != "reference"}


def test_the_same_as_running_everything(tmp_path: Path, author: Author) -> None:
    """Bitwise: numbers, ranks and effects; without the plugin of a stored row, whose metrics are
    computed here, one that it never had among them."""
    metrics = ["l1", "psnr", "l2"]
    done = ran(author(metrics=metrics))
    assert done.code == 0, done.err
    assert done.json["cells"]["total"] == done.json["cells"]["ok"] == 3  # the author's own

    alone = tmp_path / "c"
    alone.mkdir()
    both = written(
        alone,
        f"{THEIRS}\n",
        name="c",
        images=IMAGES,
        optimizers=[*STORED, *OWN],
        budget={"passes": 60},
        metrics=metrics,
        baseline="adam",
        plugins=["tiny.py", "more.py", "mine.py"],
    )
    (alone / "mine.py").write_text(MINE)
    assert ran(both).code == 0

    mine, all_run = tmp_path / "b/results/b", alone / "results/c"
    found, expected = rows(mine), rows(all_run)
    assert found.keys() == expected.keys() == {"adam", "cma", "theirs", "mine"}
    for name, row in found.items():
        assert bare(row) == bare(expected[name]), name
    assert found["mine"]["effect"]["images"] == 3
    assert found["mine"]["reference"] is None
    assert found["adam"]["reference"]["name"] == "adam"
    assert found["adam"]["reference"]["suite"] == "a"
    one, other = records(mine), records(all_run)
    for key, record in one.items():
        assert record.latents == other[key].latents
        assert record.images == other[key].images
        assert record.objective == other[key].objective


def test_the_folder_stands_alone(author: Author, shared: Path, tmp_path: Path) -> None:
    away = Path(shutil.copytree(shared, tmp_path / "away"))
    suite = author(reference=str(away))
    assert ran(suite).code == 0
    shutil.rmtree(away)
    folder = suite.parent / "results/b"
    board = called("leaderboard", folder, "--json").json
    assert {row["optimizer"] for row in board["rows"]} == {"adam", "cma", "theirs", "mine"}
    assert board["baseline"] == "adam"
    markdown = called("leaderboard", folder, "--format", "markdown").out
    assert "| adam‡ |" in markdown
    assert "| mine |" in markdown
    assert "from the results of 'a' (folder 'away', SHA-256" in markdown
    assert "adam ‡" in called("leaderboard", folder).out
    latex = called("leaderboard", folder, "--format", "latex").out
    assert r"adam$^\ddagger$" in latex
    assert "‡" not in latex
    page = tmp_path / "report.html"
    assert called("report", folder, "-o", page).code == 0
    assert "<b>adam ‡</b>" in page.read_text()
    assert "<b>mine</b>" in page.read_text()
    lines = called("leaderboard", folder, "--format", "csv").out.splitlines()
    column = lines[0].split(",").index("reference")
    assert {line.split(",")[5]: line.split(",")[column] for line in lines[1:]} == {
        **dict.fromkeys(("adam", "cma", "theirs"), "a"),
        "mine": "",
    }


def test_workers_score_what_no_plugin_is_here_for(author: Author) -> None:
    suite = author()
    results = suite.parent / "results"
    done = command("run", suite, "--results", results, "--workers", 1, "--json", cwd=suite.parent)
    assert done.code == 0, done.err
    found = records(results / "b")
    assert {key[4] for key, record in found.items() if record.metrics} == {
        "adam",
        "cma",
        "theirs",
        "mine",
    }


def test_nothing_is_done_twice(author: Author) -> None:
    suite = author()
    assert ran(suite).code == 0
    folder = suite.parent / "results/b"
    before = {path: path.stat().st_mtime_ns for path in folder.glob("latents/*")}
    again = ran(suite)
    assert again.json["cells"]["cached"] == 3
    assert {path: path.stat().st_mtime_ns for path in folder.glob("latents/*")} == before
    assert ran(suite, "--fresh").json["cells"]["cached"] == 0
    after = {path: path.stat().st_mtime_ns for path in folder.glob("latents/*")}
    assert len(after) == 12
    assert all(after[path] > before[path] for path in before)  # copied, and scored, anew


def test_a_metric_that_is_added_is_computed_for_stored_rows(author: Author) -> None:
    assert ran(author()).code == 0
    suite = author(metrics=["l1", "psnr", "mse"])
    assert ran(suite).code == 0
    assert all(row["selected"]["mse"] for row in rows(suite.parent / "results/b").values())


def test_limit_plans_the_same_images_of_the_reference(author: Author) -> None:
    suite = author()
    assert ran(suite, "--limit", 2).json["cells"]["total"] == 2
    with Store.open_read(suite.parent / "results/b") as store:
        planned = [(row.row[4], row.image) for row in store.plan()]
    images = {image for name, image in planned if name == "mine"}
    assert len(images) == 2
    for name in ("adam", "cma", "theirs"):
        assert {image for other, image in planned if other == name} == images
    assert ran(suite).json["cells"] | {"failed": 0} == ran(suite).json["cells"] | {"cached": 2}


def test_without_the_key_the_rows_are_gone(author: Author) -> None:
    assert ran(author()).code == 0
    suite = author(reference=None, baseline="mine")
    assert ran(suite).json["cells"]["cached"] == 3
    assert rows(suite.parent / "results/b").keys() == {"mine"}
    assert ran(author()).json["cells"]["cached"] == 3
    assert rows(suite.parent / "results/b").keys() == {"adam", "cma", "theirs", "mine"}


def test_an_own_row_of_the_same_cells_is_not_run(author: Author) -> None:
    suite = author(optimizers=[*OWN, {"adam": {"steps": 3}, "as": "my-adam"}], baseline="my-adam")
    done = ran(suite)
    assert done.code == 0
    assert (
        "'my-adam' has the same cells in the reference 'a': taken from there, not run" in done.err
    )
    found = rows(suite.parent / "results/b")
    assert found.keys() == {"my-adam", "cma", "theirs", "mine"}
    assert found["my-adam"]["reference"]["name"] == "adam"
    assert any("not run here" in note for note in found["my-adam"]["notes"])
    assert ran(suite, "--fresh").code == 0  # everything again: now it is run
    after = records(suite.parent / "results/b")
    assert all("reference" not in r.environment for k, r in after.items() if k[4] == "my-adam")
    assert all("reference" in r.environment for k, r in after.items() if k[4] == "cma")


def test_another_row_of_the_name_keeps_it(author: Author) -> None:
    suite = author(optimizers=[*OWN, {"adam": {"steps": 4}}], baseline="adam (reference)")
    assert ran(suite).code == 0
    found = rows(suite.parent / "results/b")
    assert found.keys() == {"adam", "adam (reference)", "cma", "theirs", "mine"}
    assert found["adam"]["reference"] is None
    assert found["adam (reference)"]["reference"]["name"] == "adam"
    assert found["adam"]["effect"] is not None
    assert found["adam (reference)"]["effect"] is None


def test_validate_tells_what_can_be_compared(author: Author, tmp_path: Path) -> None:
    mixed = published(
        tmp_path / "mixed", losses=["l1", "l2"], exclude=[{"losses": "l2", "optimizers": "cma"}]
    )
    suite = author(reference=str(mixed))
    found = called("validate", suite, "--json").json["reference"]
    assert [row["row"][4] for row in found["rows"]] == ["adam", "cma", "theirs"]
    assert [row["differs"] for row in found["rows"]] == [[], [], []]
    assert found["left_out"] == [
        f"reference row 'tiny | l2 | none | none | {name}': no row here has its loss: left out"
        for name in ("adam", "theirs")
    ]
    text = called("validate", suite).out
    assert "reference  3 rows of 5 of 'a'" in text
    assert "no row here has its loss" in text


@pytest.mark.parametrize(
    ("keys", "why"),
    [
        ({"budget": {"passes": 90}}, "budget passes 60, here 90"),
        ({"budget": {}}, "budget passes 60, here none"),
        (
            {"budget": {"passes": 60, "protocol": "equal"}},
            "protocol paper, here equal",
        ),
        ({"candidates": 3}, "candidates 2, here 3"),
        ({"seed": 5}, "seed 0, here 5 (it has 0 of the 3 images and repeats here)"),
        ({"repeats": 2}, "repeat 0, here 1 (it has 3 of the 6 images and repeats here)"),
        ({"mask_scoring": "hard"}, "mask scoring soft, here hard"),
        ({"roles": {"z": "search"}}, "roles z none, here search"),
        ({"steps": {"z": 0.1}}, "steps"),
        ({"losses": ["l2"]}, "no row here has its loss"),
        ({"images": [*IMAGES, str(Path(IMAGES[0]).with_name("sneaker-36.png"))]}, "is not in it"),
        (
            {"images": [*IMAGES[1:], {"file": IMAGES[0], "mask": {"box": [4, 4, 20, 20]}}]},
            "another mask of image 'bag-126'",
        ),
    ],
)
def test_what_is_not_of_the_same_cells_is_left_out(
    author: Author, keys: dict[str, Any], why: str
) -> None:
    suite = author(**keys)
    for words in (("validate", suite), ("run", suite, "--results", suite.parent / "r")):
        done = called(*words)
        assert done.code == 2
        assert f"{suite}:" in done.err
        assert "no row of" in done.err
        for name in ("adam", "cma", "theirs"):
            (line,) = [line for line in done.err.splitlines() if f"row '{name}'" in line]
            assert why in line
            assert line.endswith(": left out")
        assert "Traceback" not in done.err
    assert not (suite.parent / "r").exists()


def test_fewer_images_than_the_reference_has(author: Author) -> None:
    suite = author(images=IMAGES[1:])
    assert ran(suite).code == 0
    assert {row["images"] for row in rows(suite.parent / "results/b").values()} == {2}


def test_images_may_have_other_names(author: Author, tmp_path: Path) -> None:
    named = [tmp_path / f"{k}.png" for k in range(3)]
    for path, image in zip(named, IMAGES, strict=True):
        shutil.copy(image, path)
    suite = author(images=[str(path) for path in named])
    assert ran(suite).code == 0
    found = rows(suite.parent / "results/b")
    assert found["mine"]["effect"]["images"] == 3


def test_a_baseline_that_only_the_reference_has_must_be_comparable(
    author: Author, reference: Path
) -> None:
    changed(
        reference,
        "DELETE FROM records WHERE cell IN (SELECT cell FROM plan WHERE optimizer = 'adam')",
    )
    done = ran(author(reference=str(reference)))
    assert done.code == 2
    assert "'adam' is no row here. Rows: mine, cma, theirs" in done.err
    assert "reference row 'adam': not run" in done.err
    unknown = ran(author(baseline="adm"))
    assert "no optimizer row 'adm'. Did you mean 'adam'?" in unknown.err


def test_a_reference_may_have_failures(author: Author, reference: Path) -> None:
    """They are failures here as well, and nothing is run for them."""
    cell = next(iter(bodies(reference)))
    changed(reference, "UPDATE records SET status = 'timeout' WHERE cell = ?", cell)
    changed(
        reference,
        "UPDATE records SET body = json_set(body, '$.objective', json('[]')) WHERE cell = ?",
        cell,
    )
    suite = author(reference=str(reference))
    for _ in range(2):
        done = ran(suite)
        assert done.code == 0, done.err
        assert sum(row["missing"] for row in rows(suite.parent / "results/b").values()) == 1


def test_versions_that_differ_are_said(author: Author) -> None:
    """The generator's file has another hash, and makes the same images."""
    suite = author()
    other_network(suite.parent, 7)
    done = ran(suite)
    assert done.code == 0, done.err
    row = rows(suite.parent / "results/b")["adam"]
    (said,) = row["reference"]["differs"]
    assert said.startswith("not made with the plugin file (SHA-256 ")
    assert row["rank"] is not None
    assert any(f"adam, cma, theirs (‡): {said}" in note for note in row["notes"])


def test_another_network_is_found(author: Author) -> None:
    suite = author()
    other_network(suite.parent, 8)
    done = ran(suite)
    assert done.code == 0  # the author's cells are ok
    assert (
        "reference row 'adam', image 'bag-126': failed: the stored points have another" in done.err
    )
    found = rows(suite.parent / "results/b")
    assert found["adam"]["rank"] is None
    assert found["adam"]["missing"] == 3
    assert found["mine"]["effect"] is None


def test_starts_that_differ_are_said(author: Author, reference: Path) -> None:
    for cell, body in bodies(reference).items():
        moved = [value + 0.01 for value in body["start"]]
        changed(
            reference,
            "UPDATE records SET body = json_set(body, '$.start', json(?)) WHERE cell = ?",
            str(moved),
            cell,
        )
    suite = author(reference=str(reference))
    assert ran(suite).code == 0
    found = rows(suite.parent / "results/b")
    assert any("its starts are not those of here" in note for note in found["adam"]["notes"])
    assert not any("its starts" in note for note in found["mine"]["notes"])


def test_the_suites_own_folder_is_no_reference(author: Author) -> None:
    suite = author(reference=None, baseline=None)
    assert ran(suite).code == 0
    done = ran(author(reference="results/b", baseline=None))
    assert done.code == 2
    assert "this is the suite's own results folder" in done.err


def test_tuning_takes_no_reference(author: Author) -> None:
    images = [*IMAGES[1:], {"file": IMAGES[0], "split": "tune"}]
    suite = author(images=images, optimizers=[{"adam": {"steps": 2}}, *OWN])
    results = suite.parent / "results"
    done = called(
        "tune", suite, "--results", results, "--executor", "inline", "--trials", 2, "--json"
    )
    assert done.code == 0, done.err
