"""Chargebee's lists: which records each holds and by what they can be filtered.

Belongs here: one entry per list. Does not: paging (`shelf.py`) or routes (`app.py`).

Items, item prices and coupons know no `include_deleted`: nothing of theirs is ever deleted here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from revops_pipelines.sandbox.chargebee import catalog, ids
from revops_pipelines.sandbox.chargebee.lives import Life, life_of
from revops_pipelines.sandbox.chargebee.papers import Bill, Receipt, by_subscription, write_papers
from revops_pipelines.sandbox.chargebee.shapes_documents import Documents, status
from revops_pipelines.sandbox.chargebee.shapes_payment import transactions
from revops_pipelines.sandbox.chargebee.shapes_subscription import Subscriptions, customers
from revops_pipelines.sandbox.chargebee.shelf import Shelf
from revops_pipelines.sandbox.frame import Crm
from revops_pipelines.sandbox.world.billing import Billing
from revops_pipelines.sandbox.world.billing_calendar import DAY
from revops_pipelines.sandbox.world.billing_records import CustomerRecord

# Chargebee began to keep `updated_at` in 2016. Refused payments of the company's first months
# stand for what was never touched since.
UNDATED_DAYS = 300
DATED = frozenset({"updated_at", "date"})
CREATED = frozenset({"updated_at", "created_at"})


def make_lists(billing: Billing, documents: Documents, crm: Crm) -> dict[str, Shelf]:
    """Every list of the sandbox, by its path below `/api/v2/`."""
    papers = write_papers(billing.books)
    return {
        **_catalog(billing, documents.is_first_catalog),
        **_subscribers(billing, papers.bills, documents, crm),
        "invoices": _invoices(papers.bills, documents),
        "credit_notes": Shelf(
            "credit_note",
            papers.notes,
            documents.credit_note,
            looks=lambda note: note.looks,
            identity=lambda note: str(note.id),
            values={
                "customer_id": lambda note, at: ids.customer_id(note.customer.id),
                "date": lambda note, at: note.created,
                "reference_invoice_id": lambda note, at: note.bill.id if note.bill else None,
            },
            sorts=DATED,
        ),
        "transactions": Shelf(
            "transaction",
            papers.receipts,
            transactions(billing.rates),
            looks=lambda receipt: receipt.looks,
            identity=lambda receipt: str(receipt.id),
            values={
                "customer_id": lambda receipt, at: ids.customer_id(receipt.customer.id),
                "date": lambda receipt, at: receipt.source.created,
                "type": lambda receipt, at: "refund" if receipt.payment else "payment",
            },
            sorts=DATED,
            is_undated=_undated(billing.start + UNDATED_DAYS * DAY),
        ),
    }


def _undated(until: int) -> Callable[[Receipt], bool]:
    def is_undated(receipt: Receipt) -> bool:
        return getattr(receipt.source, "failure", None) is not None and (
            receipt.source.created < until
        )

    return is_undated


def _catalog(billing: Billing, is_first: bool) -> dict[str, Shelf]:
    priced = catalog.item_prices(billing.catalog)
    found = {"coupons": _coupons(billing)}
    if is_first:
        plans = [each for each in priced if each.item.kind == catalog.PLAN]
        addons = [each for each in priced if each.item.kind != catalog.PLAN]
        return found | {
            "plans": _prices("plan", plans, catalog.plan),
            "addons": _prices("addon", addons, catalog.addon),
        }
    items = catalog.items(billing.catalog)
    return found | {
        "item_families": Shelf(
            "item_family",
            items[:1],
            lambda record, at: catalog.item_family(record.product, at),
            looks=lambda record: record.looks[:1],
            identity=lambda record: catalog.FAMILY,
            sorts=frozenset(),
        ),
        "items": Shelf(
            "item",
            items,
            catalog.item,
            looks=lambda record: record.looks,
            identity=lambda record: str(record.id),
            values={"type": lambda record, at: record.kind},
        ),
        "item_prices": _prices("item_price", priced, catalog.item_price),
    }


def _prices(noun: str, priced: Sequence[catalog.ItemPrice], shape: Callable[..., Any]) -> Shelf:
    return Shelf(
        noun,
        priced,
        shape,
        looks=lambda record: record.looks,
        identity=lambda record: str(record.id),
        values={
            "currency_code": lambda record, at: record.price.currency,
            "item_id": lambda record, at: record.item.id,
            "item_type": lambda record, at: record.item.kind,
        },
    )


def _coupons(billing: Billing) -> Shelf:
    return Shelf(
        "coupon",
        billing.books.coupons,
        catalog.coupon,
        looks=lambda record: record.changed_at,
        identity=lambda record: str(record.id),
        values={"created_at": lambda record, at: record.created},
        sorts=CREATED,
    )


def _subscribers(
    billing: Billing, bills: Sequence[Bill], documents: Documents, crm: Crm
) -> dict[str, Shelf]:
    books = billing.books
    shape = customers(crm)
    parties = Shelf(
        "customer",
        books.customers,
        shape,
        looks=_customer_looks,
        identity=lambda record: ids.customer_id(record.id),
        values={
            "created_at": lambda record, at: record.created,
            "email": lambda record, at: record.story.email,
        },
        sorts=CREATED,
        deleted_at=_deleted_at,
    )
    shown = Subscriptions(billing.rates, by_subscription(bills), documents.is_first_catalog)
    lives = [life_of(record) for record in books.subscriptions if not record.story.never_started]
    owners = {record.id: record for record in books.customers}

    def owner(life: Life, at: int) -> dict[str, Any]:
        record = owners[life.record.customer.id]
        seen = parties.find(parties.identity(record), at)
        return parties.body(seen) if seen is not None else shape(record, at)

    subscriptions = Shelf(
        "subscription",
        lives,
        shown.shape,
        looks=lambda life: life.looks,
        identity=lambda life: str(life.id),
        values={
            "customer_id": lambda life, at: ids.customer_id(life.record.customer.id),
            "created_at": lambda life, at: life.record.created,
            "status": lambda life, at: shown.shape(life, at)["status"],
        },
        sorts=CREATED,
        beside={"customer": owner},
    )
    return {"customers": parties, "subscriptions": subscriptions}


def _deleted_at(record: CustomerRecord) -> int | None:
    return record.story.deleted_at


def _customer_looks(record: CustomerRecord) -> tuple[int, ...]:
    gone = record.story.deleted_at
    if gone is None:
        return record.changed_at
    return tuple(sorted({*record.changed_at, gone}))


def _invoices(bills: Sequence[Bill], documents: Documents) -> Shelf:
    return Shelf(
        "invoice",
        bills,
        documents.invoice,
        looks=lambda bill: bill.looks,
        identity=lambda bill: str(bill.id),
        values={
            "customer_id": lambda bill, at: ids.customer_id(bill.source.customer.id),
            "date": lambda bill, at: bill.issued_at,
            "recurring": lambda bill, at: str(bill.source.subscription is not None).lower(),
            "status": status,
            "subscription_id": lambda bill, at: (
                ids.subscription_id(bill.source.subscription.id)
                if bill.source.subscription is not None
                else None
            ),
        },
        sorts=DATED,
    )
