"""`p2lbench doctor`: is this machine ready?"""

from __future__ import annotations

import platform
import sys
from typing import Any

from rich.text import Text

from p2lbench import __version__
from p2lbench.cli.common import JSON, cores, emit, show, table

PACKAGES = (
    "torch",
    "torchvision",
    "numpy",
    "cma",
    "nevergrad",
    "lpips",
    "pytorch-pretrained-biggan",
    "safetensors",
    "pluggy",
    "pydantic",
)


def doctor(as_json: JSON = False) -> None:
    """Show versions, devices, threads, plugins and which weights are present."""
    document = examine()
    if as_json:
        emit(document)
        return
    lines: list[tuple[str | Text, ...]] = [
        ("p2lbench", document["p2lbench"]),
        ("python", f"{document['python']} ({document['executable']})"),
        ("platform", document["platform"]),
        ("devices", ", ".join(document["devices"])),
        ("cores", f"{document['cores']} usable, torch uses {document['threads']} threads"),
    ]
    lines += [
        (name, found or Text("not installed", "red"))
        for name, found in document["packages"].items()
    ]
    for row in document["weights"]:
        state = Text("present", "green") if row["present"] else Text("missing: ", "yellow")
        if not row["present"]:
            state.append(row["problem"] or f"p2lbench weights fetch {row['name']}", "")
        lines.append((f"weights {row['name']}", state))
    for report in document["broken_plugins"]:
        lines.append((f"plugin {report['name']}", Text(report["error"], "red")))
    show(table(("", ""), lines))


def examine() -> dict[str, Any]:
    """All that `doctor` says."""
    import torch

    from p2lbench import weights
    from p2lbench.plugins import load

    cuda = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return {
        "p2lbench": __version__,
        "python": platform.python_version(),
        "executable": sys.executable,
        "platform": platform.platform(),
        "devices": ["cpu", *(f"cuda:{i} ({name})" for i, name in enumerate(cuda))],
        "cores": cores(),
        "threads": torch.get_num_threads(),
        "packages": {name: _version(name) for name in PACKAGES},
        "weights": [
            {key: getattr(row, key) for key in ("name", "present", "verified", "path", "problem")}
            for row in weights.listing()
        ],
        "broken_plugins": [
            {"name": report.name, "error": report.error} for report in load().broken
        ],
    }


def _version(name: str) -> str | None:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(name)
    except PackageNotFoundError:
        return None
