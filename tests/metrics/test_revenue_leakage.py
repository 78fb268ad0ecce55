"""revenue_leakage: each cause by itself, the tolerances, and the ledger that ties."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, timedelta
from typing import Any

import oracle_leakage
import pytest
from metric_warehouse import METRICS, Warehouse, at, on, plain
from oracle_rollup import Times
from random_company import company_of, filled

AS_OF = on("2026-06-30")


def company(warehouse: Warehouse, name: str, parent: str | None = None) -> None:
    """A company with a customer of its own in billing."""
    warehouse.put("accounts", {"account_id": name, "parent_account_id": parent})
    warehouse.put("customers", {"customer_id": f"c {name}", "account_id": name})
    warehouse.put(
        "subscriptions",
        {"subscription_id": f"s {name}", "customer_id": f"c {name}", "status": "active"},
    )


def sell(warehouse: Warehouse, name: str, amount: Any, closed: str, **columns: Any) -> None:
    row = {
        "opportunity_id": f"{name} {closed}",
        "account_id": name,
        "amount": amount,
        "created_at": at("2024-01-01 10:00"),
        "closed_at": at(f"{closed} 10:00"),
        "is_closed": True,
        "is_won": True,
    }
    warehouse.put("opportunities", row | columns)


def bill(
    warehouse: Warehouse, name: str, amount: Any, starts: str, days: int = 365, **columns: Any
) -> None:
    """A bill for some days of service."""
    key = f"{name} {starts}"
    first = on(starts)
    invoice = {
        "invoice_id": key,
        "customer_id": f"c {name}",
        "status": "paid",
        "currency": columns.get("currency", "USD"),
        "total": amount,
        "issued_at": at(f"{starts} 08:00"),
        "paid_at": at(f"{starts} 09:00"),
    }
    line = {
        "line_id": key,
        "invoice_id": key,
        "subscription_id": f"s {name}",
        "amount": amount,
        "currency": "USD",
        "is_proration": False,
        "period_start_on": first,
        "period_end_on": first + timedelta(days=days),
    }
    own = {name: value for name, value in columns.items() if name in ("status", "paid_at", "total")}
    rest = {name: value for name, value in columns.items() if name not in own}
    warehouse.put("invoices", invoice | own)
    warehouse.put("invoice_lines", line | rest)


def monthly(warehouse: Warehouse, name: str, amount: Any, since: str, **columns: Any) -> None:
    """A bill for every 30 days since then."""
    first = on(since)
    while first < AS_OF:
        bill(warehouse, name, amount, first.isoformat(), 30, **columns)
        first += timedelta(days=30)


def found(warehouse: Warehouse) -> list[tuple[Any, ...]]:
    """Type, family and amount of every finding."""
    warehouse.build("revenue_leakage")
    broken = METRICS["revenue_leakage"].identities[0].broken
    assert warehouse.rows(broken) == []
    rows = warehouse.rows(
        "SELECT type, party_id, amount FROM metrics.revenue_leakage ORDER BY type, party_id, amount"
    )
    return [(kind, party, plain(amount)) for kind, party, amount in rows]


def test_won_and_not_billed_after_the_grace(warehouse: Warehouse) -> None:
    company(warehouse, "a")
    sell(warehouse, "a", 3650, "2026-03-22")
    assert found(warehouse) == [("won_not_billed", "a", 1000)]
    row = warehouse.rows(
        "SELECT opportunity_id, age_days, contracted_amount, billed_amount, side "
        "FROM metrics.revenue_leakage"
    )
    assert row == [("a 2026-03-22", 100, 1000, 0, "billing")]
    june = on("2026-06-01")
    assert warehouse.values("revenue_leakage", columns="value, n")[june] == (1000, 1)


def test_within_the_grace_a_deal_may_wait(warehouse: Warehouse) -> None:
    company(warehouse, "a")
    sell(warehouse, "a", 3650, "2026-06-18")
    assert found(warehouse) == [("within_tolerance", "a", 120)]
    assert warehouse.values("revenue_leakage") == {}


def test_billed_less_than_contracted(warehouse: Warehouse) -> None:
    company(warehouse, "a")
    sell(warehouse, "a", 3650, "2025-06-30")
    monthly(warehouse, "a", 150, "2025-06-30")
    assert found(warehouse) == [("billed_less_than_contracted", "a", 1825)]


def test_a_bill_for_a_year_and_twelve_for_a_month_are_the_same(warehouse: Warehouse) -> None:
    for name in ("year", "month"):
        company(warehouse, name)
        sell(warehouse, name, 3650, "2026-01-01")
    bill(warehouse, "year", 3650, "2026-01-01")
    monthly(warehouse, "month", 300, "2026-01-01")
    assert found(warehouse) == []


def test_little_differences_and_timing_are_tolerated(warehouse: Warehouse) -> None:
    company(warehouse, "a")
    sell(warehouse, "a", 3650, "2026-01-01")
    bill(warehouse, "a", 3650, "2026-01-14")
    # 13 days later than sold, at 10 a day; 14 days of grace and 1 % of 1,800 are tolerated.
    assert found(warehouse) == [("within_tolerance", "a", 130)]
    tolerance = warehouse.rows("SELECT tolerance_amount FROM metrics.revenue_leakage")
    assert [plain(each) for (each,) in tolerance] == [158]


def test_a_parent_pays_for_its_child(warehouse: Warehouse) -> None:
    company(warehouse, "top")
    company(warehouse, "middle", "top")
    company(warehouse, "child", "middle")
    sell(warehouse, "child", 3650, "2026-01-01")
    bill(warehouse, "top", 3650, "2026-01-01")
    assert found(warehouse) == []


def test_a_currency_leaks_nothing_on_its_way(warehouse: Warehouse) -> None:
    for month, rate in (("2026-01-01", "1.10"), ("2026-04-01", "1.60")):
        warehouse.put("fx_rates", {"currency": "EUR", "rate": rate, "valid_on": on(month)})
    company(warehouse, "a")
    sell(warehouse, "a", 3650, "2026-01-01", currency="EUR")
    bill(warehouse, "a", 3650, "2026-01-01", currency="EUR")
    assert found(warehouse) == []


def test_without_a_rate_nothing_is_said_of_the_family(warehouse: Warehouse) -> None:
    company(warehouse, "a")
    sell(warehouse, "a", 3650, "2026-01-01", currency="CHF")
    bill(warehouse, "a", 3650, "2026-01-01")
    assert found(warehouse) == [("not_comparable", "a", -1800)]
    assert warehouse.values("revenue_leakage") == {}


def test_a_discount_past_its_end(warehouse: Warehouse) -> None:
    company(warehouse, "a")
    sell(warehouse, "a", 3650, "2025-01-01")
    monthly(warehouse, "a", 300, "2025-01-01", discount_amount=60)
    kinds = {kind: amount for kind, _, amount in found(warehouse)}
    # Thirty-day bills from 2025-01-01 that begin on 2026-01-01 or later: 2026-01-26 and after.
    assert kinds["discount_past_its_end"] == (AS_OF - on("2026-01-26")).days * 2
    assert kinds["billed_less_than_contracted"] == (on("2026-01-26") - on("2025-06-30")).days * 2


def test_a_longer_contract_carries_its_discount(warehouse: Warehouse) -> None:
    company(warehouse, "a")
    sell(warehouse, "a", 2920, "2025-01-01")
    monthly(warehouse, "a", 300, "2025-01-01", discount_amount=60)
    warehouse.put(
        "contracts",
        {
            "contract_id": "k",
            "customer_id": "c a",
            "subscription_id": "s a",
            "starts_on": on("2025-01-01"),
            "ends_on": on("2027-01-01"),
        },
    )
    assert found(warehouse) == []


def test_a_failed_payment_that_nobody_made_good(warehouse: Warehouse) -> None:
    company(warehouse, "a")
    sell(warehouse, "a", 3650, "2026-01-01")
    bill(warehouse, "a", 3650, "2026-01-01", status="open", paid_at=None)
    payment = {"customer_id": "c a", "invoice_id": "a 2026-01-01", "currency": "USD"}
    warehouse.put(
        "payments",
        payment
        | {
            "payment_id": "p1",
            "status": "failed",
            "amount": 3650,
            "occurred_at": at("2026-05-01 00:00"),
        },
        payment
        | {
            "payment_id": "p2",
            "status": "succeeded",
            "amount": 650,
            "occurred_at": at("2026-05-02 00:00"),
        },
    )
    assert found(warehouse) == [("failed_payment_not_recovered", "a", 3000)]
    shown = warehouse.rows("SELECT side, invoice_id, age_days FROM metrics.revenue_leakage")
    assert shown == [("collection", "a 2026-01-01", 60)]


@pytest.mark.parametrize("why", ["paid later", "in grace", "void"])
def test_a_failed_payment_that_is_none(warehouse: Warehouse, why: str) -> None:
    company(warehouse, "a")
    sell(warehouse, "a", 3650, "2026-01-01")
    paid = at("2026-06-01 00:00") if why == "paid later" else None
    status = {"paid later": "paid", "in grace": "open", "void": "void"}[why]
    bill(warehouse, "a", 3650, "2026-01-01", status=status, paid_at=paid)
    failed = "2026-06-20 00:00" if why == "in grace" else "2026-05-01 00:00"
    warehouse.put(
        "payments",
        {
            "payment_id": "p",
            "invoice_id": "a 2026-01-01",
            "status": "failed",
            "amount": 3650,
            "currency": "USD",
            "occurred_at": at(failed),
        },
    )
    kinds = [kind for kind, _, _ in found(warehouse)]
    assert "failed_payment_not_recovered" not in kinds


def test_billed_without_a_deal_is_listed_and_not_lost(warehouse: Warehouse) -> None:
    company(warehouse, "a")
    bill(warehouse, "a", 3650, "2026-01-01")
    warehouse.put("customers", {"customer_id": "c nobody"})
    bill(warehouse, "nobody", 365, "2026-01-01")
    assert found(warehouse) == [
        ("billed_without_crm", "a", -1800),
        ("billed_without_crm", "c nobody", -180),
    ]
    assert warehouse.values("revenue_leakage") == {}


def test_who_left_owes_nothing_more(warehouse: Warehouse) -> None:
    company(warehouse, "a")
    sell(warehouse, "a", 3650, "2026-01-01")
    bill(warehouse, "a", 1000, "2026-01-01", 100)
    warehouse.connection.execute(
        "UPDATE conformed.subscriptions SET ended_on = DATE '2026-04-11', status = 'canceled'"
    )
    assert found(warehouse) == []


def test_a_renewal_takes_the_place_of_what_was_before(warehouse: Warehouse) -> None:
    company(warehouse, "a")
    sell(warehouse, "a", 7300, "2025-01-01")
    sell(warehouse, "a", 3650, "2025-06-30", kind="renewal")
    sell(warehouse, "a", 36500, "2026-01-01", kind="other")
    sell(warehouse, "a", 36500, "2026-01-02", is_won=False)
    sell(warehouse, "a", 36500, "2026-07-02", kind="renewal")
    bill(warehouse, "a", 3650, "2025-06-30")
    assert found(warehouse) == []


def test_more_than_sold_is_listed_and_not_lost(warehouse: Warehouse) -> None:
    company(warehouse, "a")
    sell(warehouse, "a", 3650, "2025-06-30")
    bill(warehouse, "a", 7300, "2025-06-30")
    assert found(warehouse) == [("billed_more_than_contracted", "a", -3650)]
    assert warehouse.values("revenue_leakage") == {}


@pytest.mark.parametrize("seed", (11, 12, 13))
def test_every_finding_is_that_of_the_oracle(seed: int) -> None:
    rows = company_of(seed)
    warehouse = filled(seed, rows)
    warehouse.build("revenue_leakage")
    columns = "type, party_id, customer_id, amount"
    shown = Counter(warehouse.rows(f"SELECT {columns} FROM metrics.revenue_leakage"))
    wanted = oracle_leakage.findings(rows, Times(warehouse.settings, warehouse.as_of))
    assert shown == Counter(
        (each["type"], each["party"], each.get("customer"), each["amount"]) for each in wanted
    )
    assert len({kind for kind, *_ in shown}) >= 5


def test_as_of_an_earlier_day_later_things_are_unknown() -> None:
    warehouse = Warehouse(as_of=at("2026-03-01 12:00").replace(tzinfo=UTC))
    company(warehouse, "a")
    sell(warehouse, "a", 3650, "2026-01-01")
    sell(warehouse, "a", 3650, "2026-03-02", kind="renewal")
    bill(warehouse, "a", 3650, "2026-01-01")
    bill(warehouse, "a", 9999, "2026-03-02")
    assert found(warehouse) == []
