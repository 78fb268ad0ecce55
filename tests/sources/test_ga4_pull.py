"""Pulling from Google Analytics 4: days, pages, tokens, quota, what is blurred."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from web_warehouse import opened

from revops_pipelines.engine.ingest.errors import (
    CredentialsRefusedError,
    PermissionMissingError,
    ProtocolError,
    QuotaExhaustedError,
    ServerError,
    VolumeAlarmError,
)
from revops_pipelines.engine.ingest.pull import Landed
from revops_pipelines.resources.sources.ga4 import SOURCE
from revops_pipelines.sandbox.faults import answer, changed, html, truncated
from revops_pipelines.sandbox.frame import Options
from revops_pipelines.sandbox.world.world import World

JUNE = date(2026, 6, 1)
REPORTS = ":runReport"
PAYLOADS = "SELECT day, page, payload FROM raw.website__traffic ORDER BY ALL"


def edited(**fields: Any) -> Any:
    """The real report with other values."""
    return changed(lambda body: json.dumps(json.loads(body) | fields).encode())


def test_small_pages_give_the_same_days(small_world: World, tmp_path: Path) -> None:
    with opened(SOURCE, small_world, tmp_path / "a", began_on=JUNE) as whole:
        whole.pull_well()
        whole.conform()
        expected = whole.traffic(date(2026, 7, 1))
    with opened(SOURCE, small_world, tmp_path / "b", began_on=JUNE, page_rows=2) as paged:
        paged.pull_well()
        paged.conform()
        assert paged.rows("SELECT max(pages) > 1 FROM raw.website__traffic") == [(True,)]
        assert paged.traffic(date(2026, 7, 1)) == expected


def test_a_day_that_shrinks_leaves_no_page_behind(small_world: World, tmp_path: Path) -> None:
    days = {"began_on": date(2026, 6, 28), "restated_days": 2}
    with opened(SOURCE, small_world, tmp_path, page_rows=1, **days) as web:
        web.pull_well()
        web.conform()
        before = web.rows("SELECT count(*) FROM conformed.web_traffic")
        web.settings = {"page_rows": 10_000, **days}
        web.pull_well()
        web.conform()
        assert web.rows("SELECT count(*) FROM raw.website__traffic") > [(3,)]
        assert web.rows("SELECT count(*) FROM conformed.web_traffic") == before


def test_a_night_reads_the_last_days_again(small_world: World, tmp_path: Path) -> None:
    with opened(SOURCE, small_world, tmp_path, began_on=JUNE) as web:
        web.pull_well()
        first = web.app.requests.total()
        assert first == 30 + 1  # days, and the sign-in
        web.clock.advance(timedelta(days=1))
        web.pull_well()
        assert web.app.requests.total() - first == 5 + 1
        ((days,),) = web.rows("SELECT count(DISTINCT day) FROM raw.website__traffic")
        assert days == 31


def test_what_did_not_change_is_no_version(small_world: World, tmp_path: Path) -> None:
    with opened(SOURCE, small_world, tmp_path, began_on=JUNE) as web:
        web.pull_well()
        before = web.rows(PAYLOADS)
        web.pull_well()
        assert web.rows(PAYLOADS) == before
        assert web.rows("SELECT count(*) FROM raw.website__traffic__history") == [(0,)]


def test_the_first_day_is_found(small_world: World, tmp_path: Path) -> None:
    with opened(SOURCE, small_world, tmp_path, days_ago=700) as web:
        web.pull_well()
        ((first,),) = web.rows("SELECT min(day) FROM raw.website__traffic WHERE row_count > 0")
        assert web.rows("SELECT min(day) FROM raw.website__traffic") == [(first,)]


def test_an_expired_token_is_renewed_once(small_world: World, tmp_path: Path) -> None:
    with opened(SOURCE, small_world, tmp_path, began_on=date(2026, 6, 29)) as web:
        body = b'{"error":{"code":401,"message":"expired","status":"UNAUTHENTICATED"}}'
        web.app.faults.next(answer(401, body), path=REPORTS)
        web.pull_well()
        assert web.app.requests["/token"] == 2


def test_a_wrong_key_stops_at_once(small_world: World, tmp_path: Path) -> None:
    with opened(SOURCE, small_world, tmp_path) as web:
        web.secrets = {"client_email": "x", "private_key": "no key at all"}
        assert isinstance(web.error("traffic"), CredentialsRefusedError)
        assert web.app.requests.total() == 0


def test_a_stranger_is_refused_once(small_world: World, tmp_path: Path) -> None:
    with opened(SOURCE, small_world, tmp_path) as web:
        web.secrets = {**web.secrets, "client_email": "x"}
        assert isinstance(web.error("traffic"), CredentialsRefusedError)
        assert web.app.requests.total() == 1


@pytest.mark.parametrize("switch", ["ga4.no_access", "ga4.api_disabled"])
def test_a_missing_permission_is_told(small_world: World, tmp_path: Path, switch: str) -> None:
    options = Options(switches=frozenset({switch}))
    with opened(SOURCE, small_world, tmp_path, options=options) as web:
        assert isinstance(web.error("traffic"), PermissionMissingError)


def test_it_stops_before_the_quota_does_and_goes_on_later(
    small_world: World, tmp_path: Path
) -> None:
    options = Options(rates={"ga4.tokens_per_hour": 100})
    settings = {"began_on": JUNE, "spare_tokens": 15, "days_at_once": 5}
    with opened(SOURCE, small_world, tmp_path, options=options, **settings) as web:
        landed = web.pull()["traffic"]
        assert isinstance(landed, Landed)
        assert isinstance(landed.stopped, QuotaExhaustedError)
        assert web.cursors()["traffic"]["until"] < "2026-06-30"
        assert 429 not in web.app.statuses
        for _ in range(5):
            web.clock.advance(timedelta(hours=1))
            web.pull()
        assert web.cursors()["traffic"]["until"] == "2026-06-30"
        ((days,),) = web.rows("SELECT count(DISTINCT day) FROM raw.website__traffic")
        assert days == 30


def test_too_many_at_once_waits(small_world: World, tmp_path: Path) -> None:
    body = b'{"error":{"code":429,"message":"concurrent","status":"RESOURCE_EXHAUSTED"}}'
    with opened(SOURCE, small_world, tmp_path, began_on=date(2026, 6, 30)) as web:
        web.app.faults.next(answer(429, body, retry_after="0"), path=REPORTS)
        web.pull_well()
        assert web.app.statuses[429] == 1


@pytest.mark.parametrize("fault", [html(200), truncated(), answer(503, b"")])
def test_a_broken_answer_is_asked_again(small_world: World, tmp_path: Path, fault: Any) -> None:
    with opened(SOURCE, small_world, tmp_path / "quiet", began_on=date(2026, 6, 29)) as quiet:
        quiet.pull_well()
        expected = quiet.rows(PAYLOADS)
    with opened(SOURCE, small_world, tmp_path / "loud", began_on=date(2026, 6, 29)) as web:
        web.app.faults.next(fault, path=REPORTS)
        web.pull_well()
        assert web.rows(PAYLOADS) == expected


def test_fewer_rows_than_promised_fail_the_stream(small_world: World, tmp_path: Path) -> None:
    with opened(SOURCE, small_world, tmp_path, began_on=date(2026, 6, 30)) as web:
        web.app.faults.next(edited(rowCount=9_999), path=REPORTS, times=None)
        assert isinstance(web.error("traffic"), (ProtocolError, ServerError))
        assert web.cursors() == {}


def test_other_columns_fail_the_stream(small_world: World, tmp_path: Path) -> None:
    with opened(SOURCE, small_world, tmp_path, began_on=JUNE) as web:
        web.app.faults.next(edited(metricHeaders=[{"name": "sessions"}]), path=REPORTS, times=None)
        assert isinstance(web.error("traffic"), ProtocolError)


def test_a_day_that_suddenly_is_empty_is_an_alarm(small_world: World, tmp_path: Path) -> None:
    with opened(SOURCE, small_world, tmp_path, began_on=JUNE) as web:
        web.pull_well()
        before = web.rows(PAYLOADS)
        known = dict.fromkeys(web.cursors()["traffic"]["rows"], 500)
        cursor = json.dumps({"until": "2026-06-30", "rows": known})
        web.warehouse.execute("UPDATE ops.cursors SET cursor = ?", [cursor])
        web.app.faults.next(answer(200, b'{"metadata":{}}'), path=REPORTS, times=None)
        assert isinstance(web.error("traffic"), VolumeAlarmError)
        assert web.rows(PAYLOADS) == before


@pytest.mark.parametrize("switch", ["ga4.sampled", "ga4.thresholded", "ga4.other"])
def test_what_is_blurred_is_marked(small_world: World, tmp_path: Path, switch: str) -> None:
    options = Options(limits=False, switches=frozenset({switch}))
    with opened(SOURCE, small_world, tmp_path, options=options, began_on=JUNE) as web:
        web.pull_well()
        web.conform()
        assert web.rows("SELECT bool_and(is_approximate) FROM conformed.web_traffic") == [(True,)]
        ((others,),) = web.rows(
            "SELECT count(*) FROM conformed.web_traffic WHERE landing_page = '(other)'"
        )
        assert (others > 0) == (switch == "ga4.other")


def check(web: Any) -> dict[str, Any]:
    from revops_pipelines.engine.declarations import Connection

    client = SOURCE.connect(Connection("website", web.options, web.secrets, web.clock.now))
    return {reach.subject: reach for reach in SOURCE.check(client)}


def test_the_check_says_what_is_left(small_world: World, tmp_path: Path) -> None:
    with opened(SOURCE, small_world, tmp_path) as web:
        found = check(web)
        assert all(reach.ok for reach in found.values())
        assert "200,000 tokens left today" in found["traffic"].detail


def test_the_check_names_missing_key_events(small_world: World, tmp_path: Path) -> None:
    options = Options(limits=False, switches=frozenset({"ga4.no_key_events"}))
    with opened(SOURCE, small_world, tmp_path, options=options) as web:
        found = check(web)
        assert found["traffic"].ok and not found["conversions"].ok
        assert "Key events" in found["conversions"].remedy


@pytest.mark.parametrize("switch", ["ga4.no_access", "ga4.api_disabled"])
def test_the_check_names_missing_access(small_world: World, tmp_path: Path, switch: str) -> None:
    options = Options(limits=False, switches=frozenset({switch}))
    with opened(SOURCE, small_world, tmp_path, options=options) as web:
        found = check(web)
        assert found["sign-in"].ok and not found["traffic"].ok
        assert "Viewer" in found["traffic"].remedy
