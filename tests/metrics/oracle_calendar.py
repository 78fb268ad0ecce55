"""What renewals_calendar should say, told agreement by agreement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from oracle_deals import cents, rate_of
from oracle_revenue import DIMENSIONS
from oracle_rollup import Fact, Key, Measured, Times, published
from oracle_terms import Agreements, agreements_of
from whole_rows import whole

Rows = Mapping[str, Sequence[Mapping[str, Any]]]
SPELL = timedelta(days=90)
TALKS = ("call", "email", "meeting", "message")


def expected(rows: Rows, times: Times) -> dict[str, dict[Key, dict[str, Any]]]:
    """metric -> (grain, period, dimensions) -> value."""
    found = agreements_of(rows, times)
    talks = _talks(found)
    listed = [_told(found, term, talks) for term in _open(found)]

    def measure(group: Sequence[Mapping[str, Any]]) -> Measured:
        total = sum(row["arr"] for row in group)
        return Measured(total, None, total, len(group))

    def of(days: int, dimensions: Any, *, warned: bool = False) -> dict[Key, dict[str, Any]]:
        facts = [
            Fact(None, row["dimensions"], row["why"], row, (grain, start))
            for row in listed
            if (row["ends_on"] - found.today).days < days and (row["warnings"] or not warned)
            for grain in ("month", "quarter")
            for start in (times.period(times.today, grain)[0],)
        ]
        return published(facts, times, measure, dimensions)

    return {
        "renewals_calendar": of(90, DIMENSIONS),
        "renewals_calendar_at_risk": of(90, DIMENSIONS, warned=True),
        "renewals_calendar_year": of(365, (("renewal_month",), *DIMENSIONS)),
    }


def _open(found: Agreements) -> list[Mapping[str, Any]]:
    """The latest term of each agreement, where it may still be renewed."""
    window = timedelta(days=found.times.settings.economics.renewal_window_days)
    latest: dict[str, Mapping[str, Any]] = {}
    for term in found.terms:
        key = term["subscription_id"] or term["contract_id"]
        best = latest.get(key)
        if best is None or _order(term) > _order(best):
            latest[key] = term
    return [
        term
        for term in latest.values()
        if not term["is_evergreen"]
        and not term["is_signed_elsewhere"]
        and term["ended_on"] is None
        and term["ends_on"] + window > found.today
        and not _is_followed(found, term)
    ]


def _order(term: Mapping[str, Any]) -> tuple[date, str]:
    return term["starts_on"], term["contract_id"]


def _is_followed(found: Agreements, term: Mapping[str, Any]) -> bool:
    return term["subscription_id"] is None and any(
        other["subscription_id"] is None
        and other["party"] == term["party"]
        and other["starts_on"] >= term["ends_on"]
        for other in found.terms
    )


def _told(found: Agreements, term: Mapping[str, Any], talks: Mapping[Any, Any]) -> dict[str, Any]:
    local: Any = term["annual_amount"] and (term["currency"], Decimal(term["annual_amount"]))
    if term["subscription_id"] is not None:
        worth = found.worth(term["subscription_id"], found.today)
        currency, amount = min(worth.items(), default=("", Decimal(0)))
        local = (currency, 12 * amount)
    rate = local and rate_of(found.rows, local[0], found.times.today.replace(day=1))
    reasons = (
        (term["annual_amount"] is None and term["subscription_id"] is None, "no_amount"),
        (not local or local[1] == 0, "nothing_paid"),
        (rate is None, "missing_rate"),
    )
    why = next((reason for holds, reason in reasons if holds), None)
    signals = (_owes(found, term), _shrinks(found, term), _is_quiet(found, term, talks))
    return {
        "ends_on": term["ends_on"],
        "dimensions": term["dimensions"] | {"renewal_month": term["ends_on"].replace(day=1)},
        "why": why,
        "arr": None if why else cents(local[1] * rate),
        "warnings": sum(signals) + _asked(found, term),
    }


def _owes(found: Agreements, term: Mapping[str, Any]) -> bool:
    late = any(
        period["customer_id"] == term["customer_id"]
        and period["status"] in ("past_due", "unpaid")
        and period["valid_from_on"] <= found.today < (period["valid_to_on"] or date.max)
        and not found.is_past(period["_deleted_at"])
        for period in found.rows["subscription_periods"]
    )
    bills = (
        bill
        for bill in whole(found.rows, "invoices")
        if bill["customer_id"] == term["customer_id"] and (bill["total"] or 0) > 0
    )
    return term["customer_id"] is not None and (
        late
        or any(
            found.is_past(bill["issued_at"])
            and found.is_past(bill["due_at"] or bill["issued_at"])
            and not any(
                found.is_past(bill[name]) for name in ("paid_at", "voided_at", "_deleted_at")
            )
            for bill in bills
        )
    )


def _shrinks(found: Agreements, term: Mapping[str, Any]) -> bool:
    def seats(day: date) -> Decimal:
        return sum(
            (
                Decimal(1 if period.get("quantity", 1) is None else period.get("quantity", 1))
                for period in found.rows["subscription_periods"]
                if period["subscription_id"] == term["subscription_id"]
                and period["status"] in ("active", "past_due")
                and period["valid_from_on"] <= day < (period["valid_to_on"] or date.max)
                and not found.is_past(period["_deleted_at"])
            ),
            Decimal(0),
        )

    before = seats(found.today - SPELL)
    return bool(term["subscription_id"]) and before > 0 and seats(found.today) < before


def _talks(found: Agreements) -> dict[str | None, Any]:
    """Company -> when somebody last talked with it."""
    companies = {row["lead_id"]: row["account_id"] for row in found.rows["leads"]}
    last: dict[str | None, Any] = {}
    for row in whole(found.rows, "activities"):
        if (
            row["is_human"]
            and row["kind"] in TALKS
            and found.is_past(row["occurred_at"])
            and not found.is_past(row["_deleted_at"])
        ):
            company = row["account_id"] or companies.get(row["lead_id"])
            last[company] = max(row["occurred_at"], last.get(company, row["occurred_at"]))
    return last


def _is_quiet(found: Agreements, term: Mapping[str, Any], talks: Mapping[Any, Any]) -> bool:
    if term["account_id"] is None or not found.rows["activities"]:
        return False
    last = talks.get(term["account_id"])
    return last is None or found.times.now - last > SPELL


def _asked(found: Agreements, term: Mapping[str, Any]) -> bool:
    return any(
        row["subscription_id"] == term["subscription_id"]
        and found.is_past(row["cancel_requested_at"])
        for row in whole(found.rows, "subscriptions")
    )
