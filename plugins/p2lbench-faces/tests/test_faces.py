"""The generator: that it is the published one, and keeps p2lbench's contract."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from p2lbench_faces import WEIGHTS, Faces, dcgan

from p2lbench.api import locate_weights
from p2lbench.testing import checks

# 8×8 means of the images that the package's own code makes of `fixed`; see tests/data/README.md.
GOLDEN = Path(__file__).parent / "data" / "golden.npy"


def fixed() -> torch.Tensor:
    """Two z that need no random generator, as spread as the prior."""
    steps = torch.arange(200, dtype=torch.float64)
    return ((steps * 0.7 + steps**2 * 0.013).sin() * 2**0.5).float().view(2, 100)


@pytest.mark.parametrize("check", checks("generator"), ids=str)
def test_conformance(check) -> None:
    check(Faces)


def test_the_weights_are_the_published_ones(faces: Faces) -> None:
    located = locate_weights("dcgan-faces")
    assert located.published
    assert located.sha256 == WEIGHTS.sha256
    assert located.path.stat().st_size == WEIGHTS.size


def test_the_images_are_those_of_the_packages_own_code(faces: Faces) -> None:
    images = faces.forward(z=fixed())
    assert images.shape == (2, 3, 64, 64)
    small = torch.nn.functional.avg_pool2d(images, 8)
    torch.testing.assert_close(small, torch.from_numpy(np.load(GOLDEN)), atol=1e-4, rtol=0)


def test_the_inference_form_is_the_same_function(faces: Faces) -> None:
    plain = dcgan.read(locate_weights("dcgan-faces").path)
    with torch.no_grad():
        images = plain(fixed()[:, :, None, None])
    torch.testing.assert_close(faces.forward(z=fixed()), images, atol=1e-4, rtol=0)


def test_it_is_frozen_and_differentiable(faces: Faces) -> None:
    assert not any(parameter.requires_grad for parameter in faces._network.parameters())
    z = fixed().requires_grad_(True)
    (slope,) = torch.autograd.grad(faces.forward(z=z).square().sum(), z)
    assert slope.isfinite().all()
    assert slope.abs().min() > 0


def test_another_state_is_refused(tmp_path: Path) -> None:
    state = {f"main.{name}": value for name, value in dcgan.generator().state_dict().items()}
    torch.save({"netG_state_dict": state}, tmp_path / "right.tar")
    dcgan.read(tmp_path / "right.tar")
    for wrong in ({**state, "more": state["main.0.weight"]}, dict(list(state.items())[1:])):
        torch.save({"netG_state_dict": wrong}, tmp_path / "wrong.tar")
        with pytest.raises(RuntimeError, match="state_dict"):
            dcgan.read(tmp_path / "wrong.tar")


def test_a_use_before_loading_is_said() -> None:
    with pytest.raises(RuntimeError, match="call load"):
        Faces().forward(z=fixed())
