"""pipeline_coverage: what is open, what is left, and when there is nothing to cover."""

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


def shown(warehouse: Warehouse, suffix: str = "", columns: str = "numerator, denominator") -> Any:
    warehouse.build("pipeline_coverage")
    return warehouse.values(f"pipeline_coverage{suffix}", columns=columns).get(MAY)


def test_as_of_the_fifth_day(warehouse: Warehouse) -> None:
    put_quota(warehouse, "q", 1000, "2026-05-01", "2026-06-01", user_id="u1")
    put_quota(warehouse, "r", 3000, "2026-06-01", "2026-07-01", user_id="u1")
    put_deal(warehouse, "open", "04-10 amount 500 due 05-20", "05-05 amount 600", "05-06 amount 9")
    put_deal(warehouse, "won by then", "04-10 amount 100 due 05-20", "05-05 won")
    put_deal(warehouse, "won later", "04-10 amount 70 due 05-20", "05-06 won")
    put_deal(warehouse, "won before", "04-10 amount 80 due 05-20", "04-30 won")
    put_deal(warehouse, "in june", "04-10 amount 900 due 06-20")
    put_deal(warehouse, "in july", "04-10 amount 50 due 07-20")
    assert shown(warehouse) == (670, 900)
    assert shown(warehouse, "_next") == (900, 3000)
    assert shown(warehouse, "_next_but_one") == (50, None)
    assert shown(warehouse, "_remaining", "value") == (900,)


def test_overdue_close_dates_cover_nothing(warehouse: Warehouse) -> None:
    put_quota(warehouse, "q", 1000, "2026-05-01", "2026-06-01", user_id="u1")
    put_deal(warehouse, "overdue", "04-10 due 05-04")
    put_deal(warehouse, "long overdue", "04-10 due 04-20")
    put_deal(warehouse, "due today", "04-10 due 05-05")
    assert shown(warehouse, columns="numerator, n, excluded") == (100, 1, '{"overdue":2}')


def test_a_reached_target_has_no_coverage(warehouse: Warehouse) -> None:
    put_quota(warehouse, "q", 100, "2026-05-01", "2026-06-01", user_id="u1")
    put_deal(warehouse, "won", "04-10 amount 130 due 05-20", "05-02 won")
    put_deal(warehouse, "open", "04-10 amount 500 due 05-20")
    columns = "value, numerator, denominator"
    assert shown(warehouse, columns=columns) == (None, 500, None)
    assert shown(warehouse, "_remaining", "value") == (-30,)


def test_no_target_has_no_coverage(warehouse: Warehouse) -> None:
    put_deal(warehouse, "open", "04-10 amount 500 due 05-20")
    assert shown(warehouse, columns="value, numerator") == (None, 500)


def test_targets_are_counted_once(warehouse: Warehouse) -> None:
    warehouse.put("users", {"user_id": "u1", "team": "north"}, {"user_id": "u2", "team": "south"})
    put_deal(warehouse, "open", "04-10 amount 500 due 05-20")
    put_quota(warehouse, "q1", 9100, "2026-04-01", "2026-07-01", user_id="u1")
    put_quota(warehouse, "m1", 500, "2026-05-01", "2026-06-01", user_id="u1")
    put_quota(warehouse, "n", 4000, "2026-05-01", "2026-06-01", team="north")
    put_quota(warehouse, "s", 700, "2026-05-01", "2026-06-01", team="south")
    put_quota(warehouse, "all", 9000, "2026-05-01", "2026-06-01")
    put_quota(
        warehouse, "gone", 9, "2026-05-01", "2026-06-01", user_id="u2",
        _deleted_at=at("2026-05-02 00:00"),
    )  # fmt: skip
    assert shown(warehouse) == (500, 500 + 700)
    quarter = warehouse.values("pipeline_coverage", "quarter", columns="denominator")
    assert quarter == {}
    june = warehouse.values("pipeline_coverage_now_remaining", "quarter", columns="value")
    assert june == {on("2026-04-01"): (3000 + 500 + 3000 + 700,)}


def test_a_quota_is_spread_by_days(warehouse: Warehouse) -> None:
    put_deal(warehouse, "open", "04-10 amount 500 due 05-20")
    put_quota(warehouse, "q", 300, "2026-05-17", "2026-06-16", user_id="u1")
    assert shown(warehouse) == (500, 150)


def test_today_while_the_period_runs(warehouse: Warehouse) -> None:
    put_quota(warehouse, "q", 100, "2026-06-01", "2026-07-01", user_id="u1")
    put_quota(warehouse, "r", 200, "2026-07-01", "2026-08-01", user_id="u1")
    put_deal(warehouse, "open", "06-10 amount 50 due 06-30")
    put_deal(warehouse, "in july", "06-10 amount 300 due 07-30")
    warehouse.build("pipeline_coverage")
    june = on("2026-06-01")
    columns = "numerator, denominator, is_mature"
    assert warehouse.values("pipeline_coverage_now", columns=columns) == {june: (50, 100, False)}
    found = warehouse.values("pipeline_coverage_now_next", columns=columns)
    assert found == {june: (300, 200, False)}
    assert june not in warehouse.values("pipeline_coverage")


def test_left_out(warehouse: Warehouse) -> None:
    put_quota(warehouse, "q", 100, "2026-05-01", "2026-06-01", user_id="u1")
    put_quota(warehouse, "p", 100, "2026-05-01", "2026-06-01", user_id="u2", currency="CHF")
    put_deal(warehouse, "known", "04-10 due 05-20")
    put_deal(warehouse, "renewal", "04-10 due 05-20", kind="renewal")
    put_deal(warehouse, "chf", "04-10 due 05-20 currency CHF")
    put_deal(warehouse, "late", "05-10 due 05-20", created_at=at("2026-03-01 09:00"))
    found = shown(warehouse, columns="n, excluded")
    assert found == (1, '{"missing_rate":2,"no_history":1,"renewal":1}')
