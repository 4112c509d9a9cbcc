"""`tune:` in a suite, and what optimizers declare themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import fakesuite
import pytest
from fakesuite import folder, registry

from p2lbench.errors import PluginError, SuiteErrors, UserError
from p2lbench.optimizers.base import Optimizer
from p2lbench.plugins import Plugins
from p2lbench.suite import Suite, load
from p2lbench.tunable import Choices, Range
from p2lbench.tuning.entries import Entry, entries
from p2lbench.tuning.spaces import space_of

SUITE = """\
name: mine
images:
  - {file: a.png, class: bag}
  - {file: b.png, class: 1, split: tune}
generators: [gan]
optimizers:
  - adam: {steps: 200}
  - cma
  - {basin: {inner: {adam: {lr: 0.1}}}, as: deep}
  - chain: {stages: [cma, {adam: {steps: 5}}]}
  - declares: {}
include:
  - {optimizers: {adam: {steps: 7}, as: more}}
"""


class Declares(fakesuite.Fake):
    tunable: ClassVar = {"rate": Range(0.1, 10), "mode": Choices(["a", "b"])}

    def __init__(
        self, rate: float | dict[str, float] = 1, mode: str = "a", inner: Optimizer | None = None
    ) -> None:
        self.rate, self.mode, self.inner = rate, mode, inner


class Wrong(fakesuite.Fake):
    tunable: ClassVar = {"speed": Range(0.1, 10)}


REGISTRY = registry(declares=Declares, wrong=Wrong)


def plugins(files: Any) -> Plugins:
    return Plugins(REGISTRY, fakesuite.loader()([]).reports)


def read(tmp_path: Path, tune: str = "", suite: str = SUITE) -> Suite:
    return load(folder(tmp_path, suite + tune), load_plugins=plugins)[0]


def refused(tmp_path: Path, tune: str) -> list[str]:
    with pytest.raises(UserError) as caught:
        read(tmp_path, tune)
    error = caught.value
    found = error.errors if isinstance(error, SuiteErrors) else [error]
    return [str(each).replace(f"{tmp_path}/", "") for each in found]


def by_label(suite: Suite) -> dict[str, Entry]:
    found = entries(suite.document.data, suite.optimizers, suite.include)
    return {entry.row.label: entry for entry in found}


def test_what_a_suite_says(tmp_path: Path) -> None:
    suite = read(
        tmp_path,
        "tune:\n"
        "  adam: {lr: [0.01, 1], final: [last, best], steps: [10, 500]}\n"
        "  cma: {population: {range: [2, 64], scale: linear}}\n"
        "  deep: {inner.lr: [0.1, 0.2], inner.final: {choices: [last, best]}}\n"
        "  chain: {stages.1.steps: [1, 2, 5]}\n"
        "  more: {lr.z: [0.1, 1], lr.c: [1, 2]}\n",
    )
    assert suite.tune == {
        "adam": {
            "lr": Range(0.01, 1), "final": Choices(["last", "best"]),
            "steps": Range(10, 500, "log", whole=True),
        },
        "cma": {"population": Range(2, 64, "linear", whole=True)},
        "deep": {"inner.lr": Range(0.1, 0.2), "inner.final": Choices(["last", "best"])},
        "chain": {"stages.1.steps": Choices([1, 2, 5])},
        "more": {"lr.z": Range(0.1, 1), "lr.c": Range(1, 2)},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("tune", "expected"),
    [
        (
            "tune: {admm: {lr: [1, 2]}}",
            "my.yaml:14:8: no optimizer row 'admm'. Did you mean 'adam'",
        ),
        ("tune: {adam: {lrr: [1, 2]}}", "my.yaml:14:15: optimizer 'adam' has no option 'lrr'"),
        ("tune: {adam: {lr: [a, b]}}", "my.yaml:14:19: option 'lr' of optimizer 'adam': expected"),
        ("tune: {adam: {steps: [0, 9]}}", "my.yaml:14:22: optimizer 'adam': steps: expected at"),
        ("tune: {adam: {steps: [1.5, 9]}}", "my.yaml:14:22: option 'steps' of optimizer 'adam'"),
        ("tune: {adam: {lr: [2, 1]}}", "my.yaml:14:19: expected low below high, got 2 and 1"),
        ("tune: {adam: {lr: 0.1}}", "my.yaml:14:19: expected [low, high], a list of choices"),
        ("tune: {adam: {lr: {low: 1}}}", "my.yaml:14:19: expected [low, high], a list of choices"),
        ("tune: {adam: {lr: [1]}}", "my.yaml:14:19: expected at least two choices, got 1"),
        ("tune: {adam: {lr: {range: [0, 1], scale: log}}}", "expected a low end above 0 on a log"),
        ("tune: {adam: {lr: {range: [1, 2], scale: cubic}}}", "my.yaml:14:42: scale: expected"),
        ("tune: {adam: {lr: {range: [1, 2, 3]}}}", "my.yaml:14:27: range: expected at most 2"),
        ("tune: {adam: {lr: {range: [1, 2], skale: log}}}", "unknown key 'skale'. Did you mean"),
        ("tune: {adam: 3}", "my.yaml:14:14: tune.adam: expected a mapping"),
        ("tune: [adam]", "my.yaml:14:7: tune: expected a mapping"),
        (
            "tune: {deep: {inner.lrr: [1, 2]}}",
            "my.yaml:14:15: optimizer 'adam' has no option 'lrr'",
        ),
        ("tune: {chain: {stages.7.lr: [1, 2]}}", "my.yaml:14:16: 'stages' is a list of 2"),
        ("tune: {adam: {steps.x: [1, 2]}}", "my.yaml:14:15: 'steps' is 200: expected a mapping"),
        ("tune: {adam: {lr: null, oops: null}}", "my.yaml:14:25: optimizer 'adam' has no option"),
        ("tune: {adam: {final: [last, worst]}}", "my.yaml:14:22: option 'final' of optimizer"),
    ],
)
def test_what_is_wrong_is_placed(tmp_path: Path, tune: str, expected: str) -> None:
    (said,) = refused(tmp_path, tune)
    assert expected in said


def test_all_that_is_wrong_is_said(tmp_path: Path) -> None:
    tune = "tune:\n  adam: {lrr: [1, 2], lr: 3}\n  cmaa: {sigma: [1, 2]}\n"
    assert [said[:14] for said in refused(tmp_path, tune)] == [
        "my.yaml:15:10:", "my.yaml:15:27:", "my.yaml:16:3: "
    ]  # fmt: skip


def space(tmp_path: Path, label: str, tune: str = "", suite: str = SUITE) -> dict[str, Any]:
    checked = read(tmp_path, tune, suite)
    return space_of(by_label(checked)[label], checked.tune, REGISTRY)


def test_an_optimizers_own(tmp_path: Path) -> None:
    own = {"rate": Range(0.1, 10), "mode": Choices(["a", "b"])}
    assert space(tmp_path, "declares") == own
    assert space(tmp_path, "cma") == {}


def test_those_nested_in_it(tmp_path: Path) -> None:
    suite = SUITE.replace(
        "declares: {}", "chain: {stages: [{declares: {inner: declares}}]}\n    as: x"
    )
    assert set(space(tmp_path, "x", suite=suite)) == {
        "stages.0.rate", "stages.0.mode", "stages.0.inner.rate", "stages.0.inner.mode"
    }  # fmt: skip


def test_the_suite_before_the_optimizer(tmp_path: Path) -> None:
    tune = "tune: {declares: {rate: [1, 2]}}"
    assert space(tmp_path, "declares", tune) == {
        "rate": Range(1, 2), "mode": Choices(["a", "b"])
    }  # fmt: skip
    assert space(tmp_path, "declares", "tune: {declares: {mode: null}}") == {"rate": Range(0.1, 10)}
    assert space(tmp_path, "declares", "tune: {declares: null}") == {}


def test_a_mapping_is_not_replaced_by_a_number(tmp_path: Path) -> None:
    suite = SUITE.replace("declares: {}", "declares: {rate: {z: 1, c: 2}}")
    assert set(space(tmp_path, "declares", suite=suite)) == {"mode"}
    tune = "tune: {declares: {rate.c: [1, 5]}}"
    assert set(space(tmp_path, "declares", tune, suite)) == {"mode", "rate.c"}


def test_a_plugin_that_declares_what_it_does_not_have(tmp_path: Path) -> None:
    suite = SUITE.replace("declares: {}", "wrong")
    with pytest.raises(PluginError, match=r"'wrong' declares 'speed' as tunable: .*no option"):
        space(tmp_path, "wrong", suite=suite)


def test_changing_options_keeps_what_is_written(tmp_path: Path) -> None:
    found = by_label(read(tmp_path))
    assert found["cma"].changed({"population": 5}) == {"cma": {"population": 5}}
    assert found["adam"].changed({}) == {"adam": {"steps": 200}}
    assert found["deep"].changed({"inner.steps": 3, "outer.steps": 4}) == {
        "basin": {"inner": {"adam": {"lr": 0.1, "steps": 3}}, "outer": {"cma": {"steps": 4}}}
    }
    assert found["chain"].changed({"stages.0.steps": 3}) == {
        "chain": {"stages": [{"cma": {"steps": 3}}, {"adam": {"steps": 5}}]}
    }
    assert found["more"].changed({"lr.z": 1, "lr.c": 2}) == {
        "adam": {"steps": 7, "lr": {"z": 1, "c": 2}}
    }
    assert found["more"].keys == ("include", 0, "optimizers")
    assert found["deep"].value("inner.lr") == 0.1
    assert found["chain"].value("stages.1.steps") == 5
    assert found["chain"].value("stages.9.steps") is None
