"""What the tests of every CRM's snapshots share: rows as offered, in the truth's words.

Belongs here: the form in which both are compared. Does not: any expectation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from first_touches import utc

SEEDS = (7, 11, 23)
Row = Mapping[str, Any]
SAME = ("currency", "forecast_category", "is_closed", "is_won")


def as_offered(rows: Iterable[Row]) -> set[tuple[Any, ...]]:
    """Rows of an offer."""
    return {
        (
            row["opportunity_id"],
            row["snapshot_on"],
            row["pipeline"],
            row["stage"],
            _number(row["amount"]),
            str(row["close_on"]),
            _number(row["probability"]),
            row["owner_id"],
            *(row[name] for name in SAME),
            utc(row["_deleted_at"]),
        )
        for row in rows
    }


def as_true(
    rows: Iterable[Row],
    deal: Callable[[str], str],
    stage: Callable[[Row], tuple[str, str]],
    owner: Callable[[str], str],
    moment: Callable[[datetime | None], datetime | None],
) -> set[tuple[Any, ...]]:
    """Rows of the truth in a vendor's names: of deals, pipelines and stages, owners."""
    return {
        (
            deal(row["deal_id"]),
            row["snapshot_on"],
            *stage(row),
            row["amount"],
            str(row["close_on"]),
            row["probability"],
            owner(row["owner_hubspot_id"]),
            *(row[name] for name in SAME),
            moment(row["deleted_at"]),
        )
        for row in rows
    }


def _number(value: Any) -> Decimal | None:
    return None if value is None else Decimal(str(value))
