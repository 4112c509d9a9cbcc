"""One candidate of one cell of a results folder, with all that made it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from p2lbench import weights
from p2lbench.audit.code import lacking
from p2lbench.choosing import candidate_of, chosen
from p2lbench.errors import StoreError, UserError
from p2lbench.finetuning.stored import applied, find
from p2lbench.identity import decided_by
from p2lbench.models import Models
from p2lbench.objective import HELD, PHI, inverted
from p2lbench.plan import PlanRow, Task
from p2lbench.project import Setting, prepare
from p2lbench.reference.beside import is_near
from p2lbench.registry import Registry
from p2lbench.rescoring import task
from p2lbench.spec import Method
from p2lbench.stated import hashes_of_files, used, weights_named
from p2lbench.store import Store
from p2lbench.storedimage import StoredImage, mask_file, pixel_file
from p2lbench.storedpoints import check_sizes, points_of, refuse_large, tensors_of

if TYPE_CHECKING:
    from torch import Tensor

    from p2lbench.transforms.base import Transform


@dataclass(frozen=True)
class Projection:
    """A point that a method found for an image.

    `setting` is the cell's generator, objective and space, as the run had them; the generator is
    this projection's own, so that it may be changed. `point (1, d)`: all of the candidate,
    the transform included. `models` loads further plugins beside it. `task.pixels` is the photo
    itself, (H, W, 3) of 8 bits.
    """

    folder: Path
    row: PlanRow
    candidate: int
    task: Task
    setting: Setting
    point: Tensor
    models: Models

    @property
    def latents(self) -> dict[str, Tensor]:
        """name → (1, *shape): what the generator takes."""
        parts = self.setting.space.split(self.point)
        return {name: value for name, value in parts.items() if name not in (PHI, HELD)}

    @property
    def transform(self) -> Transform | None:
        """T; None without one."""
        return self.setting.objective.transform

    @property
    def phi(self) -> Tensor | None:
        """(1, dim), the parameters of T; None without one."""
        return None if self.transform is None else self.setting.objective.phi(self.point)

    @property
    def target(self) -> Tensor:
        """(1, 3, H, W) in [-1, 1]: the photo as the cell saw it."""
        return self.setting.objective.target

    @property
    def mask(self) -> Tensor:
        """(1, 1, H, W) in [0, 1]: the foreground's share; ones without a mask."""
        return self.setting.objective.foreground

    def image(self) -> Tensor:
        """(1, 3, H, W): G's image, in the generator's frame."""
        import torch

        with torch.no_grad():
            return self.setting.objective.images(self.point)

    def original(self) -> Tensor:
        """(1, 3, H, W): G's image brought back by T⁻¹ into the photo's frame."""
        import torch

        image = self.image()
        if self.transform is None or self.phi is None:
            return image
        with torch.no_grad():
            return inverted(self.transform, image, self.phi)

    def loss(self) -> float:
        """The original-frame objective."""
        import torch

        with torch.no_grad():
            return float(self.setting.objective.original(self.point))

    def moved(self, latents: Mapping[str, Tensor]) -> Projection:
        """The same with other values, (1, *shape), of some variables, kept in their bounds.

        Raises:
            KeyError: there is no such variable.
        """
        space, point = self.setting.space, self.point.clone()
        for name, value in latents.items():
            point[:, space.slices[name]] = value.reshape(1, -1).to(point)
        return replace(self, point=point.clamp(min=space.low, max=space.high))


def load(
    folder: Path,
    registry: Registry,
    *,
    row: str | None = None,
    image: str | None = None,
    repeat: int | None = None,
    candidate: int | None = None,
    finetuned: str | None = None,
    device: str = "cpu",
) -> Projection:
    """Read a projection from its results folder, and build what made it.

    Args:
        row, image, repeat: which cell (`choosing.chosen`); needless where there is but one.
        candidate: its number; the selected one, of the lowest objective, if None.
        finetuned: the name of a fine-tuned generator of this folder (`finetuning.stored.find`),
            whose cell and candidate it then is; with its weights and its point.
        device: as torch names it.

    Raises:
        UserError: no such cell, candidate or fine-tuned generator; a plugin or weights are not
            here.
        StoreError: the folder cannot be read, or its files are not what the run stored; the
            weights or files here are not those of the run, or make another image of the point.
    """
    with Store.open_read(folder) as store:
        if finetuned is None:
            cell = chosen(store, row, image, repeat)
            return of_cell(store, registry, cell, candidate, device)
        told = find(store.folder, finetuned)
        for cell in store.plan():
            if cell.cell == told.cell:
                found = of_cell(store, registry, cell, told.candidate, device)
                return replace(found, point=applied(told, found.setting))
        raise not_planned(told.folder)


def not_planned(folder: Path) -> StoreError:
    """What was made of a projection that is no part of the results now."""
    return StoreError(
        f"{folder}: its cell is not planned in this folder any more. The run or project command "
        "that it came from plans it again; what that found is still stored"
    )


def of_cell(
    store: Store,
    registry: Registry,
    row: PlanRow,
    candidate: int | None = None,
    device: str = "cpu",
    models: Models | None = None,
) -> Projection:
    """The projection of a planned cell. Args and errors as for `load`.

    Args:
        models: use these, whose generator the projection then shares with others.
    """
    import torch

    record = store.get(row.cell, files=False)
    if record is None:
        raise UserError(
            f"{store.folder}: the cell of '{row.image}' has not been run yet: run it first"
        )
    candidate = candidate_of(record, candidate)
    try:
        given = _task(store, registry, row, device)
        torch.set_num_threads(given.cell.threads)
        models = Models(registry, device) if models is None else models
        setting = prepare(given, models)
        points = points_of(tensors_of(given.latents), setting.space, given.cell.candidates)
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError(f"{store.folder}: cell {row.cell} is not readable ({error})") from error
    point = points[candidate, None]
    found = Projection(store.folder, row, candidate, given, setting, point, models)
    _check_objective(found, record.objective[candidate])
    return found


def _check_objective(found: Projection, stored: float | None) -> None:
    """Whether the point is here what it was: plugins' code has no hash that says so.

    Raises: StoreError.
    """
    here = found.loss()
    if not is_near(stored, here):
        message = f"its objective was {stored} in the run, and is {here:g} with the code of here"
        raise StoreError(f"{found.folder}: cell {found.row.cell}: {message}; run the suite again")


def _task(store: Store, registry: Registry, row: PlanRow, device: str) -> Task:
    """All that the folder has of a cell, checked against what is here."""
    images = store.images()
    if row.image not in images:
        raise StoreError(f"{store.folder}: nothing is said of the image '{row.image}'")
    refuse_large(store.path("latents", row.cell))
    _refuse_large_target(store, images[row.image])
    _check_code(store, registry, row)
    given = task(store, row, images[row.image], (), device)
    check_sizes(given)
    return given


def _refuse_large_target(store: Store, image: StoredImage) -> None:
    refuse_large(pixel_file(store.folder, image.digest))
    if image.mask_digest is not None:
        refuse_large(mask_file(store.folder, image.mask_digest))


def _check_code(store: Store, registry: Registry, row: PlanRow) -> None:
    """Raises: UserError; StoreError where the images of the point would be others here."""
    content = decided_by(store, row.cell)[1]
    parts = used(Method.read(content["method"], row.row))
    if (reason := lacking(parts, registry)) is not None:
        raise UserError(f"{store.folder}: what made '{row.row[4]}' is not all here: {reason}")
    before = content.get("weights") or {}
    for name in dict.fromkeys(weights_named(parts, registry)):
        if before.get(name) != weights.locate(name).sha256:
            raise StoreError(f"{store.folder}: the weights '{name}' here are not those of the run")
    files = {*hashes_of_files(parts, registry).get("files", ())}
    if files - {*(content.get("files") or ())}:
        raise StoreError(f"{store.folder}: a file that a plugin reads is not the one of the run")
