"""The measures that need no weights and work on images of 32 or 64 pixels.

HaarPSI can be optimised, so it is a distance, 1 - s, as in the library's own losses. It is not
also a metric of its own, which would be ranked as held out where the distance was optimised.
"""

from __future__ import annotations

import torch
from torch import Tensor

from p2lbench_piq.base import Measure


class GMSD(Measure):
    """Gradient magnitude similarity deviation, 0 for an exact match (piq.gmsd)."""

    title = "GMSD"
    function = "gmsd"
    source = "Xue et al. 2014, by piq"
    least_size = 6  # 3 x 3 Prewitt filters at half the size


class MSGMSD(Measure):
    """GMSD on four scales, 0 for an exact match (piq.multi_scale_gmsd)."""

    title = "MS-GMSD, luminance"
    function = "multi_scale_gmsd"
    source = "Zhang et al. 2017, by piq"
    least_size = 17


class MDSI(Measure):
    """Mean deviation similarity index, 0 for an exact match (piq.mdsi).

    It ends in a fourth root: its slope grows without limit towards the target.
    """

    title = "MDSI"
    function = "mdsi"
    source = "Nafchi et al. 2016, by piq"
    least_size = 3


class HaarPSILoss(Measure):
    """1 - HaarPSI, Haar wavelet perceptual similarity as a distance (piq.haarpsi)."""

    title = "1 - HaarPSI"
    function = "haarpsi"
    source = "Reisenhofer et al. 2018, by piq"
    least_size = 16

    def measure(self, x: Tensor, y: Tensor) -> Tensor:
        # Between two black images its weights are all 0, and it would be infinite.
        black = (x + y).sum(dim=(1, 2, 3), keepdim=True) == 0
        x, y = (images.masked_fill(black, 1.0) for images in (x, y))
        return 1 - super().measure(x, y)


class FSIM(Measure):
    """Feature similarity with colour, FSIMc, 1 for an exact match (piq.fsim).

    No loss: its noise thresholds break it into pieces so small that a gradient leads nowhere.
    """

    title = "FSIMc"
    function = "fsim"
    source = "Zhang et al. 2011, by piq"
    least_size = 6  # the shortest of its wavelengths
    objective = False
    higher_is_better = True


class VSI(Measure):
    """Visual saliency-induced index, 1 for an exact match (piq.vsi).

    It resizes to 256 x 256 for the saliency, whatever the size, so it is too slow to optimise.
    """

    title = "VSI"
    function = "vsi"
    source = "Zhang et al. 2014, by piq"
    least_size = 3
    objective = False
    higher_is_better = True

    def measure(self, x: Tensor, y: Tensor) -> Tensor:
        # reshape: for a single image the library drops the batch's dimension.
        return super().measure(x, y).reshape(-1)


class VIF(Measure):
    """Visual information fidelity in the pixel domain, 1 for an exact match (piq.vif_p).

    More contrast than the target's makes it larger than 1, which is why it is no loss.
    """

    title = "VIF in the pixel domain, luminance"
    function = "vif_p"
    source = "Sheikh and Bovik 2006, by piq"
    least_size = 41
    objective = False
    higher_is_better = True


class SRSIM(Measure):
    """Spectral residual similarity, 1 for an exact match (piq.srsim).

    The library scales the saliency by the extremes of the whole batch; so each image is a batch.
    """

    title = "SR-SIM, luminance"
    function = "srsim"
    source = "Zhang and Li 2012, by piq"
    least_size = 40
    objective = False
    higher_is_better = True

    def measure(self, x: Tensor, y: Tensor) -> Tensor:
        rows = [slice(i, i + 1) for i in range(len(x))]
        return torch.cat([super(SRSIM, self).measure(x[i], y[i]) for i in rows])


class DSS(Measure):
    """DCT subband similarity, 1 for an exact match (piq.dss).

    Its number is the mean over the worst 5% of the 8 x 8 blocks; at 32 pixels that is one block.
    """

    title = "DSS, luminance"
    function = "dss"
    source = "Balanov et al. 2015, by piq"
    least_size = 32
    objective = False
    higher_is_better = True
