"""Token buckets, pauses, requests in flight, and the day's stop."""

from __future__ import annotations

import threading

import pytest

from revops_pipelines.engine.ingest.errors import QuotaExhaustedError
from revops_pipelines.engine.ingest.limits import Limit, Limiter


class FakeTime:
    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.now += seconds


def limiter(time: FakeTime, **options) -> Limiter:  # type: ignore[no-untyped-def]
    return Limiter(**options, monotonic=time.monotonic, sleep=time.sleep)


def turns(limiter: Limiter, number: int, endpoint: str = "default") -> None:
    for _ in range(number):
        with limiter.turn(endpoint):
            pass


def test_a_burst_is_free_and_the_rest_is_even() -> None:
    time = FakeTime()
    turns(limiter(time, account=Limit(10, seconds=1, burst=5)), 25)
    assert time.now == pytest.approx(2.0)


def test_what_is_saved_never_exceeds_the_burst() -> None:
    time = FakeTime()
    bucket = limiter(time, account=Limit(10, burst=5))
    time.now = 1000.0
    turns(bucket, 10)
    assert time.now == pytest.approx(1000.5)


def test_a_limit_below_one_a_second() -> None:
    time = FakeTime()
    turns(limiter(time, account=Limit(1, seconds=60)), 3)
    assert time.now == pytest.approx(120)


def test_an_endpoint_waits_for_its_own_limit_as_well() -> None:
    time = FakeTime()
    both = limiter(time, account=Limit(100, burst=1), endpoints={"search": Limit(5, burst=1)})
    turns(both, 6, "search")
    assert time.now == pytest.approx(1.0)
    turns(both, 11)
    assert time.now == pytest.approx(1.1, abs=0.02)


def test_a_pause_holds_for_all_or_for_one_endpoint() -> None:
    time = FakeTime()
    free = limiter(time)
    free.pause(5, "search")
    turns(free, 1)
    assert time.now == 0
    turns(free, 1, "search")
    assert time.now == 5
    free.pause(3)
    turns(free, 1)
    assert time.now == 8


def test_the_number_of_requests_of_a_run_is_bounded() -> None:
    bounded = limiter(FakeTime(), daily=3)
    turns(bounded, 3)
    with pytest.raises(QuotaExhaustedError):
        turns(bounded, 1)


def test_after_a_stop_nobody_gets_a_turn() -> None:
    stopped = limiter(FakeTime())
    stopped.stop("the day's calls are used up")
    with pytest.raises(QuotaExhaustedError, match="the day's calls"):
        turns(stopped, 1)


def test_requests_in_flight_are_bounded() -> None:
    few = Limiter(concurrent=2)
    inside, most, lock = [0], [0], threading.Lock()
    together = threading.Barrier(2)

    def ask() -> None:
        for _ in range(20):
            with few.turn():
                with lock:
                    inside[0] += 1
                    most[0] = max(most[0], inside[0])
                together.wait(5)
                with lock:
                    inside[0] -= 1

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert most[0] == 2


def test_threads_share_one_rate() -> None:
    time = FakeTime()
    lock = threading.Lock()

    def sleep(seconds: float) -> None:
        with lock:
            slept.append(seconds)

    slept: list[float] = []
    shared = Limiter(Limit(10, burst=1), monotonic=time.monotonic, sleep=sleep)
    threads = [threading.Thread(target=turns, args=(shared, 5)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    # Time stands still, so each turn is a tenth of a second behind the one before.
    assert sorted(slept) == pytest.approx([place / 10 for place in range(1, 20)])
