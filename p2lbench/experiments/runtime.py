"""What each method costs (appendix A), as ratios: minutes are of the paper's graphics card."""

from __future__ import annotations

from p2lbench.experiments.model import Claim, Experiment
from p2lbench.experiments.protocol import ENCODED, WHOLE, row
from p2lbench.experiments.sides import Side, against

RUNTIME = Experiment(
    "run-times",
    "Appendix A",
    (
        "Adam and L-BFGS take about 5 minutes an image, BasinCMA 10; a search for a transform adds "
        "5, and an encoder takes less than a second. An update of CMA takes 0.2 seconds.",
        "That is for 18 candidates on one RTX 2080 Ti, in three batches for want of memory.",
    ),
    (
        Claim(
            "L-BFGS takes as long as Adam",
            against(Side("lbfgs"), Side("adam")),
            says="alike",
            of="seconds",
            margin=1.25,
        ),
        Claim("Adam takes less time than BasinCMA", against(Side("adam"), Side("basincma")),
              of="seconds"),
        Claim("CMA alone takes less time than Adam", against(Side("cma"), Side("adam")),
              of="seconds"),
        Claim(
            "a search for a transform takes time of its own",
            against(Side(transform="none"), Side(transform="spatial+color")),
            of="seconds",
        ),
    ),
    (
        row("ADAM", "adam", minutes=5),
        row("L-BFGS", "lbfgs", minutes=5),
        row("CMA", "cma", minutes=1),  # 300 updates of 0.2 s
        row("CMA+ADAM", "cma+adam", minutes=5 + 1 / 3),  # 100 updates, then Adam
        row("BasinCMA", "basincma", minutes=10),
        row("None + encoder", "none", (), ENCODED, minutes=1 / 60),  # less than a second
        row("ADAM + transform", "adam", WHOLE, minutes=10),
        row("BasinCMA + transform", "basincma", WHOLE, minutes=15),
    ),
)  # fmt: skip
