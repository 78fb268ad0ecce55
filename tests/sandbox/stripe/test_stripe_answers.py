"""The sandbox's Stripe: paging, filters, the feed, and objects as of the clock's now."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
import requests
from stripe_server import NOW, simulated

from revops_pipelines.sandbox.frame import Crm
from revops_pipelines.sandbox.stripe.events import TYPES, feed
from revops_pipelines.sandbox.stripe.lists import make_lists
from revops_pipelines.sandbox.world.billing import Billing

Caller = Any
DAY = 86_400


def test_lists_are_newest_first_and_page_both_ways(stripe_api: Caller) -> None:
    whole = stripe_api.all("/v1/charges")
    created = [each["created"] for each in whole]
    assert created == sorted(created, reverse=True)
    names = [each["id"] for each in whole]
    middle = stripe_api.get("/v1/charges", limit=3, starting_after=names[4])
    assert [each["id"] for each in middle["data"]] == names[5:8]
    assert middle["has_more"] is True
    back = stripe_api.get("/v1/charges", limit=3, ending_before=names[8])
    assert [each["id"] for each in back["data"]] == names[5:8]
    assert back["has_more"] is True
    start = stripe_api.get("/v1/charges", limit=10, ending_before=names[2])
    assert [each["id"] for each in start["data"]] == names[:2]
    assert start["has_more"] is False
    end = stripe_api.get("/v1/charges", limit=100, starting_after=names[-3])
    assert [each["id"] for each in end["data"]] == names[-2:]
    assert end["has_more"] is False


def test_a_page_holds_ten_unless_asked(stripe_api: Caller) -> None:
    page = stripe_api.get("/v1/invoices")
    assert len(page["data"]) == 10
    assert page["url"] == "/v1/invoices"


@pytest.mark.parametrize("path", ["/v1/invoices", "/v1/customers", "/v1/charges"])
def test_windows_of_created_tile_the_list(stripe_api: Caller, path: str) -> None:
    whole = Counter(each["id"] for each in stripe_api.all(path))
    edges = [0, *sorted({each["created"] for each in stripe_api.all(path)})[::40], 2_000_000_000]
    found: Counter[str] = Counter()
    for since, before in pairwise(edges):
        query = {"created[gte]": since, "created[lt]": before}
        found.update(each["id"] for each in stripe_api.all(path, **query))
    assert found == whole


def test_open_bounds_and_closed_ones(stripe_api: Caller) -> None:
    (newest,) = stripe_api.get("/v1/invoices", limit=1)["data"]
    at = newest["created"]
    assert newest["id"] in _ids(stripe_api, "/v1/invoices", **{"created[gte]": at})
    assert newest["id"] not in _ids(stripe_api, "/v1/invoices", **{"created[gt]": at})
    assert newest["id"] in _ids(stripe_api, "/v1/invoices", **{"created[lte]": at})
    assert newest["id"] not in _ids(stripe_api, "/v1/invoices", **{"created[lt]": at})
    assert newest["id"] in _ids(stripe_api, "/v1/invoices", created=at)


def _ids(caller: Caller, path: str, **query: Any) -> set[str]:
    return {each["id"] for each in caller.all(path, **query)}


def test_filters_partition_the_lists(stripe_api: Caller) -> None:
    prices = _ids(stripe_api, "/v1/prices")
    active = _ids(stripe_api, "/v1/prices", active="true")
    inactive = _ids(stripe_api, "/v1/prices", active="false")
    assert active | inactive == prices
    assert active and inactive and not active & inactive
    statuses = ["draft", "open", "paid", "uncollectible", "void"]
    parts = [_ids(stripe_api, "/v1/invoices", status=status) for status in statuses]
    assert sum(map(len, parts)) == len(_ids(stripe_api, "/v1/invoices"))
    pending = _ids(stripe_api, "/v1/invoiceitems", pending="true")
    billed = _ids(stripe_api, "/v1/invoiceitems", pending="false")
    assert pending | billed == _ids(stripe_api, "/v1/invoiceitems")


def test_ended_subscriptions_hide_unless_all_are_asked_for(stripe_api: Caller) -> None:
    every = stripe_api.all("/v1/subscriptions", status="all")
    ended = {each["id"] for each in every if each["ended_at"] is not None}
    assert ended
    assert _ids(stripe_api, "/v1/subscriptions") == {each["id"] for each in every} - ended
    assert _ids(stripe_api, "/v1/subscriptions", status="ended") == ended
    assert _ids(stripe_api, "/v1/subscriptions", status="canceled") < ended


def test_what_belongs_to_one_customer(stripe_api: Caller) -> None:
    bills = stripe_api.all("/v1/invoices")
    owner, count = Counter(bill["customer"] for bill in bills).most_common(1)[0]
    found = stripe_api.all("/v1/invoices", customer=owner, limit=7)
    assert len(found) == count
    assert {bill["customer"] for bill in found} == {owner}
    paid = stripe_api.all("/v1/invoices", customer=owner, status="paid")
    assert {bill["id"] for bill in paid} == {
        bill["id"] for bill in found if bill["status"] == "paid"
    }
    subscription = found[-1]["parent"]["subscription_details"]["subscription"]
    both = _ids(stripe_api, "/v1/invoices", customer=owner, subscription=subscription)
    assert both == {
        bill["id"]
        for bill in found
        if bill["parent"] and bill["parent"]["subscription_details"]["subscription"] == subscription
    }
    assert _ids(stripe_api, "/v1/invoices", customer="cus_unknown") == set()


def test_payments_link_bills_to_charges(stripe_api: Caller) -> None:
    payments = stripe_api.all("/v1/invoice_payments", status="paid")
    assert payments
    for payment in payments[::50]:
        intent = payment["payment"]["payment_intent"]
        charges = stripe_api.all("/v1/charges", payment_intent=intent)
        paid = [each for each in charges if each["status"] == "succeeded"]
        assert [each["amount"] for each in paid] == [payment["amount_paid"]]
        (found,) = stripe_api.all("/v1/invoice_payments", invoice=payment["invoice"])
        assert found == payment


def test_long_lists_inside_objects_are_paged_by_their_own_url(stripe_api: Caller) -> None:
    long = [bill for bill in stripe_api.all("/v1/invoices") if bill["lines"]["has_more"]]
    assert long
    for bill in long[:3]:
        nested = bill["lines"]
        assert len(nested["data"]) == 10 < nested["total_count"]
        lines = stripe_api.all(nested["url"], limit=4)
        assert len(lines) == nested["total_count"]
        assert lines[:10] == nested["data"]
        assert sum(line["amount"] for line in lines) == bill["subtotal"]


def test_discounts_can_be_expanded(stripe_api: Caller) -> None:
    query = {"expand[]": ["data.discounts", "data.lines.data.discounts"]}
    found = [bill for bill in stripe_api.all("/v1/invoices", **query) if bill["discounts"]]
    coupons = {each["id"] for each in stripe_api.all("/v1/coupons")}
    assert found
    assert {bill["discounts"][0]["source"]["coupon"] for bill in found} <= coupons
    one = stripe_api.get(f"/v1/invoices/{found[0]['id']}", **{"expand[]": "discounts"})
    assert one["discounts"] == found[0]["discounts"]
    deeper = stripe_api.get(
        f"/v1/invoices/{found[0]['id']}", **{"expand[]": "discounts.source.coupon"}
    )
    assert deeper["discounts"][0]["source"]["coupon"]["object"] == "coupon"


def test_the_feed_is_newest_first_and_thirty_days_long(stripe_api: Caller) -> None:
    now = int(NOW.timestamp())
    events = stripe_api.all("/v1/events")
    created = [event["created"] for event in events]
    assert created == sorted(created, reverse=True)
    assert now - 30 * DAY <= created[-1] < now - 28 * DAY
    assert now - DAY < created[0] <= now
    assert len({event["id"] for event in events}) == len(events)
    kinds = Counter(event["type"] for event in events)
    asked = stripe_api.all("/v1/events", **{"types[]": ["invoice.paid", "charge.succeeded"]})
    assert Counter(event["type"] for event in asked) == {
        kind: kinds[kind] for kind in ("invoice.paid", "charge.succeeded")
    }
    assert len(stripe_api.all("/v1/events", type="invoice.paid")) == kinds["invoice.paid"]
    family = stripe_api.all("/v1/events", type="customer.subscription.*")
    assert {event["type"].rpartition(".")[0] for event in family} == {"customer.subscription"}


def test_every_kind_of_event_comes_up() -> None:
    billing = simulated(7, 0.3)
    told = feed(billing, make_lists(billing, Crm()), since=0)
    assert {event.kind for event in told} == set(TYPES)
    assert len({event.id for event in told}) == len(told)


def test_announced_bills_have_no_id(stripe_api: Caller) -> None:
    told = stripe_api.all("/v1/events", type="invoice.upcoming")
    assert told
    assert all("id" not in event["data"]["object"] for event in told)


def test_an_update_says_what_it_replaced(stripe_api: Caller) -> None:
    events = stripe_api.all("/v1/events", type="customer.subscription.updated")
    renewed = [
        event
        for event in events
        if "latest_invoice" in event["data"].get("previous_attributes", {})
        and event["data"]["object"]["status"] == "active"
    ]
    assert renewed
    shown, before = renewed[0]["data"]["object"], renewed[0]["data"]["previous_attributes"]
    assert shown["latest_invoice"] != before["latest_invoice"]
    for event in events:
        assert event["data"]["previous_attributes"]


def test_the_feed_forgets(open_stripe: Callable[..., Any]) -> None:
    with open_stripe() as caller:
        oldest = caller.all("/v1/events")[-1]
        assert caller.get(f"/v1/events/{oldest['id']}") == oldest
        caller.clock.advance(timedelta(days=10))
        assert caller.raw(f"/v1/events/{oldest['id']}").status_code == 404
        ids = _ids(caller, "/v1/events")
        assert oldest["id"] not in ids
        assert ids
        past = oldest["created"] - 40 * DAY
        assert _ids(caller, "/v1/events", **{"created[gte]": past}) == ids


def test_objects_come_and_change_with_the_clock(open_stripe: Callable[..., Any]) -> None:
    with open_stripe() as caller:
        drafts = caller.all("/v1/invoices", status="draft")
        before = _ids(caller, "/v1/invoices")
        caller.clock.advance(timedelta(hours=2))
        assert before <= _ids(caller, "/v1/invoices")
        for draft in drafts:
            bill = caller.get(f"/v1/invoices/{draft['id']}")
            assert (draft["number"], draft["attempted"]) == (None, False)
            assert bill["status"] in ("paid", "open", "void")
            assert bill["number"] is not None
        caller.clock.advance(timedelta(days=3))
        after = caller.all("/v1/invoices")
        assert before < {bill["id"] for bill in after}
        late = [bill["created"] for bill in after if bill["id"] not in before]
        assert min(late) > NOW.timestamp()


def test_what_does_not_exist_yet_is_not_there(open_stripe: Callable[..., Any]) -> None:
    with open_stripe() as caller:
        caller.clock.advance(timedelta(days=20))
        (newest,) = caller.get("/v1/invoices", limit=1)["data"]
    with open_stripe() as caller:
        assert caller.raw(f"/v1/invoices/{newest['id']}").status_code == 404
        assert caller.raw("/v1/invoices", starting_after=newest["id"]).status_code == 400


def test_a_deleted_customer_is_told_of_once(
    billing: Billing, open_stripe: Callable[..., Any]
) -> None:
    gone = next(each for each in billing.customers if each.deleted_at is not None)
    deleted_at = datetime.fromtimestamp(gone.deleted_at or 0, UTC)
    with open_stripe(deleted_at - timedelta(hours=1)) as caller:
        assert "deleted" not in caller.get(f"/v1/customers/{gone.id}")
        caller.clock.advance(timedelta(hours=2))
        assert caller.get(f"/v1/customers/{gone.id}")["deleted"] is True
        told = caller.all("/v1/events", type="customer.deleted")
        (event,) = [each for each in told if each["data"]["object"]["id"] == gone.id]
        assert event["data"]["object"]["object"] == "customer"
        ended = caller.all("/v1/subscriptions", customer=gone.id, status="all")
        assert {each["status"] for each in ended} == {"canceled"}


@pytest.mark.parametrize(
    "headers",
    [{}, {"authorization": "Bearer sandbox-wrong"}, {"authorization": "Basic c2FuZGJveA=="}],
)
def test_without_the_key_nothing_is_told(stripe_api: Caller, headers: dict[str, str]) -> None:
    answer = requests.get(f"{stripe_api.url}/v1/customers", headers=headers, timeout=5)
    assert answer.status_code == 401
    assert answer.json()["error"]["type"] == "invalid_request_error"
    assert "sandbox-stripe-key" not in answer.text


def test_versions_before_basil_are_refused(stripe_api: Caller) -> None:
    headers = {"authorization": "Bearer sandbox-stripe-key", "stripe-version": "2024-06-20"}
    answer = requests.get(f"{stripe_api.url}/v1/customers", headers=headers, timeout=5)
    assert answer.status_code == 400


def test_it_only_reads(stripe_api: Caller) -> None:
    headers = {"authorization": "Bearer sandbox-stripe-key"}
    answer = requests.post(f"{stripe_api.url}/v1/customers", headers=headers, timeout=5)
    assert answer.status_code == 404
    assert answer.json()["error"]["message"].startswith("Unrecognized request URL (POST")
