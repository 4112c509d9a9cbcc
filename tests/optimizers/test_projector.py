"""StyleGAN2's projector: its schedules, its noise, and Adam where both are off."""

from __future__ import annotations

import math

import pytest
import torch

from p2lbench.optimizers import projector
from p2lbench.optimizers.adam import Adam
from p2lbench.optimizers.projector import Projector, lengths, noise_ramp, rate_ramp
from p2lbench.optimizers.restarts import Restarts
from p2lbench.space import Variable
from p2lbench.testing.analytic import problem, spent, sphere

VARIABLES = [
    Variable("w", (6,), std=2.0, bound=6.0),
    Variable("c", (3,), mean=0.1, std=0.5, step=0.01, role="gradient"),
]


@pytest.mark.parametrize(
    ("t", "rate", "noise"),
    [
        (0.0, 0.0, 1.0),
        (0.01, 0.2, (0.74 / 0.75) ** 2),
        (0.025, 0.5, (0.725 / 0.75) ** 2),
        (0.05, 1.0, (0.7 / 0.75) ** 2),
        (0.375, 1.0, 0.25),
        (0.75, 1.0, 0.0),
        (0.8, 0.5 - 0.5 * math.cos(0.8 * math.pi), 0.0),
        (0.875, 0.5, 0.0),
        (0.999, 0.5 - 0.5 * math.cos(0.004 * math.pi), 0.0),
        (1.0, 0.0, 0.0),
    ],
)
def test_the_schedules_are_the_published_ones(t, rate, noise):
    assert rate_ramp(t) == pytest.approx(rate, abs=1e-12)
    assert noise_ramp(t) == pytest.approx(noise, abs=1e-12)


def test_a_run_is_torchs_adam_on_the_schedule(monkeypatch):
    """The published loop, written with torch's Adam and the noise that ours drew."""
    drawn = []

    class Watched(projector._Noise):
        def draw(self):
            drawn.append(super().draw())
            return drawn[-1].clone()

    monkeypatch.setattr(projector, "_Noise", Watched)
    f = sphere(1.5)
    p = problem(f, [VARIABLES[0]], candidates=2)
    ours = p.run(Projector(40)).points
    for k in range(2):
        w = p.start[k].clone().requires_grad_(True)
        adam = torch.optim.Adam([w], betas=(0.9, 0.999))
        for step in range(40):
            t = step / 40
            ramp = 0.5 - 0.5 * math.cos(math.pi * min(1.0, (1 - t) / 0.25))
            adam.param_groups[0]["lr"] = 0.1 * ramp * min(1.0, t / 0.05)
            # The spread of w: 6 columns of deviation 2.
            scale = 0.05 * math.sqrt(6 * 2.0**2) * max(0.0, 1 - t / 0.75) ** 2
            adam.zero_grad()
            f((w + scale * drawn[step][k]).clamp(-6, 6)[None]).sum().backward()
            adam.step()
        torch.testing.assert_close(ours[k], w.detach(), rtol=1e-4, atol=1e-5)


def test_gradients_are_taken_at_the_noisy_latent_and_the_iterate_is_returned():
    seen = []

    def watched(x):
        seen.append(x.detach().clone())
        return sphere()(x)

    p = problem(watched, [Variable("w", (400,))], candidates=2)
    points = p.run(Projector(1)).points
    assert torch.equal(points, p.start)  # the rate begins at 0
    noise = seen[0] - p.start
    assert float(noise.std()) == pytest.approx(0.05 * 20, rel=0.1)
    seen.clear()
    p.run(Projector(1, noise=0.0))
    assert torch.equal(seen[0], p.start)


def test_noise_is_measured_by_the_last_axis_and_leaves_class_vectors_alone():
    wide = Variable("w", (5, 16), std=0.5)
    found = lengths(problem(variables=[wide, VARIABLES[1]]))
    assert found.tolist() == pytest.approx([0.5 * 4] * 80 + [0.0] * 3)


def test_class_vectors_keep_their_own_step():
    p = problem(lambda x: x.sum(1), VARIABLES)
    moved = p.start - p.run(Projector(200, noise=0.0)).points
    rates = sum(rate_ramp(k / 200) for k in range(200))
    expected = [min(0.1 * rates, float(p.start[0, 0]) + 6), 0.01 * rates]
    assert moved[0, [0, 6]].tolist() == pytest.approx(expected, rel=1e-3)


def test_without_schedule_and_noise_it_is_adam(monkeypatch):
    monkeypatch.setattr(projector, "rate_ramp", lambda t: 1.0)
    points = problem(sphere(), VARIABLES).run(Projector(30, lr=0.1, noise=0.0)).points
    assert torch.equal(points, problem(sphere(), VARIABLES).run(Adam(30, lr=0.1)).points)


@pytest.mark.parametrize("wrap", [lambda o: o, lambda o: Restarts(o, 2)])
def test_noise_does_not_depend_on_the_number_of_candidates(wrap):
    few = problem(sphere(), VARIABLES, candidates=1).run(wrap(Projector(20))).points
    many = problem(sphere(), VARIABLES, candidates=6).run(wrap(Projector(20))).points
    torch.testing.assert_close(many[:1], few, rtol=0, atol=1e-6)
    assert len({tuple(row) for row in many.tolist()}) == 6


def test_noise_is_seeded_by_the_problem():
    runs = [problem(sphere(), VARIABLES, seed=s).run(Projector(20)).points for s in (0, 0, 1)]
    assert torch.equal(runs[0], runs[1])
    assert not torch.equal(runs[0], runs[2])


def test_fit_stretches_the_schedule():
    p = problem(sphere(), VARIABLES, passes=600)
    fitted = Projector(1000).fit(p)
    assert fitted.steps == 100
    points = p.run(fitted).points
    assert spent(p) == 600
    capped = problem(sphere(), VARIABLES, passes=600)
    ended = capped.run(Projector(1000)).points
    assert spent(capped) == 600
    assert bool((sphere()(points) < sphere()(ended)).all())


def test_what_gradients_do_not_move_is_held():
    phi = Variable("phi", (2,), mean=1.0, std=0.1, role="search")
    p = problem(sphere(), [*VARIABLES, phi])
    points = p.run(Projector(20)).points
    assert torch.equal(p.space.split(points)["phi"], p.space.split(p.start)["phi"])


def test_options():
    with pytest.raises(ValueError, match="noise: expected at least 0, got -1"):
        Projector(noise=-1)
    with pytest.raises(ValueError, match="lr: expected a number above 0"):
        Projector(lr={"w": 0.0})
