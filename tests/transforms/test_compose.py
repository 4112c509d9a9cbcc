"""Transforms one after another, searched and held ones together, and the true one."""

from __future__ import annotations

import torch
from torch import Tensor

from p2lbench.generators.base import Generator, ObjectStats
from p2lbench.objective import HELD, PHI, CellObjective
from p2lbench.project import _phi_variables
from p2lbench.space import Space
from p2lbench.transforms.color import Brightness
from p2lbench.transforms.compose import Composed
from p2lbench.transforms.oracle import Oracle
from p2lbench.transforms.projective import Rotation
from p2lbench.transforms.spatial import Prealign, Spatial

PHIS = torch.tensor([[1.2, 0.9, 0.1, -0.2, 0.8], [0.7, 1.0, 0.0, 0.3, 1.4]])


class Made(Generator):
    object_stats = ObjectStats((0.5, 0.5), (0.8, 0.8))


def mask() -> Tensor:
    made = torch.full((1, 1, 24, 32), 0.3)
    made[..., 2:14, 3:13] = 1
    return made


def test_parts_apply_in_order_and_invert_in_reverse(photo: Tensor) -> None:
    spatial, color = Spatial(), Brightness()
    spatial.fill = color.fill = 0.5  # a background that brightness changes shows the order
    both = Composed([spatial, color])
    there = both.apply(photo, PHIS)
    assert there.equal(color.apply(spatial.apply(photo, PHIS[:, :4]), PHIS[:, 4:]))
    assert not there.allclose(
        Composed([color, spatial]).apply(photo, PHIS[:, [4, 0, 1, 2, 3]]), atol=1e-3
    )
    back = both.invert(there, PHIS)
    assert back.equal(spatial.invert(color.invert(there, PHIS[:, 4:]), PHIS[:, :4]))


def test_what_a_composition_says_is_what_its_parts_say() -> None:
    both = Composed([Prealign(), Rotation(), Brightness()])
    assert both.dim == 6
    assert both.searched
    assert both.held == (True,) * 4 + (False,) * 2
    assert both.scale == (1.0, 1.0, 1.0, 1.0, 45.0, 1.0)
    assert both.limits is not None
    assert len(both.limits) == 6
    assert both.clamped(torch.full((1, 6), -1000.0))[0, 4] == -1000  # an angle has no limits
    assert both.identity().tolist() == [1, 1, 0, 0, 0, 1]


def test_only_the_searched_parameters_are_in_phi() -> None:
    both = Composed([Prealign(), Brightness()])
    variables = _phi_variables(both, mask(), Made(), 0.316)
    assert [(v.name, v.shape, v.role) for v in variables] == [
        (PHI, (1,), "search"),
        (HELD, (4,), "frozen"),
    ]
    space = Space(variables)
    x = space.mean[None].repeat(2, 1)
    x[:, space.slices[PHI]] = torch.tensor([[0.8], [1.2]])
    held = CellObjective.__new__(CellObjective)
    held.space, held.transform = space, both
    phi0 = Spatial().initial(mask(), Made())
    assert held.phi(x)[:, :4].equal(phi0.expand(2, -1))
    assert held.phi(x)[:, 4].tolist() == x[:, 0].tolist()
    assert (x >= space.low).all()
    assert (x <= space.high).all()


def test_a_composition_of_one_kind_is_one_variable() -> None:
    for parts in ([Spatial(), Brightness()], [Prealign()]):
        (phi,) = _phi_variables(Composed(parts), mask(), Made(), 0.316)
        assert (phi.name, phi.role) == (PHI, "search")
    low, high = Space([phi]).low, Space([phi]).high
    assert low[:2].tolist() == [1 / 16, 1 / 16]
    assert high.tolist() == [4, 4, 2, 2]


def test_the_oracle_is_the_truth_in_its_order(photo: Tensor) -> None:
    spatial, color = Spatial(), Brightness()
    oracle = Oracle()
    assert oracle.dim == 0
    oracle.truth = [(color, (0.8,)), (spatial, (1.0, 1.0, 0.25, 0.0))]
    phi = oracle.initial(mask(), Made())[None]
    assert phi.tolist() == [[torch.tensor(0.8).item(), 1, 1, 0.25, 0]]
    both = Composed([color, spatial])
    assert oracle.apply(photo, phi).equal(both.apply(photo, phi))
    assert oracle.invert(photo, phi).equal(both.invert(photo, phi))
    assert oracle.held == (True,) * 5
    assert oracle.identity().tolist() == [1, 1, 1, 0, 0]
