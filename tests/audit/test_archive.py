"""`p2lbench export --to archive` and `import`: the same folder elsewhere, and nothing else."""

from __future__ import annotations

import hashlib
import io
import json
import sqlite3
import stat
import zipfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from audit.folders import cells, file, replaced, sql, verified
from e2e.kit import called, records

from p2lbench import archive
from p2lbench.errors import UserError
from p2lbench.images import pixel_digest
from p2lbench.plan import Image
from p2lbench.store import Store

Files = dict[str, bytes]


@pytest.fixture(scope="module")
def packed(original: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("packed") / "s.zip"
    done = called("export", original, "--to", "archive", "-o", path)
    assert (done.code, done.out) == (0, "")
    return path


def unpacked(path: Path) -> tuple[dict[str, Any], Files]:
    with zipfile.ZipFile(path) as content:
        files = {name: content.read(name) for name in content.namelist()}
    return json.loads(files.pop("manifest.json")), files


def told(files: Files) -> dict[str, Any]:
    return {
        name: {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        for name, data in files.items()
    }


def repacked(path: Path, manifest: Any, files: Files) -> Path:
    other = path.with_name("other.zip")
    with zipfile.ZipFile(other, "w", zipfile.ZIP_DEFLATED) as content:
        if manifest is not None:
            content.writestr("manifest.json", json.dumps(manifest))
        for name, data in files.items():
            content.writestr(name, data)
    return other


def refused(path: Path, results: Path, said: str) -> None:
    """Exit code 2, why, and nothing left behind."""
    done = called("import", path, "--results", results, "--json")
    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert "Traceback" not in done.err
    assert not results.exists()


def test_a_folder_comes_back_whole(original: Path, packed: Path, tmp_path: Path) -> None:
    done = called("import", packed, "--results", tmp_path / "results", "--json")
    assert done.code == 0
    folder = tmp_path / "results" / "s"
    assert done.json["results"] == str(folder)
    assert records(folder) == records(original)
    assert called("leaderboard", folder).out == called("leaderboard", original).out
    (tmp_path / "tiny.py").write_bytes((original.parents[1] / "tiny.py").read_bytes())
    assert verified(folder).json["cells"]["verified"] == 8
    assert [path.name for path in (tmp_path / "results").iterdir()] == ["s"]


def test_masks_that_shrink_a_lot_come_back(tmp_path: Path) -> None:
    pixels, mask = np.zeros((2400, 2400, 3), np.uint8), np.ones((2400, 2400), np.float32)
    image = Image("a", Path(), pixel_digest(pixels), mask_digest=pixel_digest(mask))
    with Store.create_or_open(tmp_path / "s", "s") as store:
        store.put_image(image, pixels, mask)
        store.set_images([image])
    archive.write(tmp_path / "s", tmp_path / "s.zip")
    found = archive.read(tmp_path / "s.zip", tmp_path / "results")
    with Store.open_read(found.folder) as store:
        assert np.array_equal(store.images()["a"].mask, mask)


def test_the_same_folder_gives_the_same_file(original: Path, packed: Path, tmp_path: Path) -> None:
    archive.write(original, tmp_path / "again.zip")
    assert (tmp_path / "again.zip").read_bytes() == packed.read_bytes()


def test_nothing_is_overwritten(packed: Path, original: Path, tmp_path: Path) -> None:
    (tmp_path / "s").mkdir()
    done = called("import", packed, "--results", tmp_path)
    assert (done.code, list(tmp_path.iterdir())) == (2, [tmp_path / "s"])
    before = packed.read_bytes()
    assert called("export", original, "--to", "archive", "-o", packed).code == 2
    assert packed.read_bytes() == before


def test_a_writer_at_work_does_not_tear_it(folder: Path, tmp_path: Path) -> None:
    """What is committed is in it; what a run is about to commit is not."""
    with closing(sqlite3.connect(folder / "results.db", isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("DELETE FROM records")
        archive.write(folder, tmp_path / "s.zip")
        writer.execute("ROLLBACK")
    assert len(records(archive.read(tmp_path / "s.zip", tmp_path / "r").folder)) == 8


def test_files_that_are_not_the_records_are_not_packed(folder: Path, tmp_path: Path) -> None:
    (folder / "latents" / f"{cells(folder)[0]}.safetensors").write_bytes(b"other")
    (folder / "notes.txt").write_text("mine")
    done = called("export", folder, "--to", "archive", "-o", tmp_path / "s.zip")
    assert (done.code, (tmp_path / "s.zip").exists()) == (2, False)
    assert "differs from what the run stored" in done.err
    replaced(folder, "latents", cells(folder)[0], b"other")
    archive.write(folder, tmp_path / "s.zip")
    assert "notes.txt" not in unpacked(tmp_path / "s.zip")[1]


NAMES = [
    "../evil.txt",
    "/etc/evil",
    "latents/../../evil",
    "latents\\..\\evil.safetensors",
    "C:evil",
    "notes.txt",
    "latents/",
    "latents/xyz.safetensors",
    "report.html",
    "targets/ab.png",
    "suite.yaml\n",
]


@pytest.mark.parametrize("name", NAMES)
def test_names_of_no_results_folder_are_refused(packed: Path, tmp_path: Path, name: str) -> None:
    manifest, files = unpacked(packed)
    files[name] = b"x"
    path = repacked(tmp_path / "x", {**manifest, "files": told(files)}, files)
    refused(path, tmp_path / "r", "is no file of a results folder")
    assert not (tmp_path / "evil.txt").exists()


def test_links_encrypted_and_double_names_are_refused(packed: Path, tmp_path: Path) -> None:
    manifest, files = unpacked(packed)
    path = tmp_path / "link.zip"
    with zipfile.ZipFile(path, "w") as content:
        content.writestr("manifest.json", json.dumps(manifest))
        link = zipfile.ZipInfo("suite.yaml")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        content.writestr(link, "/etc/passwd")
    refused(path, tmp_path / "r", "is a link, encrypted or packed otherwise")
    path = repacked(tmp_path / "x", manifest, files)
    with pytest.warns(UserWarning, match="Duplicate name"), zipfile.ZipFile(path, "a") as content:
        content.writestr("suite.yaml", "other")
    refused(path, tmp_path / "r", "a name comes twice")


Edit = Callable[[Any, Files], None]


def _more(manifest: Any, files: Files) -> None:
    files["latents/ab.safetensors"] = b"x"


def _fewer(manifest: Any, files: Files) -> None:
    files.pop("suite.yaml")


def _other(manifest: Any, files: Files) -> None:
    files["suite.yaml"] = files["suite.yaml"].swapcase()


def _longer(manifest: Any, files: Files) -> None:
    files["suite.yaml"] += b" "


def _version(manifest: Any, files: Files) -> None:
    manifest["schema"] = 1


def _suite(manifest: Any, files: Files) -> None:
    manifest["suite"] = "../other"


def _wrong(manifest: Any, files: Files) -> None:
    manifest["files"] = [1]


def _negative(manifest: Any, files: Files) -> None:
    manifest["files"]["suite.yaml"]["size"] = -1


def _points(manifest: Any, files: Files) -> None:
    name = next(name for name in files if name.startswith("latents/"))
    files[name] = b"x"
    manifest["files"] = told(files)


def _lost(manifest: Any, files: Files) -> None:
    files.pop(next(name for name in files if name.startswith("targets/")))
    manifest["files"] = told(files)


def _garbage(manifest: Any, files: Files) -> None:
    files["results.db"] = b"x" * 5000
    manifest["files"] = told(files)


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (_more, "its files are not those of its manifest.json"),
        (_fewer, "its files are not those of its manifest.json"),
        (_other, "suite.yaml is not what manifest.json says"),
        (_longer, "not of the size"),
        (_version, "written in format"),
        (_suite, "of another suite"),
        (_wrong, "cannot be read"),
        (_negative, "written in format"),
        (_points, "is missing, or not that of its record"),
        (_lost, "is missing, or not that of its record"),
        (_garbage, "damaged"),
    ],
)
def test_what_does_not_fit_is_refused(packed: Path, tmp_path: Path, edit: Edit, said: str) -> None:
    manifest, files = unpacked(packed)
    edit(manifest, files)
    refused(repacked(tmp_path / "x", manifest, files), tmp_path / "r", said)


@pytest.mark.parametrize("said", ["TRIGGER", "VIEW"])
def test_a_database_that_does_things_is_refused(
    packed: Path, folder: Path, tmp_path: Path, said: str
) -> None:
    made = {
        "TRIGGER": "CREATE TRIGGER t AFTER INSERT ON plan BEGIN DELETE FROM plan; END",
        "VIEW": "CREATE VIEW v AS SELECT 1",
    }
    sql(folder, made[said])
    manifest, files = unpacked(packed)
    files["results.db"] = (folder / "results.db").read_bytes()
    path = repacked(tmp_path / "x", {**manifest, "files": told(files)}, files)
    refused(path, tmp_path / "r", "triggers or views")


def test_a_bomb_is_refused(packed: Path, tmp_path: Path) -> None:
    manifest, files = unpacked(packed)
    files["latents/ab.safetensors"] = bytes(100_000_000)
    path = repacked(tmp_path / "x", {**manifest, "files": told(files)}, files)
    assert path.stat().st_size < 1_000_000
    refused(path, tmp_path / "r", "more than results can")


def test_what_is_no_archive_is_refused(packed: Path, tmp_path: Path) -> None:
    for content in (b"", b"no zip", packed.read_bytes()[:-300]):
        (tmp_path / "x.zip").write_bytes(content)
        refused(tmp_path / "x.zip", tmp_path / "r", "not an archive of results")
    refused(tmp_path / "nothing.zip", tmp_path / "r", "no such file")
    empty = io.BytesIO()
    zipfile.ZipFile(empty, "w").close()
    (tmp_path / "x.zip").write_bytes(empty.getvalue())
    refused(tmp_path / "x.zip", tmp_path / "r", "there is no manifest.json")
    broken = bytearray(packed.read_bytes())
    at = broken.find(b"results.db") + 500
    broken[at : at + 50] = bytes(50)
    (tmp_path / "x.zip").write_bytes(broken)
    with pytest.raises(UserError):
        archive.read(tmp_path / "x.zip", tmp_path / "r")
    assert not (tmp_path / "r").exists()


def test_pictures_and_points_are_those_that_were_packed(
    original: Path, packed: Path, tmp_path: Path
) -> None:
    folder = archive.read(packed, tmp_path).folder
    for cell in cells(original):
        for kind in ("latents", "images"):
            assert file(folder, kind, cell) == file(original, kind, cell)
