"""Cells on a dask cluster: the same numbers, whatever happens to its workers."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from e2e.kit import COMMAND, FOUR, Silent, records, tasks, timeless, written
from e2e.kit import command as command_run
from executors.clusterkit import Cluster, cell_processes, cluster, running, until

import p2lbench
from p2lbench.executors import Dask, Inline, Processes
from p2lbench.executors.agreement import Agreement
from p2lbench.executors.cluster import ClusterError
from p2lbench.executors.remote import PluginFile
from p2lbench.plan import Task
from p2lbench.record import Record

# Waits until a file is there; hangs where nothing can be called; kills its dask worker.
ODD = """
import os, signal, time
from pathlib import Path
from typing import Literal
from p2lbench.api import Optimizer, hookimpl

class Odd(Optimizer):
    def __init__(self, how: Literal["wait", "hang", "kill"] = "wait", file: str = ""):
        self.how, self.file = how, file
    def minimize(self, problem):
        if self.how == "kill":
            os.kill(os.getppid(), signal.SIGKILL)
        if self.file:
            Path(f"{self.file}.{os.getpid()}").touch()
        while self.how == "hang" or self.file and not Path(self.file).exists():
            time.sleep(0.02)
        problem.loss(problem.start)
        return problem.start

@hookimpl
def register_optimizers(register):
    register("odd", Odd)
"""


class Listener(Silent):
    def __init__(self) -> None:
        self.started: list[str] = []
        self.warned: list[str] = []

    def cell_started(self, cell: Any) -> None:
        self.started.append(cell.id)

    def warn(self, message: str) -> None:
        self.warned.append(message)


def planned(folder: Path, **keys: Any) -> tuple[list[Task], Any, tuple[Path, ...]]:
    folder.mkdir(exist_ok=True)
    _, plugins, _, found = tasks(written(folder, ODD, **keys))
    return found, plugins.registry, (folder / "tiny.py", folder / "more.py")


def by_cell(records: Any) -> dict[str, Record]:
    return {record.cell: record for record in records}


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster of two workers that no test harms."""
    with cluster(tmp_path_factory.mktemp("cluster"), 2) as made:
        yield made


def test_the_same_numbers_as_inline_and_in_processes(two: Cluster, tmp_path: Path) -> None:
    found, registry, files = planned(tmp_path, optimizers=FOUR, repeats=2)
    watch = Listener()
    dask = by_cell(Dask("cpu", registry, files, scheduler=two.address).run(found, watch))
    inline = by_cell(Inline("cpu", files).run(found, Silent()))
    processes = by_cell(Processes("cpu", 2, files).run(found, Silent()))
    assert dask.keys() == inline.keys() == processes.keys()
    for cell, record in inline.items():
        assert record.status == "ok"
        assert timeless(dask[cell]) == timeless(record) == timeless(processes[cell])
    assert sorted(watch.started) == sorted(inline)


def test_tasks_are_taken_as_there_is_room(two: Cluster, tmp_path: Path) -> None:
    found, registry, files = planned(tmp_path, optimizers=[{"odd": {}}], repeats=30)
    taken: list[str] = []
    lazily = (taken.append(task.cell.id) or task for task in found)  # type: ignore[func-returns-value]
    records = Dask("cpu", registry, files, scheduler=two.address).run(lazily, Silent())
    for k in range(1, 6):
        next(records)
        assert len(taken) <= k + 4
    records.close()


def test_a_hanging_cell_ends_at_its_timeout(two: Cluster, tmp_path: Path) -> None:
    optimizers = [{"odd": {"how": "hang"}}, {"odd": {"how": "wait"}, "as": "quick"}]
    found, registry, files = planned(tmp_path, optimizers=optimizers, timeout=4)
    records = by_cell(Dask("cpu", registry, files, scheduler=two.address).run(found, Silent()))
    hung, quick = (records[task.cell.id] for task in found)
    assert (hung.status, hung.reason) == ("timeout", "stopped after 4 s by the parent")
    assert quick.status == "ok"


def test_closing_ends_the_cells_that_run(two: Cluster, tmp_path: Path) -> None:
    never = str(tmp_path / "never")
    optimizers = [{"odd": {}, "as": "quick"}, {"odd": {"file": never}}]
    found, registry, files = planned(tmp_path, optimizers=optimizers)
    records = Dask("cpu", registry, files, scheduler=two.address).run(found, Silent())
    next(records)
    (mark,) = until(lambda: list(tmp_path.glob("never.*")))
    pid = int(mark.suffix[1:])
    assert running(pid)
    records.close()
    until(lambda: not running(pid))


def test_plugins_travel_by_content(
    two: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found, registry, files = planned(tmp_path, optimizers=[{"odd": {}}])
    read = PluginFile.read
    gone = tmp_path / "elsewhere"
    monkeypatch.setattr(
        PluginFile, "read", lambda path: replace(read(path), path=str(gone / path.name))
    )
    (record,) = Dask("cpu", registry, files, scheduler=two.address).run(found, Silent())
    assert record.status == "ok"
    assert not gone.exists()
    assert len(list((two.folder / "scratch").rglob("tiny.py"))) >= 1


def test_the_cells_of_a_killed_worker_run_elsewhere(tmp_path: Path) -> None:
    go = tmp_path / "go"
    optimizers = [{"odd": {"file": str(go)}}, *FOUR]
    found, registry, files = planned(tmp_path / "s", optimizers=optimizers)
    watch = Listener()
    with cluster(tmp_path / "cluster", 2) as made:
        records = Dask("cpu", registry, files, scheduler=made.address).run(found, watch)
        got = [next(records)]
        (mark,) = until(lambda: list(tmp_path.glob("go.*")))
        pid = int(mark.suffix[1:])
        (victim,) = [w for w in made.workers if pid in cell_processes(w.pid)]
        victim.send_signal(signal.SIGKILL)
        until(lambda: not running(pid))  # its child does not outlive it
        go.touch()
        got += records
    expected = by_cell(Inline("cpu", files).run(found, Silent()))
    assert {c: timeless(r) for c, r in by_cell(got).items()} == {
        c: timeless(r) for c, r in expected.items()
    }
    assert watch.started.count(found[0].cell.id) == 2


def test_a_cell_that_kills_its_workers_is_a_failed_record(tmp_path: Path) -> None:
    optimizers = [{"odd": {"how": "kill"}}, *FOUR[:2]]
    found, registry, files = planned(tmp_path / "s", optimizers=optimizers)
    few = {"DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "2"}
    with cluster(tmp_path / "cluster", **few) as made:
        made.worker("--nanny")
        executor = Dask("cpu", registry, files, scheduler=made.address)
        records = by_cell(executor.run(found, Silent()))
    killer, *others = (records[task.cell.id] for task in found)
    assert killer.status == "failed"
    assert "3 dask workers died while it ran there" in killer.reason
    assert [record.status for record in others] == ["ok", "ok"]


def test_a_worker_that_joins_later_is_used(tmp_path: Path) -> None:
    found, registry, files = planned(tmp_path / "s", optimizers=[{"odd": {}}], repeats=2)
    watch = Listener()
    with cluster(tmp_path / "cluster") as made:
        records = Dask("cpu", registry, files, scheduler=made.address).run(found, watch)
        made.worker()
        assert {record.status for record in records} == {"ok"}
    assert watch.warned == ["waiting for dask workers …"]


def test_cells_of_a_gpu_go_to_workers_that_have_one(tmp_path: Path) -> None:
    found, registry, files = planned(tmp_path / "s", optimizers=[{"odd": {}}])
    watch = Listener()
    with cluster(tmp_path / "cluster", 1) as made:
        records = Dask("cuda", registry, files, scheduler=made.address).run(found, watch)
        made.worker("--resources", "GPU=1")
        (record,) = records
        assert not cell_processes(made.workers[0].pid)
        assert cell_processes(made.workers[1].pid)
    assert record.cell == found[0].cell.id  # failed where there is no GPU, but it ran
    assert watch.warned == ["waiting for dask workers with the resource GPU (--resources GPU=1) …"]


def test_a_worker_of_another_version_gets_no_cells(tmp_path: Path) -> None:
    other = tmp_path / "other" / "p2lbench"
    skip = shutil.ignore_patterns("*.safetensors", "__pycache__")
    shutil.copytree(Path(p2lbench.__file__).parent, other, ignore=skip)
    with (other / "errors.py").open("a") as file:
        file.write("# changed\n")
    found, registry, files = planned(tmp_path / "s", optimizers=FOUR, repeats=2)
    watch = Listener()
    with cluster(tmp_path / "cluster", 1) as made:
        made.worker(PYTHONPATH=str(other.parent))
        until(lambda: "Registered to" in (made.folder / "worker1.log").read_text())
        records = Dask("cpu", registry, files, scheduler=made.address).run(found, watch)
        assert {record.status for record in records} == {"ok"}
        made.workers[0].kill()
        records = Dask("cpu", registry, files, scheduler=made.address).run(found, watch)
        with pytest.raises(ClusterError, match=r"no worker of tcp://.* p2lbench is 0.1.0 source"):
            list(records)
    assert "no cells for the worker tcp://" in watch.warned[0]
    assert "p2lbench is 0.1.0 source" in watch.warned[0]
    assert "the plan was made with 0.1.0 source" in watch.warned[0]


def test_a_scheduler_that_goes_away_ends_the_run(tmp_path: Path) -> None:
    found, registry, files = planned(tmp_path / "s", optimizers=[{"odd": {}}], repeats=200)
    with cluster(tmp_path / "cluster", 1) as made:
        records = Dask("cpu", registry, files, scheduler=made.address).run(found, Silent())
        assert len(list(islice(records, 3))) == 3
        made.scheduler.send_signal(signal.SIGKILL)
        with pytest.raises(ClusterError, match=r"is gone.*run the same command again"):
            list(records)


def test_a_cluster_of_its_own(tmp_path: Path) -> None:
    found, registry, files = planned(tmp_path, optimizers=FOUR[:2])
    records = by_cell(Dask("cpu", registry, files, workers=1).run(found, Silent()))
    inline = by_cell(Inline("cpu", files).run(found, Silent()))
    assert {c: timeless(r) for c, r in records.items()} == {
        c: timeless(r) for c, r in inline.items()
    }
    until(lambda: not cell_processes(os.getpid()))


def test_no_tasks_no_cluster(tmp_path: Path) -> None:
    _, registry, files = planned(tmp_path)
    assert list(Dask("cpu", registry, files, scheduler="tcp://127.0.0.1:1").run([], Silent())) == []


def test_an_identity_names_code_weights_and_files(tmp_path: Path) -> None:
    found, registry, _ = planned(
        tmp_path, metrics=["l1", "percep-fmnist"], optimizers=[{"odd": {}}]
    )
    agreement = Agreement(registry)
    identity = dict(agreement.identity(found[0]))
    assert identity.keys() == {"p2lbench", "tiny.py", "more.py", "weights percep-fmnist"}
    assert agreement.difference(identity, found[0]) is None
    changed = {**identity, "weights percep-fmnist": "0" * 64}
    said = agreement.difference(changed, found[0])
    assert said is not None
    assert said.startswith(f"weights percep-fmnist is {identity['weights percep-fmnist']} there")
    missing = {**identity, "weights lpips-vgg": "1" * 64}
    assert "weights lpips-vgg is not here there" in str(agreement.difference(missing, found[0]))


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_driver_that_ends_and_then_the_same_command(
    two: Cluster, tmp_path: Path, how: signal.Signals
) -> None:
    file = tmp_path / "go"
    optimizers = [{"odd": {}, "as": "quick"}, {"odd": {"file": str(file)}}]
    suite = written(tmp_path, ODD, optimizers=optimizers)
    words = ["run", suite, "--executor", "dask", "--scheduler", two.address, "--json"]
    command = [str(COMMAND), *map(str, words)]
    process = subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    (mark,) = until(lambda: list(tmp_path.glob("go.*")))
    until(lambda: any(tmp_path.rglob("latents/*.safetensors")) and records(tmp_path / "results/s"))
    process.send_signal(how)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130 if how == signal.SIGTERM else -how, "")
    assert ("what was finished is kept" in err) == (how == signal.SIGTERM)
    assert "Traceback" not in err
    until(lambda: not running(int(mark.suffix[1:])))
    file.touch()
    ran = command_run(*words, cwd=tmp_path)
    assert ran.code == 0, ran.err
    assert ran.json["cells"]["ok"] == 2
    assert ran.json["cells"]["cached"] == 1
