"""Tries every name of Nevergrad's registry, each in a process of its own, and writes what it found.

    python -m p2lbench.optimizers.nevergrad.sweep [--names A B …] [--jobs 2] [--suite FILE]

Names that were done with the same versions are kept unless `--names` asks for them.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import signal
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.metadata import version
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.progress import Progress

from p2lbench.optimizers.nevergrad.known import FOUND, Finding, Findings

if TYPE_CHECKING:
    from multiprocessing.context import ForkServerProcess

PACKAGES = ("nevergrad", "cma", "numpy", "scipy", "scikit-learn", "bayesian-optimization")
# How the modules that methods import are called where packages are installed from.
INSTALLED_AS = {
    "ax": "ax-platform",
    "pybobyqa": "Py-BOBYQA",
    "bayes_optim": "bayes-optim",
    "ConfigSpace": "smac",
    "poap": "pySOT",
}
WARM = ["p2lbench.optimizers.nevergrad.warm", "p2lbench.optimizers.nevergrad.checks"]
SILENT_SECONDS = 60.0  # of processor time within one check
BLOCKED_SECONDS, BLOCKED_SHARE = 20.0, 0.005  # a process that waits for nothing uses no processor


def main(arguments: Sequence[str] | None = None) -> None:
    """The command."""
    options = _parser().parse_args(arguments)
    names = installed()
    unknown = [name for name in options.names if name not in names]
    if unknown:
        sys.exit(f"not in the registry: {', '.join(unknown)}")
    found = _begun(options.out)
    wanted = options.names or [name for name in names if name not in found]
    with Progress() as bar:
        task = bar.add_task("sweep", total=len(wanted))
        for name, finding in sweep(wanted, options.jobs):
            found[name] = finding
            Findings(_versions(), found).write(options.out)
            bar.update(task, advance=1, description=f"{name}: {finding.reason or 'works'}")
    if options.suite:
        fill(options.suite, found)


def sweep(names: Sequence[str], jobs: int = 1) -> Iterator[tuple[str, Finding]]:
    """What was found for each name, as it comes."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(WARM)
    waiting, running = deque(names), list[_Trial]()
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                running.append(_Trial.started(context, waiting.popleft()))
            wait([trial.pipe for trial in running], 1.0)
            for trial in running[:]:
                finding = trial.outcome()
                if finding is not None:
                    running.remove(trial)
                    yield trial.name, finding
    finally:
        for trial in running:
            trial.end()


def installed() -> list[str]:
    """All names of the installed registry."""
    from p2lbench.optimizers.nevergrad.instance import registry

    return sorted(registry())


def fill(suite: Path, found: dict[str, Finding]) -> None:
    """Put the names that work in the place of those that a suite lists, one a line."""
    lines = suite.read_text(encoding="utf-8").splitlines()
    first = next(i for i, line in enumerate(lines) if line.startswith("  - nevergrad:"))
    kept = [line for line in lines if not line.startswith("  - nevergrad:")]
    listed = [f"  - nevergrad:{name}" for name in sorted(found) if found[name].reason is None]
    suite.write_text("\n".join(kept[:first] + listed + kept[first:]) + "\n", encoding="utf-8")


@dataclass
class _Trial:
    """One name in its process."""

    name: str
    process: ForkServerProcess
    pipe: Connection[Any, Any]
    where: str = "when it is made"
    began: float = field(default_factory=time.monotonic)
    used: float = 0.0

    @classmethod
    def started(cls, context: Any, name: str) -> _Trial:
        mine, theirs = context.Pipe()
        process = context.Process(target=_child, args=(theirs, name), daemon=True)
        process.start()
        theirs.close()
        return cls(name, process, mine)

    def outcome(self) -> Finding | None:
        """What was found, None as long as it goes on."""
        try:
            while self.pipe.poll():
                kind, content = self.pipe.recv()
                if kind == "found":
                    self.end()
                    return content  # type: ignore[no-any-return]
                self.where, self.began, self.used = content, time.monotonic(), self._processor()
        except (EOFError, OSError):
            return self._died()
        return self._silent()

    def _silent(self) -> Finding | None:
        seconds, used = time.monotonic() - self.began, self._processor() - self.used
        blocked = seconds > BLOCKED_SECONDS and used < BLOCKED_SHARE * seconds and self._idle()
        if used < SILENT_SECONDS and not blocked:
            return None
        self.end()
        how = "hangs: it waits without end" if blocked else f"is not done in {SILENT_SECONDS:g} s"
        return Finding(f"{how} {self.where}")

    def _died(self) -> Finding:
        self.process.join(5)
        code = self.process.exitcode
        self.end()
        how = f"by {signal.Signals(-code).name}" if code and code < 0 else f"with code {code}"
        return Finding(f"ends the whole process {how} {self.where}")

    def _processor(self) -> float:
        """Seconds of processor time so far; of the clock where the system does not say."""
        try:
            text = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="utf-8")
        except OSError:
            return time.monotonic()
        user, system = text.rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    def _idle(self) -> bool:
        """Whether none of its threads is waiting for the processor, or has it."""
        states = []
        for thread in Path(f"/proc/{self.process.pid}/task").glob("*/stat"):
            with suppress(OSError):
                text = thread.read_text(encoding="utf-8")
                states.append(text.rpartition(")")[2].split()[0])
        return not {"R", "D"} & set(states)

    def end(self) -> None:
        self.process.kill()
        self.process.join()
        self.pipe.close()


def _child(pipe: Connection[Any, Any], name: str) -> None:
    from p2lbench.optimizers.nevergrad.checks import examine

    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)
    where = ["when it is made"]

    def tell(text: str) -> None:
        where[0] = text
        pipe.send(("at", text))

    pipe.send(("found", _found(lambda: examine(name, tell), where)))
    os._exit(0)  # threads that were left would block a normal exit


def _found(examined: Callable[[], Finding], where: list[str]) -> Finding:
    from p2lbench.optimizers.nevergrad.checks import Unfit, short

    try:
        return examined()
    except (Exception, SystemExit) as error:
        missing = _missing(error)
        if missing:
            package = INSTALLED_AS.get(missing, missing)
            return Finding(f"needs the package {missing}: pip install {package}", missing)
        if isinstance(error, Unfit):
            return Finding(str(error))
        return Finding(f"fails {where[0]}: {short(error)}")


def _missing(error: BaseException | None) -> str | None:
    """The module whose absence is behind an error."""
    while error is not None:
        if isinstance(error, ModuleNotFoundError) and error.name:
            return error.name.partition(".")[0]
        error = error.__cause__ or error.__context__
    return None


def _begun(out: Path) -> dict[str, Finding]:
    """What an earlier sweep found with the same versions."""
    with suppress(OSError, ValueError):
        earlier = Findings.read(out)
        if earlier.versions == _versions():
            return dict(earlier.names)
    return {}


def _versions() -> dict[str, str]:
    return {name: version(name) for name in PACKAGES}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--names", nargs="+", default=[], help="only these, again if need be")
    parser.add_argument("--out", type=Path, default=FOUND, help="JSON; default: the package's own")
    parser.add_argument("--jobs", type=int, default=1, help="processes at a time")
    parser.add_argument("--suite", type=Path, help="a suite whose list of names is replaced")
    return parser


if __name__ == "__main__":
    main()
