"""A suite's file: where it is found, and the keys that it may have."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, ValidationError

import p2lbench
from p2lbench.axes import NONE
from p2lbench.checks import STRICT, Problems, explain, got, placed, to_json
from p2lbench.errors import UserError, did_you_mean
from p2lbench.experiments import NAMES as EXPERIMENTS
from p2lbench.masks.kinds import BACKGROUND
from p2lbench.space import Role
from p2lbench.spec import Protocol
from p2lbench.yamlfile import Document, display

MAX_NAME = 100
NAME = re.compile(rf"[A-Za-z0-9][A-Za-z0-9._-]{{0,{MAX_NAME - 1}}}")
MAX_SEED = 2**63 - 1

AtLeastOne = Annotated[int, Field(ge=1)]
# A slip of the keyboard must not fill the memory.
Count = Annotated[int, Field(ge=1, le=100_000)]
Threads = Annotated[int, Field(ge=1, le=1024)]
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Steps = Annotated[int, Field(ge=0, le=1_000_000)]
Share = Annotated[float, Field(ge=0, le=1)]
Entries = Annotated[list[Any], Field(min_length=1)]


class WrittenBudget(BaseModel):
    model_config = STRICT
    passes: AtLeastOne | None = None
    seconds: Positive | None = None
    protocol: Protocol = "paper"


class WrittenStep(BaseModel):
    model_config = STRICT
    relative: Positive


class WrittenEdits(BaseModel):
    model_config = STRICT
    classifiers: Annotated[list[str], Field(min_length=1)]
    classes: Annotated[list[str | int], Field(min_length=1)] | None = None


class WrittenEqual(BaseModel):
    model_config = STRICT
    stop: Positive
    weight: NotNegative = 0.0
    steps: Steps = 1000


class WrittenFinetune(BaseModel):
    model_config = STRICT
    weights: Annotated[list[NotNegative], Field(min_length=1)]
    stop: NotNegative = 0.1
    stop_on: str = "loss"
    steps: Steps = 1000
    lr: Positive = 1e-4
    edits: WrittenEdits
    equal: WrittenEqual | None = None


class Written(BaseModel):
    """The keys of a suite file; what stands on its axes is read by `axes`."""

    model_config = STRICT
    name: str
    images: Entries | dict[str, Any]
    generators: Entries
    losses: Entries | None = None
    metrics: Entries | None = None
    transforms: Entries = [NONE]
    inits: Entries | None = None
    optimizers: Entries
    candidates: Count = 8
    repeats: Count = 1
    budget: WrittenBudget = WrittenBudget()
    timeout: Positive = 600
    threads: Threads = 1
    seed: Annotated[int, Field(ge=0, le=MAX_SEED)] = 0
    plugins: list[str] = []
    roles: dict[str, Role] = {}
    steps: dict[str, Positive | WrittenStep] = {}
    mask_scoring: Literal["soft", "hard"] | None = None
    background: Share = BACKGROUND
    tune: dict[str, dict[str, Any] | None] = {}
    tuned_on: str | None = None
    baseline: str | None = None
    experiment: str | None = None
    finetune: WrittenFinetune | None = None
    reference: str | None = None
    targets: str | None = None
    exclude: list[dict[str, str]] = []
    include: list[dict[str, Any]] = []


def validated(document: Document, problems: Problems) -> tuple[Written, set[str]]:
    """The keys of a suite, and those of them that are wrong, which hold placeholders.

    Raises:
        UserError: the document is no mapping.
    """
    data, bad = document.data, set()
    if not isinstance(data, dict):
        raise UserError(f"expected 'key: value' lines, got {got(data)}", document.place())
    try:
        written = Written.model_validate_json(to_json(data))
    except ValidationError as error:
        for wrong in explain(error, data):
            bad.add(str(wrong.path[0]))
            problems.add(placed(wrong, Written, document.place))
        required = {"name": "x", "images": ["x"], "generators": ["x"], "optimizers": ["x"]}
        good = {key: value for key, value in data.items() if key not in bad}
        written = Written.model_validate_json(to_json({**required, **good}))
    _check_name(written, bad, document, problems)
    _check_budget(written, document, problems)
    _check_experiment(written, document, problems)
    _check_finetune(written, document, problems)
    return written, bad


def _check_name(written: Written, bad: set[str], document: Document, problems: Problems) -> None:
    if "name" not in bad and not NAME.fullmatch(written.name):
        message = "expected a name of letters, digits, '-', '_' and '.', since it names a folder"
        problems.add(UserError(f"{message}; got {got(written.name)}", document.place("name")))


def _check_budget(written: Written, document: Document, problems: Problems) -> None:
    if written.budget.protocol == "equal" and written.budget.passes is None:
        message = "protocol equal needs a number of passes: add `passes:` beside it"
        problems.add(UserError(message, document.place("budget", "protocol")))


def _check_experiment(written: Written, document: Document, problems: Problems) -> None:
    name = written.experiment
    if name is not None and name not in EXPERIMENTS:
        message = f"unknown experiment {got(name)}.{did_you_mean(name, EXPERIMENTS)}"
        message += f" Expected one of {', '.join(EXPERIMENTS)}"
        problems.add(UserError(message, document.place("experiment")))


def _check_finetune(written: Written, document: Document, problems: Problems) -> None:
    from p2lbench.inits.classes import CLASSIFIERS

    named = [] if written.finetune is None else written.finetune.edits.classifiers
    for i, name in enumerate(named):
        if name not in CLASSIFIERS:
            message = f"unknown classifier {got(name)}.{did_you_mean(name, CLASSIFIERS)}"
            message += f" Expected one of {', '.join(CLASSIFIERS)}"
            place = document.place("finetune", "edits", "classifiers", i)
            problems.add(UserError(message, place))


def find(suite: str | Path) -> Path:
    """The file of a suite; an existing file wins over a shipped suite's name.

    Raises:
        UserError: there is none; with the nearest shipped name.
    """
    path, known = Path(suite), shipped()
    # os.path's tests, unlike pathlib's, take no name to be an error, however long or odd.
    if os.path.isfile(path) or (os.path.exists(path) and str(suite) not in known):
        return path
    if str(suite) in known:
        return known[str(suite)]
    if path.suffix in (".yaml", ".yml") or len(path.parts) > 1:
        raise UserError(f"no such suite file: {display(path)}")
    message = f"unknown suite '{suite}'.{did_you_mean(str(suite), known)}"
    raise UserError(f"{message} Expected a file or a name; see: p2lbench list suites")


def shipped() -> dict[str, Path]:
    """The suites that come with p2lbench, by name: from the wheel, else from the checkout."""
    package = Path(p2lbench.__file__).parent
    for folder in (package / "_suites", package.parent / "suites"):
        if found := sorted(folder.glob("*.yaml")):
            return {path.stem: path for path in found}
    return {}
