"""Turn a training run into embedded weights: `python -m p2lbench.zoo.export NAME CHECKPOINT`.

Writes model.safetensors (and config.json) into the model's folder; `measure` makes its card.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from p2lbench import zoo
from p2lbench.zoo import biggan, checkpoints

STATISTICS_SAMPLES = 1_000
STATISTICS_SEED = 1_000


def export_classifier(state: dict[str, Any], out: Path) -> None:
    """Write a classifier's weights from what its training saved."""
    facts = {"settings": state["settings"], "epochs": state["epoch"], "seconds": state["seconds"]}
    _write(state["model"], facts, out)


def export_encoder(state: dict[str, Any], out: Path) -> None:
    """Write the encoder's weights, in half precision, from what its training saved."""
    facts = {"settings": state["settings"], "epochs": state["epoch"], "seconds": state["seconds"]}
    facts |= {"samples": state["samples"]}
    halves = {k: v.half() if v.is_floating_point() else v for k, v in state["model"].items()}
    _write(halves, facts, out)


def export_biggan(state: dict[str, Any], out: Path, samples: int = STATISTICS_SAMPLES) -> None:
    """Write the averaged generator with converged spectral norms and standing statistics."""
    config = state["settings"]["config"]
    model = biggan.blank(config)
    model.load_state_dict(state["average"])
    biggan.settle_spectral_norms(model)
    rng = torch.Generator().manual_seed(STATISTICS_SEED)
    biggan.measure_standing_statistics(model, samples, rng)
    facts = {key: state[key] for key in ("settings", "iteration", "seconds")}
    facts |= {"statistics_samples": samples, "statistics_seed": STATISTICS_SEED}
    _write(model.state_dict(), facts, out)
    text = json.dumps(config, indent=1)
    (out / "config.json").write_text(text + "\n", encoding="utf-8")


def training_facts(weights: Path) -> dict[str, Any]:
    """How the weights in this file were trained, as `export` recorded it in the file."""
    with safe_open(weights, framework="pt") as file:
        facts: dict[str, Any] = json.loads(file.metadata()["training"])
    return facts


def _write(tensors: dict[str, Tensor], facts: dict[str, Any], out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    plain = {name: tensor.detach().clone().contiguous() for name, tensor in tensors.items()}
    temporary = out / "model.part"
    save_file(plain, temporary, {"training": json.dumps(facts, sort_keys=True)})
    # safetensors creates files that only their owner may read.
    temporary.chmod(0o644)
    temporary.replace(out / "model.safetensors")


def main(arguments: list[str] | None = None) -> None:
    """Command line; see --help."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=zoo.NAMES)
    parser.add_argument("checkpoint", type=Path, help="checkpoint.pt or average-*.pt of a run")
    parser.add_argument("--out", type=Path, help="default: the model's folder in the package")
    parser.add_argument(
        "--samples",
        type=int,
        default=STATISTICS_SAMPLES,
        help="per truncation, for the generator's standing statistics",
    )
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    state = checkpoints.load(options.checkpoint)
    if state is None:
        parser.error(f"{options.checkpoint}: no such checkpoint")
    out = options.out or zoo.folder(options.name)
    if options.name == "biggan-fmnist":
        export_biggan(state, out, options.samples)
    elif options.name in zoo.ENCODERS:
        export_encoder(state, out)
    else:
        export_classifier(state, out)


if __name__ == "__main__":
    main()
