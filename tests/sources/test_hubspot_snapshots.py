"""How a deal of HubSpot stood on each day: few records in, exact rows out."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hubspot_warehouse import Warehouse, record

from revops_pipelines.resources.sources.hubspot.options import HubSpotOptions

SALES = {
    "id": "default",
    "label": "Sales",
    "displayOrder": 0,
    "stages": [
        {
            "id": name,
            "label": name.title(),
            "displayOrder": place,
            "metadata": {"isClosed": closed, "probability": probability},
        }
        for place, (name, probability, closed) in enumerate(
            [
                ("demo", "0.2", "false"),
                ("offer", "0.6", "false"),
                ("won", "1.0", "true"),
                ("lost", "0.0", "true"),
            ]
        )
    ],
}
MADE = "2026-05-01T10:00:00.000Z"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    warehouse = Warehouse(tmp_path_factory.mktemp("hubspot"))
    yield warehouse
    warehouse.connection.close()


@pytest.fixture
def house(shared: Warehouse) -> Warehouse:
    """A warehouse that holds the pipeline alone."""
    shared.clear()
    shared.put("pipelines", [SALES])
    shared.put("account", [{"portalId": 1, "companyCurrency": "USD"}])
    return shared


def on(day: int, clock: str = "09:00:00.000", month: int = 5) -> str:
    return f"2026-{month:02d}-{day:02d}T{clock}Z"


def deal(identifier: str = "31", updated: str = on(30), **told: Any) -> dict[str, Any]:
    """A deal; lists are histories, oldest first, and text is a property as it stands."""
    history = {name: value[::-1] for name, value in told.items() if isinstance(value, list)}
    values = {name: entries[0][0] for name, entries in history.items()}
    values |= {name: value for name, value in told.items() if isinstance(value, str)}
    history.setdefault("pipeline", [("default", MADE)])
    values = {"pipeline": "default", "createdate": MADE, **values}
    return record(identifier, values, history=history, created=MADE, updated=updated)


def days(house: Warehouse, *columns: str) -> list[tuple[Any, ...]]:
    """(day of May, columns...) in order."""
    rows = sorted(house.offered("opportunity_snapshots"), key=lambda row: row["snapshot_on"])
    return [(row["snapshot_on"].day, *(row[name] for name in columns)) for row in rows]


def test_a_day_ends_with_its_last_word_and_quiet_days_have_none(house: Warehouse) -> None:
    late = on(9, "23:59:59.999")
    stages = [("demo", MADE), ("offer", on(3)), ("demo", on(3, "10:00:00.000"))]
    house.put(
        "deals",
        [
            deal(
                dealstage=[*stages, ("offer", on(5)), ("won", late)],
                amount=[("100", MADE), ("120.5", on(5))],
                closedate=[("2026-06-30T00:00:00Z", MADE), (on(9), late)],
                hubspot_owner_id=[("7", MADE), ("8", on(4))],
                deal_currency_code=[("EUR", MADE)],
                hs_manual_forecast_category=[("PIPELINE", MADE), ("COMMIT", on(5))],
                hs_deal_stage_probability=[("0.2", MADE), ("0.75", on(5)), ("1", on(9))],
            )
        ],
    )
    assert days(house, "stage", "amount", "currency", "close_on", "owner_id") == [
        (1, "demo", "100.00", "EUR", "2026-06-30", "hubspot:7"),
        (4, "demo", "100.00", "EUR", "2026-06-30", "hubspot:8"),
        (5, "offer", "120.50", "EUR", "2026-06-30", "hubspot:8"),
        (9, "won", "120.50", "EUR", "2026-05-09", "hubspot:8"),
    ]
    assert days(house, "forecast_category", "probability", "is_closed", "is_won") == [
        (1, "pipeline", 0.2, False, False),
        (4, "pipeline", 0.2, False, False),
        (5, "commit", 0.75, False, False),
        (9, "closed", 1, True, True),
    ]
    assert days(house, "opportunity_id", "pipeline", "source_id", "_updated_at")[1] == (
        4,
        "hubspot:31",
        "default",
        "31:2026-05-04",
        datetime(2026, 5, 4, 9),
    )


def test_what_was_emptied_is_empty_and_spelling_is_no_change(house: Warehouse) -> None:
    amounts = [("1200", on(2)), ("1200.00", on(3)), ("", on(4)), ("900", on(6))]
    house.put("deals", [deal(dealstage=[("demo", MADE)], amount=amounts)])
    assert days(house, "amount") == [(1, None), (2, "1200.00"), (4, None), (6, "900.00")]


def test_lost_is_omitted_and_reopened_is_forecast_again(house: Warehouse) -> None:
    stages = [("offer", MADE), ("lost", on(4)), ("offer", on(6))]
    said = [("BEST_CASE", MADE)]
    house.put("deals", [deal(dealstage=stages, hs_manual_forecast_category=said)])
    assert days(house, "forecast_category", "is_closed", "is_won") == [
        (1, "best_case", False, False),
        (4, "omitted", True, False),
        (6, "best_case", False, False),
    ]


def test_categories_of_ones_own_need_a_word(tmp_path: Any) -> None:
    house = Warehouse(tmp_path, HubSpotOptions(forecast_categories={"upside": "best_case"}))
    house.put("pipelines", [SALES])
    said = [("UPSIDE", MADE), ("COMMIT", on(4))]
    house.put("deals", [deal(dealstage=[("demo", MADE)], hs_manual_forecast_category=said)])
    assert days(house, "forecast_category") == [(1, "best_case"), (4, None)]
    house.connection.close()


def test_without_a_chance_of_its_own_a_deal_has_its_stages(house: Warehouse) -> None:
    house.put("deals", [deal(dealstage=[("demo", MADE), ("offer", on(3))])])
    assert days(house, "probability") == [(1, 0.2), (3, 0.6)]


def test_without_history_the_versions_that_we_saw_tell(house: Warehouse) -> None:
    """What was seen first was so from the beginning."""
    for amount, day in (("50", 10), ("70", 20)):
        told = deal(dealstage=[("demo", MADE)], amount=amount, updated=on(day))
        house.put("deals", [told], at=datetime(2026, 5, day, 12, tzinfo=UTC))
    assert days(house, "amount") == [(1, "50.00"), (20, "70.00")]


def test_a_history_that_begins_late_does_not_know_what_was_before(house: Warehouse) -> None:
    house.put("deals", [deal(dealstage=[("offer", on(4))], amount=[("80", on(4))])])
    assert days(house, "stage", "amount", "is_closed") == [
        (1, None, None, False),
        (4, "offer", "80.00", False),
    ]


def test_what_is_told_of_before_the_creation_was_so_at_the_creation(house: Warehouse) -> None:
    """A creation date can be edited."""
    stages = [("demo", on(2, month=4)), ("offer", on(5, month=4)), ("won", on(6))]
    house.put("deals", [deal(dealstage=stages)])
    assert days(house, "stage") == [(1, "offer"), (6, "won")]


def test_a_deleted_deal_has_rows_up_to_its_deletion(house: Warehouse) -> None:
    stages = [("demo", MADE), ("offer", on(6)), ("won", on(8))]
    gone = datetime(2026, 5, 6, 15, tzinfo=UTC)
    house.put("deals", [deal(dealstage=stages, updated=on(6))], [("31", gone, "archived")])
    assert days(house, "stage", "_deleted_at") == [
        (1, "demo", datetime(2026, 5, 6, 15)),
        (6, "offer", datetime(2026, 5, 6, 15)),
    ]


def test_a_merged_deal_goes_on_as_the_one_that_was_kept(house: Warehouse) -> None:
    kept = deal("32", dealstage=[("demo", MADE)], hs_merged_object_ids="31")
    house.put("deals", [deal("31", dealstage=[("offer", MADE)]), kept])
    assert {row["opportunity_id"] for row in house.offered("opportunity_snapshots")} == {
        "hubspot:32"
    }


def test_a_move_to_another_pipeline_is_a_change_of_both(house: Warehouse) -> None:
    renewals = SALES | {"id": "77", "label": "Renewals", "stages": SALES["stages"][:1]}
    house.put("pipelines", [SALES, renewals])
    stages, lines = [("demo", MADE), ("offer", on(3))], [("77", MADE), ("default", on(3))]
    house.put("deals", [deal(dealstage=stages, pipeline=lines)])
    assert days(house, "pipeline", "stage") == [(1, "77", "demo"), (3, "default", "offer")]


def test_a_day_of_closing_in_milliseconds(house: Warehouse) -> None:
    when = [("1782777600000", MADE)]
    house.put("deals", [deal(dealstage=[("demo", MADE)], closedate=when)])
    assert days(house, "close_on") == [(1, "2026-06-30")]


def test_what_hubspot_keeps_no_longer_we_saw_before(tmp_path: Any) -> None:
    """Three values are kept; of a shorter history nothing was cut off, but taken back."""
    house = Warehouse(tmp_path, HubSpotOptions(kept_values=3))
    house.put("pipelines", [SALES])
    stages = [("demo", MADE), ("offer", on(3)), ("demo", on(5)), ("offer", on(7)), ("won", on(9))]
    amounts = [("10", MADE), ("20", on(4)), ("30", on(6))]
    for last in (3, 4, 5):
        told = deal(dealstage=stages[last - 3 : last], amount=amounts[:2], updated=on(10 + last))
        house.put("deals", [told], at=datetime(2026, 5, 10 + last, 12, tzinfo=UTC))
    short = deal(dealstage=stages[2:], amount=amounts[1:2], updated=on(20))
    house.put("deals", [short], at=datetime(2026, 5, 20, 12, tzinfo=UTC))
    assert days(house, "stage", "amount") == [
        (1, "demo", None),
        (3, "offer", None),
        (4, "offer", "20.00"),
        (5, "demo", "20.00"),
        (7, "offer", "20.00"),
        (9, "won", "20.00"),
    ]
    assert len(house.offered("opportunity_stage_history")) == 5
    house.connection.close()
