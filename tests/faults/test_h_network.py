"""Rows H1-H9: the vendor is slow, down, overloaded, or cuts its answers short."""

from __future__ import annotations

import time
from datetime import timedelta
from pathlib import Path

import pytest
from faulty_server import Action, Answer, Cut, Drip, Fault, FaultyServer, Hang, Request
from quiet_run import Quiet
from shop import NIGHT, Shop, next_day, night, tables

from revops_pipelines.engine.ingest.errors import NetworkError, ServerError, ThrottledError


def on_items(nth: tuple[int, ...], action: Fault) -> Fault:
    """The action at these requests of `/items`."""

    def fault(request: Request, answer: Answer) -> Action:
        hit = request.path == "/items" and request.nth in nth
        return action(request, answer) if hit else answer

    return fault


def always(action: Fault) -> Fault:
    """The action at every request of `/items`."""
    return lambda request, answer: action(request, answer) if request.path == "/items" else answer


def both_nights(home: Path, server: FaultyServer, shop: Shop, fault: Fault, quiet: Quiet) -> None:
    """Two nights with the fault in each leave what two quiet nights leave."""
    server.fault = fault
    assert not night(home, server.url, total_seconds=0.5, read_seconds=0.3).failed
    assert tables(home) == quiet.first
    next_day(shop)
    server.forget()
    following = NIGHT + timedelta(days=1)
    assert not night(home, server.url, following, total_seconds=0.5, read_seconds=0.3).failed
    assert tables(home) == quiet.second


def too_many(**headers: str) -> Fault:
    return lambda request, answer: Answer.of({"error": "slow down"}, 429, **headers)


def test_h1_retry_after_seconds(
    tmp_path: Path, server: FaultyServer, shop: Shop, quiet: Quiet
) -> None:
    server.fault = on_items((2, 3), too_many(Retry_After="7"))
    result = night(tmp_path, server.url)
    waits = [seconds for seconds in result.slept if seconds > 0]
    assert len(waits) == 2
    assert all(7 <= seconds <= 8 for seconds in waits)
    assert tables(tmp_path) == quiet.first


def test_h2_throttled_without_retry_after_backs_off_then_gives_up(
    tmp_path: Path, server: FaultyServer
) -> None:
    server.fault = always(too_many())
    result = night(tmp_path, server.url, tries=6)
    assert isinstance(result.failed["items"], ThrottledError)
    assert "after 6 tries" in str(result.failed["items"])
    assert "people" in result.loaded
    bounds = [0.5 * 2**tried for tried in range(5)]
    assert len(result.slept) == 5
    assert all(0 <= slept <= bound for slept, bound in zip(result.slept, bounds, strict=True))
    assert [stream for _, stream, _ in tables(tmp_path)["cursors"]] == ["people"]


@pytest.mark.parametrize(
    ("value", "least", "most"),
    [
        ("Mon, 02 Mar 2026 02:30:09 GMT", 9, 10),
        ("Mon, 02 Mar 2020 02:30:09 GMT", 0, 0),
        ("0", 0, 0),
        ("86400", 3600, 3601),
        ("Mon, 02 Mar 2099 02:30:09 GMT", 3600, 3601),
        ("soon", 0, 0.5),
        ("-5", 0, 0.5),
        ("", 0, 0.5),
    ],
)
def test_h3_retry_after_forms(
    tmp_path: Path, server: FaultyServer, quiet: Quiet, value: str, least: float, most: float
) -> None:
    # The shop sends no Date: its date is read against the pipeline's clock, which is NIGHT.
    server.fault = on_items((2,), too_many(Retry_After=value))
    result = night(tmp_path, server.url)
    assert least <= sum(result.slept) <= most
    assert tables(tmp_path) == quiet.first


def test_h3_retry_after_date_is_read_by_the_servers_own_clock(
    tmp_path: Path, server: FaultyServer, quiet: Quiet
) -> None:
    # The server's clock is ten minutes behind ours; it means five seconds.
    late = {"Date": "Mon, 02 Mar 2026 02:20:00 GMT", "Retry_After": "Mon, 02 Mar 2026 02:20:05 GMT"}
    server.fault = on_items((2,), too_many(**late))
    result = night(tmp_path, server.url)
    assert 5 <= sum(result.slept) <= 6
    assert tables(tmp_path)["shop__items"] == quiet.first["shop__items"]


def test_h4_burst_shorter_than_the_tries(
    tmp_path: Path, server: FaultyServer, shop: Shop, quiet: Quiet
) -> None:
    broken = on_items((2, 3, 4), lambda request, answer: Answer.of({}, 503))
    both_nights(tmp_path, server, shop, broken, quiet)


def test_h4_burst_longer_than_the_tries_fails_and_moves_nothing(
    tmp_path: Path, server: FaultyServer, shop: Shop, quiet: Quiet
) -> None:
    assert not night(tmp_path, server.url).failed
    before = tables(tmp_path)
    next_day(shop)
    server.fault = always(lambda request, answer: Answer.of({}, 500))
    following = NIGHT + timedelta(days=1)
    result = night(tmp_path, server.url, following)
    assert isinstance(result.failed["items"], ServerError)
    assert set(result.loaded) == {"people"}
    after = tables(tmp_path)
    assert after["shop__items"] == before["shop__items"]
    assert after["cursors"] == before["cursors"]
    server.fault = lambda request, answer: answer
    assert not night(tmp_path, server.url, following).failed
    assert tables(tmp_path) == quiet.second


@pytest.mark.parametrize("status", [200, 502])
@pytest.mark.parametrize("kind", ["text/html", "application/json"])
def test_h5_html_is_never_data(
    tmp_path: Path, server: FaultyServer, status: int, kind: str
) -> None:
    page = b"<html><body>gateway secret-of-the-proxy</body></html>"
    server.fault = always(lambda request, answer: Answer(status, page, {"Content-Type": kind}))
    result = night(tmp_path, server.url)
    assert isinstance(result.failed["items"], ServerError)
    assert str(status) in str(result.failed["items"])
    assert "secret-of-the-proxy" not in str(result.failed["items"])


def test_h5_one_html_page_is_retried(
    tmp_path: Path, server: FaultyServer, shop: Shop, quiet: Quiet
) -> None:
    page = Answer(200, b"<html>", {"Content-Type": "text/html"})
    both_nights(tmp_path, server, shop, on_items((2,), lambda *_: page), quiet)


@pytest.mark.parametrize("bytes_sent", [0, 1, 150])
def test_h6_short_body(
    tmp_path: Path, server: FaultyServer, shop: Shop, quiet: Quiet, bytes_sent: int
) -> None:
    cut = on_items((2,), lambda request, answer: Cut(answer, bytes_sent))
    both_nights(tmp_path, server, shop, cut, quiet)


def test_h6_truncated_json_of_matching_length(
    tmp_path: Path, server: FaultyServer, shop: Shop, quiet: Quiet
) -> None:
    # Cut right behind a record: what is left of the page would parse if anyone mended it.
    def cut(request: Request, answer: Answer) -> Action:
        return answer.with_body(answer.body[: answer.body.index(b"}, {") + 1])

    both_nights(tmp_path, server, shop, on_items((2,), cut), quiet)


def test_h7_dripped_body_meets_the_total_deadline(tmp_path: Path, server: FaultyServer) -> None:
    # Each byte comes in time; only the total does not.
    server.fault = always(lambda request, answer: Drip(answer))
    began = time.monotonic()
    result = night(tmp_path, server.url, tries=2, total_seconds=0.3, read_seconds=5)
    assert isinstance(result.failed["items"], NetworkError)
    assert "deadline" in str(result.failed["items"])
    assert time.monotonic() - began < 5


def test_h7_dripped_head_meets_the_total_deadline(
    tmp_path: Path, server: FaultyServer, shop: Shop, quiet: Quiet
) -> None:
    drip = on_items((2,), lambda request, answer: Drip(answer, head_too=True))
    both_nights(tmp_path, server, shop, drip, quiet)


def test_h8_reset_in_the_body(
    tmp_path: Path, server: FaultyServer, shop: Shop, quiet: Quiet
) -> None:
    reset = on_items((1, 3), lambda request, answer: Cut(answer, 100, reset=True))
    both_nights(tmp_path, server, shop, reset, quiet)


def test_h9_no_bytes_at_all(tmp_path: Path, server: FaultyServer, shop: Shop, quiet: Quiet) -> None:
    both_nights(tmp_path, server, shop, on_items((2,), lambda *_: Hang()), quiet)
