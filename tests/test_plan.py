"""A suite's cells: what their ids depend on, their order, their seeds."""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import fakesuite
import pytest
from fakesuite import BUILT_IN, OTHER, SUITE, folder, loader, registry
from PIL import Image as Pillow

from p2lbench import weights
from p2lbench.plan import Image, Plan, candidate_seed, class_index, crossed, plan, seed
from p2lbench.plugins import Plugins, Report
from p2lbench.registry import Origin, Registry
from p2lbench.rescoring import metric_keys
from p2lbench.spec import Named, Spec
from p2lbench.stated import hashes_of_files
from p2lbench.suite import Suite, load


def planned(path: Path, *overrides: str, device: str = "cpu") -> Plan:
    suite, plugins = load(path, overrides=overrides, load_plugins=loader())
    return plan(suite, plugins, device)


def ids(path: Path, *overrides: str, device: str = "cpu") -> list[str]:
    return [cell.id for cell in planned(path, *overrides, device=device).cells()]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return folder(tmp_path)


def test_a_plan_is_methods_by_images_by_repeats(path: Path) -> None:
    found = planned(path, "repeats=3")
    rows, cells = list(found.rows()), list(found.cells())
    assert len(found) == len(rows) == len(cells) == 2 * 2 * 3
    assert [row.cell for row in rows] == [cell.id for cell in cells]
    assert {row.row for row in rows} == {method.row for method in found.methods}
    assert {(row.image, row.repeat) for row in rows} == {*itertools.product("ab", range(3))}
    assert all(len(cell.id) == 64 for cell in cells)


def test_repeats_then_generators_then_images_then_the_rest(path: Path) -> None:
    found = planned(path, "repeats=2", "generators=[gan, plain-gan]")
    order = [(row.repeat, row.row[0], row.image, row.row[4]) for row in found.rows()]
    names = [["gan", "plain-gan"], ["a", "b"], ["adam", "cma"]]
    assert order == list(itertools.product(range(2), *names))


def test_a_cell_has_what_a_worker_needs(path: Path) -> None:
    found = planned(path, "candidates=3", "budget={passes: 9, protocol: equal}", "roles.c=frozen")
    cell = next(found.cells())
    assert (cell.candidates, cell.budget.passes, cell.protocol) == (3, 9, "equal")
    assert (cell.roles, cell.threads, cell.device) == ((("c", "frozen"),), 1, "cpu")
    assert cell.seed == seed(0, cell.image.digest, 0)
    assert cell.method.generator.spec.name == "gan"


def test_all_methods_meet_the_same_seeds(path: Path) -> None:
    cells = list(planned(path, "repeats=2").cells())
    seeds = {(cell.image.name, cell.repeat): cell.seed for cell in cells}
    assert all(seeds[cell.image.name, cell.repeat] == cell.seed for cell in cells)
    assert len({*seeds.values()}) == 4
    other = next(planned(path, "seed=1").cells())
    assert other.seed not in seeds.values()


def test_seeds_never_change() -> None:
    # int.from_bytes(sha256(b"cell/0/aaa…/0").digest()[:16], "big")
    assert seed(0, "a" * 64, 0) == 254743163715324567485520935398591116382
    assert candidate_seed(1, 0) != candidate_seed(1, 1) != candidate_seed(2, 1)


# What must not change an id


def test_a_second_look_gives_the_same_ids(path: Path) -> None:
    assert ids(path) == ids(path)


def test_the_order_of_keys_does_not_matter(path: Path) -> None:
    one = ids(path, "losses=[{l1: 1, percep: 10}]", "optimizers=[adam: {steps: 3, lr: 1}]")
    two = ids(path, "losses=[{percep: 10.0, l1: 1.0}]", "optimizers=[adam: {lr: 1.0, steps: 3}]")
    assert one == two
    lines = SUITE.split("generators")
    path.write_text("generators" + lines[1] + lines[0])
    assert ids(path, "losses=[{percep: 10, l1: 1}]", "optimizers=[adam: {steps: 3, lr: 1}]") == one


@pytest.mark.parametrize(
    "override",
    [
        "metrics=[psnr]",
        "timeout=5",
        "name=other",
        "baseline=cma",
        "repeats=1",
        "images.0.split=test",
        "images.0.class=0",
        "losses=[{l1: 1, percep: 10, as: renamed}]",
        "optimizers=[{adam: {steps: 200}, as: renamed}, cma]",
        "optimizers=[adam: {steps: 200, final: last, lr: null}, cma: {}]",
        "transforms=[none]",
        "inits=[{class: ground-truth, as: renamed}]",
        "mask_scoring=soft",
        "generators=[gan: {truncation: 1}]",
    ],
)
def test_what_decides_nothing_is_not_in_the_id(path: Path, override: str) -> None:
    assert ids(path, override) == ids(path)


def test_paths_and_names_of_images_are_not_in_the_id(path: Path, tmp_path: Path) -> None:
    before = ids(path)
    (tmp_path / "deep").mkdir()
    moved = tmp_path / "deep" / "other.yaml"
    moved.write_text(path.read_text().replace("a.png", "../photo.bmp").replace("b.p", "../b.p"))
    with Pillow.open(tmp_path / "a.png") as image:
        image.save(tmp_path / "photo.bmp")
    assert ids(moved) == before


def test_a_mask_is_its_pixels(path: Path) -> None:
    box = ids(path, "images.0.mask={box: [2, 2, 6, 6]}")
    assert box == ids(path, "images.0.mask=mask.png")
    assert box[:2] != ids(path)[:2]
    assert box[2:] == ids(path)[2:]


def test_what_the_background_weighs_counts_where_there_is_one(path: Path) -> None:
    mask = "images.0.mask={box: [2, 2, 6, 6]}"
    before = ids(path, mask)
    assert ids(path, mask, "background=0.3") == before
    after = ids(path, mask, "background=0.5")
    assert not {*after[:2]} & {*before}
    assert after[2:] == before[2:]  # the second image has no mask
    usual, other = planned(path, mask), planned(path, mask, "background=0.5")
    cells = [next(plan.cells()) for plan in (usual, other)]
    assert [cell.background for cell in cells] == [0.3, 0.5]
    assert cells[0].seed == cells[1].seed
    # Cells of before there was such a key are found again.
    assert set(usual._content(usual.planned[0].view, usual.suite.images[0])) == {
        "image",
        "mask",
        "class",
    }


# What is said of a variable counts where there is that variable

SAID = ["roles.{}=frozen", "steps.{}=0.5", "steps.{}={{relative: 0.5}}"]


@pytest.fixture
def stated(monkeypatch: pytest.MonkeyPatch) -> None:
    """`gan` says that it has z and c, `plain-gan` z."""
    names = {fakesuite.Generator: ("z", "c"), fakesuite.Unconditional: ("z",)}
    for generator, own in names.items():
        monkeypatch.setattr(generator, "variable_names", own, raising=False)


def other_ids(path: Path, axis: str, override: str) -> list[bool]:
    """For each cell in order: whether the override changes its id."""
    before, after = ids(path, axis), ids(path, axis, override)
    other = [one != two for one, two in zip(before, after, strict=True)]
    assert len(other) == 8
    return other


@pytest.mark.usefixtures("stated")
@pytest.mark.parametrize("said", SAID)
def test_phi_counts_where_there_is_a_transform(path: Path, said: str) -> None:
    other = other_ids(path, "transforms=[none, spatial]", said.format("phi"))
    assert other == [False, False, True, True] * 2  # none and spatial, on both images


@pytest.mark.usefixtures("stated")
@pytest.mark.parametrize("said", SAID)
def test_a_variable_counts_where_the_generator_has_it(path: Path, said: str) -> None:
    other = other_ids(path, "generators=[gan, plain-gan]", said.format("c"))
    assert other == [True] * 4 + [False] * 4


@pytest.mark.parametrize("said", SAID)
def test_all_counts_where_a_generator_does_not_say_what_it_has(path: Path, said: str) -> None:
    assert all(other_ids(path, "generators=[gan, plain-gan]", said.format("c")))
    assert all(other_ids(path, "transforms=[none, spatial]", said.format("phi")))


# What must change it


@pytest.mark.parametrize(
    "override",
    [
        "candidates=3",
        "seed=1",
        "threads=2",
        "budget.passes=100",
        "budget.seconds=9",
        "budget={passes: 100, protocol: equal}",
        "roles.c=frozen",
        "mask_scoring=hard",
        "generators=[gan: {truncation: 0.5}]",
        "losses=[{l1: 1, percep: 9}]",
        "losses=[{l1: {masked: whole}, percep: 10}]",
        "transforms=[spatial]",
        "transforms=[prealign]",
        "transforms=[spatial: {search: {sigma: 0.1}}]",
        "inits=[predicted]",
        "inits=[none]",
        "images=[{file: a.png, class: 1}, {file: b.png, class: 0}]",
    ],
)
def test_what_decides_is_in_the_id(path: Path, override: str) -> None:
    assert not {*ids(path, override)} & {*ids(path)}


def test_every_deciding_value_makes_ids_of_its_own(path: Path) -> None:
    values = [
        ("budget.passes=100",),
        ("budget.seconds=100",),
        ("budget={passes: 100, protocol: equal}",),
        ("transforms=[spatial]",),
        ("transforms=[color]",),
        ("transforms=[spatial+color]",),
        ("transforms=[color+spatial]",),
        ("transforms=[spatial: {search: {inner: {adam: {lr: 0.1}}}}]",),
        ("inits=[{class: predicted, z: encoder}]",),
        ("inits=[{class: encoder, z: predicted}]",),
    ]
    found = [cell for overrides in values for cell in ids(path, *overrides)]
    assert len({*found}) == len(found)


def test_the_device_is_its_kind(path: Path) -> None:
    assert ids(path, device="cuda:1") == ids(path, device="cuda")
    assert not {*ids(path, device="cuda")} & {*ids(path)}
    assert next(planned(path, device="cuda:1").cells()).device == "cuda:1"


def test_repeats_and_images_have_ids_of_their_own(path: Path) -> None:
    twice = ids(path, "repeats=2")
    assert len({*twice}) == 8
    assert twice[:4] == ids(path)


# Sharing, excluding, adding


def test_methods_that_resolve_alike_share_their_cells(path: Path) -> None:
    found = planned(path, "optimizers=[adam, {adam: {steps: 500}, as: same}, cma]")
    rows = list(found.rows())
    assert (len(rows), len(found), len(list(found.cells()))) == (6, 4, 4)
    assert rows[0].cell == rows[1].cell != rows[2].cell
    assert rows[1].row[4] == "same"


@pytest.mark.parametrize("truths_matter", [False, True])
def test_images_that_look_alike_to_a_method_share_its_cells(
    path: Path, truths_matter: bool
) -> None:
    """Four images of the same pixels, of two classes and two true transforms."""
    found = planned(path, "generators=[gan, plain-gan]", "repeats=2")
    image = found.suite.images[0]
    truths = [((Spec("transforms", "shift"), (x,)),) for x in (0.1, 0.2)]
    images = tuple(
        replace(image, name=f"{name}{truth}", class_name=name, truth=truth)
        for name, truth in itertools.product(("bag", "boot"), truths)
    )
    found = replace(
        found,
        suite=replace(found.suite, images=images),
        planned=tuple(replace(p, view=p.view._replace(truth=truths_matter)) for p in found.planned),
    )
    each = 4 + 2 if truths_matter else 2 + 1
    assert len(found) == len([*found.cells()]) == each * 2 * 2
    assert len([*found.rows()]) == 4 * 4 * 2


def test_exclude_and_include(path: Path) -> None:
    found = planned(
        path,
        "inits=[ground-truth, predicted]",
        "exclude=[{inits: predicted, optimizers: cma}]",
        "include=[{optimizers: {cma: {steps: 5}, as: short}}, {optimizers: cma}]",
    )
    assert [method.row[3:] for method in found.methods] == [
        ("ground-truth", "adam"),
        ("ground-truth", "cma"),
        ("predicted", "adam"),
        ("ground-truth", "short"),
    ]


def test_generators_without_classes_have_no_init(path: Path) -> None:
    found = planned(path, "generators=[gan, plain-gan]")
    assert {method.row[0]: method.row[3] for method in found.methods} == {
        "gan": "ground-truth",
        "plain-gan": "none",
    }
    plain = ids(path, "generators=[plain-gan]")
    assert ids(path, "generators=[plain-gan]", "images.0.class=boot") == plain


def test_mask_scoring_follows_the_transform(path: Path) -> None:
    def scoring(*overrides: str) -> str:
        return next(planned(path, *overrides).cells()).mask_scoring

    assert scoring() == "soft"
    assert scoring("mask_scoring=hard") == "hard"
    assert scoring("transforms=[prealign]") == "hard"
    assert scoring("transforms=[prealign]", "mask_scoring=soft") == "soft"


# Origins and weights


def changed(name: str, origin: Origin) -> Registry:
    """The fakes, with an optimizer of another origin."""
    found = Registry()
    found.add([replace(e, origin=origin) if e.name == name else e for e in registry()])
    return found


def with_origins(path: Path, optimizer: str, found: Registry, own: Origin = BUILT_IN) -> list[str]:
    def load_plugins(files: Sequence[Path]) -> Plugins:
        return Plugins(found, (Report("optimizers", own),))

    suite, plugins = load(path, overrides=[f"optimizers=[{optimizer}]"], load_plugins=load_plugins)
    return [cell.id for cell in plan(suite, plugins).cells()]


def test_versions_of_the_plugins_that_a_method_uses_are_in_the_id(path: Path) -> None:
    newer = changed("foreign", Origin("other-plugin", "2.1"))
    edited = changed("foreign", Origin("other-plugin", "2.0", "its source"))
    plain, two, three = (
        with_origins(path, "foreign", found) for found in (registry(), newer, edited)
    )
    assert len({*plain, *two, *three}) == 6
    assert with_origins(path, "adam", newer) == with_origins(path, "adam", registry())
    nested = "chain: {stages: [adam, foreign]}"
    assert with_origins(path, nested, newer) != with_origins(path, nested, registry())
    assert OTHER.version == "2.0"


def test_p2lbenchs_own_version_is_in_every_id(path: Path) -> None:
    found = with_origins(path, "foreign", registry())
    newer = with_origins(path, "foreign", registry(), replace(BUILT_IN, version="9.9"))
    assert not {*found} & {*newer}


def test_a_plugin_file_is_its_content(path: Path) -> None:
    one, moved, edited = (
        with_origins(path, "foreign", changed("foreign", Origin(name, None, source)))
        for name, source in [("a.py", "x"), ("b.py", "x"), ("a.py", "y")]
    )
    assert one == moved
    assert not {*one} & {*edited}


def test_weights_are_in_the_id(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def found(sha256: str) -> list[str]:
        def locate(name: str) -> weights.Located:
            return weights.Located(name, Path("weights"), sha256, True)

        monkeypatch.setattr(weights, "locate", locate)
        return ids(path, "generators=[heavy]")

    assert not {*found("one")} & {*found("two")}


@pytest.fixture
def read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that a plugin reads."""
    monkeypatch.setenv(weights.FOLDER_VARIABLE, str(tmp_path))
    return tmp_path / "read.bin"


def test_what_is_in_the_files_that_a_plugin_reads_is_in_the_id(path: Path, read: Path) -> None:
    def found(content: bytes) -> list[str]:
        read.write_bytes(content)
        return ids(path, f"generators=[{{filed: {{file: '{read}'}}}}]")

    one = found(b"one")
    assert one == found(b"one")
    assert not {*one} & {*found(b"another")}
    assert hashes_of_files(Spec("generators", "gan", {"truncation": 1.0}), registry()) == {}


def test_a_metric_is_computed_anew_when_a_file_that_it_reads_changes(
    path: Path, read: Path
) -> None:
    def found(content: bytes) -> dict[str, str]:
        read.write_bytes(content)
        metrics = f"metrics=[psnr, {{filed-metric: {{file: '{read}'}}}}]"
        suite, plugins = load(path, overrides=[metrics], load_plugins=loader())
        pairs = zip(suite.metric_labels, suite.metrics, strict=True)
        return metric_keys(pairs, plugins.registry)

    one, other = found(b"one"), found(b"another")
    assert one["psnr"] == other["psnr"]
    assert one["filed-metric"] != other["filed-metric"]


# Classes


def test_class_index() -> None:
    names = ("bag", "7", "boot")
    assert [class_index(given, names) for given in ("bag", "7", 2, 0)] == [0, 1, 2, 0]
    assert [class_index(given, names) for given in ("x", 3, -1, None)] == [None] * 4
    assert [class_index(given, ()) for given in (999, -1, "bag")] == [999, None, None]


# Speed


def large(suite: Suite) -> Suite:
    """A suite of 100,000 cells: 100 methods on 500 images, twice."""
    rng = random.Random(0)
    images = [
        Image(f"i{n}", Path(f"{n}.png"), f"{rng.getrandbits(256):064x}", n % 2) for n in range(500)
    ]
    specs: list[dict[str, Any]] = [{"steps": n, "lr": None, "final": "last"} for n in range(1, 101)]
    rows = [Named(f"adam{n}", Spec("optimizers", "adam", s)) for n, s in enumerate(specs)]
    return replace(suite, images=tuple(images), optimizers=tuple(rows), repeats=2)


def test_a_hundred_thousand_cells_are_planned_in_seconds(path: Path) -> None:
    suite, plugins = load(path, load_plugins=loader())
    start = time.process_time()
    found = plan(large(suite), plugins)
    first = next(found.cells())
    lazily = time.process_time() - start
    assert len(found) == 100_000
    assert sum(1 for _ in found.cells()) == 100_000
    whole = time.process_time() - start
    assert first.repeat == 0
    assert lazily < 2  # nothing is worked out before it is asked for
    assert whole < 20  # 2 to 3 on one idle core


def test_crossing_is_lazy(path: Path) -> None:
    suite, _ = load(path, load_plugins=loader())
    assert next(crossed(suite)).row[4] == "adam"
