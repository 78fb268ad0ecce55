"""What HubSpot's marketing records mean: few rows in, exact rows out."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hubspot_warehouse import NOON, Row, Warehouse, record

from revops_pipelines.resources.sources.hubspot_marketing import SOURCE

AT = datetime(2026, 5, 4, 10, 30)


def options(**given: Any) -> Any:
    return SOURCE.options.model_validate(given)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Warehouse]:
    warehouse = Warehouse(tmp_path, options(channel_property="channel"), SOURCE)
    yield warehouse
    warehouse.connection.close()


def ms(moment: datetime) -> int:
    return int(moment.replace(tzinfo=UTC).timestamp() * 1_000)


def contact(identifier: int, email: str | None, **properties: str | None) -> Row:
    return record(identifier, {"email": email, **properties})


def campaign(identifier: str, name: str, **properties: str) -> Row:
    given = {"hs_name": name, "hs_utm": name.lower(), **properties}
    made = {"createdAt": "2026-04-20T08:00:00Z", "updatedAt": "2026-04-20T08:00:00Z"}
    return {"id": identifier, "properties": given, **made}


def submission(
    identifier: str, email: str, at: datetime = AT, form: str = "f1", url: str = "https://a.example"
) -> Row:
    fields = [{"name": "firstname", "value": "Ada"}, {"name": "email", "value": email}]
    made = {"formId": form, "submissionId": identifier, "submittedAt": ms(at)}
    return {**made, "pageUrl": url, "values": fields}


def event(identifier: str, kind: str, email: str, at: datetime = AT, **more: Any) -> Row:
    made = {"id": identifier, "type": kind, "recipient": email, "created": ms(at)}
    return {**made, "emailCampaignId": 31, **more}


def touches(house: Warehouse) -> list[tuple[Any, ...]]:
    names = ("source_id", "lead_id", "campaign_id", "channel", "kind")
    return sorted(tuple(row[name] for name in names) for row in house.offered("touchpoints"))


def test_a_hand_is_raised_by_forms_that_say_so(house: Warehouse) -> None:
    house.put("forms", [{"id": "f1", "name": "Request a Demo"}, {"id": "f2", "name": "Subscribe"}])
    house.put("contacts", [contact(1, "ada@x.example"), contact(2, "bob@x.example")])
    early = AT - timedelta(days=9)
    house.put(
        "form_submissions",
        [
            submission("s1", " ADA@x.example ", AT),
            submission("s2", "ada@x.example", AT + timedelta(days=1)),
            submission("s3", "ada@x.example", early, form="f2"),
            submission("s4", "bob@x.example", early, form="f2"),
            submission("s5", "nobody@x.example"),
        ],
    )
    rows = {row["source_id"]: row for row in house.offered("leads")}
    assert (rows["1"]["raised_at"], rows["1"]["is_inbound"]) == (AT, True)
    assert (rows["2"]["raised_at"], rows["2"]["is_inbound"]) == (None, False)


def test_conversions_and_chats_raise_hands_and_merges_keep_the_earliest(house: Warehouse) -> None:
    house.put(
        "contacts",
        [
            contact(
                1,
                "ada@x.example",
                first_conversion_date="2026-05-01T09:00:00.250Z",
                first_conversion_event_name="Home: Newsletter",
                recent_conversion_date="2026-05-06T09:00:00Z",
                recent_conversion_event_name="Prices: Contact us",
                hs_merged_object_ids="9",
                hs_calculated_merged_vids="9:1777800000000",
            ),
            contact(
                9,
                "ada@old.example",
                hs_object_source="CONVERSATIONS",
                createdate="2026-05-03T08:00:00Z",
            ),
        ],
        deleted=[("9", NOON, "merged into 1")],
    )
    row = house.only("leads")
    assert (row["lead_id"], row["raised_at"]) == (
        "hubspot_marketing:1",
        datetime(2026, 5, 3, 8),
    )
    assert house.offered("merges") == [
        {
            "entity": "leads",
            "record_id": "hubspot_marketing:9",
            "canonical_id": "hubspot_marketing:1",
        }
    ]


def test_what_a_lead_says(house: Warehouse) -> None:
    house.put("account", [{"portalId": 7, "uiDomain": "app-eu1.hubspot.com"}])
    house.put(
        "properties",
        [
            {"objectType": "contacts", "name": "tier", "hubspotDefined": False},
            {"objectType": "contacts", "name": "email", "hubspotDefined": True},
        ],
    )
    house.put(
        "contacts",
        [
            contact(
                4,
                None,
                work_email="Ada@X.example",
                firstname="Ada",
                lastname=" ",
                country="fr",
                hs_analytics_source="SOCIAL_MEDIA",
                lifecyclestage="lead",
                hs_email_hard_bounce_reason_enum="UNKNOWN_USER",
                tier="gold",
            )
        ],
    )
    row = house.only("leads")
    assert {
        name: row[name]
        for name in (
            "email",
            "full_name",
            "country",
            "channel",
            "lifecycle_stage",
            "excluded_reason",
            "custom",
            "url",
        )
    } == {
        "email": "ada@x.example",
        "full_name": "Ada",
        "country": "FR",
        "channel": "organic_social",
        "lifecycle_stage": "lead",
        "excluded_reason": "invalid_email",
        "custom": '{"tier":"gold"}',
        "url": "https://app-eu1.hubspot.com/contacts/7/record/0-1/4",
    }


def test_a_submission_belongs_to_the_campaign_in_its_address(house: Warehouse) -> None:
    house.put("contacts", [contact(1, "ada@x.example")])
    house.put(
        "campaigns",
        [
            campaign("c1", "May", channel="Online Advertising"),
            campaign("c2", "Spring fair", channel=""),
            campaign("c3", "Site"),
        ],
    )
    asset = {"campaignId": "c3", "assetType": "FORM", "assetId": "f1"}
    house.put("campaign_assets", [asset])
    house.put(
        "form_submissions",
        [
            submission("s1", "ada@x.example", url="https://a.example/?x=1&utm_campaign=MAY#top"),
            submission("s2", "ada@x.example", url="https://a.example/?utm_campaign=spring%20fair"),
            submission("s3", "ada@x.example", url="https://a.example/?utm_campaign=other"),
            submission("s4", "ada@x.example", form="f9"),
        ],
    )
    lead = "hubspot_marketing:1"
    assert touches(house) == [
        ("form:s1", lead, "hubspot_marketing:c1", "online_advertising", "form_fill"),
        ("form:s2", lead, "hubspot_marketing:c2", "web", "form_fill"),
        ("form:s3", lead, "hubspot_marketing:c3", "web", "form_fill"),
        ("form:s4", lead, None, "web", "form_fill"),
    ]
    # A form of two campaigns says nothing of either.
    house.put("campaign_assets", [asset, {**asset, "campaignId": "c2"}])
    assert ("form:s3", lead, None, "web", "form_fill") in touches(house)


def test_channels_may_be_put_into_other_words(tmp_path: Path) -> None:
    words = {"online advertising": "paid"}
    settings = options(channel_property="channel", channels=words)
    house = Warehouse(tmp_path, settings, SOURCE)
    house.put("campaigns", [campaign("c1", "May", channel="Online Advertising")])
    assert house.only("campaigns")["channel"] == "paid"
    plain = Warehouse(tmp_path / "plain", options(), SOURCE)
    plain.put("campaigns", [campaign("c1", "May", channel="Online Advertising")])
    assert plain.only("campaigns")["channel"] is None


def test_clicks_of_machines_are_no_touches(house: Warehouse) -> None:
    house.put("contacts", [contact(1, "ada@x.example", hs_additional_emails="a@old.example;")])
    house.put("campaigns", [campaign("c1", "May")])
    house.put("emails", [{"id": "8", "campaign": "c1", "allEmailCampaignIds": ["30", "31"]}])
    later = AT + timedelta(hours=1)
    scanned = [
        event(f"k{each}", "CLICK", "ada@x.example", later + timedelta(milliseconds=each))
        for each in range(3)
    ]
    house.put(
        "email_events",
        [
            event("k7", "CLICK", "ada@x.example"),
            event("k8", "CLICK", "A@old.example", AT + timedelta(minutes=1), filteredEvent=False),
            event("k9", "CLICK", "ada@x.example", AT, filteredEvent=True),
            event("k5", "CLICK", "nobody@x.example"),
            event("k6", "OPEN", "ada@x.example"),
            *scanned,
        ],
    )
    lead, may = "hubspot_marketing:1", "hubspot_marketing:c1"
    assert touches(house) == [
        ("click:k7", lead, may, "email", "email_click"),
        ("click:k8", lead, may, "email", "email_click"),
    ]


def test_members_of_a_campaigns_list_are_touched_once(house: Warehouse) -> None:
    house.put(
        "contacts",
        [
            contact(1, "ada@x.example", hs_merged_object_ids="9"),
            contact(9, "ada@old.example"),
            contact(2, "bob@x.example"),
            contact(3, "cy@x.example"),
        ],
        deleted=[("9", NOON, "merged into 1"), ("3", NOON, "archived")],
    )
    house.put("campaigns", [campaign("c1", "May"), campaign("c2", "June")])
    house.put(
        "campaign_assets",
        [
            {"campaignId": "c1", "assetType": "OBJECT_LIST", "assetId": "70"},
            {"campaignId": "c2", "assetType": "OBJECT_LIST", "assetId": "70"},
        ],
    )
    member = {"listId": "70", "membershipTimestamp": "2026-05-02T00:00:00Z"}
    house.put(
        "list_members",
        [
            {**member, "recordId": "1", "membershipTimestamp": "2026-05-03T00:00:00Z"},
            {**member, "recordId": "9"},
            {**member, "recordId": "3"},
            {**member, "recordId": "2", "listId": "71"},
        ],
    )
    rows = house.offered("touchpoints")
    assert sorted((row["source_id"], row["lead_id"], row["occurred_at"]) for row in rows) == [
        ("list:70:1:c1", "hubspot_marketing:1", datetime(2026, 5, 2)),
        ("list:70:1:c2", "hubspot_marketing:1", datetime(2026, 5, 2)),
    ]


def test_a_mail_is_returned_by_the_event_that_names_it(house: Warehouse) -> None:
    house.put("contacts", [contact(1, "ada@x.example")])
    sent_by = {"id": "m1", "created": ms(AT)}
    house.put(
        "email_events",
        [
            event("m1", "SENT", "ada@x.example"),
            event("m2", "SENT", "ada@x.example"),
            event("m3", "SENT", "ada@x.example", emailCampaignId=40),
            event("b1", "BOUNCE", "ada@x.example", sentBy=sent_by),
            event("b2", "BOUNCE", "ada@x.example", emailCampaignId=40),
            event("u1", "STATUSCHANGE", "ada@x.example", portalSubscriptionStatus="UNSUBSCRIBED"),
            event("u2", "STATUSCHANGE", "ada@x.example", portalSubscriptionStatus="SUBSCRIBED"),
            event(
                "u3", "STATUSCHANGE", "ada@x.example", subscriptions=[{"status": "UNSUBSCRIBED"}]
            ),
        ],
    )
    found = {row["source_id"]: row["outcome"] for row in house.offered("activities")}
    assert found == {
        "mail:m1": "bounced",
        "mail:m2": "sent",
        "mail:m3": "bounced",
        "mail:u1": "unsubscribed",
        "mail:u3": "unsubscribed",
    }


def test_spend_is_dated_by_its_name_or_its_entry(house: Warehouse) -> None:
    house.put("campaigns", [campaign("c1", "May", channel="Events")])
    items = [
        {"name": "2026-04 Hall", "amount": 1000.1, "createdAt": ms(AT)},
        {"name": "Booth", "description": "for 2026/04", "amount": 0.2, "createdAt": ms(AT)},
        {"name": "Booth 2026-13", "amount": 7, "createdAt": ms(AT)},
        {"name": "Gifts", "amount": -2.5, "createdAt": ms(AT)},
    ]
    house.put("campaign_money", [{"campaignId": "c1", "currencyCode": "EUR", "spendItems": items}])
    rows = {row["spent_on"]: row for row in house.offered("marketing_spend")}
    assert {month: (row["amount"], row["currency"]) for month, row in rows.items()} == {
        date(2026, 4, 1): (Decimal("1000.30"), "EUR"),
        date(2026, 5, 1): (Decimal("4.50"), "EUR"),
    }
    assert rows[date(2026, 4, 1)]["spend_id"] == "hubspot_marketing:c1:2026-04"
    assert {row["channel"] for row in rows.values()} == {"events"}


def test_a_campaign_without_dates_or_currency(house: Warehouse) -> None:
    house.put("campaigns", [campaign("c1", " ")])
    row = house.only("campaigns")
    assert (row["name"], row["budget"], row["currency"]) == (None, None, "USD")
    assert (row["started_on"], row["ended_on"]) == (date(2026, 4, 20), None)


def test_without_email_events_forms_and_lists_remain(tmp_path: Path) -> None:
    house = Warehouse(tmp_path, options(with_email_events=False), SOURCE)
    assert "email_events" not in house.streams
    house.put("contacts", [contact(1, "ada@x.example")])
    house.put("form_submissions", [submission("s1", "ada@x.example")])
    assert [row["kind"] for row in house.offered("activities")] == ["form"]
    assert [row[0] for row in touches(house)] == ["form:s1"]
