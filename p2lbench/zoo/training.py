"""What the training scripts share: how a run begins, goes on and descends, and runs by epochs."""

from __future__ import annotations

import logging
import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, TypeVar

import torch
from rich.progress import Progress
from torch import Tensor, nn

from p2lbench.zoo import checkpoints

log = logging.getLogger("p2lbench.zoo.training")


class EpochSettings(Protocol):
    """What a run by epochs reads of its settings, which are a frozen dataclass."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def seed(self) -> int: ...
    @property
    def epochs(self) -> int: ...
    @property
    def batch(self) -> int: ...
    @property
    def lr(self) -> float: ...


class Run(Protocol):
    """What `resume` needs of a trainer."""

    @property
    def settings(self) -> Any: ...
    def resume(self, state: Mapping[str, Any]) -> None: ...


Settings = TypeVar("Settings", bound=EpochSettings)
Model = TypeVar("Model", bound=nn.Module)
Made = TypeVar("Made")


class EpochTrainer(ABC, Generic[Settings, Model]):
    """A training run of `settings.epochs` passes over `size` samples.

    The learning rate rises linearly over the first 1/`rise` of the run and falls along a cosine
    to 0 at its end.
    """

    def __init__(
        self, settings: Settings, model: Model, adam: torch.optim.Adam, size: int, rise: float
    ) -> None:
        self.settings, self.model, self.adam = settings, model, adam
        self.size, self.rise = size, rise
        self.rng = torch.Generator().manual_seed(settings.seed)
        self.epoch, self.seconds = 0, 0.0

    @abstractmethod
    def _learn(self, picks: Tensor) -> float:
        """One step on the samples of these indices; returns the loss."""

    def run_epoch(self) -> float:
        """One pass over the samples in a fresh order; returns the mean loss."""
        started = time.monotonic()
        self.model.train()
        losses = []
        order = torch.randperm(self.size, generator=self.rng)
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

    def _set_rate(self, progress: float) -> None:
        warm_up = min(1.0, self.rise * progress)
        rate = self.settings.lr * warm_up * (1 + math.cos(math.pi * progress)) / 2
        for group in self.adam.param_groups:
            group["lr"] = rate


Epochs = TypeVar("Epochs", bound=EpochTrainer[Any, Any])


def train(
    trainer: Epochs, out: Path, report: Callable[[Epochs, float], None] = lambda t, loss: None
) -> None:
    """Train to the end, resuming from and saving to out/checkpoint.pt after every epoch.

    Raises ValueError if out holds a run with other settings.
    """
    path = out / "checkpoint.pt"
    if resumed(trainer, path):
        log.info("resumed after epoch %d", trainer.epoch)
    while trainer.epoch < trainer.settings.epochs:
        report(trainer, trainer.run_epoch())
        checkpoints.save(path, trainer.state())


@contextmanager
def reporting(
    trainer: EpochTrainer[Any, Any], told: Callable[[float], str]
) -> Iterator[Callable[[EpochTrainer[Any, Any], float], None]]:
    """A `report` for `train`: a progress bar, and a line of the log for every epoch.

    `told`: what is said of an epoch, given its mean loss.
    """
    with Progress() as bar:
        task = bar.add_task("train", total=trainer.settings.epochs)

        def report(trainer: EpochTrainer[Any, Any], loss: float) -> None:
            text = f"epoch {trainer.epoch} {told(loss)}"
            bar.update(task, completed=trainer.epoch, description=text)
            log.info("%s seconds %.0f", text, trainer.seconds)

        yield report


def resumed(trainer: Run, path: Path) -> bool:
    """Whether there is a checkpoint at `path`, from which the trainer then goes on.

    Raises ValueError if it is of a run with other settings.
    """
    if (saved := checkpoints.load(path)) is None:
        return False
    checkpoints.check_settings(path, saved["settings"], asdict(trainer.settings))
    trainer.resume(saved)
    return True


def begin(out: Path, threads: int) -> None:
    """Make the folder of a run and its log, and let torch use that many threads."""
    torch.set_num_threads(threads)
    out.mkdir(parents=True, exist_ok=True)
    logging.basicConfig(
        filename=out / "train.log", level=logging.INFO, format="%(asctime)s %(message)s"
    )


def seeded(seed: int, make: Callable[[], Made]) -> Made:
    """What `make` makes from torch's global stream at this seed; the stream is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return make()


def descend(optimizer: torch.optim.Optimizer, loss: Tensor) -> float:
    """One step of the optimizer down this loss, whose value is returned."""
    optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    return loss.item()
