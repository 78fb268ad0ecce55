"""A random company's agreements: terms of subscriptions, contracts of companies, what is signed."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from random_company import CURRENCIES, NOW, Draw, Rows

LENGTHS = (30, 83, 84, 91, 182, 365, 365, 730)


def extend(draw: Draw, rows: Rows) -> None:
    """Bind three in four subscriptions to terms; sign contracts with a few companies."""
    found = rows.setdefault("contracts", [])
    firsts: dict[str, tuple[date, str, str]] = {}
    for period in rows["subscription_periods"]:
        known = (period["valid_from_on"], period["customer_id"], period["currency"])
        key = period["subscription_id"]
        firsts[key] = min(known, firsts.get(key, known))
    for subscription, (first, customer, currency) in sorted(firsts.items()):
        if draw.random() < 0.75:
            _bind(draw, found, subscription, customer, currency, first)
    for number in range(14):
        _sign(draw, found, f"k{number}")
    for number in range(12):
        _wait(draw, found, f"w{number}")
    for row in rows["subscriptions"]:
        row["cancel_requested_at"] = draw.perhaps(0.3, draw.instant())


def _bind(
    draw: Draw,
    found: list[dict[str, Any]],
    subscription: str,
    customer: str,
    currency: str,
    first: date,
) -> None:
    """Terms that follow each other, some with a gap, some over early."""
    length = draw.choice(LENGTHS)
    start = first
    for number in range(draw.randrange(1, 5)):
        if start > NOW.date():
            return
        end = start + timedelta(days=length)
        early = start + timedelta(days=draw.randrange(1, length))
        ended = early if draw.random() < 0.2 else None
        found.append(
            _term(draw, f"{subscription}:{number}", start, end, currency)
            | {"subscription_id": subscription, "customer_id": customer, "ended_on": ended}
        )
        start = (ended or end) + timedelta(days=draw.choice((0, 0, 0, 0, 20, 50)))


def _sign(draw: Draw, found: list[dict[str, Any]], key: str) -> None:
    """Contracts of one company in the CRM, renewed early, in time, late or not at all."""
    start = draw.day()
    account = f"a{draw.randrange(40)}"
    for number in range(draw.randrange(1, 4)):
        end = start + timedelta(days=draw.choice(LENGTHS))
        found.append(
            _term(draw, f"{key}:{number}", start, end, draw.choice(CURRENCIES))
            | {"account_id": account, "ended_on": draw.perhaps(0.1, end - timedelta(days=9))}
        )
        start = end + timedelta(days=draw.choice((-45, -10, 0, 0, 25, 60, 120)))


def _wait(draw: Draw, found: list[dict[str, Any]], key: str) -> None:
    """Signed some time before the first day."""
    start = draw.day()
    signed = draw.instant()
    found.append(
        _term(draw, key, start, start + timedelta(days=365), draw.choice(CURRENCIES))
        | {"customer_id": f"c{draw.randrange(50)}", "signed_at": draw.perhaps(0.8, signed)}
    )


def _term(draw: Draw, key: str, start: date, end: date, currency: str) -> dict[str, Any]:
    return {
        "contract_id": key,
        "customer_id": None,
        "account_id": None,
        "subscription_id": None,
        "signed_at": None,
        "ended_on": None,
        "starts_on": start,
        "ends_on": end,
        "renewal_on": draw.perhaps(0.8, end),
        "notice_on": draw.perhaps(0.5, end - timedelta(days=30)),
        "annual_amount": draw.perhaps(0.9, Decimal(draw.randrange(2_000_000)) / 100),
        "currency": currency,
        "auto_renews": draw.perhaps(0.9, draw.random() < 0.8),
        "_deleted_at": draw.perhaps(0.04, draw.instant()),
    }
