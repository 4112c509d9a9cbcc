"""Rows of a suite by the names that `--method` takes."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from p2lbench.errors import UserError
from p2lbench.methodnames import chosen, title
from p2lbench.spec import InitMap, Method, Named, Spec, TransformChain, WeightedLoss


def method(transform: str, optimizer: str) -> Method:
    return Method(
        Named("gan", Spec("generators", "gan")),
        WeightedLoss("l1", ()),
        TransformChain(transform),
        InitMap("none"),
        Named(optimizer, Spec("optimizers", optimizer)),
    )


ROWS = [
    method("none", "adam"),
    method("spatial", "adam"),
    method("none", "cma"),
    method("a=b, c", "cma, wide"),
    method("none", "optimizer=x"),
]


def names(found: Sequence[Method]) -> list[tuple[str, str]]:
    return [(row.transform.label, row.optimizer.label) for row in found]


def test_nothing_said_is_the_first_row() -> None:
    assert names(chosen(ROWS, [])) == [("none", "adam")]


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("cma", ("none", "cma")),
        ("optimizer=cma", ("none", "cma")),
        ("adam | spatial", ("spatial", "adam")),
        ("spatial|adam", ("spatial", "adam")),
        ("adam | none", ("none", "adam")),
        ("transform=spatial,optimizer=adam", ("spatial", "adam")),
        ("transform=spatial", ("spatial", "adam")),
        ("spatial", ("spatial", "adam")),
        ("transform=a=b, c,optimizer=cma, wide", ("a=b, c", "cma, wide")),
        ("cma, wide", ("a=b, c", "cma, wide")),
        ("optimizer=x", ("none", "optimizer=x")),
    ],
)
def test_a_row_by_its_names(name: str, found: tuple[str, str]) -> None:
    assert names(chosen(ROWS, [name])) == [found]


def test_several_and_all_are_in_order_and_each_once() -> None:
    both = chosen(ROWS, ["cma", "transform=spatial", "optimizer=cma"])
    assert names(both) == [("none", "cma"), ("spatial", "adam")]
    assert chosen(ROWS, ["cma", "all"]) == (ROWS[2], ROWS[0], ROWS[1], *ROWS[3:])


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("adan", "no row has 'adan'. Did you mean 'adam'"),
        ("transform=spacial", "no transform 'spacial' here. Did you mean 'spatial'"),
        ("adam", "2 rows; say which:\n  adam | none\n  adam | spatial"),
        ("transform=none", "3 rows; say which:"),
        ("transform=spatial,optimizer=cma", "no row has all of these; say which:"),
        ("cma,transform=none", "expected axis=name before ',', got 'cma'"),
        ("", "no row has ''"),
    ],
)
def test_what_is_no_single_row_is_refused(name: str, said: str) -> None:
    with pytest.raises(UserError) as caught:
        chosen(ROWS, [name])
    assert str(caught.value).startswith("--method: ")
    assert said in str(caught.value)


def test_titles_choose_their_rows_again() -> None:
    titles = [title(row, ROWS) for row in ROWS]
    assert titles[1] == "adam | spatial"
    assert chosen(ROWS, titles) == tuple(ROWS)
    assert title(ROWS[2], ROWS[2:3]) == "cma | none"


def test_names_may_have_bars() -> None:
    rows = [*ROWS, method("none", "wide | slow")]
    assert chosen(rows, [title(rows[-1], rows)]) == (rows[-1],)
