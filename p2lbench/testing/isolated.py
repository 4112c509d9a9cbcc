"""Checks in a child process, which is kept warm, and killed when its time is over."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from p2lbench.childprocess import Child, Gone, Late
from p2lbench.errors import PluginError, UserError

LOAD_SECONDS = 300.0  # for importing torch and the plugin
Status = Literal["passed", "failed", "skipped"]


@dataclass(frozen=True)
class Outcome:
    """What came of one check."""

    id: str
    title: str
    status: Status
    reason: str
    seconds: float


@dataclass(frozen=True)
class Plugin:
    """A plugin to check, and the ids and titles of its checks."""

    kind: str
    name: str
    origin: str
    lacks: str
    checks: tuple[tuple[str, str], ...]


class Examination:
    """The checks of all plugins that a name means. A context manager; ends its child.

    Raises:
        UserError: the name means nothing, the plugin does not load, or an option is wrong.
    """

    def __init__(
        self,
        written: str,
        kind: str | None = None,
        files: Sequence[Path] = (),
        settings: Sequence[str] = (),
        timeout: float = 60.0,
    ) -> None:
        self._request = {
            "written": written,
            "kind": kind,
            "files": [str(file) for file in files],
            "settings": list(settings),
        }
        self._timeout = timeout
        self._child: Child | None = None

    def __enter__(self) -> Examination:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def plugins(self) -> list[Plugin]:
        """What is to be checked."""
        return [
            Plugin(
                found["kind"],
                found["name"],
                found["origin"],
                found["lacks"],
                tuple((check["id"], check["title"]) for check in found["checks"]),
            )
            for found in self._started()["plugins"]
        ]

    def outcomes(self, number: int, plugin: Plugin) -> Iterator[Outcome]:
        """Run the checks of the plugin of that number, one after another.

        What cannot be made is not checked further: each check would wait for its time to end.
        """
        hopeless = ""
        for name, title in plugin.checks:
            if hopeless:
                yield Outcome(name, title, "skipped", hopeless, 0.0)
                continue
            outcome = self._outcome(number, name, title)
            if name == "made" and outcome.status == "failed":
                hopeless = "it cannot be made"
            yield outcome

    def _outcome(self, number: int, name: str, title: str) -> Outcome:
        if self._child is None:
            self._started()
        assert self._child is not None
        try:
            got = self._child.ask({"plugin": number, "check": name}, self._timeout)
        except Late:
            self._end()
            reason = f"it did not end within {self._timeout:g} s, and was killed"
            return Outcome(name, title, "failed", reason, self._timeout)
        except Gone as gone:
            self._end()
            return Outcome(name, title, "failed", f"the process died ({gone})", 0.0)
        if got["haunted"]:
            self._end()
        return Outcome(name, title, got["status"], got["reason"], got["seconds"])

    def _started(self) -> dict[str, Any]:
        """Start a child; what it found."""
        self._end()
        self._child = Child("p2lbench.testing.child")
        try:
            got = self._child.ask(self._request, LOAD_SECONDS)
        except Late as late:
            message = f"the plugin did not load within {LOAD_SECONDS:g} s"
            raise PluginError(message) from late
        except Gone as gone:
            raise PluginError(f"the process died while the plugin was loaded ({gone})") from gone
        if "error" in got:
            raise UserError(got["error"])
        return got

    def _end(self) -> None:
        if self._child is not None:
            self._child.kill()
            self._child = None
