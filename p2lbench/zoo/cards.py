"""The embedded models' cards, rendered from their figures alone so that they cannot drift."""

from __future__ import annotations

from typing import Any

from p2lbench.zoo import fmnist

DATA = """\
Fashion-MNIST: photos of clothes by Zalando SE (2017), MIT licence, from Debian's package
`dataset-fashion-mnist`; 28x28 grey pixels surrounded with black to 32x32 and repeated to three
channels, range [-1, 1]."""

SPLIT = f"""\
Trained on the first 55,000 training photos. **Not** trained on the 10,000 test photos, nor on the
last {fmnist.TUNE_PHOTOS:,} training photos (indices 55,000 to 59,999), the source of the `tune`
split. Nothing was chosen by the test photos."""

STARTS = ("encoder", "encoder with noise", "z = 0", "random z")
METRICS = ("l1", "percep-fmnist", "percep-fmnist-heldout")

LICENCE = "Weights: MIT, as p2lbench. Data: MIT, Zalando SE 2017."

CLASSIFIER = """\
# {name}

{what}

## Data
{data}

{split}

## Training
`python -m p2lbench.zoo.train_classifier {name} --out DIR{flags}`: seed {seed}, {epochs} epochs,
batch {batch}, AdamW with cosine decay from {lr}, photos shifted by up to {shift} pixels{flip};
{minutes:.0f} minutes on one core of a shared machine. Then
`python -m p2lbench.zoo.export {name} DIR/checkpoint.pt` and
`python -m p2lbench.zoo.measure {name}`.

## Figures
{parameters:,} parameters, {megabytes:.2f} MB, SHA-256 `{sha256}`.

| photos | accuracy |
|---|---|
| test ({test_photos:,}) | {test_accuracy:.4f} |
| tune ({tune_photos:,}) | {tune_accuracy:.4f} |

| class | accuracy on test |
|---|---|
{by_class}

## Limits
It knows ten kinds of clothes on black, 32x32. Off that domain its logits and distances mean
nothing. It is not LPIPS: its features are not fitted to human judgements, and its distances are not
comparable with LPIPS values. It takes colours, but has seen none: its response to colour
differences is that of its initialisation.{limit}

## Licence
{licence}
"""

WHAT = {
    "percep-fmnist": """\
A small Fashion-MNIST classifier (`FashionNet`: 3x3 convolutions, batch norm, SiLU, average
pooling). It predicts the class for the `predicted` initialisation, and its four stages are the
trunk of the perceptual distance `percep-fmnist`.""",
    "percep-fmnist-heldout": """\
A small Fashion-MNIST classifier (`FashionNetHeldout`: residual blocks, group norm, GELU, strided
convolutions). Its four stages are the trunk of the perceptual distance `percep-fmnist-heldout`.
It differs from `percep-fmnist` in architecture and seed, so that a method that exploits the one
does not automatically please the other.""",
}

LIMIT = {
    "percep-fmnist": "",
    "percep-fmnist-heldout": " As a held-out metric it must not be optimised; both networks\n"
    "learnt from the same photos, so they are not independent judges.",
}

BIGGAN = """\
# biggan-fmnist

A small class-conditional BigGAN-deep for 32x32 images of clothes, loaded as a
`pytorch_pretrained_biggan.BigGAN` with its own `BigGANConfig` (config.json): z {z_dim}, width
{channel_width}, ten classes, self-attention at 16x16, standing batch-norm statistics for
{n_stats} truncations. Its output has three channels; the photos it learnt from are grey.

![Samples at truncation 1, one row per class](samples.png)

## Data
{data}

{split}

## Training
`python -m p2lbench.zoo.train_gan --out DIR --iterations {iterations}{flags}`: seed {seed},
{iterations:,} iterations, batch {batch}, {discriminator_steps} discriminator steps per generator
step, hinge loss, projection discriminator of strided convolutions with spectral norm (width
{width}), Adam {lr_generator} (generator) and {lr_discriminator} (discriminator) with betas {betas},
z ~ N(0, 1), averaged generator weights (decay {ema}); {hours:.1f} hours on one to two cores of a
shared machine.
Another number of threads or kind of processor gives other weights of the same kind; the shipped
ones come from a run that was resumed several times, with one or two threads, and whose first 1,250
iterations drew the discriminator's images in two batches instead of one. The command repeats the
recipe, not the bytes. The number of iterations was set by the time there was. Then
`python -m p2lbench.zoo.export biggan-fmnist DIR/checkpoint.pt`, which measures the standing
statistics on {statistics_samples:,} samples per truncation, and
`python -m p2lbench.zoo.measure biggan-fmnist`.

## Figures
{parameters:,} parameters, {megabytes:.2f} MB, SHA-256 `{sha256}`. {samples:,} samples per
truncation, as many of each class, seed {measure_seed}, against the {test_photos:,} test photos.

| truncation | classifier | share assigned to the asked class | Fréchet distance | spread |
|---|---|---|---|---|
{rows}
| (training photos) | percep-fmnist | | {floor:.3f} | |
| (training photos) | percep-fmnist-heldout | | {floor_heldout:.3f} | |

The Fréchet distance is that of the classifier's penultimate features from the test photos';
{samples:,} training photos against the test photos are its floor. It is not FID (no Inception
features) and compares only with itself. Spread is the within-class variance of those features over
that of the test photos.

| class | share at truncation 1 (percep-fmnist) |
|---|---|
{by_class}

## Limits
- A generator for trying out and testing optimizers where nothing can be downloaded. **Nothing
  measured on it may be claimed of BigGAN-256** or of natural images: not rankings, not step sizes.
- The classifiers that judge it learnt from the same photos as it did.
- It does not reach every photo: projecting a test photo ends at an error greater than zero.
- `pytorch_pretrained_biggan` interpolates standing statistics between truncation entries with
  reversed weights. Neighbouring entries differ little here, so this is harmless; at multiples of
  0.02 it does not matter up to rounding.

## Licence
{licence}
"""

ENCODER = """\
# encoder-fmnist

A small convolutional encoder of `biggan-fmnist`: from an image and its class vector to the z that
would make it. The class enters through conditional batch norm, as scales and shifts that are linear
in the class vector. It is the init `encoder`. Stored as float16, used as float32.

## Data
Samples of `biggan-fmnist` alone, at truncation 1, as many of each class, z ~ N(0, 1) cut to
[-2, 2], rounded to 8 bits of grey as in a file. No photo was used. The generator learnt from
Fashion-MNIST's training photos; see its card.

## Training
`python -m p2lbench.zoo.train_encoder --out DIR --shards {shards} --epochs {epochs}{flags}`: mean
squared error of z; {samples:,} samples, seen {seen} times each; seeds {seed} (weights, order) and
{seed} to {last_seed} (samples, {shard:,} each); batch {batch}, AdamW with cosine decay from {lr}.
{minutes:.0f} minutes of learning on one core of a shared machine, and about half as long to draw
the samples. Then `python -m p2lbench.zoo.export encoder-fmnist DIR/checkpoint.pt` and
`python -m p2lbench.zoo.measure encoder-fmnist`. Its length was set by the time there was.

## Figures
{parameters:,} parameters, {megabytes:.2f} MB, SHA-256 `{sha256}`.

On {drawn:,} samples that it was not trained on (seed {measure_seed}): mean squared error of z
{mse:.4f}, where guessing 0 makes {mse_of_zero:.4f}. It explains {mean_r2:.1%} of the variance of z;
of single coordinates {least_r2:.1%} to {most_r2:.1%}.

Mean error of G(z, c) against the image, c of the true class:

| images | z | l1 | percep-fmnist | percep-fmnist-heldout |
|---|---|---|---|---|
{rows}

Samples: the {drawn:,} above. Test photos: the first {each:,} of each class. The noise has the
variance 0.5, as the init adds it by default.

## Limits
- It knows `biggan-fmnist` alone, and sees images as grey.
- The squared error makes it cautious: what it cannot tell from the image it guesses near 0, so that
  its z are shorter than the generator's.
- It was trained with the ten classes' vectors. What it makes of others is untested.
- It has never seen a photo; on photos it does worse than on samples.

## Licence
Weights: MIT, as p2lbench. The generator's data: MIT, Zalando SE 2017.
"""


def render(name: str, figures: dict[str, Any]) -> str:
    """The text of a model's CARD.md from its figures.json."""
    if name == "encoder-fmnist":
        return _encoder(figures)
    return _biggan(figures) if name == "biggan-fmnist" else _classifier(name, figures)


def _classifier(name: str, figures: dict[str, Any]) -> str:
    training = figures["training"]
    settings = training["settings"]
    return CLASSIFIER.format(
        **_common(figures),
        name=name,
        what=WHAT[name],
        limit=LIMIT[name],
        epochs=training["epochs"],
        minutes=training["seconds"] / 60,
        flip=" and flipped" if settings["flip"] else "",
        tune_photos=fmnist.TUNE_PHOTOS,
        by_class=_by_class(figures["test_accuracy_by_class"]),
        **{key: settings[key] for key in ("seed", "batch", "lr", "shift")},
        **{key: figures[key] for key in ("test_photos", "test_accuracy", "tune_accuracy")},
    )


def _biggan(figures: dict[str, Any]) -> str:
    training = figures["training"]
    settings = training["settings"]
    full = figures["truncations"]["1.0"]["percep-fmnist"]
    return BIGGAN.format(
        **_common(figures),
        **settings["config"],
        **{key: value for key, value in settings.items() if key not in ("config", "bfloat16")},
        iterations=training["iteration"],
        hours=training["seconds"] / 3600,
        statistics_samples=training["statistics_samples"],
        samples=figures["samples"],
        measure_seed=figures["seed"],
        test_photos=figures["test_photos"],
        rows="\n".join(_rows(figures)),
        floor=figures["floor"]["percep-fmnist"]["frechet"],
        floor_heldout=figures["floor"]["percep-fmnist-heldout"]["frechet"],
        by_class=_by_class(full["share_by_class"]),
    )


def _encoder(figures: dict[str, Any]) -> str:
    training, r2 = figures["training"], figures["r2"]
    settings = training["settings"]
    return ENCODER.format(
        **_common(figures),
        **{key: settings[key] for key in ("shards", "epochs", "seed", "batch", "lr")},
        seen=training["epochs"],
        last_seed=settings["seed"] + settings["shards"] - 1,
        samples=training["samples"],
        shard=training["samples"] // settings["shards"],
        minutes=training["seconds"] / 60,
        drawn=figures["samples"],
        each=figures["photos"] // len(fmnist.CLASSES),
        measure_seed=figures["seed"],
        mse=figures["mse"],
        mse_of_zero=figures["mse_of_zero"],
        mean_r2=sum(r2) / len(r2),
        least_r2=min(r2),
        most_r2=max(r2),
        rows="\n".join(_starts(figures)),
    )


def _starts(figures: dict[str, Any]) -> list[str]:
    return [
        f"| {images} | {start} | {' | '.join(f'{errors[name]:.4f}' for name in METRICS)} |"
        for images, key in (("samples", "on_samples"), ("test photos", "on_photos"))
        for start in STARTS
        for errors in [figures[key][start]]
    ]


def _common(figures: dict[str, Any]) -> dict[str, Any]:
    bfloat16 = figures["training"]["settings"]["bfloat16"]
    return {
        "data": DATA,
        "split": SPLIT,
        "licence": LICENCE,
        "flags": " --bfloat16" if bfloat16 else "",
        "parameters": figures["parameters"],
        "megabytes": figures["bytes"] / 1e6,
        "sha256": figures["sha256"],
    }


def _rows(figures: dict[str, Any]) -> list[str]:
    return [
        f"| {truncation} | {judge} | {seen['share']:.4f} | {seen['frechet']:.3f} "
        f"| {seen['spread']:.2f} |"
        for truncation, judges in sorted(figures["truncations"].items(), reverse=True)
        for judge, seen in sorted(judges.items())
    ]


def _by_class(shares: dict[str, float]) -> str:
    # In the classes' own order: figures.json sorts its keys.
    return "\n".join(f"| {title} | {shares[title]:.3f} |" for title in fmnist.CLASSES)
