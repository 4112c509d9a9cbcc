"""Points on the way: which are kept, and that keeping them changes nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
from e2e.kit import tasks, written
from safetensors.torch import load

from p2lbench.film import PASSES, Film, filmed
from p2lbench.merging import deviation
from p2lbench.project import run_cell
from p2lbench.space import Space, Variable

SPACE = Space([Variable("z", (2,), bound=5.0)])


def noted(values: list[float], original: bool = True, most: int = 4) -> Film:
    """A film of a search that finds a value with each of its passes."""
    film = Film(most)
    for passes, value in enumerate(values, 1):
        film.note(passes, torch.full((1, 2), value), torch.tensor([value]), original)
    return film


def test_every_span_of_passes_has_its_best_point() -> None:
    film = noted([1.0, 3.0, 2.0, 4.0, 0.5, 0.25, 4.5, 3.5]).tensors(SPACE)
    assert film[PASSES].tolist() == [1, 2, 3, 4, 5, 6, 7, 8]
    more = noted([4.0 - k / 1000 for k in range(1000)]).tensors(SPACE)
    spans = more[PASSES].diff()
    assert 4 <= len(more[PASSES]) <= 8
    assert (spans[:-1] == spans[0]).all()
    assert more[PASSES][-1] == 1000
    values = 4.0 - (more[PASSES] - 1) / 1000
    assert torch.equal(more["film.z"], values[:, None].expand(-1, 2))


def test_original_frame_before_aligned_and_numbers_before_nan() -> None:
    film = Film(1)
    points = torch.tensor([[1.0, 1.0], [2.0, 2.0]])
    film.note(2, points, torch.tensor([torch.nan, 3.0]), original=True)
    film.note(2, points, torch.tensor([0.1, 0.2]), original=False)
    assert film.tensors(SPACE)["film.z"].tolist() == [[2.0, 2.0]]


def test_what_is_kept_is_a_copy_within_the_bounds() -> None:
    film, x = Film(), torch.full((1, 2), 9.0)
    film.note(1, x, torch.ones(1), original=True)
    x.fill_(0)
    assert film.tensors(SPACE)["film.z"].tolist() == [[5.0, 5.0]]
    assert Film().tensors(SPACE) == {}


def test_the_points_of_a_cell_are_bitwise_the_same_with_and_without(tmp_path: Path) -> None:
    """Every optimizer of the kit, with a transform's search before it."""
    transforms = ["none", {"spatial": {"search": {"outer_steps": 1, "inner_steps": 2}}}]
    suite = written(tmp_path, transforms=transforms)
    _, _, models, found = tasks(suite)
    assert len(found) == 8
    for task in found:
        plain, film = (run_cell(replace(task, film=on), models) for on in (False, True))
        assert plain.status == film.status == "ok"
        before, after = load(plain.latents), load(film.latents)
        assert (filmed(plain.latents), filmed(film.latents)) == (False, True)
        assert all(torch.equal(value, after[name]) for name, value in before.items())
        assert after.keys() - before.keys() == {f"film.{n}" for n in before if "." not in n} | {
            PASSES
        }
        assert plain.metrics == film.metrics
        assert deviation(plain.latents, film.latents) == 0
        assert plain.trace.best == film.trace.best
        counted = [name for name in plain.ledger if "seconds" not in name]
        assert [plain.ledger[name] for name in counted] == [film.ledger[name] for name in counted]
