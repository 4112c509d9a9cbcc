"""The measures against piq's own numbers, and what the library leaves to its callers."""

import piq
import pytest
import torch
import torch.nn.functional as F
from p2lbench_piq import DSS, FSIM, GMSD, MDSI, MSGMSD, SRSIM, VIF, VSI, HaarPSILoss

SIDE = 64
LIBRARY = {
    GMSD: piq.gmsd,
    MSGMSD: piq.multi_scale_gmsd,
    MDSI: piq.mdsi,
    HaarPSILoss: lambda *images, reduction: 1 - piq.haarpsi(*images, reduction=reduction),
    FSIM: piq.fsim,
    VSI: piq.vsi,
    VIF: piq.vif_p,
    SRSIM: piq.srsim,
    DSS: piq.dss,
}
MEASURES = [*LIBRARY]
LOSSES = [measure for measure in MEASURES if measure.objective]


def pictures(n=3, side=SIDE):
    """Images and targets in [-1, 1], rough at several scales."""
    generator = torch.Generator().manual_seed(0)
    coarse = torch.randn(n, 3, side // 8, side // 8, generator=generator)
    targets = F.interpolate(coarse, (side, side), mode="bilinear").tanh()
    images = (targets + 0.2 * torch.randn(n, 3, side, side, generator=generator)).clamp(-1, 1)
    return images, targets


def whole(targets):
    return torch.ones_like(targets[:, :1])


def value(measure, images, targets, masks=None):
    masks = whole(targets) if masks is None else masks
    return measure(images, measure.prepare(targets, masks))


@pytest.mark.parametrize("measure", LIBRARY)
def test_without_a_mask_it_is_the_librarys_number(measure):
    images, targets = pictures()
    found = value(measure(), images, targets)
    for row in range(3):
        x, y = ((batch[row : row + 1] + 1) / 2 for batch in (images, targets))
        expected = LIBRARY[measure](x, y, reduction="none").reshape(1)
        torch.testing.assert_close(found[row : row + 1], expected, rtol=1e-5, atol=1e-5)
    assert len(found.unique()) == 3


@pytest.mark.parametrize("measure", MEASURES)
def test_the_target_itself_is_the_best(measure):
    images, targets = pictures()
    best = 1.0 if measure.higher_is_better else 0.0
    torch.testing.assert_close(
        value(measure(), targets.clone(), targets), torch.full((3,), best), atol=1e-5, rtol=0
    )
    assert bool(((value(measure(), images, targets) - best).abs() > 1e-3).all())


@pytest.mark.parametrize("measure", MEASURES)
def test_outside_the_mask_the_target_is_laid_over(measure):
    images, targets = pictures()
    masks = torch.zeros_like(whole(targets))
    masks[..., 16:48, 16:48] = 1
    masks[..., 48:, :] = 0.3
    laid_over = masks * images + (1 - masks) * targets
    torch.testing.assert_close(
        value(measure(), images, targets, masks),
        value(measure(), laid_over, targets),
        rtol=1e-4,
        atol=1e-5,
    )
    hard = (masks == 1).float()
    other = torch.where(hard == 1, images, -images)
    assert torch.equal(
        value(measure(), images, targets, hard), value(measure(), other, targets, hard)
    )


@pytest.mark.parametrize("measure", LOSSES)
@pytest.mark.parametrize("case", ["target", "flat", "black", "tiny mask", "beyond", "one pixel"])
def test_gradients_are_finite(measure, case):
    images, targets = pictures(2)
    masks = whole(targets)
    if case == "target":
        images = targets.clone()
    elif case == "flat":
        images = torch.full_like(images, 0.25)
    elif case == "black":
        images, targets = -torch.ones_like(images), -torch.ones_like(targets)
    elif case == "beyond":
        images = 3 * images
    else:
        masks = torch.zeros_like(masks)
        masks[..., 10, 10] = 1
        images = targets.clone() if case == "one pixel" else images
    leaf = images.requires_grad_(True)
    values = value(measure(), leaf, targets, masks)
    (gradient,) = torch.autograd.grad(values.sum(), leaf)
    assert bool(values.isfinite().all())
    assert bool(gradient.isfinite().all())


@pytest.mark.parametrize("measure", LOSSES)
def test_flat_images_still_have_a_way_downhill(measure):
    _, targets = pictures(1)
    image = torch.zeros_like(targets, requires_grad=True)
    loss = measure()
    prepared = loss.prepare(targets, whole(targets))
    before = loss(image, prepared)
    optimizer = torch.optim.Adam([image], lr=0.02)
    for _ in range(60):
        optimizer.zero_grad()
        loss(image, prepared).sum().backward()
        optimizer.step()
    assert float(loss(image, prepared).detach()) < 0.8 * float(before.detach())


@pytest.mark.parametrize("measure", MEASURES)
def test_a_black_image_of_a_black_target_is_a_match(measure):
    black = -torch.ones(2, 3, SIDE, SIDE)
    assert torch.allclose(
        value(measure(), black, black),
        torch.full((2,), float(measure.higher_is_better)),
        atol=1e-5,
    )


@pytest.mark.parametrize("measure", MEASURES)
def test_an_image_that_is_no_number_has_none_and_spoils_no_other(measure):
    images, targets = pictures(2)
    alone = value(measure(), images[1:], targets[1:])
    images[0, 0, 3, 3] = torch.nan
    found = value(measure(), images, targets)
    assert bool(found[0].isnan())
    torch.testing.assert_close(found[1:], alone, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("measure", MEASURES)
def test_too_small_images_are_refused_unless_resized(measure):
    side = measure().min_size - 1
    small = torch.zeros(1, 3, side, side)
    with pytest.raises(ValueError, match=f"at least {side + 1} pixels, got {side} x {side}"):
        measure().prepare(small, whole(small))
    with pytest.raises(ValueError, match=f"^resize: expected at least {side + 1}, got {side}$"):
        measure(resize=side)
    images, targets = pictures(2, 16)
    assert bool(value(measure(resize=48), images, targets).isfinite().all())


def test_resized_images_are_what_is_measured():
    images, targets = pictures(2, 32)
    large = [
        F.interpolate(x, (64, 64), mode="bilinear", align_corners=False, antialias=True)
        for x in (images, targets)
    ]
    torch.testing.assert_close(value(VIF(resize=64), images, targets), value(VIF(), *large))


@pytest.mark.parametrize("measure", MEASURES)
def test_its_protocol_names_the_mask_the_resize_and_the_version(measure):
    protocol = measure(resize=64).protocol
    assert protocol["version"] == f"piq {piq.__version__}"
    assert protocol["resize"].startswith("64 x 64")
    assert "laid over the image outside the mask" in protocol["reduction"]
