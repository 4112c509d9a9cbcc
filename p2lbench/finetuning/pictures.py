"""What fine-tuning did, as pictures: the images before and after, and the way down."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from p2lbench.editing.pictures import pixels_of
from p2lbench.report import grid

if TYPE_CHECKING:
    from p2lbench.finetuning.descent import FineTuned

_BRIGHTER = 2.0  # differences are small


def before_after(path: Path, tuned: FineTuned) -> None:
    """Target | projection | fine-tuned | what each of them misses inside the mask."""
    projection = tuned.projection
    target, after = projection.target, projection.original()
    images = [tuned.before, after]
    missing = [_BRIGHTER * (image - target).abs() * projection.mask - 1 for image in images]
    losses = [f"loss {tuned.losses[0]:.3g}", f"loss {tuned.losses[-1]:.3g}"]
    captions = [*losses, *(f"× {_BRIGHTER:g}" for _ in images)]
    tiles = [
        grid.Tile(pixels_of(image), text)
        for image, text in zip([*images, *missing], captions, strict=True)
    ]
    options, row = tuned.options, projection.row
    subtitle = (
        f"{row.row[4]}, candidate {projection.candidate}: lambda {options.weight:g}, "
        f"{len(tuned.losses) - 1} steps, weights moved {tuned.distances[-1]:.3g}."
    )
    columns = ["projection", "fine-tuned", "projection misses", "fine-tuned misses"]
    line = grid.Line(row.image, "", pixels_of(target), tiles)
    grid.draw(path, "Fine-tuning", subtitle, columns, [line], 1)


def curve(path: Path, tuned: FineTuned) -> None:
    """The loss and the distance of the weights, step by step."""
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        figure = Figure(figsize=(7, 5), layout="constrained")
        FigureCanvasAgg(figure)
        upper, lower = figure.subplots(2, 1, sharex=True)
        upper.plot(tuned.losses, color="#0072B2")
        if min(tuned.losses) > 0:
            upper.set_yscale("log")
        if tuned.options.stop_on == "loss":
            upper.axhline(tuned.options.stop, color="#888888", linestyle=":", linewidth=1)
        upper.set_ylabel("reconstruction loss")
        lower.plot(tuned.distances, color="#D55E00")
        lower.set_ylabel("‖θ − θ₀‖₂")
        lower.set_xlabel("steps")
        for axes in (upper, lower):
            axes.grid(True, color="#dddddd", linewidth=0.8)
            axes.spines[["top", "right"]].set_visible(False)
        figure.suptitle(f"lambda {tuned.options.weight:g}", fontsize=11)
        figure.savefig(path, dpi=120, metadata={"Software": None})
