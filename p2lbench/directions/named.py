"""A direction by what a command calls it: `pca:0`, `shift-x`, `FILE:name`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from p2lbench.directions import files, pca, steer
from p2lbench.directions.direction import Direction
from p2lbench.directions.warps import WARPS
from p2lbench.errors import UserError, did_you_mean
from p2lbench.sample import made_by
from p2lbench.spec import Spec, digest

if TYPE_CHECKING:
    from torch import Tensor

    from p2lbench.generators.base import Generator
    from p2lbench.registry import Registry

PCA = "pca:"
Say = Callable[[str, int, int], None]  # name, steps done, steps in all


@dataclass
class Directions:
    """Of one loaded generator; what is found once is kept.

    `spec`: what it is; `cache`: a folder for learnt ones, which is made; `say`: told of learning.
    """

    generator: Generator
    spec: Spec
    registry: Registry
    device: str
    cache: Path | None = None
    how: steer.Learning = field(default_factory=steer.Learning)
    say: Say = lambda name, done, total: None
    _components: pca.Components | None = None

    def named(self, asked: str, held: Mapping[str, Tensor]) -> Direction:
        """The direction of that name; `held`: the latents (1, *shape) that it starts from.

        Raises:
            UserError: there is none.
        """
        if asked.startswith(PCA):
            return self._component(asked, held)
        if asked in WARPS:
            return self.learnt(asked)
        path, colon, name = asked.rpartition(":")
        if colon and path:
            return files.read(Path(path), name, self.generator, self.made_by)
        known = [f"{PCA}0", *WARPS]
        message = f"--direction: no direction '{asked}'.{did_you_mean(asked, known)}"
        raise UserError(f"{message} Expected pca:N, {', '.join(WARPS)}, or FILE:NAME")

    def learnt(self, name: str) -> Direction:
        """One of WARPS: from the cache if it is there, else learnt, and kept there."""
        path = None if self.cache is None else self.cache / f"{self._key(name)}.safetensors"
        if path is not None and path.exists():
            return files.read(path, name, self.generator, self.made_by)
        steps = self.how.steps
        found = steer.learn(
            self.generator, name, self.how, self.device, lambda done: self.say(name, done, steps)
        )
        if path is not None:
            write(path, files.content([found], self.made))
        return found

    @property
    def made_by(self) -> str:
        """The hash of the generator's options, weights and files."""
        return made_by(self.spec, self.registry)

    @property
    def made(self) -> files.Made:
        """What a file says of its directions."""
        return files.Made(self.made_by, self.spec.plain(), asdict(self.how))

    def _key(self, name: str) -> str:
        """Of the generator's code, too, which may change where its name and options do not."""
        origin = self.registry.find(self.spec.kind, self.spec.name)[0].origin
        return digest([name, self.made_by, origin.plain(), asdict(self.how)])[:24]

    def _component(self, asked: str, held: Mapping[str, Tensor]) -> Direction:
        number = asked.removeprefix(PCA)
        if not number.isdecimal() or len(number) > 6:
            raise UserError(f"--direction: expected pca:0, pca:1, …, got '{asked}'")
        # Directions of one projection: what they hold is the same for all of them.
        if self._components is None:
            self._components = pca.components(self.generator, held, self.device)
        found = self._components
        if int(number) >= len(found.share):
            last = len(found.share) - 1
            raise UserError(f"--direction: expected pca:0 to pca:{last}, got '{asked}'")
        return pca.direction(self.generator, found, int(number))


def write(path: Path, data: bytes) -> None:
    """A file that appears whole. Raises: UserError."""
    beside = path.with_name(f"{path.name}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.write_bytes(data)
        beside.replace(path)
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror}") from error
