"""Random service periods on bills, terms of subscriptions, and companies with parents."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from decimal import Decimal

from random_company import CURRENCIES, END, Draw, Rows

DAY = timedelta(days=1)


def extend(draw: Draw, rows: Rows) -> None:
    """Add bills with service, some discounted for long, and terms that a discount came with."""
    for child, parent in (("a30", "a31"), ("a31", "a32"), ("a5", "a6"), ("a7", "a7")):
        for account in rows["accounts"]:
            if account["account_id"] == child:
                account["parent_account_id"] = parent
    for entity in ("invoices", "invoice_lines", "contracts"):
        rows.setdefault(entity, [])
    for number in range(0, 50, 2):
        _serve(draw, rows, f"c{number}", f"s{number}.0")


def _serve(draw: Draw, rows: Rows, customer: str, subscription: str) -> None:
    """Bills of one length after another, up to now and a little beyond."""
    days = draw.choice((7, 30, 91, 365))
    begins = END.date() - timedelta(days=draw.randrange(100, 600))
    currency, price = draw.choice(CURRENCIES), draw.randrange(500, 60_000)
    discount = draw.perhaps(0.5, draw.randrange(1, 400))
    if draw.random() < 0.5:
        rows["contracts"].append(
            {
                "contract_id": f"leak {subscription}",
                "customer_id": customer,
                "subscription_id": subscription,
                "starts_on": begins,
                "ends_on": begins + timedelta(days=draw.choice((100, 400))),
                "annual_amount": Decimal(price),
                "currency": currency,
            }
        )
    for number in range(draw.randrange(1, 40)):
        starts = begins + number * days * DAY
        if starts > END.date():
            break
        key = f"leak.{subscription}.{number}"
        rows["invoices"].append(
            {
                "invoice_id": key,
                "customer_id": customer,
                "status": draw.choice(("paid",) * 9 + ("void",)),
                "currency": currency,
                "total": Decimal(price) / 100,
                "issued_at": datetime.combine(starts, time(5)),
            }
        )
        rows["invoice_lines"].append(
            {
                "line_id": key,
                "invoice_id": key,
                "subscription_id": subscription,
                "amount": Decimal(price) / 100,
                "discount_amount": None if discount is None else Decimal(discount) / 100,
                "currency": currency,
                "is_proration": False,
                "period_start_on": starts,
                "period_end_on": starts + timedelta(days=draw.choice((days, days, days, 0))),
            }
        )
