"""Pulling from Plausible: windows, pages, the hour's requests, refusals."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from web_warehouse import opened

from revops_pipelines.engine.declarations import Connection
from revops_pipelines.engine.ingest.errors import (
    CredentialsRefusedError,
    PermissionMissingError,
    ProtocolError,
    VolumeAlarmError,
)
from revops_pipelines.resources.sources.plausible import SOURCE
from revops_pipelines.sandbox.faults import answer, changed, html, truncated
from revops_pipelines.sandbox.frame import Options
from revops_pipelines.sandbox.world.world import World

JUNE = date(2026, 6, 1)
LATE = date(2026, 7, 5)
QUERY = "/api/v2/query"
PAYLOADS = "SELECT day, part, payload FROM raw.website__visits ORDER BY ALL"


def test_small_pages_and_windows_give_the_same_days(small_world: World, tmp_path: Path) -> None:
    with opened(SOURCE, small_world, tmp_path / "a", began_on=JUNE) as whole:
        whole.pull_well()
        whole.conform()
        expected = whole.traffic(LATE)
    settings = {"began_on": JUNE, "page_rows": 3, "window_days": 7, "part_rows": 2}
    with opened(SOURCE, small_world, tmp_path / "b", **settings) as paged:
        paged.pull_well()
        paged.conform()
        assert paged.rows("SELECT max(parts) > 1 FROM raw.website__visits") == [(True,)]
        assert paged.traffic(LATE) == expected


def test_a_night_costs_few_requests(small_world: World, tmp_path: Path) -> None:
    with opened(SOURCE, small_world, tmp_path) as web:
        web.pull_well()
        backfill = web.app.requests.total()
        # Two queries for each window of 28 days, and two for the first day.
        assert backfill == 2 * -(-760 // 28) + 2
        web.clock.advance(timedelta(days=1))
        web.pull_well()
        assert web.app.requests.total() - backfill == 2


def test_what_did_not_change_is_no_version(small_world: World, tmp_path: Path) -> None:
    with opened(SOURCE, small_world, tmp_path, began_on=JUNE) as web:
        web.pull_well()
        before = web.rows(PAYLOADS)
        web.pull_well()
        assert web.rows(PAYLOADS) == before
        assert web.rows("SELECT count(*) FROM raw.website__visits__history") == [(0,)]


def test_empty_days_are_known_to_be_empty(small_world: World, tmp_path: Path) -> None:
    with opened(SOURCE, small_world, tmp_path, days_ago=700, began_on=date(2024, 5, 20)) as web:
        web.pull_well()
        assert web.rows("SELECT len(rows) FROM raw.website__visits WHERE day = '2024-05-20'") == [
            (0,)
        ]


@pytest.mark.parametrize("fault", [html(200), truncated(), answer(503, b"")])
def test_a_broken_answer_is_asked_again(small_world: World, tmp_path: Path, fault: Any) -> None:
    with opened(SOURCE, small_world, tmp_path / "quiet", began_on=JUNE) as quiet:
        quiet.pull_well()
        expected = quiet.rows(PAYLOADS)
    with opened(SOURCE, small_world, tmp_path / "loud", began_on=JUNE) as web:
        web.app.faults.next(fault, path=QUERY)
        web.pull_well()
        assert web.rows(PAYLOADS) == expected


def test_a_total_that_does_not_add_up_fails_the_stream(small_world: World, tmp_path: Path) -> None:
    def more(body: bytes) -> bytes:
        answer = json.loads(body)
        answer["meta"]["total_rows"] += 1
        return json.dumps(answer).encode()

    with opened(SOURCE, small_world, tmp_path, began_on=JUNE) as web:
        web.app.faults.next(changed(more), path=QUERY, times=None)
        assert isinstance(web.error("visits"), ProtocolError)
        assert web.cursors() == {}


def test_a_day_out_of_the_window_fails_the_stream(small_world: World, tmp_path: Path) -> None:
    def older(body: bytes) -> bytes:
        return body.replace(b'"2026-06-2', b'"2025-06-2')

    with opened(SOURCE, small_world, tmp_path, began_on=JUNE) as web:
        web.app.faults.next(changed(older), path=QUERY, times=None)
        assert isinstance(web.error("visits"), ProtocolError)


def test_a_day_that_suddenly_is_empty_is_an_alarm(small_world: World, tmp_path: Path) -> None:
    with opened(SOURCE, small_world, tmp_path, began_on=JUNE) as web:
        web.pull_well()
        cursor = json.dumps({"until": "2026-06-30", "rows": {"2026-06-29": 500}})
        web.warehouse.execute("UPDATE ops.cursors SET cursor = ?", [cursor])
        assert isinstance(web.error("visits"), VolumeAlarmError)


def test_refusals_are_told(small_world: World, tmp_path: Path) -> None:
    with opened(SOURCE, small_world, tmp_path) as web:
        web.secrets = {"api_key": "another"}
        assert isinstance(web.error("visits"), CredentialsRefusedError)
    options = Options(switches=frozenset({"plausible.no_stats_api"}))
    with opened(SOURCE, small_world, tmp_path, options=options) as web:
        assert isinstance(web.error("visits"), PermissionMissingError)


def check(web: Any) -> dict[str, Any]:
    client = SOURCE.connect(Connection("website", web.options, web.secrets, web.clock.now))
    return {reach.subject: reach for reach in SOURCE.check(client)}


def test_the_check_names_goals_that_are_not_there(small_world: World, tmp_path: Path) -> None:
    with opened(SOURCE, small_world, tmp_path, goals=("Newsletter",)) as web:
        assert all(reach.ok for reach in check(web).values())
        web.settings = {"goals": ("Newsletter", "Buy a Yacht")}
        found = check(web)
        assert found["visits"].ok and not found["conversions"].ok
        assert "Buy a Yacht" in found["conversions"].detail


def test_the_check_names_the_plan(small_world: World, tmp_path: Path) -> None:
    options = Options(switches=frozenset({"plausible.no_stats_api"}))
    with opened(SOURCE, small_world, tmp_path, options=options) as web:
        found = check(web)
        assert not found["visits"].ok
        assert "plan" in found["visits"].remedy
