"""A random company's bills, their lines and payments: failures, retries, refunds, oddities."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from random_company import CURRENCIES, Draw, Rows


def extend(draw: Draw, rows: Rows) -> None:
    """Add invoices with lines, and payments on most of them."""
    for entity in ("invoices", "invoice_lines", "payments"):
        rows.setdefault(entity, [])
    for number in range(260):
        _bill(draw, rows, f"pay{number}")
    for number in range(20):
        rows["payments"].append(
            _attempt(draw, f"loose{number}", None, Decimal(draw.randrange(9000)) / 100, "USD")
        )


def _bill(draw: Draw, rows: Rows, key: str) -> None:
    issued = draw.instant()
    customer = f"c{draw.randrange(50)}"
    currency = draw.choice(CURRENCIES)
    status = draw.choice(("paid", "paid", "open", "open", "void", "draft", "uncollectible"))
    total = Decimal(0)
    for place in range(draw.randrange(1, 4)):
        line = _line(draw, f"{key}.{place}", key, currency)
        rows["invoice_lines"].append(line)
        total += line["amount"] - (line["discount_amount"] or 0)
    rows["invoices"].append(
        {
            "invoice_id": key,
            "customer_id": customer,
            "status": status,
            "currency": currency,
            "total": total,
            "amount_paid": 0,
            "issued_at": None if status == "draft" else issued,
            "due_at": draw.perhaps(0.5, issued + timedelta(days=draw.randrange(40))),
            "paid_at": issued + timedelta(days=draw.randrange(90)) if status == "paid" else None,
            "voided_at": issued + timedelta(days=9) if status == "void" else None,
            "_deleted_at": draw.perhaps(0.05, draw.instant()),
        }
    )
    amount = max(total, Decimal(0))
    for place in range(draw.choice((0, 1, 1, 2, 4))):
        moment = issued + timedelta(seconds=draw.randrange(45 * 86400))
        rows["payments"].append(
            _attempt(draw, f"{key}:{place}", key, amount, currency, customer, moment)
        )


def _line(draw: Draw, key: str, invoice: str, currency: str) -> dict[str, Any]:
    return {
        "line_id": key,
        "invoice_id": invoice,
        "subscription_id": draw.perhaps(0.7, f"s{draw.randrange(50)}.0"),
        "amount": Decimal(draw.randrange(-5_000, 40_000)) / 100,
        "discount_amount": draw.perhaps(0.3, Decimal(draw.randrange(2_000)) / 100),
        "currency": currency,
        "is_proration": draw.random() < 0.1,
    }


def _attempt(
    draw: Draw,
    key: str,
    invoice: str | None,
    amount: Decimal,
    currency: str,
    customer: str | None = None,
    moment: datetime | None = None,
) -> dict[str, Any]:
    return {
        "payment_id": key,
        "customer_id": draw.perhaps(0.8, customer),
        "invoice_id": invoice,
        "status": draw.choice(("failed", "failed", "succeeded", "pending")),
        "currency": currency,
        "amount": draw.choice((amount, amount, amount / 2)).quantize(Decimal("0.01")),
        "refunded_amount": 0,
        "occurred_at": moment or draw.instant(),
        "_deleted_at": draw.perhaps(0.03, draw.instant()),
    }
