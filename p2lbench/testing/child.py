"""The process in which `p2lbench plugins check` runs checks: requests in, outcomes out, as JSON.

The first line says what to check, and is answered by what that is; each further one names a check.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

from p2lbench.childprocess import ends
from p2lbench.errors import UserError
from p2lbench.testing import Check, NotApplicable, Violation, checks
from p2lbench.testing.targets import Target, find


def main() -> None:
    """Serve until standard input ends."""
    following, answer = ends()
    asked = following()
    try:
        files = [Path(file) for file in asked["files"]]
        targets = find(asked["written"], asked["kind"], files, asked["settings"])
    except UserError as error:
        answer({"error": str(error)})
        return
    tables = [{check.id: check for check in checks(target.kind)} for target in targets]
    described = [_described(t, table) for t, table in zip(targets, tables, strict=True)]
    answer({"plugins": described})
    while True:
        request = following()
        number = request["plugin"]
        answer(_outcome(targets[number], tables[number][request["check"]]))


def _described(target: Target, table: dict[str, Check]) -> dict[str, Any]:
    return {
        "kind": target.kind,
        "name": target.name,
        "origin": target.origin,
        "lacks": target.lacks,
        "checks": [{"id": check.id, "title": check.title} for check in table.values()],
    }


def _outcome(target: Target, check: Check) -> dict[str, Any]:
    began = time.monotonic()
    threads = threading.active_count()
    status, reason = "passed", ""
    try:
        if target.factory is None:
            raise NotApplicable(target.lacks)
        check(target.factory)
    except NotApplicable as skip:
        status, reason = "skipped", str(skip)
    except Violation as violation:
        status, reason = "failed", str(violation)
    # The last boundary: BaseException itself, which no check expects.
    except BaseException as error:
        status, reason = "failed", f"{type(error).__name__}: {error}"
    return {
        "status": status,
        "reason": reason,
        "seconds": time.monotonic() - began,
        "haunted": threading.active_count() > threads,
    }


if __name__ == "__main__":
    main()
    sys.stdout.flush()
    os._exit(0)
