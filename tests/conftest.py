"""One torch thread per test process: they run side by side, and results depend on it."""

from __future__ import annotations

import torch

torch.set_num_threads(1)
