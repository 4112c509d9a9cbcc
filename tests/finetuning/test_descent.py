"""Eq. 6 of the paper: its slope, its penalty, its end, and what it leaves alone."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from finetuning.nets import MOVED, PLAIN, loaded, made

from p2lbench.errors import UserError
from p2lbench.finetuning.descent import Descent, copies, descend, distance, restore
from p2lbench.finetuning.options import Options
from p2lbench.projection import Projection


def moved_by(projection: Projection, size: float) -> Descent:
    """A descent whose weights are so far from where they were."""
    weights = dict(projection.setting.generator.parameters())
    base = copies(weights)
    drawn = torch.Generator().manual_seed(5)
    drift = {name: torch.randn(w.shape, generator=drawn) for name, w in weights.items()}
    length = torch.stack([each.norm() for each in drift.values()]).norm()
    for name, tensor in weights.items():
        tensor.add_(drift[name] * (size / length))
    return Descent(projection, Options(weight=0.3), None, weights, base)


def slopes(path: Descent, weight: float) -> list[torch.Tensor]:
    path.options = Options(weight=weight)
    point = path.projection.point.clone().requires_grad_(True)
    for tensor in path.weights.values():
        tensor.requires_grad_(True)
    found = path.slopes(path.evaluated(point), point)
    for tensor in path.weights.values():
        tensor.requires_grad_(False)
    return found


@pytest.mark.parametrize("row", [PLAIN, MOVED])
def test_the_slope_is_that_of_equation_6(ran: Path, row: str) -> None:
    projection, weight = loaded(ran, row, image="bag-126"), 0.3
    path = moved_by(projection, 0.3)
    found = slopes(path, weight)
    at, point = copies(path.weights), projection.point

    def objective(step: float, drift: list[torch.Tensor]) -> float:
        for (name, tensor), each in zip(path.weights.items(), drift[1:], strict=True):
            tensor.copy_(at[name] + step * each)
        loss = projection.setting.objective.original(point + step * drift[0])
        return float(loss) + weight * distance(path.weights, path.base)

    for seed in range(3):
        drawn = torch.Generator().manual_seed(seed)
        drift = [torch.randn(slope.shape, generator=drawn) for slope in found]
        claimed = sum(float((a * b).sum()) for a, b in zip(found, drift, strict=True))
        step = 1e-3
        slope = (objective(step, drift) - objective(-step, drift)) / (2 * step)
        assert claimed == pytest.approx(slope, rel=0.02, abs=0.02)


def test_phi_has_a_slope_of_its_own(ran: Path) -> None:
    projection = loaded(ran, MOVED)
    (by_point, *_) = slopes(moved_by(projection, 0.1), 0.0)
    for name in ("z", "c", "phi"):
        assert float(by_point[:, projection.setting.space.slices[name]].abs().max()) > 0


def test_weights_that_are_added_have_slopes_of_their_own(
    ran: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    projection = loaded(ran)
    generator, forward = projection.setting.generator, projection.setting.generator.forward
    one, other = torch.zeros(1, 3, 8, 8), torch.zeros(1, 3, 8, 8)
    monkeypatch.setattr(generator, "parameters", lambda: {"one": one, "other": other})
    monkeypatch.setattr(generator, "forward", lambda **x: forward(**x) + (one + other))
    path = moved_by(projection, 0.3)
    with_it, without = slopes(path, 0.7), slopes(path, 0.0)
    for k, (name, tensor) in enumerate(path.weights.items(), 1):
        expected = 0.7 / 0.3 * (tensor - path.base[name])
        assert (with_it[k] - without[k]).allclose(expected, atol=1e-4)


@pytest.mark.parametrize("size", [1e-3, 0.1, 10.0])
def test_the_penalty_is_not_squared(ran: Path, size: float) -> None:
    path = moved_by(loaded(ran), size)
    with_it, without = slopes(path, 0.7), slopes(path, 0.0)
    parts = [(a - b).norm() for a, b in zip(with_it[1:], without[1:], strict=True)]
    assert float(torch.stack(parts).norm()) == pytest.approx(0.7, rel=1e-3)
    assert with_it[0].equal(without[0])


def test_at_the_start_the_penalty_has_no_slope(ran: Path) -> None:
    path = moved_by(loaded(ran), 0.0)
    with_it, without = slopes(path, 1000.0), slopes(path, 0.0)
    assert all(a.equal(b) for a, b in zip(with_it, without, strict=True))


def test_it_comes_nearer_and_says_how_far_the_weights_went(ran: Path) -> None:
    projection = loaded(ran, MOVED)
    begin = projection.loss()
    tuned = descend(projection, Options(weight=0.0, lr=0.01, stop=0.0, steps=30))
    assert tuned.losses[0] == pytest.approx(begin)
    assert tuned.losses[-1] < 0.8 * begin
    assert tuned.projection.loss() == pytest.approx(tuned.losses[-1])
    assert tuned.distances[0] == 0
    assert tuned.distances[-1] == pytest.approx(distance(tuned.weights, tuned.base))
    assert (tuned.passes, tuned.reached) == (61, False)
    names = projection.setting.space.slices
    assert not tuned.projection.point[:, names["phi"]].equal(projection.point[:, names["phi"]])
    l2, mse = (tuned.terms[name] for name in ("l2", "mse"))
    assert l2[0] + 2 * mse[0] == pytest.approx(begin)
    assert l2[1] + 2 * mse[1] == pytest.approx(tuned.losses[-1])


def test_a_large_lambda_holds_the_weights(ran: Path) -> None:
    free = descend(loaded(ran), Options(weight=0.0, lr=0.01, steps=40))
    held = descend(loaded(ran), Options(weight=1e3, lr=0.01, steps=40))
    assert held.distances[-1] < 0.1 * free.distances[-1]


def test_it_ends_below_the_loss_that_was_asked_for(ran: Path) -> None:
    begin = loaded(ran).loss()
    options = Options(weight=0.0, lr=0.01, stop=0.7 * begin, steps=500)
    tuned = descend(loaded(ran), options)
    assert tuned.reached
    assert tuned.losses[-1] < options.stop <= min(tuned.losses[:-1])
    at_once = descend(loaded(ran), Options(stop=2 * begin))
    assert (at_once.reached, len(at_once.losses), at_once.distances[-1]) == (True, 1, 0)


def test_it_ends_on_a_term(ran: Path) -> None:
    begin = descend(loaded(ran), Options(steps=0)).terms["mse"][0]
    options = Options(weight=0.0, lr=0.01, stop=0.7 * begin, stop_on="mse", steps=500)
    tuned = descend(loaded(ran), options)
    assert tuned.reached
    assert tuned.terms["mse"][1] < options.stop < tuned.losses[-1]
    with pytest.raises(UserError, match=r"no term 'msd'\. Did you mean 'mse'"):
        descend(loaded(ran), Options(stop_on="msd"))


def test_statistics_of_batch_norm_stay(ran: Path) -> None:
    projection = loaded(ran)
    norm = projection.setting.generator._net[1]  # type: ignore[attr-defined]
    before = copies(dict(norm.named_buffers()))
    tuned = descend(projection, Options(weight=0.0, lr=0.01, steps=5))
    assert not any("running" in name for name in tuned.weights)
    assert all(before[name].equal(tensor) for name, tensor in norm.named_buffers())
    assert not tuned.weights["net.1.weight"].equal(tuned.base["net.1.weight"])


def test_another_projections_generator_is_left_alone(ran: Path) -> None:
    other = loaded(ran)
    before = other.image()
    tuned = descend(loaded(ran), Options(weight=0.0, lr=0.01, steps=5))
    assert other.image().equal(before)
    assert not tuned.projection.image().equal(before)
    restore(tuned.weights, tuned.base)
    assert loaded(ran).image().equal(before)
    assert not any(tensor.requires_grad for tensor in tuned.weights.values())


def test_points_stay_in_their_bounds(ran: Path) -> None:
    tuned = descend(loaded(ran, MOVED), Options(weight=0.0, lr=1.0, steps=8))
    space, point = tuned.projection.setting.space, tuned.projection.point
    assert bool(((point >= space.low) & (point <= space.high)).all())
    assert float(point[:, space.slices["z"]].abs().max()) == 2


def test_what_the_suite_froze_stays(tmp_path: Path) -> None:
    folder = made(tmp_path, roles={"c": "frozen"}, transforms=["none"])
    projection = loaded(folder, "adam")
    tuned = descend(projection, Options(weight=0.0, lr=0.01, steps=3))
    assert tuned.projection.latents["c"].equal(projection.latents["c"])
    assert not tuned.projection.latents["z"].equal(projection.latents["z"])


def test_a_loss_that_is_not_finite_ends_it_and_puts_the_weights_back(
    ran: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    projection = loaded(ran)
    before, forward = projection.image(), projection.setting.generator.forward
    calls: list[int] = []

    def breaking(**latents: torch.Tensor) -> torch.Tensor:
        calls.append(1)
        return forward(**latents) * (1.0 if len(calls) < 3 else torch.nan)

    with monkeypatch.context() as patched:
        patched.setattr(projection.setting.generator, "forward", breaking)
        with pytest.raises(UserError, match="not finite after 1 steps: lower --lr"):
            descend(projection, Options(lr=0.01, steps=5))
    assert projection.image().equal(before)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"weight": -1.0}, "--weight: expected a number from 0 on"),
        ({"stop": float("nan")}, "--stop: expected a number from 0 on"),
        ({"lr": 0.0}, "--lr: expected a number above 0"),
        ({"lr": 1e39}, "at most 1e"),
        ({"steps": -1}, "--steps: expected 0 or more"),
    ],
)
def test_options_that_mean_nothing(wrong: dict[str, float], told: str) -> None:
    with pytest.raises(UserError, match=told):
        Options(**wrong)  # type: ignore[arg-type]
