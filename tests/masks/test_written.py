"""Every way to write a mask, in a suite and in a manifest, and the wrong ones."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from p2lbench.errors import Place, UserError
from p2lbench.masks import Alpha, Box, Detected, File, Mask, Polygon
from p2lbench.masks.written import from_cell, from_yaml
from p2lbench.yamlfile import parse

HERE = Path("/photos")
TRIANGLE = Polygon(((1, 2), (3.5, 4), (0, 6)))

SAME: list[tuple[str, str | None, Mask]] = [
    ("m.png", "m.png", File(HERE / "m.png")),
    ("./alpha", "./alpha", File(HERE / "alpha")),
    ("alpha", "alpha", Alpha()),
    ("{box: [1, 2, 3, 4]}", "1 2 3 4", Box(1, 2, 3, 4)),
    ("{polygon: [[1, 2], [3.5, 4], [0, 6]]}", "1 2 3.5 4 0 6", TRIANGLE),
    ("{detect: saliency}", "detect:saliency", Detected("saliency")),
    ("{detect: {saliency: {}}}", None, Detected("saliency")),
    ("{detect: mask-rcnn}", "detect:mask-rcnn", Detected("mask-rcnn")),
    (
        "{detect: {mask-rcnn: {label: hot dog}}}",
        "detect:mask-rcnn:hot dog",
        Detected("mask-rcnn", "hot dog"),
    ),
    (
        "{detect: {mask-rcnn: {threshold: 0.7, label: dog}}}",
        None,
        Detected("mask-rcnn", "dog", 0.7),
    ),
]


@pytest.mark.parametrize(("yaml", "cell", "mask"), SAME)
def test_ways_to_write_a_mask(yaml: str, cell: str | None, mask: Mask) -> None:
    document = parse(f"mask: {yaml}", "my.yaml")
    assert from_yaml(document.data["mask"], HERE, document.within("mask")) == mask
    if cell is not None:
        assert from_cell(cell, HERE, Place("list.csv", 2)) == mask


def test_no_mask() -> None:
    assert from_cell("", HERE, Place("list.csv", 2)) is None


@pytest.mark.parametrize(
    ("yaml", "said"),
    [
        ("5", "my.yaml:1:7: expected a path, alpha, {box: ...}, {polygon: ...} or"),
        ("{}", "my.yaml:1:7: expected a path, alpha"),
        ("{bo: [1]}", "my.yaml:1:7: expected a path, alpha, {box: ...}, {polygon: ...} or"),
        ("{box: [1, 2, 3]}", "my.yaml:1:13: box: expected at least 4"),
        ("{box: [1, 2, 3, 4.5]}", "my.yaml:1:23: box.3: expected a whole number"),
        ("{box: [1, 2, 3, 4], polygon: []}", "my.yaml:1:27: unknown key 'polygon'"),
        ("{polygon: [[1, 2], [3, 4]]}", "my.yaml:1:17: polygon: expected at least 3"),
        ("{polygon: [[1, 2], [3, 4], [5]]}", "my.yaml:1:34: polygon.2: expected at least 2"),
        ("{polygon: [1, 2, 3, 4, 5, 6]}", "my.yaml:1:18: polygon.0: expected a list"),
        (f"{{polygon: {json.dumps([[0, 0]] * 1001)}}}", "polygon: expected at most 1000"),
        (
            "{detect: salience}",
            "my.yaml:1:16: unknown detector 'salience'. Did you mean 'saliency'",
        ),
        ("{detect: {salience: {}}}", "my.yaml:1:17: unknown detector 'salience'"),
        ("{detect: {}}", "my.yaml:1:16: expected one detector, got 0"),
        ("{detect: 3}", "my.yaml:1:16: detect: expected"),
        ("{detect: {saliency: {label: dog}}}", "my.yaml:1:28: unknown key 'label'"),
        ("{detect: {mask-rcnn: {threshold: 2}}}", "threshold: expected less than 1.0, got 2"),
        ("{detect: {mask-rcnn: {label: 2}}}", "my.yaml:1:36: label: expected a text, got 2"),
    ],
)
def test_wrong_ways(yaml: str, said: str) -> None:
    document = parse(f"mask: {yaml}", "my.yaml")
    with pytest.raises(UserError) as caught:
        from_yaml(document.data["mask"], HERE, document.within("mask"))
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("1 2 3", "x0 y0 x1 y1, whole numbers, for a box, or x y x y x y ... of 3 to"),
        ("1 2 3 4.5", "got 4 numbers"),
        ("1 2 3 4 5 6 7", "got 7 numbers"),
        ("detect:", "unknown detector ''"),
        ("detect:mask-rnn", "Did you mean 'mask-rcnn'?"),
        ("detect:saliency:dog", "unknown key 'label'"),
    ],
)
def test_wrong_cells(cell: str, said: str) -> None:
    with pytest.raises(UserError, match=r"^list\.csv:2: ") as caught:
        from_cell(cell, HERE, Place("list.csv", 2))
    assert said in str(caught.value)
