"""Train the encoder: `python -m p2lbench.zoo.train_encoder --out DIR`.

First the generator's samples are drawn, in shards with a seed each, then the encoder learns their z
from them. Run it again with the same DIR to go on after the last finished shard or epoch.
"""

from __future__ import annotations

import argparse
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from rich.progress import track
from torch import Tensor

from p2lbench import zoo
from p2lbench.zoo import checkpoints, encoder, fmnist
from p2lbench.zoo.samples import Samples, Source
from p2lbench.zoo.training import EpochTrainer, begin, descend, reporting, seeded, train

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


class Trainer(EpochTrainer[Settings, encoder.Encoder]):
    """One training run on these samples; `vectors` (classes, 64) are the class vectors."""

    def __init__(self, settings: Settings, samples: Samples, vectors: Tensor) -> None:
        model, decay = seeded(settings.seed, encoder.Encoder), settings.weight_decay
        adam = torch.optim.AdamW(model.parameters(), settings.lr, weight_decay=decay)
        super().__init__(settings, model, adam, len(samples), rise=20)
        self.samples, self.vectors = samples, vectors

    def state(self) -> dict[str, Any]:
        """All that `resume` needs, and how many samples there were."""
        return {**super().state(), "samples": self.size}

    def _learn(self, picks: Tensor) -> float:
        images = fmnist.to_images(self.samples.pixels[picks])
        vectors = self.vectors[self.samples.labels[picks]]
        with torch.autocast("cpu", torch.bfloat16, enabled=self.settings.bfloat16):
            z = self.model(images, vectors)
        return descend(self.adam, F.mse_loss(z.float(), self.samples.z[picks]))


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


def main(arguments: list[str] | None = None) -> None:
    """Command line; see --help."""
    options = _parser().parse_args(arguments)
    begin(options.out, options.threads)
    chosen = {key: getattr(options, key) for key in ("shards", "epochs", "bfloat16")}
    settings, source = Settings(zoo.sha256("biggan-fmnist"), **chosen), Source()
    held_out = source.draw(HELD_OUT, HELD_OUT_SEED)
    trainer = Trainer(settings, draw(source, settings, options.out), source.vectors)

    def told(loss: float) -> str:
        return f"loss {loss:.4f} held out {error(trainer.model, held_out, source.vectors):.4f}"

    with reporting(trainer, told) as report:
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
