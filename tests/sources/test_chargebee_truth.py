"""Chargebee against the simulated company: the ledger, MRR and every movement are true.

The oracle is the simulation's own (`world/truth_billing.py`), told in Stripe's identifiers and
mapped by `sandbox/chargebee/ids.py`; the roll-up from the ledger to months is written here in plain
Python.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest
from chargebee_warehouse import ANCHOR, Warehouse, local, opened

from revops_pipelines.resources.sources.chargebee import SOURCE
from revops_pipelines.sandbox.chargebee import ids
from revops_pipelines.sandbox.clock import opening
from revops_pipelines.sandbox.world import truth_billing, truth_terms
from revops_pipelines.sandbox.world.world import World, build_world

SEEDS = (7, 11, 23)
CENT, ZERO = Decimal("0.01"), Decimal(0)
MOVEMENTS = ("new", "expansion", "contraction", "churn", "reactivation", "fx")
# Events of 90 days, of ever, and of a site on the first product catalog.
SITES = {
    "usual": frozenset(),
    "all_events": frozenset({"chargebee.all_events"}),
    "catalog_1": frozenset({"chargebee.catalog_1"}),
}
WORLDS: dict[int, World] = {}


def world_of(seed: int) -> World:
    if seed not in WORLDS:
        WORLDS[seed] = build_world(seed, ANCHOR, 0.12)
    return WORLDS[seed]


@pytest.fixture(
    scope="module",
    params=[(seed, "usual") for seed in SEEDS] + [(7, "all_events"), (7, "catalog_1")],
    ids=lambda param: f"{param[0]}-{param[1]}",
)
def loaded(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[World, Warehouse]]:
    """The company as of noon of the anchor day; to be read only."""
    seed, site = request.param
    catalog = "1.0" if site == "catalog_1" else "2.0"
    options = SOURCE.options(product_catalog=catalog)
    made = Warehouse(tmp_path_factory.mktemp("landing"), options)
    with opened(world_of(seed), switches=SITES[site]) as sandbox:
        made.night(sandbox)
    yield world_of(seed), made
    made.connection.close()


def true_ledger(world: World, now: datetime) -> set[tuple[Any, ...]]:
    return {
        (
            ids.subscription_id(row["subscription_id"]),
            row["product"],
            row["status"],
            row["currency"],
            row["quantity"],
            *(row[name] for name in truth_billing.WORTHS),
            row["from_on"],
            row["to_on"],
        )
        for row in truth_billing.ledger_rows(world.billing, now)
    }


def told_ledger(warehouse: Warehouse, now: datetime) -> set[tuple[Any, ...]]:
    """Ends that lie ahead are written down already, but nobody can know them to be true."""
    today = now.date()
    return {
        (
            local(row["subscription_id"]),
            row["product"],
            row["status"],
            row["currency"],
            row["quantity"],
            *(row[name] for name in truth_billing.WORTHS),
            row["valid_from_on"],
            row["valid_to_on"] if row["valid_to_on"] and row["valid_to_on"] <= today else None,
        )
        for row in warehouse.offered("subscription_periods")
        if row["valid_from_on"] <= today
    }


def test_the_ledger_is_true_row_for_row(loaded: tuple[World, Warehouse]) -> None:
    """Also where nothing is counted: trials, pauses, debts, free plans."""
    world, warehouse = loaded
    true = true_ledger(world, opening(ANCHOR))
    assert {row[2] for row in true} >= {"trialing", "active", "past_due", "paused", "free"}
    assert told_ledger(warehouse, opening(ANCHOR)) == true


def test_every_term_is_true(loaded: tuple[World, Warehouse]) -> None:
    """Agreed ones and those billed for; a signed year is worth what its contract says now."""
    world, warehouse = loaded
    now = opening(ANCHOR)
    names = ("starts_on", "ends_on", "ended_on", "currency")
    found = {
        (row["subscription_id"].partition(":")[2], *(row[name] for name in names)): (
            row["annual_amount"]
        )
        for row in warehouse.offered("contracts")
    }
    true = {
        (ids.subscription_id(term.subscription_id), *(getattr(term, name) for name in names)): term
        for term in truth_terms.terms(world.billing, now, are_signed=True)
    }
    assert len(true) > 40
    assert set(found) == set(true)
    amounts = {key: term.annual_amount for key, term in true.items() if not term.is_signed}
    assert {key: found[key] for key in amounts} == amounts
    assert all(amount is None or amount >= 0 for amount in found.values())


def in_force(periods: list[dict[str, Any]], day: date) -> Decimal:
    return sum(
        (
            row["monthly_amount"]
            for row in periods
            if row["status"] in ("active", "past_due")
            and row["valid_from_on"] <= day
            and (row["valid_to_on"] is None or row["valid_to_on"] > day)
        ),
        ZERO,
    )


def months_of(world: World, now: datetime) -> list[tuple[date, date]]:
    """(first day, last day) of each month that is over."""
    found, month = [], truth_billing.day_of(world.billing.start).replace(day=1)
    while (following := (month + timedelta(days=32)).replace(day=1)) <= now.date():
        found.append((month, following - timedelta(days=1)))
        month = following
    return found


def cents(value: Decimal) -> Decimal:
    return value.quantize(CENT, ROUND_HALF_UP)


def moved(
    opening_: Decimal, closing: Decimal, fx: Decimal, has_paid: bool
) -> tuple[str, dict[str, Decimal]]:
    """What a month's change is called, by the company's rules."""
    if opening_ == closing == 0:
        return "none", {}
    if opening_ == 0:
        return "begins", {"reactivation" if has_paid else "new": closing}
    if closing == 0:
        return "ends", {"churn": -opening_}
    rest = closing - opening_ - fx
    return "goes on", {"fx": fx, ("expansion" if rest > 0 else "contraction"): rest}


def test_mrr_and_all_movements_are_true_to_the_cent(loaded: tuple[World, Warehouse]) -> None:
    world, warehouse = loaded
    now = opening(ANCHOR)
    by_customer: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in warehouse.offered("subscription_periods"):
        by_customer[local(row["customer_id"])].append(row)
    months = months_of(world, now)
    told: dict[tuple[str, date], dict[str, Decimal]] = {}
    kinds = set()
    for customer, periods in by_customer.items():
        (currency,) = {row["currency"] for row in periods}
        before, last, has_paid = ZERO, ZERO, False
        for first, last_day in months:
            rate = world.billing.rates.monthly_rate(currency, first)
            worth = in_force(periods, last_day)
            closing = cents(worth * rate)
            if closing or has_paid:
                kind, parts = moved(last, closing, cents(before * rate) - last, has_paid)
                kinds.add(kind)
                told[customer, first] = {
                    "opening": last,
                    **dict.fromkeys(MOVEMENTS, ZERO),
                    **parts,
                    "closing": closing,
                }
                has_paid = True
            before, last = worth, closing
    true = {
        (ids.customer_id(row["customer_id"]), row["month"]): {
            name: value for name, value in row.items() if name not in ("customer_id", "month")
        }
        for row in truth_billing.mrr_rows(world.billing, now)
    }
    assert len(months) >= 24
    assert kinds == {"none", "begins", "goes on", "ends"}
    assert told == true


def test_rates_of_exchange_are_true_where_documents_tell_them(
    loaded: tuple[World, Warehouse],
) -> None:
    world, warehouse = loaded
    rows = warehouse.offered("fx_rates")
    assert {row["currency"] for row in rows} == {"EUR", "GBP", "JPY"}
    for row in rows:
        assert row["base_currency"] == "USD"
        true = world.billing.rates.monthly_rate(row["currency"], row["valid_on"])
        assert row["rate"] == true, row
    # A month without any document in a currency is told by no one here.
    assert len(rows) > 60


def test_customers_are_whose_they_are(loaded: tuple[World, Warehouse]) -> None:
    world, warehouse = loaded
    rows = {row["source_id"]: row for row in warehouse.offered("customers")}
    true = {
        ids.customer_id(row["customer_id"]): row
        for row in truth_billing.customer_rows(world.billing, opening(ANCHOR))
    }
    assert set(rows) == set(true)
    for name, row in rows.items():
        linked = true[name]["link"] == "metadata"
        assert row["external_account_id"] == (
            true[name]["account_hubspot_id"] if linked else None
        ), name
        assert (row["domain"] is not None) == (true[name]["link"] in ("metadata", "email_domain"))
        assert (row["_deleted_at"] is not None) == true[name]["is_deleted"]
    assert any(row["_deleted_at"] for row in rows.values())


def test_periods_of_an_item_never_overlap(loaded: tuple[World, Warehouse]) -> None:
    ends: dict[str, date] = {}
    rows = loaded[1].offered("subscription_periods")
    for row in sorted(rows, key=lambda row: (row["item_id"], row["valid_from_on"])):
        assert row["valid_from_on"] >= ends.get(row["item_id"], date.min)
        assert row["valid_to_on"] is None or row["valid_to_on"] > row["valid_from_on"]
        ends[row["item_id"]] = row["valid_to_on"] or date.max


def test_the_ledger_is_true_on_any_day_of_the_way(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Night by night, and for one who comes that day: what is under way is told as well."""
    world = world_of(11)
    nightly = Warehouse(tmp_path_factory.mktemp("nightly"))
    with opened(world, datetime(2026, 5, 30, 2, 30, tzinfo=UTC)) as sandbox:
        for step in (0, 6, 13, 29, 37):
            sandbox.clock.advance(timedelta(hours=step))
            now = sandbox.clock.now()
            nightly.night(sandbox, lag_seconds=0)
            fresh = Warehouse(tmp_path_factory.mktemp("fresh"))
            fresh.night(sandbox)
            true = true_ledger(world, now)
            assert told_ledger(nightly, now) == true
            assert told_ledger(fresh, now) == true
            fresh.connection.close()
    nightly.connection.close()
