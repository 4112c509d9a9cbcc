"""Reading Fashion-MNIST: what it gives, and what it says about bad files."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from p2lbench.zoo import fmnist

Idx = Callable[[np.ndarray], bytes]
WriteDataset = Callable[..., Path]


def test_photos_are_padded_with_black(write_dataset: WriteDataset) -> None:
    photos = fmnist.load("test", write_dataset(12, 12))
    assert len(photos) == 12
    assert photos.pixels.shape == (12, 32, 32)
    assert photos.pixels[:, :2].max() == 0
    assert photos.pixels[:, 2:30, 2:30].max() > 0
    assert photos.labels.tolist() == [k % 10 for k in range(12)]


def test_train_and_tune_share_no_photo(write_dataset: WriteDataset) -> None:
    n = fmnist.TUNE_PHOTOS + 7
    folder = write_dataset(n, n, prefix="train")
    train, tune = fmnist.load("train", folder), fmnist.load("tune", folder)
    assert train.indices.tolist() == list(range(7))
    assert tune.indices.tolist() == list(range(7, n))
    assert len(tune) == len(tune.pixels) == len(tune.labels) == fmnist.TUNE_PHOTOS


def test_environment_names_the_folder(
    write_dataset: WriteDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("P2LBENCH_FMNIST", str(write_dataset(3, 3)))
    assert len(fmnist.load("test")) == 3


def test_images_span_minus_one_to_one() -> None:
    pixels = np.array([[[0, 255], [51, 204]]], np.uint8)
    images = fmnist.to_images(pixels)
    assert images.shape == (1, 3, 2, 2)
    assert images[0, 2].flatten().tolist() == pytest.approx([-1.0, 1.0, -0.6, 0.6])


def test_unpacked_files_are_read(tmp_path: Path, idx: Idx) -> None:
    array = np.arange(24).reshape(2, 3, 4)
    path = tmp_path / "plain-idx3-ubyte"
    path.write_bytes(idx(array))
    assert (fmnist.read_idx(path, 3) == array).all()


def test_missing_folder_says_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(fmnist.DatasetError, match="apt-get install dataset-fashion-mnist"):
        fmnist.load("test", tmp_path / "nowhere")


def test_missing_file_says_which(tmp_path: Path) -> None:
    with pytest.raises(fmnist.DatasetError, match=r"t10k-images-idx3-ubyte\.gz"):
        fmnist.load("test", tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "too short|cannot be read"),
        (b"this is no gzip file at all", "cannot be read"),
        (gzip.compress(bytes(99), mtime=0)[:-9], "cannot be read"),
        (gzip.compress(bytes(9), mtime=0), "9 bytes, too short"),
        (gzip.compress(b"gibberish gibberish", mtime=0), "starts with 67696262, expected 00000803"),
        (gzip.compress(struct.pack(">HBB3I", 0, 8, 3, *[0xFFFFFFFF] * 3), mtime=0), "promises"),
    ],
)
def test_damaged_files_are_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "t10k-images-idx3-ubyte.gz"
    path.write_bytes(content)
    with pytest.raises(fmnist.DatasetError, match=message) as caught:
        fmnist.read_idx(path, 3)
    assert str(path) in str(caught.value)


def test_wrong_lengths_and_axes_are_refused(tmp_path: Path, idx: Idx) -> None:
    good = idx(np.zeros((2, 28, 28)))
    path = tmp_path / "photos"
    for content, message in (
        (good[:-1], "1567 bytes of data, its header promises 1568"),
        (good + b"x", "1569 bytes of data, its header promises 1568"),
        (idx(np.zeros(99)), "starts with 00000801"),
    ):
        path.write_bytes(content)
        with pytest.raises(fmnist.DatasetError, match=message):
            fmnist.read_idx(path, 3)


def test_other_sizes_and_counts_are_refused(write_dataset: WriteDataset) -> None:
    with pytest.raises(fmnist.DatasetError, match=r"expected \(28, 28\)"):
        fmnist.pad(np.zeros((1, 27, 28), np.uint8))
    with pytest.raises(fmnist.DatasetError, match="4 t10k images but 5 labels"):
        fmnist.load("test", write_dataset(4, 5))


def test_unknown_labels_are_refused(write_dataset: WriteDataset, idx: Idx) -> None:
    folder = write_dataset(3, 3)
    labels = gzip.compress(idx(np.array([0, 1, 10])))
    (folder / "t10k-labels-idx1-ubyte.gz").write_bytes(labels)
    with pytest.raises(fmnist.DatasetError, match="label 10"):
        fmnist.load("test", folder)
