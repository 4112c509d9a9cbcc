"""What a suite's trade-off is said to cost, against what it did."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch
from e2e.kit import called
from finetuning.nets import suite

from p2lbench import suite as suites
from p2lbench.estimate import cache
from p2lbench.estimate.estimating import Estimate, MethodEstimate
from p2lbench.estimate.objectives import objectives
from p2lbench.estimate.tuning import Tuning, TuningEstimate, timed
from p2lbench.finetuning.options import Options
from p2lbench.finetuning.wanted import Wanted
from p2lbench.models import Models
from p2lbench.plan import plan
from p2lbench.report.estimate import lines

ASKED: dict[str, Any] = {
    "weights": [1000, 0],
    "steps": 3,
    "stop": 1e-9,
    "lr": 0.01,
    "edits": {"classifiers": ["percep-fmnist"], "classes": ["coat"]},
    "equal": {"stop": 1e-9, "weight": 1, "steps": 5},
}
WANTED = Wanted((Options(steps=3), Options(weight=0.0, steps=3)), Options(steps=5), (), None)


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def test_entries_and_passes_are_those_of_the_run(tmp_path):
    file = suite(tmp_path, transforms=["none"], finetune=ASKED)
    said = called("validate", file, "--estimate", "--json").json["estimate"]
    assert said["why"] is None
    assert said["at_most"]
    assert said["seconds"] > said["finetune"]["seconds"] > 0
    results = ("--results", tmp_path / "results", "--executor", "inline", "--device", "cpu")
    assert called("run", file, *results, "--json").code == 0
    made = [*(tmp_path / "results" / "s" / "tradeoff").glob("*.json")]
    steps = [json.loads(each.read_text())["steps"] for each in made]
    assert sorted(steps) == [0, 3, 3, 5]
    assert said["finetune"]["entries"] == len(made)
    assert said["finetune"]["passes"] == sum(2 * count + 1 for count in steps if count)
    # What was measured is kept, apart from that of a suite without a trade-off.
    assert called("validate", file, "--estimate", "--json").json["estimate"] == said
    text = called("validate", file, "--estimate").out
    assert f"trade-off  4 entries after the cells, at most {said['finetune']['passes']}" in text
    without = suite(tmp_path, transforms=["none"])
    document = called("validate", without, "--estimate", "--json").json["estimate"]
    assert document["finetune"] is None
    assert [known.tuning is None for known in cache.read().values()] == [False, True]


def test_seconds_are_those_of_all_steps_of_all_cells():
    found = TuningEstimate.of(WANTED, [(2, Tuning(0.1, 1.0)), (1, Tuning(0.2, 0.0)), (0, None)])
    assert (found.entries, found.passes) == (3 * 4, 3 * (7 + 7 + 11))
    assert found.seconds == pytest.approx(2 * (4 * 1.0 + 11 * 0.1) + 11 * 0.2)


def test_they_follow_the_cells():
    methods = (MethodEstimate(("g", "l", "t", "i", "a"), 4, 100, 2.0),)
    after = TuningEstimate(12, 99, 30.0)
    found = Estimate(methods, 2, 2, 1.0, 600, None, after)
    assert (found.seconds, found.at_most, found.passes) == (1 + 4 + 30, True, 400)
    assert "trade-off  12 entries after the cells, at most 99 passes, about 30 s" in lines(found)
    unknown = TuningEstimate.of(WANTED, [(4, None)])
    assert unknown.seconds is None
    assert Estimate(methods, 2, 2, 1.0, 600, None, unknown).seconds is None


def test_a_generator_that_cannot_be_tuned_is_said(tmp_path):
    file = suite(
        tmp_path,
        transforms=["none"],
        finetune={**ASKED, "edits": {"classifiers": ["percep-fmnist"], "classes": ["bag"]}},
    )
    done = called("validate", file, "--estimate")
    assert done.code == 0, done.err
    assert "no estimate: fine-tuning and editing what the generator draws did not work" in done.out


def test_the_generator_is_as_it_was(tmp_path):
    checked, plugins = suites.load(suite(tmp_path, transforms=["none"], finetune=ASKED))
    (objective,) = objectives(plan(checked, plugins), plugins.registry).values()
    from p2lbench.project import prepare

    models = Models(plugins.registry, "cpu")
    setting = prepare(objective.order.task, models)
    before = {name: t.clone() for name, t in setting.generator.parameters().items()}
    assert checked.finetune is not None
    found = timed(objective.order.task, checked.finetune, setting, models)
    assert found is not None
    assert found.step > 0
    for name, tensor in setting.generator.parameters().items():
        assert torch.equal(tensor, before[name])
        assert not tensor.requires_grad
