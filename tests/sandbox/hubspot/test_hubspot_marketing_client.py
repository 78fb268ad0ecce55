"""HubSpot's own client drains the marketing side, line items and goals, and finds the truth.

What it has no class for (campaigns, submissions, e-mail events) is called by hand. Nothing is
shared with our connector.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import hubspot as official
import pytest
from hubspot.utils.objects import fetch_all
from hubspot_caller import Caller

from revops_pipelines.sandbox.hubspot import marketing_ids as ids
from revops_pipelines.sandbox.hubspot.goals import targets
from revops_pipelines.sandbox.truth import true_tables
from revops_pipelines.sandbox.world import marketing_shapes as shapes
from revops_pipelines.sandbox.world.marketing_shapes import Activity


@pytest.fixture(scope="module")
def client(hubspot: Caller) -> official.HubSpot:
    return official.HubSpot(access_token=hubspot.key, host=hubspot.url)


@pytest.fixture(scope="module")
def truth(hubspot: Caller) -> dict[str, list[Any]]:
    return true_tables(hubspot.world, hubspot.clock.now())


def log(hubspot: Caller, *types: int) -> list[Activity]:
    """What is shown by now of some types."""
    now = int(hubspot.clock.now().timestamp())
    activities = hubspot.world.marketing.activities
    return [each for each in activities if each.type_id in types and each.seen_at <= now]


def paged(fetch: Any, **wanted: Any) -> list[Any]:
    """All pages of a call of the client that takes `after`."""
    found: list[Any] = []
    after = None
    while True:
        page = fetch(**wanted, **({"after": after} if after else {}))
        found += page.results
        if page.paging is None or page.paging.next is None:
            return found
        after = page.paging.next.after


def test_emails_and_their_statistics(client: official.HubSpot, hubspot: Caller) -> None:
    api = client.marketing.emails.marketing_emails_api
    emails = {each.id: each for each in paged(api.get_page, limit=7, include_stats=True)}
    sent = {(each.lead_id, each.value_id) for each in log(hubspot, shapes.SEND)}
    opened = {
        (each.lead_id, each.value_id)
        for each in log(hubspot, shapes.OPEN)
        if each.guid not in hubspot.world.marketing.bot_guids
    }
    assert set(emails) == {ids.email_id(int(number or 0)) for _, number in sent}
    for counter, told in (("sent", sent), ("open", opened)):
        wanted = Counter(ids.email_id(int(number or 0)) for _, number in told)
        seen = {key: each.stats.counters[counter] for key, each in emails.items()}
        assert {key: count for key, count in seen.items() if count} == dict(wanted)


def test_campaigns_and_what_they_cost(hubspot: Caller, truth: Any) -> None:
    base = "/marketing/v3/campaigns"
    found = hubspot.every(base, limit=60, properties="hs_name,channel,hs_utm")
    campaigns = {each["id"]: each["properties"] for each in found}
    assert len(campaigns) == hubspot.get(base)["total"]
    now = int(hubspot.clock.now().timestamp())
    known = [each for each in hubspot.world.marketing.programs if each.created_at <= now]
    assert campaigns == {
        ids.campaign_id(each.program_id): {
            "hs_name": each.name,
            "channel": each.channel,
            "hs_utm": ids.utm_of(each.name),
        }
        for each in known
    }
    spent: Counter[tuple[str, str]] = Counter()
    for campaign in campaigns:
        totals = hubspot.get(f"{base}/{campaign}/budget/totals")
        assert totals["spendTotal"] == sum(each["amount"] for each in totals["spendItems"])
        for each in totals["spendItems"]:
            spent[campaign, each["name"][:7]] += each["amount"]
    assert dict(spent) == {
        (ids.campaign_id(row["program_id"]), f"{row['month']:%Y-%m}"): row["amount"]
        for row in truth["marketing_spend"]
    }


def test_forms_and_what_was_sent_in(client: official.HubSpot, hubspot: Caller) -> None:
    forms = paged(client.marketing.forms.forms_api.get_page, limit=4)
    assert len(forms) == 6
    seen: dict[str, tuple[str, datetime, str]] = {}
    for form in forms:
        path = f"/form-integrations/v1/submissions/forms/{form.id}"
        found = hubspot.every(path, limit=50)
        moments = [each["submittedAt"] for each in found]
        assert moments == sorted(moments, reverse=True)
        for each in found:
            values = {value["name"]: value["value"] for value in each["values"]}
            at = datetime.fromtimestamp(each["submittedAt"] / 1_000, UTC)
            campaign = each["pageUrl"].split("utm_campaign=")[1]
            seen[each["conversionId"]] = (form.name, at, f"{campaign} {values['email']}")
    people = {
        lead.lead_id: hubspot.world.people[lead.person_index]
        for lead in hubspot.world.marketing.leads
    }
    wanted = {}
    for activity in log(hubspot, shapes.FORM):
        program, form_name = str(activity.value).rsplit(".", 1)
        email = people[activity.lead_id].email.lower()
        at = datetime.fromtimestamp(activity.at, UTC)
        who = f"{ids.utm_of(program)} {email}"
        wanted[ids.conversion_id(activity.guid)] = (form_name, at, who)
    assert seen == wanted


def test_members_of_lists(client: official.HubSpot, hubspot: Caller, truth: Any) -> None:
    contacts = {
        row["person_index"]: row["hubspot_contact_id"]
        for row in truth["leads"]
        if row["deleted_at"] is None
    }
    person = {lead.lead_id: lead.person_index for lead in hubspot.world.marketing.leads}
    wanted: dict[tuple[str, str], datetime] = {}
    for activity in log(hubspot, shapes.PROGRESSION):
        contact = contacts.get(person[activity.lead_id])
        if contact is not None:
            key = (ids.list_id(int(activity.value_id or 0)), contact)
            wanted.setdefault(key, datetime.fromtimestamp(activity.at, UTC))
    found = client.crm.lists.lists_api.do_search(
        list_search_request={"count": 500, "offset": 0, "additionalProperties": []}
    )
    assert found.total == len(found.lists)
    seen: dict[tuple[str, str], datetime] = {}
    for each in found.lists:
        members = paged(client.crm.lists.memberships_api.get_page, list_id=each.list_id, limit=250)
        assert each.additional_properties["hs_list_size"] == str(len(members))
        seen |= {
            (each.list_id, member.record_id): member.membership_timestamp for member in members
        }
    assert seen == wanted
    [newest] = client.crm.lists.memberships_api.get_page_ordered_by_added_to_list_date(
        list_id=next(iter(wanted))[0], limit=1
    ).results
    assert newest.membership_timestamp == min(
        at for (which, _), at in wanted.items() if which == next(iter(wanted))[0]
    )


def test_email_events(hubspot: Caller) -> None:
    names = {
        shapes.SEND: "SENT",
        shapes.DELIVERED: "DELIVERED",
        shapes.BOUNCED: "BOUNCE",
        shapes.SOFT_BOUNCED: "BOUNCE",
        shapes.OPEN: "OPEN",
        shapes.CLICK: "CLICK",
        shapes.UNSUBSCRIBED: "STATUSCHANGE",
    }
    seen: list[dict[str, Any]] = []
    offset: dict[str, str] = {}
    while True:
        page = hubspot.get("/email/public/v1/events", limit=40, **offset)
        seen += page["events"]
        if not page["hasMore"]:
            break
        offset = {"offset": page["offset"]}
    moments = [each["created"] for each in seen]
    assert moments == sorted(moments, reverse=True)
    wanted = {
        ids.event_id(each.guid): (names[each.type_id], each.at * 1_000)
        for each in log(hubspot, *names)
    }
    assert {each["id"]: (each["type"], each["created"]) for each in seen} == wanted
    sent = {each["id"] for each in seen if each["type"] == "SENT"}
    # Somebody who has enough may have had several mails: that event names none.
    single = [each for each in seen if each["type"] not in ("SENT", "STATUSCHANGE")]
    assert all(each["sentBy"]["id"] in sent for each in single)
    machines = {each["id"] for each in seen if each.get("filteredEvent")}
    bots = {ids.event_id(guid) for guid in hubspot.world.marketing.bot_guids}
    assert machines <= bots


def test_line_items_add_up_to_their_deals(client: official.HubSpot, truth: Any) -> None:
    sums: dict[str, Decimal] = {}
    wanted = ["amount", "quantity", "price", "hs_line_item_currency_code"]
    for item in fetch_all(
        client.crm.line_items.basic_api, properties=wanted, associations=["deals"]
    ):
        [deal] = item.associations["deals"].results
        amount = Decimal(item.properties["amount"])
        sums[deal.id] = sums.get(deal.id, Decimal()) + amount
        values = item.properties
        assert Decimal(values["quantity"]) * Decimal(values["price"]) == amount
    deals = {
        row["deal_id"]: row["amount"]
        for row in truth["deals"]
        if row["deleted_at"] is None and row["amount"] is not None
    }
    assert sums == deals


def test_goals(client: official.HubSpot, hubspot: Caller) -> None:
    wanted = ["hs_target_amount", "hs_goal_type", "hubspot_owner_id", "hs_start_datetime"]
    now = hubspot.clock.now()
    seen = Counter(
        (
            goal.properties["hs_goal_type"],
            goal.properties["hubspot_owner_id"],
            datetime.fromisoformat(goal.properties["hs_start_datetime"]),
            int(goal.properties["hs_target_amount"]),
        )
        for goal in fetch_all(client.crm.objects.goals.basic_api, properties=wanted)
    )
    assert seen == Counter(
        (
            each.kind,
            each.user.hubspot_id if each.user else None,
            each.begins_at,
            each.amount_at(now),
        )
        for each in targets(hubspot.world)
        if each.set_at <= now and not _left_before(each, now)
    )


def _left_before(target: Any, now: datetime) -> bool:
    left = target.user.left_at if target.user else None
    return left is not None and left < target.begins_at and left <= now
