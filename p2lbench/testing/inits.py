"""What every init promises."""

from __future__ import annotations

from p2lbench.inits.base import Init
from p2lbench.testing.check import Kit
from p2lbench.testing.common import add_common

check = Kit("init")
KITS = {"init": check}
add_common(check, "inits", Init)
