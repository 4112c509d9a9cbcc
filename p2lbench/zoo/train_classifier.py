"""Train a classifier: `python -m p2lbench.zoo.train_classifier NAME --out DIR`.

NAME is percep-fmnist or percep-fmnist-heldout. Run it again with the same DIR to go on after the
last finished epoch.
"""

from __future__ import annotations

import argparse
import logging
import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from rich.progress import Progress
from torch import Tensor

from p2lbench.zoo import checkpoints, fmnist
from p2lbench.zoo.classifiers import ARCHITECTURES, Classifier

log = logging.getLogger("p2lbench.zoo.train_classifier")


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


class Trainer:
    """One training run. `pixels` (n, 32, 32) uint8 and `labels` (n,) int64."""

    def __init__(self, settings: Settings, pixels: Tensor, labels: Tensor) -> None:
        self.settings, self.pixels, self.labels = settings, pixels, labels
        self.rng = torch.Generator().manual_seed(settings.seed)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(settings.seed)
            self.model: Classifier = ARCHITECTURES[settings.name]()
        self.adam = torch.optim.AdamW(_groups(self.model, settings.weight_decay), settings.lr)
        self.epoch, self.seconds = 0, 0.0

    def run_epoch(self) -> float:
        """One pass over the photos in a fresh order; returns the mean loss."""
        started = time.monotonic()
        self.model.train()
        losses = []
        order = torch.randperm(len(self.labels), generator=self.rng)
        batches = torch.split(order, self.settings.batch)
        for k, picks in enumerate(batches):
            self._set_rate((self.epoch + k / len(batches)) / self.settings.epochs)
            losses.append(self._learn(picks))
        self.epoch += 1
        self.seconds += time.monotonic() - started
        return math.fsum(losses) / len(losses)

    def state(self) -> dict[str, Any]:
        """All that `resume` needs, as plain containers and tensors."""
        return {
            "settings": asdict(self.settings),
            "epoch": self.epoch,
            "seconds": self.seconds,
            "rng": self.rng.get_state(),
            "model": self.model.state_dict(),
            "adam": self.adam.state_dict(),
        }

    def resume(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` returned."""
        self.model.load_state_dict(state["model"])
        self.adam.load_state_dict(state["adam"])
        self.rng.set_state(state["rng"])
        self.epoch, self.seconds = state["epoch"], state["seconds"]

    def _learn(self, picks: Tensor) -> float:
        images = fmnist.to_images(self._augment(self.pixels[picks]))
        with torch.autocast("cpu", torch.bfloat16, enabled=self.settings.bfloat16):
            logits = self.model(images)
        loss = F.cross_entropy(logits.float(), self.labels[picks])
        self.adam.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self.adam.step()
        return loss.item()

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

    def _set_rate(self, progress: float) -> None:
        warm_up = min(1.0, progress * self.settings.epochs)
        rate = self.settings.lr * warm_up * (1 + math.cos(math.pi * progress)) / 2
        for group in self.adam.param_groups:
            group["lr"] = rate


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


def train(
    trainer: Trainer, out: Path, report: Callable[[Trainer, float], None] = lambda t, loss: None
) -> None:
    """Train to the end, resuming from and saving to out/checkpoint.pt after every epoch.

    Raises ValueError if out holds a run with other settings.
    """
    path = out / "checkpoint.pt"
    if saved := checkpoints.load(path):
        checkpoints.check_settings(path, saved["settings"], asdict(trainer.settings))
        trainer.resume(saved)
        log.info("resumed after epoch %d", trainer.epoch)
    while trainer.epoch < trainer.settings.epochs:
        report(trainer, trainer.run_epoch())
        checkpoints.save(path, trainer.state())


def main(arguments: list[str] | None = None) -> None:
    """Command line; see --help."""
    options = _parser().parse_args(arguments)
    torch.set_num_threads(options.threads)
    options.out.mkdir(parents=True, exist_ok=True)
    logging.basicConfig(
        filename=options.out / "train.log", level=logging.INFO, format="%(asctime)s %(message)s"
    )
    photos, tune = fmnist.load("train", options.data), fmnist.load("tune", options.data)
    settings = Settings(
        options.name,
        SEEDS[options.name] if options.seed is None else options.seed,
        epochs=options.epochs,
        bfloat16=options.bfloat16,
    )
    trainer = Trainer(settings, torch.from_numpy(photos.pixels), torch.from_numpy(photos.labels))
    with Progress() as bar:
        task = bar.add_task("train", total=settings.epochs)

        def report(trainer: Trainer, loss: float) -> None:
            share = accuracy(trainer.model, tune)
            text = f"epoch {trainer.epoch} loss {loss:.3f} tune accuracy {share:.4f}"
            bar.update(task, completed=trainer.epoch, description=text)
            log.info("%s seconds %.0f", text, trainer.seconds)

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
