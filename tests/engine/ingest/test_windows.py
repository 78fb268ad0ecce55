"""Windows of time: closed ends, look-backs, slices, and splitting below a cap."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from revops_pipelines.engine.ingest.windows import (
    Window,
    below_cap,
    closed_end,
    pull_window,
    slices,
    spans,
)

NOW = datetime(2026, 3, 2, 2, 30, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
instants = st.datetimes(datetime(2020, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC))


def test_the_end_is_the_slower_clocks() -> None:
    assert closed_end(NOW, MINUTE) == NOW - MINUTE
    assert closed_end(NOW, MINUTE, NOW - 10 * MINUTE) == NOW - 11 * MINUTE
    assert closed_end(NOW, MINUTE, NOW + 10 * MINUTE) == NOW - MINUTE


def test_a_clock_that_tells_another_time_is_not_skewed() -> None:
    assert closed_end(NOW, MINUTE, NOW - timedelta(days=90)) == NOW - MINUTE


def test_the_first_window_begins_at_the_beginning_and_later_ones_look_back() -> None:
    first = NOW - timedelta(days=700)
    whole = pull_window(None, first, NOW, lag=MINUTE, look_back=5 * MINUTE)
    assert whole == Window(first, NOW - MINUTE)
    later = NOW + timedelta(days=1)
    following = pull_window(whole.end, first, later, lag=MINUTE, look_back=5 * MINUTE)
    assert following == Window(whole.end - 5 * MINUTE, later - MINUTE)


def test_a_clock_that_was_set_back_does_not_move_the_watermark_back() -> None:
    earlier = NOW - timedelta(hours=3)
    window = pull_window(NOW, NOW, earlier, lag=MINUTE, look_back=5 * MINUTE)
    assert window == Window(NOW - 5 * MINUTE, NOW)


@settings(deadline=None)
@given(start=instants, length=st.timedeltas(timedelta(), timedelta(days=900)), n=st.integers(1, 40))
def test_slices_tile_the_window(start: datetime, length: timedelta, n: int) -> None:
    window = Window(start, start + length)
    found = slices(window, n)
    if not length:
        assert found == []
        return
    assert len(found) <= n
    assert found[0].start == window.start
    assert found[-1].end == window.end
    for one, other in pairwise(found):
        assert one.end == other.start
        assert one.start < one.end


@settings(deadline=None)
@given(start=instants, hours=st.integers(0, 2000))
def test_spans_tile_the_window_below_the_longest(start: datetime, hours: int) -> None:
    longest = timedelta(days=31)
    window = Window(start, start + timedelta(hours=hours))
    found = spans(window, longest)
    assert all(piece.length <= longest for piece in found)
    assert [piece.start for piece in found[1:]] == [piece.end for piece in found[:-1]]
    if found:
        assert (found[0].start, found[-1].end) == (window.start, window.end)


@settings(deadline=None)
@given(
    offsets=st.lists(st.integers(0, 86_399_000), max_size=60),
    cap=st.integers(1, 10),
    data=st.data(),
)
def test_below_cap_covers_every_record_once(
    offsets: list[int], cap: int, data: st.DataObject
) -> None:
    start = NOW
    moments = [start + timedelta(milliseconds=offset) for offset in offsets]
    # Many records may share one instant: no window can split those.
    moments += [data.draw(st.sampled_from(moments))] * 12 if moments else []

    def count(window: Window) -> int:
        return sum(window.start <= moment < window.end for moment in moments)

    pieces = list(below_cap(Window(start, start + timedelta(days=1)), count, cap))
    assert sum(found for _, found in pieces) == len(moments)
    for piece, found in pieces:
        assert found == count(piece)
        assert found <= cap or piece.length < timedelta(milliseconds=2)
    assert [piece.start for piece, _ in pieces] == sorted(piece.start for piece, _ in pieces)
