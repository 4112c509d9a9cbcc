"""Train the embedded BigGAN: `python -m p2lbench.zoo.train_gan --out DIR`.

Run it again with the same DIR to go on where it stopped; the result is the same, bit for bit,
as that of an uninterrupted run on the same machine.
"""

from __future__ import annotations

import argparse
import copy
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor, nn

from p2lbench.zoo import biggan, checkpoints, fmnist
from p2lbench.zoo.discriminator import (
    ProjectionDiscriminator,
    discriminator_loss,
    generator_loss,
)
from p2lbench.zoo.training import begin, descend, resumed

log = logging.getLogger("p2lbench.zoo.train_gan")


@dataclass(frozen=True)
class Settings:
    """All that decides the outcome of a training run, but for its length."""

    seed: int = 0
    batch: int = 32
    discriminator_steps: int = 2
    lr_generator: float = 2e-4
    lr_discriminator: float = 4e-4
    betas: tuple[float, float] = (0.0, 0.99)
    width: int = 32
    ema: float = 0.999
    bfloat16: bool = False
    config: dict[str, Any] = field(default_factory=lambda: dict(biggan.CONFIG))


class Trainer:
    """One training run: both networks, their optimizers, the averaged generator, the stream.

    `pixels` (n, 32, 32) uint8 and `labels` (n,) int64 are the photos to learn from.
    """

    def __init__(self, settings: Settings, pixels: Tensor, labels: Tensor) -> None:
        self.settings, self.pixels, self.labels = settings, pixels, labels
        self.rng = torch.Generator().manual_seed(settings.seed)
        classes = settings.config["num_classes"]
        self.generator = biggan.new_generator(settings.config, self.rng)
        with torch.random.fork_rng(devices=[]):
            self.discriminator = ProjectionDiscriminator(settings.width, classes)
        biggan.initialise(self.discriminator, self.rng)
        self.average = copy.deepcopy(self.generator).requires_grad_(False)
        for network in (self.generator, self.discriminator):
            network.to(memory_format=torch.channels_last)
        self.generator_adam = self._adam(self.generator, settings.lr_generator)
        self.discriminator_adam = self._adam(self.discriminator, settings.lr_discriminator)
        self.iteration, self.seconds = 0, 0.0

    def step(self) -> dict[str, float]:
        """One iteration: the discriminator's steps, one generator step, the average."""
        started = time.monotonic()
        self.discriminator.requires_grad_(True)
        for fake, labels in self._fakes():
            loss_d = self._learn_discriminator(fake, labels)
        # No gradient is wanted for the discriminator's weights while the generator learns.
        self.discriminator.requires_grad_(False)
        loss_g = self._learn_generator()
        self._follow()
        self.iteration += 1
        self.seconds += time.monotonic() - started
        return {"loss_d": loss_d, "loss_g": loss_g}

    def state(self) -> dict[str, Any]:
        """All that `resume` needs, as plain containers and tensors."""
        parts = self._parts()
        return {
            "settings": asdict(self.settings),
            "iteration": self.iteration,
            "seconds": self.seconds,
            "rng": self.rng.get_state(),
            **{name: part.state_dict() for name, part in parts.items()},
        }

    def resume(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` returned."""
        for name, part in self._parts().items():
            part.load_state_dict(state[name])
        self.rng.set_state(state["rng"])
        self.iteration, self.seconds = state["iteration"], state["seconds"]

    def _adam(self, network: nn.Module, rate: float) -> torch.optim.Adam:
        return torch.optim.Adam(network.parameters(), rate, self.settings.betas, fused=True)

    def _parts(self) -> dict[str, Any]:
        return {
            "generator": self.generator,
            "discriminator": self.discriminator,
            "average": self.average,
            "generator_adam": self.generator_adam,
            "discriminator_adam": self.discriminator_adam,
        }

    def _fakes(self) -> Iterable[tuple[Tensor, Tensor]]:
        """Generated images and their labels for each of the discriminator's steps."""
        batch = self.settings.batch
        # One forward for all steps; the power iterations belong to the generator's own.
        self.generator.eval()
        with torch.no_grad(), self._precision():
            images, labels = self._generate(batch * self.settings.discriminator_steps)
        self.generator.train()
        return zip(torch.split(images, batch), torch.split(labels, batch), strict=True)

    def _learn_discriminator(self, fake: Tensor, fake_labels: Tensor) -> float:
        picks = torch.randint(len(self.labels), (self.settings.batch,), generator=self.rng)
        real_labels = self.labels[picks]
        real = fmnist.to_images(self.pixels[picks])
        with self._precision():
            images = torch.cat([real, fake]).contiguous(memory_format=torch.channels_last)
            scores = self.discriminator(images, torch.cat([real_labels, fake_labels]))
        loss = discriminator_loss(*scores.split(self.settings.batch))
        return descend(self.discriminator_adam, loss)

    def _learn_generator(self) -> float:
        with self._precision():
            fake, labels = self._generate(self.settings.batch)
            scores = self.discriminator(fake, labels)
        return descend(self.generator_adam, generator_loss(scores))

    def _generate(self, n: int) -> tuple[Tensor, Tensor]:
        config = self.settings.config
        z = torch.randn(n, config["z_dim"], generator=self.rng)
        labels = torch.randint(config["num_classes"], (n,), generator=self.rng)
        with biggan.batch_statistics(self.generator):
            images = self.generator(z, biggan.one_hot(labels, config["num_classes"]), 1.0)
        return images, labels

    def _precision(self) -> torch.autocast:
        return torch.autocast("cpu", torch.bfloat16, enabled=self.settings.bfloat16)

    @torch.no_grad()
    def _follow(self) -> None:
        # Early on, a shorter memory: the first weights should not linger in the average.
        decay = min(self.settings.ema, (1 + self.iteration) / (10 + self.iteration))
        averaged = list(self.average.parameters())
        torch._foreach_lerp_(averaged, list(self.generator.parameters()), 1 - decay)
        for mine, theirs in zip(self.average.buffers(), self.generator.buffers(), strict=True):
            mine.copy_(theirs)


def train(
    trainer: Trainer,
    out: Path,
    iterations: int,
    save_every: int,
    keep: frozenset[int] = frozenset(),
    progress: Callable[[Trainer, dict[str, float]], None] = lambda trainer, losses: None,
) -> None:
    """Train up to `iterations`, resuming from and saving to out/checkpoint.pt.

    The averaged generators of the iterations in `keep` stay as out/average-<iteration>.pt.
    Raises ValueError if out holds a run with other settings.
    """
    path = out / "checkpoint.pt"
    if resumed(trainer, path):
        log.info("resumed at iteration %d", trainer.iteration)
    while trainer.iteration < iterations:
        progress(trainer, trainer.step())
        if trainer.iteration % save_every == 0 or trainer.iteration == iterations:
            checkpoints.save(path, trainer.state())
        if trainer.iteration in keep:
            checkpoints.save(out / f"average-{trainer.iteration:06d}.pt", averaged(trainer))


def averaged(trainer: Trainer) -> dict[str, Any]:
    """What export and the card need of a run: the averaged generator and its circumstances."""
    state = trainer.state()
    return {key: state[key] for key in ("settings", "iteration", "seconds", "average")}


def main(arguments: list[str] | None = None) -> None:
    """Command line; see --help."""
    options = _parser().parse_args(arguments)
    begin(options.out, options.threads)
    photos = fmnist.load("train", options.data)
    settings = Settings(seed=options.seed, bfloat16=options.bfloat16)
    trainer = Trainer(settings, torch.from_numpy(photos.pixels), torch.from_numpy(photos.labels))
    keep = frozenset(range(options.keep_every, options.iterations + 1, options.keep_every))
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeRemainingColumn()) as bar:
        task = bar.add_task("train", total=options.iterations)

        def show(trainer: Trainer, losses: dict[str, float]) -> None:
            text = " ".join(f"{name} {value:+.3f}" for name, value in losses.items())
            bar.update(task, completed=trainer.iteration, description=text)
            if trainer.iteration % 50 == 0:
                log.info("iteration %d seconds %.0f %s", trainer.iteration, trainer.seconds, text)

        train(trainer, options.out, options.iterations, options.save_every, keep, show)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="checkpoints and log go here")
    parser.add_argument("--data", help="folder of the idx files (default: the Debian package's)")
    parser.add_argument("--iterations", type=int, default=30_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--save-every", type=int, default=250)
    parser.add_argument("--keep-every", type=int, default=2_500)
    parser.add_argument("--bfloat16", action="store_true", help="bfloat16 autocast")
    return parser


if __name__ == "__main__":
    main()
