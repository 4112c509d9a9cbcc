"""Small copies of data sets in their real layouts, for tests of what draws from them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from p2lbench.datasets.imagenet import CLASS_OF, WNIDS, super_classes

SIZE = 32, 24
BOX = 8, 4, 24, 20
XML = """<annotation><folder>val</folder><filename>{name}</filename>
<size><width>32</width><height>24</height><depth>3</depth></size>
<object><name>{other}</name><bndbox><xmin>0</xmin><ymin>0</ymin><xmax>32</xmax><ymax>24</ymax>
</bndbox></object>
<object><name>{wnid}</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>5</xmax><ymax>5</ymax></bndbox>
</object>
<object><name>{wnid}</name><pose>Unspecified</pose><bndbox><xmin>8</xmin><ymin>4</ymin>
<xmax>24</xmax><ymax>20</ymax></bndbox></object></annotation>
"""


def photo(path: Path, seed: str = "", size: tuple[int, int] = SIZE) -> Path:
    """A JPEG of a colour of its own."""
    path.parent.mkdir(parents=True, exist_ok=True)
    colour = tuple(hashlib.sha256((seed or path.name).encode("utf-8", "replace")).digest()[:3])
    Image.new("RGB", size, colour).save(path, "JPEG")
    return path


def first_wnids() -> dict[str, str]:
    """Of each super-class a class of ImageNet."""
    return {name: wnid for wnid, name in reversed(super_classes().items())}


def stems(each: int = 3) -> dict[str, list[str]]:
    """wnid → the names of its photos, as in the validation set; one is none of PASCAL's."""
    wnids = [*first_wnids().values(), WNIDS[0]]
    return {
        wnid: [f"ILSVRC2012_val_{1 + i * each + k:08d}" for k in range(each)]
        for i, wnid in enumerate(wnids)
    }


def kaggle(root: Path, boxes: bool = True) -> Path:
    """ILSVRC/Data/CLS-LOC/val as Kaggle has it: flat, with LOC_val_solution.csv beside ILSVRC."""
    lines = ["ImageId,PredictionString"]
    for wnid, names in stems().items():
        for name in names:
            photo(root / f"ILSVRC/Data/CLS-LOC/val/{name}.JPEG")
            lines.append(f"{name},{wnid} 1 1 5 5 {wnid} 8 4 24 20 {WNIDS[5]} 0 0 32 24 ")
            if boxes:
                annotate(root / f"ILSVRC/Annotations/CLS-LOC/val/{name}.xml", wnid)
    (root / "LOC_val_solution.csv").write_text("\n".join(lines) + "\n")
    return root


def by_class(root: Path) -> Path:
    """torchvision's layout: a folder per class, nothing else."""
    for wnid, names in stems().items():
        for name in names:
            photo(root / wnid / f"{name}.JPEG")
    return root


def annotate(file: Path, wnid: str, content: str = XML) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content.format(name=file.stem, wnid=wnid, other=WNIDS[5]))
    return file


def devkit(folder: Path, meta: bool = True) -> None:
    """The devkit's labels of `stems`: its numbers are not the order of the classes."""
    folder.mkdir(parents=True, exist_ok=True)
    number_of = {wnid: 1000 - rank for wnid, rank in CLASS_OF.items()}
    numbers = [number_of[wnid] for wnid, names in stems().items() for _ in names]
    truth = folder / "ILSVRC2012_validation_ground_truth.txt"
    truth.write_text("".join(f"{number}\n" for number in numbers))
    if meta:
        save_meta(folder / "meta.mat", number_of)


def save_meta(file: Path, number_of: Mapping[str, int]) -> None:
    from scipy.io import savemat

    kinds = [("ILSVRC2012_ID", "O"), ("WNID", "O"), ("num_children", "O")]
    table: Any = np.zeros((len(number_of), 1), dtype=kinds)
    for row, (wnid, number) in enumerate(number_of.items()):
        table[row, 0] = float(number), wnid, 0.0
    savemat(file, {"synsets": table})


def coco(root: Path, count: int = 6) -> Path:
    """val2017 and its instances; every second photo has one large object."""
    images, annotations = [], []
    for k in range(count):
        name = f"{139 + k:012d}.jpg"
        photo(root / "val2017" / name)
        images.append({"id": k, "file_name": name, "width": 32, "height": 24, "license": 4})
        large = [8.2, 4.0, 15.5, 15.9] if k % 2 == 0 else [1, 1, 4, 4]
        for box, crowd in ((large, 0), ([0, 0, 32, 24], 1), ([2, 2, 3, 3], 0)):
            entry = {"id": len(annotations), "image_id": k, "category_id": 3, "iscrowd": crowd}
            annotations.append({**entry, "bbox": box, "area": 1.0, "segmentation": []})
    (root / "annotations").mkdir()
    content = {"info": {}, "images": images, "annotations": annotations, "categories": []}
    (root / "annotations" / "instances_val2017.json").write_text(json.dumps(content))
    return root
