"""`p2lbench validate` with an estimate: what it says, what it keeps, and plugins that misbehave."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace

import pytest
from e2e.kit import FOUR, called, ran_inline, written

from p2lbench import suite as suites
from p2lbench.estimate import cache, estimating
from p2lbench.estimate.estimating import Estimate, MethodEstimate
from p2lbench.estimate.objectives import objectives
from p2lbench.plan import plan
from p2lbench.report.estimate import lines, roughly, rows

GENERATOR = """
import os
import sys
import time
import torch
from p2lbench.api import Generator, Variable, hookimpl

class Bad(Generator):
    size = 8
    variables = (Variable("z", (4,), bound=2.0, step=0.05),)
    def forward(self, z):
        {forward}

@hookimpl
def register_generators(register):
    register("bad", Bad)
"""
FINE = "return z.sum(1).view(-1, 1, 1, 1).expand(-1, 3, 8, 8).tanh().contiguous()"


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def bad(folder, forward: str, **keys):
    """A suite on a generator that does this."""
    plugin = GENERATOR.format(forward=forward)
    return written(folder, plugin, generators=["bad"], optimizers=FOUR[:1], **keys)


def estimated(suite, *words: str):
    done = called("validate", suite, "--estimate", "--json", *words)
    assert done.code == 0, done.err
    return done.json


def test_it_says_passes_and_time_and_measures_once(tmp_path, monkeypatch):
    suite = written(tmp_path, repeats=2)
    found = estimated(suite)
    _, records = ran_inline(suite)
    made = found["estimate"]
    assert made["seconds"] > 0
    assert made["why"] is None
    by_name = {method["row"][4]: method for method in made["methods"]}
    assert {name: m["passes"] for name, m in by_name.items()} == {
        name: record.ledger["passes"] for name, record in records.items()
    }
    assert all(method["cells"] == 2 and method["seconds"] > 0 for method in by_name.values())
    assert found["passes"] == 2 * sum(record.ledger["passes"] for record in records.values())
    # From now on it is known.
    monkeypatch.setattr(estimating, "Child", None)
    assert estimated(suite) == found
    text = called("validate", suite, "--estimate").out
    assert f"passes     {found['passes']} at most" in text
    assert "workers, from nothing" in text or "worker, from nothing" in text
    # Another size of call is not.
    with pytest.raises(TypeError):
        estimated(suite, "--set", "optimizers=[{cma: {population: 50}}]")


def test_without_an_estimate_nothing_is_measured(tmp_path, monkeypatch):
    suite = written(tmp_path)
    monkeypatch.setattr(estimating, "Child", None)
    document = called("validate", suite, "--no-estimate", "--json").json
    assert (document["passes"], document["estimate"]) == (None, None)
    monkeypatch.setenv("P2LBENCH_ESTIMATE", "0")
    assert called("validate", suite, "--json").json == document
    assert "time" not in called("validate", suite).out


@pytest.mark.parametrize(
    ("forward", "said"),
    [
        ("raise RuntimeError('no weights today')", "RuntimeError: no weights today"),
        ("return torch.zeros(len(z), 3, 9, 9)", "expected torch.float32"),
        ("os._exit(3)", "died (exit code 3)"),
    ],
)
def test_a_generator_that_does_not_work_is_why_there_is_none(tmp_path, forward, said):
    document = estimated(bad(tmp_path, forward))
    made = document["estimate"]
    assert (document["passes"], made["seconds"]) == (None, None)
    assert said in made["why"]
    assert made["methods"][0]["why"] == made["why"]
    assert not cache.read()


def test_a_generator_that_hangs_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr(estimating, "PATIENCE", 4.0)
    done = called("validate", bad(tmp_path, "time.sleep(1000)"), "--estimate")
    assert done.code == 0
    assert "no estimate: the calibration took longer than 4 s" in done.out
    assert "measuring" in done.err


def test_a_generator_that_takes_all_memory_is_ended(tmp_path, monkeypatch):
    monkeypatch.setattr(estimating.memory, "share", lambda _: 2**20)
    made = estimated(bad(tmp_path, FINE))["estimate"]
    assert "it took more than 0.00 GB of memory" in made["why"]


def test_a_generator_that_prints_answers_changes_nothing(tmp_path):
    lie = json.dumps({"calibration": {"load": 1}})
    forward = f"print({lie!r}, flush=True); os.write(1, b'{{}}\\n'); {FINE}"
    document = estimated(bad(tmp_path, forward))
    assert document["estimate"]["why"] is None
    assert document["passes"] == 3 * 2 * 2


WHOLE = {
    "device": "cpu",
    "variables": [["z", [4], "both"]],
    "together": 8,
    "start": 1.0,
    "load": 1.0,
    "cell": 0.1,
    "calls": [[True, 2, 0.5]],
    "tuning": {"step": 0.1, "entry": 0.5},
}


def kept(**changes) -> str:
    return json.dumps({"calibrations": {"key": {**WHOLE, **changes}}})


def test_a_cache_is_read_back():
    cache.path().parent.mkdir(parents=True)
    cache.path().write_text(kept())
    found = cache.read()["key"]
    assert found.plain() == WHOLE
    cache.keep("other", found)
    assert list(cache.read()) == ["key", "other"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[1, 2]",
        '{"calibrations": 3}',
        "[" * 100_000,
        "\udcff",
        kept(calls=[[True, 2, -1.0]]),
        kept(calls=[[True, 2, float("nan")]]),
        kept(calls=[[True, 2]]),
        kept(calls=[[True, 0, 1.0]]),
        kept(cell="long"),
        kept(load=1e300),
        kept(variables=[]),
        kept(variables=[["z", [10**9], "both"]]),
        kept(variables=[["z", ["4"], "both"]]),
        kept(variables=[["z", [4], "king"]]),
        kept(together=0),
        kept(tuning={"step": 0.1}),
        kept(tuning={"step": "short", "entry": 1.0}),
        kept() + " " * cache.MOST_BYTES,
    ],
)
def test_a_damaged_cache_is_as_none(text):
    cache.path().parent.mkdir(parents=True)
    cache.path().write_bytes(text.encode("utf-8", "surrogateescape"))
    assert cache.read() == {}


def test_a_cache_keeps_the_latest_and_needs_no_folder(tmp_path, monkeypatch):
    cache.path().parent.mkdir(parents=True)
    cache.path().write_text(kept())
    found = cache.read()["key"]
    monkeypatch.setattr(cache, "MOST", 2)
    for name in ("a", "b", "a", "c"):
        cache.keep(name, found)
    assert list(cache.read()) == ["a", "c"]
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    cache.keep("a", found)
    assert cache.read() == {}


def test_weights_that_are_missing_are_the_users_business(tmp_path, weights_folder):
    suite = written(tmp_path, generators=["biggan-deep-128"], losses=["l1"])
    done = called("validate", suite, "--estimate")
    assert done.code == 2
    assert "weights fetch" in done.err or "weights add" in done.err


def test_the_command_imports_no_torch(tmp_path):
    code = (
        "import sys\n"
        "from p2lbench import cli\n"
        "sys.argv = ['p2lbench', 'validate', 'quickstart', '--estimate', '--json',\n"
        "            '--set', 'optimizers=[{adam: {steps: 2}}, nevergrad:DE]']\n"
        "try:\n"
        "    cli.main()\n"
        "except SystemExit as end:\n"
        "    assert not end.code\n"
        "assert not {'torch', 'nevergrad', 'cma'} & set(sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=os.environ, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["estimate"]["why"] is None


def row(name: str, cells: int, passes: int | None, seconds: float | None, at_most=False):
    return MethodEstimate(("g", "l", "t", "i", name), cells, passes, seconds, at_most)


def test_a_total_is_shared_by_workers_and_no_shorter_than_a_cell():
    methods = (row("a", 6, 100, 2.0), row("b", 2, 50, 10.0))
    assert Estimate(methods, 2, 2, 3.0, 600, None).seconds == 3 + (12 + 20) / 2
    assert Estimate(methods, 9, 9, 3.0, 600, None).seconds == 3 + 10
    assert Estimate(methods, 9, 1, 0.0, 600, None).seconds == 32  # one GPU
    assert Estimate(methods, 2, 2, 0.0, 4.0, None).seconds == (12 + 8) / 2  # the timeout ends it
    assert Estimate(methods, 2, 2, 0.0, 600, None).passes == 700


def test_what_is_not_known_takes_the_timeout_at_most():
    methods = (row("a", 6, 100, 2.0), row("lbfgs", 2, None, None, at_most=True))
    found = Estimate(methods, 1, 1, 0.0, 60, None)
    assert (found.passes, found.seconds, found.at_most) == (None, 12 + 120, True)
    assert Estimate(methods, 1, 1, 0.0, 60, "why").seconds is None
    # What another row or a reference has costs nothing.
    others = (row("a", 6, 100, 2.0), row("lbfgs", 0, None, None, at_most=True))
    found = Estimate(others, 1, 1, 0.0, 60, None)
    assert (found.passes, found.seconds, found.at_most) == (600, 12, False)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.234, "0.2 s"),
        (9.96, "10 s"),
        (58.1, "58 s"),
        (119, "120 s"),
        (121, "2.0 min"),
        (727, "12 min"),
        (12_600, "3.5 h"),
        (10**6, "12 days"),
    ],
)
def test_a_time_is_told_roughly(seconds, text):
    assert roughly(seconds) == text


def test_what_is_skipped_costs_nothing(tmp_path):
    plugin = """
from p2lbench.api import Skip, Transform, hookimpl

class Nowhere(Transform):
    dim = 1
    identity = apply = invert = None
    def initial(self, mask, generator):
        raise Skip("nowhere to put it")

@hookimpl
def register_transforms(register):
    register("nowhere", Nowhere)
"""
    suite = written(tmp_path, plugin, optimizers=FOUR[:1], transforms=["nowhere"])
    document = estimated(suite)
    (method,) = document["estimate"]["methods"]
    assert (method["passes"], method["seconds"]) == (0, 0)
    assert method["why"] == "a cell is skipped: nowhere to put it"
    assert (document["passes"], document["estimate"]["why"]) == (0, None)
    assert "skipped" in called("validate", suite, "--estimate").out.splitlines()[-1]


def test_rows_of_the_same_cells_cost_once(tmp_path):
    twice = [{"adam": {"steps": 3}}, {"adam": {"steps": 3}, "as": "again"}]
    # Neither the budget nor the timeout of a cell holds for the calibration.
    document = estimated(
        written(tmp_path, optimizers=twice, budget={"passes": 13, "seconds": 9}, timeout=0.001)
    )
    assert [method["cells"] for method in document["estimate"]["methods"]] == [1, 0]
    assert document["passes"] == 3 * 2 * 2


def keys_of(file, *overrides: str) -> list[str]:
    checked, plugins = suites.load(file, (), overrides)
    found = objectives(plan(checked, plugins), plugins.registry)
    return sorted(objective.key for objective in found.values())


def test_a_calibration_is_kept_by_what_decides_it(tmp_path, monkeypatch):
    file = written(tmp_path)
    known = keys_of(file)
    assert len(known) == 1
    for same in ("repeats=3", "seed=4", "optimizers=[adam]", "budget.passes=50"):
        assert keys_of(file, same) == known, same
    for other in ("threads=2", "candidates=3", "metrics=[l2]", "losses=[l2]"):
        assert keys_of(file, other) != known, other
    assert len(keys_of(file, "transforms=[none, color]")) == 2
    (tmp_path / "tiny.py").write_text((tmp_path / "tiny.py").read_text() + "\n# changed\n")
    assert keys_of(file) != known
    monkeypatch.setattr(cache, "_processor", lambda: "another one")
    assert not set(keys_of(file)) & set(known)


def test_the_table_says_what_is_not_known():
    methods = (
        row("adam", 2, 1200, 3.0),
        row("lbfgs", 2, 1200, 4.0, at_most=True),
        row("endless", 2, None, None, at_most=True),
        row("slow", 2, 9000, 700.0),
    )
    found = Estimate(methods, 2, 2, 0.0, 600.0, None)
    assert [tuple(map(str, line)) for line in rows(found)] == [
        ("adam", "2", "1,200", "3.0 s"),
        ("lbfgs", "2", "≤ 1,200", "≤ 4.0 s"),
        ("endless", "2", "not known", "not known, timeout 600 s"),
        ("slow", "2", "9,000", "12 min > timeout 600 s"),
    ]
    said = list(lines(found))
    assert said[:2] == ["generator  g", "loss       l"]
    assert "passes     not known before" in said
    assert "time       at most about 20 min with 2 workers, from nothing" in said


def test_sizes_that_were_not_measured_are_no_traceback(tmp_path, monkeypatch):
    suite = bad(tmp_path, FINE)
    estimated(suite)
    (known,) = cache.read().values()
    cache.path().unlink()
    other = replace(known, calls={})
    monkeypatch.setattr(
        estimating, "_measured", lambda plan, missing, say: ((group, other) for group in missing)
    )
    assert "other sizes" in estimated(suite)["estimate"]["why"]
    assert not cache.read()
