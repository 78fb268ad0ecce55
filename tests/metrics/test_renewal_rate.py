"""renewal_rate: what was due, what was renewed, when, and what is due to nobody."""

from __future__ import annotations

from typing import Any

import pytest
from agreements import put_paid, put_term
from metric_warehouse import Warehouse, at, on

MARCH, APRIL = on("2026-03-01"), on("2026-04-01")
YEAR = ("2025-04-10", "2026-04-10")


def rate(warehouse: Warehouse, metric: str = "renewal_rate") -> dict[Any, Any]:
    warehouse.build("renewal_rate")
    return warehouse.values(metric, columns="numerator, denominator, excluded")


def outcome(warehouse: Warehouse, key: str = "1") -> Any:
    return warehouse.rows(
        f"SELECT outcome, excluded FROM metrics.renewal_rate WHERE contract_id = '{key}'"
    )[0]


def test_a_renewal_counts_at_most_what_was_due(warehouse: Warehouse) -> None:
    for customer, before, after in (("a", 100, 150), ("b", 100, 60), ("c", 100, 100)):
        put_term(warehouse, customer, *YEAR, customer=customer)
        put_paid(warehouse, before, "2025-04-10", "2026-04-10", customer)
        put_paid(warehouse, after, "2026-04-10", None, customer)
    assert rate(warehouse)[APRIL] == (12 * 260, 12 * 300, "{}")


def test_who_left_renewed_nothing(warehouse: Warehouse) -> None:
    put_term(warehouse, "1", *YEAR)
    put_paid(warehouse, 100, *YEAR)
    assert rate(warehouse)[APRIL] == (0, 1200, "{}")
    assert outcome(warehouse) == ("lost", None)


def test_who_left_in_mid_term_is_lost_when_it_is_due(warehouse: Warehouse) -> None:
    put_term(warehouse, "1", *YEAR, ended_on=on("2025-09-10"))
    put_paid(warehouse, 100, "2025-04-10", "2025-09-10")
    assert rate(warehouse) == {APRIL: (0, 1200, "{}")}


def test_a_term_of_several_years_is_due_at_its_end_alone(warehouse: Warehouse) -> None:
    put_term(warehouse, "1", "2023-04-10", "2026-04-10")
    put_paid(warehouse, 100, "2023-04-10", None)
    assert rate(warehouse) == {APRIL: (1200, 1200, "{}")}


def test_who_pays_by_the_month_is_never_due(warehouse: Warehouse) -> None:
    put_term(warehouse, "1", *YEAR)
    put_paid(warehouse, 100, "2025-04-10", None)
    put_paid(warehouse, 70, "2026-01-10", None, "monthly")
    put_term(warehouse, "short", "2026-04-01", "2026-05-01", customer="short")
    put_paid(warehouse, 70, "2026-05-01", None, "short")
    assert rate(warehouse)[APRIL] == (1200, 1200, '{"evergreen":1}')
    assert outcome(warehouse, "short") == ("on_time", "evergreen")


def test_a_term_is_pending_until_its_window_has_passed(warehouse: Warehouse) -> None:
    for key, ends in (("1", "2026-05-31"), ("2", "2026-06-01")):
        put_term(warehouse, key, "2025-06-01", ends, customer=key)
        put_paid(warehouse, 100, "2025-06-01", None, key)
    found = rate(warehouse)
    assert found == {on("2026-05-01"): (1200, 1200, "{}")}
    assert outcome(warehouse, "2") == ("pending", "pending")
    shown = warehouse.values("renewal_rate", columns="is_mature")
    # The last of May's terms would have until 30 June; that day is not over.
    assert shown == {on("2026-05-01"): (False,)}


def test_multi_year_terms_in_force_are_not_due(warehouse: Warehouse) -> None:
    put_term(warehouse, "1", "2024-07-01", "2026-07-01")
    put_paid(warehouse, 100, "2024-07-01", None)
    assert rate(warehouse) == {}


@pytest.mark.parametrize(
    ("began", "told"),
    [
        ("2026-04-10", "on_time"),
        ("2026-03-11", "on_time"),
        ("2026-05-10", "on_time"),
        ("2026-05-11", "lost"),
        ("2026-03-10", "lost"),
    ],
)
def test_another_subscription_of_the_customer_may_follow(
    warehouse: Warehouse, began: str, told: str
) -> None:
    put_term(warehouse, "1", "2025-01-10", "2026-04-10")
    put_paid(warehouse, 100, "2025-01-10", "2026-04-10")
    put_paid(warehouse, 90, began, None, subscription_id="another")
    rate(warehouse)
    assert outcome(warehouse) == (told, None)


def test_what_begins_beside_a_subscription_that_goes_on_renews_nothing(
    warehouse: Warehouse,
) -> None:
    put_term(warehouse, "1", *YEAR)
    put_paid(warehouse, 100, "2025-04-10", None)
    put_paid(warehouse, 500, "2026-04-12", None, subscription_id="more")
    rate(warehouse)
    assert warehouse.rows("SELECT renewed_amount, expansion_amount FROM metrics.renewal_rate") == [
        (1200, 0)
    ]


def test_a_replacement_counts_once(warehouse: Warehouse) -> None:
    put_term(warehouse, "1", "2025-04-10", "2026-04-10")
    put_term(warehouse, "2", "2025-04-20", "2026-04-20", subscription_id="other")
    put_paid(warehouse, 100, "2025-04-10", "2026-04-10")
    put_paid(warehouse, 100, "2025-04-20", "2026-04-20", subscription_id="other")
    put_paid(warehouse, 300, "2026-04-20", None, subscription_id="both in one")
    assert rate(warehouse)[APRIL][:2] == (1200, 2400)
    # The first that was due, whose judgement was made first.
    assert [outcome(warehouse, key)[0] for key in "12"] == ["on_time", "lost"]


def test_early_where_the_next_term_began_long_before(warehouse: Warehouse) -> None:
    put_term(warehouse, "1", *YEAR, ended_on=on("2026-01-10"))
    put_term(warehouse, "2", "2026-01-10", "2027-01-10")
    put_paid(warehouse, 100, "2025-04-10", "2026-01-10")
    put_paid(warehouse, 130, "2026-01-10", None)
    assert rate(warehouse)[APRIL] == (1200, 1200, "{}")
    assert outcome(warehouse) == ("early", None)
    assert rate(warehouse, "renewal_rate_early")[APRIL][:2] == (1200, 1200)
    assert rate(warehouse, "renewal_rate_on_time")[APRIL][:2] == (0, 1200)


def test_late_is_apart_and_leaves_the_rate_as_it_was(warehouse: Warehouse) -> None:
    term = ("2025-01-10", "2026-01-10")
    put_term(warehouse, "1", *term)
    put_paid(warehouse, 100, *term)
    put_paid(warehouse, 80, "2026-03-01", None)
    january = on("2026-01-01")
    assert rate(warehouse)[january] == (0, 1200, "{}")
    assert rate(warehouse, "renewal_rate_late")[january][:2] == (960, 1200)


def test_a_renewal_that_nobody_paid_for_is_none(warehouse: Warehouse) -> None:
    put_term(warehouse, "1", *YEAR)
    put_term(warehouse, "2", "2026-04-10", "2027-04-10")
    put_paid(warehouse, 100, "2025-04-10", "2026-04-10")
    put_paid(warehouse, 100, "2026-04-10", None, status="past_due")
    assert rate(warehouse)[APRIL] == (0, 1200, "{}")


def test_customers_not_terms_are_logos(warehouse: Warehouse) -> None:
    put_term(warehouse, "1", *YEAR, customer="a")
    put_term(warehouse, "2", "2025-04-20", "2026-04-20", customer="a", subscription_id="a2")
    put_term(warehouse, "3", *YEAR, customer="b")
    put_paid(warehouse, 100, "2025-04-10", None, "a")
    put_paid(warehouse, 100, "2025-04-20", "2026-04-20", "a", subscription_id="a2")
    put_paid(warehouse, 100, "2025-04-10", "2026-04-10", "b")
    assert rate(warehouse, "renewal_rate_logo")[APRIL][:2] == (1, 2)


SIGNED = {"subscription_id": None, "customer_id": None, "account_id": "a"}


def test_a_contract_without_a_subscription_is_renewed_by_the_next(warehouse: Warehouse) -> None:
    put_term(warehouse, "1", *YEAR, **SIGNED, annual_amount=5000)
    put_term(warehouse, "2", "2026-04-10", "2028-04-10", **SIGNED, annual_amount=6000)
    put_term(warehouse, "3", "2025-04-10", "2026-04-15", **SIGNED | {"account_id": "b"})
    assert rate(warehouse)[APRIL] == (5000, 5000, '{"no_amount":1}')


def test_what_is_signed_in_the_crm_counts_once(warehouse: Warehouse) -> None:
    warehouse.put("customers", {"customer_id": "c", "account_id": "a"})
    put_term(warehouse, "signed", "2024-04-10", "2027-04-10", **SIGNED, annual_amount=5000)
    put_term(warehouse, "billed", *YEAR)
    put_paid(warehouse, 100, "2025-04-10", None)
    rate(warehouse)
    assert outcome(warehouse, "billed") == ("on_time", "signed_elsewhere")


def test_what_cannot_be_valued_is_counted(warehouse: Warehouse) -> None:
    put_term(warehouse, "franc", *YEAR, customer="franc")
    put_paid(warehouse, 100, "2025-04-10", None, "franc", currency="CHF")
    put_term(warehouse, "free", *YEAR, customer="free")
    put_term(warehouse, "gone", *YEAR, customer="gone", _deleted_at=at("2026-01-01 00:00"))
    put_term(warehouse, "1", *YEAR)
    put_paid(warehouse, 100, "2025-04-10", None)
    assert rate(warehouse)[APRIL] == (1200, 1200, '{"missing_rate":1,"nothing_paid":1}')
