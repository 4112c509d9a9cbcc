"""Reading Fashion-MNIST: what it gives, and what it says about bad files."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

from p2lbench.zoo import fmnist


def idx(array: np.ndarray) -> bytes:
    header = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
    return header + array.astype(np.uint8).tobytes()


def write_dataset(folder: Path, photos: int, labels: int, prefix: str = "t10k") -> None:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (photos, 28, 28))
    images = gzip.compress(idx(pixels))
    (folder / f"{prefix}-images-idx3-ubyte.gz").write_bytes(images)
    kinds = np.arange(labels) % 10
    (folder / f"{prefix}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(kinds)))


def test_photos_are_padded_with_black(tmp_path: Path) -> None:
    write_dataset(tmp_path, 12, 12)
    photos = fmnist.load("test", tmp_path)
    assert len(photos) == 12
    assert photos.pixels.shape == (12, 32, 32)
    assert photos.pixels[:, :2].max() == 0
    assert photos.pixels[:, 2:30, 2:30].max() > 0
    assert photos.labels.tolist() == [k % 10 for k in range(12)]


def test_train_and_tune_share_no_photo(tmp_path: Path) -> None:
    n = fmnist.TUNE_PHOTOS + 7
    write_dataset(tmp_path, n, n, prefix="train")
    train, tune = fmnist.load("train", tmp_path), fmnist.load("tune", tmp_path)
    assert train.indices.tolist() == list(range(7))
    assert tune.indices.tolist() == list(range(7, n))
    assert len(tune) == len(tune.pixels) == len(tune.labels) == fmnist.TUNE_PHOTOS


def test_environment_names_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_dataset(tmp_path, 3, 3)
    monkeypatch.setenv("P2LBENCH_FMNIST", str(tmp_path))
    assert len(fmnist.load("test")) == 3


def test_images_span_minus_one_to_one() -> None:
    pixels = np.array([[[0, 255], [51, 204]]], np.uint8)
    images = fmnist.to_images(pixels)
    assert images.shape == (1, 3, 2, 2)
    assert images[0, 2].flatten().tolist() == pytest.approx([-1.0, 1.0, -0.6, 0.6])


def test_unpacked_files_are_read(tmp_path: Path) -> None:
    array = np.arange(24).reshape(2, 3, 4)
    path = tmp_path / "plain-idx3-ubyte"
    path.write_bytes(idx(array))
    assert (fmnist.read_idx(path, 3) == array).all()


def test_missing_folder_says_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(fmnist.DatasetError, match="apt-get install dataset-fashion-mnist"):
        fmnist.load("test", tmp_path / "nowhere")


def test_missing_file_says_which(tmp_path: Path) -> None:
    with pytest.raises(fmnist.DatasetError, match="t10k-images-idx3-ubyte.gz"):
        fmnist.load("test", tmp_path)


GOOD = idx(np.zeros((2, 28, 28)))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "cannot be read|too short"),
        (b"this is no gzip file at all", "cannot be read"),
        (gzip.compress(GOOD)[:-9], "cannot be read"),
        (gzip.compress(GOOD[:9]), "too short"),
        (gzip.compress(GOOD[:-1]), "cut short"),
        (gzip.compress(GOOD + b"x"), "promises 1568"),
        (gzip.compress(b"gibberish gibberish"), "starts with 67696262, expected 00000803"),
        (gzip.compress(idx(np.zeros(9))), "starts with 00000801"),
        (gzip.compress(struct.pack(">HBB3I", 0, 8, 3, *[0xFFFFFFFF] * 3)), "promises"),
    ],
)
def test_damaged_files_are_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "t10k-images-idx3-ubyte.gz"
    path.write_bytes(content)
    with pytest.raises(fmnist.DatasetError, match=message) as caught:
        fmnist.read_idx(path, 3)
    assert str(path) in str(caught.value)


def test_other_sizes_and_counts_are_refused(tmp_path: Path) -> None:
    with pytest.raises(fmnist.DatasetError, match=r"expected \(28, 28\)"):
        fmnist.pad(np.zeros((1, 27, 28), np.uint8))
    write_dataset(tmp_path, 4, 5)
    with pytest.raises(fmnist.DatasetError, match="4 t10k images but 5 labels"):
        fmnist.load("test", tmp_path)


def test_unknown_labels_are_refused(tmp_path: Path) -> None:
    write_dataset(tmp_path, 3, 3)
    labels = gzip.compress(idx(np.array([0, 1, 10])))
    (tmp_path / "t10k-labels-idx1-ubyte.gz").write_bytes(labels)
    with pytest.raises(fmnist.DatasetError, match="label 10"):
        fmnist.load("test", tmp_path)
