"""What every transform promises."""

from __future__ import annotations

from p2lbench.testing.check import Kit
from p2lbench.testing.common import add_common
from p2lbench.transforms.base import Transform

check = Kit("transform")
KITS = {"transform": check}
add_common(check, "transforms", Transform)
