"""Writes p2lbench/datasets/pascal.csv anew: which classes of ImageNet are which of PASCAL's.

    python tools/pascal.py WordNet-3.0/dict/data.noun > p2lbench/datasets/pascal.csv

ImageNet's names of classes are WordNet 3.0's offsets. A class belongs to one of PASCAL's if
WordNet has it as the synset below or as a hyponym of it, at any depth.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

from p2lbench.datasets.imagenet import WNIDS

SYNSETS = {
    "aeroplane": "n02691156",
    "bicycle": "n02834778",
    "bird": "n01503061",
    "boat": "n02858304",
    "bottle": "n02876657",
    "bus": "n02924116",
    "car": "n02958343",
    "cat": "n02120997",
    "chair": "n03001627",
    "dog": "n02084071",
    "horse": "n02374451",
    "motorbike": "n03790512",
    "sheep": "n02411705",
    "sofa": "n04256520",
    "train": "n04468005",
    "tvmonitor": "n04404412",
}


def nouns(file: Path) -> tuple[dict[str, str], dict[str, list[str]]]:
    """Each synset's first word, and the synsets directly above it (wndb(5WN) has the format)."""
    words, above = {}, {}
    for line in file.read_text(encoding="latin-1").splitlines():
        if line.startswith("  "):  # the licence
            continue
        cells = line.partition(" | ")[0].split()
        wnid, at = f"n{cells[0]}", 4 + 2 * int(cells[3], 16)
        pointers = [cells[i : i + 3] for i in range(at + 1, at + 1 + 4 * int(cells[at]), 4)]
        words[wnid] = cells[4].replace("_", " ")
        above[wnid] = [f"n{offset}" for kind, offset, _ in pointers if kind in ("@", "@i")]
    return words, above


def main() -> None:
    words, above = nouns(Path(sys.argv[1]))

    def below(wnid: str, synset: str) -> bool:
        return wnid == synset or any(below(parent, synset) for parent in above[wnid])

    table = csv.writer(sys.stdout, lineterminator="\n")
    table.writerow(("super_class", "synset", "wnid", "name"))
    for name, synset in SYNSETS.items():
        for wnid in WNIDS:
            if below(wnid, synset):
                table.writerow((name, synset, wnid, words[wnid]))


if __name__ == "__main__":
    main()
