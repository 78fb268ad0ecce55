"""What is inside invoices and credit notes: lines, discounts, taxes, links to other documents.

Belongs here: the entries of their nested lists. Does not: the documents (`shapes_documents.py`).
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from revops_pipelines.sandbox.chargebee import catalog, ids
from revops_pipelines.sandbox.chargebee.papers import Bill, Note
from revops_pipelines.sandbox.world.billing_catalog import Coupon
from revops_pipelines.sandbox.world.billing_ids import numbered
from revops_pipelines.sandbox.world.billing_lines import DISCOUNTABLE
from revops_pipelines.sandbox.world.billing_money import half_up, percent_of
from revops_pipelines.sandbox.world.billing_records import Charge, Line
from revops_pipelines.sandbox.world.billing_story import Customer, Subscription

_REASONS = {
    "write_off": ("write_off", "Write Off"),
    "refund": ("product_unsatisfactory", "Product Unsatisfactory"),
}


def has_come(at: int, moment: int | None) -> bool:
    """Is the instant there, and not ahead?"""
    return moment is not None and moment <= at


def lines(bill: Bill, is_first_catalog: bool) -> list[dict[str, Any]]:
    """An invoice's lines."""
    source = bill.source
    story = source.subscription
    return [
        _line(line, f"li_{source.core}{numbered(place)}", source.customer, story, is_first_catalog)
        for place, line in bill.lines
    ]


def _line(
    line: Line,
    identity: str,
    owner: Customer,
    story: Subscription | None,
    is_first_catalog: bool,
) -> dict[str, Any]:
    gross = _gross(line, story)
    unit = catalog.unit_price(line.price)
    if line.is_proration:
        unit = gross // max(line.quantity, 1)
    shown: dict[str, Any] = {
        "id": identity,
        "date_from": line.start,
        "date_to": line.end,
        "unit_amount": unit,
        "quantity": line.quantity,
        "amount": gross,
        "pricing_model": "per_unit",
        "is_taxed": line.tax != 0,
        "tax_amount": abs(line.tax),
        "discount_amount": gross - (line.amount - line.discount),
        "item_level_discount_amount": 0,
        "metered": line.price.is_metered,
        "customer_id": ids.customer_id(owner.id),
        "description": _description(line),
        **_entity(line, story, is_first_catalog),
        "object": "line_item",
    }
    if story is not None:
        shown["subscription_id"] = ids.subscription_id(story.id)
    if line.tax and owner.tax is not None:
        shown["tax_rate"] = owner.tax.basis_points / 100
    return shown


def _entity(line: Line, story: Subscription | None, is_first_catalog: bool) -> dict[str, Any]:
    """What a line is for. The first item of a subscription is its plan."""
    is_main = story is None or line.item == story.changes[0].items[0].id
    sold = catalog.sold_as(line.price, is_main)
    if not is_first_catalog:
        return {"entity_type": f"{sold.item.kind}_item_price", "entity_id": sold.id}
    kind = "plan" if sold.item.kind == catalog.PLAN else "addon"
    return {"entity_type": kind, "entity_id": sold.id}


def _gross(line: Line, story: Subscription | None) -> int:
    """A line's amount before its discount; the world's prorations are net of theirs."""
    rebate = story.rebate if story is not None else None
    if line.kind != "remaining" or line.rebate is None or rebate is None:
        return line.amount
    points = rebate.coupon.basis_points
    full = line.price.amount(line.quantity)
    net = full - percent_of(full, points) if points is not None else full
    return half_up(line.amount * full, net) if net > 0 else line.amount


def _description(line: Line) -> str:
    name = line.price.product.name
    endings = {"remaining": " - Prorated Charges", "unused": " - Prorated Credits"}
    return name + endings.get(line.kind, "")


def _coupon(bill: Bill, line: Line) -> Coupon | None:
    """The coupon that a line is reduced by."""
    story = bill.source.subscription
    if line.rebate is not None and story is not None and story.rebate is not None:
        return story.rebate.coupon
    if bill.source.rebate is not None and line.kind in DISCOUNTABLE:
        return bill.source.rebate.coupon
    return None


def _off(bill: Bill) -> list[tuple[int, Line, Coupon, int]]:
    """Place, line, coupon and amount of each discount."""
    found = []
    for place, line in bill.lines:
        coupon = _coupon(bill, line)
        gross = _gross(line, bill.source.subscription)
        off = gross - (line.amount - line.discount)
        if coupon is not None and off:
            found.append((place, line, coupon, off))
    return found


def line_discounts(bill: Bill) -> list[dict[str, Any]]:
    """What each coupon took off each line."""
    return [
        {
            "line_item_id": f"li_{bill.source.core}{numbered(place)}",
            "discount_type": "document_level_coupon",
            "discount_amount": off,
            "coupon_id": coupon.id,
            "entity_id": coupon.id,
            "object": "line_item_discount",
        }
        for place, _, coupon, off in _off(bill)
    ]


def discounts(bill: Bill) -> list[dict[str, Any]]:
    """What each coupon took off the whole."""
    totals: Counter[str] = Counter()
    named = {}
    for _, _, coupon, off in _off(bill):
        totals[coupon.id] += off
        named[coupon.id] = coupon
    return [
        {
            "amount": off,
            "description": named[name].name,
            "entity_type": "document_level_coupon",
            "entity_id": name,
            "discount_type": "fixed_amount" if named[name].basis_points is None else "percentage",
            "object": "discount",
        }
        for name, off in totals.items()
    ]


def line_taxes(bill: Bill) -> list[dict[str, Any]]:
    """The tax on each line."""
    rate = bill.source.customer.tax
    if rate is None:
        return []
    return [
        {
            "line_item_id": f"li_{bill.source.core}{numbered(place)}",
            "tax_name": rate.kind.upper(),
            "tax_rate": rate.basis_points / 100,
            "taxable_amount": line.amount - line.discount,
            "tax_amount": line.tax,
            "tax_juris_type": "country",
            "tax_juris_name": rate.country,
            "object": "line_item_tax",
        }
        for place, line in bill.lines
    ]


def taxes(bill: Bill) -> list[dict[str, Any]]:
    """The tax on the whole."""
    rate = bill.source.customer.tax
    if rate is None:
        return []
    amount = sum(line.tax for _, line in bill.lines)
    name = rate.kind.upper()
    return [
        {
            "name": name,
            "amount": amount,
            "description": f"{name} @ {rate.basis_points / 100:g}%",
            "object": "tax",
        }
    ]


def payments(bill: Bill, at: int) -> list[dict[str, Any]]:
    """Attempts to pay, refused ones included."""
    return [
        {
            "txn_id": receipt.id,
            "applied_amount": 0 if _is_refused(receipt.source) else receipt.source.amount,
            "applied_at": receipt.source.created,
            "txn_status": "failure" if _is_refused(receipt.source) else "success",
            "txn_date": receipt.source.created,
            "txn_amount": receipt.source.amount,
        }
        for receipt in bill.receipts
        if receipt.source.created <= at
    ]


def _is_refused(source: object) -> bool:
    return isinstance(source, Charge) and source.failure is not None


def dunning(bill: Bill, at: int) -> list[dict[str, Any]]:
    """Tries after the first refused one."""
    refused = [each for each in bill.receipts if _is_refused(each.source)]
    return [
        {
            "attempt": number,
            "transaction_id": receipt.id,
            "dunning_type": "auto_collect",
            "created_at": receipt.source.created,
            "txn_status": "failure",
            "txn_amount": receipt.source.amount,
        }
        for number, receipt in enumerate(refused)
        if number and receipt.source.created <= at
    ]


def dunning_state(bill: Bill, state: str, at: int) -> dict[str, Any]:
    """How far the tries are."""
    attempts = bill.source.attempts
    if not any(attempt <= at for attempt in attempts):
        return {}
    if state == "paid":
        written_off = has_come(at, bill.source.written_off_at)
        return {"dunning_status": "stopped" if written_off else "success"}
    following = next((attempt for attempt in attempts if attempt > at), None)
    if following is None:
        return {"dunning_status": "exhausted"}
    return {"dunning_status": "in_progress", "next_retry_at": following}


def applied(note: Note, amount: int, at: int) -> dict[str, Any]:
    """A credit note used on an invoice."""
    code, create_code = reason(note)
    return {
        "cn_id": note.id,
        "applied_amount": amount,
        "applied_at": at,
        "cn_reason_code": code,
        "cn_create_reason_code": create_code,
        "cn_date": note.created,
        "cn_status": "refund_due",
    }


def linked_notes(bill: Bill, kind: str, at: int) -> list[dict[str, Any]]:
    """Credit notes that an invoice gave rise to."""
    found = []
    for note in bill.notes:
        if note.kind == kind and note.created <= at:
            code, create_code = reason(note)
            found.append(
                {
                    "cn_id": note.id,
                    "cn_reason_code": code,
                    "cn_create_reason_code": create_code,
                    "cn_date": note.created,
                    "cn_total": note.amount,
                    "cn_status": note_status(note, 0),
                }
            )
    return found


def reason(note: Note) -> tuple[str, str]:
    """Why a credit note was made, as a code and as its name."""
    if note.kind == "change":
        if note.is_ending:
            return "subscription_cancellation", "Subscription Cancellation"
        return "subscription_change", "Subscription Change"
    return _REASONS[note.kind]


def note_status(note: Note, left: int) -> str:
    """adjusted, refunded (also: used up) or refund_due."""
    if note.kind == "write_off":
        return "adjusted"
    return "refund_due" if left else "refunded"


def note_lines(note: Note, is_first_catalog: bool) -> list[dict[str, Any]]:
    """A credit note's lines: what of which item is given back, or one lump."""
    if not note.lines:
        return [_lump(note)]
    found = []
    for place, line in enumerate(note.lines):
        identity = f"li_{note.core}c{numbered(place)}"
        shown = _line(line, identity, note.customer, note.subscription, is_first_catalog)
        unit = -line.amount // max(line.quantity, 1)
        shown |= {"amount": -line.amount, "unit_amount": unit, "discount_amount": 0}
        if line.credited is not None:
            core, credited = line.credited
            shown["reference_line_item_id"] = f"li_{core}{numbered(credited)}"
        found.append(shown)
    return found


def _lump(note: Note) -> dict[str, Any]:
    return {
        "id": f"li_{note.core}c",
        "date_from": note.created,
        "date_to": note.created,
        "unit_amount": note.amount,
        "quantity": 1,
        "amount": note.amount,
        "pricing_model": "flat_fee",
        "is_taxed": False,
        "tax_amount": 0,
        "discount_amount": 0,
        "item_level_discount_amount": 0,
        "customer_id": ids.customer_id(note.customer.id),
        "description": "Write off" if note.kind == "write_off" else "Goodwill",
        "entity_type": "adhoc",
        "object": "line_item",
    }


def allocation(bill: Bill, amount: int, at: int) -> dict[str, Any]:
    """An invoice that a credit note was used on."""
    return {
        "invoice_id": bill.id,
        "allocated_amount": amount,
        "allocated_at": at,
        "invoice_date": bill.issued_at,
        "invoice_status": "paid",
    }


def linked_refunds(note: Note) -> list[dict[str, Any]]:
    """The transaction that gave a credit note's money back."""
    if note.refund is None:
        return []
    return [
        {
            "txn_id": note.refund.id,
            "applied_amount": note.amount,
            "applied_at": note.created,
            "txn_status": "success",
            "txn_date": note.created,
            "txn_amount": note.amount,
        }
    ]
