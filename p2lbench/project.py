"""The paper's Algorithm 1 for one cell: init → transform search → latent search → metrics."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Any

from p2lbench.errors import Skip
from p2lbench.film import Film
from p2lbench.images import fit
from p2lbench.models import Models
from p2lbench.objective import HELD, PHI, CellObjective
from p2lbench.optimizers.base import Optimizer
from p2lbench.plan import Cell, Task, class_index
from p2lbench.problem import Problem
from p2lbench.record import Record
from p2lbench.recording import describe, environment, recorded, rescored
from p2lbench.root import Root, Timeout
from p2lbench.seeds import stream
from p2lbench.space import ROLES, Role, Space, Variable
from p2lbench.spec import Search, Spec, canonical
from p2lbench.start import Start, in_order
from p2lbench.steps import stepped
from p2lbench.transforms.compose import Composed

if TYPE_CHECKING:
    from torch import Tensor

    from p2lbench.diagnostics import Truth
    from p2lbench.generators.base import Generator
    from p2lbench.optimizers.basin import Basin
    from p2lbench.transforms.base import Transform

Progress = Callable[[int, float], None]


def run_cell(
    task: Task,
    models: Models,
    progress: Progress | None = None,
    started: Callable[[], None] | None = None,
) -> Record:
    """Run one cell; whatever happens, a record comes back.

    `started` is called when the models are loaded, which is when the timeout begins.
    """
    from threadpoolctl import threadpool_limits

    cell = task.cell
    try:
        # NumPy's linear algebra rounds by its number of threads, so that is fixed as well.
        with threadpool_limits(cell.threads), _settings():
            return _project(task, models, progress, started)
    except Skip as skip:
        return Record(cell.id, "skipped", str(skip))
    except Timeout as timeout:
        return Record(cell.id, "timeout", str(timeout))
    except KeyboardInterrupt:
        raise
    # The boundary: anything a plugin raises is a record of this cell, not the end of the run.
    except BaseException as error:
        return Record(cell.id, "failed", describe(error), environment=environment(cell))


@contextmanager
def _settings() -> Iterator[None]:
    """The same global settings for every cell: a plugin may have changed them for itself."""
    import numpy as np
    import torch

    dtype = torch.get_default_dtype()
    torch.set_default_dtype(torch.float32)
    try:
        with torch.enable_grad(), np.errstate(all="warn", under="ignore"):
            yield
    finally:
        torch.set_default_dtype(dtype)


def _project(
    task: Task,
    models: Models,
    progress: Progress | None,
    started: Callable[[], None] | None,
) -> Record:
    import torch

    torch.set_num_threads(task.cell.threads)
    _load_models(task.cell, models)
    # Points that are there are scored without whatever found them, which need not be installed.
    optimizer = None if task.latents else _optimizer(task.cell, models)
    if started is not None:
        started()
    setting, root = opened(task, models, progress)
    if optimizer is None:
        return rescored(task, setting, root, models)
    root.ledger.init_forwards = setting.init_forwards
    problem = whole(setting, root)
    root.begin()
    points = _search(problem, optimizer, task.cell, models)
    synchronise(models.device)
    root.ledger.seconds = root.elapsed
    # An optimizer may have swallowed what the problem raised.
    root.check_time()
    return recorded(task, setting, root, points, models)


def opened(task: Task, models: Models, progress: Progress | None = None) -> tuple[Setting, Root]:
    """All that a cell is searched with: its models are warm, and nothing is counted yet."""
    setting = prepare(task, models)
    _warm_up(setting, task.cell, models)
    root = Root(
        setting.objective,
        setting.space,
        setting.mean,
        setting.std,
        task.cell.candidates,
        task.cell.seed,
        task.cell.budget,
        task.timeout,
        progress,
    )
    root.film = Film() if task.film else None
    return setting, root


def whole(setting: Setting, root: Root) -> Problem:
    """The problem over all of a cell's variables."""
    return Problem(root, setting.space, range(setting.space.d), root.start)


def _load_models(cell: Cell, models: Models) -> None:
    """Read weights, which is what the timeout does not cover."""
    losses = [spec for spec, _ in cell.method.loss.terms]
    inits = [spec for _, spec in cell.method.init.parts]
    for spec in (cell.method.generator.spec, *losses, *inits):
        models.get(spec)


@dataclass(frozen=True)
class Setting:
    """A cell's problem before anything is counted; `truth`: the image's true transforms."""

    generator: Generator
    objective: CellObjective
    space: Space
    mean: Tensor
    std: Tensor
    init_forwards: int
    truth: Truth


def prepare(task: Task, models: Models) -> Setting:
    """Build the cell's objective and its init's distribution."""
    import numpy as np

    cell, method = task.cell, task.cell.method
    generator: Generator = models.get(method.generator.spec)
    target, mask = target_tensors(task, generator.shape, models.device)
    truth = [(models.fresh(spec), values) for spec, values in cell.image.truth]
    transform = _transform(cell, generator, truth, models)
    search = method.transform.search
    sigma = 1.0 if search is None else search.sigma
    phi = [] if transform is None else _phi_variables(transform, mask, generator, sigma)
    variables = stepped([*generator.variables, *phi], cell.steps)
    space = Space(variables, _roles(cell, variables), models.device)
    terms = [(models.get(spec), weight) for spec, weight in method.loss.terms]
    hard = cell.mask_scoring == "hard"
    objective = CellObjective(
        generator, space, terms, target, mask, transform, hard, cell.background
    )
    mean, std = space.mean, space.std
    std = space.fill(dict.fromkeys((variable.name for variable in phi), 0.0), std)
    rng = np.random.Generator(np.random.Philox(stream(cell.seed, "init")))
    class_id = _class_id(cell, generator)
    inits = [(variable, spec.name, models.get(spec)) for variable, spec in method.init.parts]
    start = Start(space, mean, std)
    for variable, name, init in in_order(inits):
        init.class_id, init.given = class_id, start.given
        start.take(init.distribution(target.clone(), mask.clone(), generator, rng), variable, name)
    forwards = sum(bool(init.weights) for _, _, init in inits)
    return Setting(generator, objective, space, start.mean, start.std, forwards, truth)


def _roles(cell: Cell, variables: Sequence[Variable]) -> dict[str, Role]:
    """The suite's roles, but for variables that this row does not have, such as phi."""
    names = [variable.name for variable in variables]
    given: dict[str, Role] = dict(cell.roles)  # type: ignore[arg-type]
    return {name: role for name, role in given.items() if name in names}


def _class_id(cell: Cell, generator: Generator) -> int | None:
    """The image's class by number; of no concern, and not in the id, where none is taken."""
    if not generator.conditional:
        return None
    return class_index(cell.image.class_name, tuple(generator.classes))


def target_tensors(task: Task, size: tuple[int, int], device: str) -> tuple[Tensor, Tensor]:
    """The target (1, 3, H, W) in [-1, 1] and its foreground's share of every pixel (1, 1, H, W),
    ones if there is no mask."""
    import numpy as np
    import torch

    pixels = np.asarray(fit(task.pixels, size), dtype=np.float32)
    target = torch.from_numpy(pixels).permute(2, 0, 1)[None].contiguous() / 127.5 - 1
    if task.mask is None:
        return target.to(device), torch.ones(1, 1, *size, device=device)
    mask = torch.from_numpy(np.array(fit(task.mask, size), dtype=np.float32))[None, None]
    return target.to(device), mask.to(device)


def _transform(cell: Cell, generator: Generator, truth: Truth, models: Models) -> Transform | None:
    parts: list[Transform] = [models.fresh(spec) for spec in cell.method.transform.parts]
    for part in (*parts, *(true for true, _ in truth)):
        part.fill = generator.fill
    for part in parts:
        part.truth = truth
    parts = [part for part in parts if part.dim]
    return None if not parts else parts[0] if len(parts) == 1 else Composed(parts)


def _phi_variables(
    transform: Transform, mask: Tensor, generator: Generator, sigma: float
) -> list[Variable]:
    """phi around phi0; a search spreads it by `sigma` in units of the transform's scale.

    Parameters that are held beside searched ones are a variable of their own: no search sees it.
    """
    import torch

    start = transform.initial(mask, generator).to(mask.device)
    scale = sigma * start.new_tensor(transform.scale)
    limits = start.new_tensor(transform.limits or [(-inf, inf)] * transform.dim)
    held = torch.tensor(transform.held, device=mask.device)
    kinds: list[tuple[str, Tensor, Role]] = [(PHI, ~held, "search"), (HELD, held, "frozen")]
    if len(set(transform.held)) < 2:
        kinds = [(PHI, torch.ones_like(held), "search")]
    return [
        Variable(name, (int(own.sum()),), start[own], scale[own], tuple(limits[own].T), 0.01, role)
        for name, own, role in kinds
    ]


def _search(problem: Problem, optimizer: Optimizer, cell: Cell, models: Models) -> Tensor:
    """Algorithm 1: first phi, then the latents with phi held."""
    start, roles = problem.start, dict[str, Role]()
    search = cell.method.transform.search
    if PHI in problem.space.roles:
        if search is not None and problem.space.roles[PHI] == "search":
            start = _find_transform(problem, search, models)
        roles = {PHI: "frozen"}
    if cell.protocol == "equal":
        if type(optimizer).fit is Optimizer.fit and optimizer.passes(problem.space, 1) != 0:
            problem.note("it does not scale itself to the budget (it has no fit)")
        optimizer = optimizer.fit(problem.stage(ROLES, start=start, roles=roles))
    return problem.run(optimizer, start=start, roles=roles).points


def search_of(search: Search, build: Callable[[Spec], Any]) -> Basin:
    """The optimizer that searches a transform."""
    from p2lbench.optimizers.basin import Basin

    return Basin(
        build(search.outer),
        build(search.inner),
        search.outer_steps,
        search.inner_steps,
        final_steps=0,
        redraw="ema" if search.redraw == "ema" else "none",
        final="mean",
    )


def _find_transform(problem: Problem, search: Search, models: Models) -> Tensor:
    stage = search_of(search, models.fresh)
    roles: dict[str, Role] = {
        name: "gradient" for name, role in problem.space.roles.items() if role == "both"
    }
    # Never more than half of what there is: the latents are what the method is about.
    left = problem.remaining
    result = problem.run(stage, roles=roles, passes=left.passes / 2, seconds=left.seconds / 2)
    if problem.remaining.passes == left.passes < inf:
        problem.note("its transform was not searched: half of the budget pays for no draw")
    start, phi = problem.start, problem.space.slices[PHI]
    start[:, phi] = result.points[:, phi]
    return start


def _optimizer(cell: Cell, models: Models) -> Optimizer:
    """The cell's, loaded, and with it those of the transform's search."""
    optimizer = _loaded(cell.method.optimizer.spec, models)
    if (search := cell.method.transform.search) is not None:
        for spec in (search.outer, search.inner):
            _loaded(spec, models)
    return optimizer


def _loaded(spec: Spec, models: Models) -> Optimizer:
    optimizer: Optimizer = models.fresh(spec)
    optimizer.load()
    return optimizer


def _warm_up(setting: Setting, cell: Cell, models: Models) -> None:
    """One uncounted gradient per generator, loss and transforms: no cell pays for the first call,
    and the memory that it took tells how many candidates go at once."""
    from p2lbench import microbatch

    method = cell.method
    parts = (method.generator.spec, method.loss, method.transform)
    key = canonical([id(setting.generator), *(part.plain() for part in parts)])
    if key not in models.warm:
        models.warm[key] = setting.objective.warm_up(setting.mean[None].clone())
    setting.objective.batch = microbatch.size(models.warm[key], models.device)


def synchronise(device: str) -> None:
    """Wait for the device, so that what is timed is done."""
    import torch

    if device.startswith("cuda"):
        torch.cuda.synchronize(device)
