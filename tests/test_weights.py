"""The weights catalogue: found, checked, fetched, added, listed."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator
from math import prod
from pathlib import Path

import pytest
from fileserver import Server, serving

from p2lbench import weights, zoo
from p2lbench.errors import UserError
from p2lbench.weights import Located, Weights, WeightsMissing, catalogue, files

CONTENT = bytes(range(256)) * 1000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def server() -> Iterator[Server]:
    with serving(CONTENT) as server:
        yield server


@pytest.fixture(autouse=True)
def folder(weights_folder: Path) -> Path:
    return weights_folder


@pytest.fixture(autouse=True)
def entry(monkeypatch: pytest.MonkeyPatch) -> Weights:
    """A catalogue of one, whose server does not answer; a prefix for a hash, as in torchvision."""
    entry = Weights(
        name="net",
        filename="net.pth",
        url="http://127.0.0.1:9/net.pth",
        size=len(CONTENT),
        sha256=SHA256[:8],
        licence="none",
        purpose="a test",
    )
    monkeypatch.setattr(catalogue, "CATALOGUE", {"net": entry})
    return entry


@pytest.fixture
def online(monkeypatch: pytest.MonkeyPatch, entry: Weights, server: Server) -> Server:
    reachable = Weights(**{**vars(entry), "url": server.url})
    monkeypatch.setattr(catalogue, "CATALOGUE", {"net": reachable})
    return server


def put(path: Path, content: bytes = CONTENT) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def hub(tmp_path: Path) -> Path:
    return tmp_path / "torch" / "hub" / "checkpoints" / "net.pth"


def test_missing_says_where_it_looked_and_what_to_do(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(WeightsMissing) as raised:
        weights.locate("net")
    first, second = str(raised.value).splitlines()
    assert first == "net: weights not found; p2lbench weights fetch net"
    for part in (folder / "net.pth", hub(tmp_path), "http://127.0.0.1:9/net.pth", "0 MB"):
        assert str(part) in second


def test_an_unknown_name_gets_the_nearest() -> None:
    with pytest.raises(UserError, match=r"unknown weights 'nett'\. Did you mean 'net'"):
        weights.locate("nett")


def test_the_folder_comes_first_then_torch_hub(folder: Path, tmp_path: Path) -> None:
    put(hub(tmp_path))
    assert weights.locate("net") == Located("net", hub(tmp_path), SHA256, published=True)
    put(folder / "net.pth")
    assert weights.locate("net").path == folder / "net.pth"
    assert weights.locate("net").note is None


def test_another_file_under_the_published_name_is_refused(folder: Path) -> None:
    path = put(folder / "net.pth", CONTENT[:-1])
    with pytest.raises(UserError, match="is not the published file") as raised:
        weights.locate("net")
    assert f"p2lbench weights add net {path}" in str(raised.value)
    assert not isinstance(raised.value, WeightsMissing)


def test_a_hash_is_computed_once_and_again_after_a_change(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = put(folder / "net.pth")
    hashed: list[Path] = []
    compute = files.sha256_of

    def count(path: Path) -> str:
        hashed.append(path)
        return compute(path)

    monkeypatch.setattr(files, "sha256_of", count)
    weights.locate("net")
    weights.locate("net")
    assert len(hashed) == 1
    put(path, CONTENT[::-1])
    os.utime(path, ns=(1, 1))
    with pytest.raises(UserError, match="is not the published file"):
        weights.locate("net")
    assert len(hashed) == 2


def test_verify_does_not_trust_size_and_time(folder: Path) -> None:
    path = put(folder / "net.pth")
    weights.locate("net")
    stat = path.stat()
    put(path, CONTENT[::-1])
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    row = next(row for row in weights.verify() if row.name == "net")
    assert row.verified is False
    assert row.problem is not None


@pytest.mark.parametrize("broken", [b"{not json", b"[1, 2]"])
def test_a_broken_record_of_hashes_is_made_anew(folder: Path, broken: bytes) -> None:
    put(folder / "net.pth")
    put(folder / "hashes.json", broken)
    weights.locate("net")
    assert json.loads((folder / "hashes.json").read_text())


def test_a_broken_record_of_what_was_added_is_not_passed_over(folder: Path) -> None:
    put(folder / "net.pth")
    put(folder / "added.json", b"{not json")
    with pytest.raises(UserError, match=r"added\.json is damaged"):
        weights.locate("net")


def test_an_added_file_is_used_and_never_called_published(folder: Path, tmp_path: Path) -> None:
    put(folder / "net.pth")
    own = put(tmp_path / "mine.pth", b"mine")
    located = weights.add("net", own)
    assert located == weights.locate("net")
    assert located.path.read_bytes() == b"mine"
    assert located.path.parent == folder
    assert not located.published
    sha256 = hashlib.sha256(b"mine").hexdigest()
    assert located.note == f"net: weights are not the published file (sha256 {sha256})"
    assert own.exists()
    assert (folder / "net.pth").read_bytes() == CONTENT


def test_an_added_file_that_changed_or_went_is_an_error(tmp_path: Path) -> None:
    located = weights.add("net", put(tmp_path / "mine.pth", b"mine"))
    put(located.path, b"other")
    with pytest.raises(UserError, match="is not what was added"):
        weights.locate("net")
    located.path.unlink()
    with pytest.raises(WeightsMissing, match=r"the added file .* is gone"):
        weights.locate("net")


def test_the_published_file_can_be_added_by_hand(folder: Path, tmp_path: Path) -> None:
    mine = weights.add("net", put(tmp_path / "mine.pth", b"mine"))
    located = weights.add("net", put(tmp_path / "download.bin"))
    assert located == Located("net", folder / "net.pth", SHA256, published=True)
    assert not mine.path.exists()


def test_adding_again_replaces(folder: Path, tmp_path: Path) -> None:
    first = weights.add("net", put(tmp_path / "a.pth", b"a"))
    assert weights.add("net", first.path) == first
    second = weights.add("net", put(tmp_path / "b.pth", b"b"))
    assert weights.locate("net") == second
    assert not first.path.exists()


def test_adding_nothing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no file"):
        weights.add("net", tmp_path / "nowhere.pth")


def test_fetch(online: Server, folder: Path) -> None:
    located = weights.fetch("net")
    assert located == Located("net", folder / "net.pth", SHA256, published=True)
    assert located.path.read_bytes() == CONTENT
    weights.fetch("net")
    assert len(online.asked) == 1, "downloaded although it was there"
    assert not list(folder.glob("*.part"))


def test_fetch_goes_on_where_it_stopped(online: Server, folder: Path) -> None:
    online.stop_after = 100_000
    with pytest.raises(UserError, match=r"downloading net\.pth .* failed"):
        weights.fetch("net")
    kept = (folder / "net.pth.part").stat().st_size
    assert 0 < kept <= 100_000
    online.stop_after = None
    assert weights.fetch("net").published
    assert online.asked[-1] == f"bytes={kept}-"


def test_fetch_starts_over_where_the_server_cannot_go_on(online: Server, folder: Path) -> None:
    put(folder / "net.pth.part", b"something else")
    online.ranges = False
    assert weights.fetch("net").path.read_bytes() == CONTENT


def test_what_was_whole_before_it_was_checked_is_used(online: Server, folder: Path) -> None:
    put(folder / "net.pth.part")
    assert weights.fetch("net").published
    assert online.asked == [f"bytes={len(CONTENT)}-"]


@pytest.fixture
def mirrored(monkeypatch: pytest.MonkeyPatch, entry: Weights) -> Iterator[tuple[Server, Server]]:
    """An address and its mirror."""
    with serving(CONTENT) as first, serving(CONTENT) as second:
        urls = {"url": first.url, "mirrors": (second.url,)}
        monkeypatch.setattr(catalogue, "CATALOGUE", {"net": Weights(**{**vars(entry), **urls})})
        yield first, second


def test_a_mirror_is_not_asked_without_need(mirrored: tuple[Server, Server]) -> None:
    assert weights.fetch("net").published
    assert not mirrored[1].asked


@pytest.mark.parametrize("fault", [{"status": 403}, {"body": b"<html>log in first</html>"}])
def test_a_mirror_has_what_the_first_address_has_not(
    fault: dict[str, object], mirrored: tuple[Server, Server], folder: Path
) -> None:
    vars(mirrored[0]).update(fault)
    assert weights.fetch("net").published
    assert not list(folder.glob("*.part"))


def test_every_address_that_failed_is_named_with_its_reason(
    mirrored: tuple[Server, Server], folder: Path
) -> None:
    first, second = mirrored
    first.status, second.stop_after = 404, 100_000
    with pytest.raises(UserError) as raised:
        weights.fetch("net")
    said = str(raised.value).splitlines()
    assert said[0] == "net: downloading net.pth (0 MB) failed:"
    assert said[1].startswith(f"  {first.url}: 404 Client Error")
    assert said[2].startswith(f"  {second.url}: ")
    assert f"put {first.url} into {folder}" in said[3]


def test_each_address_goes_on_with_its_own_part(
    mirrored: tuple[Server, Server], folder: Path
) -> None:
    first, second = mirrored
    put(folder / "net.pth.part", bytes(1000))  # of another file
    first.status = 500
    second.stop_after = 100_000
    with pytest.raises(UserError, match="downloading"):
        weights.fetch("net")
    kept = (folder / "net.pth.1.part").stat().st_size
    second.stop_after = None
    assert weights.fetch("net").published
    assert second.asked[-1] == f"bytes={kept}-"
    assert kept > 0
    assert not list(folder.glob("*.part"))


def test_fetch_refuses_what_is_not_the_file(online: Server, folder: Path) -> None:
    online.body = b"<html>log in first</html>"
    with pytest.raises(UserError, match="is not the published file"):
        weights.fetch("net")
    assert not list(folder.glob("net*"))


def test_fetch_takes_the_place_of_an_added_file(online: Server, tmp_path: Path) -> None:
    mine = weights.add("net", put(tmp_path / "mine.pth", b"mine"))
    assert weights.fetch("net").published
    assert not mine.path.exists()


def test_fetch_uses_torch_hubs_copy(online: Server, tmp_path: Path) -> None:
    put(hub(tmp_path))
    assert weights.fetch("net").path == hub(tmp_path)
    assert not online.asked


def test_fetch_reports_progress(online: Server) -> None:
    from rich.progress import Progress

    from p2lbench.cli.weights import _Bar

    with Progress(disable=True) as progress:
        weights.fetch("net", progress=_Bar(progress, "net"))
    (task,) = progress.tasks
    assert task.completed == task.total == len(CONTENT)


def test_fetch_without_a_network_says_what_to_do_by_hand(folder: Path) -> None:
    with pytest.raises(UserError, match=r"downloading net\.pth") as raised:
        weights.fetch("net")
    message = str(raised.value)
    assert f"by hand: put http://127.0.0.1:9/net.pth into {folder}" in message


def test_listing(folder: Path, tmp_path: Path) -> None:
    def row() -> weights.Row:
        return next(row for row in weights.listing() if row.name == "net")

    missing = row()
    assert (missing.present, missing.verified, missing.path) == (False, None, None)
    assert missing.size == len(CONTENT)
    assert missing.url
    assert missing.purpose == "a test"
    put(folder / "net.pth")
    assert (row().present, row().verified, row().origin) == (True, True, "download")
    weights.add("net", put(tmp_path / "mine.pth", b"mine"))
    assert (row().present, row().verified, row().origin) == (True, False, "added")


def test_what_comes_with_the_package_is_found_under_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = put(tmp_path / "model.safetensors")
    monkeypatch.setattr(zoo, "weights", lambda name: file)
    name = zoo.NAMES[0]
    monkeypatch.setattr(zoo, "sha256", lambda name: SHA256)
    assert weights.locate(name) == Located(name, file, SHA256, published=True)
    assert weights.fetch(name) == weights.locate(name)
    with pytest.raises(UserError, match="come with the package"):
        weights.add(name, file)
    row = weights.listing()[0]
    assert (row.name, row.origin, row.verified) == (name, "package", True)
    file.unlink()
    with pytest.raises(WeightsMissing, match="reinstall"):
        weights.locate(name)


def test_the_folder_defaults_to_the_platforms_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(weights.FOLDER_VARIABLE)
    assert weights.folder().parts[-2:] == ("p2lbench", "weights")


def test_a_folder_that_cannot_be_written_is_no_obstacle(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(folder / "net.pth")

    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(files, "write", refuse)
    assert weights.locate("net").published


def real(monkeypatch: pytest.MonkeyPatch) -> list[Weights]:
    monkeypatch.undo()
    return list(catalogue.CATALOGUE.values())


def test_a_file_that_cannot_be_read_is_said(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def digest(*_: object) -> None:
        raise OSError(5, "Input/output error")

    (tmp_path / "net.pth").write_bytes(b"x")
    monkeypatch.setattr(hashlib, "file_digest", digest)
    for name in ("net", "biggan-deep-128"):
        with pytest.raises(UserError, match=r"net\.pth cannot be read: .*Input/output error"):
            weights.add(name, tmp_path / "net.pth")
    folder.mkdir(exist_ok=True)
    (folder / "net.pth").write_bytes(b"x")
    with pytest.raises(UserError, match=r"net\.pth cannot be read: .*Input/output error"):
        weights.locate("net")


@pytest.mark.parametrize("name", ["added.json", files.HASHES])
def test_records_that_cannot_be_read_or_deleted_are_said(name: str, folder: Path) -> None:
    (folder / name).mkdir(parents=True)
    with pytest.raises(UserError, match=rf"{name} cannot be "):
        weights.verify()


def test_the_real_catalogue_follows_torchvisions_naming(monkeypatch: pytest.MonkeyPatch) -> None:
    for entry in real(monkeypatch):
        entry.check()
        assert entry.url.endswith(entry.filename)
        assert entry.size > 1e6
        if not entry.kind:
            prefix = re.fullmatch(r".*-([0-9a-f]{8})\.pth", entry.filename)
            assert prefix
            assert entry.sha256.startswith(prefix[1])
            assert len(entry.sha256) == 64 or entry.sha256 == prefix[1]


def test_the_real_catalogue_has_the_published_generators(monkeypatch: pytest.MonkeyPatch) -> None:
    from p2lbench.generators.biggan.config import PUBLISHED
    from p2lbench.generators.biggan.names import shapes

    found = {entry.name: entry for entry in real(monkeypatch) if entry.kind == "biggan-deep"}
    assert found.keys() == PUBLISHED.keys()
    for name, entry in found.items():
        assert entry.size == 4 * sum(prod(shape) for shape in shapes(PUBLISHED[name]).values())
        assert not entry.sha256
