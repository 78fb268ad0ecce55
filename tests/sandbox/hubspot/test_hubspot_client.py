"""HubSpot's own client drains the sandbox completely, and what it found is the truth.

First touches are worked out here once more from what the client saw, by the rules that
`sandbox/hubspot/properties.py` tells, with nothing shared with the simulation or our connector.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

import hubspot as official
import pytest
from hubspot.crm.associations.v4 import BatchInputPublicFetchAssociationsBatchRequest
from hubspot.utils.objects import fetch_all
from hubspot_caller import Caller

from revops_pipelines.sandbox.truth import true_tables

TOUCHES = {
    "calls": ["hs_timestamp", "hs_call_direction", "hs_call_disposition"],
    "emails": [
        "hs_timestamp",
        "hs_email_direction",
        "hs_email_status",
        "hs_email_subject",
        "hs_sequence_id",
        "hs_object_source",
    ],
    "meetings": ["hs_timestamp", "hs_meeting_outcome", "hs_meeting_source"],
    "communications": ["hs_timestamp", "hs_object_source"],
}


@pytest.fixture(scope="module")
def client(hubspot: Caller) -> official.HubSpot:
    return official.HubSpot(access_token=hubspot.key, host=hubspot.url)


@pytest.fixture(scope="module")
def truth(hubspot: Caller) -> dict[str, list[Any]]:
    return true_tables(hubspot.world, hubspot.clock.now())


def moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def every(source: Any, **wanted: Any) -> list[Any]:
    """All pages of a type, by the client's own paging."""
    return list(fetch_all(source.basic_api, **wanted))


CONTACT_PROPERTIES = [
    "email",
    "work_email",
    "createdate",
    "first_conversion_date",
    "hs_object_source",
    "hs_merged_object_ids",
    "hs_calculated_merged_vids",
    "hs_lead_status",
    "hs_email_bad_address",
    "hubspot_owner_id",
]


@pytest.fixture(scope="module")
def contacts(client: official.HubSpot) -> dict[str, Any]:
    found = every(client.crm.contacts, properties=CONTACT_PROPERTIES)
    return {each.id: each for each in found}


def raised_at(contact: Any) -> datetime | None:
    """A conversion, or the beginning of a chat."""
    values = contact.properties
    moments = [moment(values["first_conversion_date"])]
    if values["hs_object_source"] == "CONVERSATIONS":
        moments.append(moment(values["createdate"]))
    return min((each for each in moments if each), default=None)


def test_contacts(client: official.HubSpot, contacts: dict[str, Any], truth: Any) -> None:
    standing = {
        id_
        for lead in truth["leads"]
        if lead["deleted_at"] is None
        for id_ in (lead["hubspot_contact_id"], *lead["duplicates_hubspot_ids"])
    }
    archived = {
        id_
        for lead in truth["leads"]
        if lead["deleted_at"] is not None
        for id_ in (lead["hubspot_contact_id"], *lead["duplicates_hubspot_ids"])
    }
    assert set(contacts) == standing
    assert {each.id for each in every(client.crm.contacts, archived=True)} == archived


def test_leads_as_told_by_contacts(contacts: dict[str, Any], truth: Any) -> None:
    for lead in truth["leads"]:
        if lead["deleted_at"] is not None:
            continue
        contact = contacts[lead["hubspot_contact_id"]]
        values = contact.properties
        merged = values["hs_merged_object_ids"]
        assert sorted(merged.split(";") if merged else []) == sorted(lead["merged_hubspot_ids"])
        vids = values["hs_calculated_merged_vids"]
        assert [each.split(":")[0] for each in vids.split(";")] == merged.split(";") if vids else 1
        assert values["hubspot_owner_id"] == lead["owner_hubspot_id"]
        assert values["email"] == lead["email"]
        doubles = [contacts[id_] for id_ in lead["duplicates_hubspot_ids"]]
        raised = [raised_at(each) for each in (contact, *doubles)]
        assert min((each for each in raised if each), default=None) == lead["raised_at"]


def test_excluded_leads_can_be_told(contacts: dict[str, Any], truth: Any) -> None:
    for lead in truth["leads"]:
        if lead["deleted_at"] is None:
            contact = contacts[lead["hubspot_contact_id"]]
            assert reason(contact) == lead["excluded_reason"], lead


def reason(contact: Any) -> str | None:
    values = contact.properties
    mailbox, domain = values["email"].split("@")
    checks = {
        "internal": domain == "northbeam.example",
        "test": mailbox.startswith("test"),
        "spam": values["hs_lead_status"] == "SPAM",
        "invalid_email": values["hs_email_bad_address"] == "true",
        "imported": values["hs_object_source"] == "IMPORT" and raised_at(contact) is None,
    }
    return next((name for name, holds in checks.items() if holds), None)


def is_touch(kind: str, values: dict[str, Any], now: datetime) -> bool:
    """One of ours reached out, and it was neither returned nor called off."""
    happened = moment(values["hs_timestamp"])
    if happened is None or happened > now:
        return False
    machine = values.get("hs_object_source") in ("SEQUENCES", "AUTOMATION_PLATFORM")
    if kind == "calls":
        return values["hs_call_direction"] == "OUTBOUND"
    if kind == "emails":
        return (
            values["hs_email_direction"] == "EMAIL"
            and not machine
            and not values["hs_sequence_id"]
            and not values["hs_email_subject"].startswith("Automatic reply:")
            and values["hs_email_status"] == "SENT"
        )
    if kind == "meetings":
        held = values["hs_meeting_outcome"] in ("SCHEDULED", "COMPLETED")
        return held and values["hs_meeting_source"] == "CRM_UI"
    return not machine


def is_conversation(kind: str, values: dict[str, Any]) -> bool:
    """Both sides took part."""
    if kind == "calls":
        return values["hs_call_disposition"] == "f240bbac-87c9-4f6e-bf70-924b57d47db7"
    if kind == "emails":
        machine = values["hs_email_subject"].startswith("Automatic reply:")
        return values["hs_email_direction"] == "INCOMING_EMAIL" and not machine
    return kind == "meetings" and values["hs_meeting_outcome"] == "COMPLETED"


def test_first_touches(client: official.HubSpot, hubspot: Caller, truth: Any) -> None:
    touches: dict[str, list[datetime]] = {}
    conversations: dict[str, list[datetime]] = {}
    now = hubspot.clock.now()
    for kind, properties in TOUCHES.items():
        source = getattr(client.crm.objects, kind)
        for record in every(source, properties=properties, associations=["contacts"]):
            linked = (record.associations or {}).get("contacts")
            at = moment(record.properties["hs_timestamp"])
            assert at is not None
            for end in linked.results if linked else ():
                if is_touch(kind, record.properties, now):
                    touches.setdefault(end.id, []).append(at)
                if is_conversation(kind, record.properties):
                    conversations.setdefault(end.id, []).append(at)
    answered = 0
    for lead in truth["leads"]:
        if not lead["is_inbound"] or lead["deleted_at"] is not None:
            continue
        own = [lead["hubspot_contact_id"], *lead["duplicates_hubspot_ids"]]
        for seen, column in ((touches, "first_touch_at"), (conversations, "first_two_way_at")):
            later = [at for id_ in own for at in seen.get(id_, []) if at >= lead["raised_at"]]
            assert min(later, default=None) == lead[column], lead
            answered += bool(later)
    assert answered > 100


def test_people_of_deals(client: official.HubSpot, truth: Any) -> None:
    gone = {lead["hubspot_contact_id"] for lead in truth["leads"] if lead["deleted_at"]}
    expected: dict[str, set[str]] = {}
    for row in truth["deal_contacts"]:
        if row["deleted_at"] is None and row["hubspot_contact_id"] not in gone:
            expected.setdefault(row["deal_id"], set()).add(row["hubspot_contact_id"])
    seen = {
        deal.id: {end.id for end in deal.associations["contacts"].results}
        for deal in every(client.crm.deals, associations=["contacts"])
        if deal.associations
    }
    assert seen == expected


def test_every_engagement_is_there_once(client: official.HubSpot, hubspot: Caller) -> None:
    now = hubspot.clock.now()
    expected = {True: 0, False: 0}
    for activity in hubspot.world.activities:
        if activity.recorded_at <= now:
            gone = activity.deleted_at is not None and activity.deleted_at <= now
            expected[gone] += 1
    for archived in (False, True):
        ids = [
            each.id
            for kind in ("calls", "emails", "meetings", "notes", "tasks", "communications")
            for each in every(getattr(client.crm.objects, kind), archived=archived)
        ]
        assert len(ids) == len(set(ids)) == expected[archived]


def test_deals_and_their_history(client: official.HubSpot, truth: Any) -> None:
    wanted = ["amount", "closedate", "hs_is_closed_won", "hs_is_closed", "deal_currency_code"]
    deals = {
        each.id: each
        for archived in (False, True)
        for each in every(
            client.crm.deals,
            archived=archived,
            properties=[*wanted, "pipeline", "dealstage", "hubspot_owner_id"],
            properties_with_history=["dealstage"],
        )
    }
    rows = {row["deal_id"]: row for row in truth["deals"]}
    assert set(deals) == set(rows)
    stays: dict[str, list[Any]] = {}
    for stay in truth["deal_stages"]:
        stays.setdefault(stay["deal_id"], []).append((stay["stage"], stay["entered_at"]))
    for id_, row in rows.items():
        deal = deals[id_]
        values = deal.properties
        seen = [
            (entry.value, entry.timestamp)
            for entry in reversed(deal.properties_with_history["dealstage"])
        ]
        assert seen == stays[id_]
        assert (values["pipeline"], values["dealstage"]) == (row["pipeline"], row["stage"])
        assert values["hs_is_closed_won"] == str(row["is_won"]).lower()
        assert values["hs_is_closed"] == str(row["is_closed"]).lower()
        assert values["hubspot_owner_id"] == row["owner_hubspot_id"]
        amount = values["amount"]
        assert (Decimal(amount) if amount is not None else None) == row["amount"]
        closes = moment(values["closedate"])
        assert closes is not None
        assert closes.date() == row["close_on"]
        assert deal.archived == (row["deleted_at"] is not None)


def test_deals_belong_to_companies(client: official.HubSpot, truth: Any) -> None:
    rows = [row for row in truth["deals"] if row["deleted_at"] is None][:50]
    inputs = [{"id": row["deal_id"]} for row in rows]
    answer = client.crm.associations.v4.batch_api.get_page(
        from_object_type="deals",
        to_object_type="companies",
        batch_input_public_fetch_associations_batch_request=(
            BatchInputPublicFetchAssociationsBatchRequest(inputs=inputs)
        ),
    )
    seen = {each._from.id: str(each.to[0].to_object_id) for each in answer.results}
    companies = {each.id for each in every(client.crm.companies)}
    expected = {
        row["deal_id"]: row["account_hubspot_id"]
        for row in rows
        if row["account_hubspot_id"] in companies
    }
    assert seen == expected


def test_owners_and_pipelines(client: official.HubSpot, hubspot: Caller) -> None:
    now = hubspot.clock.now()
    for archived in (False, True):
        owners = client.crm.owners.get_all(archived=archived)
        users = [user for user in hubspot.world.users if user.at_work(now) != archived]
        assert {each.id: each.teams[0].name for each in owners} == {
            user.hubspot_id: user.team for user in users
        }
    lines = client.crm.pipelines.pipelines_api.get_all("deals").results
    won = {
        stage.id
        for line in lines
        for stage in line.stages
        if stage.metadata["isClosed"] == "true" and stage.metadata["probability"] == "1.0"
    }
    assert [line.label for line in lines] == ["Sales Pipeline", "Renewals and expansion"]
    assert won == {"closedwon", "139620384"}
