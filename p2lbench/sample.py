"""An image that is a generator's own sample: the point that it was made of, as a suite names it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from p2lbench import weights
from p2lbench.errors import Place, UserError
from p2lbench.registry import Registry
from p2lbench.spec import Spec, digest
from p2lbench.stated import hashes_of_files, weights_named
from p2lbench.yamlfile import display

MADE_BY = "generator"  # key of the file's metadata
MAX_BYTES = 20_000_000


@dataclass(frozen=True)
class Sample:
    """`generator`: what made it, see `made_by`; `point`: variable → its values, flat."""

    generator: str
    point: tuple[tuple[str, tuple[float, ...]], ...]

    def plain(self) -> dict[str, Any]:
        """JSON-ready."""
        return {"generator": self.generator, "point": dict(self.point)}

    @classmethod
    def read(cls, plain: Mapping[str, Any]) -> Sample:
        """The inverse of `plain`. Raises: KeyError, TypeError, ValueError if it is not one."""
        point = {str(k): tuple(map(float, values)) for k, values in plain["point"].items()}
        return cls(str(plain["generator"]), tuple(point.items()))


def made_by(generator: Spec, registry: Registry) -> str:
    """The hash of a generator's resolved options, weights and files: of another, the point means
    nothing."""
    names = dict.fromkeys(weights_named(generator, registry))
    hashes = {name: weights.locate(name).sha256 for name in names}
    files = hashes_of_files(generator, registry)
    return digest({"generator": generator.plain(), "weights": hashes, **files})


def read_sample(path: Path, place: Place | None) -> Sample:
    """A point that `p2lbench samples` wrote: safetensors with a tensor per variable.

    Raises:
        UserError: the file is missing or none of those; at `place`.
    """
    from safetensors import SafetensorError, safe_open

    name = display(path)
    try:
        if path.stat().st_size > MAX_BYTES:
            raise UserError(f"{name}: more than {MAX_BYTES // 10**6} MB: no sample's point", place)
        with safe_open(path, framework="np") as file:
            generator = (file.metadata() or {}).get(MADE_BY)
            point = {key: file.get_tensor(key).ravel().tolist() for key in sorted(file.keys())}
    except OSError as error:
        raise UserError(f"{name} cannot be read: {error.strerror or error}", place) from error
    except (SafetensorError, ValueError, TypeError) as error:
        raise UserError(f"{name}: not a sample's point ({error})", place) from error
    if generator is None or not point:
        message = f"{name}: not a sample's point: expected a file that p2lbench samples wrote"
        raise UserError(message, place)
    return Sample(generator, tuple((key, tuple(values)) for key, values in point.items()))
