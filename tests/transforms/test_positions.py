"""Where a transform says it puts things is where it puts them."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from p2lbench.transforms.base import Transform
from p2lbench.transforms.color import Brightness, Contrast, Hue
from p2lbench.transforms.compose import Composed
from p2lbench.transforms.none import NoTransform
from p2lbench.transforms.oracle import Oracle
from p2lbench.transforms.projective import Perspective, Rotation
from p2lbench.transforms.spatial import Prealign, Spatial

SIZE = (48, 64)  # height and width differ, so that mixing them up is seen
POINTS = torch.tensor([[[-0.2, 0.3], [0.25, -0.1], [0.0, 0.35]]])
CASES: list[tuple[Transform, list[float]]] = [
    (NoTransform(), []),
    (Spatial(), [1, 1, 0.25, 0]),
    (Spatial(), [0.7, 1.3, -0.2, 0.1]),
    (Prealign(), [1.4, 0.8, 0.1, -0.1]),
    (Rotation(), [20.0]),
    (Rotation(), [-65.0]),
    (Perspective(), [0.3, -0.2]),
    (Brightness(), [0.8]),
    (Composed([Spatial(), Brightness(), Rotation()]), [0.8, 0.8, 0.2, 0.1, 1.2, 30.0]),
    (Composed([Rotation(), Spatial()]), [30.0, 0.8, 0.8, 0.2, 0.1]),
]


def blob(x: float, y: float) -> Tensor:
    """A soft spot (1, 1, H, W) at one place on [-1, 1]."""
    height, width = SIZE
    down = (torch.arange(height) + 0.5 - (y + 1) / 2 * height)[:, None]
    across = torch.arange(width) + 0.5 - (x + 1) / 2 * width
    return torch.exp(-(down**2 + across**2) / 8)[None, None]


def center(image: Tensor) -> Tensor:
    """(2,) x, y of an image's centre of mass."""
    height, width = SIZE
    weights = image[0, 0] / image.sum()
    x = (weights.sum(0) * ((torch.arange(width) + 0.5) * 2 / width - 1)).sum()
    y = (weights.sum(1) * ((torch.arange(height) + 0.5) * 2 / height - 1)).sum()
    return torch.stack([x, y])


@pytest.mark.parametrize(("transform", "phi"), CASES)
def test_a_spot_goes_where_positions_says(transform: Transform, phi: list[float]) -> None:
    row = torch.tensor([phi])
    said = transform.positions(POINTS, row, SIZE)
    assert said is not None
    for point, place in zip(POINTS[0], said[0], strict=True):
        found = center(transform.apply(blob(*point.tolist()), row))
        # A tilt enlarges one side of the spot, which moves its centre by a part of a pixel.
        torch.testing.assert_close(found, place, rtol=0, atol=0.015)


def test_each_candidate_has_its_own() -> None:
    phi = torch.tensor([[1, 1, 0, 0], [2, 1, 0.5, 0.0]])
    found = Spatial().positions(POINTS, phi, SIZE)
    assert found.shape == (2, 3, 2)
    torch.testing.assert_close(found[0], POINTS[0])
    torch.testing.assert_close(found[1, :, 0], (POINTS[0, :, 0] - 0.5) / 2)


def test_gains() -> None:
    two = torch.tensor([[1.25], [0.8]])
    torch.testing.assert_close(Brightness().gain(two), two[:, 0])
    both = Composed([Spatial(), Brightness()])
    phi = torch.cat([Spatial().identity().expand(2, -1), two], 1)
    torch.testing.assert_close(both.gain(phi), two[:, 0])
    assert Spatial().gain(phi[:, :4]).tolist() == [1, 1]
    assert Contrast().gain(two) is None
    assert Composed([Brightness(), Hue()]).gain(torch.tensor([[1.2, 0.1]])) is None


def test_the_oracle_answers_as_the_truth_does() -> None:
    oracle = Oracle()
    oracle.truth = [(Spatial(), [0.5, 0.5, 0.1, 0]), (Brightness(), [1.2])]
    phi = oracle.initial(torch.ones(1, 1, *SIZE), None)[None]  # type: ignore[arg-type]
    expected = Spatial().positions(POINTS, torch.tensor([[0.5, 0.5, 0.1, 0]]), SIZE)
    torch.testing.assert_close(oracle.positions(POINTS, phi, SIZE), expected)
    torch.testing.assert_close(oracle.gain(phi), torch.tensor([1.2]))


def test_a_plugin_that_says_nothing_is_not_known() -> None:
    class Silent(Brightness):
        positions = Transform.positions
        gain = Transform.gain

    whole = Composed([Spatial(), Silent()])
    phi = torch.tensor([[1, 1, 0, 0, 1.0]])
    assert whole.positions(POINTS, phi, SIZE) is None
    assert whole.gain(phi) is None
