"""What every generator promises."""

from __future__ import annotations

from p2lbench.generators.base import Generator
from p2lbench.testing.check import Kit
from p2lbench.testing.common import add_common

check = Kit("generator")
KITS = {"generator": check}
add_common(check, "generators", Generator)
