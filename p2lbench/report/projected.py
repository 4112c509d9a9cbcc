"""The plain files of a projection, beside its results: pictures, latents, a video."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from p2lbench.folder import explained
from p2lbench.pictured import Pictured
from p2lbench.report import projectiongrid, video

NAMES = ("reconstruction", "aligned", "latents", "projection")
_MOST = 100  # letters of a method in a file's name
SUFFIXES = (".png", ".safetensors", video.GIF, video.MP4)


def write(
    folder: Path,
    blocks: Sequence[projectiongrid.Block],
    title: str,
    film: str | None = None,
) -> list[Path]:
    """Write them all, in place of those of an earlier call; the files, the grid first. Of no method
    there are none.

    Several methods have files of their own, with their names in them.

    Args:
        film: the video's suffix; None for no video.

    Raises:
        StoreError: the folder cannot be written.
    """
    with explained(folder):
        for path in _earlier(folder):
            path.unlink()
        files = [projectiongrid.draw(folder / "grid.png", title, blocks)] if blocks else []
        for block, ending in zip(blocks, _endings([block.title for block in blocks]), strict=True):
            files += _one(folder, block.found, ending, film)
    return files


def _one(folder: Path, found: Pictured, ending: str, film: str | None) -> list[Path]:
    from safetensors.torch import save

    k = found.selected
    files = [folder / f"reconstruction{ending}.png"]
    Image.fromarray(found.images[k]).save(files[0])
    if found.aligned is not None:
        files.append(folder / f"aligned{ending}.png")
        Image.fromarray(found.outputs[k]).save(files[-1])
    files.append(folder / f"latents{ending}.safetensors")
    told = {"cell": found.record.cell, "candidate": str(k)}
    files[-1].write_bytes(save(found.latents, told))
    if film is not None and found.shown:
        files.append(video.write(folder / f"projection{ending}{film}", found.target, found.shown))
    return files


def _earlier(folder: Path) -> list[Path]:
    mine = re.compile(rf"({'|'.join(NAMES)})(-[a-z0-9.-]+)?")
    return [p for p in folder.iterdir() if p.suffix in SUFFIXES and mine.fullmatch(p.stem)]


def _endings(titles: Sequence[str]) -> list[str]:
    """What tells the files of several methods apart; numbered where their names do not."""
    if len(titles) == 1:
        return [""]
    slugs = [re.sub(r"[^a-z0-9.]+", "-", title.lower())[:_MOST].strip("-") for title in titles]
    if "" in slugs or len({*slugs}) < len(slugs):
        return [f"-{k}-{slug}".rstrip("-") for k, slug in enumerate(slugs, 1)]
    return [f"-{slug}" for slug in slugs]
