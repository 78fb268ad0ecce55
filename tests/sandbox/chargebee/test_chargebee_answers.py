"""The sandbox's Chargebee: its pages, filters, refusals, deletions and the passing of time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from chargebee_server import NOW, Site

from revops_pipelines.sandbox.chargebee import ids
from revops_pipelines.sandbox.frame import Crm
from revops_pipelines.sandbox.world.billing import Billing

Open = Callable[..., Any]


def names(rows: list[dict[str, Any]], noun: str) -> list[str]:
    return [row[noun]["id"] for row in rows]


def moment(at: int) -> datetime:
    return datetime.fromtimestamp(at, UTC)


@pytest.mark.parametrize("limit", [1, 7, 100])
def test_pages_of_any_size_hold_the_same(site: Site, limit: int) -> None:
    whole = names(site.all("coupons"), "coupon")
    assert names(site.all("coupons", limit=limit), "coupon") == whole


def test_a_page_holds_ten_unless_told(site: Site) -> None:
    page = site.get("invoices")
    assert len(page["list"]) == 10
    assert page["next_offset"].startswith("[")


def test_subscriptions_come_with_their_customers(site: Site) -> None:
    for row in site.all("subscriptions"):
        assert row["subscription"]["customer_id"] == row["customer"]["id"]


def test_a_window_of_updated_at_holds_what_changed_in_it(site: Site) -> None:
    rows = [row["invoice"] for row in site.all("invoices")]
    stamps = sorted(each["updated_at"] for each in rows)
    low, high = stamps[len(stamps) // 3], stamps[2 * len(stamps) // 3]
    query = {"updated_at[between]": f"[{low},{high}]", "sort_by[asc]": "updated_at"}
    found = [row["invoice"]["updated_at"] for row in site.all("invoices", **query)]
    assert found == [stamp for stamp in stamps if low <= stamp <= high]
    after = site.all("invoices", **{"updated_at[after]": high})
    assert len(after) == sum(stamp > high for stamp in stamps)
    before = site.all("invoices", **{"updated_at[before]": low})
    assert len(before) == sum(stamp < low for stamp in stamps)


def test_records_without_updated_at_pass_no_filter_by_it(site: Site) -> None:
    rows = [row["transaction"] for row in site.all("transactions")]
    undated = [each["id"] for each in rows if "updated_at" not in each]
    assert undated
    filtered = names(site.all("transactions", **{"updated_at[after]": 0}), "transaction")
    assert set(filtered) == {each["id"] for each in rows} - set(undated)
    absent = site.all("transactions", **{"updated_at[is_present]": "false"})
    assert set(names(absent, "transaction")) == set(undated)


@pytest.mark.parametrize(
    "query",
    [
        {"customer_id[is]": "{id}"},
        {"customer_id[in]": '["{id}","nobody"]'},
        {"customer_id[in]": "['{id}', 'nobody']"},
    ],
)
def test_filters_by_value(site: Site, query: dict[str, str]) -> None:
    owner = site.get("invoices", limit=1)["list"][0]["invoice"]["customer_id"]
    asked = {name: value.replace("{id}", owner) for name, value in query.items()}
    found = site.all("invoices", **asked)
    assert found
    assert {row["invoice"]["customer_id"] for row in found} == {owner}


@pytest.mark.parametrize(
    ("path", "query", "expected"),
    [
        ("customers", {"limit": 101}, (400, "param_wrong_value")),
        ("customers", {"limit": "many"}, (400, "param_wrong_value")),
        ("customers", {"offset": "page-2"}, (400, "param_wrong_value")),
        ("customers", {"colour": "red"}, (400, "param_wrong_value")),
        ("customers", {"updated_at[after]": "today"}, (400, "param_wrong_value")),
        ("customers", {"sort_by[asc]": "mood"}, (400, "param_wrong_value")),
        ("plans", {}, (400, "configuration_incompatible")),
        ("customers/nobody", {}, (404, "resource_not_found")),
        ("comments", {}, (404, "resource_not_found")),
        ("customers", {"key": "another-key"}, (401, "api_authentication_failed")),
    ],
)
def test_refusals(site: Site, path: str, query: dict[str, Any], expected: tuple[int, str]) -> None:
    assert site.refused(path, **query) == expected


def test_the_limit_is_told_with_the_time_to_wait(open_site: Open) -> None:
    with open_site(limits=True, rates={"chargebee.all": 2}) as site:
        answers = [site.raw("coupons") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert int(answers[-1].headers["retry-after"]) >= 1
    assert answers[-1].json()["api_error_code"] == "api_request_limit_exceeded"


def test_which_catalog_a_site_has_is_told(open_site: Open, site: Site) -> None:
    (second,) = site.get("configurations")["configurations"]
    assert second["product_catalog_version"] == "v2"
    with open_site(switches=frozenset({"chargebee.catalog_1"})) as other:
        (first,) = other.get("configurations")["configurations"]
        assert first["product_catalog_version"] == "v1"
        assert other.refused("item_prices") == (400, "configuration_incompatible")


def deletion(billing: Billing) -> tuple[str, int]:
    """A customer that is deleted within the simulation, and when."""
    found = [(c.id, c.deleted_at) for c in billing.customers if c.deleted_at is not None]
    identity, at = max(found, key=lambda each: each[1])
    return ids.customer_id(identity), at


def test_deleted_customers_are_listed_only_on_demand(open_site: Open, billed: Billing) -> None:
    customer, at = deletion(billed)
    with open_site(moment(at) - timedelta(hours=1)) as site:
        assert site.get(f"customers/{customer}")["customer"]["deleted"] is False
        site.clock.advance(timedelta(hours=2))
        assert site.refused(f"customers/{customer}") == (404, "resource_not_found")
        assert customer not in names(site.all("customers"), "customer")
        rows = site.all("customers", include_deleted="true", **{"updated_at[after]": at - 1})
        (row,) = [row["customer"] for row in rows if row["customer"]["id"] == customer]
    assert row["deleted"] is True
    assert row["updated_at"] == at


def test_a_custom_field_names_the_company_in_the_crm(site: Site, billed: Billing) -> None:
    stories = {ids.customer_id(story.id): story for story in billed.customers}
    linked = 0
    for row in site.all("customers"):
        story = stories[row["customer"]["id"]]
        told = row["customer"].get("cf_hubspot_company_id")
        linked += told is not None
        assert told == (story.account.hubspot_id if story.link == "metadata" else None)
    assert linked > 40


def test_the_custom_field_is_of_the_crm_that_the_company_runs(open_site: Open) -> None:
    crm = Crm("salesforce_account_id", lambda company: f"001{company}")
    with open_site(crm=crm) as site:
        fields = {
            name: value
            for row in site.all("customers")
            for name, value in row["customer"].items()
            if name.endswith("_id")
        }
    assert fields["cf_salesforce_account_id"].startswith("0018")
    assert "cf_hubspot_company_id" not in fields


def test_records_that_change_between_two_pages_shift_nothing(open_site: Open) -> None:
    """A list by the time of change: who changes meanwhile comes again at its end."""
    with open_site(NOW - timedelta(days=20)) as site:
        before = site.all("subscriptions", **{"sort_by[asc]": "updated_at"})
        query = {"limit": 20, "sort_by[asc]": "updated_at"}
        page = site.get("subscriptions", **query)
        found = names(page["list"], "subscription")
        while "next_offset" in page:
            site.clock.advance(timedelta(days=2))
            page = site.get("subscriptions", **query, offset=page["next_offset"])
            found += names(page["list"], "subscription")
    assert set(names(before, "subscription")) <= set(found)
    assert len(found) > len(set(found))


def test_an_unpaid_invoice_goes_its_way(open_site: Open, billed: Billing) -> None:
    """payment_due while it is tried again, not_paid when it was tried often enough."""
    invoice = next(
        each
        for each in billed.books.invoices
        if len(each.attempts) == 5 and each.paid_at is not None
    )
    path = f"invoices/{ids.invoice_id(invoice.customer.prefix, invoice.number)}"
    issued, paid_at = invoice.finalized_at or 0, invoice.paid_at or 0
    seen = []
    with open_site(moment(issued - 60)) as site:
        for at in (issued - 60, issued + 60, invoice.attempts[-1] + 60, paid_at + 60):
            site.clock.advance(max(moment(at) - site.clock.now(), timedelta()))
            shown = site.get(path)["invoice"]
            seen.append((shown["status"], shown.get("dunning_status"), shown["amount_due"] == 0))
        attempts = len(shown["dunning_attempts"])
    assert seen == [
        ("pending", None, False),
        ("payment_due", "in_progress", False),
        ("not_paid", "exhausted", False),
        ("paid", "success", True),
    ]
    assert attempts == 4


def test_a_pause_is_announced_and_then_nothing_is_billed(open_site: Open, billed: Billing) -> None:
    story = next(
        subscription
        for customer in billed.customers
        for subscription in customer.subscriptions
        if subscription.pauses and subscription.pauses[0].end is not None
    )
    pause, path = story.pauses[0], f"subscriptions/{ids.subscription_id(story.id)}"
    end = pause.end or 0
    seen = []
    with open_site(moment(pause.set_at - 60)) as site:
        for at in (pause.set_at - 60, pause.set_at + 5, pause.start + 5, end + 5):
            site.clock.advance(max(moment(at) - site.clock.now(), timedelta()))
            shown = site.get(path)["subscription"]
            seen.append((shown["status"], shown.get("pause_date")))
        query = {"subscription_id[is]": shown["id"]}
        bills = [row["invoice"] for row in site.all("invoices", **query)]
    assert seen[0] == ("active", None)
    assert seen[1:3] == [("active", pause.start), ("paused", pause.start)]
    assert seen[3][1] is None
    begun = {line["date_from"] for bill in bills for line in bill["line_items"]}
    assert not any(pause.start <= at < end for at in begun)


def test_events_tell_each_look_of_a_subscription_for_ninety_days(open_site: Open) -> None:
    with open_site() as site:
        rows = [row["event"] for row in site.all("events", **{"sort_by[asc]": "occurred_at"})]
        now = int(NOW.timestamp())
        stamps = [each["occurred_at"] for each in rows]
        assert stamps == sorted(stamps)
        assert min(stamps) >= now - 90 * 86_400
        latest = {}
        for each in rows:
            shown = each["content"].get("subscription")
            if shown is not None and each["event_type"].startswith("subscription_"):
                latest[shown["id"]] = shown
        for row in site.all("subscriptions"):
            told = latest.get(row["subscription"]["id"])
            if told is not None and told["updated_at"] == row["subscription"]["updated_at"]:
                assert told == row["subscription"]
        chosen = site.all("events", **{"event_type[in]": '["subscription_renewed"]'})
    assert latest
    assert {row["event"]["event_type"] for row in chosen} == {"subscription_renewed"}


def test_all_events_are_kept_where_a_site_keeps_them(open_site: Open, billed: Billing) -> None:
    with open_site(switches=frozenset({"chargebee.all_events"})) as site:
        query = {"event_type[is]": "subscription_created", "limit": 100}
        created = site.all("events", **query)
    begun = [
        subscription
        for customer in billed.customers
        for subscription in customer.subscriptions
        if subscription.created <= int(NOW.timestamp()) and not subscription.never_started
    ]
    assert len(created) == len(begun)


def test_long_invoices_show_the_way_to_the_rest(open_site: Open) -> None:
    with open_site(switches=frozenset({"chargebee.short_lists"})) as site:
        rows = [row["invoice"] for row in site.all("invoices")]
        longest = max(rows, key=lambda each: each["sub_total"] * ("line_items_next_offset" in each))
        path = f"invoices/{longest['id']}"
        lines = longest["line_items"]
        offset = longest["line_items_next_offset"]
        while offset is not None:
            part = site.get(path, line_items_limit=3, line_items_offset=offset)["invoice"]
            lines = lines + part["line_items"]
            offset = part.get("line_items_next_offset")
    assert len(longest["line_items"]) == 4
    assert len(lines) > 10
    assert sum(line["amount"] for line in lines) == longest["sub_total"]


def test_scheduled_changes_are_only_announced(open_site: Open) -> None:
    with open_site(switches=frozenset({"chargebee.all_events"})) as site:
        query = {"event_type[is]": "subscription_changes_scheduled", "limit": 100}
        rows = [row["event"] for row in site.all("events", **query)]
        changed = site.all("events", **{"event_type[is]": "subscription_changed"})
    assert rows
    after = {
        (row["event"]["content"]["subscription"]["id"], row["event"]["occurred_at"]): row["event"]
        for row in changed
    }
    for each in rows:
        before = each["content"]["subscription"]
        assert before["has_scheduled_changes"] is True
        done = after.get((before["id"], before["changes_scheduled_at"]))
        if done is not None:
            items = done["content"]["subscription"]["subscription_items"]
            assert items != before["subscription_items"]
