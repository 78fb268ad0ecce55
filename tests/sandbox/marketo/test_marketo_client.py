"""`marketorestpython`, which nobody here wrote, drains the sandbox and agrees with its truth.

It sends its token in the Authorization header, so no switch is needed. It insists on https and the
vendor's host name; the test gives it the sandbox's address instead.
"""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from marketorestpython.client import MarketoClient

from revops_pipelines.sandbox.world.marketing_shapes import ACTIVITY_TYPES, POSITION

Caller = Any
BEGINNING = "2024-01-01T00:00:00Z"
SINCE = "2026-05-01T00:00:00Z"
SINCE_SECONDS = 1_777_593_600


@pytest.fixture
def client(marketo: Caller) -> MarketoClient:
    client = MarketoClient("000-SBX-000", "sandbox-marketo-id", "sandbox-marketo-secret")
    client.host = marketo.url
    return client


def test_it_reads_all_activities(client: MarketoClient, marketo: Caller) -> None:
    now = int(marketo.clock.now().timestamp())
    kinds = [str(kind.type_id) for kind in ACTIVITY_TYPES]
    got: set[str] = set()
    for chosen in (kinds[:10], kinds[10:]):
        rows = client.execute(
            method="get_lead_activities", activityTypeIds=chosen, sinceDatetime=BEGINNING
        )
        got |= {row["marketoGUID"] for row in rows}
    expected = {
        str(activity.guid)
        for activity in marketo.world.marketing.activities
        if activity.seen_at <= now
    }
    assert got == expected
    assert len(got) > 1_000


def test_it_reads_all_leads(client: MarketoClient, marketo: Caller) -> None:
    """Every lead is made by a New Lead activity; those that are gone are not answered."""
    made = client.execute(
        method="get_lead_activities", activityTypeIds=["12"], sinceDatetime=BEGINNING
    )
    numbers = [str(row["leadId"]) for row in made]
    got: dict[int, dict[str, Any]] = {}
    for start in range(0, len(numbers), 300):
        leads = client.execute(
            method="get_multiple_leads_by_filter_type",
            filterType="id",
            filterValues=numbers[start : start + 300],
            fields=["email", "leadStatus", "leadScore"],
        )
        got |= {lead["id"]: lead for lead in leads}
    now = int(marketo.clock.now().timestamp())
    there = {lead.lead_id: lead for lead in marketo.world.marketing.leads if lead.is_there(now)}
    assert got.keys() == there.keys()
    for number, lead in got.items():
        values = there[number].at(now)
        asked = [values[POSITION[name]] for name in ("email", "leadStatus", "leadScore")]
        assert [lead["email"], lead["leadStatus"], lead["leadScore"]] == asked


def test_it_reads_lead_changes_and_deleted_leads(client: MarketoClient, marketo: Caller) -> None:
    now = int(marketo.clock.now().timestamp())
    activities = [
        activity
        for activity in marketo.world.marketing.activities
        if activity.at >= SINCE_SECONDS and activity.seen_at <= now
    ]
    changes = client.execute(method="get_lead_changes", fields=["leadStatus"], sinceDatetime=SINCE)
    expected = {
        activity.lead_id
        for activity in activities
        if activity.type_id == 12 or (activity.type_id, activity.value) == (13, "Person Status")
    }
    assert {row["leadId"] for row in changes} == expected
    deleted = client.execute(method="get_deleted_leads", sinceDatetime=SINCE)
    kept_from = now - 14 * 86_400
    gone = {each.lead_id for each in activities if each.type_id == 37 and each.at >= kept_from}
    assert {row["leadId"] for row in deleted} == gone


def test_it_reads_all_programs(client: MarketoClient, marketo: Caller) -> None:
    now = int(marketo.clock.now().timestamp())
    got = client.execute(method="browse_programs", maxReturn=200)
    expected = [each for each in marketo.world.marketing.programs if each.created_at <= now]
    assert [each["name"] for each in got] == [each.name for each in expected]


def test_it_extracts_a_month_of_leads_and_reads_them_one_by_one(
    client: MarketoClient, marketo: Caller
) -> None:
    fields = ["id", "email", "leadStatus", "createdAt"]
    span = {"createdAt": {"startAt": "2026-05-31T00:00:00Z", "endAt": "2026-06-30T12:00:00Z"}}
    job = client.execute(method="create_leads_export_job", fields=fields, filters=span)
    number = job[0]["exportId"]
    client.execute(method="enqueue_leads_export_job", job_id=number)
    status = ""
    while status != "Completed":
        answer = client.execute(method="get_leads_export_job_status", job_id=number)
        status = answer[0]["status"]
    body = client.execute(method="get_leads_export_job_file", job_id=number)
    rows = list(csv.DictReader(io.StringIO(body.decode())))
    now = int(marketo.clock.now().timestamp())
    there = {
        str(lead.lead_id): lead
        for lead in marketo.world.marketing.leads
        if lead.created_at >= 1_780_185_600 and lead.is_there(now)
    }
    assert {row["id"]: row["email"] for row in rows} == {
        number: lead.values[1] for number, lead in there.items()
    }
    again = client.execute(
        method="get_multiple_leads_by_filter_type",
        filterType="id",
        filterValues=[row["id"] for row in rows],
        fields=fields,
    )
    assert {str(lead["id"]): lead["leadStatus"] for lead in again} == {
        row["id"]: row["leadStatus"] for row in rows
    }


def test_it_extracts_the_members_of_programs(client: MarketoClient, marketo: Caller) -> None:
    """Each membership is what the log's changes of status made of it."""
    fields = ["leadId", "statusName", "reachedSuccess", "acquiredBy", "membershipDate"]
    programs = [each.program_id for each in marketo.world.marketing.programs[:10]]
    job = client.execute(
        method="create_program_members_export_job",
        fields=fields,
        filters={"programIds": programs},
    )
    number = job[0]["exportId"]
    client.execute(method="enqueue_program_members_export_job", job_id=number)
    status = ""
    while status != "Completed":
        answer = client.execute(method="get_program_members_export_job_status", job_id=number)
        status = answer[0]["status"]
    body = client.execute(method="get_program_members_export_job_file", job_id=number)
    rows = list(csv.DictReader(io.StringIO(body.decode())))
    now = int(marketo.clock.now().timestamp())
    there = {lead.lead_id for lead in marketo.world.marketing.leads if lead.is_there(now)}
    first: dict[tuple[int, int], int] = {}
    for activity in marketo.world.marketing.activities:
        if (
            activity.type_id == 104
            and activity.value_id in programs
            and activity.seen_at <= now
            and activity.lead_id in there
        ):
            first.setdefault((activity.value_id, activity.lead_id), activity.at)
    found = {(int(row["programId"]), int(row["leadId"])): row for row in rows}
    assert len(found) == len(rows)
    assert found.keys() == first.keys() != set()
    assert {row["statusName"] for row in rows} == {"Filled-out Form"}


def test_it_finds_opportunities_through_roles(client: MarketoClient, marketo: Caller) -> None:
    now = marketo.clock.now()
    leads = [lead.lead_id for lead in marketo.world.marketing.leads]
    roles: list[dict[str, Any]] = []
    for start in range(0, len(leads), 300):
        some = [str(each) for each in leads[start : start + 300]]
        roles += client.execute(
            method="get_opportunity_roles",
            filterType="leadId",
            filterValues=some,
            fields=["externalOpportunityId", "leadId", "isPrimary"],
        )
    deals = {
        deal.hubspot_id: deal
        for deal in marketo.world.deals
        if deal.created_at <= now and (deal.deleted_at is None or deal.deleted_at > now)
    }
    numbers = sorted({role["externalOpportunityId"] for role in roles})
    assert set(numbers) <= deals.keys()
    opportunities = client.execute(
        method="get_opportunities",
        filterType="externalOpportunityId",
        filterValues=numbers[:300],
        fields=["externalOpportunityId", "name", "isWon"],
    )
    assert {each["externalOpportunityId"] for each in opportunities} == set(numbers[:300])
    for each in opportunities:
        deal = deals[each["externalOpportunityId"]]
        assert (each["name"], each["isWon"]) == (deal.name, deal.stages_at(now)[-1].stage.is_won)


def test_a_subscription_that_syncs_with_a_crm_keeps_opportunities_closed(
    open_marketo: Any,
) -> None:
    with open_marketo(switches=frozenset({"marketo.crm_sync"})) as caller:
        path = "/rest/v1/opportunities.json"
        assert caller.code_of(path, filterType="marketoGUID", filterValues="x") == "1018"
