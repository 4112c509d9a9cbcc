"""Train a classifier: `python -m p2lbench.zoo.train_classifier NAME --out DIR`.

NAME is percep-fmnist or percep-fmnist-heldout. Run it again with the same DIR to go on after the
last finished epoch.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from p2lbench.zoo import fmnist
from p2lbench.zoo.classifiers import ARCHITECTURES, Classifier
from p2lbench.zoo.training import EpochTrainer, begin, descend, reporting, seeded, train


@dataclass(frozen=True)
class Settings:
    """All that decides the outcome of a training run."""

    name: str
    seed: int
    epochs: int = 10
    batch: int = 128
    lr: float = 3e-3
    weight_decay: float = 0.05
    shift: int = 2
    flip: bool = True
    bfloat16: bool = False


# Different seeds, so that nothing ties the held-out classifier to the optimised one.
SEEDS = {"percep-fmnist": 1, "percep-fmnist-heldout": 2}


class Trainer(EpochTrainer[Settings, Classifier]):
    """One training run. `pixels` (n, 32, 32) uint8 and `labels` (n,) int64."""

    def __init__(self, settings: Settings, pixels: Tensor, labels: Tensor) -> None:
        model = seeded(settings.seed, ARCHITECTURES[settings.name])
        adam = torch.optim.AdamW(_groups(model, settings.weight_decay), settings.lr)
        # The rate rises during the first epoch.
        super().__init__(settings, model, adam, len(labels), rise=settings.epochs)
        self.pixels, self.labels = pixels, labels

    def _learn(self, picks: Tensor) -> float:
        images = fmnist.to_images(self._augment(self.pixels[picks]))
        with torch.autocast("cpu", torch.bfloat16, enabled=self.settings.bfloat16):
            logits = self.model(images)
        return descend(self.adam, F.cross_entropy(logits.float(), self.labels[picks]))

    def _augment(self, pixels: Tensor) -> Tensor:
        """Shift each photo by up to `shift` pixels, filling with black, and flip half of them."""
        n, reach = len(pixels), self.settings.shift
        size = pixels.shape[-1]
        padded = F.pad(pixels, (reach,) * 4)
        corner = torch.randint(2 * reach + 1, (2, n, 1), generator=self.rng)
        rows, columns = corner + torch.arange(size)
        if self.settings.flip:
            flipped = torch.rand(n, 1, generator=self.rng) < 0.5
            columns = torch.where(flipped, columns.flip(1), columns)
        return padded[torch.arange(n)[:, None, None], rows[:, :, None], columns[:, None, :]]


def _groups(model: Classifier, weight_decay: float) -> Iterator[dict[str, Any]]:
    """Weight decay for matrices and kernels, but not for the layer that sees the colours."""
    first = next(model.parameters())
    decayed = [p for p in model.parameters() if p.ndim > 1 and p is not first]
    kept = [p for p in model.parameters() if p.ndim <= 1 or p is first]
    yield {"params": decayed, "weight_decay": weight_decay}
    yield {"params": kept, "weight_decay": 0.0}


@torch.no_grad()
def accuracy(model: Classifier, photos: fmnist.Photos) -> float:
    """Share of the photos whose most likely class is their label."""
    model.eval()
    labels = torch.from_numpy(photos.labels)
    batches = torch.split(torch.from_numpy(photos.pixels), 500)
    guesses = torch.cat([model(fmnist.to_images(batch)).argmax(dim=1) for batch in batches])
    return (guesses == labels).double().mean().item()


def main(arguments: list[str] | None = None) -> None:
    """Command line; see --help."""
    options = _parser().parse_args(arguments)
    begin(options.out, options.threads)
    photos, tune = fmnist.load("train", options.data), fmnist.load("tune", options.data)
    settings = Settings(
        options.name,
        SEEDS[options.name] if options.seed is None else options.seed,
        epochs=options.epochs,
        bfloat16=options.bfloat16,
    )
    trainer = Trainer(settings, torch.from_numpy(photos.pixels), torch.from_numpy(photos.labels))

    def told(loss: float) -> str:
        return f"loss {loss:.3f} tune accuracy {accuracy(trainer.model, tune):.4f}"

    with reporting(trainer, told) as report:
        train(trainer, options.out, report)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=sorted(ARCHITECTURES))
    parser.add_argument("--out", type=Path, required=True, help="checkpoint and log go here")
    parser.add_argument("--data", help="folder of the idx files (default: the Debian package's)")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--seed", type=int, help="default: the one the shipped weights used")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--bfloat16", action="store_true", help="bfloat16 autocast")
    return parser


if __name__ == "__main__":
    main()
