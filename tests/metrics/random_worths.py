"""A random company's discounts, intervals and foreign terms: what policies count differently.

Called after the other random parts, so that what they draw stays as it is.
"""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from random_company import CURRENCIES, Draw, Rows

INTERVALS = (
    *((("month", 1),) * 3),
    ("month", 3),
    ("month", 12),
    ("year", 1),
    ("year", 2),
    ("week", 1),
    ("week", 6),
    ("day", 1),
    ("day", 45),
    (None, None),
)
CENT = Decimal("0.01")


def extend(draw: Draw, rows: Rows) -> None:
    """Add customers with one to three subscriptions of one or two items each."""
    for number in range(30):
        rows["customers"].append(
            {
                "customer_id": f"w{number}",
                "account_id": None,
                "_deleted_at": draw.perhaps(0.05, draw.instant()),
            }
        )
        for agreement in range(draw.randrange(1, 4)):
            currency, since = draw.choice(CURRENCIES), draw.day()
            for item in range(draw.randrange(1, 3)):
                _item(draw, rows, f"w{number}", f"ws{number}.{agreement}", item, currency, since)


def _item(
    draw: Draw,
    rows: Rows,
    customer: str,
    subscription: str,
    item: int,
    currency: str,
    since: date,
) -> None:
    interval = draw.choice(INTERVALS)
    for _ in range(draw.randrange(1, 6)):
        until = since + timedelta(days=draw.choice((3, 20, 31, 60, 200, 400)))
        if draw.random() < 0.2:
            interval = draw.choice(INTERVALS)
        rows["subscription_periods"].append(
            {
                "subscription_id": subscription,
                "customer_id": customer,
                "item_id": f"{subscription}.{item}",
                "currency": currency,
                "valid_from_on": since,
                "valid_to_on": draw.perhaps(0.9, until),
                "_deleted_at": draw.perhaps(0.03, draw.instant()),
                "billing_interval": interval[0],
                "billing_interval_count": interval[1],
                **_worth(draw),
            }
        )
        since = until + timedelta(days=draw.choice((0, 0, 0, 10, 70)))


def _worth(draw: Draw) -> dict[str, Any]:
    """A status, and amounts that fit it: discounts of any kind, one that makes free, or none."""
    status = draw.choice(("active",) * 5 + ("past_due", "trialing", "unpaid", "paused", "free"))
    listed = Decimal(draw.randrange(50_000)) / 100
    shares = [draw.choice((Decimal(1), Decimal(1), Decimal("0.8"), Decimal("0.35")))]
    for _ in range(2):
        shares.append(shares[-1] * draw.choice((Decimal(1), Decimal(1), Decimal("0.5"))))
    lasting, recurring, net = ((listed * share).quantize(CENT) for share in shares)
    if status == "trialing":
        listed = lasting = recurring = net = Decimal(0)
    if status == "free":
        net = Decimal(0)
        recurring = draw.choice((recurring, Decimal(0)))
    known = draw.random() < 0.85
    return {
        "status": status,
        "monthly_amount": net,
        "list_monthly_amount": listed if known else None,
        "recurring_monthly_amount": recurring if known else None,
        "lasting_monthly_amount": lasting if known and draw.random() < 0.9 else None,
    }
