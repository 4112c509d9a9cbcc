"""torchvision's published weights, put into torchvision's networks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from p2lbench.errors import UserError

if TYPE_CHECKING:
    from torch import nn


def fitted(network: nn.Module, path: Path, title: str) -> nn.Module:
    """A network, laid out on the meta device, with the weights of a file as float32, frozen and in
    evaluation mode. Nothing in the file is executed.

    Raises:
        UserError: the file is not a state dict of this network, which messages call `title`.
    """
    import torch

    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except OSError:
        raise
    # torch does not say what a damaged file may make it raise.
    except Exception as error:
        raise UserError(f"{path} cannot be read as a torch state dict: {error}") from error
    named = isinstance(state, Mapping) and all(isinstance(name, str) for name in state)
    try:
        network.load_state_dict(state if named else {}, assign=True)
    except RuntimeError as error:
        reason = str(error).strip().partition("\n")[2].strip()[:200]
        raise UserError(f"{path} does not fit {title}: {reason}") from error
    return network.float().eval().requires_grad_(False)
