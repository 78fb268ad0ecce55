"""A random company's books and media: several currencies, late, deleted, media said twice."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

from random_company import CURRENCIES, END, Draw, Rows

DEPARTMENTS = ("marketing", "sales", "sales", "success", "serving")


def extend(draw: Draw, rows: Rows) -> None:
    """Add expenses from 2025 on, and spend from before the books begin."""
    rows["expenses"] = [
        {
            "expense_id": f"e{number}",
            "department": draw.choice(DEPARTMENTS),
            "kind": draw.choice(("salaries", "Tools", "commissions", None)),
            "spent_on": _day(draw, date(2025, 2, 1)),
            "amount": Decimal(draw.randrange(-20_000, 900_000)) / 100,
            "currency": draw.choice(CURRENCIES),
            "_deleted_at": draw.perhaps(0.08, draw.instant()),
        }
        for number in range(160)
    ]
    rows["expenses"] += [
        {
            "expense_id": f"b{number}",
            "department": "marketing",
            "kind": draw.choice(("media", "Media")),
            "spent_on": month,
            "amount": Decimal(draw.randrange(900_000)) / 100,
            "currency": "USD",
            "_deleted_at": draw.perhaps(0.3, draw.instant()),
        }
        for number, month in enumerate((date(2025, 9, 1), date(2026, 2, 1), date(2026, 3, 1)))
    ]
    rows.setdefault("marketing_spend", []).extend(
        {
            "spend_id": f"books.m{number}",
            "channel": draw.choice(("paid_search", "paid_social", "events", None)),
            "spent_on": _day(draw, date(2024, 10, 1)),
            "amount": Decimal(draw.randrange(200_000)) / 100,
            "currency": draw.choice(CURRENCIES),
            "_deleted_at": draw.perhaps(0.05, draw.instant()),
        }
        for number in range(90)
    )


def _day(draw: Draw, since: date) -> date:
    return since + timedelta(days=draw.randrange((END.date() - since).days))
