"""Pulling from Marketo: what lands is the truth, however and in whatever steps it was read."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from marketo_warehouse import (
    STREAMS,
    Marketo,
    assert_same,
    envelope,
)

from revops_pipelines.engine.declarations import Connection
from revops_pipelines.engine.ingest.errors import PermissionMissingError
from revops_pipelines.engine.ingest.pull import Landed
from revops_pipelines.resources.sources.marketo import SOURCE
from revops_pipelines.sandbox import faults
from revops_pipelines.sandbox.frame import Options
from revops_pipelines.sandbox.world.world import World


def test_the_backfill_is_the_truth(quiet_marketo: Marketo) -> None:
    now, marketing = quiet_marketo.now, quiet_marketo.marketing
    leads = {str(lead.lead_id): lead for lead in marketing.leads if lead.is_there(now)}
    landed = quiet_marketo.living("leads", "id")
    assert landed.keys() == leads.keys()
    for number, payload in landed.items():
        values = msgspec.json.decode(payload)
        assert values["email"] == leads[number].at(now)[1]
        assert values["leadScore"] == leads[number].at(now)[11]
    # What is shown later than it happened comes with the log, not with the extract's window.
    until = now - 5
    wanted = {str(a.guid) for a in marketing.activities if a.at < until and a.seen_at <= now}
    assert set(quiet_marketo.living("activities", "marketo_guid")) == wanted
    programs = {str(each.program_id) for each in marketing.programs if each.created_at <= now}
    assert set(quiet_marketo.living("programs", "id")) == programs


def test_typed_columns_are_read(quiet_marketo: Marketo) -> None:
    [(kinds, moments, leads)] = quiet_marketo.rows(
        "SELECT count(type_id), count(occurred_at), count(lead_id) FROM raw.marketo__activities"
    )
    assert kinds == moments == leads > 1_000
    [(created, updated, rows)] = quiet_marketo.rows(
        "SELECT count(created_at), count(updated_at), count(*) FROM raw.marketo__leads"
    )
    assert created == updated == rows > 100


def test_a_month_of_nights_equals_one_backfill(
    open_marketo: Callable[..., Any], quiet_marketo: Marketo
) -> None:
    """Late activities, scores, custom fields, merges and deletes all come with the log."""
    with open_marketo(days_ago=28, opportunities=False) as marketo:
        marketo.pull_well()
        for _ in range(14):
            marketo.clock.advance(timedelta(days=2))
            marketo.pull_well()
        assert marketo.app.requests["/bulk/v1/leads/export/create.json"] < 30
        # The quiet backfill ends its window five seconds before now, the log does not.
        until = datetime.fromtimestamp(marketo.now - 5, tz=UTC).replace(tzinfo=None)
        marketo.rows(f"DELETE FROM raw.marketo__activities WHERE occurred_at >= '{until}'")
        assert_same(marketo, quiet_marketo)


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
    open_marketo: Callable[..., Any], quiet_marketo: Marketo
) -> None:
    with open_marketo(days_ago=60) as marketo:
        marketo.pull_well()
        before = set(marketo.living("leads", "id"))
        marketo.clock.advance(timedelta(days=60))
        marketo.pull_well()
        assert_same(marketo, quiet_marketo)
        assert before - set(marketo.living("leads", "id"))


def test_a_second_pull_without_news_changes_nothing(open_marketo: Callable[..., Any]) -> None:
    with open_marketo() as marketo:
        marketo.pull_well()
        marketo.pull_well()
        marketo.pull_well()
        for stream in STREAMS:
            assert marketo.rows(f"SELECT count(*) FROM raw.marketo__{stream}__history") == [(0,)]


def test_costs_are_asked_for_one_by_one_where_the_list_has_none(
    open_marketo: Callable[..., Any], quiet_marketo: Marketo
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
        assert marketo.rows(sql) == quiet_marketo.rows(sql)
        assert marketo.app.requests.total() - first < 20


def test_the_check_reads_each_stream_and_names_what_mends_it(
    open_marketo: Callable[..., Any],
) -> None:
    with open_marketo() as marketo:
        connection = Connection("marketo", marketo.options, marketo.secrets, marketo.clock.now)
        found = SOURCE.check(SOURCE.connect(connection))
        assert [(reach.subject, reach.ok) for reach in found] == [(name, True) for name in STREAMS]
        marketo.app.faults.next(faults.answer(200, envelope("603")), path="asset")
        found = SOURCE.check(SOURCE.connect(connection))
        assert [reach.subject for reach in found if not reach.ok] == ["programs"]
        assert "Read-Only Assets" in found[1].remedy


def test_members_are_what_the_log_made_of_them(quiet_marketo: Marketo) -> None:
    now, marketing = quiet_marketo.now, quiet_marketo.marketing
    there = {lead.lead_id for lead in marketing.leads if lead.is_there(now)}
    truth: dict[str, list[Any]] = {}
    for activity in marketing.activities:
        if activity.type_id == 104 and activity.seen_at <= now and activity.lead_id in there:
            key = f"{activity.value_id}:{activity.lead_id}"
            acquired, status = activity.details[0], activity.details[1]
            before = truth.get(key, [activity.at, False, None])
            truth[key] = [before[0], before[1] or acquired, status]
    rows = quiet_marketo.rows(
        "SELECT program_id || ':' || lead_id, epoch(member_since)::BIGINT, is_acquired, status "
        "FROM raw.marketo__program_members WHERE _deleted_at IS NULL"
    )
    assert len(truth) > 50
    assert {key: list(rest) for key, *rest in rows} == truth


def test_a_new_membership_comes_with_the_log(open_marketo: Callable[..., Any]) -> None:
    with open_marketo(days_ago=12, opportunities=False) as marketo:
        marketo.pull_well()
        before = marketo.living("program_members", "program_id || ':' || lead_id")
        exports = marketo.app.requests["/bulk/v1/program/members/export/create.json"]
        marketo.clock.advance(timedelta(days=12))
        marketo.pull_well()
        after = marketo.living("program_members", "program_id || ':' || lead_id")
        assert set(after) - set(before)
        assert marketo.app.requests["/bulk/v1/program/members/export/create.json"] == exports


def test_opportunities_are_found_through_roles(
    marketo_world: World, quiet_marketo: Marketo
) -> None:
    now = quiet_marketo.clock.now()
    leads = quiet_marketo.living("leads", "id").keys()
    numbers = {person.index: person.marketo_id for person in marketo_world.people}
    deals = {
        deal.hubspot_id: deal
        for deal in marketo_world.deals
        if deal.created_at <= now and (deal.deleted_at is None or deal.deleted_at > now)
    }
    roles = {
        (deal.hubspot_id, numbers[person])
        for deal in deals.values()
        for person in deal.people
        if numbers[person] in leads
    }
    found = quiet_marketo.rows("SELECT opportunity_id, lead_id FROM raw.marketo__opportunity_roles")
    assert set(found) == roles
    assert len(found) == len(roles) > 20
    rows = quiet_marketo.rows("SELECT opportunity_id, name, is_won FROM raw.marketo__opportunities")
    assert {number for number, _, _ in rows} == {deal for deal, _ in roles}
    for number, name, is_won in rows:
        deal = deals[number]
        assert (name, is_won) == (deal.name, deal.stages_at(now)[-1].stage.is_won)


def test_opportunities_are_read_once_a_week(open_marketo: Callable[..., Any]) -> None:
    path = "/rest/v1/opportunities/roles.json"
    with open_marketo(days_ago=10) as marketo:
        marketo.pull_well()
        at_first = marketo.app.requests[path]
        marketo.clock.advance(timedelta(days=2))
        marketo.pull_well()
        assert marketo.app.requests[path] == at_first
        marketo.clock.advance(timedelta(days=6))
        marketo.pull_well()
        assert marketo.app.requests[path] > at_first


def test_a_subscription_that_syncs_with_a_crm_says_so(open_marketo: Callable[..., Any]) -> None:
    switched = Options(limits=False, bulk_seconds=0.0, switches=frozenset({"marketo.crm_sync"}))
    with open_marketo(sandbox=switched) as marketo:
        assert isinstance(marketo.error_of("opportunities"), PermissionMissingError)
        connection = Connection("marketo", marketo.options, marketo.secrets, marketo.clock.now)
        found = {reach.subject: reach for reach in SOURCE.check(SOURCE.connect(connection))}
        assert found["program_members"].ok
        assert not found["opportunities"].ok
        assert "opportunities = false" in found["opportunities"].remedy


def test_a_bad_record_is_put_aside_and_its_lead_is_not_taken_for_deleted(
    open_marketo: Callable[..., Any],
) -> None:
    """A lone surrogate makes one record of a page unreadable; the others come."""

    def spoil(body: bytes) -> bytes:
        return body.replace(b'"firstName":"', b'"firstName":"\\ud800', 1)

    with open_marketo(days_ago=9, opportunities=False) as marketo:
        marketo.pull_well()
        before = marketo.living("leads", "id")
        marketo.clock.advance(timedelta(days=9))
        marketo.app.faults.next(faults.changed(spoil), path=r"/rest/v1/leads\.json")
        marketo.pull_well()
        assert marketo.app.faults.played == 1
        entity = "raw.marketo__leads"
        assert marketo.rows(f"SELECT count(*) FROM ops.quarantine WHERE entity = '{entity}'") == [
            (1,)
        ]
        reasons = marketo.rows(
            "SELECT DISTINCT _deleted_reason FROM raw.marketo__leads WHERE _deleted_at IS NOT NULL"
        )
        assert ("missing",) not in reasons
        assert len(marketo.living("leads", "id")) > len(before) - 10


def test_a_first_load_that_takes_days_goes_on_where_the_allowance_ended(
    open_marketo: Callable[..., Any], quiet_marketo: Marketo
) -> None:
    """Bytes of extracts are counted by day; each night keeps what it got."""
    rates = {"marketo.export_bytes": 60_000.0, "marketo.calls": 1e9}
    a_day = Options(limits=True, bulk_seconds=0.0, rates=rates)
    with open_marketo(days_ago=9, sandbox=a_day, exports_at_once=2) as marketo:
        stopped = []
        for _ in range(9):
            results = marketo.pull("activities", "leads")
            stopped.append({name for name, each in results.items() if _is_stopped(each)})
            marketo.clock.advance(timedelta(days=1))
        assert stopped[0] == {"activities", "leads"}
        assert stopped[-1] == set()
        rates["marketo.export_bytes"] = 1e9
        marketo.pull_well()
        until = datetime.fromtimestamp(marketo.now - 5, tz=UTC).replace(tzinfo=None)
        marketo.rows(f"DELETE FROM raw.marketo__activities WHERE occurred_at >= '{until}'")
        assert_same(marketo, quiet_marketo)


def _is_stopped(result: Any) -> bool:
    return not isinstance(result, Landed) or result.stopped is not None
