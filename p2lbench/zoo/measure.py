"""Measure the embedded models and write their cards: `python -m p2lbench.zoo.measure [NAME...]`.

Writes figures.json and, from it alone, CARD.md beside the weights; for the generator also
samples.png. Needs Fashion-MNIST; the generator's figures need the weights of both classifiers, and
the encoder's those of all three.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import scipy.linalg
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from pytorch_pretrained_biggan import BigGAN
from rich.progress import track
from torch import Tensor

from p2lbench import zoo
from p2lbench.zoo import biggan, fmnist
from p2lbench.zoo.cards import render
from p2lbench.zoo.classifiers import Classifier
from p2lbench.zoo.export import training_facts
from p2lbench.zoo.measure_encoder import measure_encoder
from p2lbench.zoo.train_classifier import accuracy

SEED = 2_000
SAMPLES = 10_000
TRUNCATIONS = (1.0, 0.5)
CHUNK = 500
SHEET_COLUMNS = 12
ENCODED = 2_000  # test photos for the encoder

Features = NDArray[np.float64]


def measure_classifier(name: str, data: str | None = None) -> dict[str, Any]:
    """Figures of a classifier: accuracy on the test and the tune photos, per class on test."""
    model, test = zoo.load_classifier(name), fmnist.load("test", data)
    return _identity(name, model) | {
        "test_accuracy": accuracy(model, test),
        "test_accuracy_by_class": {
            title: accuracy(model, _of_class(test, k)) for k, title in enumerate(fmnist.CLASSES)
        },
        "test_photos": len(test),
        "tune_accuracy": accuracy(model, fmnist.load("tune", data)),
    }


def measure_biggan(data: str | None = None, samples: int = SAMPLES) -> dict[str, Any]:
    """Figures of the generator.

    share: of the samples, those that a classifier assigns to the class asked for; frechet: the
    distance of the samples' penultimate classifier features from the test photos', with that of
    as many training photos as its floor; spread: within-class variance of those features over
    that of the test photos (below 1 the samples vary less than photos do).
    """
    model = zoo.load_biggan_fmnist()
    judges = {name: zoo.load_classifier(name) for name in zoo.CLASSIFIERS}
    test = fmnist.load("test", data)
    train = _balanced(fmnist.load("train", data), samples)
    photos = {
        name: (_describe(judge, _photos(test)), _describe(judge, _photos(train)))
        for name, judge in judges.items()
    }
    figures = _identity("biggan-fmnist", model)
    figures |= {"samples": samples, "seed": SEED, "test_photos": len(test), "truncations": {}}
    figures["floor"] = {
        name: {"frechet": frechet(seen[0][0], seen[1][0])} for name, seen in photos.items()
    }
    for truncation in TRUNCATIONS:
        drawn = list(_samples(model, samples, truncation))
        figures["truncations"][str(truncation)] = {
            name: _compare(judge, drawn, photos[name][0]) for name, judge in judges.items()
        }
    return figures


def frechet(a: Features, b: Features) -> float:
    """Fréchet distance of two sets of features (n, c), each taken as a Gaussian.

    |mean difference|^2 + trace(A + B - 2 sqrt(A B)); Heusel et al. (NeurIPS 2017), eq. 6.
    """
    shift = a.mean(axis=0) - b.mean(axis=0)
    cov_a, cov_b = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    # sqrt(A) B sqrt(A) is symmetric and has the eigenvalues of A B.
    root = _root(cov_a)
    eigenvalues = scipy.linalg.eigvalsh(root @ cov_b @ root)
    cross = np.sqrt(eigenvalues.clip(min=0)).sum()
    return float(shift @ shift + np.trace(cov_a) + np.trace(cov_b) - 2 * cross)


def sample_sheet(model: BigGAN, truncation: float = 1.0) -> Image.Image:
    """One row of samples per class, its name to the left."""
    rng = torch.Generator().manual_seed(SEED)
    classes, scale, margin = len(fmnist.CLASSES), 2, 90
    labels = torch.arange(classes).repeat_interleave(SHEET_COLUMNS)
    z = biggan.truncated_noise(len(labels), model.config.z_dim, truncation, rng)
    images = model(z, biggan.one_hot(labels, classes), truncation).mean(dim=1)
    cells = ((images + 1) * 127.5).round().to(torch.uint8)
    size = fmnist.SIZE
    grid = cells.reshape(classes, SHEET_COLUMNS, size, size).permute(0, 2, 1, 3)
    picture = Image.fromarray(grid.reshape(classes * size, SHEET_COLUMNS * size).numpy())
    larger = (picture.width * scale, picture.height * scale)
    picture = picture.resize(larger, Image.Resampling.NEAREST)
    sheet = Image.new("L", (picture.width + margin, picture.height), 255)
    sheet.paste(picture, (margin, 0))
    draw = ImageDraw.Draw(sheet)
    for row, title in enumerate(fmnist.CLASSES):
        draw.text((6, (row + 0.4) * size * scale), title, fill=0)
    return sheet


def write(name: str, figures: dict[str, Any], out: Path) -> None:
    """Write figures.json, and CARD.md from it."""
    text = json.dumps(figures, indent=1, sort_keys=True)
    (out / "figures.json").write_text(text + "\n", encoding="utf-8")
    (out / "CARD.md").write_text(render(name, figures), encoding="utf-8")


def _identity(name: str, model: torch.nn.Module) -> dict[str, Any]:
    path = zoo.weights(name)
    return {
        "parameters": sum(p.numel() for p in model.parameters()),
        "bytes": path.stat().st_size,
        "sha256": zoo.sha256(name),
        "training": training_facts(path),
    }


def _compare(
    judge: Classifier,
    batches: Iterable[tuple[Tensor, Tensor]],
    photos: tuple[Features, NDArray[np.int64], NDArray[np.int64]],
) -> dict[str, Any]:
    features, labels, guesses = _describe(judge, batches)
    right = guesses == labels
    return {
        "share": float(right.mean()),
        "share_by_class": {
            title: float(right[labels == k].mean()) for k, title in enumerate(fmnist.CLASSES)
        },
        "frechet": frechet(features, photos[0]),
        "spread": _spread(features, labels) / _spread(photos[0], photos[1]),
    }


@torch.no_grad()
def _describe(
    judge: Classifier, batches: Iterable[tuple[Tensor, Tensor]]
) -> tuple[Features, NDArray[np.int64], NDArray[np.int64]]:
    """Penultimate features (n, c), labels (n,) and the judge's guesses (n,)."""
    features, labels, guesses = [], [], []
    for images, asked in batches:
        seen = judge.embedding(images)
        features.append(seen)
        labels.append(asked)
        guesses.append(judge.head(seen).argmax(dim=1))
    return (
        torch.cat(features).double().numpy(),
        torch.cat(labels).numpy(),
        torch.cat(guesses).numpy(),
    )


def _samples(model: BigGAN, n: int, truncation: float) -> Iterator[tuple[Tensor, Tensor]]:
    rng = torch.Generator().manual_seed(SEED)
    classes = model.config.num_classes
    batches = torch.split(biggan.balanced_labels(n, classes), CHUNK)
    for labels in track(batches, f"truncation {truncation}"):
        z = biggan.truncated_noise(len(labels), model.config.z_dim, truncation, rng)
        yield model(z, biggan.one_hot(labels, classes), truncation), labels


def _photos(photos: fmnist.Photos) -> Iterator[tuple[Tensor, Tensor]]:
    labels = torch.from_numpy(photos.labels)
    for picks in torch.split(torch.arange(len(photos)), CHUNK):
        yield fmnist.to_images(photos.pixels[picks.numpy()]), labels[picks]


def _pick(photos: fmnist.Photos, picks: NDArray[np.int64]) -> fmnist.Photos:
    return fmnist.Photos(photos.pixels[picks], photos.labels[picks], photos.indices[picks])


def _of_class(photos: fmnist.Photos, label: int) -> fmnist.Photos:
    return _pick(photos, np.flatnonzero(photos.labels == label))


def _balanced(photos: fmnist.Photos, n: int) -> fmnist.Photos:
    """The first n photos with as many of each class."""
    each = n // len(fmnist.CLASSES)
    classes = range(len(fmnist.CLASSES))
    picks = [np.flatnonzero(photos.labels == label)[:each] for label in classes]
    return _pick(photos, np.concatenate(picks))


def _spread(features: Features, labels: NDArray[np.int64]) -> float:
    kinds = np.unique(labels)
    return float(np.mean([features[labels == label].var(axis=0).sum() for label in kinds]))


def _root(covariance: Features) -> Features:
    values, vectors = scipy.linalg.eigh(covariance)
    root: Features = (vectors * np.sqrt(values.clip(min=0))) @ vectors.T
    return root


def main(arguments: list[str] | None = None) -> None:
    """Command line; see --help."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=zoo.NAMES, metavar="NAME")
    parser.add_argument("--data", help="folder of the idx files (default: the Debian package's)")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    for name in options.names:
        out = zoo.folder(name)
        if name == "biggan-fmnist":
            figures = measure_biggan(options.data)
            sample_sheet(zoo.load_biggan_fmnist()).save(out / "samples.png", optimize=True)
        elif name in zoo.ENCODERS:
            photos = _balanced(fmnist.load("test", options.data), ENCODED)
            figures = _identity(name, zoo.load_encoder(name)) | measure_encoder(photos)
        else:
            figures = measure_classifier(name, options.data)
        write(name, figures, out)


if __name__ == "__main__":
    main()
