"""What recomputes, against what computed: weights, files and code. A difference is said; what is
missing makes a method's cells impossible to verify here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from p2lbench import weights
from p2lbench.audit.findings import Findings
from p2lbench.errors import UserError
from p2lbench.options import build
from p2lbench.registry import Origin, Registry
from p2lbench.rescoring import metric_keys
from p2lbench.spec import Method, Spec, canonical
from p2lbench.stated import hashes_of_files, specs, used, weights_named


def lacking(parts: list[Spec], registry: Registry) -> str | None:
    """Why some of these plugins cannot be used here, if that is so."""
    try:
        for spec in specs(parts):
            build(spec, registry)
        for name in weights_named(parts, registry):
            weights.locate(name)
        hashes_of_files(parts, registry)
    except (UserError, ValueError, TypeError, KeyError) as error:
        return str(error).partition("\n")[0]
    return None


def compare(
    method: Method, told: Mapping[str, Any], registry: Registry, findings: Findings
) -> None:
    """Remark where weights, files or code are not those that the cell's id was made with.

    Args:
        told: what the method's key is the hash of.
    """
    parts = used(method)
    before = told.get("weights") or {}
    for name in dict.fromkeys(weights_named(parts, registry)):
        if before.get(name) != weights.locate(name).sha256:
            findings.remark(f"the weights '{name}' are not those of the run")
    files = {*hashes_of_files(parts, registry).get("files", ())}
    if files - {*(told.get("files") or ())}:
        findings.remark("a file that a plugin reads is not the one of the run")
    known = {canonical(origin) for origin in told.get("origins") or ()}
    for origin in _origins(parts, registry):
        if canonical(origin.plain()) not in known:
            findings.remark(f"the code of {origin} is not that of the run")


def compare_metric(
    label: str, spec: Spec, measured: Mapping[str, str], registry: Registry, findings: Findings
) -> None:
    """Remark where a metric's value was computed by other code, weights or options than here."""
    if measured.get(label) != metric_keys([(label, spec)], registry)[label]:
        findings.remark(
            f"the code, weights or options of metric '{label}' are not those of the run"
        )


def _origins(parts: list[Spec], registry: Registry) -> Iterator[Origin]:
    yield from {registry.find(spec.kind, spec.name)[0].origin for spec in specs(parts)}
