"""torch's optimizers by name: each is torch's own loop, run alone for every candidate."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys

import pytest
import torch

from p2lbench.errors import Skip
from p2lbench.optimizers import torchnames
from p2lbench.optimizers.adam import Adam
from p2lbench.optimizers.basin import Basin
from p2lbench.optimizers.cma import CMA
from p2lbench.optimizers.torchoptim import TorchOptim
from p2lbench.space import Variable
from p2lbench.testing.analytic import problem, spent

OFFERED = sorted(set(torchnames.modules()) - set(torchnames.REFUSED))
VECTORS = [name for name in OFFERED if name != "Muon"]
VARIABLES = [
    Variable("z", (4, 2), bound=1.2),
    Variable("c", (3,), mean=0.1, std=0.5, step=0.01, role="gradient"),
]


def bowl(x: torch.Tensor) -> torch.Tensor:
    """Its minimum is at 1.5, outside z's bounds; the columns are coupled and of unequal scale."""
    y = x - 1.5
    return (torch.linspace(0.5, 4, x.shape[1]) * y**2).sum(1) + 0.3 * y[:, 1:].mul(y[:, :-1]).sum(1)


def by_hand(name: str, start: torch.Tensor, steps: int, **options) -> torch.Tensor:
    """One candidate of `VARIABLES`, as anybody would write it."""
    z = start[:8].view(4, 2).clone().requires_grad_(True)
    c = start[8:].clone().requires_grad_(True)
    groups = [{"params": [z], "lr": 0.05}, {"params": [c], "lr": 0.01}]
    optimizer = getattr(torch.optim, name)(groups, **options)
    for _ in range(steps):
        optimizer.zero_grad()
        bowl(torch.cat([z.flatten(), c])[None]).sum().backward()
        optimizer.step()
        with torch.no_grad():
            z.clamp_(-1.2, 1.2)
    return torch.cat([z.detach().flatten(), c.detach()])


@pytest.mark.parametrize("name", VECTORS)
def test_every_candidate_is_torchs_own_loop(name):
    p = problem(bowl, VARIABLES)
    ours = p.run(TorchOptim(name, 60)).points
    for found, start in zip(ours, p.start, strict=True):
        torch.testing.assert_close(found, by_hand(name, start, 60), rtol=1e-5, atol=1e-6)
    assert not torch.allclose(ours, p.start, atol=1e-3)


def test_options_reach_torch():
    options = {"momentum": 0.8, "nesterov": True, "weight_decay": 0.1}
    p = problem(bowl, VARIABLES)
    ours = p.run(TorchOptim("SGD", 40, options=options)).points
    torch.testing.assert_close(
        ours[0], by_hand("SGD", p.start[0], 40, **options), rtol=1e-5, atol=1e-6
    )
    p = problem(bowl, VARIABLES)
    ours = p.run(TorchOptim("Adam", 40, options={"betas": [0.5, 0.9]})).points
    expected = by_hand("Adam", p.start[0], 40, betas=(0.5, 0.9))
    torch.testing.assert_close(ours[0], expected, rtol=1e-5, atol=1e-6)


def test_torchs_adam_is_ours():
    runs = [problem(bowl, VARIABLES).run(o).points for o in (TorchOptim("Adam", 80), Adam(80))]
    torch.testing.assert_close(*runs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", VECTORS)
def test_candidates_do_not_meet(name):
    few = problem(bowl, VARIABLES, candidates=1).run(TorchOptim(name, 30)).points
    many = problem(bowl, VARIABLES, candidates=5).run(TorchOptim(name, 30)).points
    torch.testing.assert_close(many[:1], few, rtol=0, atol=1e-6)


def test_step_sizes_are_set_as_adams():
    moved = {}
    for lr in (None, 0.5, {"c": 0.5}):
        p = problem(lambda x: x.sum(1), [Variable("z", (2, 1)), VARIABLES[1]])
        steps = p.start - p.run(TorchOptim("SGD", 1, lr=lr)).points
        moved[str(lr)] = steps[0, [0, 2]].tolist()
    assert moved["None"] == pytest.approx([0.05, 0.01], abs=1e-6)
    assert moved["0.5"] == pytest.approx([0.5, 0.01], abs=1e-6)
    assert moved["{'c': 0.5}"] == pytest.approx([0.05, 0.5], abs=1e-6)


def test_weight_decay_moves_nothing_that_gradients_do_not():
    phi = Variable("phi", (2,), mean=1.0, std=0.1, role="search")
    p = problem(bowl, [*VARIABLES, phi])
    points = p.run(TorchOptim("SGD", 20, options={"weight_decay": 0.5})).points
    assert torch.equal(p.space.split(points)["phi"], p.space.split(p.start)["phi"])


def test_muon_takes_matrices():
    matrix = [Variable("w", (4, 3), step=0.02)]
    p = problem(bowl, matrix)
    ours = p.run(TorchOptim("Muon", 20)).points
    w = p.start[1].view(4, 3).clone().requires_grad_(True)
    theirs = torch.optim.Muon([w], lr=0.02)
    for _ in range(20):
        theirs.zero_grad()
        bowl(w.flatten()[None]).sum().backward()
        theirs.step()
    torch.testing.assert_close(ours[1], w.detach().flatten(), rtol=1e-3, atol=1e-4)
    with pytest.raises(Skip, match="Muon takes matrices: 'c' is 3"):
        problem(bowl, VARIABLES).run(TorchOptim("Muon", 20))


@pytest.mark.parametrize("name", ["SGD", "Rprop", "NAdam"])
def test_it_keeps_its_budget_and_a_capped_run_is_a_shorter_one(name):
    p = problem(bowl, VARIABLES, passes=100)
    points = p.run(TorchOptim(name, 60)).points
    assert spent(p) == 96
    assert torch.equal(points, problem(bowl, VARIABLES).run(TorchOptim(name, 16)).points)
    assert TorchOptim(name).fit(problem(passes=601)).steps == 100
    full = problem(bowl, VARIABLES)
    optimizer = TorchOptim(name, 12)
    full.run(optimizer)
    assert spent(full) == optimizer.passes(full.space, 3)


def test_best_is_the_best_seen():
    p = problem(bowl, VARIABLES)
    points = p.run(TorchOptim("SGD", 9, lr={"z": 0.6}, final="best")).points
    assert torch.equal(points, p.best())


def test_it_is_picklable_and_works_inside_a_basin():
    optimizer = TorchOptim("RAdam", options={"betas": [0.8, 0.9]})
    assert vars(pickle.loads(pickle.dumps(optimizer))) == vars(copy.deepcopy(optimizer))
    p = problem(bowl, VARIABLES, deviations={"c": 0.0})
    basin = Basin(CMA(), optimizer, 3, 4, 10)
    points = p.run(basin).points
    assert spent(p) == basin.passes(p.space, 3)
    assert bool((bowl(points) < bowl(p.start)).all())


@pytest.mark.parametrize("name", OFFERED)
def test_loading_imports_and_draws_from_nothing_global(name):
    state = torch.get_rng_state()
    TorchOptim(name).load()
    assert torch.equal(torch.get_rng_state(), state)


def test_values_that_torch_refuses_are_found_when_it_is_loaded():
    optimizer = TorchOptim("Adam", options={"betas": [2.0, 0.9]})
    with pytest.raises(ValueError, match="torch:Adam: options: Invalid beta parameter"):
        optimizer.load()


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("LBFGS", {}, "use lbfgs"),
        ("SparseAdam", {}, "sparse gradients"),
        ("Optimizer", {}, "torch has no optimizer 'Optimizer'"),
        ("Adm", {}, "torch has no optimizer 'Adm'. Did you mean 'Adam'"),
        (
            "SGD",
            {"momentun": 0.9},
            "options: SGD has no option 'momentun'. Did you mean 'momentum'",
        ),
        ("SGD", {"lr": 0.9}, "options: SGD has no option 'lr'"),
        ("SGD", {"maximize": True}, "options: SGD has no option 'maximize'"),
        ("SGD", {"nesterov": 1}, "options: nesterov: expected true or false, got 1"),
        ("SGD", {"momentum": True}, "options: momentum: expected a number, got True"),
        ("Adam", {"betas": 0.9}, "options: betas: expected a list of 2, got 0.9"),
        ("Adam", {"betas": [0.9]}, "options: betas: expected a list of 2"),
    ],
)
def test_what_is_wrong_is_found_without_torch(name, options, message):
    with pytest.raises(ValueError, match=message):
        TorchOptim(name, options=options)


def test_the_names_and_options_read_are_those_of_the_library():
    import inspect

    classes = {
        name
        for name, value in vars(torch.optim).items()
        if inspect.isclass(value) and issubclass(value, torch.optim.Optimizer)
    }
    assert set(torchnames.modules()) == classes - {"Optimizer"}
    for name in OFFERED:
        found = inspect.signature(getattr(torch.optim, name)).parameters
        expected = [option for option in found if option not in torchnames.WITHHELD]
        assert list(torchnames.parameters(name)) == expected
        for option, default in torchnames.parameters(name).items():
            if default is not torchnames.ANYTHING:
                assert default == found[option].default


def test_constructing_does_not_import_torch():
    code = (
        "import sys; from p2lbench.optimizers.torchoptim import TorchOptim;"
        "TorchOptim('SGD', options={'momentum': 0.9}); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
