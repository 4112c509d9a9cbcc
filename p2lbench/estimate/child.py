"""The process that calibrates, since that needs torch, and runs the code of plugins.

The first request names the device, the plugins' files and when it was begun; each further one is an
order.
"""

from __future__ import annotations

import base64
import os
import pickle
import sys
import time
from pathlib import Path
from typing import Any

from p2lbench.childprocess import ends
from p2lbench.estimate.timing import Order, Passed, Unfit, calibrated
from p2lbench.models import Models


def packed(order: Order) -> dict[str, str]:
    """An order as `main` takes it."""
    return {"order": base64.b64encode(pickle.dumps(order)).decode()}


def main() -> None:
    """Serve until standard input ends."""
    from p2lbench.executors.memory import keep_freed

    following, answer = ends()
    keep_freed()
    asked = following()
    models = _models(asked)
    start = time.time() - asked["began"]
    answer({"device": models.device})
    while True:
        answer(_outcome(following(), models, start))


def _models(asked: dict[str, Any]) -> Models:
    import torch

    from p2lbench.plugins import load

    device = asked["device"]
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    return Models(load([Path(file) for file in asked["files"]]).registry, device)


def _outcome(request: dict[str, Any], models: Models, start: float) -> dict[str, Any]:
    try:
        order: Order = pickle.loads(base64.b64decode(request["order"]))
        return {"calibration": calibrated(order, models, start).plain()}
    except Passed as passed:
        return {"skipped": str(passed)}
    except Unfit as unfit:
        return {"error": str(unfit)}
    # The boundary: whatever a plugin raises is why there is no estimate.
    except BaseException as error:
        return {"error": f"{type(error).__name__}: {error}"}


if __name__ == "__main__":
    main()
    sys.stdout.flush()
    os._exit(0)
