"""Loops over pages: cursors and keysets."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revops_pipelines.engine.ingest.errors import CursorLoopError, VolumeAlarmError
from revops_pipelines.engine.ingest.guards import VolumeGuard, reconcile
from revops_pipelines.engine.ingest.paging import follow, keyset


@dataclass
class Page:
    items: list[int]
    next: str | None


def walk(pages: dict[str | None, Page], **options: int) -> list[int]:
    found = follow(pages.__getitem__, lambda p: p.next, lambda p: len(p.items), **options)
    return [item for page in found for item in page.items]


def test_pages_are_followed_to_the_end() -> None:
    assert walk({None: Page([1], "a"), "a": Page([], "b"), "b": Page([2], None)}) == [1, 2]
    assert walk({None: Page([1], "")}) == [1]


def test_a_cursor_that_comes_again_is_an_error() -> None:
    with pytest.raises(CursorLoopError):
        walk({None: Page([1], "a"), "a": Page([2], "b"), "b": Page([3], "a")})
    with pytest.raises(CursorLoopError):
        walk({None: Page([1], "a"), "a": Page([2], "a")})


def test_empty_pages_in_a_row_are_counted_anew_after_a_full_one() -> None:
    empty = {str(number): Page([], str(number + 1)) for number in range(9)}
    pages = {None: Page([1], "0"), **empty, "9": Page([2], "10"), "10": Page([], None)}
    assert walk(pages, empty_pages=10) == [1, 2]
    with pytest.raises(CursorLoopError):
        walk(pages, empty_pages=9)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 50)), unique=True), st.integers(1, 5))
def test_a_keyset_keeps_all_ties(records: list[tuple[int, int]], size: int) -> None:
    ordered = sorted(records)

    def fetch(after: tuple[int, int] | None) -> list[tuple[int, int]]:
        return [record for record in ordered if after is None or record > after][:size]

    assert [item for page in keyset(fetch, lambda item: item) for item in page] == ordered


def test_a_keyset_that_does_not_grow_is_an_error() -> None:
    # Paging by the timestamp alone: the same page for ever.
    with pytest.raises(CursorLoopError):
        list(keyset(lambda after: [(5, 1), (5, 2)], lambda item: item[0]))


@pytest.mark.parametrize(
    ("alive", "vanished", "alarm"),
    [
        (10_000, 10_000, True),
        (10_000, 3_001, True),
        (10_000, 3_000, False),
        (12, 12, False),
        (21, 21, True),
        (0, 0, False),
    ],
)
def test_the_volume_guard(alive: int, vanished: int, alarm: bool) -> None:
    guard = VolumeGuard(share=0.3, few=20)
    if alarm:
        with pytest.raises(VolumeAlarmError, match=f"{vanished} of {alive}"):
            guard.check("contacts", alive, vanished)
    else:
        guard.check("contacts", alive, vanished)


@pytest.mark.parametrize(
    ("promised", "landed", "alarm"),
    [
        (100, 100, False),
        (100, 99, False),
        (100, 98, True),
        (3, 2, False),
        (3, 1, True),
        (5, 9, False),
    ],
)
def test_totals_are_reconciled(promised: int, landed: int, alarm: bool) -> None:
    if alarm:
        with pytest.raises(VolumeAlarmError):
            reconcile("contacts", promised, landed)
    else:
        reconcile("contacts", promised, landed)
