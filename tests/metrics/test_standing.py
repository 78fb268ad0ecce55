"""Which metrics rest on something stale, and what those without values lack."""

from __future__ import annotations

from datetime import timedelta

from metric_warehouse import METRICS, Warehouse, at

from revops_pipelines.engine.metrics.standing import Standing, read_standing, write_standing

FEEDS = {"opportunities": [("crm", "deals")], "accounts": [("crm", "companies")]}
DAY = timedelta(hours=26)


def load(warehouse: Warehouse, stream: str, loaded_at: str) -> None:
    warehouse.connection.execute(
        "INSERT INTO ops.loads BY NAME SELECT 'l' AS load_id, 'crm' AS source, ? AS stream, "
        "'r' AS run_id, 0 AS rows_read, 0 AS rows_changed, 0 AS rows_deleted, "
        "CAST(? AS TIMESTAMP) AS loaded_at",
        [stream, at(loaded_at)],
    )


def standing(warehouse: Warehouse) -> dict[str, Standing]:
    found = write_standing(warehouse.connection, METRICS.values(), FEEDS, DAY)
    told = read_standing(warehouse.connection)
    assert told == {each.metric: each for each in found}
    return told


def sold(warehouse: Warehouse) -> None:
    warehouse.put(
        "opportunities",
        {
            "opportunity_id": "a",
            "created_at": at("2026-01-01 00:00"),
            "closed_at": at("2026-05-06 10:00"),
            "is_closed": True,
            "is_won": True,
            "amount": 10,
        },
    )
    warehouse.build("win_rate", "mrr", "mrr_movements", "net_revenue_retention")


def test_a_metric_without_values_says_what_it_lacks(warehouse: Warehouse) -> None:
    sold(warehouse)
    load(warehouse, "deals", "2026-06-30 02:30")
    told = standing(warehouse)
    assert told["win_rate"].lacks == ()
    assert "conformed.subscription_periods" in told["mrr"].lacks
    # What it reads through another metric's table counts as its own.
    assert "conformed.subscription_periods" in told["net_revenue_retention"].lacks
    assert told["win_rate_value"].has_values


def test_the_oldest_of_the_last_loads_decides(warehouse: Warehouse) -> None:
    sold(warehouse)
    load(warehouse, "deals", "2026-06-20 02:30")
    load(warehouse, "deals", "2026-06-30 02:30")
    load(warehouse, "companies", "2026-06-29 10:00")
    assert not standing(warehouse)["win_rate"].is_stale
    warehouse.connection.execute("DELETE FROM ops.loads WHERE stream = 'companies'")
    load(warehouse, "companies", "2026-06-29 09:59")
    told = standing(warehouse)["win_rate"]
    assert told.is_stale
    assert told.stale_inputs == ("conformed.accounts of crm",)
    assert told.oldest_input_at == at("2026-06-29 09:59")


def test_what_nothing_feeds_is_not_stale(warehouse: Warehouse) -> None:
    sold(warehouse)
    told = standing(warehouse)["win_rate"]
    assert (told.is_stale, told.oldest_input_at) == (False, None)
