"""bookings: the worth of what was signed in a period."""

from __future__ import annotations

from revops_pipelines.assets.metrics._deals import DEAL_FRAGMENTS, DEAL_INPUTS, MONEY_DIMENSIONS
from revops_pipelines.engine.metrics.declaration import Example, Metric, Ratio, Series

# Renewals are signed too; the metrics of winning leave them out, this one does not.
SIGNED = """
SELECT
  closed_on AS fact_on,
  COALESCE(NULLIF(excluded, 'renewal'), excluded_money{more}) AS excluded,
  opportunity_id,
  segment, industry, region, owner, team, channel, kind, currency,
  amount
FROM deals
WHERE is_won
"""


def _series(metric: str, title: str, more: str = "") -> Series:
    return Series(
        metric=metric,
        title=title,
        unit="money",
        facts=SIGNED.replace("{more}", more),
        subject="opportunity_id",
        fragments=DEAL_FRAGMENTS,
        rollup=Ratio(numerator="SUM(amount)"),
        dimensions=MONEY_DIMENSIONS,
    )


METRIC = Metric(
    name="bookings",
    title="Bookings",
    stage="execute",
    owner="sales",
    format="money",
    better="higher",
    formula="sum of the amounts of deals won in the period, at the rate of the month of closing",
    meaning=(
        "What customers committed to in the period: the amounts of all deals that were won in it, "
        "new, expansion, renewal and other business, which the breakdown by kind keeps apart. "
        "Beside it new and expansion alone. What these signatures did to recurring revenue, less "
        "what was lost, is `net_new_arr`."
    ),
    excludes=(
        "deals deleted at the source, and deals of exactly zero",
        "deals without amount or currency, or in a currency without a rate of exchange",
        "a deal that was reopened and is no longer won",
    ),
    differs=(
        "Billings are what was invoiced and revenue is what was delivered; a booking is the "
        "commitment, on the day it was made "
        "(https://churnzero.com/churnopedia/bookings-billings-revenue/).",
        "Articles sum new, expansion and reactivated recurring revenue less contraction and churn "
        "under this name; that sum has no signature in it and is `net_new_arr` here.",
    ),
    inputs=DEAL_INPUTS,
    series=(
        _series("bookings", "Bookings"),
        _series(
            "bookings_new_business",
            "Bookings, new and expansion",
            ", CASE WHEN kind NOT IN ('new', 'expansion') THEN kind END",
        ),
    ),
    example=Example(
        story=(
            "In May two deals are won, one new for 12,000 and one renewal for 5,000, and one is "
            "lost: bookings are 17,000, of which new business 12,000."
        ),
        tables={
            "opportunities": """
            opportunity_id | kind | amount | created_at | closed_at | is_closed | is_won
            a | new     | 12000 | 2026-03-01 | 2026-05-04 | true | true
            b | renewal | 5000  | 2026-03-01 | 2026-05-20 | true | true
            c | new     | 9000  | 2026-03-01 | 2026-05-21 | true | false
            """,
        },
        results=(
            ("bookings", "2026-05-01", "17000"),
            ("bookings_new_business", "2026-05-01", "12000"),
        ),
    ),
)
