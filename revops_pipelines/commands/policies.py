"""`revops policies`: whose conventions say what, and what they make of the difference.

Belongs here: which month and customer are meant, and how rules and bridges are shown. Does not:
the policies (`engine.metrics.policies`), or the bridge (`engine.metrics.policy_bridge`).
"""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from typing import Any

import duckdb
import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from revops_pipelines.commands.context import settings_or_fail
from revops_pipelines.commands.explain import month_of
from revops_pipelines.commands.failures import MISCONFIGURED, CommandError
from revops_pipelines.commands.query import opened, plain
from revops_pipelines.engine.metrics.policies import CAUSES, POLICIES, Policy, Rule
from revops_pipelines.engine.metrics.policy_bridge import (
    CustomerBridge,
    PolicyBridge,
    bridge_between,
    last_month,
)
from revops_pipelines.engine.plugin_tables import nearest

# What is in force of a customer on the last day of a month, or today.
_LEDGER = """
SELECT periods.subscription_id, periods.product, periods.status, periods.valid_from_on,
  periods.billing_interval_count, periods.billing_interval, periods.list_monthly_amount,
  periods.monthly_amount, periods.currency
FROM conformed.subscription_periods AS periods
CROSS JOIN ops.parameters AS parameters
JOIN ops.periods AS months ON months.grain = 'month' AND months.period_start_on = ?
WHERE periods.customer_id = ?
  AND periods.valid_from_on <= LEAST(months.period_end_on - 1, parameters.as_of_utc_on)
  AND COALESCE(periods.valid_to_on, DATE '9999-12-31')
    > LEAST(months.period_end_on - 1, parameters.as_of_utc_on)
ORDER BY periods.subscription_id, periods.item_id
"""
_LEDGER_COLUMNS = (
    *("subscription", "product", "status", "since", "every", "unit", "list", "net", "currency"),
)


def show_policies(console: Console, *, as_json: bool) -> None:
    """What each policy says about each cause, and where its maker publishes it."""
    settings = settings_or_fail()
    if as_json:
        typer.echo(json.dumps([_rules(policy) for policy in POLICIES], indent=2))
        return
    for cause in CAUSES:
        table = Table(
            title=_words(cause).capitalize(), title_justify="left", box=SIMPLE_HEAD, pad_edge=False
        )
        table.add_column("policy", no_wrap=True)
        table.add_column("says", overflow="fold")
        table.add_column("published at", overflow="fold")
        for policy in POLICIES:
            rule = policy.rules[cause]
            says = f"{rule.says} {rule.note}".strip()
            table.add_row(policy.name, says, rule.source.replace("; ", "\n"))
        console.print(table)
    console.print(
        f"In force: {settings.billing.policy} (`policy` under [billing] in revops.toml). "
        "`revops policies ours stripe` bridges two of them."
    )


def show_bridge(
    console: Console,
    before: str,
    after: str,
    *,
    period: str | None,
    customer: str | None,
    top: int,
    as_json: bool,
) -> None:
    """The bridge from one policy's MRR to another's, in total, by cause and by customer.

    Raises CommandError for an unknown policy, month or customer.
    """
    names = [policy.name for policy in POLICIES]
    for name in (before, after):
        if name not in names:
            raise CommandError(
                f"there is no policy {name!r}; {nearest(name, names)}", code=MISCONFIGURED
            )
    settings = settings_or_fail()
    with opened(settings.published_path) as connection:
        month = _month(connection, period)
        bridge = bridge_between(connection, before, after, month)
        if customer is None:
            if as_json:
                typer.echo(json.dumps(document(bridge, before, after), indent=2, default=plain))
            else:
                _show(console, bridge, before, after, top)
            return
        _show_customer(console, connection, bridge, (before, after), customer, as_json=as_json)


def _month(connection: duckdb.DuckDBPyConnection, period: str | None) -> date:
    month = last_month(connection) if period is None else month_of(period).replace(day=1)
    known = connection.execute(
        "SELECT COUNT(*) FROM metrics.metric_values "
        "WHERE metric = 'mrr_by_policy' AND grain = 'month' AND period_start_on = ?",
        [month],
    ).fetchone()
    if month is None or not known or not known[0]:
        raise CommandError(
            f"nothing is published of MRR by policy in {period or 'any month'}", code=MISCONFIGURED
        )
    return month


def document(bridge: PolicyBridge, before: str, after: str) -> dict[str, Any]:
    """The bridge as one JSON document; amounts as text, exact."""
    return {
        "period_start_on": bridge.month,
        "from": {"policy": before, "mrr": bridge.before},
        "to": {"policy": after, "mrr": bridge.after},
        "difference": bridge.after - bridge.before,
        "causes": bridge.causes,
        "unexplained": bridge.unexplained,
        "currency": bridge.currency,
        "customers": [_customer(each) for each in bridge.customers],
        "unvalued": bridge.unvalued,
    }


def _customer(bridge: CustomerBridge) -> dict[str, Any]:
    return {
        "customer_id": bridge.customer_id,
        "name": bridge.name,
        "from": bridge.before,
        "to": bridge.after,
        "causes": dict(bridge.causes),
    }


def _rules(policy: Policy) -> dict[str, Any]:
    def told(rule: Rule) -> dict[str, str]:
        return {"says": rule.says, "source": rule.source, "note": rule.note}

    rules = {cause: told(policy.rules[cause]) for cause in CAUSES}
    return {"policy": policy.name, "title": policy.title, "rules": rules}


def _words(cause: str) -> str:
    return cause.replace("_", " ")


def _money(amount: Decimal, is_change: bool = False) -> str:
    return f"{amount:+,.2f}" if is_change else f"{amount:,.2f}"


def _show(console: Console, bridge: PolicyBridge, before: str, after: str, top: int) -> None:
    month = bridge.month.strftime("%B %Y")
    console.print(
        f"[bold]MRR of {month}[/], {bridge.currency}: {before} {_money(bridge.before)}, "
        f"{after} {_money(bridge.after)}, "
        f"difference {_money(bridge.after - bridge.before, is_change=True)}"
    )
    table = Table(title="By cause", title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("cause")
    table.add_column("amount", justify="right", no_wrap=True)
    table.add_column("customers", justify="right")
    for cause, amount in bridge.causes.items():
        concerned = sum(each.causes[cause] != 0 for each in bridge.customers)
        table.add_row(_words(cause), _money(amount, is_change=True), f"{concerned:,}")
    table.add_section()
    table.add_row("unexplained", _money(bridge.unexplained), "")
    console.print(table)
    _show_customers(console, bridge, before, after, top)
    if bridge.unvalued:
        console.print(
            f"{len(bridge.unvalued):,} customers pay in a currency without a rate of exchange "
            f"under one of the two: {', '.join(bridge.unvalued[:5])}"
        )


def _show_customers(
    console: Console, bridge: PolicyBridge, before: str, after: str, top: int
) -> None:
    if not bridge.customers:
        return
    causes = [cause for cause in CAUSES if any(each.causes[cause] for each in bridge.customers)]
    table = Table(title="By customer", title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("customer", overflow="fold")
    table.add_column("name")
    for heading in (before, *map(_words, causes), after):
        table.add_column(heading, justify="right", no_wrap=True)
    for each in bridge.customers[:top]:
        amounts = (_money(each.causes[cause], is_change=True) for cause in causes)
        table.add_row(
            each.customer_id, each.name, _money(each.before), *amounts, _money(each.after)
        )
    console.print(table)
    if len(bridge.customers) > top:
        console.print(f"{top} of {len(bridge.customers):,} customers; --json gives all.")


def _show_customer(
    console: Console,
    connection: duckdb.DuckDBPyConnection,
    bridge: PolicyBridge,
    policies: tuple[str, str],
    customer: str,
    *,
    as_json: bool,
) -> None:
    """One customer's bridge, and the rows of the ledger that it is made of."""
    rows = connection.execute(_LEDGER, [bridge.month, customer]).fetchall()
    found = [each for each in bridge.customers if each.customer_id == customer]
    if not rows and not found:
        raise CommandError(
            f"nothing is in force of customer {customer!r} in {bridge.month:%B %Y}",
            code=MISCONFIGURED,
        )
    ledger = [dict(zip(_LEDGER_COLUMNS, row, strict=True)) for row in rows]
    if as_json:
        told = {"bridge": [_customer(each) for each in found], "ledger": ledger}
        typer.echo(json.dumps(told, indent=2, default=plain))
        return
    before, after = policies
    if found:
        _show_customers(console, bridge_of(bridge, customer), before, after, 1)
    else:
        console.print(f"{customer} is worth the same under {before} and {after}.")
    table = Table(title="In force", title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    for heading in _LEDGER_COLUMNS:
        table.add_column(
            heading, justify="right" if heading in ("list", "net", "every") else "left"
        )
    for row in rows:
        table.add_row(*("" if value is None else str(value) for value in row))
    console.print(table)


def bridge_of(bridge: PolicyBridge, customer: str) -> PolicyBridge:
    """The bridge with one customer alone."""
    (own,) = (each for each in bridge.customers if each.customer_id == customer)
    return PolicyBridge(
        bridge.month, bridge.currency, own.before, own.after, (own,), bridge.unvalued
    )
