"""How an opportunity of Dynamics stood on each day: few rows in, exact rows out."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from dynamics_warehouse import LABEL, TABLE, Row, Warehouse

ADA, BOB = "u-ada", "u-bob"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    warehouse = Warehouse(tmp_path_factory.mktemp("dynamics"))
    yield warehouse
    warehouse.connection.close()


@pytest.fixture
def house(shared: Warehouse) -> Warehouse:
    """A warehouse that holds users and currencies alone."""
    shared.clear()
    shared.put("systemusers", [row("systemuserid", each, accessmode=0) for each in (ADA, BOB)])
    shared.put("organizations", [row("organizationid", "1", _basecurrencyid_value="c-usd")])
    money = [row("transactioncurrencyid", f"c-{each}", isocurrencycode=each) for each in MONEY]
    shared.put("transactioncurrencies", money)
    return shared


MONEY = ("usd", "eur")


def on(day: int, clock: str = "09:00:00") -> str:
    return f"2026-05-{day:02d}T{clock}Z"


def row(key: str, identifier: str, modified: str = on(30), **columns: Any) -> Row:
    told = {
        name.replace("__label", LABEL).replace("__table", TABLE): value
        for name, value in columns.items()
    }
    return {"@odata.etag": "1", key: identifier, "createdon": on(1), "modifiedon": modified, **told}


def deal(modified: str = on(30), **columns: Any) -> Row:
    given = {
        "statecode": 0,
        "stepname": "1-Demo",
        "new_pipeline": 1,
        "estimatedvalue": 50.0,
        "estimatedclosedate": "2026-06-30",
        "closeprobability": 20,
        "msdyn_forecastcategory": 100000001,
        "msdyn_forecastcategory__label": "Pipeline",
        "_ownerid_value": ADA,
        "_ownerid_value__table": "systemuser",
    }
    return row("opportunityid", "o1", modified, **{**given, **columns})


def audit(
    number: int, at: str, operation: int = 2, **changes: tuple[str | None, str | None]
) -> Row:
    """An audit; changes are (before, after) by column."""
    changed = ", ".join(
        f'{{"logicalName": "{name}", "oldValue": {_json(before)}, "newValue": {_json(after)}}}'
        for name, (before, after) in changes.items()
    )
    return {
        "auditid": f"a{number}",
        "createdon": at,
        "operation": operation,
        "objecttypecode": "opportunity",
        "_objectid_value": "o1",
        "changedata": f'{{"changedAttributes": [{changed}]}}',
    }


def _json(text: str | None) -> str:
    return "null" if text is None else f'"{text}"'


def days(house: Warehouse, *columns: str) -> list[tuple[Any, ...]]:
    """(day of May, columns...) in order."""
    rows = sorted(house.offered("opportunity_snapshots"), key=lambda each: each["snapshot_on"])
    return [(each["snapshot_on"].day, *(each[name] for name in columns)) for each in rows]


def test_a_day_ends_with_its_last_word_and_quiet_days_have_none(house: Warehouse) -> None:
    beginning = {
        "statecode": (None, "0"),
        "stepname": (None, "1-Demo"),
        "new_pipeline": (None, "1"),
        "estimatedvalue": (None, "50.0000"),
        "estimatedclosedate": (None, "06/30/2026 00:00:00"),
        "ownerid": (None, f"systemuser,{ADA}"),
        "msdyn_forecastcategory": (None, "100000001"),
        "closeprobability": (None, "20"),
    }
    promised = {"msdyn_forecastcategory": ("100000001", "100000003")}
    house.put(
        "opportunities",
        [
            deal(
                statecode=1,
                stepname="2-Offer",
                actualvalue=110.0,
                actualclosedate="2026-05-09",
                estimatedvalue=120.5,
                closeprobability=100,
                _ownerid_value=BOB,
                _transactioncurrencyid_value="c-eur",
            )
        ],
    )
    house.put(
        "audits",
        [
            audit(1, on(1), 1, **beginning),
            audit(2, on(3), stepname=("1-Demo", "2-Offer")),
            audit(3, on(3, "10:00:00"), stepname=("2-Offer", "1-Demo")),
            audit(4, on(4), ownerid=(f"systemuser,{ADA}", f"systemuser,{BOB}")),
            audit(5, on(5), stepname=("1-Demo", "2-Offer"), estimatedvalue=("50", "120.5")),
            audit(6, on(5), **promised, closeprobability=("20", "75")),
            audit(7, on(9, "23:59:59"), statecode=("0", "1"), closeprobability=("75", "100")),
            audit(8, on(9, "23:59:59"), actualclosedate=(None, "05/09/2026 00:00:00")),
        ],
    )
    assert days(house, "stage", "amount", "currency", "close_on", "owner_id") == [
        (1, "1-Demo", "50.00", "EUR", "2026-06-30", f"dynamics:{ADA}"),
        (4, "1-Demo", "50.00", "EUR", "2026-06-30", f"dynamics:{BOB}"),
        (5, "2-Offer", "120.50", "EUR", "2026-06-30", f"dynamics:{BOB}"),
        (9, "won", "110.00", "EUR", "2026-05-09", f"dynamics:{BOB}"),
    ]
    assert days(house, "forecast_category", "probability", "is_closed", "is_won") == [
        (1, "pipeline", 0.2, False, False),
        (4, "pipeline", 0.2, False, False),
        (5, "commit", 0.75, False, False),
        (9, "closed", 1.0, True, True),
    ]
    assert days(house, "opportunity_id", "pipeline", "source_id", "_updated_at")[2] == (
        5,
        "dynamics:o1",
        "1",
        "o1:2026-05-05",
        datetime(2026, 5, 5, 9),
    )


def test_the_first_audit_says_what_was_before_it(house: Warehouse) -> None:
    """Auditing was switched on late."""
    house.put("opportunities", [deal(estimatedvalue=80.0)])
    house.put("audits", [audit(1, on(7), estimatedvalue=("60", "80"))])
    assert days(house, "amount", "close_on") == [
        (1, "60.00", "2026-06-30"),
        (7, "80.00", "2026-06-30"),
    ]


def test_a_column_that_was_filled_late_was_empty_before(house: Warehouse) -> None:
    house.put("opportunities", [deal()])
    house.put("audits", [audit(1, on(7), estimatedvalue=(None, "50"))])
    assert days(house, "amount") == [(1, None), (7, "50.00")]


def test_columns_that_nobody_audits_are_told_by_the_versions_that_we_saw(house: Warehouse) -> None:
    """What was seen first was so from the beginning."""
    house.put("audits", [audit(1, on(1), 1, statecode=(None, "0"), stepname=(None, "1-Demo"))])
    for amount, owner, day in ((50.0, ADA, 10), (70.0, BOB, 20)):
        told = deal(on(day), estimatedvalue=amount, _ownerid_value=owner)
        house.put("opportunities", [told], at=datetime(2026, 5, day, 12, tzinfo=UTC))
    assert days(house, "amount", "owner_id") == [
        (1, "50.00", f"dynamics:{ADA}"),
        (20, "70.00", f"dynamics:{BOB}"),
    ]


def test_a_closing_tells_what_was_won_and_when(house: Warehouse) -> None:
    """The row was changed again before we saw it, and nobody audits."""
    seen = datetime(2026, 5, 5, 12, tzinfo=UTC)
    house.put("opportunities", [deal(on(2))], at=seen)
    won = {"statecode": 1, "actualvalue": 45.0, "actualclosedate": "2026-05-09"}
    house.put("opportunities", [deal(on(12), **won)])
    closing = {"actualend": on(9), "opportunitystatecode": 1, "_opportunityid_value": "o1"}
    house.put("opportunitycloses", [row("activityid", "x", actualrevenue=45.0, **closing)])
    assert days(house, "stage", "amount", "close_on") == [
        (1, "1-Demo", "50.00", "2026-06-30"),
        (9, "won", "45.00", "2026-05-09"),
    ]


def test_lost_and_reopened(house: Warehouse) -> None:
    house.put("opportunities", [deal()])
    house.put(
        "audits",
        [
            audit(1, on(1), 1, statecode=(None, "0"), stepname=(None, "1-Demo")),
            audit(2, on(4), statecode=("0", "2"), actualclosedate=(None, "05/03/2026 00:00:00")),
            audit(3, on(6), statecode=("2", "0"), actualclosedate=("05/03/2026 00:00:00", None)),
        ],
    )
    assert days(house, "stage", "forecast_category", "close_on", "is_closed") == [
        (1, "1-Demo", "pipeline", "2026-06-30", False),
        (4, "lost", "omitted", "2026-05-03", True),
        (6, "1-Demo", "pipeline", "2026-06-30", False),
    ]


def test_a_deleted_opportunity_has_rows_up_to_its_deletion(house: Warehouse) -> None:
    """The delta says that it is gone; the audit when."""
    night = datetime(2026, 5, 7, 2, tzinfo=UTC)
    house.put("opportunities", [deal(on(5), stepname="2-Offer")], [("o1", night, "deleted")])
    house.put(
        "audits",
        [
            audit(1, on(1), 1, statecode=(None, "0"), stepname=(None, "1-Demo")),
            audit(2, on(5), stepname=("1-Demo", "2-Offer")),
            {**audit(3, on(6, "15:00:00"), 3), "changedata": None},
        ],
    )
    assert days(house, "stage", "_deleted_at") == [
        (1, "1-Demo", datetime(2026, 5, 6, 15)),
        (5, "2-Offer", datetime(2026, 5, 6, 15)),
    ]


@pytest.mark.parametrize(
    ("value", "label", "ours"),
    [
        (100000004, "Omitted", "omitted"),
        (100000002, "Bester Fall", "best_case"),
        (7, "Committed", "commit"),
        (8, "Of our own", None),
        (None, None, None),
    ],
)
def test_forecast_categories_by_label_or_number(
    house: Warehouse, value: int | None, label: str | None, ours: str | None
) -> None:
    told = {"msdyn_forecastcategory": value, "msdyn_forecastcategory__label": label}
    house.put("opportunities", [deal(**told)])
    assert days(house, "forecast_category") == [(1, ours)]
