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
from revops_pipelines.resources.sources.marketo import SOURCE
from revops_pipelines.sandbox import faults
from revops_pipelines.sandbox.frame import Options


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
    with open_marketo(days_ago=28) as marketo:
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
