"""Which of several lists may ask for its next page."""

from __future__ import annotations

from collections.abc import Callable

from revops_pipelines.resources.sources.hubspot.pacing import Pace


def test_a_short_list_waits_for_the_longest() -> None:
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        long_page()

    pace = Pace(sleep)
    with pace.reading(100) as long_page, pace.reading(10) as short_page:
        short_page()
        # A tenth of the short list: the long one must have read eight pages, and two more to come.
        assert len(waits) == 8


def test_the_longest_waits_for_nobody() -> None:
    def sleep(_seconds: float) -> None:
        raise AssertionError("waited")

    pace = Pace(sleep)
    with pace.reading(10), pace.reading(100) as long_page:
        for _ in range(150):
            long_page()


def test_lists_that_ended_hold_nobody_up() -> None:
    def sleep(_seconds: float) -> None:
        raise AssertionError("waited")

    pace = Pace(sleep)
    with pace.reading(10) as short_page:
        with pace.reading(100):
            pass
        _all(short_page, 10)


def test_a_list_longer_than_was_said_goes_on() -> None:
    def sleep(_seconds: float) -> None:
        raise AssertionError("waited")

    pace = Pace(sleep)
    with pace.reading(0) as unknown, pace.reading(50):
        _all(unknown, 30)


def _all(page: Callable[[], None], pages: int) -> None:
    for _ in range(pages):
        page()
