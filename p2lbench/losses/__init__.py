"""Losses and metrics that come with p2lbench, registered through the same hooks as anybody's."""

from __future__ import annotations

from p2lbench.hookspecs import Register, hookimpl

_HERE = "p2lbench.losses"


@hookimpl
def register_losses(register: Register) -> None:
    """What can be optimised; each can also be named as a metric."""
    per_pixel = f"{_HERE}.pixel"
    register("l1", f"{per_pixel}:L1", summary="absolute error, summed over channels (eq. 3-4)")
    register("l2", f"{per_pixel}:L2", summary="squared error, summed over channels (eq. 3-4)")
    register("mae", f"{per_pixel}:MAE", summary="mean absolute error per element")
    register("mse", f"{per_pixel}:MSE", summary="mean squared error per element")
    lpips = f"{_HERE}.lpips"
    register("lpips-alex", f"{lpips}:alex", summary="LPIPS 0.1, AlexNet (weights: 244 MB)")
    register("lpips-vgg", f"{lpips}:vgg", summary="LPIPS 0.1, VGG-16 (weights: 553 MB)")
    register("lpips-squeeze", f"{lpips}:squeeze", summary="LPIPS 0.1, SqueezeNet (weights: 5 MB)")
    register(
        "percep-fmnist",
        f"{_HERE}.percep:fmnist",
        summary="distance in the features of the embedded Fashion-MNIST classifier",
    )


@hookimpl
def register_metrics(register: Register) -> None:
    """What is measured and never optimised."""
    register("psnr", f"{_HERE}.psnr:PSNR", summary="peak signal-to-noise ratio in dB, up to 100")
    register("ms-ssim", f"{_HERE}.ms_ssim:MSSSIM", summary="multi-scale structural similarity")
    register(
        "percep-fmnist-heldout",
        f"{_HERE}.percep:fmnist_heldout",
        summary="as percep-fmnist, in the features of a classifier that nothing optimises",
    )
