"""Pulling from a Marketo that misbehaves: the outcome of the quiet run, or a true failure.

Names begin with the row of the fault matrix that they try.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from marketo_warehouse import (
    STREAMS,
    Marketo,
    assert_same,
    envelope,
)

from revops_pipelines.engine.ingest.errors import (
    CredentialsRefusedError,
    CursorLoopError,
    PermissionMissingError,
    QuotaExhaustedError,
    VolumeAlarmError,
)
from revops_pipelines.engine.ingest.pull import Failed
from revops_pipelines.sandbox import faults
from revops_pipelines.sandbox.frame import Options


def test_h17_a_token_that_expires_mid_sync_is_renewed_once(
    open_marketo: Callable[..., Any], quiet_marketo: Marketo
) -> None:
    with open_marketo() as marketo:
        expired = faults.answer(200, envelope("602"))
        marketo.app.faults.next(expired, path="^/(rest|bulk)/", after=25)
        marketo.pull_well()
        assert marketo.app.requests["/identity/oauth/token"] == 2
        assert_same(marketo, quiet_marketo)


def test_h17_the_token_of_an_hour_ago_is_renewed(open_marketo: Callable[..., Any]) -> None:
    with open_marketo(days_ago=1) as marketo:
        aged = faults.meanwhile(lambda: marketo.clock.advance(timedelta(hours=2)))
        marketo.app.faults.next(aged, path="^/bulk/v1/leads", after=10)
        marketo.pull_well()
        assert marketo.app.requests["/identity/oauth/token"] == 2


def test_h18_credentials_that_stay_refused_stop_everything(
    open_marketo: Callable[..., Any],
) -> None:
    with open_marketo() as marketo:
        marketo.app.faults.next(
            faults.answer(200, envelope("601")), path="^/(rest|bulk)/", times=None
        )
        results = marketo.pull()
        assert all(isinstance(result, Failed) for result in results.values())
        assert isinstance(marketo.error_of("leads"), CredentialsRefusedError)
        assert marketo.app.requests["/identity/oauth/token"] <= 4
    with open_marketo() as marketo:
        marketo.secrets = {"client_id": "sandbox-marketo-id", "client_secret": "wrong"}
        assert isinstance(marketo.error_of("leads"), CredentialsRefusedError)
        assert marketo.app.requests["/identity/oauth/token"] == 1
        assert "wrong" not in str(marketo.error_of("leads"))


@pytest.mark.parametrize("code", ["606", "615", "611", "604", "713"])
def test_h19_passing_errors_inside_200_are_tried_again(
    open_marketo: Callable[..., Any], quiet_marketo: Marketo, code: str
) -> None:
    with open_marketo() as marketo:
        refused = faults.answer(200, envelope(code))
        marketo.app.faults.next(refused, path="programs", times=2)
        marketo.app.faults.next(refused, path="types")
        marketo.pull_well("programs", "activity_types")
        assert marketo.app.faults.played == 3
        for stream in ("programs", "activity_types"):
            assert marketo.living(stream, "id") == quiet_marketo.living(stream, "id")


@pytest.mark.parametrize(
    ("code", "kind"), [("603", PermissionMissingError), ("607", QuotaExhaustedError)]
)
def test_h19_lasting_errors_inside_200_end_the_stream_and_move_no_cursor(
    open_marketo: Callable[..., Any], code: str, kind: type[BaseException]
) -> None:
    with open_marketo() as marketo:
        marketo.pull_well("programs")
        before = marketo.cursors()
        marketo.clock.advance(timedelta(hours=1))
        marketo.app.faults.next(faults.answer(200, envelope(code)), path="programs", times=None)
        assert isinstance(marketo.error_of("programs"), kind)
        assert marketo.cursors() == before
        assert marketo.app.faults.played == 1


def test_a_permission_that_one_stream_lacks_leaves_the_others(
    open_marketo: Callable[..., Any],
) -> None:
    with open_marketo(began_on="2024-05-01") as marketo:
        marketo.app.faults.next(faults.answer(200, envelope("603")), path="asset", times=None)
        results = marketo.pull()
        failed = [name for name in STREAMS if isinstance(results[name], Failed)]
        # Members are extracted by program, so they need the list as well.
        assert failed == ["programs", "program_members"]


@pytest.mark.parametrize(
    "fault", [faults.truncated(), faults.truncated(honest_length=True), faults.html(200)]
)
def test_broken_pages_are_asked_for_again(
    open_marketo: Callable[..., Any], quiet_marketo: Marketo, fault: faults.Fault
) -> None:
    with open_marketo() as marketo:
        for path in ("programs", "types", "status", "file", "describe2"):
            marketo.app.faults.next(fault, path=path)
        marketo.pull_well()
        assert marketo.app.faults.played == 5
        assert_same(marketo, quiet_marketo)


def test_a_file_that_breaks_its_checksum_is_extracted_anew(
    open_marketo: Callable[..., Any], quiet_marketo: Marketo
) -> None:
    with open_marketo(download_megabytes=0.01) as marketo:
        spoiled = faults.changed(lambda body: body.replace(b"2", b"3", 1))
        marketo.app.faults.next(spoiled, path="activities/export/.*file", after=5)
        marketo.pull_well()
        assert marketo.app.faults.played == 1
        assert_same(marketo, quiet_marketo)


def test_a_full_export_queue_is_waited_for(
    open_marketo: Callable[..., Any], quiet_marketo: Marketo
) -> None:
    slow = Options(limits=False, bulk_seconds=0.02)
    with open_marketo(sandbox=slow, exports_at_once=10) as marketo:
        marketo.app.faults.next(faults.answer(200, envelope("1029")), path="enqueue", after=4)
        marketo.pull_well()
        assert_same(marketo, quiet_marketo)


def test_the_days_allowance_of_extracts_ends_the_stream(open_marketo: Callable[..., Any]) -> None:
    rates = {"marketo.export_bytes": 10, "marketo.calls": 100_000}
    with open_marketo(sandbox=Options(bulk_seconds=0.0, rates=rates)) as marketo:
        assert isinstance(marketo.error_of("leads"), QuotaExhaustedError)
        assert marketo.rows("SELECT count(*) FROM raw.marketo__leads") == [(0,)]


def test_h11_a_log_whose_token_leads_back_is_no_end_less_loop(
    open_marketo: Callable[..., Any],
) -> None:
    with open_marketo(days_ago=3) as marketo:
        marketo.pull_well("activities")
        marketo.clock.advance(timedelta(days=2))
        marketo.app.faults.next(faults.remembered(), path="activities.json")

        def looping(body: bytes) -> bytes:
            page = msgspec.json.decode(body)
            return msgspec.json.encode(page | {"nextPageToken": "GA", "moreResult": True})

        marketo.app.faults.next(faults.changed(looping), path="activities.json", times=None)
        assert isinstance(marketo.error_of("activities"), CursorLoopError)


def test_leads_that_an_answer_leaves_out_in_masses_are_no_deletes(
    open_marketo: Callable[..., Any],
) -> None:
    def emptied(body: bytes) -> bytes:
        return msgspec.json.encode(msgspec.json.decode(body) | {"result": []})

    # A long look-back, so that many are asked for.
    with open_marketo(days_ago=1, look_back_minutes=500_000) as marketo:
        marketo.pull_well("leads")
        there = marketo.living("leads", "id")
        marketo.clock.advance(timedelta(days=1))
        marketo.app.faults.next(faults.changed(emptied), path="v1/leads.json", times=None)
        assert isinstance(marketo.error_of("leads"), VolumeAlarmError)
        assert marketo.living("leads", "id") == there
