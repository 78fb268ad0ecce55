"""Amounts that Salesforce states and that other amounts of it must add up to.

Belongs here: what is compared after a sync. Does not: comparing (`engine/ingest/sums.py`).

An opportunity with products has their sum as its amount, and nobody can type another one:
https://developer.salesforce.com/docs/atlas.en-us.object_reference.meta/object_reference/sforce_api_objects_opportunity.htm
"""

from __future__ import annotations

from typing import Any

from revops_pipelines.engine.declarations import Sum

_LINES = """
    SELECT o.id, o.payload ->> '$.CurrencyIsoCode' AS currency,
           TRY_CAST(o.amount AS DECIMAL(18,2)) AS expected,
           sum(TRY_CAST(l.total_price AS DECIMAL(18,2)))::DECIMAL(18,2) AS actual
    FROM raw.@source__opportunities o
    JOIN raw.@source__opportunity_line_items l
      ON l.opportunity_id = o.id AND l._deleted_at IS NULL
    WHERE o._deleted_at IS NULL AND TRY_CAST(o.payload ->> '$.HasOpportunityLineItem' AS BOOLEAN)
    GROUP BY ALL"""

SUMS = (
    Sum(
        "opportunity_products",
        "An opportunity's amount is the sum of its products, where it has any.",
        ("opportunities", "opportunity_line_items"),
        _LINES,
    ),
)


def sums(options: Any) -> tuple[Sum, ...]:
    """All of them, whatever the options."""
    return SUMS
