"""Train the encoder: `python -m p2lbench.zoo.train_encoder --out DIR`.

First the generator's samples are drawn, in shards with a seed each, then the encoder learns their z
from them. Run it again with the same DIR to go on after the last finished shard or epoch.
"""

from __future__ import annotations

import argparse
import logging
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from rich.progress import Progress, track
from torch import Tensor

from p2lbench import zoo
from p2lbench.zoo import checkpoints, encoder, fmnist
from p2lbench.zoo.samples import Samples, Source

log = logging.getLogger("p2lbench.zoo.train_encoder")
SHARD = 4_000
HELD_OUT, HELD_OUT_SEED = 2_000, 999_999


@dataclass(frozen=True)
class Settings:
    """All that decides the outcome of a training run. Shard k is drawn with seed `seed` + k."""

    generator: str
    seed: int = 100_000
    shards: int = 50
    epochs: int = 5
    batch: int = 128
    lr: float = 2e-3
    weight_decay: float = 0.01
    bfloat16: bool = False


class Trainer:
    """One training run on these samples; `vectors` (classes, 64) are the class vectors."""

    def __init__(self, settings: Settings, samples: Samples, vectors: Tensor) -> None:
        self.settings, self.samples, self.vectors = settings, samples, vectors
        self.rng = torch.Generator().manual_seed(settings.seed)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(settings.seed)
            self.model = encoder.Encoder()
        decay = settings.weight_decay
        self.adam = torch.optim.AdamW(self.model.parameters(), settings.lr, weight_decay=decay)
        self.epoch, self.seconds = 0, 0.0

    def run_epoch(self) -> float:
        """One pass over the samples in a fresh order; returns the mean squared error of z."""
        started = time.monotonic()
        self.model.train()
        losses = []
        order = torch.randperm(len(self.samples), generator=self.rng)
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
            "samples": len(self.samples),
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
        images = fmnist.to_images(self.samples.pixels[picks])
        vectors = self.vectors[self.samples.labels[picks]]
        with torch.autocast("cpu", torch.bfloat16, enabled=self.settings.bfloat16):
            z = self.model(images, vectors)
        loss = F.mse_loss(z.float(), self.samples.z[picks])
        self.adam.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self.adam.step()
        return loss.item()

    def _set_rate(self, progress: float) -> None:
        warm_up = min(1.0, 20 * progress)
        for group in self.adam.param_groups:
            group["lr"] = self.settings.lr * warm_up * (1 + math.cos(math.pi * progress)) / 2


@torch.no_grad()
def error(model: encoder.Encoder, samples: Samples, vectors: Tensor) -> float:
    """Mean squared error of z; guessing 0 makes 0.77, the variance of N(0, 1) cut to [-2, 2]."""
    z = model.eval()(fmnist.to_images(samples.pixels), vectors[samples.labels])
    return F.mse_loss(z, samples.z).item()


def draw(source: Source, settings: Settings, out: Path) -> Samples:
    """All shards; those that are not yet in `out` are drawn and written there."""
    shards = []
    for k in track(range(settings.shards), "samples"):
        path = out / f"shard-{k:03}.pt"
        if (saved := checkpoints.load(path)) is None:
            saved = vars(source.draw(SHARD, settings.seed + k))
            checkpoints.save(path, saved)
            log.info("shard %d of %d", k + 1, settings.shards)
        shards.append(saved)
    return Samples(*(torch.cat([s[key] for s in shards]) for key in ("pixels", "z", "labels")))


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
    chosen = {key: getattr(options, key) for key in ("shards", "epochs", "bfloat16")}
    settings, source = Settings(zoo.sha256("biggan-fmnist"), **chosen), Source()
    held_out = source.draw(HELD_OUT, HELD_OUT_SEED)
    trainer = Trainer(settings, draw(source, settings, options.out), source.vectors)
    with Progress() as bar:
        task = bar.add_task("train", total=settings.epochs)

        def report(trainer: Trainer, loss: float) -> None:
            seen = error(trainer.model, held_out, trainer.vectors)
            text = f"epoch {trainer.epoch} loss {loss:.4f} held out {seen:.4f}"
            bar.update(task, completed=trainer.epoch, description=text)
            log.info("%s seconds %.0f", text, trainer.seconds)

        train(trainer, options.out, report)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="samples, checkpoint and log")
    parser.add_argument("--shards", type=int, default=50, help=f"of {SHARD} samples each")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--bfloat16", action="store_true", help="bfloat16 autocast")
    return parser


if __name__ == "__main__":
    main()
