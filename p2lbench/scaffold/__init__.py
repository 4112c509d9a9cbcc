"""Writes a distribution with one plugin: code that works, tests, a suite to try it.

The templates are files under `templates/`: what all kinds share in `common/`, the rest in a folder
per variant. In their paths `MODULE` stands for the module; in their texts `string.Template` fills
in the names.
"""

from __future__ import annotations

import keyword
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from string import Template

from p2lbench import __version__, api
from p2lbench.errors import UserError
from p2lbench.registry import KINDS, Registry, singular
from p2lbench.suitefile import shipped

TEMPLATES = Path(__file__).parent / "templates"
NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
LONGEST = 28
"""Longer names would make lines of code too long."""

USED = ("Check", "Decoder", "F", "Mapping", "Path", "Self", "Tensor", "ValueError")
"""Names in the templates that a plugin's class must not hide, besides those of the API."""

SUMMARIES = {
    "optimizer": "gradient descent with momentum",
    "optimizer-gradient-free": "a (1+1) evolution strategy per candidate",
    "generator": "a small convolutional decoder",
    "loss": "an l1 that is smooth at zero",
    "metric": "the share of bad pixels",
    "transform": "a shift of the image",
    "init": "starts near the prior's mean",
}
"""What the code of each variant does; a variant's name begins with its kind."""


@dataclass(frozen=True)
class Scaffold:
    """A distribution to be written. `name`: what suites call the plugin; `variant`: of SUMMARIES.

    Raises:
        UserError: no distribution, module and class can be called by the name.
    """

    name: str
    variant: str

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.name) or len(self.name) > LONGEST:
            raise UserError(
                f"cannot call a plugin '{self.name}': expected at most {LONGEST} lower case "
                "letters, digits and single '-', beginning with a letter, such as my-optimizer"
            )
        if self.class_name in {*api.__all__, *USED} or keyword.iskeyword(self.class_name):
            raise UserError(
                f"cannot call a plugin '{self.name}': its class {self.class_name} would hide "
                f"another; choose a name that says more, such as my-{self.name}"
            )
        if self.name.startswith("test"):
            raise UserError(
                f"cannot call a plugin '{self.name}': pytest would take its class "
                f"{self.class_name} for a test; choose a name that does not begin with 'test'"
            )

    @property
    def kind(self) -> str:
        """`optimizer`, `loss`, …"""
        return self.variant.partition("-")[0]

    @property
    def kinds(self) -> str:
        """`optimizers`, `losses`, …: as hooks and `p2lbench list` have it."""
        return next(kinds for kinds in KINDS if singular(kinds) == self.kind)

    @property
    def distribution(self) -> str:
        """What pip installs."""
        return f"p2lbench-{self.name}"

    @property
    def module(self) -> str:
        """What Python imports."""
        return self.distribution.replace("-", "_")

    @property
    def class_name(self) -> str:
        """`my-optimizer` → `MyOptimizer`."""
        return "".join(part.capitalize() for part in self.name.split("-"))

    def check_free(self, registry: Registry) -> None:
        """Refuse a name that a plugin of this kind has, or a distribution that is installed.

        Raises:
            UserError: it is taken; by whom.
        """
        # A suite may name a loss as a metric, so that these two share their names.
        kinds = ("losses", "metrics") if self.kind in ("loss", "metric") else (self.kinds,)
        for entry in registry:
            if entry.kind in kinds and entry.name == self.name:
                raise UserError(
                    f"{entry.title} is registered by {entry.origin}: choose another name. "
                    f"See: p2lbench list {entry.kind}"
                )
        for found in metadata.distributions(name=self.distribution):
            raise UserError(
                f"{self.distribution} {found.version} is installed: choose another name"
            )

    def write(self, into: Path) -> Path:
        """Write the distribution into a folder of its own below `into`, and return that.

        Raises:
            UserError: the folder exists, or cannot be written.
        """
        folder = into / self.distribution
        try:
            folder.mkdir(parents=True)
            for target, text in self._files():
                (folder / target).parent.mkdir(parents=True, exist_ok=True)
                (folder / target).write_text(text, encoding="utf-8")
            photo = shipped()["quickstart"].parent / "images" / "fmnist" / "bag-126.png"
            shutil.copyfile(photo, folder / "photo.png")
        except FileExistsError as error:
            raise UserError(
                f"{folder} exists: nothing was written. Choose another name, or a folder by --into"
            ) from error
        except OSError as error:
            raise UserError(f"cannot write {folder}: {error.strerror}") from error
        return folder

    def _files(self) -> Iterator[tuple[Path, str]]:
        """Path inside the distribution, and content."""
        words = {
            "name": self.name,
            "kind": self.kind,
            "kinds": self.kinds,
            "distribution": self.distribution,
            "module": self.module,
            "Class": self.class_name,
            "summary": SUMMARIES[self.variant],
            "version": __version__,
        }
        for root in (TEMPLATES / "common", TEMPLATES / self.variant):
            for template in sorted(root.rglob("*.in")):
                inside = str(template.relative_to(root)).removesuffix(".in")
                target = inside.replace("MODULE", self.module).replace("gitignore", ".gitignore")
                text = template.read_text(encoding="utf-8")
                yield Path(target), Template(text).substitute(words)
