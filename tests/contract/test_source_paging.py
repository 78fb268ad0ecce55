"""Rows H10-H16, H20 and H21 on every source: pages, cursors, totals and clocks that go wrong.

The vendor's own answers are bent on their way, for every list that it has (`wire.py` says what they
look like). Lists that are paged by a count or by their last record have no cursor that could lead
astray: there the bent answer must do no harm or be refused.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from zlib import crc32

import pytest
from vendor_night import SECOND, SOURCES, STEP, UNTYPED, Quiet, Vendor, each_source, named, served
from wire import ALIAS, MANNERS, Manner, Page, bent

from revops_pipelines.engine.ingest.errors import (
    CursorLoopError,
    ProtocolError,
    VolumeAlarmError,
)
from revops_pipelines.engine.ingest.guards import VolumeGuard
from revops_pipelines.engine.ingest.pull import Failed
from revops_pipelines.sandbox.calls import Reply
from revops_pipelines.sandbox.faults import Fault, changed, meanwhile

# Every vanished record is one too many.
STRICT = VolumeGuard(share=0.0, few=0)
# A list without end costs its own calls and no more.
MOST_CALLS, MOST_EMPTY = 600, 12
REFUSALS = {CursorLoopError, ProtocolError, VolumeAlarmError}
# The few calls of a night that has no more.
FEWEST_CALLS = {"ga4": 2, "plausible": 1}


def _those(wanted: Callable[[Manner], bool]) -> pytest.MarkDecorator:
    these = [named(name) for name in SOURCES if wanted(MANNERS[name])]
    return pytest.mark.parametrize("name", these)


with_cursors = _those(lambda manner: manner.onward is not None)
without_cursors = _those(lambda manner: manner.onward is None)
Route = Callable[[Page], list[Page | Reply]]


@dataclass
class Detours:
    """Shows a route of pages in place of each one.

    The call itself gets the first, each leads to the one after it, and the last one to where the
    true page did, or for `is_round` to itself. An answer on the route comes once, for the page
    behind it.
    """

    manner: Manner
    route: Route
    is_round: bool = False
    numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(987650000))
    kept: dict[str, list[Reply]] = field(default_factory=dict)
    met: Counter[str] = field(default_factory=Counter)

    def fault(self) -> Fault:
        """As a fault on all calls."""
        return bent(self.manner, self.bend, self.aside)

    def bend(self, asked: str, page: Page) -> Reply | None:
        """The first page of the route; the others wait for whoever follows."""
        self.met[page.key] += 1
        route = self.route(page)
        pages = [each for each in route if isinstance(each, Page)]
        aliases = [str(next(self.numbers)) for _ in pages[1:]]
        nexts = [*aliases, aliases[-1] if self.is_round and aliases else None]
        shown = [
            (each.leading_to(alias) if alias else each).answered()
            for each, alias in zip(pages, nexts, strict=True)
        ]
        for alias, reply in zip(aliases, shown[1:], strict=True):
            self.kept[alias] = [reply]
        for place, each in enumerate(route):
            if isinstance(each, Reply) and self.met[page.key] == 1:
                self.kept[aliases[place - 1]].insert(0, each)
        return shown[0]

    def aside(self, asked: str) -> Reply | None:
        """The page that one of ours led to."""
        found = ALIAS.search(asked)
        if found is None:
            return None
        replies = self.kept[found.group()]
        return replies.pop(0) if len(replies) > 1 else replies[0]


def _halves(page: Page) -> tuple[Page, Page]:
    half = (len(page.rows) + 1) // 2
    return page.with_rows(page.rows[:half]), page.with_rows(page.rows[half:])


@with_cursors
def test_h10_h12_h14_pages_lost_twice_and_empty_change_nothing(
    name: str, quiet: Callable[[str], Quiet], tmp_path: Path
) -> None:
    """Of every page: an empty one, its first half, that again, and once no cursor to the rest."""
    oracle, manner = quiet(name), MANNERS[name]

    def astray(page: Page) -> list[Page | Reply]:
        first, other = _halves(page)
        return [page.with_rows([]), first, first, manner.forgotten, other]

    with served(name, tmp_path, oracle.start) as vendor:
        vendor.clock.advance(STEP)
        detours = Detours(manner, astray)
        vendor.app.faults.next(detours.fault(), times=None)
        vendor.night(afresh=not manner.is_bulk)
        assert detours.met
        vendor.nights_until_well()
        assert vendor.tables(UNTYPED) == oracle.columns


@without_cursors
def test_h12_h14_a_page_with_too_many_or_no_rows_does_no_harm(
    name: str, quiet: Callable[[str], Quiet], tmp_path: Path
) -> None:
    """Rows that come twice count once, or else the page is not what was asked for."""
    oracle, manner = quiet(name), MANNERS[name]

    def twice(asked: str, page: Page) -> Reply:
        return page.with_rows([*page.rows[:1], *page.rows]).answered()

    def none(asked: str, page: Page) -> Reply:
        parts = {**page.parts, "has_more": True} if "has_more" in page.parts else page.parts
        return replace(page, parts=parts, rows=[]).answered()

    with served(name, tmp_path, oracle.start) as vendor:
        vendor.app.faults.next(bent(manner, twice, lambda _: None), times=None)
        failed = vendor.night(afresh=True)
        assert set(failed) == (set(oracle.first) if manner.is_daily else set())
        assert vendor.tables() == oracle.first
        vendor.app.faults.clear()
        vendor.app.faults.next(bent(manner, none, lambda _: None), times=None)
        failed = vendor.night(afresh=True)
        assert set(failed) == {stream for stream, rows in oracle.first.items() if rows}
        assert vendor.tables() == oracle.first
        vendor.app.faults.clear()
        assert vendor.night() == {}
        assert vendor.tables() == oracle.first


@each_source
def test_h11_h20_h21_lists_without_end_short_or_empty_fail_and_lose_nothing(
    name: str, quiet: Callable[[str], Quiet], tmp_path: Path
) -> None:
    """Each in a night of its own, one after the other on the same warehouse."""
    oracle, manner = quiet(name), MANNERS[name]
    with served(name, tmp_path, oracle.start) as vendor:
        vendor.clock.advance(STEP)
        if manner.onward:
            _without_end(vendor, manner, oracle)
        if manner.total or manner.plain_total:
            _short(vendor, manner)
        # Whatever is read in bulk or by the day has no list that could be empty as a whole.
        if not manner.is_bulk and not manner.is_daily:
            _empty(vendor, manner)
        # What an empty list of a feed left out is in no later one.
        assert vendor.night(afresh=True) == {}
        assert vendor.tables(UNTYPED) == oracle.columns


def _without_end(vendor: Vendor, manner: Manner, oracle: Quiet) -> None:
    """Pages that lead to themselves (H11), or more empty ones than anybody believes (H14)."""

    def for_ever(page: Page) -> list[Page | Reply]:
        is_loop = crc32(page.key.encode()) % 2
        return [page, page] if is_loop else [page.with_rows([]) for _ in range(MOST_EMPTY)]

    detours = Detours(manner, for_ever, is_round=True)
    before = sum(vendor.app.requests.values())
    failed = _night(vendor, detours.fault(), afresh=not manner.is_bulk)
    assert sum(vendor.app.requests.values()) - before < MOST_CALLS
    # Some lists complete the records of streams that have one of their own.
    assert 0 < len(detours.met) <= len(failed) + 1
    tables = vendor.tables()
    assert {stream: tables[stream] for stream in failed} == {
        stream: oracle.first[stream] for stream in failed
    }


def _short(vendor: Vendor, manner: Manner) -> None:
    """A thousand more are promised than come (H20): a stream fails, or its check says so."""
    manner = replace(manner, lists=manner.counted or manner.lists)
    told: set[str] = set()

    def more(asked: str, page: Page) -> Reply | None:
        counted = page.counting(lambda total: total + 1_000)
        told.update([page.key] if counted else [])
        return counted.answered() if counted else None

    if manner.plain_total:
        plain = changed(lambda body: b"\xef\xbb\xbf1000")
        vendor.app.faults.next(plain, path=manner.plain_total, times=None)
    failed = _night(vendor, bent(manner, more, lambda _: None))
    short = {name for name, each in vendor.loaded.items() if not each.reconciled.agrees}
    assert len(failed) + len(short) >= max(1, len(told))


def _empty(vendor: Vendor, manner: Manner) -> None:
    """Nothing is listed where there was something (H21): nothing is deleted on that."""
    known = {stream: len(rows) for stream, rows in vendor.tables().items()}

    def nothing(asked: str, page: Page) -> Reply:
        none = page.with_rows([])
        return (none.counting(lambda total: 0) or none).ending().answered()

    assert _night(vendor, bent(manner, nothing, lambda _: None), guard=STRICT)
    assert {stream: len(rows) for stream, rows in vendor.tables().items()} == known
    assert not any(each.rows_deleted for each in vendor.loaded.values())


def _night(
    vendor: Vendor, fault: Fault, *, afresh: bool = True, guard: VolumeGuard | None = None
) -> Mapping[str, Failed]:
    """A night of one fault, after which the failed streams' cursors are where they were."""
    kept = vendor.cursors()
    vendor.app.faults.next(fault, times=None)
    failed = vendor.night(afresh=afresh, guard=guard)
    vendor.app.faults.clear()
    assert {type(each.error) for each in failed.values()} <= REFUSALS
    cursors = vendor.cursors()
    assert {s: cursors.get(s) for s in failed} == {s: kept.get(s) for s in failed}
    return failed


@each_source
def test_h13_h15_h16_h17_what_changes_while_it_is_read_by_a_skewed_clock_is_not_lost(
    name: str, quiet: Callable[[str], Quiet], tmp_path: Path
) -> None:
    """Days pass between two pages of a night, our clock ten minutes ahead, then behind.

    Logins end meanwhile, once a night. Pages are short, so that records of one instant lie on both
    sides of their edges.
    """
    oracle = quiet(name)
    with served(name, tmp_path, oracle.start) as vendor:
        for skew in (timedelta(minutes=10), timedelta(minutes=-10)):
            later = meanwhile(lambda: vendor.clock.advance(STEP / 2))
            vendor.app.faults.next(later, after=FEWEST_CALLS.get(name, 7))
            assert vendor.night(skew=skew) == {}
        assert vendor.clock.now() == SECOND
        assert vendor.night() == {}
        assert vendor.tables(UNTYPED) == oracle.columns
