"""`p2lbench verify`: a folder that was not touched is verified, and every tampering is found."""

from __future__ import annotations

import io
import json
import pickle
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from audit.folders import (
    HUNTER,
    OPTIMIZERS,
    PHOTO,
    cells,
    edited,
    file,
    made,
    replaced,
    sql,
    verified,
)
from e2e.kit import RAISING, called, ran_inline, written
from PIL import Image as Pillow

from p2lbench import storedpoints
from p2lbench.audit import verifying


def differing(folder: Path, code: int = 1) -> set[tuple[str | None, str]]:
    """Cell and what of each difference."""
    done = verified(folder)
    assert done.code == code, done.err
    return {(each["cell"], each["what"]) for each in done.json["differences"]}


def what(folder: Path) -> set[str]:
    return {found for _, found in differing(folder)}


# A folder as its run left it


def test_an_untouched_folder_is_verified_bit_by_bit(original: Path) -> None:
    done = verified(original)
    assert (done.code, done.json["differences"]) == (0, [])
    assert done.json["cells"] == {
        "planned": 8,
        "verified": 8,
        "differ": 0,
        "unverifiable": 0,
        "without_points": 0,
        "missing": 0,
        "not_drawn": 0,
    }
    values = done.json["values"]
    assert (values["bitwise"], values["largest"]) == (values["compared"], None)
    # Objectives, two metrics in three frames, best seen: of two candidates, and a picture.
    assert values["compared"] >= 8 * (2 * (1 + 2 * 3 + 1) + 1)
    assert (done.json["unverifiable"], done.json["remarks"]) == ([], [])


def test_the_same_through_processes(original: Path) -> None:
    done = verified(original, "--executor", "processes", "--workers", 1, "--sample", 2)
    assert (done.code, done.json["cells"]["verified"]) == (0, 2)
    assert done.json["cells"]["not_drawn"] == 6


def test_it_says_so_in_words(original: Path) -> None:
    plugin = original.parents[1] / "tiny.py"
    done = called("verify", original, "--executor", "inline", "--plugin", plugin)
    assert done.code == 0
    assert done.out.startswith("8 of 8 cells verified; ")


def test_no_optimizer_is_made(original: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*given: Any) -> None:
        raise RuntimeError("an optimizer was made")

    monkeypatch.setattr("p2lbench.optimizers.adam.Adam.__init__", refused)
    monkeypatch.setattr("p2lbench.optimizers.cma.CMA.__init__", refused)
    monkeypatch.setattr("p2lbench.project._optimizer", refused)
    assert verified(original).code == 0


def test_an_optimizer_that_is_not_here_is_not_missed(tmp_path: Path) -> None:
    folder = made(tmp_path, plugin=HUNTER, optimizers=["hunter"], images=[PHOTO])
    assert verified(folder).json["cells"]["verified"] == 2


def test_a_plugin_that_is_missing_is_said_and_not_counted(original: Path) -> None:
    done = verified(original, plugins=False)
    assert (done.code, done.json["cells"]["verified"]) == (1, 0)
    assert done.json["cells"]["unverifiable"] == 8
    assert "unknown generator 'tiny'" in done.json["unverifiable"][0]["reason"]


def test_a_metric_without_weights_is_said_and_not_counted(
    folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("P2LBENCH_WEIGHTS", str(tmp_path / "none"))
    metrics = json.loads(sql(folder, "SELECT value FROM meta WHERE key = 'metrics'")[0][0])
    metrics[0]["spec"]["name"] = "lpips-alex"
    metrics[0]["spec"]["options"] = {"resize": None, "masked": "eq7"}
    sql(folder, "UPDATE meta SET value = ? WHERE key = 'metrics'", json.dumps(metrics))
    done = verified(folder)
    assert (done.code, done.json["cells"]["verified"]) == (1, 0)
    assert [each["what"] for each in done.json["unverifiable"]] == ["metric l1"]


def test_other_code_is_said_and_is_no_difference(folder: Path) -> None:
    plugin = folder.parents[1] / "tiny.py"
    plugin.write_text(plugin.read_text() + "# another day\n")
    done = verified(folder)
    assert done.code == 0
    assert [text for text in done.json["remarks"] if "the code of tiny.py" in text]


def test_a_generator_that_makes_other_images_is_found(folder: Path) -> None:
    plugin = folder.parents[1] / "tiny.py"
    plugin.write_text(plugin.read_text().replace("mul(0.3)", "mul(0.4)"))
    assert {"picture", "objective of candidate 0", "l1 (original) of candidate 0"} <= what(folder)


# Numbers


def test_a_changed_metric_is_found(folder: Path) -> None:
    cell = cells(folder)[3]

    def better(body: Any) -> None:
        body["metrics"]["aligned"]["psnr"][1] += 3.0

    edited(folder, cell, better)
    done = verified(folder)
    (found,) = done.json["differences"]
    assert (found["cell"], found["what"]) == (cell, "psnr (aligned) of candidate 1")
    assert found["stored"] - found["recomputed"] == pytest.approx(3)
    assert found["deviation"] == done.json["values"]["largest"]["deviation"] > 0.05
    assert done.json["cells"]["verified"] == 7


def test_a_changed_objective_is_found(folder: Path) -> None:
    """So that another candidate is `selected`."""
    cell = cells(folder)[0]
    edited(folder, cell, lambda body: body["objective"].reverse())
    assert differing(folder) == {(cell, f"objective of candidate {k}") for k in (0, 1)}


@pytest.mark.parametrize("value", [None, "0.1", True, [1]])
def test_a_value_that_is_no_number_is_found(folder: Path, value: Any) -> None:
    cell = cells(folder)[0]

    def spoil(body: Any) -> None:
        body["metrics"]["original"]["l1"][0] = value

    edited(folder, cell, spoil)
    assert differing(folder) == {(cell, "l1 (original) of candidate 0")}


def test_what_lies_within_the_tolerance_is_verified(folder: Path) -> None:
    cell = cells(folder)[0]

    def nudge(body: Any) -> None:
        body["objective"][0] *= 1 + 1e-5

    edited(folder, cell, nudge)
    done = verified(folder)
    assert done.code == 0
    assert done.json["values"]["bitwise"] == done.json["values"]["compared"] - 1
    assert 0 < done.json["values"]["largest"]["deviation"] < 2e-5
    assert verified(folder, "--tolerance", 0).code == 1


def test_changed_diagnostics_are_found(folder: Path) -> None:
    cell = cells(folder, transform="spatial")[0]

    def better(body: Any) -> None:
        body["diagnostics"]["coverage"][0] = 0.123

    edited(folder, cell, better)
    assert differing(folder) == {(cell, "coverage of candidate 0")}


def test_a_metric_that_was_taken_out_is_found(folder: Path) -> None:
    cell = cells(folder)[0]
    edited(folder, cell, lambda body: body["metrics"]["unmasked"].pop("l1"))
    assert differing(folder) == {(cell, "l1 (unmasked)")}


# The ledger and the trace


def test_a_ledger_that_does_not_add_up_is_found(folder: Path) -> None:
    cell = cells(folder)[0]
    edited(folder, cell, lambda body: body["ledger"].update(passes=5))
    assert differing(folder) == {(cell, "passes"), (cell, "trace")}


def test_a_ledger_beyond_the_budget_is_found(tmp_path: Path) -> None:
    folder = made(tmp_path, budget={"passes": 40}, images=[PHOTO], transforms=["none"])
    cell = cells(folder)[0]
    edited(folder, cell, lambda body: body["ledger"].update(passes=60, forwards=40, backwards=20))
    assert differing(folder) == {(cell, "passes")}


def test_a_trace_that_rises_or_ends_elsewhere_is_found(folder: Path) -> None:
    cell = cells(folder, transform="none")[0]

    def rise(trace: Any) -> None:
        trace["best"][0][0] = trace["best"][-1][0] / 2

    edited(folder, cell, rise, "trace")
    assert differing(folder) == {(cell, "trace of candidate 0")}


def test_a_better_end_of_a_trace_is_found(folder: Path) -> None:
    cell = cells(folder)[1]

    def better(trace: Any) -> None:
        trace["best"][-1][1] /= 2

    edited(folder, cell, better, "trace")
    assert differing(folder) == {(cell, "best seen of candidate 1")}


# Files


def test_points_swapped_between_cells_are_found(folder: Path) -> None:
    one, other = cells(folder, transform="none")[:2]
    files = file(folder, "latents", one), file(folder, "latents", other)
    replaced(folder, "latents", one, files[1])
    replaced(folder, "latents", other, files[0])
    found = differing(folder)
    assert {cell for cell, _ in found} == {one, other}
    assert {(one, "picture"), (other, "objective of candidate 0")} <= found


def test_a_file_without_its_hash_is_found(folder: Path) -> None:
    cell = cells(folder)[0]
    (folder / "images" / f"{cell}.png").write_bytes(file(folder, "images", cells(folder)[1]))
    (folder / "latents" / f"{cells(folder)[2]}.safetensors").unlink()
    assert differing(folder) == {(cell, "record"), (cells(folder)[2], "points")}


def test_a_changed_picture_is_found_and_rounding_is_not(folder: Path) -> None:
    cell = cells(folder)[0]
    pixels = np.asarray(Pillow.open(io.BytesIO(file(folder, "images", cell)))).astype(int)
    for off, code in ((1, 0), (2, 1)):
        other = np.where(pixels > 100, pixels - off, pixels + off).astype(np.uint8)
        buffer = io.BytesIO()
        Pillow.fromarray(other).save(buffer, "PNG")
        replaced(folder, "images", cell, buffer.getvalue())
        assert differing(folder, code) == ({(cell, "picture")} if code else set())


@pytest.mark.parametrize("data", [b"", b"no picture", pickle.dumps(print)])
def test_what_is_no_picture_is_found(folder: Path, data: bytes) -> None:
    cell = cells(folder)[0]
    replaced(folder, "images", cell, data)
    ((found, where),) = differing(folder)
    assert (found, where) in ((cell, "picture"), (cell, "record"))


def test_a_picture_of_another_size_is_not_decoded(folder: Path) -> None:
    buffer = io.BytesIO()
    Pillow.new("RGB", (5000, 5000)).save(buffer, "PNG")
    cell = cells(folder)[0]
    replaced(folder, "images", cell, buffer.getvalue())
    assert differing(folder) == {(cell, "picture")}


def header(shape: list[int], dtype: str = "F32", ends: int | None = None) -> bytes:
    """Safetensors of one tensor z, its data left out or not."""
    size = int(np.prod(shape)) * 4
    told = {"z": {"dtype": dtype, "shape": shape, "data_offsets": [0, ends or size]}}
    text = json.dumps(told).encode()
    return struct.pack("<Q", len(text)) + text


class Dangerous:
    def __reduce__(self) -> Any:
        return Path.touch, (Path("touched"),)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        pickle.dumps(Dangerous()),
        struct.pack("<Q", 2**60) + b"{}",
        header([2**40, 2**20]),
        header([2, 4]),
        header([3, 4]) + bytes(48),
        header([2, 5]) + bytes(40),
        header([2, 4]) + struct.pack("<8f", *[1e9] * 8),
    ],
    ids=["empty", "pickle", "long header", "huge", "short", "candidates", "shape", "bounds"],
)
def test_points_that_are_none_are_refused(
    folder: Path, data: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    cell = cells(folder, transform="none")[0]
    replaced(folder, "latents", cell, data)
    assert differing(folder) == {(cell, "points")}
    assert not (tmp_path / "touched").exists()


def test_a_large_file_is_not_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storedpoints, "MAX_FILE", 1 << 16)
    cell = cells(folder)[0]
    with (folder / "latents" / f"{cell}.safetensors").open("r+b") as sparse:
        sparse.truncate(1 << 40)
    assert differing(folder) == {(cell, "points")}


def test_a_changed_target_is_found(folder: Path) -> None:
    first, second = sorted((folder / "targets").glob("*.png"))
    first.write_bytes(second.read_bytes())
    found = what(folder)
    assert {"target", "points"} <= found


# The plan and what decides cells


def test_rows_swapped_in_the_plan_are_found(folder: Path) -> None:
    one = cells(folder, optimizer="adam", transform="none")
    other = cells(folder, optimizer="search", transform="none")
    sql(folder, "UPDATE plan SET cell = 'x' WHERE cell = ?", one[0])
    sql(folder, "UPDATE plan SET cell = ? WHERE cell = ?", one[0], other[0])
    sql(folder, "UPDATE plan SET cell = ? WHERE cell = 'x'", other[0])
    assert "method of the row" in what(folder)


def test_rows_that_changed_their_names_are_found(folder: Path) -> None:
    sql(folder, "UPDATE plan SET optimizer = 'x' WHERE optimizer = 'adam'")
    sql(folder, "UPDATE plan SET optimizer = 'adam' WHERE optimizer = 'search'")
    sql(folder, "UPDATE plan SET optimizer = 'search' WHERE optimizer = 'x'")
    assert what(folder) == {"'adam' in optimizers", "'search' in optimizers"}


def test_a_row_with_a_name_of_its_own_is_found(folder: Path) -> None:
    sql(folder, "UPDATE plan SET optimizer = 'mine' WHERE optimizer = 'adam'")
    assert what(folder) == {"name in optimizers"}


def test_a_row_of_other_options_is_found(folder: Path) -> None:
    text = (folder / "suite.yaml").read_text()
    (folder / "suite.yaml").write_text(text.replace('"steps": 3', '"steps": 300'))
    assert what(folder) == {"'adam' in optimizers"}


def test_images_swapped_in_the_plan_are_found(folder: Path) -> None:
    (one, two) = cells(folder, optimizer="adam", transform="none")
    sql(folder, "UPDATE plan SET cell = 'x' WHERE cell = ?", one)
    sql(folder, "UPDATE plan SET cell = ? WHERE cell = ?", one, two)
    sql(folder, "UPDATE plan SET cell = ? WHERE cell = 'x'", two)
    assert {(one, "image"), (two, "image")} <= differing(folder)


@pytest.mark.parametrize("cell", ["ab" * 32, "../../x", b"\x00", 7, None])
def test_a_cell_that_is_not_known_is_found(folder: Path, cell: Any) -> None:
    old = cells(folder)[0]
    if cell is None:
        sql(folder, "DELETE FROM identities WHERE id = ?", old)
    else:
        sql(folder, "UPDATE plan SET cell = ? WHERE cell = ?", cell, old)
    assert what(folder) & {"id", "plan"}


def test_what_decides_a_cell_cannot_be_changed(folder: Path) -> None:
    cell = cells(folder)[0]
    sql(folder, "UPDATE identities SET content = '[]' WHERE id = ?", cell)
    assert (cell, "id") in differing(folder)


def test_a_header_that_tells_other_things_is_found(folder: Path) -> None:
    told = json.loads(sql(folder, "SELECT value FROM meta WHERE key = 'header'")[0][0])
    told.update(candidates=9, budget={"passes": 7})
    sql(folder, "UPDATE meta SET value = ? WHERE key = 'header'", json.dumps(told))
    assert what(folder) == {"candidates", "budget"}


def test_a_status_that_does_not_fit_is_found(folder: Path) -> None:
    cell = cells(folder)[0]
    sql(folder, "UPDATE records SET status = 'diverged' WHERE cell = ?", cell)
    assert (cell, "status") in differing(folder)


@pytest.mark.parametrize("body", ["", "[]", "{}", '{"reason": 1}', "not json"])
def test_a_record_that_is_not_readable_is_found(folder: Path, body: str) -> None:
    cell = cells(folder)[0]
    sql(folder, "UPDATE records SET body = ? WHERE cell = ?", body, cell)
    assert differing(folder) == {(cell, "record")}


def test_a_record_of_odd_types_is_found(folder: Path) -> None:
    cell = cells(folder)[0]
    edited(folder, cell, lambda trace: trace.update(passes=["a", "b"]), "trace")
    edited(folder, cells(folder)[1], lambda body: body.update(ledger=[1]))
    edited(folder, cells(folder)[2], lambda body: body.update(metrics={"original": {"l1": [{}]}}))
    assert {cell for cell, _ in differing(folder)} == {*cells(folder)[:3]}


# What is not there


def test_a_folder_that_cannot_be_read_is_exit_code_2(folder: Path, tmp_path: Path) -> None:
    for path in (tmp_path / "nowhere", tmp_path):
        done = verified(path, plugins=False)
        assert (done.code, done.out) == (2, "")
    (folder / "results.db").write_bytes(b"no database")
    done = verified(folder)
    assert (done.code, done.out) == (2, "")
    assert "Traceback" not in done.err


def test_cells_without_points_are_counted_apart(folder: Path) -> None:
    one, other = cells(folder)[:2]
    sql(folder, "DELETE FROM records WHERE cell = ?", one)
    sql(folder, "UPDATE records SET status = 'failed' WHERE cell = ?", other)
    edited(folder, other, lambda body: body.update(objective=[], metrics={}))
    done = verified(folder)
    found = done.json["cells"]
    assert (done.code, found["verified"]) == (0, 6)
    assert (found["missing"], found["without_points"]) == (1, 1)


def test_starts_are_drawn_again(folder: Path) -> None:
    """A record that says that it began elsewhere."""
    cell = cells(folder)[0]
    edited(folder, cell, lambda body: body["start"].reverse())
    assert differing(folder) == {(cell, f"start of candidate {k}") for k in range(2)}


def test_a_metric_that_raised_is_no_difference(tmp_path: Path) -> None:
    suite = written(tmp_path, RAISING, metrics=["l1", "raising"], optimizers=OPTIMIZERS)
    outcome, _ = ran_inline(suite)
    done = verified(outcome.folder, "--plugin", tmp_path / "more.py")
    assert (done.code, done.json["differences"]) == (0, [])
    assert done.json["cells"]["verified"] == 2
    assert "2/2 cells" in done.err


def test_cells_that_a_run_adds_meanwhile_are_not_run_yet(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ((kept,),) = sql(folder, "SELECT json_group_array(cell) FROM records")
    late = json.loads(kept)[0]
    sql(folder, "UPDATE records SET cell = 'ff' WHERE cell = ?", late)
    compare = verifying.recomputed.compare

    def joined(*given: Any) -> None:
        sql(folder, "UPDATE records SET cell = ? WHERE cell = 'ff'", late)
        compare(*given)

    monkeypatch.setattr(verifying.recomputed, "compare", joined)
    found = verified(folder).json["cells"]
    assert (found["verified"], found["missing"], found["without_points"]) == (7, 1, 0)
