"""What payment_recovery should say, told bill by bill."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

from oracle_deals import cents, rate_of
from oracle_revenue import DIMENSIONS, books_of, reason_of, who_is
from oracle_rollup import Fact, Key, Measured, Times, published, ratio
from whole_rows import whole

Rows = Mapping[str, Sequence[Mapping[str, Any]]]


def expected(rows: Rows, times: Times) -> dict[str, dict[Key, dict[str, Any]]]:
    """metric -> (grain, period, dimensions) -> value."""
    facts = _failures(rows, times)
    days = times.settings.economics.recovery_days
    dimensions = (*DIMENSIONS, ("currency",))
    return {
        name: published(facts, times, measure, dimensions, mature_after=days)
        for name, measure in (("payment_recovery", _value), ("payment_recovery_count", _count))
    } | {"payment_recovery_involuntary_churn": _lost(rows, times)}


def _value(group: Sequence[Mapping[str, Any]]) -> Measured:
    recovered = sum((row["recovered"] for row in group), Decimal(0))
    return ratio(recovered, sum(row["failed"] for row in group), len(group))


def _count(group: Sequence[Mapping[str, Any]]) -> Measured:
    whole = sum(1 for row in group if row["recovered"] >= row["failed"])
    return ratio(whole, len(group), len(group))


def _failures(rows: Rows, times: Times) -> list[Fact]:
    invoices = {row["invoice_id"]: row for row in whole(rows, "invoices")}
    attempts: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for row in whole(rows, "payments"):
        is_known = row["occurred_at"] <= times.now
        is_gone = row["_deleted_at"] is not None and row["_deleted_at"] <= times.now
        if is_known and not is_gone:
            attempts[row["invoice_id"] or row["payment_id"]].append(row)
    facts = []
    for tried in attempts.values():
        failed = [row for row in tried if row["status"] == "failed"]
        if failed:
            first = min(failed, key=lambda row: (row["occurred_at"], row["payment_id"]))
            invoice = invoices.get(first["invoice_id"], {})
            facts.append(_fact(rows, times, first, invoice, tried))
    return facts


def _fact(rows: Rows, times: Times, first: Any, invoice: Any, tried: Any) -> Fact:
    window = timedelta(days=times.settings.economics.recovery_days)

    def in_time(moment: Any) -> bool:
        return (
            moment is not None
            and moment <= times.now
            and timedelta(0) <= moment - first["occurred_at"] <= window
        )

    received = sum(
        row["amount"]
        for row in tried
        if row["status"] == "succeeded" and in_time(row["occurred_at"])
    )
    if in_time(invoice.get("paid_at")):
        received = first["amount"]
    day = times.day(first["occurred_at"])
    rate = rate_of(rows, first["currency"], day.replace(day=1))
    reasons = (
        (first["invoice_id"] is None, "no_invoice"),
        (_is_past(invoice.get("_deleted_at"), times), "deleted"),
        (_is_past(invoice.get("voided_at"), times), "voided"),
        (first["amount"] <= 0, "no_amount"),
        (rate is None, "missing_rate"),
    )
    why = next((reason for holds, reason in reasons if holds), None)
    weighs = {}
    if why is None:
        weighs = {
            "failed": cents(first["amount"] * rate),
            "recovered": cents(min(first["amount"], received) * rate),
        }
    customer = first["customer_id"] or invoice.get("customer_id")
    return Fact(day, who_is(rows, customer) | {"currency": first["currency"]}, why, weighs)


def _is_past(moment: Any, times: Times) -> bool:
    return moment is not None and moment <= times.now


def _lost(rows: Rows, times: Times) -> dict[Key, dict[str, Any]]:
    books = books_of(rows, times)
    facts = []
    for customer, lines in books.lines.items():
        for month, line in lines.items():
            if not line.get("churn"):
                continue
            reason = reason_of(books, customer, month)
            known = line["known"] and line["was_known"]
            why = None if reason else "unknown_reason"
            who = who_is(rows, customer)
            facts.append(Fact(month, who, why if known else "missing_rate", {"reason": reason}))

    def measure(group: Sequence[Mapping[str, Any]]) -> Measured:
        lost = sum(1 for row in group if row["reason"] == "involuntary")
        return ratio(lost, len(group), len(group))

    return published(facts, times, measure, DIMENSIONS, grains=("month", "quarter"))
