"""forecast_accuracy: what was known at the horizon, against what was won."""

from __future__ import annotations

from typing import Any

from deal_days import put_deal
from metric_warehouse import METRICS, Warehouse, at, on

MAY = on("2026-05-01")  # Known on 1 May, 30 days before the end of 31 May.


def shown(warehouse: Warehouse, suffix: str = "", columns: str = "numerator, denominator") -> Any:
    warehouse.build("forecast_accuracy")
    for identity in METRICS["forecast_accuracy"].identities:
        assert warehouse.rows(identity.broken) == []
    return warehouse.values(f"forecast_accuracy{suffix}", columns=columns).get(MAY)


def told(warehouse: Warehouse, deal: str) -> tuple[Any, ...]:
    """Commit, most likely, best case, weighted, actual of a deal in May."""
    rows = warehouse.rows(
        "SELECT commit_amount, most_likely_amount, best_case_amount, weighted_amount, "
        "actual_amount FROM metrics.forecast_accuracy WHERE grain = 'month' "
        f"AND period_start_on = DATE '2026-05-01' AND opportunity_id = '{deal}'"
    )
    return tuple(map(int, rows[0])) if rows else ()


def test_categories_are_cumulative_whatever_they_are_called(warehouse: Warehouse) -> None:
    names = (
        "commit",
        "Committed",
        "Forecast",
        "most_likely",
        "MostLikely",
        "BEST_CASE",
        "Best Case",
    )
    for number, name in enumerate((*names, "pipeline", "omitted", "none")):
        word = name.replace(" ", "-")
        put_deal(warehouse, name, f"04-10 amount {2**number} due 05-20 category {word}")
    shown(warehouse)
    assert [told(warehouse, name)[:3] for name in names] == [
        (1, 1, 1), (2, 2, 2), (4, 4, 4), (0, 8, 8), (0, 16, 16), (0, 0, 32), (0, 0, 64),
    ]  # fmt: skip
    assert told(warehouse, "pipeline")[:3] == (0, 0, 0)


def test_what_was_known_at_the_horizon_counts(warehouse: Warehouse) -> None:
    put_deal(
        warehouse, "later pushed", "04-10 amount 5 due 05-20 category commit", "05-02 due 06-20"
    )
    put_deal(warehouse, "later committed", "04-10 amount 7 due 05-20", "05-02 category commit")
    put_deal(warehouse, "due elsewhere", "04-10 amount 9 due 06-20 category commit")
    put_deal(warehouse, "won by then", "04-10 amount 11 due 05-20", "05-01 amount 13 won")
    put_deal(warehouse, "won before", "04-10 amount 17 due 05-20", "04-30 won")
    put_deal(warehouse, "won later", "04-10 amount 19 due 08-20", "05-30 amount 20 won")
    put_deal(warehouse, "created later", "05-10 amount 23 due 05-20", "05-30 won")
    assert shown(warehouse, columns="denominator - numerator, denominator") == (
        abs(5 + 13 - (13 + 20 + 23)),
        13 + 20 + 23,
    )


def test_nothing_won_has_no_value_and_says_so(warehouse: Warehouse) -> None:
    put_deal(warehouse, "a", "04-10 amount 5 due 05-20 category commit", "05-20 lost")
    assert shown(warehouse, columns="value, numerator, denominator, n") == (None, -5, 0, 1)


def test_errors_of_owners_do_not_net(warehouse: Warehouse) -> None:
    line = "04-10 amount 100 due 05-20 category commit owner"
    put_deal(warehouse, "too high", f"{line} u1", "05-20 lost")
    put_deal(warehouse, "right", f"{line} u2", "05-20 won")
    put_deal(warehouse, "too low", "04-10 amount 100 due 05-20 owner u3", "05-20 won")
    assert shown(warehouse, columns="value") == (1,)
    assert shown(warehouse, "_wape", columns="numerator, denominator, n") == (200, 200, 3)
    assert shown(warehouse, "_wape", columns="value") == (1,)


def test_the_error_is_that_of_who_forecast_it(warehouse: Warehouse) -> None:
    put_deal(
        warehouse, "a", "04-10 amount 10 due 05-20 category commit owner u1", "05-10 owner u2 won"
    )
    shown(warehouse)
    assert warehouse.value("forecast_accuracy", "2026-05-01", dimensions='{"owner":"u1"}') == 1


def test_weighted_by_what_the_stage_came_to(warehouse: Warehouse) -> None:
    for number in range(20):
        outcome = "won" if number < 5 else "lost"
        put_deal(warehouse, f"b{number}", "02-10 stage s2 due 03-20", f"03-20 {outcome}")
    put_deal(warehouse, "to come", "04-10 stage s2 due 06-20", "05-02 won")
    put_deal(warehouse, "renewed", "02-10 stage s2 due 03-20", "03-20 won", kind="renewal")
    for number in range(20):
        put_deal(warehouse, f"c{number}", "02-10 stage s1 due 03-20", "03-20 won")
    put_deal(warehouse, "in s2", "04-10 stage s2 amount 1000 due 05-20")
    put_deal(warehouse, "in s9", "04-10 stage s9 amount 1000 due 05-20")
    shown(warehouse)
    assert told(warehouse, "in s2")[3] == 250
    assert told(warehouse, "in s9")[3] == 625  # Of all: 25 of 40.


def test_the_chance_that_the_system_told_comes_first(warehouse: Warehouse) -> None:
    put_deal(warehouse, "a", "04-10 amount 1000 due 05-20 chance 0.9", "05-02 chance 0.1")
    put_deal(warehouse, "no chance", "04-10 amount 1000 due 05-20 chance 0")
    put_deal(warehouse, "won by then", "04-10 amount 70 due 05-20 chance 0.9", "05-01 won")
    shown(warehouse)
    assert [told(warehouse, deal)[3] for deal in ("a", "no chance", "won by then")] == [900, 0, 70]
    assert shown(warehouse, "_weighted", columns="n, excluded") == (3, "{}")


def test_without_decisions_there_is_no_chance(warehouse: Warehouse) -> None:
    put_deal(warehouse, "a", "04-10 amount 5 due 05-20 category commit")
    put_deal(warehouse, "won", "04-10 amount 8 due 05-20", "05-30 won")
    assert shown(warehouse, columns="n, excluded") == (2, "{}")
    assert shown(warehouse, "_weighted", columns="n, excluded") is None


def test_no_history_is_told(warehouse: Warehouse) -> None:
    put_deal(warehouse, "known", "04-10 amount 5 due 05-20", "05-20 won")
    put_deal(warehouse, "begins late", "05-05 due 05-20", created_at=at("2026-03-01 09:00"))
    closed = {"is_closed": True, "is_won": True, "amount": 3, "created_at": at("2026-03-01 09:00")}
    for deal, day in (("in may", "05-20"), ("on day one", "05-01"), ("before", "04-20")):
        warehouse.put(
            "opportunities",
            closed | {"opportunity_id": deal, "closed_at": at(f"2026-{day} 09:00")},
        )
    assert shown(warehouse, columns="n, excluded") == (1, '{"no_history":3}')


def test_a_history_that_begins_with_won_deals_is_no_forecast(warehouse: Warehouse) -> None:
    put_deal(warehouse, "there", "04-01 due 05-20")
    put_deal(
        warehouse,
        "won long ago",
        "05-01 amount 50 won",
        created_at=at("2026-01-01 09:00"),
        closed_at=at("2026-02-01 09:00"),
    )
    shown(warehouse)
    assert told(warehouse, "won long ago") == ()


def test_left_out(warehouse: Warehouse) -> None:
    put_deal(warehouse, "renewal", "04-10 due 05-20", "05-20 won", kind="renewal")
    put_deal(warehouse, "unpriced", "04-10 due 05-20", "05-20 won amount none")
    put_deal(warehouse, "chf", "04-10 due 05-20 currency CHF", "05-20 won")
    put_deal(warehouse, "kept", "04-10 due 05-20", "05-20 won")
    found = shown(warehouse, columns="n, excluded")
    assert found == (1, '{"missing_rate":1,"no_amount":1,"renewal":1}')


def test_a_running_period_is_immature_and_one_before_its_horizon_absent(
    warehouse: Warehouse,
) -> None:
    put_deal(warehouse, "a", "04-10 amount 5 due 06-20 category commit", "06-20 won")
    warehouse.build("forecast_accuracy")
    june = warehouse.values("forecast_accuracy", columns="value, is_mature")
    assert june == {on("2026-06-01"): (1, False)}
    quarters = warehouse.values("forecast_accuracy", "quarter", columns="value")
    assert quarters == {on("2026-04-01"): (1,)}
