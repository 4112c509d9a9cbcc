"""Where candidates' class vectors ended, in two dimensions (paper, figure 16)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from p2lbench.classvectors import ClassVectors, collect
from p2lbench.registry import Registry
from p2lbench.report.paper import style
from p2lbench.store import Store

if TYPE_CHECKING:
    from matplotlib.colors import Colormap

PERPLEXITY = 30.0
FEWEST = 4  # points that an embedding says something of
NAMED = 20  # classes that fit into a legend

Places = np.ndarray[Any, np.dtype[np.float32]]


def draw(path: Path, store: Store, registry: Registry, width: style.Width) -> str | None:
    """A dot per candidate in the colour of its image's class, and the classes' own vectors with a
    black border. A text if there is nothing to draw: why.

    Raises: OSError, StoreError.
    """
    vectors = collect(store, registry)
    if isinstance(vectors, str):
        return vectors
    if len(vectors.found) + len(vectors.own) < FEWEST:
        return "fewer than four class vectors"
    if vectors.all_own:
        return "every candidate's class vector is still one of the classes' own"
    try:
        found, own = embedded(vectors)
    except ImportError:
        return "needs scikit-learn: pip install scikit-learn (the extra `paper` of p2lbench)"
    named = list(vectors.names) if len(vectors.names) <= NAMED else []
    side = style.INCHES[width]
    with style.figure(path, width, 0.8 * side + style.legend_lines(named, width)) as figure:
        axes = figure.subplots()
        colours = _colours(len(vectors.numbers))
        places = {number: k for k, number in enumerate(vectors.numbers)}
        dots = [colours[places[number]] for number in vectors.of.tolist()]
        axes.scatter(found[:, 0], found[:, 1], s=8, c=dots, linewidths=0)
        handles = [
            axes.scatter([x], [y], s=34, color=[colour], edgecolors="black", linewidths=0.8)
            for (x, y), colour in zip(own.tolist(), colours, strict=True)
        ]
        axes.set_xticks([])
        axes.set_yticks([])
        for spine in axes.spines.values():
            spine.set_visible(True)
        axes.grid(visible=False)
        if named:
            style.legend_below(figure, width, handles, named)
    return None


def embedded(vectors: ClassVectors) -> tuple[Places, Places]:
    """The vectors of candidates (n, 2) and of classes (k, 2) by t-SNE (van der Maaten & Hinton
    2008), all in one; the same for the same vectors.

    Raises: ImportError: scikit-learn is not installed.
    """
    from sklearn.manifold import TSNE

    # One place for equal vectors: t-SNE would spread them, as if they differed.
    every, where = np.unique(
        np.concatenate([vectors.found, vectors.own]), axis=0, return_inverse=True
    )
    # It must be below the number of points, and speaks of neighbours: a third of them at most.
    perplexity = min(PERPLEXITY, max(1.0, (len(every) - 1) / 3))
    made: Places = TSNE(perplexity=perplexity, init="pca", random_state=0).fit_transform(every)
    places = made[where.ravel()]
    return places[: len(vectors.found)], places[len(vectors.found) :]


def _colours(count: int) -> list[Any]:
    """As many that differ; around the wheel where a qualitative map has too few."""
    import matplotlib

    name = "tab10" if count <= 10 else "tab20" if count <= 20 else "hsv"
    colormap: Colormap = matplotlib.colormaps[name]
    if name != "hsv":
        return [colormap(k) for k in range(count)]
    return [colormap(k / count) for k in range(count)]
