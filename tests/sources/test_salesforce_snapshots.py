"""How an opportunity of Salesforce stood on each day: few records in, exact rows out."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from salesforce_warehouse import Row, Warehouse, record

ADA, BOB, ROBOT = "005A0000000000001A", "005B0000000000002B", "005R0000000000003R"
DEAL = "006D0000000000001D"
NEW, RENEWAL = "012N0000000000001N", "012R0000000000002R"
STAGES = [
    {"Id": f"01J{place}", "ApiName": name, "MasterLabel": name, "SortOrder": place}
    | {"DefaultProbability": chance, "IsClosed": is_closed, "IsWon": is_won}
    for place, (name, chance, is_closed, is_won) in enumerate(
        [
            ("Demo", 20, False, False),
            ("Offer", 60, False, False),
            ("Won", 100, True, True),
            ("Lost", 0, True, False),
        ]
    )
]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    warehouse = Warehouse(tmp_path_factory.mktemp("salesforce"))
    yield warehouse
    warehouse.connection.close()


@pytest.fixture
def house(shared: Warehouse) -> Warehouse:
    """A warehouse that holds users and stages alone."""
    shared.clear()
    kinds = ((ADA, "Standard"), (BOB, "Standard"), (ROBOT, "CloudIntegrationUser"))
    shared.put("users", [record(each, Name=each, UserType=kind) for each, kind in kinds])
    shared.put("opportunity_stages", STAGES)
    return shared


def on(day: int, clock: str = "09:00:00") -> str:
    return f"2026-05-{day:02d}T{clock}.000Z"


def deal(updated: str = on(30), **fields: Any) -> Row:
    told = {
        "StageName": "Demo",
        "Amount": 50,
        "CloseDate": "2026-06-30",
        "RecordTypeId": NEW,
        "OwnerId": ADA,
        "IsClosed": False,
        "IsWon": False,
        "ForecastCategoryName": "Pipeline",
        "Probability": 20,
        "CurrencyIsoCode": "EUR",
    }
    return record(DEAL, created=on(1), updated=updated, **(told | fields))


def entry(number: int, when: str, stage: str, amount: float | None = 50, **fields: Any) -> Row:
    told = {"OpportunityId": DEAL, "CreatedDate": when, "StageName": stage, "Amount": amount}
    usual = {"CloseDate": "2026-06-30", "Probability": 20, "ForecastCategory": "Pipeline"}
    return {"Id": f"008{number:03d}", "IsDeleted": False, **told, **usual, **fields}


def change(number: int, when: str, field: str, old: str, new: str) -> Row:
    told = {"OpportunityId": DEAL, "Field": field, "OldValue": old, "NewValue": new}
    return {"Id": f"017{number:03d}", "CreatedDate": when, "IsDeleted": False, **told}


def days(house: Warehouse, *columns: str) -> list[tuple[Any, ...]]:
    """(day of May, columns...) in order."""
    rows = sorted(house.offered("opportunity_snapshots"), key=lambda row: row["snapshot_on"])
    return [(row["snapshot_on"].day, *(row[name] for name in columns)) for row in rows]


def test_a_day_ends_with_its_last_word_and_quiet_days_have_none(house: Warehouse) -> None:
    house.put("opportunities", [deal()])
    commit = {"Probability": 75, "ForecastCategory": "Forecast"}
    closed = {"Probability": 100, "ForecastCategory": "Closed", "CloseDate": "2026-05-09"}
    house.put(
        "opportunity_history",
        [
            entry(1, on(1), "Demo"),
            entry(2, on(3), "Offer"),
            entry(3, on(3, "10:00:00"), "Demo"),
            entry(4, on(5), "Offer", 120.5, **commit),
            # Saved again as it was.
            entry(5, on(6), "Offer", 120.5, **commit),
            entry(6, on(9, "23:59:59"), "Won", 120.5, **closed),
        ],
    )
    house.put(
        "opportunity_field_history",
        [
            change(1, on(4), "Owner", "Ada", "Bob"),
            change(2, on(4), "Owner", ADA, BOB),
            change(3, on(4), "StageName", "x", "y"),
        ],
    )
    assert days(house, "stage", "amount", "currency", "close_on", "owner_id") == [
        (1, "Demo", "50.00", "EUR", "2026-06-30", f"salesforce:{ADA}"),
        (4, "Demo", "50.00", "EUR", "2026-06-30", f"salesforce:{BOB}"),
        (5, "Offer", "120.50", "EUR", "2026-06-30", f"salesforce:{BOB}"),
        (9, "Won", "120.50", "EUR", "2026-05-09", f"salesforce:{BOB}"),
    ]
    assert days(house, "forecast_category", "probability", "is_closed", "is_won") == [
        (1, "pipeline", 0.2, False, False),
        (4, "pipeline", 0.2, False, False),
        (5, "commit", 0.75, False, False),
        (9, "closed", 1.0, True, True),
    ]
    assert days(house, "opportunity_id", "pipeline", "source_id", "_updated_at")[2] == (
        5,
        f"salesforce:{DEAL}",
        NEW,
        f"{DEAL}:2026-05-05",
        datetime(2026, 5, 5, 9),
    )


def test_changes_of_one_second_keep_their_order(house: Warehouse) -> None:
    house.put("opportunities", [deal()])
    history = [entry(1, on(1), "Demo"), entry(2, on(3), "Offer"), entry(3, on(3), "Lost", None)]
    house.put("opportunity_history", history)
    assert days(house, "stage", "amount", "forecast_category") == [
        (1, "Demo", "50.00", "pipeline"),
        (3, "Lost", None, "omitted"),
    ]


def test_a_move_to_another_record_type(house: Warehouse) -> None:
    house.put("opportunities", [deal()])
    history = [entry(1, on(1), "Demo"), entry(2, on(3), "Offer")]
    house.put("opportunity_history", history)
    house.put("opportunity_field_history", [change(1, on(3), "RecordType", RENEWAL, NEW)])
    assert days(house, "pipeline", "stage") == [(1, RENEWAL, "Demo"), (3, NEW, "Offer")]


def test_owners_that_nobody_tracks_are_told_by_the_versions_that_we_saw(house: Warehouse) -> None:
    """What was seen first was so from the beginning; a queue or a machine is nobody."""
    house.put("opportunity_history", [entry(1, on(1), "Demo")])
    for owner, day in ((ADA, 10), (BOB, 20), (ROBOT, 25)):
        seen = datetime(2026, 5, day, 12, tzinfo=UTC)
        house.put("opportunities", [deal(on(day), OwnerId=owner)], at=seen)
    assert days(house, "owner_id") == [
        (1, f"salesforce:{ADA}"),
        (20, f"salesforce:{BOB}"),
        (25, None),
    ]


def test_without_history_the_versions_that_we_saw_tell(house: Warehouse) -> None:
    for amount, chance, day in ((50, 20, 10), (70, 40, 20)):
        told = deal(on(day), Amount=amount, Probability=chance)
        house.put("opportunities", [told], at=datetime(2026, 5, day, 12, tzinfo=UTC))
    assert days(house, "stage", "amount", "probability", "forecast_category") == [
        (1, "Demo", "50.00", 0.2, "pipeline"),
        (20, "Demo", "70.00", 0.4, "pipeline"),
    ]


def test_a_deleted_opportunity_has_rows_up_to_its_deletion(house: Warehouse) -> None:
    gone = datetime(2026, 5, 6, 15, tzinfo=UTC)
    told = deal(on(6, "15:00:00"), IsDeleted=True)
    house.put("opportunities", [told], [(DEAL, gone, "deleted")])
    history = [entry(1, on(1), "Demo"), entry(2, on(6), "Offer"), entry(3, on(8), "Won")]
    house.put("opportunity_history", history)
    assert days(house, "stage", "_deleted_at") == [
        (1, "Demo", datetime(2026, 5, 6, 15)),
        (6, "Offer", datetime(2026, 5, 6, 15)),
    ]


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("Omitted", "omitted"),
        ("BestCase", "best_case"),
        ("MostLikely", "best_case"),
        ("Forecast", "commit"),
        ("Of Our Own", None),
    ],
)
def test_forecast_categories(house: Warehouse, theirs: str, ours: str | None) -> None:
    house.put("opportunities", [deal()])
    house.put("opportunity_history", [entry(1, on(1), "Demo", ForecastCategory=theirs)])
    assert days(house, "forecast_category") == [(1, ours)]
