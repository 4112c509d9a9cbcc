"""ImageNet's classes, and which of them are PASCAL's."""

from __future__ import annotations

from collections import Counter

from p2lbench.datasets.imagenet import CLASS_OF, WNIDS, super_classes
from p2lbench.generators.biggan.generator import deep_256


def test_classes_are_numbered_as_the_generators_are() -> None:
    assert list(WNIDS) == sorted(set(WNIDS))
    assert len(WNIDS) == 1000
    names = deep_256().classes
    for wnid, name in {
        "n02690373": "airliner",
        "n02123045": "tabby",
        "n04404412": "television",
    }.items():
        assert names[CLASS_OF[wnid]].startswith(name)
    assert CLASS_OF["n01440764"] == 0


def test_sixteen_of_pascals_classes_have_229_of_imagenets() -> None:
    counts = Counter(super_classes().values())
    assert (len(counts), counts.total()) == (16, 229)
    assert (counts["dog"], counts["bird"], counts["car"], counts["aeroplane"]) == (118, 59, 10, 1)
    assert super_classes().keys() <= {*WNIDS}


def test_each_class_is_where_its_name_says() -> None:
    names = deep_256().classes
    of = {
        name: {names[CLASS_OF[w]] for w, n in super_classes().items() if n == name}
        for name in ("bus", "chair", "boat")
    }
    assert of["bus"] == {"minibus", "school bus", "trolleybus"}
    assert of["chair"] == {"barber chair", "folding chair", "rocking chair", "throne"}
    assert of["boat"] == {"canoe", "fireboat", "gondola", "lifeboat", "speedboat", "yawl"}
