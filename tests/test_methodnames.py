"""Rows of a suite by the names that `--method` takes."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from p2lbench.errors import UserError
from p2lbench.methodnames import chosen, title, written
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
        ("transform=spatial,optimizer=adam", ("spatial", "adam")),
        ("adam, transform=spatial", ("spatial", "adam")),
        ("transform=spatial", ("spatial", "adam")),
        ("transform=a=b, c,optimizer=cma, wide", ("a=b, c", "cma, wide")),
        ("cma, wide", ("a=b, c", "cma, wide")),
    ],
)
def test_a_row_by_its_names(name: str, found: tuple[str, str]) -> None:
    assert names(chosen(ROWS, [name])) == [found]


def test_several_and_all_are_in_order_and_each_once() -> None:
    both = chosen(ROWS, ["cma", "transform=spatial", "optimizer=cma"])
    assert names(both) == [("none", "cma"), ("spatial", "adam")]
    assert chosen(ROWS, ["cma", "all"]) == (ROWS[2], ROWS[0], ROWS[1], ROWS[3])


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("adan", "Did you mean 'adam'"),
        ("transform=spacial", "no transform 'spacial' here. Did you mean 'spatial'"),
        ("adam", "2 rows are 'adam'"),
        ("transform=spatial,optimizer=cma", "no row is"),
        ("init=none,los=l1", "no init 'none,los=l1'"),
        ("", "no optimizer ''"),
    ],
)
def test_what_is_no_single_row_is_refused(name: str, said: str) -> None:
    with pytest.raises(UserError, match=r"--method") as caught:
        chosen(ROWS, [name])
    assert said in str(caught.value)


def test_an_ambiguous_name_is_answered_with_names_that_are_not() -> None:
    with pytest.raises(UserError) as caught:
        chosen(ROWS, ["adam"])
    offered = [line.split("'")[1] for line in str(caught.value).splitlines()[1:]]
    assert offered == ["transform=none,optimizer=adam", "transform=spatial,optimizer=adam"]
    assert chosen(ROWS, offered) == (ROWS[0], ROWS[1])


def test_names_of_all_rows_choose_them_again() -> None:
    assert chosen(ROWS, [written(row, ROWS) for row in ROWS]) == tuple(ROWS)
    assert [title(row, ROWS) for row in ROWS][1] == "adam · spatial"
    assert title(ROWS[1], ROWS[1:2]) == "adam · spatial"
