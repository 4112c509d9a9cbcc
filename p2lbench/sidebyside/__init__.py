"""Two results folders side by side: rows of one name, on the images and repeats that both have."""

from p2lbench.sidebyside.compare import SideBySide, compare
from p2lbench.sidebyside.pairs import Figures, Pair
from p2lbench.sidebyside.side import Labels, read

__all__ = ["Figures", "Labels", "Pair", "SideBySide", "compare", "read"]
