"""What every loss and every metric promises."""

from __future__ import annotations

from p2lbench.losses.base import Loss
from p2lbench.testing.check import Kit
from p2lbench.testing.common import add_common

KITS = {"loss": Kit("loss"), "metric": Kit("metric")}
add_common(KITS["loss"], "losses", Loss)
add_common(KITS["metric"], "metrics", Loss)
