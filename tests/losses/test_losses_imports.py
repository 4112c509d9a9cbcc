"""Listing losses must not cost the import of torch."""

from __future__ import annotations

import subprocess
import sys

MODULES = ("", ".base", ".masked", ".pixel", ".psnr", ".ms_ssim", ".features", ".lpips", ".percep")


def test_no_torch_to_import_and_construct() -> None:
    script = [
        "import importlib, sys",
        f"for name in {MODULES!r}: importlib.import_module('p2lbench.losses' + name)",
        "import p2lbench.weights",
        "from p2lbench.losses import lpips, percep, pixel",
        "print(lpips.alex().protocol, percep.fmnist().protocol, pixel.L1().protocol)",
        "heavy = {'torch', 'lpips', 'torchvision', 'numpy', 'pooch'} & set(sys.modules)",
        "sys.exit(f'imported: {heavy}' if heavy else 0)",
    ]
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(script)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
