"""The catalogue of weights: which files there are, and where each comes from.

The built-in entries are here. Plugins add theirs by the hook `register_weights`; they are those of
the plugins that this process loaded last, or else of the installed ones, looked up when a name is
asked for that is not built in.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from p2lbench import zoo
from p2lbench.errors import PluginError, UserError, did_you_mean
from p2lbench.weights.kinds import KINDS

if TYPE_CHECKING:
    from p2lbench.registry import Registry

PYPI = "pypi:"
_PINNED = re.compile(r"pypi:[A-Za-z0-9][A-Za-z0-9._-]*==[A-Za-z0-9.!+]+")
_HASH = re.compile(r"[0-9a-f]{64}")
_IN_NAME = re.compile(r"https://.*-([0-9a-f]{8})\.pth")


@dataclass(frozen=True)
class Weights:
    """One file of the catalogue.

    Args:
        name: what `p2lbench weights fetch` calls it.
        filename: its name in the weights folder.
        url: `https://…`, or `pypi:NAME==VERSION` for a file inside a wheel.
        size: in bytes, for a reader.
        sha256: of the file, 64 hexadecimal digits; or 8, where torchvision publishes no more than
            those in the file's name (`…-bf2d0c1e.pth`); or none, where none is published of a
            checkpoint that is converted: then that of the first download is recorded.
        licence, purpose: for `p2lbench weights list`.
        member: the file's path inside the wheel.
        wheel_sha256: of the wheel.
        mirrors: further `https://…`, tried in turn.
        kind: of a checkpoint that is converted once, one of `kinds.KINDS`.

    Those that come with p2lbench have neither a `url` nor a size or hash to compare with.
    """

    name: str
    filename: str
    url: str
    size: int
    sha256: str
    licence: str
    purpose: str
    member: str = ""
    wheel_sha256: str = ""
    mirrors: tuple[str, ...] = ()
    kind: str = ""

    @property
    def megabytes(self) -> str:
        """The size for a reader."""
        return f"{self.size / 1e6:.0f} MB"

    @property
    def requirement(self) -> str | None:
        """`NAME==VERSION` of the wheel that the file is in, or None."""
        return self.url.removeprefix(PYPI) if self.url.startswith(PYPI) else None

    @property
    def source(self) -> str:
        """Where the file comes from, for a reader."""
        if self.requirement is None:
            return self.url
        return f"{self.member} of PyPI's wheel {self.requirement}"

    def check(self) -> None:
        """Raises ValueError: a field that a download would stumble over; what it should be."""
        if self.filename in ("", ".", "..") or re.search(r"[\\/:\0]", self.filename):
            raise ValueError(f"filename: expected a file's name, got '{self.filename}'")
        if self.size < 1:
            raise ValueError(f"size: expected the number of bytes, got {self.size}")
        self._check_hash()
        if self.kind not in ("", *KINDS):
            raise ValueError(f"kind: expected one of {', '.join(KINDS)}, got '{self.kind}'")
        if self.kind and self.requirement:
            raise ValueError("kind: expected none for a file inside a wheel")
        for mirror in self.mirrors:
            if not mirror.startswith("https://"):
                raise ValueError(f"mirrors: expected https://…, got '{mirror}'")
        if self.requirement is None:
            if not self.url.startswith("https://"):
                raise ValueError(f"url: expected https://… or pypi:NAME==VERSION, got '{self.url}'")
        elif not _PINNED.fullmatch(self.url):
            raise ValueError(f"url: expected pypi:NAME==VERSION, got '{self.url}'")
        elif not PurePosixPath(self.member).name:
            raise ValueError("member: expected the file's path inside the wheel")
        elif not _HASH.fullmatch(self.wheel_sha256):
            raise ValueError(
                f"wheel_sha256: expected 64 hexadecimal digits, got '{self.wheel_sha256}'"
            )

    def _check_hash(self) -> None:
        if self.kind and not self.sha256:
            return
        if not _HASH.fullmatch(self.sha256) and _IN_NAME.findall(self.source) != [self.sha256]:
            raise ValueError(f"sha256: expected 64 hexadecimal digits, got '{self.sha256}'")


_URL = "https://download.pytorch.org/models/"


def _trunk(net: str, filename: str, size: int, sha256: str) -> Weights:
    licence = "BSD-3-Clause (torchvision); trained on ImageNet, whose terms may apply"
    purpose = f"trunk of lpips-{net}; its linear weights come with the lpips package"
    return Weights(f"lpips-{net}", filename, _URL + filename, size, sha256, licence, purpose)


_ALEX = "7be5be791159472b1fbf3c69796f7cb30dca7ad8466c2df70058c37116cdee02"
_VGG = "397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0"
_SQUEEZE = "b8a52dc049b60e4b6ab68ad0df457362afab8b6304b2febdc1650a5dab4d7e7b"
TRUNKS = (
    _trunk("alex", "alexnet-owt-7be5be79.pth", 244_408_911, _ALEX),
    _trunk("vgg", "vgg16-397923af.pth", 553_433_881, _VGG),
    _trunk("squeeze", "squeezenet1_1-b8a52dc0.pth", 4_958_839, _SQUEEZE),
)
DETECTOR = Weights(
    "mask-rcnn",
    "maskrcnn_resnet50_fpn_coco-bf2d0c1e.pth",
    _URL + "maskrcnn_resnet50_fpn_coco-bf2d0c1e.pth",
    178_090_079,
    "bf2d0c1e",
    "BSD-3-Clause (torchvision); trained on COCO, whose terms may apply",
    "finds objects for masks: {detect: mask-rcnn}",
)
CLASSIFIER = Weights(
    "resnext101",
    "resnext101_32x8d-8ba56ff5.pth",
    _URL + "resnext101_32x8d-8ba56ff5.pth",
    356_082_095,
    "8ba56ff5",
    "BSD-3-Clause (torchvision); trained on ImageNet, whose terms may apply",
    "predicts classes of ImageNet: inits: [{predicted: {classifier: resnext101}}]",
)


def _biggan(side: int, size: int, mirrors: tuple[str, ...] = ()) -> Weights:
    """`size`: of its tensors, which the architecture tells; the file's headers come on top."""
    name = f"biggan-deep-{side}"
    filename = f"{name}-pytorch_model.bin"
    url = f"https://s3.amazonaws.com/models.huggingface.co/biggan/{filename}"
    licence = "Apache-2.0 (DeepMind, Hugging Face); trained on ImageNet, whose terms may apply"
    purpose = f"BigGAN-deep of {side}×{side}, 1000 classes"
    return Weights(
        name, filename, url, size, "", licence, purpose, mirrors=mirrors, kind="biggan-deep"
    )


_HUB = "https://huggingface.co/osanseviero/BigGAN-deep-128/resolve/main/pytorch_model.bin"
GENERATORS = (
    _biggan(128, 210_749_700, (_HUB,)),
    _biggan(256, 234_292_740),
    _biggan(512, 235_635_460),
)
CATALOGUE = {entry.name: entry for entry in (*GENERATORS, *TRUNKS, DETECTOR, CLASSIFIER)}

_LICENCE = "MIT (p2lbench); trained on Fashion-MNIST (MIT)"
EMBEDDED = {name: Weights(name, "", "", 0, "", _LICENCE, "embedded model") for name in zoo.NAMES}


class _InUse:
    """The plugins whose weights are looked up; None until somebody loads plugins."""

    registry: Registry | None = None


def use(registry: Registry) -> None:
    """From now on, the weights that these plugins registered are those of the catalogue."""
    _InUse.registry = registry


def entry(name: str) -> Weights:
    """An entry that is not embedded.

    Raises:
        UserError: the name is unknown, with the nearest one.
        PluginError: two plugins register it.
    """
    if name in CATALOGUE:
        return CATALOGUE[name]
    try:
        registered, _ = in_use().find("weights", name)
    except PluginError:
        raise
    except UserError:
        close = did_you_mean(name, [*EMBEDDED, *CATALOGUE, *plugged()])
        message = f"unknown weights '{name}'.{close} See: p2lbench weights list; for a checkpoint"
        message += f" of your own: p2lbench weights add FILE --as {name}"
        raise UserError(message) from None  # the registry sees those of plugins alone
    found: Weights = registered.load()()
    return found


def known(name: str) -> bool:
    """Whether a name is taken: built in, embedded, or a plugin's."""
    return name in CATALOGUE or name in EMBEDDED or name in plugged()


def plugged() -> dict[str, tuple[Weights, str]]:
    """The entries that plugins added, each with the plugin that it is from."""
    found = in_use().entries("weights")
    return {e.name: (e.load()(), str(e.origin)) for e in found if e.name not in CATALOGUE}


def in_use() -> Registry:
    """Of the plugins that were loaded last; loads those that are installed if none were."""
    if _InUse.registry is None:
        from p2lbench import plugins

        return plugins.load().registry
    return _InUse.registry
