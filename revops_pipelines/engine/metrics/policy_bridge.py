"""Reads the bridge between two policies out of what is published.

Belongs here: totals, causes and customers of one month, as exact decimals. Does not: computing a
bridge (`assets/metrics/mrr_by_policy`), or showing it (`commands/policies`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import duckdb

from revops_pipelines.engine.metrics.policies import CAUSES, Cause

ZERO = Decimal("0.00")


@dataclass(frozen=True, slots=True)
class CustomerBridge:
    """A customer's MRR under two policies, and what each cause makes of the difference."""

    customer_id: str
    name: str
    before: Decimal
    after: Decimal
    causes: Mapping[Cause, Decimal]

    @property
    def difference(self) -> Decimal:
        """What the second policy says more."""
        return self.after - self.before


@dataclass(frozen=True, slots=True)
class PolicyBridge:
    """A month's MRR under two policies; `customers` are those that differ, the most first.

    `unvalued` are those of whom a part could not be valued under one of the two, for want of a rate
    of exchange. `currency` is the base currency.
    """

    month: date
    currency: str
    before: Decimal
    after: Decimal
    customers: tuple[CustomerBridge, ...]
    unvalued: tuple[str, ...]

    @property
    def causes(self) -> dict[Cause, Decimal]:
        """What each cause makes of the difference, over all customers."""
        return {
            cause: sum((each.causes[cause] for each in self.customers), ZERO) for cause in CAUSES
        }

    @property
    def unexplained(self) -> Decimal:
        """What the causes leave of the difference: nothing, to the cent."""
        return self.after - self.before - sum(self.causes.values(), ZERO)


def last_month(connection: duckdb.DuckDBPyConnection) -> date | None:
    """The last closed month that is valued, else the present one."""
    row = connection.execute(
        "SELECT COALESCE(MAX(period_start_on) FILTER (is_mature), MAX(period_start_on)) "
        "FROM metrics.metric_values WHERE metric = 'mrr_by_policy' AND grain = 'month'"
    ).fetchone()
    return row[0] if row else None


def bridge_between(
    connection: duckdb.DuckDBPyConnection, before: str, after: str, month: date
) -> PolicyBridge:
    """The bridge from one policy to another in the month of that first day."""
    parts, unvalued = _parts(connection, month)
    stock = _stock(connection, month)
    in_force, currency = _parameters(connection)
    found = []
    for customer in {customer for customer, policy, _ in parts if policy in (before, after)}:
        ours = stock.get(customer, ZERO) - _sum(parts, customer, in_force)
        causes: dict[Cause, Decimal] = {
            cause: parts.get((customer, after, cause), ZERO)
            - parts.get((customer, before, cause), ZERO)
            for cause in CAUSES
        }
        if any(causes.values()):
            found.append(
                CustomerBridge(
                    customer_id=customer,
                    name="",
                    before=ours + _sum(parts, customer, before),
                    after=ours + _sum(parts, customer, after),
                    causes=causes,
                )
            )
    names = _names(connection, [each.customer_id for each in found])
    named = (_named(each, names) for each in found)
    values = _values(connection, month)
    return PolicyBridge(
        month=month,
        currency=currency,
        before=values.get(before, ZERO),
        after=values.get(after, ZERO),
        customers=tuple(sorted(named, key=lambda each: (-abs(each.difference), each.customer_id))),
        unvalued=tuple(
            sorted({customer for customer, policy in unvalued if policy in (before, after)})
        ),
    )


_Parts = Mapping[tuple[str, str, str], Decimal]


def _parts(
    connection: duckdb.DuckDBPyConnection, month: date
) -> tuple[_Parts, list[tuple[str, str]]]:
    parts: dict[tuple[str, str, str], Decimal] = {}
    unvalued = []
    for customer, policy, cause, amount in connection.execute(
        "SELECT customer_id, policy, cause, amount FROM metrics.mrr_by_policy "
        "WHERE period_start_on = ?",
        [month],
    ).fetchall():
        if cause == "missing_rate":
            unvalued.append((customer, policy))
        else:
            parts[customer, policy, cause] = amount
    return parts, unvalued


def _sum(parts: _Parts, customer: str, policy: str) -> Decimal:
    return sum((parts.get((customer, policy, cause), ZERO) for cause in CAUSES), ZERO)


def _stock(connection: duckdb.DuckDBPyConnection, month: date) -> dict[str, Decimal]:
    return dict(
        connection.execute(
            "SELECT customer_id, SUM(amount) FROM metrics.mrr "
            "WHERE period_start_on = ? AND amount IS NOT NULL GROUP BY customer_id",
            [month],
        ).fetchall()
    )


def _values(connection: duckdb.DuckDBPyConnection, month: date) -> dict[str, Decimal]:
    cent = Decimal("0.01")
    return {
        policy: value.quantize(cent)
        for policy, value in connection.execute(
            "SELECT json_extract_string(dimensions, '$.policy'), value "
            "FROM metrics.metric_values WHERE metric = 'mrr_by_policy' AND grain = 'month' "
            "AND period_start_on = ? AND CAST(dimensions AS VARCHAR) <> '{}'",
            [month],
        ).fetchall()
    }


def _parameters(connection: duckdb.DuckDBPyConnection) -> tuple[str, str]:
    row = connection.execute("SELECT policy, base_currency FROM ops.parameters").fetchone()
    return ("ours", "") if row is None else (row[0], row[1])


def _names(connection: duckdb.DuckDBPyConnection, customers: Iterable[str]) -> dict[str, str]:
    return dict(
        connection.execute(
            "SELECT customer_id, COALESCE(name, '') FROM conformed.customers "
            "WHERE customer_id IN ?",
            [list(customers)],
        ).fetchall()
    )


def _named(bridge: CustomerBridge, names: Mapping[str, str]) -> CustomerBridge:
    return CustomerBridge(
        bridge.customer_id,
        names.get(bridge.customer_id, ""),
        bridge.before,
        bridge.after,
        bridge.causes,
    )
