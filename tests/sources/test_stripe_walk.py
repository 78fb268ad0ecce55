"""Walking Stripe's lists: every record is read, whatever the distribution of their times."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revops_pipelines.engine.declarations import Pull
from revops_pipelines.engine.ingest.errors import (
    CursorLoopError,
    RequestRefusedError,
    Verdict,
)
from revops_pipelines.engine.ingest.http import Response
from revops_pipelines.resources.sources.stripe.client import read_error
from revops_pipelines.resources.sources.stripe.options import StripeOptions
from revops_pipelines.resources.sources.stripe.walk import EARLIEST, Listing, Page, Records, walk

NOW = 1_782_820_800
LIST = Listing("/v1/things", "things")


@dataclass
class Server:
    """Stripe's side of a list: newest first, `created` bounds, `starting_after`, `has_more`."""

    times: list[int]
    before_page: Callable[[Server], None] = lambda _: None
    gone: set[str] = field(default_factory=set)
    requests: int = 0

    def __post_init__(self) -> None:
        self.things = [(at, f"thing_{place}") for place, at in enumerate(sorted(self.times))]

    def read(
        self, kind: type[Page], path: str, *, params: Sequence[tuple[str, str]], **_: Any
    ) -> Page:
        self.requests += 1
        self.before_page(self)
        asked = dict(params)
        after = asked.get("starting_after")
        if after in self.gone:
            raise RequestRefusedError("No such thing", 400, "resource_missing")
        names = [name for _, name in self.things]
        below = self.things[: names.index(after)] if after else self.things
        found = [
            (at, name)
            for at, name in reversed(below)
            if int(asked.get("created[gte]", 0)) <= at < int(asked.get("created[lt]", NOW * 2))
            and name not in self.gone
        ]
        limit = int(asked["limit"])
        body = {
            "data": [{"id": name, "created": at} for at, name in found[:limit]],
            "has_more": len(found) > limit,
        }
        return msgspec.json.decode(msgspec.json.encode(body), type=kind)


@dataclass
class Pulling:
    """As much of a pull as walking needs."""

    client: Any
    options: StripeOptions = field(default_factory=lambda: StripeOptions(page_size=10))

    def each(self, work: Callable[[Any], None], items: Iterable[Any]) -> None:
        for item in items:
            work(item)

    def reject(self, record: bytes, rule: str) -> None:
        raise AssertionError(rule)


def walked(server: Any, since: int = EARLIEST) -> list[str]:
    found: list[str] = []

    def take(records: Records) -> None:
        found.extend(head.id for head, _ in records)

    walk(cast(Pull, Pulling(server)), [LIST], take, since)
    return found


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(EARLIEST, NOW), max_size=120)
    | st.lists(st.integers(NOW - 5, NOW), max_size=120)
    | st.lists(st.integers(NOW - 40_000, NOW), max_size=200)
)
def test_every_record_is_read_once(times: list[int]) -> None:
    server = Server(times)
    assert sorted(walked(server)) == sorted(name for _, name in server.things)


def test_records_of_one_second_over_a_pages_edge_are_all_read() -> None:
    server = Server([NOW - 100] * 35 + [NOW] * 25)
    assert len(set(walked(server))) == 60


def test_requests_stay_near_the_number_of_pages() -> None:
    server = Server([NOW - (place * 7919 % 63_072_000) for place in range(3_000)])
    assert len(walked(server)) == 3_000
    assert server.requests < 300 * 1.35


def test_an_empty_list_is_one_request() -> None:
    server = Server([])
    assert walked(server) == []
    assert server.requests == 1


def test_newer_records_that_appear_meanwhile_disturb_nothing() -> None:
    def grow(server: Server) -> None:
        server.things.append((NOW + server.requests, f"new_{server.requests}"))

    server = Server([NOW - place * 50 for place in range(95)], before_page=grow)
    found = [name for name in walked(server) if name.startswith("thing")]
    assert len(found) == len(set(found)) == 95


def test_a_cursor_whose_record_was_deleted_goes_on_from_its_second() -> None:
    def delete(server: Server) -> None:
        if server.requests == 2:
            server.gone.add("thing_85")

    server = Server([NOW - 1000 + place // 3 for place in range(95)], before_page=delete)
    kept = {name for _, name in server.things} - {"thing_85"}
    assert set(walked(server)) >= kept


@pytest.mark.parametrize("has_records", [True, False])
def test_a_list_that_never_ends_is_an_error(has_records: bool) -> None:
    class Looping:
        def read(self, kind: type[Page], *_: Any, **__: Any) -> Page:
            data = [msgspec.Raw(b'{"id":"a","created":5}')] if has_records else []
            return Page(data=data, has_more=True)

    with pytest.raises(CursorLoopError):
        walked(Looping())


@pytest.mark.parametrize(
    ("status", "error", "verdict"),
    [
        (200, None, None),
        (401, {"type": "invalid_request_error"}, Verdict.REFRESH),
        (403, {"type": "invalid_request_error"}, Verdict.PERMISSION),
        (404, {"type": "invalid_request_error", "code": "resource_missing"}, Verdict.FATAL),
        (429, {"type": "invalid_request_error", "code": "rate_limit"}, Verdict.THROTTLED),
        (429, {"type": "invalid_request_error", "code": "lock_timeout"}, Verdict.RETRY),
        (400, {"type": "invalid_request_error", "code": "lock_timeout"}, Verdict.RETRY),
        (500, {"type": "api_error"}, Verdict.RETRY),
    ],
)
def test_errors_are_read_by_code_and_status(
    status: int, error: dict[str, str] | None, verdict: Verdict | None
) -> None:
    body = msgspec.json.encode({"error": error} if error else {"object": "list", "data": []})
    found = read_error(Response(status, {}, body))
    assert (found.verdict if found else None) is verdict


def test_a_body_that_is_no_error_object_is_left_to_its_status() -> None:
    assert read_error(Response(502, {}, b"<html>bad gateway</html>")) is None
