"""The t-SNE of class vectors."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from cli.test_edit import CLASSY, IMAGE
from e2e.kit import PHOTOS, ran_inline, written

from p2lbench.classvectors import ClassVectors, collect
from p2lbench.plugins import load
from p2lbench.registry import Registry
from p2lbench.report.paper import classvectors
from p2lbench.store import Store


def vectors(count: int, dimensions: int = 6) -> ClassVectors:
    """Three classes far from each other, `count` candidates around each."""
    rng = np.random.default_rng(0)
    own = 10 * np.eye(3, dimensions, dtype=np.float32)
    of = np.repeat(np.arange(3), count)
    found = own[of] + 0.1 * rng.standard_normal((3 * count, dimensions), dtype=np.float32)
    return ClassVectors(found, of, own, (0, 1, 2), ("a", "b", "c"))


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Registry]:
    where = tmp_path_factory.mktemp("classes")
    bag = {"file": str(PHOTOS / "bag-126.png"), "class": 1}
    suite = written(
        where,
        CLASSY,
        images=[IMAGE, bag],
        generators=["classy"],
        optimizers=[{"adam": {"steps": 2}}],
    )
    outcome, _ = ran_inline(suite)
    return outcome.folder, load([where / "more.py"]).registry


@pytest.mark.parametrize("count", [1, 20])
def test_classes_stay_together(count: int) -> None:
    pytest.importorskip("sklearn")
    of = vectors(count)
    found, own = classvectors.embedded(of)
    again, _ = classvectors.embedded(of)
    assert (found == again).all()
    assert found.shape == (3 * count, 2)
    if count == 20:
        apart = np.linalg.norm(found[:, None] - own, axis=2)
        assert (apart.argmin(1) == of.of).all()


def test_equal_vectors_have_one_place() -> None:
    pytest.importorskip("sklearn")
    of = vectors(20)
    of.found[:10] = of.own[0]
    found, own = classvectors.embedded(of)
    assert (found[:10] == own[0]).all()
    assert not of.all_own
    assert ClassVectors(of.own, np.arange(3), of.own, of.numbers, of.names).all_own


def test_of_a_folder(ran: tuple[Path, Registry], tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    folder, registry = ran
    with Store.open_read(folder) as store:
        found = collect(store, registry)
        assert isinstance(found, ClassVectors)
        assert found.of.tolist() == [0, 0, 1, 1]
        assert found.own.tolist() == np.eye(3).tolist()
        assert found.names == ("ankle boot", "bag", "coat")
        assert classvectors.draw(tmp_path / "v.png", store, registry, "column") is None
    assert (tmp_path / "v.png").read_bytes()[:4] == b"\x89PNG"


def test_why_there_is_none(
    ran: tuple[Path, Registry], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, registry = ran
    path = tmp_path / "v.png"
    with Store.open_read(folder) as store:
        reason = classvectors.draw(path, store, load([]).registry, "column")
        assert "classy" in str(reason)
        monkeypatch.setitem(sys.modules, "sklearn.manifold", None)
        reason = classvectors.draw(path, store, registry, "column")
        assert (
            reason == "needs scikit-learn: pip install scikit-learn (the extra `paper` of p2lbench)"
        )
    outcome, _ = ran_inline(written(tmp_path, optimizers=[{"adam": {"steps": 1}}]))
    with Store.open_read(outcome.folder) as store:
        tiny = load([tmp_path / "tiny.py"]).registry
        assert classvectors.draw(path, store, tiny, "page") == "no generator has classes"
    assert not path.exists()
