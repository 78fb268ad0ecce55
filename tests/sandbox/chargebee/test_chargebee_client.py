"""The vendor's own client, pointed at the sandbox, drains it whole and agrees with the simulation.

How it is pointed there: `chargebee_server.Site.client`.
"""

from __future__ import annotations

import dataclasses
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any, get_args, get_type_hints

import chargebee
import pytest
from chargebee.models.credit_note.responses import CreditNoteResponse
from chargebee.models.customer.responses import CustomerResponse
from chargebee.models.enums import EventType
from chargebee.models.invoice.responses import InvoiceResponse
from chargebee.models.subscription.responses import SubscriptionResponse
from chargebee.models.transaction.responses import TransactionResponse
from chargebee_server import NOW, Site

from revops_pipelines.sandbox.chargebee import ids
from revops_pipelines.sandbox.chargebee.papers import is_left_out
from revops_pipelines.sandbox.world.truth_billing import Period, ledger

DELETED = {"include_deleted": True}
EVERY_LIST: dict[str, dict[str, Any]] = {
    "Customer": DELETED,
    "Subscription": DELETED,
    "Invoice": DELETED,
    "CreditNote": DELETED,
    "Transaction": DELETED,
    "Coupon": {},
    "ItemFamily": {},
    "Item": {},
    "ItemPrice": {},
    "Event": {},
}
Rows = dict[str, list[Any]]
# Of these the first is in every record, the others in documents (airbytehq/airbyte, pull 32100).
UNNAMED = frozenset({"object", "base_currency_code", "exchange_rate"})


def drained(client: chargebee.Chargebee, name: str, **query: Any) -> Iterator[Any]:
    """Every record of a list, by the client's own pages."""
    noun = "".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_")
    offset: dict[str, Any] = {}
    while True:
        page = getattr(client, name).list({"limit": 100, **query, **offset})
        for row in page.list:
            yield getattr(row, noun)
        if page.next_offset is None:
            return
        offset = {"offset": page.next_offset}


@pytest.fixture(scope="module")
def rows(site: Site) -> Rows:
    """Everything that the site has, as the client's models."""
    client = site.client()
    return {name: list(drained(client, name, **query)) for name, query in EVERY_LIST.items()}


def by_now(site: Site) -> int:
    return int(site.clock.now().timestamp())


def test_every_record_is_found_once(rows: Rows) -> None:
    for name, records in rows.items():
        found = Counter(record.id for record in records)
        assert found, name
        assert set(found.values()) == {1}, name


def test_every_field_is_one_that_the_client_knows(rows: Rows) -> None:
    """But for custom fields, and few that the site sends and the client has no name for."""
    for name, records in rows.items():
        for record in records:
            check_fields(record, name)


def check_fields(record: Any, place: str) -> None:
    hints = get_type_hints(type(record))
    for field, value in record.raw_data.items():
        if field in UNNAMED or field.startswith("cf_"):
            continue
        assert field in hints, f"{place}.{field}"
        kind = hints[field]
        for inner in value if isinstance(value, list) else [value]:
            if isinstance(inner, dict):
                model = (get_args(kind) or (kind,))[0]
                if dataclasses.is_dataclass(model):
                    check_fields(model.construct(inner), f"{place}.{field}")
            elif kind in (str, int, bool):
                assert isinstance(inner, kind), f"{place}.{field}: {inner!r}"


def test_every_word_is_one_that_the_client_knows(rows: Rows) -> None:
    words = {
        ("Subscription", "status"): chargebee.Subscription.Status,
        ("Subscription", "cancel_reason"): chargebee.Subscription.CancelReason,
        ("Invoice", "status"): chargebee.Invoice.Status,
        ("Invoice", "dunning_status"): chargebee.Invoice.DunningStatus,
        ("CreditNote", "status"): chargebee.CreditNote.Status,
        ("CreditNote", "type"): chargebee.CreditNote.Type,
        ("CreditNote", "reason_code"): chargebee.CreditNote.ReasonCode,
        ("Transaction", "type"): chargebee.Transaction.Type,
        ("Transaction", "status"): chargebee.Transaction.Status,
        ("Coupon", "duration_type"): chargebee.Coupon.DurationType,
        ("Coupon", "discount_type"): chargebee.Coupon.DiscountType,
        ("Item", "type"): chargebee.Item.Type,
        ("ItemPrice", "status"): chargebee.ItemPrice.Status,
        ("Event", "event_type"): EventType,
    }
    for (name, field), enum in words.items():
        told = {getattr(record, field) for record in rows[name]} - {None}
        assert told, (name, field)
        assert told <= {each.value for each in enum}, (name, field)


def test_nothing_is_missing(site: Site, rows: Rows) -> None:
    now, books = by_now(site), site.billing.books
    assert {each.id for each in rows["Customer"]} == {
        ids.customer_id(record.id) for record in books.customers if record.created <= now
    }
    assert {each.id for each in rows["Subscription"]} == {
        ids.subscription_id(record.id)
        for record in books.subscriptions
        if record.created <= now and not record.story.never_started
    }
    tried = [*books.charges, *books.refunds]
    assert {each.id for each in rows["Transaction"]} == {
        ids.transaction_id(record.core) for record in tried if record.created <= now
    }
    billed = {
        ids.invoice_id(invoice.customer.prefix, invoice.number)
        for invoice in books.invoices
        if invoice.created <= now
        and not is_left_out(invoice)
        and any(line.kind not in ("trial", "unused") and line.amount for line in invoice.lines)
    }
    found = {each.id: each for each in rows["Invoice"]}
    assert billed <= set(found)
    assert all(found[name].sub_total == 0 for name in set(found) - billed)


def current(site: Site) -> dict[str, list[Period]]:
    found: dict[str, list[Period]] = defaultdict(list)
    for period in ledger(site.billing, site.clock.now()):
        if period.to_on is None:
            found[ids.subscription_id(period.subscription_id)].append(period)
    return found


def test_the_state_of_each_subscription_agrees_with_the_truth(site: Site, rows: Rows) -> None:
    truth, seen = current(site), Counter()
    subscriptions: list[SubscriptionResponse] = rows["Subscription"]
    for each in subscriptions:
        seen[each.status] += 1
        statuses = {period.status for period in truth.get(each.id, [])}
        expected = {
            "in_trial": {"trialing"},
            "paused": {"paused"},
            "active": {"active", "free", "past_due", "unpaid"},
            "non_renewing": {"active", "free"},
        }.get(each.status, set())
        assert statuses <= expected, each.id
        assert bool(statuses) == bool(expected), each.id
        owes = bool(statuses & {"past_due", "unpaid"})
        assert (each.due_invoices_count > 0 and each.status != "cancelled") == owes, each.id
    assert set(seen) >= {"active", "non_renewing", "cancelled"}


def test_the_items_of_each_subscription_agree_with_the_truth(site: Site, rows: Rows) -> None:
    truth = current(site)
    names = {price.id: price.item_id for price in rows["ItemPrice"]}
    titles = {item.id: item.name for item in rows["Item"]}
    most = 0
    for each in rows["Subscription"]:
        if each.status in ("cancelled",):
            continue
        items = [item for item in each.subscription_items if item.quantity is not None]
        most = max(most, len(items))
        assert [item.item_type for item in each.subscription_items].count("plan") == 1
        assert {(titles[names[item.item_price_id]], item.quantity) for item in items} == {
            (period.product, period.quantity) for period in truth[each.id]
        }, each.id
    assert most > 10


def test_what_chargebee_says_of_mrr_is_near_the_truth(site: Site, rows: Rows) -> None:
    """Its own figure counts what renews, unpaid or not, and a coupon once used no more."""
    truth, compared = current(site), 0
    for each in rows["Subscription"]:
        periods = truth.get(each.id, [])
        if each.status in ("active", "non_renewing") and not each.coupons:
            minor = Decimal(1) if each.currency_code == "JPY" else Decimal("0.01")
            worth = sum((period.monthly_amount for period in periods), Decimal(0))
            if all(period.status in ("active", "past_due") for period in periods):
                compared += abs(each.mrr * minor - worth) <= len(periods) * minor
                continue
        if each.status in ("paused", "in_trial", "cancelled"):
            assert each.mrr == 0
    assert compared > 40


def test_every_invoice_adds_up(rows: Rows) -> None:
    kinds: Counter[str] = Counter()
    invoices: list[InvoiceResponse] = rows["Invoice"]
    for each in invoices:
        kinds[each.status] += 1
        assert all(line.amount >= 0 for line in each.line_items)
        assert sum(line.amount for line in each.line_items) == each.sub_total
        off = sum(line.discount_amount for line in each.line_items)
        assert off == sum(discount.discount_amount for discount in each.line_item_discounts)
        assert off == sum(discount.amount for discount in each.discounts)
        assert sum(line.tax_amount for line in each.line_items) == each.tax
        assert each.total == each.sub_total - off + each.tax
        settled = each.amount_paid + each.credits_applied + each.write_off_amount
        assert each.amount_due == each.total - settled
        assert each.credits_applied == sum(use.applied_amount for use in each.applied_credits)
        paid = sum(payment.applied_amount for payment in each.linked_payments)
        assert paid == each.amount_paid, each.id
        assert (each.status == "paid") == (each.paid_at is not None)
    assert kinds["paid"] > 100


def test_every_credit_note_adds_up(rows: Rows) -> None:
    kinds: Counter[tuple[str, str]] = Counter()
    notes: list[CreditNoteResponse] = rows["CreditNote"]
    for each in notes:
        kinds[each.type, each.reason_code] += 1
        left = each.total - each.amount_allocated - each.amount_refunded
        assert each.amount_available == left, each.id
        assert (each.status == "refund_due") == (left > 0)
        tax = sum(line.tax_amount for line in each.line_items)
        assert sum(line.amount for line in each.line_items) + tax == each.total
    assert set(kinds) == {
        ("adjustment", "write_off"),
        ("refundable", "product_unsatisfactory"),
        ("refundable", "subscription_cancellation"),
        ("refundable", "subscription_change"),
    }


def test_credits_are_used_where_the_notes_say(rows: Rows) -> None:
    given = {
        (note.id, use.invoice_id): use.allocated_amount
        for note in rows["CreditNote"]
        for use in note.allocations
    }
    taken = {
        (use.cn_id, invoice.id): use.applied_amount
        for invoice in rows["Invoice"]
        for use in invoice.applied_credits
    }
    assert given
    assert given == taken


def test_what_a_customer_is_owed_is_left_of_its_notes(rows: Rows) -> None:
    left: Counter[str] = Counter()
    for note in rows["CreditNote"]:
        left[note.customer_id] += note.amount_available
    customers: list[CustomerResponse] = rows["Customer"]
    pending = {each.customer_id for each in rows["Invoice"] if each.status == "pending"}
    told = {each.id: each.refundable_credits for each in customers if each.id not in pending}
    assert {name: left[name] for name in told} == told
    assert any(told.values())


def test_money_that_came_in_is_what_was_billed(rows: Rows) -> None:
    billed, came = Counter(), Counter()
    for invoice in rows["Invoice"]:
        billed[invoice.currency_code] += invoice.amount_paid
    transactions: list[TransactionResponse] = rows["Transaction"]
    for each in transactions:
        if each.type == "payment" and each.status == "success":
            came[each.currency_code] += each.amount
    assert billed == came
    assert set(billed) == {"USD", "EUR", "GBP", "JPY"}


def test_documents_tell_the_rate_of_their_month(site: Site, rows: Rows) -> None:
    for name in ("Invoice", "Transaction"):
        for each in rows[name]:
            month = datetime.fromtimestamp(each.date, UTC).date()
            rate = site.billing.rates.monthly_rate(each.currency_code, month)
            assert Decimal(str(each.exchange_rate)) == rate


def test_the_first_catalog_has_plans_and_addons(open_site: Callable[..., Any]) -> None:
    with open_site(switches=frozenset({"chargebee.catalog_1"})) as site:
        client = site.client()
        plans = {each.id: each for each in drained(client, "Plan", include_deleted=True)}
        addons = {each.id: each for each in drained(client, "Addon", include_deleted=True)}
        subscriptions = list(drained(client, "Subscription"))
        with pytest.raises(chargebee.InvalidRequestError) as wrong:
            client.ItemPrice.list({"limit": 1})
    assert wrong.value.api_error_code == "configuration_incompatible"
    assert plans
    for each in subscriptions:
        assert plans[each.plan_id].currency_code == each.currency_code
        assert {addon.id for addon in each.addons or []} <= set(addons)
    assert any(each.addons for each in subscriptions)


def test_contract_terms_follow_each_other(site: Site, rows: Rows) -> None:
    client, longest = site.client(), 0
    for each in rows["Subscription"]:
        if each.contract_term is None:
            continue
        terms = [
            row.contract_term
            for row in client.Subscription.contract_terms_for_subscription(each.id).list
        ]
        longest = max(longest, len(terms))
        assert terms[-1].id == each.contract_term.id
        for before, after in pairwise(terms):
            assert before.contract_end == after.contract_start
            assert before.status == "completed"
        assert terms[-1].contract_start <= int(NOW.timestamp())
    assert longest > 1


def test_errors_reach_the_client_as_its_own(open_site: Callable[..., Any]) -> None:
    with open_site(limits=True, rates={"chargebee.all": 3}) as site:
        with pytest.raises(chargebee.APIError) as refused:
            site.client("sandbox-wrong-key").Customer.list()
        assert refused.value.http_status_code == 401
        assert refused.value.api_error_code == "api_authentication_failed"
        client = site.client()
        with pytest.raises(chargebee.InvalidRequestError) as missing:
            client.Customer.retrieve("nobody")
        assert missing.value.http_status_code == 404
        with pytest.raises(chargebee.OperationFailedError) as limited:
            for _ in range(5):
                client.Customer.list()
        assert limited.value.http_status_code == 429
        assert limited.value.api_error_code == "api_request_limit_exceeded"
