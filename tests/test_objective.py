"""The objective over a real network: batching, frames, and what plugins must not do."""

from __future__ import annotations

import pytest
import torch

from p2lbench import plugins
from p2lbench.generators.biggan.generator import BigGANFashionMNIST
from p2lbench.losses.percep import fmnist
from p2lbench.losses.pixel import L1
from p2lbench.models import Models
from p2lbench.objective import PHI, CellObjective
from p2lbench.problem import Problem
from p2lbench.root import Root
from p2lbench.scoring import score
from p2lbench.space import Space, Variable
from p2lbench.spec import Spec
from p2lbench.transforms.spatial import Spatial


@pytest.fixture(scope="module")
def generator() -> BigGANFashionMNIST:
    made = BigGANFashionMNIST()
    made.load("cpu")
    return made


def objective(generator, mask=None, hard=False, terms=None, **options) -> CellObjective:
    target = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1
    if terms is None:
        percep = fmnist()
        percep.load("cpu")
        terms = [(L1(), 1.0), (percep, 10.0)]
    mask = torch.ones(1, 1, 32, 32) if mask is None else mask
    return CellObjective(
        generator, Space(generator.variables), terms, target, mask, None, hard, **options
    )


def problem(generator, candidates: int) -> Problem:
    made = objective(generator)
    space = made.space
    root = Root(made, space, space.mean, space.std, candidates, seed=0)
    root.begin()
    return Problem(root, space, range(space.d), root.start)


def test_a_candidates_first_evaluation_does_not_depend_on_how_many_there_are(generator):
    few, many = problem(generator, 2), problem(generator, 7)
    assert torch.equal(few.start, many.start[:2])
    torch.testing.assert_close(few.loss(few.start), many.loss(many.start)[:2], rtol=0, atol=1e-5)
    slopes = few.gradient(few.start)[1], many.gradient(many.start)[1][:2]
    torch.testing.assert_close(*slopes, rtol=1e-3, atol=1e-4)


def test_the_gradient_is_the_losss(generator):
    """Against differences of the loss along a direction, z and c each."""
    p = problem(generator, 1)
    x = 0.5 * p.start
    _, slope = p.gradient(x)
    for name, step in (("z", 3e-4), ("c", 3e-5)):
        direction = torch.zeros_like(x)
        part = p.space.slices[name]
        direction[:, part] = torch.sign(slope[:, part])
        there, back = p.loss(x + step * direction), p.loss(x - step * direction)
        expected = float((there - back) / (2 * step))
        assert float((slope * direction).sum()) == pytest.approx(expected, rel=0.05)


def test_the_background_weighs_03_for_gradients_and_nothing_for_a_hard_score(generator):
    mask = torch.zeros(1, 1, 32, 32)
    mask[..., 8:24, 8:24] = 1.0
    soft, hard = objective(generator, mask), objective(generator, mask, hard=True)
    x = soft.space.mean[None]
    assert soft.same_frame
    assert not hard.same_frame
    torch.testing.assert_close(soft.aligned(x), hard.aligned(x))
    torch.testing.assert_close(soft.original(x), soft.aligned(x))
    made = hard.images(x)
    inside = (made - hard.target).abs()[..., 8:24, 8:24].sum() / 16**2
    only_l1 = objective(generator, mask, True, [(L1(), 1.0)]).original(x)
    torch.testing.assert_close(only_l1[0], inside)
    assert soft.mask.unique().tolist() == [float(torch.tensor(0.3)), 1.0]


@pytest.mark.parametrize("background", [0.0, 0.6, 1.0])
def test_the_background_weighs_what_the_suite_says(generator, background):
    mask = torch.zeros(1, 1, 32, 32)
    mask[..., 8:24] = 1.0  # a half
    terms = [(L1(), 1.0)]
    made = objective(generator, mask, False, terms, background=background)
    x = made.space.mean[None]
    errors = (made.images(x) - made.target).abs().sum(1)
    inside, outside = (errors * part for part in (mask[0], 1 - mask[0]))
    expected = (inside.sum() + background * outside.sum()) / (512 + background * 512)
    torch.testing.assert_close(made.original(x)[0], expected)
    torch.testing.assert_close(made.aligned(x)[0], expected)
    hard = objective(generator, mask, True, terms, background=background)
    torch.testing.assert_close(hard.original(x)[0], inside.sum() / 512)
    assert hard.same_frame == (background == 0)


class Scribbles(L1):
    def __call__(self, images, prepared):
        values = super().__call__(images, prepared)
        prepared["target"].add_(1.0)
        return values


class Reduces(L1):
    def __call__(self, images, prepared):
        return super().__call__(images, prepared).mean()


@pytest.mark.parametrize(
    ("loss", "said"), [(Scribbles(), "changed its input in place"), (Reduces(), "not reduced")]
)
def test_a_loss_that_breaks_the_rules_is_named(generator, loss, said):
    broken = objective(generator, terms=[(loss, 1.0)])
    with pytest.raises(ValueError, match=f"{type(loss).__name__}.*{said}"):
        broken.original(broken.space.mean[None])


@pytest.mark.parametrize("transformed", [False, True])
def test_a_batch_in_parts_changes_nothing_beyond_float_error(generator, transformed):
    transform = Spatial() if transformed else None
    given = [Variable(PHI, (4,), role="search")] if transformed else []
    space = Space([*generator.variables, *given])
    percep = fmnist()
    percep.load("cpu")
    target = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1
    terms = [(L1(), 1.0), (percep, 10.0)]
    x = torch.randn(5, space.d, generator=torch.Generator().manual_seed(1))
    if transformed:
        x[:, space.slices[PHI]] = (
            torch.tensor([1.2, 0.9, 0.1, -0.2]) + 0.02 * torch.arange(5)[:, None]
        )
    found = []
    for batch in (None, 2, 1):
        made = CellObjective(generator, space, terms, target, torch.ones(1, 1, 32, 32), transform)
        made.batch = batch
        leaf = x.clone().requires_grad_(True)
        losses = made.aligned(leaf)
        (slopes,) = torch.autograd.grad(losses.sum(), leaf)
        with torch.no_grad():
            found.append((losses, slopes, made.original(x), made.images(x)))
        assert made.ledger.target_preparations == (2 + 10 if transformed else 2)
    for other in found[1:]:
        torch.testing.assert_close(found[0], other, rtol=1e-3, atol=2e-4)


def test_a_target_that_is_moved_out_of_the_image_costs_that_candidate_alone(generator):
    """Its loss is infinite and its slope 0; the others' are what they were."""
    space = Space([*generator.variables, Variable(PHI, (4,), role="search")])
    target = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1
    made = CellObjective(
        generator, space, [(L1(), 1.0)], target, torch.ones(1, 1, 32, 32), Spatial()
    )
    x = torch.randn(3, space.d, generator=torch.Generator().manual_seed(1))
    x[:, space.slices[PHI]] = torch.tensor([[1.0, 1, 0, 0], [1, 1, 9, 9], [1, 1, 0.1, 0]])
    leaf = x.clone().requires_grad_(True)
    losses = made.aligned(leaf)
    (slopes,) = torch.autograd.grad(losses.sum(), leaf)
    assert losses.isfinite().tolist() == [True, False, True]
    assert slopes.isfinite().all()
    assert not slopes[1].any()
    alone = made.aligned(x[[0, 2]])
    torch.testing.assert_close(losses[[0, 2]].detach(), alone, rtol=1e-5, atol=1e-5)
    assert made.original(x).isfinite().all()
    models = Models(plugins.load().registry, "cpu")
    scores = score(made, x, [("l1", Spec("losses", "l1"))], models)
    assert not scores.errors
    assert [value is None for value in scores.values["aligned"]["l1"]] == [False, True, False]
    assert None not in scores.values["original"]["l1"]
