"""pipeline_bridge: every way in and out, and that it closes."""

from __future__ import annotations

from deal_days import put_deal
from metric_warehouse import METRICS, Warehouse, at, on

MAY = "2026-05-01"
NAMES = [series.metric for series in METRICS["pipeline_bridge"].series]


def bridge(warehouse: Warehouse, period: str = MAY, grain: str = "month") -> dict[str, float]:
    """Movements that are not nought."""
    warehouse.build("pipeline_bridge")
    found = {
        name.removeprefix("pipeline_bridge").strip("_") or "end": warehouse.values(
            name, grain, columns="value"
        ).get(on(period), (0,))[0]
        for name in NAMES
    }
    for identity in METRICS["pipeline_bridge"].identities:
        assert warehouse.rows(identity.broken) == []
    return {name: value for name, value in found.items() if value}


def test_every_way_in_and_out(warehouse: Warehouse) -> None:
    put_deal(warehouse, "stays", "04-10 amount 10 due 05-20")
    put_deal(warehouse, "raised", "04-10 amount 10 due 05-20", "05-05 amount 17", "05-06 amount 15")
    put_deal(warehouse, "created", "05-05 amount 20 due 05-20")
    put_deal(warehouse, "pulled in", "04-10 amount 30 due 06-20", "05-05 due 05-30")
    put_deal(warehouse, "reopened", "04-10 amount 40 due 05-20", "04-20 lost", "05-05 amount 41")
    put_deal(warehouse, "pushed", "04-10 amount 50 due 05-20", "05-05 due 06-20 amount 55")
    put_deal(warehouse, "won", "04-10 amount 60 due 05-20", "05-05 amount 66 won")
    put_deal(warehouse, "lost", "04-10 amount 70 due 05-20", "05-05 lost amount 0")
    put_deal(warehouse, "deleted", "04-10 amount 80 due 05-20", _deleted_at=at("2026-05-05 10:00"))
    assert bridge(warehouse) == {
        "start": 10 + 10 + 50 + 60 + 70 + 80,
        "created": 20,
        "pulled_in": 30,
        "reopened": 41,
        "amount_up": 7 + 6,
        "amount_down": 2,
        "pushed_out": 50,
        "won": 66,
        "lost": 70,
        "deleted": 80,
        "end": 10 + 15 + 20 + 30 + 41,
    }


def test_won_before_its_time_comes_in_by_the_same_step(warehouse: Warehouse) -> None:
    put_deal(warehouse, "early", "04-10 amount 10 due 08-20", "05-05 amount 12 due 05-05 won")
    put_deal(warehouse, "overdue", "03-10 amount 20 due 04-20", "05-05 due 05-05 won")
    put_deal(warehouse, "in a day", "05-07 amount 40 due 05-07 won")
    put_deal(warehouse, "imported", "05-07 amount 80 due 03-03 won")
    put_deal(warehouse, "lost early", "04-10 amount 90 due 08-20", "05-05 lost")
    assert bridge(warehouse) == {"pulled_in": 32, "created": 40, "won": 72}


def test_in_and_out_within_the_period_shows_as_both(warehouse: Warehouse) -> None:
    put_deal(warehouse, "a", "05-02 amount 10 due 05-20", "05-20 due 06-20", "05-25 due 05-30")
    assert bridge(warehouse) == {"created": 10, "pulled_in": 10, "pushed_out": 10, "end": 10}
    assert bridge(warehouse, "2026-06-01") == {}
    found = bridge(warehouse, "2026-04-01", "quarter")
    assert found == {"created": 10, "end": 10}


def test_movements_of_a_deal_are_one_row_each(warehouse: Warehouse) -> None:
    put_deal(warehouse, "a", "04-02 amount 10 due 05-20", "05-02 amount 11", "05-03 amount 13")
    warehouse.build("pipeline_bridge")
    rows = warehouse.rows(
        "SELECT movement, amount FROM metrics.pipeline_bridge WHERE grain = 'month' "
        f"AND period_start_on = DATE '{MAY}' ORDER BY amount"
    )
    assert rows == [("amount_up", 3), ("start", 10), ("end", 13)]


def test_no_amount_is_worth_nothing_until_it_has_one(warehouse: Warehouse) -> None:
    put_deal(
        warehouse, "a", "04-02 amount none currency none due 05-20", "05-03 amount 13 currency USD"
    )
    assert bridge(warehouse) == {"amount_up": 13, "end": 13}


def test_left_out_with_reasons(warehouse: Warehouse) -> None:
    put_deal(warehouse, "renewal", "04-02 due 05-20", kind="renewal")
    put_deal(warehouse, "chf", "04-02 due 05-20", "05-03 currency CHF")
    put_deal(warehouse, "of none", "04-02 due 05-20 currency none")
    put_deal(warehouse, "late", "05-10 due 05-20", created_at=at("2026-03-01 09:00"))
    put_deal(warehouse, "kept", "04-02 due 05-20")
    assert bridge(warehouse) == {"start": 100, "end": 100}
    excluded = warehouse.values("pipeline_bridge", columns="excluded")[on(MAY)]
    assert excluded == ('{"missing_rate":1,"no_currency":1,"no_history":1,"renewal":1}',)


def test_one_rate_for_the_whole_period(warehouse: Warehouse) -> None:
    warehouse.put(
        "fx_rates",
        {"currency": "EUR", "rate": "2", "valid_on": on("2026-04-01")},
        {"currency": "EUR", "rate": "3", "valid_on": on("2026-05-01")},
    )
    put_deal(warehouse, "a", "03-02 amount 10 currency EUR due 05-20", "05-03 amount 11")
    assert bridge(warehouse) == {"start": 30, "amount_up": 3, "end": 33}
    assert bridge(warehouse, "2026-04-01", "quarter") == {"start": 20, "amount_up": 2, "end": 22}


def test_whoever_owns_it_at_the_end_owns_its_movements(warehouse: Warehouse) -> None:
    put_deal(warehouse, "a", "04-02 amount 10 owner u1 due 05-20", "05-03 owner u2 amount 12")
    bridge(warehouse)
    for name, value in (("_start", 10), ("_amount_up", 2), ("", 12)):
        found = warehouse.values(f"pipeline_bridge{name}", dimensions='{"owner":"u2"}')
        assert found[on(MAY)][2] == value
    assert on(MAY) not in warehouse.values("pipeline_bridge", dimensions='{"owner":"u1"}')
