"""What the end-to-end tests share: a tiny generator, suites, the command, records."""

from __future__ import annotations

import dataclasses
import io
import json
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

from p2lbench import cli
from p2lbench import suite as suites
from p2lbench.executors import Inline
from p2lbench.leaderboard import load as load_board
from p2lbench.models import Models
from p2lbench.plan import Cell, Plan, Task, plan
from p2lbench.plugins import Plugins
from p2lbench.record import Record
from p2lbench.runner import Outcome, Step, _keep_plan, _tasks, run
from p2lbench.store import Store

PHOTOS = Path(__file__).parents[2] / "suites" / "images" / "fmnist"
COMMAND = Path(sys.executable).with_name("p2lbench")

# A linear map from z to 8×8 images: a whole cell takes milliseconds.
TINY = """
import torch
from p2lbench.api import Generator, Variable, hookimpl

class Tiny(Generator):
    size = 8
    variables = (Variable("z", (4,), bound=2.0, step=0.05),)
    def load(self, device):
        drawn = torch.Generator().manual_seed(7)
        self.map = torch.randn(4, 3 * 8 * 8, generator=drawn).mul(0.3).to(device)
    def forward(self, z):
        return torch.tanh(z @ self.map).view(-1, 3, 8, 8)

@hookimpl
def register_generators(register):
    register("tiny", Tiny)
"""

FOUR = [
    {"adam": {"steps": 3}},
    {"cma": {"steps": 2}},
    {"basincma": {"outer_steps": 1, "inner_steps": 2, "final_steps": 2}},
    {"nevergrad:OnePlusOne": {"steps": 3}},
]
RAISING = """
from p2lbench.api import Loss, hookimpl

class Raising(Loss):
    objective = False
    def __call__(self, images, prepared):
        raise RuntimeError("no value")

@hookimpl
def register_metrics(register):
    register("raising", Raising)
"""


class Ran(NamedTuple):
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output, which must be exactly one JSON document."""
        return json.loads(self.out)


def interruptible() -> None:
    """For a child: Ctrl-C works, even where the tests themselves run with it ignored (nohup)."""
    import signal

    signal.signal(signal.SIGINT, signal.SIG_DFL)


def command(*arguments: Any, cwd: Path, timeout: float = 150) -> Ran:
    """The installed command, in a process of its own."""
    words = [str(COMMAND), *map(str, arguments)]
    done = subprocess.run(
        words, check=False, cwd=cwd, capture_output=True, text=True, timeout=timeout
    )
    return Ran(done.returncode, done.stdout, done.stderr)


def called(*arguments: Any) -> Ran:
    """The same command in this process, which saves the imports."""
    import signal

    out, err = io.StringIO(), io.StringIO()
    words = ["p2lbench", *map(str, arguments)]
    term, code = signal.getsignal(signal.SIGTERM), 0
    with redirect_stdout(out), redirect_stderr(err), mock.patch.object(sys, "argv", words):
        try:
            cli.main()
        except SystemExit as end:
            code = int(end.code or 0)
        finally:
            signal.signal(signal.SIGTERM, term)
    return Ran(code, out.getvalue(), err.getvalue())


def written(folder: Path, plugin: str = "", **keys: Any) -> Path:
    """A suite file on the tiny generator with one photo; `plugin` is the code of another plugin."""
    (folder / "tiny.py").write_text(TINY)
    files = ["tiny.py"]
    if plugin:
        (folder / "more.py").write_text(plugin)
        files.append("more.py")
    basis = {
        "name": "s",
        "images": [str(PHOTOS / "bag-126.png")],
        "generators": ["tiny"],
        "losses": ["l1"],
        "metrics": ["l1", "psnr"],
        "optimizers": FOUR,
        "candidates": 2,
        "plugins": files,
    }
    file = folder / "s.yaml"
    merged = {**basis, **keys}
    # JSON is YAML, too.
    file.write_text(json.dumps({k: v for k, v in merged.items() if v is not None}, indent=1))
    return file


class Silent:
    """Follows a run and says nothing."""

    def cell_started(self, cell: Cell) -> None: ...
    def cell_progress(self, cell: Cell, passes: int, best: float) -> None: ...
    def warn(self, message: str) -> None: ...
    def cell_done(self, record: Record, cached: bool = False) -> None: ...


def ran_inline(
    suite: Path, results: Path | None = None, **options: Any
) -> tuple[Outcome, dict[str, Record]]:
    """A suite run in this process without pictures: its outcome, and records by optimizer."""
    checked, plugins = suites.load(suite)
    planned = plan(checked, plugins)
    executor = Inline("cpu", checked.plugin_files)
    results = results or suite.parent / "results"
    outcome = run(planned, plugins.registry, executor, results, Silent(), **options)
    return outcome, by_optimizer(outcome.folder)


def tasks(suite: Path) -> tuple[Plan, Plugins, Models, list[Task]]:
    """A suite's tasks as a worker gets them, and models to run them with."""
    checked, plugins = suites.load(suite)
    planned = plan(checked, plugins)
    cells = [(cell, Step.run) for cell in planned.cells()]
    with Store.create_or_open(suite.parent / "tasks", checked.name) as store:
        _keep_plan(store, planned, {cell.id for cell, _ in cells})
        found = list(_tasks(cells, checked, store))
    return planned, plugins, Models(plugins.registry, "cpu"), found


def records(folder: Path) -> dict[tuple[str, ...], Record]:
    """Every record of a results folder with its files, by row, image and repeat."""
    with Store.open_read(folder) as store:
        found = {}
        for row in store.plan():
            record = store.get(row.cell)
            if record is not None:
                found[(*row.row, row.image, str(row.repeat))] = record
        return found


def by_optimizer(folder: Path) -> dict[str, Record]:
    """The records of a suite that has one cell per optimizer."""
    return {key[4]: record for key, record in records(folder).items()}


def rows(folder: Path) -> dict[str, dict[str, Any]]:
    """The leaderboard's rows by optimizer."""
    with Store.open_read(folder) as store:
        return {row["optimizer"]: row for row in load_board(store).to_json()["rows"]}


def timeless(record: Record) -> Any:
    """A record without its seconds, and its id, which changes as the code is worked on."""
    plain = dataclasses.asdict(record)
    plain.pop("cell")
    plain["trace"].pop("seconds")
    plain["ledger"] = {k: v for k, v in plain["ledger"].items() if "seconds" not in k}
    return plain


def numbers(row: dict[str, Any]) -> Any:
    """A leaderboard row without its seconds and notes."""
    return {k: v for k, v in row.items() if k not in ("seconds", "notes")}
