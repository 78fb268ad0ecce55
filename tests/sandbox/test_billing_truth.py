"""The whole simulation over seeds: what must hold of its truth, whatever happens."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest

from revops_pipelines.sandbox.world.billing import Billing, simulate_billing
from revops_pipelines.sandbox.world.billing_calendar import DAY, day_of, epoch
from revops_pipelines.sandbox.world.billing_deck import DECK, deal
from revops_pipelines.sandbox.world.billing_story import cycles, period_at
from revops_pipelines.sandbox.world.company import simulate_accounts
from revops_pipelines.sandbox.world.fx import Fx
from revops_pipelines.sandbox.world.truth_billing import (
    MOVEMENTS,
    TABLES,
    Period,
    customer_rows,
    ledger,
    mrr_rows,
)
from revops_pipelines.sandbox.world.truth_billing_counts import count_rows

START = datetime(2024, 6, 1, tzinfo=UTC)
NOW = datetime(2026, 6, 30, 12, tzinfo=UTC)
END = NOW + timedelta(days=60)
SEEDS = (1, 7, 23, 101)


def _billing(seed: int, scale: float = 0.08) -> Billing:
    accounts = simulate_accounts(seed, scale, START, NOW, END)
    return simulate_billing(seed, accounts, START, END, Fx(seed))


@pytest.fixture(scope="module", params=SEEDS)
def billing(request: pytest.FixtureRequest) -> Billing:
    return _billing(request.param)


def _by_item(billing: Billing, now: datetime) -> dict[tuple[str, str], list[Period]]:
    found: dict[tuple[str, str], list[Period]] = {}
    for period in ledger(billing, now):
        found.setdefault((period.subscription_id, period.item_id), []).append(period)
    return found


def test_movements_lead_from_opening_to_closing(billing: Billing) -> None:
    rows = mrr_rows(billing, NOW)
    closings: dict[str, Decimal] = {}
    assert rows
    for row in rows:
        assert row["opening"] == closings.get(row["customer_id"], Decimal(0))
        assert row["opening"] + sum(row[name] for name in MOVEMENTS) == row["closing"]
        assert row["closing"] >= 0 >= row["churn"]
        assert row["contraction"] <= 0 <= row["expansion"]
        closings[row["customer_id"]] = row["closing"]


def test_a_customer_is_new_once_and_returns_from_nothing_only(billing: Billing) -> None:
    news: Counter[str] = Counter()
    for row in mrr_rows(billing, NOW):
        news[row["customer_id"]] += row["new"] > 0
        if row["reactivation"] > 0 or row["new"] > 0:
            assert row["opening"] == 0
        if row["churn"] < 0:
            assert row["closing"] == 0
    assert set(news.values()) == {1}


def test_a_rate_of_exchange_alone_is_never_growth(billing: Billing) -> None:
    quiet = {
        customer.id
        for customer in billing.customers
        if customer.plot == "steady" and customer.currency != "USD"
    }
    rows = [row for row in mrr_rows(billing, NOW) if row["customer_id"] in quiet]
    assert any(row["fx"] for row in rows)
    assert not any(row["expansion"] or row["contraction"] for row in rows)


def test_months_follow_each_other_up_to_the_last_closed_one(billing: Billing) -> None:
    rows: dict[str, list[datetime]] = {}
    for row in mrr_rows(billing, NOW):
        rows.setdefault(row["customer_id"], []).append(row["month"])
    for months in rows.values():
        numbers = [month.year * 12 + month.month for month in months]
        assert numbers == list(range(numbers[0], 2026 * 12 + 6))


def test_periods_of_an_item_do_not_overlap(billing: Billing) -> None:
    for periods in _by_item(billing, NOW).values():
        for before, after in pairwise(periods):
            assert before.to_on is not None
            assert before.from_on < before.to_on <= after.from_on
        last = periods[-1]
        assert last.to_on is None or last.from_on < last.to_on


def test_only_what_is_worth_something_counts(billing: Billing) -> None:
    for period in ledger(billing, NOW):
        worthless = period.status in ("trialing", "free")
        assert (period.monthly_amount == 0) == worthless
        assert period.monthly_amount == period.monthly_amount.quantize(Decimal("0.01"))


def test_the_past_stays_as_it_was(billing: Billing) -> None:
    """What was true on a day is what was said on that day."""
    later = _by_item(billing, NOW)
    for days in (40, 200, 400):
        then = NOW - timedelta(days=days)
        for name, periods in _by_item(billing, then).items():
            told = [period for period in later[name] if period.from_on < then.date()]
            known = [period for period in periods if period.from_on < then.date()]
            assert [_cut(period, then) for period in told] == [
                _cut(period, then) for period in known
            ]
    earlier = {
        (row["customer_id"], row["month"]): row
        for row in mrr_rows(billing, NOW - timedelta(days=200))
    }
    now = {(row["customer_id"], row["month"]): row for row in mrr_rows(billing, NOW)}
    assert earlier.items() <= now.items()


def _cut(period: Period, then: datetime) -> tuple[object, ...]:
    ends = period.to_on if period.to_on is not None and period.to_on < then.date() else None
    return period.status, period.monthly_amount, period.from_on, ends


def test_the_same_seed_tells_the_same_story() -> None:
    first, second = _billing(5, 0.03), _billing(5, 0.03)
    assert first.customers == second.customers
    assert [bill.id for bill in first.books.invoices] == [bill.id for bill in second.books.invoices]
    assert mrr_rows(first, NOW) == mrr_rows(second, NOW)
    assert first.customers != _billing(6, 0.03).customers


def test_every_plot_is_led_and_every_mess_is_there() -> None:
    billing = _billing(7, 0.2)
    assert {customer.plot for customer in billing.customers} == set(DECK)
    counts = {row["what"]: row["count"] for row in count_rows(billing, NOW)}
    for what in (
        "changes inside a period",
        "changes that reset the period",
        "charges refused",
        "coupons forever",
        "coupons once",
        "coupons repeating",
        "customers deleted",
        "customers in JPY",
        "customers linked by email_domain",
        "customers linked by generic_email",
        "customers with several subscriptions",
        "past due",
        "past due, recovered",
        "past due, recovered after 30 days",
        "pauses",
        "refunds",
        "subscriptions billed every 1 week",
        "subscriptions billed every 1 year",
        "subscriptions billed every 3 month",
        "subscriptions ended: at_once",
        "subscriptions ended: at_period_end",
        "subscriptions ended: payment_failed",
        "subscriptions never started",
        "subscriptions paid by transfer",
        "subscriptions with several items",
        "trials",
    ):
        assert counts.get(what, 0) > 0, what


def test_most_customers_name_the_crm_s_company(billing: Billing) -> None:
    rows = customer_rows(billing, NOW)
    named = sum(row["link"] == "metadata" for row in rows)
    assert 0.75 < named / len(rows) < 0.95
    assert len({row["customer_id"] for row in rows}) == len(rows)


def test_the_deck_does_not_depend_on_how_many_follow() -> None:
    assert deal(3, 500)[:130] == deal(3, 130)


def test_what_is_drafted_is_left_alone(billing: Billing) -> None:
    """Changes and ends stay clear of the hours in which a renewal's bill is a draft."""
    for customer in billing.customers:
        for story in customer.subscriptions:
            ends = [story.ended_at] if story.ending and story.ending.kind != "at_period_end" else []
            for at in [change.at for change in story.changes[1:] if not change.resets] + ends:
                if at is not None and not story.never_started:
                    assert at - period_at(story, at).start > story.issue_delay


def test_the_period_at_an_instant_is_the_one_of_the_list(billing: Billing) -> None:
    for customer in billing.customers:
        for story in customer.subscriptions:
            for cycle in cycles(story, epoch(NOW)):
                assert period_at(story, cycle.start) == cycle


def test_pauses_begin_and_end_on_the_days_they_are_asked_for(billing: Billing) -> None:
    pauses = [
        pause
        for customer in billing.customers
        for story in customer.subscriptions
        for pause in story.pauses
    ]
    for pause in pauses:
        assert day_of(pause.set_at) == day_of(pause.start)
        if pause.end is not None and pause.unset_at is not None:
            assert day_of(pause.unset_at) == day_of(pause.end)
            assert pause.end - pause.start > 27 * DAY


def test_tables_are_offered_for_writing(billing: Billing) -> None:
    class World:
        pass

    world = World()
    world.billing = billing  # type: ignore[attr-defined]
    assert set(TABLES) == {"mrr", "subscription_periods", "customers"}
    for rows_of in TABLES.values():
        assert rows_of(world, NOW)
