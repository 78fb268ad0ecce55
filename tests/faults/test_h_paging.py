"""Rows H10-H16, H20, H21: cursors, pages, ties, clocks and totals that cannot be trusted."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from faulty_server import Action, Answer, FaultyServer, Request
from quiet_run import Quiet
from shop import NIGHT, START, Shop, next_day, night, tables

from revops_pipelines.engine.ingest.errors import (
    CursorExpiredError,
    CursorLoopError,
    VolumeAlarmError,
)

SECOND_NIGHT = NIGHT + timedelta(days=1)


def paged(answer: Answer, **changes: object) -> Answer:
    """The page with some of its fields replaced."""
    return answer.with_body(json.dumps({**json.loads(answer.body), **changes}).encode())


def test_h10_expired_cursor_restarts_from_the_watermark(
    tmp_path: Path, server: FaultyServer, shop: Shop, quiet: Quiet
) -> None:
    def expired(request: Request, answer: Answer) -> Action:
        gone = request.path == "/items" and request.nth == 3
        return Answer.of({"error": "cursor"}, 410) if gone else answer

    server.fault = expired
    assert not night(tmp_path, server.url).failed
    assert [request.query.get("cursor") is None for request in server.requests].count(True) > 1
    assert tables(tmp_path) == quiet.first


def test_h10_watermark_that_expired_as_well_means_a_full_load(
    tmp_path: Path, server: FaultyServer, shop: Shop, quiet: Quiet
) -> None:
    assert not night(tmp_path, server.url).failed
    next_day(shop)
    full = START.strftime("%Y-%m-%dT%H:%M:%SZ")

    def expired(request: Request, answer: Answer) -> Action:
        old = request.path == "/items" and request.query["since"] > full
        return Answer.of({"error": "too old"}, 410) if old else answer

    server.fault = expired
    assert not night(tmp_path, server.url, SECOND_NIGHT).failed
    assert tables(tmp_path) == quiet.second


def test_h10_cursor_that_always_expires_fails(tmp_path: Path, server: FaultyServer) -> None:
    server.fault = lambda request, answer: (
        Answer.of({}, 410) if request.path == "/items" else answer
    )
    result = night(tmp_path, server.url)
    assert isinstance(result.failed["items"], CursorExpiredError)
    assert len([request for request in server.requests if request.path == "/items"]) == 3


def test_h11_cursor_loop(tmp_path: Path, server: FaultyServer) -> None:
    # A -> B -> A: the second page leads back to the first one's cursor.
    cursors = ["A", "B"]

    def loop(request: Request, answer: Answer) -> Action:
        if request.path != "/items":
            return answer
        return paged(answer, next=cursors[(request.nth - 1) % 2])

    server.fault = loop
    server.respond = _without_cursor(server.respond)
    result = night(tmp_path, server.url)
    assert isinstance(result.failed["items"], CursorLoopError)
    assert len([request for request in server.requests if request.path == "/items"]) == 3
    assert "shop__items" not in [stream for _, stream, _ in tables(tmp_path)["cursors"]]
    assert tables(tmp_path)["shop__items"] == []


def _without_cursor(respond):  # type: ignore[no-untyped-def]
    def answer(request: Request) -> Answer:
        request.query.pop("cursor", None)
        return respond(request)

    return answer


def test_h12_duplicate_pages(
    tmp_path: Path, server: FaultyServer, shop: Shop, quiet: Quiet
) -> None:
    # Every page repeats the records of the one before.
    before: list[dict[str, object]] = []

    def doubled(request: Request, answer: Answer) -> Action:
        if request.path != "/items":
            return answer
        items = json.loads(answer.body)["items"]
        both = [*before, *items]
        before[:] = items
        return paged(answer, items=both)

    server.fault = doubled
    assert not night(tmp_path, server.url).failed
    assert tables(tmp_path) == quiet.first


def test_h13_records_that_change_while_paging_are_not_lost(
    tmp_path: Path, server: FaultyServer, shop: Shop
) -> None:
    def moving(request: Request, answer: Answer) -> Action:
        # After the first page its records change: they leave their place and come later.
        if request.path == "/items" and request.nth == 2:
            shop.put("i000", NIGHT - timedelta(minutes=5), name="moved", note="")
            shop.put("i030", NIGHT + timedelta(minutes=5), name="beyond the window", note="")
        return server.respond(request) if request.path == "/items" else answer

    server.fault = moving
    assert not night(tmp_path, server.url).failed
    server.fault = lambda request, answer: answer
    assert not night(tmp_path, server.url, SECOND_NIGHT).failed
    names = {row[0]: row[2] for row in tables(tmp_path)["shop__items"]}
    assert set(names) == set(shop.items)
    assert names == {key: item["name"] for key, item in shop.items.items()}


def test_h14_empty_pages_with_a_next_one_are_no_end(
    tmp_path: Path, server: FaultyServer, shop: Shop, quiet: Quiet
) -> None:
    # Three empty pages before the first full one.
    def empties(request: Request, answer: Answer) -> Action:
        if request.path != "/items" or request.nth > 3:
            return answer
        return paged(answer, items=[], next=f"0|{request.nth}")

    server.fault = empties
    assert not night(tmp_path, server.url).failed
    assert tables(tmp_path) == quiet.first


def test_h14_endless_empty_pages_are_an_error(tmp_path: Path, server: FaultyServer) -> None:
    server.fault = lambda request, answer: (
        paged(answer, items=[], next=f"0|{request.nth}") if request.path == "/items" else answer
    )
    result = night(tmp_path, server.url)
    assert isinstance(result.failed["items"], CursorLoopError)
    assert "10 empty pages" in str(result.failed["items"])


def test_h15_ties_over_page_edges_are_all_kept(
    tmp_path: Path, server: FaultyServer, shop: Shop
) -> None:
    for number in range(100):
        shop.put(f"tie{number:03d}", START + timedelta(hours=9), name="tie", note="")
    assert not night(tmp_path, server.url).failed
    assert {row[0] for row in tables(tmp_path)["shop__items"]} == set(shop.items)


@pytest.mark.parametrize("skew", [timedelta(minutes=10), timedelta(minutes=-10)])
def test_h16_clock_skew(tmp_path: Path, server: FaultyServer, shop: Shop, skew: timedelta) -> None:
    """The vendor's clock is off by ten minutes; what it stamps bears its own time.

    A record that it makes just after the first night, by its clock, must be in the second.
    """
    server_time = NIGHT + skew

    def dated(request: Request, answer: Answer) -> Action:
        stamp = server_time.strftime("%a, %d %b %Y %H:%M:%S GMT")
        return Answer(answer.status, answer.body, {"Date": stamp})

    server.fault = dated
    # A first request lets the client see the server's clock before it closes its window.
    assert not night(tmp_path, server.url, streams=_people_first()).failed
    shop.put("late", server_time + timedelta(seconds=1), name="late", note="")
    server_time = SECOND_NIGHT + skew
    assert not night(tmp_path, server.url, SECOND_NIGHT, streams=_people_first()).failed
    assert {row[0] for row in tables(tmp_path)["shop__items"]} == set(shop.items)


def _people_first():  # type: ignore[no-untyped-def]
    from dataclasses import replace

    from shop import ITEMS, PEOPLE, pull_items, pull_people

    def people(pull):  # type: ignore[no-untyped-def]
        pull_people(pull)
        pull.share("asked", True)

    def items(pull):  # type: ignore[no-untyped-def]
        assert pull.fetched["asked"]
        pull_items(pull)

    return (replace(PEOPLE, pull=people), replace(ITEMS, pull=items))


def test_h20_count_mismatch_is_an_alarm(tmp_path: Path, server: FaultyServer) -> None:
    # The server's total is right; one of its pages is silently short.
    def short(request: Request, answer: Answer) -> Action:
        hit = request.path == "/items" and request.nth == 4
        return paged(answer, items=json.loads(answer.body)["items"][:2]) if hit else answer

    server.fault = short
    result = night(tmp_path, server.url, reads_total=True)
    assert isinstance(result.failed["items"], VolumeAlarmError)
    assert "60 records, 55 came" in str(result.failed["items"])
    assert tables(tmp_path)["shop__items"] == []


def test_h21_empty_list_where_many_were_deletes_nothing(
    tmp_path: Path, server: FaultyServer, shop: Shop
) -> None:
    assert not night(tmp_path, server.url, reads_ids=True).failed
    before = tables(tmp_path)
    server.fault = lambda request, answer: (
        Answer.of({"items": []}) if request.path == "/ids" else answer
    )
    with pytest.raises(VolumeAlarmError, match="60 of 60"):
        night(tmp_path, server.url, SECOND_NIGHT, reads_ids=True)
    assert tables(tmp_path) == before


def test_h21_few_that_vanish_are_deleted_and_come_back(
    tmp_path: Path, server: FaultyServer, shop: Shop
) -> None:
    assert not night(tmp_path, server.url, reads_ids=True).failed
    del shop.items["i007"]
    assert not night(tmp_path, server.url, SECOND_NIGHT, reads_ids=True).failed
    gone = {row[0]: row[-2] for row in tables(tmp_path)["shop__items"] if row[-2]}
    assert list(gone) == ["i007"]
    shop.put("i007", START + timedelta(hours=0), name="item 7", note="x" * 7)
    third = SECOND_NIGHT + timedelta(days=1)
    assert not night(tmp_path, server.url, third, reads_ids=True).failed
    assert all(row[-2] is None for row in tables(tmp_path)["shop__items"])
