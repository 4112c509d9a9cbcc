"""Images and masks from untrusted files, and the `images:` of a suite."""

from __future__ import annotations

import io
import os
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from p2lbench.checks import Problems
from p2lbench.errors import UserError
from p2lbench.imagelist import Found, read_images
from p2lbench.images import fit, pixel_digest, read_image
from p2lbench.masks import Box, File
from p2lbench.yamlfile import parse

RNG = np.random.default_rng(0)
RGB = RNG.integers(0, 256, (6, 9, 3), dtype=np.uint8)


def saved(path: Path, image: Image.Image, name: str = "x.png", **options: Any) -> Path:
    image.save(path / name, **options)
    return path / name


@pytest.mark.parametrize("name", ["x.png", "x.bmp", "x.tiff", "x.webp", "x.jpg", "x.gif"])
def test_formats(tmp_path: Path, name: str) -> None:
    options = {"x.webp": {"lossless": True}}.get(name, {})
    pixels = read_image(saved(tmp_path, Image.fromarray(RGB), name, **options))
    assert pixels.shape == RGB.shape
    assert pixels.dtype == np.uint8
    if name not in ("x.jpg", "x.gif"):
        assert (pixels == RGB).all()


def test_grey_palette_and_one_bit(tmp_path: Path) -> None:
    grey = RGB[..., 0]
    for mode in ("L", "P", "1"):
        image = Image.fromarray(grey).convert(mode)
        expected = np.asarray(image.convert("RGB"))
        assert (read_image(saved(tmp_path, image)) == expected).all()


def test_sixteen_bits_are_scaled(tmp_path: Path) -> None:
    deep = np.array([[0, 128, 129, 257, 32768, 65535]], dtype=np.uint16)
    for name in ("x.png", "x.tiff"):
        pixels = read_image(saved(tmp_path, Image.fromarray(deep), name))
        assert pixels[0, :, 0].tolist() == [0, 0, 1, 1, 128, 255]


def test_orientation_is_applied(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # rotated by 90 degrees
    pixels = read_image(saved(tmp_path, Image.fromarray(RGB), exif=exif))
    assert (pixels == np.rot90(RGB, -1)).all()


def test_transparent_pixels_lie_over_black(tmp_path: Path) -> None:
    alpha = np.zeros((6, 9, 1), dtype=np.uint8)
    alpha[:3] = 255
    pixels = read_image(saved(tmp_path, Image.fromarray(np.concatenate([RGB, alpha], axis=2))))
    assert (pixels[:3] == RGB[:3]).all()
    assert (pixels[3:] == 0).all()
    palette = Image.fromarray(np.array([[0, 1]], dtype=np.uint8)).convert("P")
    palette.putpalette([255, 0, 0, 0, 255, 0])
    pixels = read_image(saved(tmp_path, palette, transparency=1))
    assert pixels.tolist() == [[[255, 0, 0], [0, 0, 0]]]


def test_an_animations_first_frame(tmp_path: Path) -> None:
    frames = [Image.new("L", (4, 4), level) for level in (10, 200)]
    file = saved(tmp_path, frames[0], "x.gif", save_all=True, append_images=frames[1:])
    assert (read_image(file) == 10).all()


def header(width: int, height: int) -> bytes:
    """A PNG that says it has this size, and has nothing."""
    data = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    out = b"\x89PNG\r\n\x1a\n"
    for kind, body in ((b"IHDR", data), (b"IDAT", zlib.compress(b"")), (b"IEND", b"")):
        out += struct.pack(">I", len(body)) + kind + body
        out += struct.pack(">I", zlib.crc32(kind + body))
    return out


def test_refusals(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo.png")
    (tmp_path / "zero.png").touch()
    (tmp_path / "text.png").write_text("this is no image")
    whole = saved(tmp_path, Image.fromarray(RGB), "whole.png").read_bytes()
    (tmp_path / "short.png").write_bytes(whole[:100])
    (tmp_path / "huge.png").write_bytes(header(8001, 8000))
    (tmp_path / "bomb.png").write_bytes(header(60_000, 60_000))
    saved(tmp_path, Image.fromarray(RGB), "x.ppm")
    saved(tmp_path, Image.fromarray(np.zeros((4, 4), np.float32)), "float.tiff")
    loop = tmp_path / "loop.png"
    loop.symlink_to(loop)
    for name, message in {
        "none.png": "no such image file",
        "": "expected an image file, got a folder",
        "fifo.png": "a device or pipe",
        "zero.png": "is empty",
        "text.png": "not an image: expected one of PNG, JPEG",
        "short.png": "damaged or cut short",
        "huge.png": "8001 x 8000 pixels: expected at most 64 megapixels",
        "bomb.png": "decompression bomb",
        "x.ppm": "not an image: expected one of",
        "float.tiff": "expected 8 or 16 bits",
        "loop.png": "cannot be read",
        "nul\0.png": "cannot be read",
    }.items():
        with pytest.raises(UserError, match=message) as caught:
            read_image(tmp_path / name)
        assert caught.value.place is not None
        assert name in str(caught.value)


WHOLE = {}
for _format in ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF"):
    _out = io.BytesIO()
    Image.fromarray(RGB).save(_out, _format)
    WHOLE[_format] = _out.getvalue()


@settings(max_examples=150, suppress_health_check=list(HealthCheck))
@given(
    st.sampled_from([*WHOLE]),
    st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=6),
    st.integers(0, 400) | st.none(),
)
def test_damaged_files_raise_nothing_but_user_errors(
    tmp_path_factory: pytest.TempPathFactory,
    kind: str,
    changes: list[tuple[int, int]],
    cut: int | None,
) -> None:
    content = bytearray(WHOLE[kind][:cut])
    for at, value in changes:
        if at < len(content):
            content[at] = value
    file = tmp_path_factory.getbasetemp() / "damaged"
    file.write_bytes(content)
    try:
        assert read_image(file).dtype == np.uint8
    except UserError as error:
        str(error)


def test_digests_depend_on_pixels_shape_and_type_alone(tmp_path: Path) -> None:
    png = pixel_digest(read_image(saved(tmp_path, Image.fromarray(RGB))))
    bmp = pixel_digest(read_image(saved(tmp_path, Image.fromarray(RGB), "x.bmp")))
    assert png == bmp == pixel_digest(np.asfortranarray(RGB))
    others: list[Any] = [RGB.reshape(9, 6, 3), RGB.astype(np.uint16), RGB ^ 1]
    assert len({png, *(pixel_digest(other) for other in others)}) == 4
    big = np.array([1.5], dtype=">f4")
    assert pixel_digest(big) == pixel_digest(big.astype("<f4"))


def test_fit() -> None:
    same = RNG.integers(0, 256, (32, 32, 3), dtype=np.uint8)
    assert (fit(same, (32, 32)) == same).all()
    wide = np.zeros((10, 30, 3), dtype=np.uint8)
    wide[:, 10:20] = 255
    assert fit(wide, (10, 10)).min() == 255  # the central square
    assert fit(wide, (5, 15)).shape == (5, 15, 3)
    assert fit(wide, (64, 48)).shape == (64, 48, 3)
    stripes = np.tile(np.array([0, 255], dtype=np.uint8), (64, 32))
    photo = np.repeat(stripes[..., None], 3, axis=2)
    assert abs(fit(photo, (8, 8)).astype(int) - 128)[2:-2, 2:-2].max() <= 2  # antialiased
    mask = fit((stripes > 0).astype(np.float32), (8, 8))
    assert mask.dtype == np.float32
    assert np.allclose(mask, 0.5, atol=0.03)
    edge = fit(np.eye(20, dtype=np.float32), (33, 33))
    assert edge.min() >= 0
    assert edge.max() <= 1


# The `images:` of a suite


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    (tmp_path / "set" / "bag").mkdir(parents=True)
    (tmp_path / "set" / "7").mkdir()
    (tmp_path / "set" / ".hidden").mkdir()
    names = ["b.png", "a.jpg", "set/z.png", "set/bag/one.png", "set/bag/two.PNG", "set/7/one.png"]
    for n, name in enumerate(names):
        Image.new("RGB", (6, 4), (40 * n, 0, 0)).save(tmp_path / name)
    (tmp_path / "set" / "notes.txt").write_text("no image")
    Image.new("L", (6, 4), 255).save(tmp_path / "mask.png")
    return tmp_path


def listed(folder: Path, text: str) -> tuple[list[Found], list[str]]:
    document, problems = parse(text, "my.yaml"), Problems()
    locate = document.within("images")
    found = read_images(document.data["images"], folder, locate, problems)
    return found, [str(error).replace(str(folder) + "/", "") for error in problems.errors]


def test_a_list_of_images(photos: Path) -> None:
    text = """\
images:
  - b.png
  - {file: a.jpg, class: 3, mask: mask.png, split: tune}
  - {file: set/z.png, class: bag, mask: {box: [0, 1, 2, 3]}, split: test}
"""
    found, errors = listed(photos, text)
    assert errors == []
    one, two, three = (f.image for f in found)
    assert (one.name, one.class_name, one.mask, one.split) == ("b", None, None, None)
    assert (two.class_name, two.mask, two.split) == (3, File(photos / "mask.png"), "tune")
    assert two.mask_digest == pixel_digest(np.ones((4, 6), dtype=np.float32))
    assert (three.class_name, three.mask, three.file) == (
        "bag",
        Box(0, 1, 2, 3),
        photos / "set/z.png",
    )
    assert one.digest == pixel_digest(read_image(photos / "b.png"))
    assert [str(f.place) for f in found] == ["my.yaml:2:5", "my.yaml:3:26", "my.yaml:4:30"]


def test_a_folder_and_its_classes(photos: Path) -> None:
    for text in ("images: {folder: set/}", "images: [{folder: set}]"):
        found, errors = listed(photos, text)
        assert errors == []
        assert [(f.image.name, f.image.class_name) for f in found] == [
            ("set/7/one.png", 7), ("set/bag/one.png", "bag"), ("two", "bag"), ("z", None)
        ]  # fmt: skip
    found, _ = listed(photos, "images: [{folder: set/bag, class: boot, split: tune}, b.png]")
    assert [(f.image.name, f.image.class_name) for f in found] == [
        ("one", "boot"), ("two", "boot"), ("b", None)
    ]  # fmt: skip


def test_a_manifest_is_relative_to_itself(photos: Path) -> None:
    (photos / "set" / "list.csv").write_text(
        "\ufefffile,class,mask,split\nz.png,3,../mask.png,test\nbag/one.png,bag,0 0 2 2,\n"
        "bag/two.PNG\n"
    )
    found, errors = listed(photos, "images: {manifest: set/list.csv}")
    assert errors == []
    assert [(f.image.name, f.image.class_name, f.image.split) for f in found] == [
        ("z", 3, "test"), ("one", "bag", None), ("two", None, None)
    ]  # fmt: skip
    assert found[1].image.mask == Box(0, 0, 2, 2)
    assert str(found[2].place).endswith("set/list.csv:4")


def test_a_manifests_truth(photos: Path) -> None:
    (photos / "list.csv").write_text("file,truth\nb.png,spatial 1 1 0.3 -2e-1; color 0.7\na.jpg,\n")
    found, errors = listed(photos, "images: {manifest: list.csv}")
    assert errors == []
    assert found[0].truth == {"spatial": [1, 1, 0.3, -0.2], "color": [0.7]}
    assert list(found[0].truth) == ["spatial", "color"]
    assert str(found[0].truth_locate("color")).endswith("list.csv:2")
    assert found[1].truth == {}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[{file: c.png}]", ["my.yaml:1:17: c.png: no such image file"]),
        ("[c.png, d.png]", ["my.yaml:1:10: c.png: no", "my.yaml:1:17: d.png: no"]),
        ("[5]", ["my.yaml:1:10: expected a path, {file: ...}, {folder: ...}, {manifest"]),
        (
            "[{fil: b.png}]",
            ["my.yaml:1:10: expected a path, {file: ...}, {folder: ...}, {manifest"],
        ),
        ("[{file: b.png, clas: 3}]", ["my.yaml:1:24: unknown key 'clas'. Did you mean 'class'?"]),
        ("[{file: b.png, class: 1.5}]", ["my.yaml:1:31: class: expected"]),
        ("[{file: b.png, class: true}]", ["my.yaml:1:31: class: expected"]),
        ("[{file: b.png, split: all}]", ["my.yaml:1:31: split: expected 'tune' or 'test'"]),
        ("[{file: b.png, mask: {box: [0, 0, 1]}}]", ["my.yaml:1:36: box: expected at least"]),
        ("[{file: b.png, mask: {box: [0, 0, 7, 1]}}]", ["my.yaml:1:30: expected a box"]),
        ("[{file: b.png, mask: none.png}]", ["my.yaml:1:30: none.png: no such image"]),
        ("[b.png, {file: ./set/../b.png}]", ["my.yaml:1:24: b.png is listed 2 times"]),
        ("{folder: nowhere}", ["my.yaml:1:18: nowhere: no such folder"]),
        ("{folder: set/.hidden}", ["my.yaml:1:18: set/.hidden: no images in it"]),
        ("{manifest: none.csv}", ["my.yaml:1:20: none.csv: no such manifest"]),
        ("{manifest: set}", ["set: expected a file, got a folder"]),
    ],
)
def test_wrong_lists(photos: Path, text: str, expected: list[str]) -> None:
    _, errors = listed(photos, f"images: {text}")
    assert len(errors) == len(expected)
    for error, start in zip(errors, expected, strict=True):
        assert error.startswith(start)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", ["list.csv:1: expected the columns"]),
        ("file,clas\nb.png,3\n", ["list.csv:1: unknown column 'clas'. Did you mean 'class'?"]),
        ("class\n3\n", ["list.csv:1: expected the columns"]),
        ("file,file\nb.png,b.png\n", ["list.csv:1: expected the columns"]),
        ("file\n", ["list.csv:1: no images in it"]),
        ("file,class\nb.png,3,4\n,2\n", ["list.csv:2: more cells", "list.csv:3: no file"]),
        ("file,split\nb.png,all\n", ["list.csv:2: expected split tune, test or nothing"]),
        ('file\n"b.png\n', ["list.csv:2: not valid CSV"]),
        ("file\nb.png\n\nc.png\n", ["list.csv:4: c.png: no such image"]),
        ("file\nb\0.png\n", ["list.csv:2: "]),
        ("file,truth\nb.png,spatial\n", ["list.csv:2: truth: expected transforms as"]),
        ("file,truth\nb.png,color x\n", ["list.csv:2: truth: expected transforms as"]),
        ("file,truth\nb.png,color nan\n", ["list.csv:2: truth: expected transforms as"]),
        ("file,truth\nb.png,color 1; color 1\n", ["list.csv:2: truth: expected transforms as"]),
        ("file,truth\nb.png,color 1;\n", ["list.csv:2: truth: expected transforms as"]),
        ("file\n" + "x" * 200_000, ["list.csv:"]),
    ],
)
def test_wrong_manifests(photos: Path, content: str, expected: list[str]) -> None:
    (photos / "list.csv").write_text(content)
    _, errors = listed(photos, "images: {manifest: list.csv}")
    assert len(errors) == len(expected)
    for error, start in zip(errors, expected, strict=True):
        assert error.startswith(start)
