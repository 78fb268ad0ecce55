"""The Marketo connector against the sandbox's Marketo, over real HTTP.

The oracle is the simulation itself, or the quiet run: what one undisturbed pull lands.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pytest

from revops_pipelines.engine.declarations import Connection
from revops_pipelines.engine.ingest.errors import (
    CredentialsRefusedError,
    CursorLoopError,
    PermissionMissingError,
    QuotaExhaustedError,
    VolumeAlarmError,
)
from revops_pipelines.engine.ingest.load import ensure_raw_tables, load_stream
from revops_pipelines.engine.ingest.pull import Failed, Landed, SourceJob, pull_sources
from revops_pipelines.engine.warehouse.schema import ensure_schema
from revops_pipelines.resources.sources.marketo import SOURCE
from revops_pipelines.sandbox import faults
from revops_pipelines.sandbox.clock import SandboxClock, opening
from revops_pipelines.sandbox.frame import Framed, Options
from revops_pipelines.sandbox.marketo import build_app
from revops_pipelines.sandbox.server import KEYS, serving
from revops_pipelines.sandbox.world.marketing import RAISING_FORMS
from revops_pipelines.sandbox.world.marketing_shapes import FORM, Marketing
from revops_pipelines.sandbox.world.world import World, build_world

ANCHOR = date(2026, 6, 30)
STREAMS = ("activity_types", "programs", "activities", "leads")


@pytest.fixture(scope="module")
def world() -> World:
    return build_world(7, ANCHOR, 0.06)


@dataclass
class Marketo:
    """A served Marketo and a warehouse that pulls from it."""

    url: str
    app: Framed
    clock: SandboxClock
    marketing: Marketing = field(repr=False)
    landing: Path
    warehouse: duckdb.DuckDBPyConnection
    settings: Mapping[str, Any]
    secrets: Mapping[str, str] = field(default_factory=lambda: KEYS["marketo"])

    @property
    def now(self) -> int:
        return int(self.clock.now().timestamp())

    @property
    def options(self) -> Any:
        assert SOURCE.sandbox_options is not None
        given = SOURCE.sandbox_options({"marketo": self.url})
        # Nobody counts here, so nobody waits.
        quick = {"poll_seconds": 0.01, "burst_requests": 10_000, "rate_reached_seconds": 0}
        return SOURCE.options.model_validate({**given, **quick, **self.settings})

    def pull(self, *streams: str) -> dict[str, Landed | Failed]:
        """Pull and load; a failed stream is not loaded."""
        declared = SOURCE.streams(self.options)
        ensure_raw_tables(self.warehouse, "marketo", declared)
        job = SourceJob("marketo", SOURCE, self.options, self.secrets, streams, self.cursors())
        pulled = pull_sources([job], self.landing, self.clock.now, threads=4)
        for stream in declared:
            landed = pulled.get(("marketo", stream.name))
            if isinstance(landed, Landed):
                load_stream(self.warehouse, "marketo", stream, landed, "test", self.clock.now())
        return {name: result for (_, name), result in pulled.items()}

    def pull_well(self, *streams: str) -> None:
        failed = {
            name: result.error
            for name, result in self.pull(*streams).items()
            if isinstance(result, Failed)
        }
        assert failed == {}

    def cursors(self) -> dict[str, Any]:
        rows = self.rows("SELECT stream, cursor FROM ops.cursors")
        return {stream: msgspec.json.decode(cursor) for stream, cursor in rows}

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return self.warehouse.execute(sql).fetchall()

    def living(self, stream: str, key: str) -> dict[str, str]:
        """Payloads of records that are not deleted, by key."""
        table = f"raw.marketo__{stream}"
        return dict(self.rows(f"SELECT {key}, payload FROM {table} WHERE _deleted_at IS NULL"))

    def error_of(self, stream: str) -> BaseException:
        result = self.pull(stream)[stream]
        assert isinstance(result, Failed)
        return result.error


@pytest.fixture
def open_marketo(world: World, tmp_path: Path) -> Callable[..., Any]:
    """Serves a Marketo with its own clock and an empty warehouse; keywords are source options."""

    @contextmanager
    def opened(
        days_ago: float = 0, sandbox: Options | None = None, **settings: Any
    ) -> Iterator[Marketo]:
        clock = SandboxClock(opening(ANCHOR) - timedelta(days=days_ago))
        app = build_app(world, clock, sandbox or Options(limits=False, bulk_seconds=0.0))
        warehouse = duckdb.connect()
        warehouse.execute("SET TimeZone = 'UTC'")
        ensure_schema(warehouse)
        with serving({"marketo": app}) as urls:
            landing = tmp_path / f"landing{len(list(tmp_path.iterdir()))}"
            yield Marketo(
                urls["marketo"], app, clock, world.marketing, landing, warehouse, settings
            )
        warehouse.close()

    return opened


@pytest.fixture(scope="module")
def quiet(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Marketo]:
    """An undisturbed backfill; to be read only."""
    clock = SandboxClock(opening(ANCHOR))
    app = build_app(world, clock, Options(limits=False, bulk_seconds=0.0))
    warehouse = duckdb.connect()
    warehouse.execute("SET TimeZone = 'UTC'")
    ensure_schema(warehouse)
    with serving({"marketo": app}) as urls:
        landing = tmp_path_factory.mktemp("landing")
        marketo = Marketo(urls["marketo"], app, clock, world.marketing, landing, warehouse, {})
        marketo.pull_well()
        yield marketo
    warehouse.close()


def assert_same(one: Marketo, other: Marketo) -> None:
    """Both warehouses hold the same living records."""
    for stream, key in (
        ("leads", "id"),
        ("activities", "marketo_guid"),
        ("programs", "id"),
        ("activity_types", "id"),
    ):
        assert one.living(stream, key) == other.living(stream, key), stream


def test_the_backfill_is_the_truth(quiet: Marketo) -> None:
    now, marketing = quiet.now, quiet.marketing
    leads = {str(lead.lead_id): lead for lead in marketing.leads if lead.is_there(now)}
    landed = quiet.living("leads", "id")
    assert landed.keys() == leads.keys()
    for number, payload in landed.items():
        values = msgspec.json.decode(payload)
        assert values["email"] == leads[number].at(now)[1]
        assert values["leadScore"] == leads[number].at(now)[11]
    # What is shown later than it happened comes with the log, not with the extract's window.
    until = now - 5
    wanted = {str(a.guid) for a in marketing.activities if a.at < until and a.seen_at <= now}
    assert set(quiet.living("activities", "marketo_guid")) == wanted
    programs = {str(each.program_id) for each in marketing.programs if each.created_at <= now}
    assert set(quiet.living("programs", "id")) == programs


def test_typed_columns_are_read(quiet: Marketo) -> None:
    [(kinds, moments, leads)] = quiet.rows(
        "SELECT count(type_id), count(occurred_at), count(lead_id) FROM raw.marketo__activities"
    )
    assert kinds == moments == leads > 1_000
    [(created, updated, rows)] = quiet.rows(
        "SELECT count(created_at), count(updated_at), count(*) FROM raw.marketo__leads"
    )
    assert created == updated == rows > 100


def test_a_month_of_nights_equals_one_backfill(
    open_marketo: Callable[..., Any], quiet: Marketo
) -> None:
    """Late activities, scores, custom fields, merges and deletes all come with the log."""
    with open_marketo(days_ago=28) as marketo:
        marketo.pull_well()
        for _ in range(14):
            marketo.clock.advance(timedelta(days=2))
            marketo.pull_well()
        assert marketo.app.requests["/bulk/v1/leads/export/create.json"] < 30
        # The quiet backfill ends its window five seconds before now, the log does not.
        until = datetime.fromtimestamp(marketo.now - 5, tz=UTC).replace(tzinfo=None)
        marketo.rows(f"DELETE FROM raw.marketo__activities WHERE occurred_at >= '{until}'")
        assert_same(marketo, quiet)


def test_pulses_keep_leads_and_activities_fresh(open_marketo: Callable[..., Any]) -> None:
    with open_marketo() as marketo:
        marketo.pull_well()
        for _ in range(6):
            marketo.clock.advance(timedelta(minutes=5))
            marketo.pull_well("activities", "leads")
        marketo.clock.advance(timedelta(hours=4))
        marketo.pull_well("activities", "leads")
        there = {
            str(lead.lead_id) for lead in marketo.marketing.leads if lead.is_there(marketo.now)
        }
        assert set(marketo.living("leads", "id")) == there


def test_deleted_and_merged_leads_become_tombstones_with_their_times(
    open_marketo: Callable[..., Any],
) -> None:
    with open_marketo(days_ago=60) as marketo:
        marketo.pull_well("leads")
        begins = marketo.now
        for _ in range(6):
            marketo.clock.advance(timedelta(days=10))
            marketo.pull_well("leads")
        known = {lead.lead_id: lead for lead in marketo.marketing.leads if lead.is_there(begins)}
        wanted = {}
        for number, lead in known.items():
            if lead.deleted_at is not None and lead.deleted_at <= marketo.now:
                wanted[str(number)] = (lead.deleted_at, "deleted")
            elif lead.merged_at is not None and lead.merged_at <= marketo.now:
                wanted[str(number)] = (lead.merged_at, f"merged into {lead.merged_into}")
        rows = marketo.rows(
            "SELECT id, epoch(_deleted_at)::BIGINT, _deleted_reason FROM raw.marketo__leads "
            "WHERE _deleted_at IS NOT NULL"
        )
        got = {number: (at, reason) for number, at, reason in rows if int(number) in known}
        assert got == wanted
        assert {reason.split()[0] for _, reason in got.values()} == {"deleted", "merged"}


def test_deletes_that_the_feed_forgot_are_found_by_starting_over(
    open_marketo: Callable[..., Any], quiet: Marketo
) -> None:
    with open_marketo(days_ago=60) as marketo:
        marketo.pull_well()
        before = set(marketo.living("leads", "id"))
        marketo.clock.advance(timedelta(days=60))
        marketo.pull_well()
        assert_same(marketo, quiet)
        assert before - set(marketo.living("leads", "id"))


def test_a_second_pull_without_news_changes_nothing(open_marketo: Callable[..., Any]) -> None:
    with open_marketo() as marketo:
        marketo.pull_well()
        marketo.pull_well()
        marketo.pull_well()
        for stream in STREAMS:
            assert marketo.rows(f"SELECT count(*) FROM raw.marketo__{stream}__history") == [(0,)]


def _envelope(code: str) -> bytes:
    return (
        b'{"requestId":"1","success":false,"errors":[{"code":"%s","message":"m"}]}' % code.encode()
    )


def test_h17_a_token_that_expires_mid_sync_is_renewed_once(
    open_marketo: Callable[..., Any], quiet: Marketo
) -> None:
    with open_marketo() as marketo:
        expired = faults.answer(200, _envelope("602"))
        marketo.app.faults.next(expired, path="^/(rest|bulk)/", after=25)
        marketo.pull_well()
        assert marketo.app.requests["/identity/oauth/token"] == 2
        assert_same(marketo, quiet)


def test_h17_the_token_of_an_hour_ago_is_renewed(
    open_marketo: Callable[..., Any], world: World
) -> None:
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
            faults.answer(200, _envelope("601")), path="^/(rest|bulk)/", times=None
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
    open_marketo: Callable[..., Any], quiet: Marketo, code: str
) -> None:
    with open_marketo() as marketo:
        refused = faults.answer(200, _envelope(code))
        marketo.app.faults.next(refused, path="programs", times=2)
        marketo.app.faults.next(refused, path="types")
        marketo.pull_well("programs", "activity_types")
        assert marketo.app.faults.played == 3
        for stream in ("programs", "activity_types"):
            assert marketo.living(stream, "id") == quiet.living(stream, "id")


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
        marketo.app.faults.next(faults.answer(200, _envelope(code)), path="programs", times=None)
        assert isinstance(marketo.error_of("programs"), kind)
        assert marketo.cursors() == before
        assert marketo.app.faults.played == 1


def test_a_permission_that_one_stream_lacks_leaves_the_others(
    open_marketo: Callable[..., Any],
) -> None:
    with open_marketo(began_on="2024-05-01") as marketo:
        marketo.app.faults.next(faults.answer(200, _envelope("603")), path="asset", times=None)
        results = marketo.pull()
        assert [name for name in STREAMS if isinstance(results[name], Failed)] == ["programs"]


@pytest.mark.parametrize(
    "fault", [faults.truncated(), faults.truncated(honest_length=True), faults.html(200)]
)
def test_broken_pages_are_asked_for_again(
    open_marketo: Callable[..., Any], quiet: Marketo, fault: faults.Fault
) -> None:
    with open_marketo() as marketo:
        for path in ("programs", "types", "status", "file", "describe2"):
            marketo.app.faults.next(fault, path=path)
        marketo.pull_well()
        assert marketo.app.faults.played == 5
        assert_same(marketo, quiet)


def test_a_file_that_breaks_its_checksum_is_extracted_anew(
    open_marketo: Callable[..., Any], quiet: Marketo
) -> None:
    with open_marketo(download_megabytes=0.01) as marketo:
        spoiled = faults.changed(lambda body: body.replace(b"2", b"3", 1))
        marketo.app.faults.next(spoiled, path="activities/export/.*file", after=5)
        marketo.pull_well()
        assert marketo.app.faults.played == 1
        assert_same(marketo, quiet)


def test_a_full_export_queue_is_waited_for(
    open_marketo: Callable[..., Any], quiet: Marketo
) -> None:
    slow = Options(limits=False, bulk_seconds=0.02)
    with open_marketo(sandbox=slow, exports_at_once=10) as marketo:
        marketo.app.faults.next(faults.answer(200, _envelope("1029")), path="enqueue", after=4)
        marketo.pull_well()
        assert_same(marketo, quiet)


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


def test_costs_are_asked_for_one_by_one_where_the_list_has_none(
    open_marketo: Callable[..., Any], quiet: Marketo
) -> None:
    switched = Options(limits=False, switches=frozenset({"marketo.costs_by_id"}))
    sql = """
        SELECT id, sum(cost::INTEGER) FROM (
            SELECT id, unnest(from_json(costs, '["JSON"]'))->>'cost' AS cost
            FROM raw.marketo__programs) GROUP BY id ORDER BY id"""
    with open_marketo(days_ago=2, sandbox=switched) as marketo:
        marketo.pull_well("programs")
        first = marketo.app.requests.total()
        marketo.clock.advance(timedelta(days=2))
        marketo.pull_well("programs")
        assert marketo.rows(sql) == quiet.rows(sql)
        assert marketo.app.requests.total() - first < 20


def test_the_check_reads_each_stream_and_names_what_mends_it(
    open_marketo: Callable[..., Any],
) -> None:
    with open_marketo() as marketo:
        connection = Connection("marketo", marketo.options, marketo.secrets, marketo.clock.now)
        found = SOURCE.check(SOURCE.connect(connection))
        assert [(reach.subject, reach.ok) for reach in found] == [(name, True) for name in STREAMS]
        marketo.app.faults.next(faults.answer(200, _envelope("603")), path="asset")
        found = SOURCE.check(SOURCE.connect(connection))
        assert [reach.subject for reach in found if not reach.ok] == ["programs"]
        assert "Read-Only Assets" in found[1].remedy


def _offered(marketo: Marketo, entity: str) -> list[dict[str, Any]]:
    [offer] = [each for each in SOURCE.offers(marketo.options) if each.entity == entity]
    result = marketo.warehouse.execute(offer.sql.replace("@source", "marketo"))
    names = [column[0] for column in result.description or ()]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def _winner(marketing: Marketing, number: int, now: int) -> int:
    lead = next(each for each in marketing.leads if each.lead_id == number)
    return number if lead.merged_at is None or lead.merged_at > now else int(lead.merged_into or 0)


def test_leads_are_offered_with_their_first_raised_hand(quiet: Marketo) -> None:
    now, marketing = quiet.now, quiet.marketing
    raised: dict[int, int] = {}
    for activity in marketing.activities:
        name = (activity.value or "").rsplit(".", 1)[-1]
        if activity.type_id == FORM and activity.at < now - 5 and name in RAISING_FORMS:
            raised.setdefault(_winner(marketing, activity.lead_id, now), activity.at)
    offered = {row["source_id"]: row for row in _offered(quiet, "leads")}
    there = {str(lead.lead_id): lead for lead in marketing.leads if lead.is_there(now)}
    assert offered.keys() == there.keys()
    for number, row in offered.items():
        at = raised.get(int(number))
        moment = None if at is None else datetime.fromtimestamp(at, tz=UTC).replace(tzinfo=None)
        assert (row["raised_at"], row["is_inbound"]) == (moment, moment is not None)
        assert row["email"] == str(there[number].values[1]).lower()
        assert row["country"] is None or len(row["country"]) == 2
    custom = [row["custom"] for row in offered.values() if row["custom"]]
    assert custom
    assert {name for text in custom for name in msgspec.json.decode(text)} <= {
        "newsletterOptIn",
        "favouriteTopic",
        "expectedSpend",
    }


def test_a_raised_hand_is_never_before_the_person_raised_it(quiet: Marketo, world: World) -> None:
    people = {int(each.marketo_id): each for each in world.people if each.marketo_id}
    checked = 0
    for row in _offered(quiet, "leads"):
        person = people.get(int(row["source_id"]))
        if person is not None and row["raised_at"] is not None:
            assert person.raised_at is not None
            later = row["raised_at"].replace(tzinfo=UTC) - person.raised_at
            assert timedelta() <= later < timedelta(seconds=1)
            checked += 1
    assert checked > 50


def test_marketing_is_nobodys_human_touch(quiet: Marketo) -> None:
    offered = _offered(quiet, "activities")
    assert not any(row["is_human"] for row in offered)
    kinds = {(row["kind"], row["direction"]) for row in offered}
    assert kinds == {
        ("form", "inbound"),
        ("web", "inbound"),
        ("email", "inbound"),
        ("email", "outbound"),
    }
    leads = {row["lead_id"] for row in _offered(quiet, "leads")}
    assert {row["lead_id"] for row in offered} <= leads
    assert "bounced" in {row["outcome"] for row in offered}


def test_touchpoints_leave_out_bots_and_name_their_program(quiet: Marketo) -> None:
    bots = {str(guid) for guid in quiet.marketing.bot_guids}
    offered = _offered(quiet, "touchpoints")
    clicks = {row["source_id"] for row in offered if row["kind"] == "email_click"}
    assert clicks
    assert not clicks & bots
    assert bots & set(quiet.living("activities", "marketo_guid"))
    programs = {f"marketo:{each.program_id}" for each in quiet.marketing.programs}
    assert {row["campaign_id"] for row in offered} <= programs
    assert {row["kind"] for row in offered} == {"form_fill", "email_click", "program_status"}


def test_spend_is_the_truth_by_program_and_month(quiet: Marketo) -> None:
    wanted: dict[tuple[str, date], int] = {}
    for program in quiet.marketing.programs:
        for cost in program.costs:
            if cost.seen_at <= quiet.now and program.created_at <= quiet.now:
                key = (f"marketo:{program.program_id}", cost.month)
                wanted[key] = wanted.get(key, 0) + cost.amount
    offered = _offered(quiet, "marketing_spend")
    assert {(row["campaign_id"], row["spent_on"]): row["amount"] for row in offered} == wanted
    assert {row["currency"] for row in offered} == {"USD"}
    channels = {row["channel"] for row in _offered(quiet, "campaigns")}
    assert "online_advertising" in channels


def test_merges_are_told_to_the_identity(quiet: Marketo) -> None:
    now = quiet.now
    wanted = {
        (f"marketo:{lead.lead_id}", f"marketo:{lead.merged_into}")
        for lead in quiet.marketing.leads
        if lead.merged_at is not None and lead.merged_at < now - 5
    }
    offered = _offered(quiet, "merges")
    assert {(row["record_id"], row["canonical_id"]) for row in offered} == wanted
    assert wanted
