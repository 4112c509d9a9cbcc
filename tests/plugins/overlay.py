"""An environment over this one: distributions are installed into it, and this one stays as it is.

Its Python sees torch, p2lbench and all else of the environment that runs the tests, and what is
installed on top. Making one takes a tenth of a second, so that every test has its own.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sysconfig
import venv
from pathlib import Path

SCRIPTS = {"pip": "pip._internal.cli.main", "pytest": "pytest", "p2lbench": "p2lbench.cli"}
"""Commands → the module whose `main` they are; those of this environment start its own Python."""

CALLS = """
import shlex, sys
from p2lbench import cli
for line in sys.argv[1:]:
    sys.argv = shlex.split(line)
    try:
        cli.main()
    except SystemExit as end:
        if end.code:
            sys.exit(f"{line}: exit code {end.code}")
"""


class Overlay:
    """The environment in a folder."""

    def __init__(self, folder: Path) -> None:
        venv.create(folder, with_pip=False, symlinks=True)
        self.programs = folder / "bin"
        below = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
        lines = [f"import site; site.addsitedir({path!r})" for path in sorted(below)]
        (site,) = folder.glob("lib/python*/site-packages")
        (site / "below.pth").write_text("\n".join(lines) + "\n")
        for name, module in SCRIPTS.items():
            script = self.programs / name
            # Guarded, since worker processes import the script that started them.
            code = f"from {module} import main\nif __name__ == '__main__':\n    exit(main())\n"
            script.write_text(f"#!{self.programs / 'python'}\n{code}")
            script.chmod(0o755)

    def install(self, *distributions: str | Path, options: str = "") -> None:
        """With their dependencies, by pip; hatchling is taken from the environment below."""
        words = shlex.join(map(str, distributions))
        self.run(f"pip install --quiet --no-build-isolation {options} {words}", timeout=280)

    def run(self, command: str, cwd: Path | None = None, timeout: float = 200) -> str:
        """The standard output of a line of shell, which must succeed."""
        done = subprocess.run(
            command,
            shell=True,
            cwd=cwd,
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout[-6000:]}\n{done.stderr[-6000:]}"
        return done.stdout

    def call(self, *lines: str, cwd: Path | None = None, timeout: float = 200) -> str:
        """The output of commands of p2lbench in one process, which saves the imports."""
        return self.run(f"python -c {shlex.quote(CALLS)} {shlex.join(lines)}", cwd, timeout)

    @property
    def environment(self) -> dict[str, str]:
        path = f"{self.programs}{os.pathsep}{os.environ['PATH']}"
        return {"PATH": path, "COLUMNS": "80", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
