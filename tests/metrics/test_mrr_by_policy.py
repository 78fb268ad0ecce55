"""MRR under every policy: few rows in, exact values and bridges out; each rule alone."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args

import pytest
from metric_warehouse import METRICS, Warehouse, on, plain

from revops_pipelines.engine.metrics.policies import CAUSES, COLUMNS, POLICIES, write_policies
from revops_pipelines.settings import Settings
from revops_pipelines.settings_tables import Billing

MAY = on("2026-05-01")
NAMES = tuple(policy.name for policy in POLICIES)
Bridge = dict[tuple[str, str], Any]


def period(customer: str, amount: Any, **more: Any) -> dict[str, Any]:
    """A row whose discounts are none unless it says so."""
    worth = {f"{kind}_monthly_amount": amount for kind in ("list", "recurring", "lasting")}
    return {
        "subscription_id": f"s-{customer}",
        "customer_id": customer,
        "item_id": f"i-{customer}",
        "monthly_amount": amount,
        "valid_from_on": "2026-01-10",
        "billing_interval": "month",
        "billing_interval_count": 1,
        **worth,
        **more,
    }


def built(warehouse: Warehouse, *rows: Mapping[str, Any]) -> Warehouse:
    warehouse.put("subscription_periods", *rows)
    warehouse.build("mrr", "mrr_by_policy")
    for identity in METRICS["mrr_by_policy"].identities:
        assert warehouse.rows(identity.broken) == [], identity.name
    return warehouse


def values(warehouse: Warehouse, month: str = "2026-05-01") -> dict[str, Any]:
    """Policy -> value of a month."""
    return {
        name: warehouse.value("mrr_by_policy", month, dimensions=f'{{"policy":"{name}"}}')
        for name in NAMES
    }


def bridge(warehouse: Warehouse, month: str = "2026-05-01") -> Bridge:
    """(policy, cause) -> amount over all customers."""
    rows = warehouse.rows(
        f"SELECT policy, cause, SUM(amount) FROM metrics.mrr_by_policy "
        f"WHERE period_start_on = DATE '{month}' GROUP BY policy, cause"
    )
    return {(policy, cause): plain(amount) for policy, cause, amount in rows}


def of_customers(warehouse: Warehouse, month: str = "2026-05-01") -> dict[str, dict[str, Any]]:
    """Customer -> policy -> what it is worth by the bridge, where anything."""
    stock = warehouse.rows(
        f"SELECT customer_id, amount FROM metrics.mrr WHERE period_start_on = DATE '{month}'"
    )
    found = {customer: dict.fromkeys(NAMES, amount) for customer, amount in stock}
    for customer, policy, amount in warehouse.rows(
        f"SELECT customer_id, policy, amount FROM metrics.mrr_by_policy "
        f"WHERE period_start_on = DATE '{month}'"
    ):
        worth = found.setdefault(customer, dict.fromkeys(NAMES, Decimal(0)))
        worth[policy] += amount
    return {
        customer: {name: plain(amount) for name, amount in worth.items()}
        for customer, worth in found.items()
    }


def causes(warehouse: Warehouse) -> set[str]:
    rows = warehouse.rows("SELECT DISTINCT cause FROM metrics.mrr_by_policy")
    return {cause for (cause,) in rows}


def under_all(amount: Any, **others: Any) -> dict[str, Any]:
    """The same under all policies but those named."""
    worth = dict.fromkeys(NAMES, amount) | others
    return {name: plain(Decimal(value)) for name, value in worth.items()}


UNLIMITED = dict.fromkeys(("stripe", "chartmogul", "chargebee"), 100)
STATUSES = {
    ("active", "2026-01-10"): under_all(100),
    ("past_due", "2026-05-10"): under_all(100),
    ("past_due", "2026-04-10"): under_all(0, **UNLIMITED),
    ("unpaid", "2026-05-10"): under_all(0, **UNLIMITED),
    ("paused", "2026-05-10"): under_all(0, stripe=100, chartmogul=100),
}


def test_statuses(warehouse: Warehouse) -> None:
    """Without a trial, which counts for nobody; and with one that will end and one that may."""
    asked = {"leaving": "2026-05-20 10:00", "later": "2026-06-02 10:00", "unknown": "2026-07-02"}
    warehouse.put(
        "subscriptions",
        *(
            {"subscription_id": f"s-{name}", "customer_id": name, "cancel_requested_at": day}
            for name, day in asked.items()
        ),
    )
    built(
        warehouse,
        period("trial", 0, status="trialing"),
        *(
            period(f"{status} {since}", 100, status=status, valid_from_on=since)
            for status, since in STATUSES
        ),
        *(period(name, 100, valid_to_on="2026-08-10") for name in asked),
    )
    assert of_customers(warehouse) == {
        **{" ".join(case): worth for case, worth in STATUSES.items()},
        "leaving": under_all(100, stripe=0),
        "later": under_all(100),
        "unknown": under_all(100),
    }
    assert of_customers(warehouse, "2026-06-01")["later"]["stripe"] == 0
    assert of_customers(warehouse, "2026-06-01")["unknown"]["stripe"] == 100
    assert causes(warehouse) == {"statuses"}


def test_discounts(warehouse: Warehouse) -> None:
    """100, less 10 forever, 20 more for some months and 30 more once; and what is not told."""
    off = {"list_monthly_amount": 100, "lasting_monthly_amount": 90}
    off |= {"recurring_monthly_amount": 70}
    free = {"list_monthly_amount": 50, "lasting_monthly_amount": 50, "recurring_monthly_amount": 0}
    untold = {"recurring_monthly_amount": None, "lasting_monthly_amount": None}
    yearly = (("year", 1), ("month", 12), ("year", 2))
    built(
        warehouse,
        period("none", 100),
        period("monthly", 40, **off),
        *(
            period(f"{unit} {count}", 40, **off, billing_interval=unit)
            | {"billing_interval_count": count}
            for unit, count in yearly
        ),
        period("free", 0, **free, status="free"),
        period("untold", 40, **(off | untold)),
    )
    assert of_customers(warehouse) == {
        "none": under_all(100),
        "monthly": under_all(40, stripe=90, chargebee=70),
        **{f"{unit} {count}": under_all(40, stripe=90, chargebee=90) for unit, count in yearly},
        "free": under_all(0, stripe=50),
        "untold": under_all(40),
    }
    assert causes(warehouse) == {"discounts"}


WEEKS_AND_DAYS = [
    (("week", 1), "56.33", "52"),  # 13 a week: x 52/12, x 4
    (("week", 2), "21.67", "20"),  # 10 every two weeks
    (("day", 1), "30.42", "30"),  # 1 a day: x 365/12, x 30
    (("day", 1), "0.07", "0.07"),  # 0.0690... is rounded half up
    (("month", 1), "56.33", "56.33"),
    ((None, None), "56.33", "56.33"),
]


def test_weeks_and_days(warehouse: Warehouse) -> None:
    built(
        warehouse,
        *(
            period(f"c{place}", amount, billing_interval=unit, billing_interval_count=count)
            for place, ((unit, count), amount, _) in enumerate(WEEKS_AND_DAYS)
        ),
    )
    assert of_customers(warehouse) == {
        f"c{place}": under_all(amount, revenuecat=short)
        for place, (_, amount, short) in enumerate(WEEKS_AND_DAYS)
    }
    assert causes(warehouse) == {"month_length"}


def euros(warehouse: Warehouse) -> None:
    """1.01 in January 2025, one cent more every month: 1.17 in May 2026."""
    months = [f"{2025 + n // 12}-{n % 12 + 1:02d}-01" for n in range(18)]
    warehouse.put(
        "fx_rates",
        *(
            {"currency": "EUR", "rate": Decimal(101 + n) / 100, "valid_on": month}
            for n, month in enumerate(months)
        ),
    )


# Interval, first day, month -> the month whose rate a term takes.
TERMS = [
    (("month", 1), "2025-03-31", "2026-05-01", 117),
    (("month", 3), "2025-03-31", "2026-05-01", 115),  # the term of March
    (("month", 3), "2025-03-31", "2026-06-01", 118),  # that of June, which begins on the 30th
    (("year", 1), "2025-03-10", "2026-02-01", 103),
    (("year", 1), "2025-03-10", "2026-03-01", 115),
    (("year", 2), "2025-03-10", "2026-05-01", 103),
    (("week", 4), "2025-03-31", "2026-05-01", 117),
    (("week", 10), "2025-03-10", "2026-05-01", 117),  # 2026-05-04
    (("day", 90), "2025-03-10", "2026-05-01", 115),  # 2026-03-05
    ((None, None), "2025-03-10", "2026-05-01", 117),
]


def test_rates_of_exchange(warehouse: Warehouse) -> None:
    """One customer for each case; in months that are not its own they say nothing here."""
    euros(warehouse)
    built(
        warehouse,
        period("dollars", 100),
        *(
            period(f"c{place}", 100, currency="EUR", valid_from_on=since, billing_interval=unit)
            | {"billing_interval_count": count}
            for place, ((unit, count), since, _, _) in enumerate(TERMS)
        ),
    )
    present = {"2026-02-01": 114, "2026-03-01": 115, "2026-05-01": 117, "2026-06-01": 118}
    told = {month: of_customers(warehouse, month) for month in present}
    for place, ((unit, _), since, month, service) in enumerate(TERMS):
        worth = told[month][f"c{place}"]
        assert worth["chartmogul"] == service, (unit, since, month)
        assert worth["profitwell"] == 103
        assert {worth[name] for name in ("ours", "stripe", "chargebee")} == {present[month]}
        if unit in ("month", "year", None):
            assert worth["revenuecat"] == service
    assert set(told["2026-05-01"]["dollars"].values()) == {100}
    assert causes(warehouse) == {"exchange", "month_length"}


def test_terms_begin_after_the_trial_and_anew_with_another_interval(warehouse: Warehouse) -> None:
    euros(warehouse)
    item = {"subscription_id": "s", "item_id": "i", "currency": "EUR"}
    built(
        warehouse,
        period("c", 0, **item, status="trialing", valid_from_on="2025-01-20"),
        period("c", 100, **item, valid_from_on="2025-02-03", valid_to_on="2025-09-10"),
        period("c", 90, **item, valid_from_on="2025-09-10", billing_interval="year"),
    )
    found = values(warehouse)
    # The year began in September at 1.09; it was bought in February at 1.02.
    assert (found["chartmogul"], found["profitwell"], found["ours"]) == tuple(
        Decimal(amount) for amount in ("98.1", "91.8", "105.3")
    )


def test_a_renewal_and_an_end_within_a_term(warehouse: Warehouse) -> None:
    euros(warehouse)
    year = {"currency": "EUR", "billing_interval": "year"}
    built(
        warehouse,
        period("c", 100, **year, valid_from_on="2025-01-15", valid_to_on="2026-04-20"),
    )
    told = {
        month.isoformat()[:7]: plain(amount)
        for month, amount in warehouse.rows(
            "SELECT period_start_on, amount FROM metrics.mrr_by_policy "
            "WHERE policy = 'chartmogul' ORDER BY 1"
        )
    }
    # One cent a month of 100 euros, until the year is renewed in January; ends in April.
    assert told == {
        **{f"2025-{month:02d}": 1 - month for month in range(2, 13)},
        **{f"2026-{month:02d}": 1 - month for month in (2, 3)},
    }


def test_a_missing_rate_leaves_a_customer_out_under_that_policy(warehouse: Warehouse) -> None:
    """Bought before the first rate: ours has one for May, ProfitWell needs that of the purchase."""
    euros(warehouse)
    built(
        warehouse,
        period("other", 1),
        period("c", 100, currency="EUR", valid_from_on="2024-11-05"),
        period("d", 100, currency="CHF"),
    )
    assert values(warehouse) == dict.fromkeys(NAMES, 118) | {"profitwell": 1}
    assert bridge(warehouse)["profitwell", "exchange"] == -117
    left_out = {
        name: warehouse.values(
            "mrr_by_policy", dimensions=f'{{"policy":"{name}"}}', columns="excluded"
        )[MAY][0]
        for name in ("ours", "profitwell")
    }
    assert left_out == {"ours": '{"missing_rate":1}', "profitwell": '{"missing_rate":2}'}


def test_causes_are_replaced_in_order_and_sum_to_the_difference(warehouse: Warehouse) -> None:
    """A paused yearly term in euros under a coupon for some months, all at once."""
    euros(warehouse)
    built(
        warehouse,
        period("other", 1),
        period(
            "c",
            40,
            status="paused",
            currency="EUR",
            list_monthly_amount=100,
            lasting_monthly_amount=90,
            billing_interval="year",
            valid_from_on="2025-03-10",
        ),
    )
    assert bridge(warehouse) == {
        ("stripe", "statuses"): Decimal("46.8"),  # 40 x 1.17
        ("stripe", "discounts"): Decimal("58.5"),  # 50 x 1.17
        ("chartmogul", "statuses"): Decimal("46.8"),
        ("chartmogul", "exchange"): Decimal("-0.8"),  # the year began in March: 40 x (1.15 - 1.17)
    }
    assert values(warehouse)["stripe"] == Decimal("106.3")


@pytest.fixture(scope="module")
def under() -> Warehouse:
    """A warehouse whose company follows another policy."""
    billing = Billing(policy="stripe")
    return Warehouse(Settings(home=Path("unused"), billing=billing))


def test_the_policy_in_force_is_mrr_and_the_bridge_stays_against_ours(under: Warehouse) -> None:
    coupon = {"list_monthly_amount": 100, "lasting_monthly_amount": 100}
    built(
        under,
        period("c", 60, **coupon),
        period("d", 50, status="paused"),
        period("e", 20),
    )
    assert under.value("mrr", "2026-05-01") == 170
    assert under.value("mrr_by_policy", "2026-05-01") == 170
    assert values(under) == dict.fromkeys(NAMES, 80) | {"stripe": 170, "chartmogul": 130}
    assert bridge(under)["stripe", "statuses"] == 50
    assert bridge(under)["stripe", "discounts"] == 40
    policies = under.rows("SELECT DISTINCT policy FROM metrics.metric_values")
    assert policies == [("stripe",)]
    under.build("mrr_movements")
    movements = METRICS["mrr_movements"].identities
    assert [under.rows(identity.broken) for identity in movements] == [[], []]


def test_movements_close_and_only_the_rate_moves_a_yearly_term_in_euros() -> None:
    billing = Billing(policy="chartmogul")
    warehouse = Warehouse(Settings(home=Path("unused"), billing=billing))
    euros(warehouse)
    year = {"currency": "EUR", "billing_interval": "year"}
    built(warehouse, period("c", "33.33", **year, valid_from_on="2025-03-10"))
    warehouse.build("mrr_movements")
    told = warehouse.rows(
        "SELECT period_start_on, movement, amount FROM metrics.mrr_movements "
        "WHERE movement <> 'none' ORDER BY 1"
    )
    # 33.33 x 1.03 = 34.33, and x 1.15 = 38.33 from the renewal on.
    assert told == [
        (on("2025-03-01"), "new", Decimal("34.33")),
        (on("2026-03-01"), "fx", Decimal("4.00")),
    ]


def test_every_policy_says_its_rules_and_can_be_chosen(warehouse: Warehouse) -> None:
    assert set(get_args(Billing.model_fields["policy"].annotation)) == set(NAMES)
    assert len(set(NAMES)) == len(NAMES)
    for policy in POLICIES:
        assert tuple(policy.rules) == CAUSES
        for rule in policy.rules.values():
            assert rule.says.endswith(".")
            assert policy.name == "ours" or rule.source or rule.note
    write_policies(warehouse.connection, 12)
    rows = warehouse.rows("SELECT policy, past_due_days FROM ops.policies ORDER BY place")
    assert rows[0] == ("ours", 12)
    assert dict(rows)["stripe"] is None
    assert dict(rows)["profitwell"] == 12
    assert all(meaning.endswith(".") for _, meaning in COLUMNS.values())
    write_policies(warehouse.connection, 30)
