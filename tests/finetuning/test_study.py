"""Figure 18: a suite's `finetune` key, its entries, what is done again, and what is told."""

from __future__ import annotations

import json
import math
import multiprocessing
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from e2e.kit import Ran, called
from finetuning.nets import MOVED, loaded, made, plugin, suite
from PIL import Image

from p2lbench import suite as suites
from p2lbench.errors import StoreError, SuiteErrors, UserError
from p2lbench.finetuning import editing, figure, worker
from p2lbench.finetuning.jobs import Job, jobs, keep, kept, lost
from p2lbench.finetuning.tradeoff import Point, TradeOff, gathered, of_folder
from p2lbench.finetuning.wanted import Wanted
from p2lbench.finetuning.worker import Study
from p2lbench.plugins import load as plugins
from p2lbench.store import Store

JUDGES = ["percep-fmnist", "percep-fmnist-heldout"]
ASKED: dict[str, Any] = {
    "weights": [1000, 0],
    "steps": 2,
    "lr": 0.01,
    "edits": {"classifiers": JUDGES, "classes": ["coat", "bag", 5]},
    "equal": {"stop": 1000.0, "weight": 1},
}


def run(file: Path) -> Ran:
    results = ("--results", file.parent / "results")
    return called("run", file, *results, "--executor", "inline", "--device", "cpu", "--json")


def entries(folder: Path) -> dict[str, dict[str, Any]]:
    found = [json.loads(each.read_text()) for each in (folder / "tradeoff").glob("*.json")]
    return {entry["key"]: entry for entry in found}


def test_a_run_makes_what_is_missing(tmp_path: Path) -> None:
    file, folder = suite(tmp_path, transforms=["none"], finetune=ASKED), tmp_path / "results" / "s"
    done = run(file)
    assert (done.code, done.json["tradeoff"]) == (0, {"entries": 4, "failed": 0})
    first = entries(folder)
    assert sorted(entry["protocol"] for entry in first.values()) == [
        "equal",
        "none",
        "weight",
        "weight",
    ]
    for entry in first.values():
        assert entry["status"] == "ok"
        assert list(entry["edits"]) == ["coat", "class 2"]  # not the photo's own
        assert set(entry["edits"]["coat"]["probability"]) == set(JUDGES)
        assert entry["edits"]["coat"]["background"] > 0
        assert set(entry["metrics"]) == {"l1", "psnr"}
    for name in ("tradeoff.png", "tradeoff-grid.png"):
        with Image.open(folder / name) as picture:
            assert picture.width > 600
    gone = next(iter(first))
    files = {each: each.stat().st_mtime_ns for each in (folder / "tradeoff").iterdir()}
    (folder / "tradeoff" / f"{gone[:32]}.json").unlink()
    assert run(file).code == 0
    again = entries(folder)
    assert again[gone]["edits"] == first[gone]["edits"]
    new = {each for each in files if each.stat().st_mtime_ns != files[each]}
    assert {each.stem for each in new} == {gone[:32]}
    points = json.loads((folder / "tradeoff.json").read_text())["points"]
    assert [point["weight"] for point in points] == [None, 1000, 0, 1]


def test_one_that_ends_its_process_is_an_entry_and_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = {**ASKED, "weights": [0], "equal": None}
    file, folder = suite(tmp_path, transforms=["none"], finetune=asked), tmp_path / "results" / "s"
    with monkeypatch.context() as patched:
        patched.setenv("NET_ENDS", "1")
        done = run(file)
    assert (done.code, done.json["tradeoff"]) == (1, {"entries": 2, "failed": 1})
    told = json.loads((folder / "tradeoff.json").read_text())["failed"]
    assert [each["reason"] for each in told] == ["the worker process died (exit code 3)"]
    done = run(file)
    assert (done.code, done.json["tradeoff"]) == (0, {"entries": 2, "failed": 0})


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Wanted]:
    where = tmp_path_factory.mktemp("study")
    folder = made(where, finetune=ASKED)
    wanted = suites.load(where / "s.yaml")[0].finetune
    assert wanted is not None
    return folder, wanted


def test_a_job_is_known_by_all_that_decides_it(study: tuple[Path, Wanted]) -> None:
    folder, wanted = study
    other = Wanted(wanted.weights, wanted.equal, wanted.classifiers[:1], wanted.classes)
    with Store.open_read(folder) as store:
        one, again, less = list(jobs(store, wanted)), list(jobs(store, wanted)), jobs(store, other)
        assert [job.key for job in one] == [job.key for job in again]
        assert len({job.key for job in one}) == len(one) == 2 * 4
        assert not {job.key for job in one} & {job.key for job in less}


def test_an_entry_that_is_whole_and_well_is_kept(
    study: tuple[Path, Wanted], tmp_path: Path
) -> None:
    folder, wanted = study
    with Store.open_read(folder) as store:
        job, other, *_ = jobs(store, wanted)
    seen = {name: dict.fromkeys(JUDGES, 0.5) for name in ("seen", "probability")}
    well = {
        **job.plain(),
        "status": "ok",
        "loss": {"before": 2.0, "after": 1.0},
        **{"distance": 0.1, "steps": 2, "seconds": 0.1, "reached": None, "metrics": {"l1": 0.3}},
        "edits": {"coat": {**seen, "object": 0.1, "background": None}},
    }
    keep(tmp_path, well, b"picture")
    assert kept(tmp_path, job, JUDGES) == well
    assert kept(tmp_path, other, JUDGES) is None
    keep(tmp_path, {**well, "status": "failed", "reason": "it ended"}, b"")
    assert kept(tmp_path, job, JUDGES) is None
    keep(tmp_path, well, b"picture")
    (file,) = (tmp_path / "tradeoff").glob("*.json")
    changes: list[dict[str, Any]] = [
        *({"loss": loss} for loss in (None, {"before": 2, "after": "1"}, {"before": 2})),
        {"metrics": {"l1": float("nan")}},
        {"edits": [1]},
        {"edits": {"coat": {**well["edits"]["coat"], "seen": {}}}},
        {"row": ["other"]},
    ]
    for text in ["[" * 100_000, "[]", *(json.dumps({**well, **change}) for change in changes)]:
        file.write_text(text)
        assert kept(tmp_path, job, JUDGES) is None


def test_a_cell_that_failed_is_missing_from_its_methods_means(
    study: tuple[Path, Wanted], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, wanted = study
    with Store.open_read(folder) as store:
        pairs = list(store.records())
        first = pairs[0][1]
        assert first is not None
        for status, many in (("failed", 4), ("skipped", 0)):
            broken = replace(first, status=status, reason="no")
            monkeypatch.setattr(store, "records", lambda r=broken: iter([(pairs[0][0], r)]))
            left = list(lost(store, wanted))
            assert len(left) == many
            for point in gathered("s", JUDGES, left).points:
                assert (point.images, point.missing) == (0, 1)
            assert {entry["reason"] for entry in left} <= {"cell failed: no"}


def test_any_timeout_can_be_waited_for() -> None:
    mine, theirs = multiprocessing.Pipe()
    theirs.send(({}, b""))
    child: Any = SimpleNamespace(pipe=mine)
    assert worker._answer(child, float("inf")) == ({}, b"")


def test_each_entry_begins_with_the_projection(study: tuple[Path, Wanted]) -> None:
    folder, wanted = study
    registry = plugins([plugin(folder)]).registry
    with Store.open_read(folder) as store:
        todo = list(jobs(store, wanted))
        own = Study(store, registry, wanted, "cpu")
        found = [entry for entry, _ in own.entries([*todo, todo[0]])]
    begins = {entry["cell"]: entry["loss"]["before"] for entry in found[::4]}
    assert all(entry["loss"]["before"] == begins[entry["cell"]] for entry in found)
    assert found[0] == found[-1]
    free = next(entry for entry in found if entry["protocol"] == "weight" and not entry["reached"])
    assert free["distance"] > 0
    board = gathered("s", JUDGES, found[:-1])
    assert [point.method for point in board.points] == ["adam | none"] * 4 + [MOVED] * 4
    assert board.judge == JUDGES[-1]
    again = json.dumps(board.to_json())
    assert TradeOff.read(json.loads(again)) == board


def test_a_failure_has_its_reason(study: tuple[Path, Wanted]) -> None:
    folder, wanted = study
    lost = Wanted(wanted.weights, None, wanted.classifiers, ("nothing",))
    with Store.open_read(folder) as store:
        todo = list(jobs(store, lost))[:1]
        own = Study(store, plugins([plugin(folder)]).registry, lost, "cpu")
        ((entry, picture),) = own.entries(todo)
    assert (entry["status"], picture) == ("failed", b"")
    assert "the generator has no class 'nothing'" in entry["reason"]
    assert isinstance(todo[0], Job)
    point = gathered("s", JUDGES, [entry]).points[0]
    assert (point.images, point.missing, point.loss) == (0, 1, None)


def test_nothing_is_averaged_around_a_hole() -> None:
    def entry(image: str, background: float | None) -> dict[str, Any]:
        edit = {"seen": {"j": True}, "probability": {"j": 0.5}}
        edits = {"coat": {**edit, "object": 1.0, "background": background}}
        told = {"row": list("gltio"), "image": image, "protocol": "none", "options": None}
        numbers = {"loss": {"after": 2.0}, "distance": 0.0, "steps": 0, "reached": None}
        return {**told, **numbers, "status": "ok", "metrics": {}, "edits": edits}

    (point,) = gathered("s", ["j"], [entry("bag", 0.25), entry("boot", None)]).points
    assert (point.loss, point.object, point.background) == (2.0, 1.0, None)


POINT = {**dict.fromkeys(Point.__annotations__, 1), "method": "m", "protocol": "none"}
POINT |= {"metrics": {}, "seen": {}, "probability": {}}


def document(**changes: Any) -> str:
    point = {**POINT, **changes}
    return json.dumps({"suite": "s", "judge": "j", "failed": [], "points": [point]})


def test_a_tradeoff_is_read(tmp_path: Path) -> None:
    (tmp_path / "tradeoff.json").write_text(document(loss=math.inf))
    assert (found := of_folder(tmp_path)) is not None
    assert found.points[0].loss == math.inf


@pytest.mark.parametrize(
    "text",
    [
        "[[",
        "{}",
        '{"suite": "s", "judge": "j", "failed": [], "points": [{}]}',
        "[" * 100_000,
        document(metrics=3),
        document(seen={"j": "x"}),
        document(loss=10**400),
    ],
)
def test_a_damaged_tradeoff_is_refused(tmp_path: Path, text: str) -> None:
    assert of_folder(tmp_path) is None
    (tmp_path / "tradeoff.json").write_text(text)
    with pytest.raises(StoreError, match="not what a run writes"):
        of_folder(tmp_path)


def test_an_edit_moves_the_class_alone(ran: Path) -> None:
    projection = loaded(ran)
    judges = editing.classifiers(JUDGES, "cpu")
    classes = editing.targets(projection, None)
    assert len(classes) == 9
    assert "bag" not in classes
    found, images = editing.measured(projection, classes, judges)
    assert images.shape == (10, 3, 8, 8)
    assert images[:1].allclose(projection.original(), atol=1e-6)
    for k, (name, number) in enumerate(classes.items()):
        vector = projection.setting.generator.embed([number])
        edited = projection.moved({"c": vector}).original()
        assert edited[0].allclose(images[1 + k], atol=1e-6)
        moved = (edited - projection.original()).abs()
        inside = float((moved * projection.mask).sum() / projection.mask.sum())
        outside = float((moved * (1 - projection.mask)).sum() / (1 - projection.mask).sum())
        assert found[name]["object"] == pytest.approx(inside, rel=1e-4)
        assert found[name]["background"] == pytest.approx(outside, rel=1e-4)


def test_there_is_something_to_edit_to(ran: Path) -> None:
    assert editing.targets(loaded(ran), ["bag", "coat"]) == {"coat": 2}
    with pytest.raises(UserError, match="no class is asked for but the photo's own"):
        editing.targets(loaded(ran), ["bag"])


def test_without_good_entries_there_is_no_grid(tmp_path: Path) -> None:
    (tmp_path / "old.png").write_bytes(b"")
    figure.grid(tmp_path / "old.png", tmp_path, [{"status": "failed"}])
    assert not (tmp_path / "old.png").exists()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"weights": []}, "finetune"),
        ({"weights": [-1]}, "finetune"),
        ({"steps": -1}, "steps"),
        ({"edits": {"classifiers": ["percep-fmnst"]}}, "Did you mean 'percep-fmnist'"),
        ({"edits": {"classifier": JUDGES}}, "classifier"),
        ({"lamda": 1}, "lamda"),
    ],
)
def test_a_key_that_is_wrong_is_told(tmp_path: Path, change: dict[str, Any], told: str) -> None:
    file = suite(tmp_path, finetune={**ASKED, **change})
    with pytest.raises((SuiteErrors, UserError), match=told):
        suites.load(file)
