"""A gradient step at full size against pix2latent's own, on this machine, in one run.

    git clone https://github.com/minyoungg/pix2latent && pip install easydict
    python benchmarks/pix2latent_step.py pix2latent [--net vgg] [--side 256] [--compiled]

Both get the same BigGAN-deep with random weights (spectral norms converged, batch norms with the
statistics of a batch, so that outputs are finite and varied), the same random trunk below LPIPS,
target, mask and batch. What they minimise is compared first: it must be the same number. A step is
theirs as they wrote it, `pix2latent.optimizer.closure.step`, and one counted gradient here. Their
code moves tensors to CUDA by name; where there is none, `.cuda()` does nothing. Rounds are
interleaved, and what counts is the median of the ratios.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from p2lbench import weights
from p2lbench.executors.memory import keep_freed
from p2lbench.generators.biggan.config import PUBLISHED, Config
from p2lbench.generators.biggan.generator import BigGAN
from p2lbench.losses.lpips import LPIPS
from p2lbench.losses.pixel import MAE
from p2lbench.microbatch import Meter
from p2lbench.objective import CellObjective
from p2lbench.problem import Problem
from p2lbench.root import Root
from p2lbench.space import Space

BATCH, BETA, CLASS = 4, 10.0, 3


def random_package(config: Config) -> Any:
    """The package's model with random weights, in eval mode."""
    from pytorch_pretrained_biggan import BigGAN as Model
    from pytorch_pretrained_biggan import BigGANConfig
    from pytorch_pretrained_biggan.model import BigGANBatchNorm

    torch.manual_seed(0)
    written = {**vars(config), "layers": [list(row) for row in config.layers]}
    model = Model(BigGANConfig(**written, output_dim=config.side)).eval()
    hooks = []
    for module in model.modules():
        if hasattr(module, "weight_orig"):
            _converge(module)
        if isinstance(module, BigGANBatchNorm):
            hooks.append(module.register_forward_pre_hook(_measure))
            if not module.conditional:
                nn.init.ones_(module.weight)
                nn.init.normal_(module.bias, std=0.05)
        if hasattr(module, "gamma"):
            nn.init.constant_(module.gamma, 0.5)
    with torch.no_grad():
        z = torch.randn(BATCH, config.z_dim).clamp(-2, 2)
        model.generator(torch.cat([z, model.embeddings.weight.T[:BATCH]], dim=1), 1.0)
    for hook in hooks:
        hook.remove()
    return model


@torch.no_grad()
def _converge(module: Any, iterations: int = 15) -> None:
    matrix = nn.init.normal_(module.weight_orig, std=0.02).flatten(1)
    for _ in range(iterations):
        module.weight_v.copy_(nn.functional.normalize(matrix.T @ module.weight_u, dim=0))
        module.weight_u.copy_(nn.functional.normalize(matrix @ module.weight_v, dim=0))


def _measure(module: Any, given: tuple[Tensor, ...]) -> None:
    module.running_means.copy_(given[0].mean((0, 2, 3)).expand_as(module.running_means))
    variance = given[0].var((0, 2, 3)).clamp(min=1e-3)
    module.running_vars.copy_(variance.expand_as(module.running_vars))


class Ours(BigGAN):
    """p2lbench's form of a model of the package."""

    def __init__(self, config: Config, state: dict[str, Tensor], compiled: bool = False) -> None:
        super().__init__(compiled=compiled)
        self.config, self.state, self.size = config, state, config.side

    def _read(self) -> tuple[Config, dict[str, Tensor]]:
        return self.config, self.state


def random_lpips(net: str) -> LPIPS:
    """With a random trunk, by the way that a user's file takes."""
    import torchvision

    torch.manual_seed(0)
    trunk = {"alex": torchvision.models.alexnet, "vgg": torchvision.models.vgg16}[net](weights=None)
    with tempfile.TemporaryDirectory() as folder:
        os.environ[weights.FOLDER_VARIABLE] = str(Path(folder) / "weights")
        torch.save(trunk.state_dict(), Path(folder) / "trunk.pth")
        weights.add(f"lpips-{net}", Path(folder) / "trunk.pth")
        loss = LPIPS(net, masked="authors")
        loss.load("cpu")
    return loss


def ours(generator: Ours, lpips: LPIPS, target: Tensor, mask: Tensor, x: Tensor) -> Problem:
    """The counted problem of a cell with BATCH candidates."""
    generator.load("cpu")
    space = Space(generator.variables)
    terms = [(MAE(), 1.0), (lpips, BETA)]
    objective = CellObjective(generator, space, terms, target, mask, background=0.3)
    root = Root(objective, space, space.mean, space.std, BATCH, seed=0)
    root.begin()
    return Problem(root, space, range(space.d), x)


def theirs(
    checkout: Path, package: Any, lpips: LPIPS, target: Tensor, mask: Tensor, z: Tensor, c: Tensor
) -> Callable[[], Any]:
    """One step of pix2latent's on the same starts; returns its losses."""
    sys.path.insert(0, str(checkout))
    if not torch.cuda.is_available():
        torch.Tensor.cuda = lambda self, *_, **__: self  # type: ignore[method-assign]
    import pix2latent.loss_functions as losses
    import pix2latent.utils.function_hooks as hooks
    from pix2latent import VariableManager
    from pix2latent.model import biggan
    from pix2latent.optimizer.closure import step

    model = _bare(biggan.BigGAN)
    model.embeddings, model.generator = package.embeddings, package.generator
    biggan.replace_to_inplace_relu(model.generator)
    biggan.remove_spectral_norm(model.generator)
    loss, perceptual = _bare(losses.ProjectionLoss), _bare(losses.PerceptualLoss)
    perceptual.loss_fn = _spatial(lpips)
    loss.beta, loss.rloss_fn, loss.ploss_fn = BETA, losses.ReconstructionLoss(), perceptual
    manager = VariableManager()
    clamp = hooks.Clamp(2.0)
    manager.register("z", tuple(z.shape[1:]), "input", learning_rate=0.05, hook_fn=clamp)
    manager.register("c", tuple(c.shape[1:]), "input", default=c[0], learning_rate=0.01)
    whole = {"target": target[0], "weight": mask[0].expand(3, -1, -1).clamp(0.3, 1.0)}
    for name, value in whole.items():
        shape = tuple(value.shape)
        manager.register(name, shape, "output", requires_grad=False, default=value)
    variables = manager.initialize(BATCH)
    for row, value in zip(variables.input.z.data, z, strict=True):
        row.data.copy_(value)
    return lambda: step(model, variables, loss_fn=loss, max_batch_size=BATCH)[1]


def _bare(kind: type[nn.Module]) -> Any:
    """An instance whose __init__, which downloads weights, is left out."""
    made = kind.__new__(kind)
    nn.Module.__init__(made)
    return made


def _spatial(lpips: LPIPS) -> Any:
    import lpips as package

    made = package.LPIPS(net=lpips.net, spatial=True, pnet_rand=True, verbose=False)
    made.load_state_dict(lpips._model.state_dict())
    return made


def timed(step: Callable[[], object]) -> float:
    began = time.perf_counter()
    step()
    return time.perf_counter() - began


def report(steps: dict[str, Callable[[], object]], rounds: int) -> None:
    """Interleaved rounds; each step's median, and the median of its ratios to the first."""
    for step in steps.values():
        step()
    seconds = [{name: timed(step) for name, step in steps.items()} for _ in range(rounds)]
    first = next(iter(steps))
    for name in steps:
        ratio = statistics.median(row[name] / row[first] for row in seconds)
        print(f"{name:12} {statistics.median(r[name] for r in seconds):6.2f} s  {ratio:.2f}")


def counted(step: Callable[[], object]) -> str:
    """FLOPs of the products in a step, and the memory of its tensors."""
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as flops:
        step()
    with Meter() as meter:
        step()
    total = flops.get_total_flops() / BATCH / 1e9
    return f"{total:.1f} GFLOP and {meter.peak / BATCH / 2**20:.0f} MiB per candidate"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkout", type=Path)
    parser.add_argument("--net", choices=["alex", "vgg"], default="alex")
    parser.add_argument("--side", choices=["128", "256"], default="128")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--compiled", action="store_true")
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()
    keep_freed()
    config = PUBLISHED[f"biggan-deep-{options.side}"]
    package, lpips = random_package(config), random_lpips(options.net)
    state = {name: value.clone() for name, value in package.state_dict().items()}
    z = torch.randn(BATCH, config.z_dim).clamp(-2, 2)
    c = package.embeddings.weight.T[[CLASS]].detach().expand(BATCH, -1)
    side = config.side
    target = nn.functional.interpolate(torch.rand(1, 3, 8, 8) * 2 - 1, side, mode="bilinear")
    mask = torch.zeros(1, 1, side, side)
    mask[..., side // 4 :, : side // 2] = 1
    x = torch.cat([z, c], dim=1)

    problem = ours(Ours(config, state), lpips, target, mask, x)
    step = theirs(options.checkout, package, lpips, target, mask, z, c)
    values = torch.tensor(step()), problem.gradient(x)[0]
    torch.testing.assert_close(*values, rtol=1e-3, atol=1e-3)
    print(f"both minimise {values[1].mean():.4f}; batch {BATCH}, {torch.get_num_threads()} threads")
    steps = {"pix2latent": step, "p2lbench": lambda: problem.gradient(x)}
    for name, each in steps.items():
        print(f"{name:12} {counted(each)}")
    if options.compiled:
        compiled = ours(Ours(config, state, compiled=True), lpips, target, mask, x)
        steps["compiled"] = lambda: compiled.gradient(x)
    report(steps, options.rounds)
    if options.profile:
        with torch.profiler.profile() as profile:
            problem.gradient(x)
        print(profile.key_averages().table("self_cpu_time_total", row_limit=16))


if __name__ == "__main__":
    main()
