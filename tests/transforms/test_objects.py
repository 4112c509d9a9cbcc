"""Pre-alignment: the authors' numbers, exact centres, masks that say nothing."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from p2lbench.errors import Skip
from p2lbench.generators.base import Generator, ObjectStats
from p2lbench.transforms.objects import alignment, bounding_box, located
from p2lbench.transforms.spatial import SCALES, Prealign, Spatial

Golden = dict[str, Tensor]
BIGGAN = ObjectStats((137 / 255, 127 / 255), (213 / 255, 210 / 255))
# The authors' code takes the first for empty, and 0.99 for background.
OTHERWISE = ("empty", "soft_099")


class Made(Generator):
    object_stats = BIGGAN


def box(size: tuple[int, int], top: int, left: int, bottom: int, right: int) -> Tensor:
    """A mask as the runner makes it; the box's end is not included."""
    mask = torch.full((1, 1, *size), 0.3)
    mask[..., top:bottom, left:right] = 1
    return mask


def test_the_statistics_are_the_papers(golden: Golden) -> None:
    assert golden["prealign.dst_center_yx"].tolist() == pytest.approx(list(BIGGAN.center))
    assert golden["prealign.dst_size_hw"].tolist() == pytest.approx(list(BIGGAN.size))


def test_boxes_are_the_authors(golden: Golden, masks: dict[str, Tensor]) -> None:
    for (name, mask), expected in zip(masks.items(), golden["prealign.bbox_hwhw"], strict=True):
        if name not in OTHERWISE:
            assert bounding_box(mask) == tuple(expected.tolist()), name
    assert bounding_box(masks["empty"]) is None
    assert bounding_box(masks["soft_099"]) == bounding_box(masks["rect_tall"])


def test_alignment_meets_the_exact_centres(golden: Golden, masks: dict[str, Tensor]) -> None:
    """s = max(h_m / h, w_m / w), and the translation that maps one centre on the other."""
    rows = zip(
        masks,
        golden["prealign.obj_center_yx"].tolist(),
        golden["prealign.obj_size_hw"].tolist(),
        golden["prealign.t_exact_centre"].tolist(),
        golden["prealign.t_paper_maxscale"].tolist(),
        strict=True,
    )
    for name, center, size, exact, paper in rows:
        found = alignment(ObjectStats(tuple(center), tuple(size)), BIGGAN, (0.0, 4.0))
        assert found == pytest.approx(exact, abs=1e-6), name
        assert found[0] == pytest.approx(paper[0], abs=1e-6), name


def test_a_box_ends_behind_its_last_pixel(golden: Golden, masks: dict[str, Tensor]) -> None:
    """The authors' sizes are a pixel short, and their centres at most a pixel before ours."""
    for k, (name, mask) in enumerate(masks.items()):
        found = located(mask)
        if name in (*OTHERWISE, "full"):
            continue
        assert found is not None
        size, center = golden["prealign.obj_size_hw"][k], golden["prealign.obj_center_yx"][k]
        assert torch.tensor(found.size).double().sub(size).mul(64).tolist() == [1, 1], name
        moved = torch.tensor(found.center).double().sub(center).mul(64)
        assert ((moved >= 0.5) & (moved <= 1)).all(), name


@pytest.mark.parametrize(
    "corners", [(4, 6, 20, 16), (0, 0, 8, 30), (22, 25, 24, 32), (9, 11, 10, 12)]
)
def test_the_object_lands_where_the_generator_has_its_own(corners: tuple[int, ...]) -> None:
    mask = box((24, 32), *corners)
    phi = Spatial().initial(mask, Made())
    placed = Spatial().apply((mask > 0.5).float(), phi[None])
    ys, xs = ((torch.arange(n) + 0.5) / n for n in (24, 32))
    weight = placed[0, 0] / placed.sum()
    center = float(weight.sum(1) @ ys), float(weight.sum(0) @ xs)
    assert center == pytest.approx(BIGGAN.center, abs=0.02)
    covered = placed[0, 0] > 0.5
    sides = covered.any(1).sum() / 24, covered.any(0).sum() / 32
    ratios = [float(a) / b for a, b in zip(sides, BIGGAN.size, strict=True)]
    if phi[0] > SCALES[0]:
        assert max(ratios) == pytest.approx(1, abs=0.08)


def test_masks_that_say_nothing(masks: dict[str, Tensor]) -> None:
    spatial, identity = Spatial(), Spatial().identity()
    for name in ("full", "empty"):
        assert spatial.initial(masks[name], Made()).equal(identity)
    assert spatial.initial(masks["rect_tall"], Generator()).equal(identity)
    one = spatial.initial(masks["single_pixel"], Made())
    assert one[:2].tolist() == [SCALES[0]] * 2
    assert one.isfinite().all()


def test_prealign_is_skipped_where_it_would_mean_nothing(masks: dict[str, Tensor]) -> None:
    with pytest.raises(Skip, match="no mask"):
        Prealign().initial(masks["full"], Made())
    with pytest.raises(Skip, match="Generator has no object_stats; p2lbench measure-objects"):
        Prealign().initial(masks["rect_tall"], Generator())
    assert not Prealign.searched
    same = Prealign().initial(masks["ellipse"], Made())
    assert same.equal(Spatial().initial(masks["ellipse"], Made()))


def test_a_mask_that_is_foreground_everywhere_is_full_whatever_its_grey() -> None:
    assert located(torch.full((1, 1, 8, 8), 254 / 255)) is None
