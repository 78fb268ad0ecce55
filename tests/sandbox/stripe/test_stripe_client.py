"""The official client, pointed at the sandbox, drains it whole and agrees with the simulation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
import stripe
from stripe_server import NOW

from revops_pipelines.sandbox.stripe import KEYS
from revops_pipelines.sandbox.world.billing_records import Books
from revops_pipelines.sandbox.world.truth_billing import Period, ledger

Caller = Any


# Its telemetry would write an identifier of the machine into the home folder.
stripe.enable_telemetry = False


def _client(caller: Caller, key: str = KEYS["api_key"]) -> stripe.StripeClient:
    return stripe.StripeClient(
        key,
        base_addresses={"api": caller.url, "files": caller.url},
        max_network_retries=0,
        http_client=stripe.RequestsClient(),
    )


@pytest.fixture(scope="module")
def client(stripe_api: Caller) -> stripe.StripeClient:
    return _client(stripe_api)


@pytest.fixture(scope="module")
def invoices(client: stripe.StripeClient) -> list[stripe.Invoice]:
    """All bills, newest first: the client takes its time over each."""
    return list(client.v1.invoices.list({"limit": 100}).auto_paging_iter())


def _by_now(caller: Caller, name: str) -> set[str]:
    now = caller.clock.now().timestamp()
    books: Books = caller.billing.books
    return {record.id for record in getattr(books, name) if record.created <= now}


def test_it_speaks_the_version_that_the_client_asks_for(client: stripe.StripeClient) -> None:
    listed = client.v1.customers.list({"limit": 1})
    assert listed.last_response.headers["stripe-version"] == "2026-10-28.endive"


@pytest.mark.parametrize(
    ("service", "books", "query"),
    [
        ("subscriptions", "subscriptions", {"status": "all"}),
        ("charges", "charges", {}),
        ("refunds", "refunds", {}),
        ("credit_notes", "credit_notes", {}),
        ("coupons", "coupons", {}),
        ("invoice_items", "invoice_items", {}),
        ("invoice_payments", "payments", {}),
    ],
)
def test_auto_paging_finds_every_record_once(
    stripe_api: Caller,
    client: stripe.StripeClient,
    service: str,
    books: str,
    query: dict[str, Any],
) -> None:
    listed = getattr(client.v1, service).list({"limit": 100, **query})
    found = Counter(each.id for each in listed.auto_paging_iter())
    assert set(found.values()) == {1}
    assert set(found) == _by_now(stripe_api, books)


def test_auto_paging_finds_every_bill_once(
    stripe_api: Caller, invoices: list[stripe.Invoice]
) -> None:
    found = [each.id for each in invoices]
    assert len(set(found)) == len(found)
    assert set(found) == _by_now(stripe_api, "invoices")


def test_auto_paging_finds_the_catalogue(stripe_api: Caller, client: stripe.StripeClient) -> None:
    catalog = stripe_api.billing.catalog
    prices = {each.id: each for each in client.v1.prices.list({"limit": 100}).auto_paging_iter()}
    assert set(prices) == {price.id for price in catalog.prices.values()}
    products = client.v1.products.list({"limit": 5}).auto_paging_iter()
    assert {each.id for each in products} == {each.id for each in catalog.products.values()}
    halves = [each for each in prices.values() if each.unit_amount is None]
    assert {each.unit_amount_decimal for each in halves} >= {
        Decimal(text) for text in ("1200.5", "1800.5", "0.4")
    }


def test_deleted_customers_leave_the_list_and_still_answer(
    stripe_api: Caller, client: stripe.StripeClient
) -> None:
    now = int(stripe_api.clock.now().timestamp())
    stories = [story for story in stripe_api.billing.customers if story.created <= now]
    gone = {each.id for each in stories if each.deleted_at is not None and each.deleted_at <= now}
    listed = {each.id for each in client.v1.customers.list({"limit": 100}).auto_paging_iter()}
    assert gone
    assert listed == {each.id for each in stories} - gone
    for identity in gone:
        assert client.v1.customers.retrieve(identity).deleted is True


def _current(caller: Caller) -> dict[str, list[Period]]:
    now = caller.clock.now()
    found: dict[str, list[Period]] = {}
    for period in ledger(caller.billing, now):
        if period.to_on is None:
            found.setdefault(period.subscription_id, []).append(period)
    return found


def test_the_status_of_each_subscription_agrees_with_the_truth(
    stripe_api: Caller, client: stripe.StripeClient
) -> None:
    current = _current(stripe_api)
    listed = client.v1.subscriptions.list({"limit": 100, "status": "all"})
    seen: Counter[str] = Counter()
    for subscription in listed.auto_paging_iter():
        seen[subscription.status] += 1
        statuses = {period.status for period in current.get(subscription.id, [])}
        expected = {
            "active": {"active", "free", "paused"},
            "past_due": {"past_due", "unpaid"},
            "trialing": {"trialing"},
        }.get(subscription.status, set())
        assert statuses <= expected, subscription.id
        assert bool(statuses) == bool(expected), subscription.id
        assert (subscription.ended_at is None) == bool(expected)
    assert {"active", "canceled", "incomplete_expired"} <= set(seen)


def test_items_agree_with_the_truth_to_the_last_one(
    stripe_api: Caller, client: stripe.StripeClient
) -> None:
    current = _current(stripe_api)
    longest = 0
    for subscription in client.v1.subscriptions.list({"limit": 100}).auto_paging_iter():
        listed = client.v1.subscription_items.list({"subscription": subscription.id, "limit": 4})
        items = {each.id: each for each in listed.auto_paging_iter()}
        longest = max(longest, len(items))
        nested = subscription["items"]
        assert nested.has_more == (len(items) > 10)
        assert [each.id for each in nested.data] == list(items)[:10]
        licensed = {
            each.id: each.quantity
            for each in items.values()
            if each.price.recurring.usage_type == "licensed"
        }
        assert licensed == {period.item_id: period.quantity for period in current[subscription.id]}
    assert longest > 10


def test_every_bill_adds_up(invoices: list[stripe.Invoice]) -> None:
    kinds: Counter[str] = Counter()
    for invoice in invoices:
        kinds[invoice.status] += 1
        lines = list(invoice.lines.auto_paging_iter())
        assert sum(line.amount for line in lines) == invoice.subtotal
        off = sum(each.amount for line in lines for each in line.discount_amounts)
        assert off == sum(each.amount for each in invoice.total_discount_amounts)
        tax = sum(each.amount for line in lines for each in line.taxes)
        assert tax == sum(each.amount for each in invoice.total_taxes)
        assert invoice.total == invoice.subtotal - off + tax
        assert invoice.amount_due == invoice.amount_paid + invoice.amount_remaining
        if invoice.status in ("paid", "open", "uncollectible"):
            used = invoice.ending_balance - invoice.starting_balance
            assert invoice.amount_due == invoice.total - used
    assert {"paid", "void", "draft", "open", "uncollectible"} >= set(kinds) >= {"paid", "void"}


def test_money_that_came_in_is_what_was_billed(
    client: stripe.StripeClient, invoices: list[stripe.Invoice]
) -> None:
    billed: Counter[str] = Counter()
    for invoice in invoices:
        billed[invoice.currency] += invoice.amount_paid
    came: Counter[str] = Counter()
    for charge in client.v1.charges.list({"limit": 100}).auto_paging_iter():
        came[charge.currency] += charge.amount if charge.status == "succeeded" else 0
    assert billed == came
    assert set(billed) == {"usd", "eur", "gbp", "jpy"}


def test_a_customer_s_balance_runs_through_its_bills(
    client: stripe.StripeClient, invoices: list[stripe.Invoice]
) -> None:
    customers = client.v1.customers.list({"limit": 100}).auto_paging_iter()
    balances = {each.id: each.balance for each in customers}
    running: Counter[str] = Counter()
    for invoice in reversed(invoices):
        if invoice.status not in ("void", "draft"):
            assert invoice.starting_balance == running[invoice.customer], invoice.id
            running[invoice.customer] = invoice.ending_balance
    assert {name: running[name] for name in balances} == balances
    assert any(invoice.starting_balance for invoice in invoices)


def test_disputes_and_what_they_moved(client: stripe.StripeClient) -> None:
    disputes = list(client.v1.disputes.list({"limit": 5}).auto_paging_iter())
    assert len({each.id for each in disputes}) == len(disputes)
    assert {each.status for each in disputes} >= {"lost", "won"}
    charges = {each.id: each for each in client.v1.charges.list({"limit": 100}).auto_paging_iter()}
    disputed = {each.charge for each in disputes}
    assert {name for name, charge in charges.items() if charge.disputed} == disputed
    for each in disputes:
        assert charges[each.charge].amount == each.amount
        moved = [entry.net for entry in each.balance_transactions]
        assert len(moved) == (2 if each.status == "won" else 1)
        of_it = client.v1.balance_transactions.list({"source": each.id}).auto_paging_iter()
        assert {entry.id: entry.net for entry in of_it} == {
            entry.id: entry.net for entry in each.balance_transactions
        }


def test_the_balance_holds_all_that_moved(client: stripe.StripeClient) -> None:
    kinds: Counter[str] = Counter()
    sources: set[str] = set()
    for entry in client.v1.balance_transactions.list({"limit": 100}).auto_paging_iter():
        kinds[entry.type] += 1
        sources.add(entry.source)
        assert entry.net == entry.amount - entry.fee
    assert set(kinds) == {"charge", "refund", "adjustment"}
    charges = client.v1.charges.list({"limit": 100}).auto_paging_iter()
    paid = {each.id for each in charges if each.status == "succeeded"}
    refunds = {each.id for each in client.v1.refunds.list({"limit": 100}).auto_paging_iter()}
    disputes = {each.id for each in client.v1.disputes.list({"limit": 100}).auto_paging_iter()}
    assert sources == paid | refunds | disputes


def test_schedules_lead_their_subscriptions(client: stripe.StripeClient) -> None:
    schedules = {
        each.id: each
        for each in client.v1.subscription_schedules.list({"limit": 3}).auto_paging_iter()
    }
    listed = client.v1.subscriptions.list({"limit": 100, "status": "all"}).auto_paging_iter()
    led = {each.id: each for each in listed if each.schedule is not None}
    active = {name: each for name, each in schedules.items() if each.status == "active"}
    assert {each.status for each in schedules.values()} >= {"active", "released"}
    assert {each.schedule for each in led.values()} == set(active)
    for each in active.values():
        phases = [(phase.start_date, phase.end_date) for phase in each.phases]
        assert (each.current_phase.start_date, each.current_phase.end_date) in phases
        assert all(one[1] == two[0] for one, two in pairwise(phases))


def test_errors_reach_the_client_as_its_own(open_stripe: Callable[..., Any]) -> None:
    with open_stripe(limits=True, rates={"stripe.all": 3}) as caller:
        with pytest.raises(stripe.AuthenticationError, match="Invalid API Key"):
            _client(caller, "sandbox-wrong-key").v1.customers.list()
        client = _client(caller)
        with pytest.raises(stripe.InvalidRequestError) as missing:
            client.v1.customers.retrieve("cus_unknown")
        assert (missing.value.http_status, missing.value.code) == (404, "resource_missing")
        with pytest.raises(stripe.RateLimitError) as limited:
            for _ in range(5):
                client.v1.customers.list()
        assert limited.value.http_status == 429
        assert limited.value.json_body["error"]["code"] == "rate_limit"


def test_events_of_the_last_days_lead_from_one_state_to_the_next(
    open_stripe: Callable[..., Any],
) -> None:
    """A reader that re-fetches what events name ends where a full reader does."""
    with open_stripe(NOW - timedelta(days=25)) as caller:
        before = {bill["id"]: bill for bill in caller.all("/v1/invoices")}
        since = int(caller.clock.now().timestamp())
        caller.clock.advance(timedelta(days=25))
        types = ["invoice.created", "invoice.updated", "invoice.paid", "invoice.voided"]
        query = {"limit": 100, "created": {"gte": since}, "types": types}
        told = _client(caller).v1.events.list(query).auto_paging_iter()
        named = {event.data.object["id"] for event in told}
        after = {bill["id"]: bill for bill in caller.all("/v1/invoices")}
    changed = {name for name, bill in after.items() if bill != before.get(name)}
    assert changed
    assert changed == named
