"""quota_attainment: proration, ramp, moves, and who is credited."""

from __future__ import annotations

from typing import Any

from deal_days import put_deal
from metric_warehouse import Warehouse, at, on

MAY = on("2026-05-01")


def put_quota(
    warehouse: Warehouse, quota: str, amount: int, start: str, end: str, **holder: Any
) -> None:
    row = {
        "quota_id": quota,
        "amount": amount,
        "period_start_on": on(start),
        "period_end_on": on(end),
        "currency": "USD",
    }
    warehouse.put("quotas", row | holder)


def put_won(warehouse: Warehouse, deal: str, amount: int, owner: str, day: str) -> None:
    put_deal(warehouse, deal, f"04-01 amount {amount} owner {owner}", f"{day} won", owner_id=owner)


def shown(warehouse: Warehouse, suffix: str = "", columns: str = "numerator, denominator") -> Any:
    warehouse.build("quota_attainment")
    return warehouse.values(f"quota_attainment{suffix}", columns=columns).get(MAY)


def test_amounts_are_summed_not_percentages(warehouse: Warehouse) -> None:
    put_quota(warehouse, "a", 100, "2026-05-01", "2026-06-01", user_id="u1")
    put_quota(warehouse, "b", 900, "2026-05-01", "2026-06-01", user_id="u2")
    put_won(warehouse, "x", 300, "u1", "05-10")
    assert shown(warehouse, columns="numerator, denominator, n") == (300, 1000, 2)


def test_quotas_are_prorated_by_days_and_the_shortest_holds(warehouse: Warehouse) -> None:
    put_quota(warehouse, "quarter", 9100, "2026-04-01", "2026-07-01", user_id="u1")
    put_quota(warehouse, "june", 1000, "2026-06-01", "2026-07-01", user_id="u1")
    put_quota(warehouse, "joined", 300, "2026-05-17", "2026-06-16", user_id="u2")
    assert shown(warehouse, columns="denominator") == (3100 + 150,)
    quarter = warehouse.values("quota_attainment", "quarter", columns="denominator")
    assert quarter == {on("2026-04-01"): (3000 + 3100 + 1000 + 300,)}


def test_a_deal_is_credited_to_who_owned_it_at_closing(warehouse: Warehouse) -> None:
    for user in ("u1", "u2"):
        put_quota(warehouse, user, 100, "2026-05-01", "2026-06-01", user_id=user)
    put_deal(warehouse, "moved", "04-01 amount 70 owner u1", "05-10 won", "06-01 won owner u2",
             closed_at=at("2026-05-10 10:00"))  # fmt: skip
    warehouse.put(
        "opportunities",
        {
            "opportunity_id": "without history",
            "owner_id": "u2",
            "amount": 30,
            "created_at": at("2026-04-01 10:00"),
            "is_closed": True,
            "is_won": True,
            "closed_at": at("2026-05-10 10:00"),
        },
    )
    warehouse.build("quota_attainment")
    credited = warehouse.rows(
        "SELECT user_id, credited, deals FROM metrics.quota_attainment "
        "WHERE grain = 'month' ORDER BY 1"
    )
    assert credited == [("u1", 70, 1), ("u2", 30, 1)]


def test_a_move_within_the_period(warehouse: Warehouse) -> None:
    put_quota(warehouse, "first half", 310, "2026-05-01", "2026-06-01", user_id="u1")
    put_quota(warehouse, "left", 100, "2026-05-01", "2026-05-16", user_id="u2")
    put_won(warehouse, "in time", 50, "u2", "05-15")
    put_won(warehouse, "after", 60, "u2", "05-16")
    put_won(warehouse, "of nobody", 70, "u9", "05-16")
    found = shown(warehouse, columns="numerator, denominator, excluded")
    assert found == (50, 410, '{"no_quota":2}')


def test_people_in_ramp_are_not_judged(warehouse: Warehouse) -> None:
    put_quota(warehouse, "old", 100, "2025-11-10", "2026-05-01", user_id="u1")
    put_quota(warehouse, "now", 100, "2026-05-01", "2026-06-01", user_id="u1")
    put_quota(warehouse, "new", 100, "2025-12-01", "2026-01-01", user_id="u2")
    put_quota(warehouse, "new too", 100, "2026-05-01", "2026-06-01", user_id="u2")
    put_quota(warehouse, "nothing", 0, "2025-10-01", "2026-06-01", user_id="u3")
    put_won(warehouse, "x", 100, "u1", "05-10")
    put_won(warehouse, "y", 10, "u2", "05-10")
    found = shown(warehouse, "_reached", "numerator, denominator, excluded")
    assert found == (1, 1, '{"in_ramp":1,"no_target":1}')
    assert shown(warehouse) == (110, 200)


def test_distribution(warehouse: Warehouse) -> None:
    for number in range(1, 11):
        user = f"u{number:02}"
        put_quota(warehouse, f"old {user}", 9, "2025-01-01", "2026-01-01", user_id=user)
        put_quota(warehouse, user, 100, "2026-05-01", "2026-06-01", user_id=user)
        put_won(warehouse, user, 20 * number, user, "05-10")
    assert shown(warehouse, "_reached") == (6, 10)
    values = [shown(warehouse, f"_of_ramped_{name}", "value") for name in ("median", "p90")]
    assert [float(value) for (value,) in values] == [1.1, 1.9]


def test_targets_of_teams_are_of_no_person(warehouse: Warehouse) -> None:
    put_quota(warehouse, "a", 100, "2026-05-01", "2026-06-01", user_id="u1")
    put_quota(warehouse, "team", 900, "2026-05-01", "2026-06-01", team="north")
    assert shown(warehouse, columns="denominator, excluded") == (100, '{"no_person":1}')


def test_currencies(warehouse: Warehouse) -> None:
    warehouse.put("fx_rates", {"currency": "EUR", "rate": "1.5", "valid_on": on("2026-05-01")})
    put_quota(warehouse, "eur", 100, "2026-05-01", "2026-06-01", user_id="u1", currency="EUR")
    put_quota(warehouse, "chf", 100, "2026-05-01", "2026-06-01", user_id="u2", currency="CHF")
    put_deal(warehouse, "x", "04-01 amount 40 currency EUR owner u1", "05-10 won")
    put_deal(warehouse, "y", "04-01 amount 40 currency CHF owner u1", "05-10 won")
    found = shown(warehouse, columns="numerator, denominator, excluded")
    assert found == (60, 150, '{"missing_rate":2}')
