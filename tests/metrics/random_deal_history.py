"""Random days of random deals: what they were expected to bring, and when; and people's targets.

Belongs here: `opportunity_snapshots` and `quotas` of a random company, crowded with oddities:
histories that begin late or never, pushes and pulls, reopenings, deletions, amounts and currencies
that change, days after the instant of knowledge. Does not: what they amount to (the oracles).
"""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from random_company import CURRENCIES, END, Draw, Rows

CATEGORIES = ("pipeline", "BEST_CASE", "Commit", "most likely", "committed", "omit", None)
PLACES = ("new", "demo", "offer")


def extend(draw: Draw, rows: Rows) -> None:
    """Add snapshots to most deals and quotas to most people."""
    rows["opportunity_snapshots"] = []
    for deal in rows["opportunities"]:
        if draw.random() < 0.92:
            rows["opportunity_snapshots"] += _history(draw, deal)
    rows["quotas"] = _quotas(draw)


def _history(draw: Draw, deal: dict[str, Any]) -> list[dict[str, Any]]:
    """From creation (or somewhat later) in steps to how the record stands."""
    day = deal["created_at"].date() + timedelta(days=draw.choice((0, 0, 0, 0, 0, 1, 2, 45)))
    closed = deal["closed_at"].date() if deal["closed_at"] else None
    state: dict[str, Any] = {
        "opportunity_id": deal["opportunity_id"],
        "snapshot_on": day,
        "pipeline": deal["pipeline"],
        "stage": draw.choice(PLACES),
        "amount": deal["amount"],
        "currency": deal["currency"],
        "close_on": day + timedelta(days=draw.randrange(5, 120)),
        "forecast_category": draw.choice(CATEGORIES),
        "probability": draw.perhaps(0.4, draw.randrange(101) / 100),
        "owner_id": deal["owner_id"],
        "is_closed": False,
        "is_won": False,
    }
    days = {day: state}
    last = closed or END.date()
    while (day := day + timedelta(days=draw.randrange(3, 45))) < last:
        state = _changed(draw, state) | {"snapshot_on": day}
        days[day] = state
    if closed is not None and closed >= state["snapshot_on"]:
        days[closed] = state | {
            "snapshot_on": closed,
            "stage": deal["stage"],
            "close_on": closed,
            "amount": deal["amount"],
            "currency": deal["currency"],
            "is_closed": True,
            "is_won": deal["is_won"],
        }
    return list(days.values())


def _changed(draw: Draw, state: dict[str, Any]) -> dict[str, Any]:
    """One thing happens to a deal; one that was closed is opened again."""
    if state["is_closed"]:
        return state | {"is_closed": False, "is_won": False, "stage": draw.choice(PLACES)}
    what = draw.choice(("date",) * 4 + ("amount",) * 3 + ("stage",) * 3 + ("owner", "lost", "won"))
    if what == "date":
        moved = state["close_on"] or state["snapshot_on"]
        days = draw.choice((-40, -10, 7, 30, 60))
        return state | {"close_on": draw.perhaps(0.95, moved + timedelta(days=days))}
    if what == "amount":
        amount = draw.choice((None, 0, *(Decimal(draw.randrange(10**6)) / 100,) * 6))
        return state | {"amount": amount, "currency": _currency(draw, state)}
    if what == "stage":
        category = draw.choice(CATEGORIES)
        chance = draw.perhaps(0.4, draw.randrange(101) / 100)
        named = {"stage": draw.choice(PLACES), "probability": chance}
        return state | named | {"forecast_category": category}
    if what == "owner":
        return state | {"owner_id": draw.perhaps(0.9, f"u{draw.randrange(6)}")}
    if draw.random() < 0.4:
        return state
    return state | {"is_closed": True, "is_won": what == "won", "stage": what}


def _currency(draw: Draw, state: dict[str, Any]) -> str | None:
    currency: str | None = state["currency"]
    return draw.choice(CURRENCIES) if draw.random() < 0.1 else currency


def _quotas(draw: Draw) -> list[dict[str, Any]]:
    """By quarter, some by month too; of teams; some that begin or end within a month."""
    found: list[dict[str, Any]] = []
    start = date(2025, 1, 1)
    while start < date(2026, 12, 1):
        end = (start + timedelta(days=95)).replace(day=1)
        for user in range(6):
            if user < 5 and start.month in (1, 4, 7, 10):
                shift = timedelta(days=draw.choice((0, 0, 0, 11)))
                found.append(_quota(draw, start + shift, end, user_id=f"u{user}"))
            if draw.random() < 0.2:
                month = (start + timedelta(days=32)).replace(day=1)
                found.append(_quota(draw, start, month, user_id=f"u{user}"))
        if start.month in (1, 4, 7, 10):
            found += [_quota(draw, start, end, team=team) for team in ("north", "south")]
        start = (start + timedelta(days=32)).replace(day=1)
    found.append(_quota(draw, date(2024, 7, 1), date(2024, 12, 20)))
    return [row | {"quota_id": f"q{number}"} for number, row in enumerate(found)]


def _quota(draw: Draw, start: date, end: date, **holder: str) -> dict[str, Any]:
    return {
        "user_id": None,
        "team": None,
        "period_start_on": start,
        "period_end_on": end,
        "amount": Decimal(draw.randrange(10**5, 2 * 10**6)) / 100,
        "currency": draw.choice(("USD", "USD", "USD", "EUR", "CHF")),
        "_deleted_at": draw.perhaps(0.05, draw.instant()),
    } | holder
