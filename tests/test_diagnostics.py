"""What is said of candidates beside their errors, against what is known by construction."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from p2lbench.diagnostics import diagnose
from p2lbench.generators.base import Generator
from p2lbench.losses.pixel import L1
from p2lbench.objective import CellObjective
from p2lbench.record import DIAGNOSTICS
from p2lbench.space import Space, Variable
from p2lbench.transforms.base import Transform
from p2lbench.transforms.color import Brightness, Contrast
from p2lbench.transforms.compose import Composed
from p2lbench.transforms.projective import Rotation
from p2lbench.transforms.spatial import Spatial

SIZE = (32, 64)
CLASSES = torch.tensor([[0.0, 0.0], [3.0, 0.0], [0.0, 4.0]])  # neighbours are 3, 3 and 4 apart
START = torch.tensor([0.2, 0.0])


class Plain(Generator):
    size = SIZE
    conditional = True
    classes = ("a", "b", "c")
    variables = (Variable("z", (1,)), Variable("c", (2,), role="gradient"))

    def forward(self, **latents: Tensor) -> Tensor:
        return latents["z"][:, :, None, None].expand(-1, 3, *SIZE)

    def embed(self, class_ids: Tensor) -> Tensor:
        return CLASSES[class_ids]


class Unconditional(Plain):
    conditional = False


def diagnosed(
    transform: Transform | None = None,
    phi: Sequence[Sequence[float]] = ((), ()),
    truth: Sequence[tuple[Transform, Sequence[float]]] = (),
    c: Sequence[Sequence[float]] = ((0.2, 0.0), (0.2, 0.0)),
    generator: Generator | None = None,
    mask: Tensor | None = None,
) -> dict[str, Sequence[float | None]]:
    generator = generator or Plain()
    target = torch.rand(1, 3, *SIZE, generator=torch.Generator().manual_seed(0)) * 2 - 1
    if mask is None:
        mask = torch.zeros(1, 1, *SIZE)
        mask[..., 8:24, 24:40] = 1
    variables = [*generator.variables]
    if transform is not None:
        variables.append(Variable("phi", (transform.dim,), role="search"))
    space = Space(variables)
    objective = CellObjective(generator, space, [(L1(), 1.0)], target, mask, transform, True)
    rows = len(phi)
    points = torch.cat([torch.zeros(rows, 1), torch.tensor(c), torch.tensor(phi).float()], 1)
    start = points.clone()
    start[:, 1:3] = START
    return dict(diagnose(objective, points, start, truth))


SHIFT = [1.0, 1.0, 0.25, 0.0]  # 8 of 64 columns


def test_all_of_them_in_their_order() -> None:
    found = diagnosed(Spatial(), [SHIFT, SHIFT], [(Spatial(), SHIFT)])
    assert (*found, "gap", "optimum") == DIAGNOSTICS
    assert all(len(values) == 2 for values in found.values())


def test_nothing_is_said_of_what_is_not_there() -> None:
    assert set(diagnosed()) == {"class_moved", "class_crossed"}
    assert diagnosed(generator=Unconditional()) == {}
    assert set(diagnosed(truth=[(Spatial(), SHIFT)], generator=Unconditional())) == {
        "placement",
        "scale",
        "brightness",
    }


def test_the_truth_is_free_of_errors() -> None:
    truth = [(Spatial(), [0.7, 0.7, 0.1, 0.2]), (Brightness(), [1.3])]
    transform = Composed([Spatial(), Brightness()])
    found = diagnosed(transform, [[0.7, 0.7, 0.1, 0.2, 1.3]] * 2, truth)
    for name in ("placement", "scale", "brightness"):
        assert found[name] == pytest.approx([0, 0], abs=1e-5)


def test_placement_is_in_pixels_across_and_down() -> None:
    across, down = [1, 1, 0.25 + 4 / 32, 0.0], [1, 1, 0.25, 3 / 16]
    found = diagnosed(Spatial(), [across, down], [(Spatial(), SHIFT)])
    assert found["placement"] == pytest.approx([4, 3], abs=1e-4)
    assert found["scale"] == pytest.approx([0, 0], abs=1e-5)


def test_factors_are_the_same_both_ways() -> None:
    """s is the reverse of a size: s = 0.5 shows the object twice as large."""
    truth = [(Spatial(), [0.5, 0.5, 0, 0]), (Brightness(), [1.0])]
    both = Composed([Spatial(), Brightness()])
    found = diagnosed(both, [[0.4, 0.4, 0, 0, 1.25], [0.625, 0.625, 0, 0, 0.8]], truth)
    assert found["scale"] == pytest.approx([0.25, 0.25], abs=1e-4)
    assert found["brightness"] == pytest.approx([0.25, 0.25], abs=1e-4)


def test_no_transform_is_one_that_changes_nothing() -> None:
    truth = [(Spatial(), [0.5, 0.5, 0, 0]), (Brightness(), [0.8])]
    found = diagnosed(truth=truth)
    same = diagnosed(Spatial(), [[1, 1, 0, 0]] * 2, truth)
    for name in ("placement", "scale", "brightness"):
        assert found[name] == pytest.approx(same[name], abs=1e-6)
    assert found["scale"] == pytest.approx([1, 1], abs=1e-4)


def test_a_turn_that_no_spatial_undoes_is_seen_in_the_placement() -> None:
    truth = [(Spatial(), SHIFT), (Rotation(), [20.0])]
    exact = [[*SHIFT, 20.0]] * 2
    assert diagnosed(Composed([Spatial(), Rotation()]), exact, truth)["placement"] == pytest.approx(
        [0, 0], abs=1e-4
    )
    assert min(diagnosed(Spatial(), [SHIFT] * 2, truth)["placement"]) > 1  # type: ignore[type-var]


def test_a_turn_alone_is_no_error_of_the_scale() -> None:
    long = torch.zeros(1, 1, *SIZE)
    long[..., 4:28, 28:34] = 1
    truth = [(Spatial(), SHIFT), (Rotation(), [25.0])]
    found = diagnosed(Spatial(), [SHIFT, [0.8, 0.8, 0.2, 0.0]], truth, mask=long)
    assert found["scale"] == pytest.approx([0, 0.25], abs=1e-4)


@pytest.mark.parametrize("steps", [(1, 0), (0, 1), (1, 1)])
def test_a_line_has_no_size(steps: tuple[int, int]) -> None:
    line = torch.zeros(1, 1, *SIZE)
    for k in range(9):
        line[..., 8 + k * steps[0], 8 + k * steps[1]] = 1
    phi = [0.7, 0.7, 0.13, 0.07]
    found = diagnosed(Spatial(), [phi] * 2, [(Spatial(), SHIFT)], mask=line)
    assert found["scale"] == (None, None)


def test_what_has_no_single_gain_has_no_brightness() -> None:
    found = diagnosed(Contrast(), [[1.2], [1.0]], [(Brightness(), [0.8])])
    assert "brightness" not in found
    assert "placement" in found


def test_coverage_and_the_way_there_and_back() -> None:
    half_off = [1.0, 1.0, 1.0, 0.0]  # the right half goes to the left, the left one is lost
    found = diagnosed(Spatial(), [SHIFT, half_off])
    assert found["coverage"] == pytest.approx([1, 0.5], abs=1e-5)
    assert found["round_trip"][0] == pytest.approx(0, abs=1e-5)
    assert found["round_trip"][1] > 0.3  # type: ignore[operator]


def test_classes_moved_and_crossed() -> None:
    found = diagnosed(c=[[0.2, 0.0], [2.0, 0.0]])
    assert found["class_moved"] == pytest.approx([0, 1.8 / 3], abs=1e-5)
    assert found["class_crossed"] == (0, 1)


def test_a_mask_of_one_pixel_has_no_size() -> None:
    mask = torch.zeros(1, 1, *SIZE)
    mask[..., 10, 10] = 1
    found = diagnosed(Spatial(), [SHIFT] * 2, [(Spatial(), SHIFT)], mask=mask)
    assert found["placement"] == pytest.approx([0, 0], abs=1e-5)
    assert found["scale"] == (None, None)
