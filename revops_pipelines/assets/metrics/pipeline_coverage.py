"""pipeline_coverage: how many times the open pipeline covers what is left of the target."""

from __future__ import annotations

from revops_pipelines.assets.metrics._coverage import COVERED, LOOKS
from revops_pipelines.assets.metrics._deal_history import HISTORY_FRAGMENTS, HISTORY_INPUTS
from revops_pipelines.assets.metrics._quotas import QUOTA_FRAGMENTS, QUOTA_INPUTS
from revops_pipelines.engine.metrics.declaration import (
    Benchmark,
    Example,
    Metric,
    Ratio,
    Series,
    each,
)

FRAGMENTS = (*HISTORY_FRAGMENTS, *QUOTA_FRAGMENTS, LOOKS, COVERED)
LEFT = "SUM(target_amount) - SUM(won_amount)"


def _facts(view: str, ahead: int, more: str = "") -> str:
    return f"""
SELECT
  grain, period_start_on, opportunity_id, excluded, owner, team,
  is_open, open_amount, won_amount, target_amount
FROM covered
WHERE view = '{view}' AND ahead = {ahead}{more}
"""


def _series(suffix: str, title: str, view: str, ahead: int) -> Series:
    return Series(
        metric=f"pipeline_coverage{suffix}",
        title=title,
        unit="times",
        facts=_facts(view, ahead),
        subject="opportunity_id",
        fragments=FRAGMENTS,
        rollup=Ratio(
            numerator="SUM(open_amount)",
            denominator=f"CASE WHEN {LEFT} > 0 THEN {LEFT} END",
            n="SUM(is_open)",
        ),
        grains=("month", "quarter"),
        dimensions=each("owner", "team"),
        is_placed=True,
    )


def _remaining(suffix: str, title: str, view: str) -> Series:
    return Series(
        metric=f"pipeline_coverage{suffix}",
        title=title,
        unit="money",
        facts=_facts(view, 0, " AND is_open = 0"),
        subject="opportunity_id",
        fragments=FRAGMENTS,
        rollup=Ratio(numerator=LEFT),
        grains=("month", "quarter"),
        dimensions=each("owner", "team"),
        is_placed=True,
    )


METRIC = Metric(
    name="pipeline_coverage",
    title="Pipeline coverage",
    stage="execute",
    owner="sales-operations",
    format="multiple",
    better="higher",
    meaning=(
        "Open pipeline expected to close in a period, divided by what was left of its target: the "
        "target less what was won in it so far. All as of the end of the period's fifth day, read "
        "from snapshots, so that periods compare; for the period itself, the next and the next but "
        "one. While a period runs, pipeline_coverage_now looks from the present day. Targets are "
        "quotas by days: of people, of a team where none of its people has one, of the company "
        "where nobody has. Once the target is reached, or where there is none, nothing is left to "
        "cover and there is no value: pipeline_coverage_remaining says what is left, below 0 what "
        "is over. Amounts are at the rate of the period's first month."
    ),
    formula="open pipeline due in the period / (target - won so far)",
    differs=(
        "Often it is open pipeline over the whole quota (atspark.com, Pipeline Coverage), which "
        "falls as deals are won; here the won leave both sides.",
        "The rule of 3x is the inverse of a win rate of a third "
        "(omegapoint.systems, pipeline coverage ratio): compare with one over your own win rate.",
    ),
    excludes=(
        "open deals whose close date has passed (overdue): nobody knows when they will close",
        "renewals",
        "deals whose history does not reach back to the day (no_history)",
        "amounts and targets without currency or rate of exchange; a deal without an amount "
        "counts as worth nothing",
    ),
    benchmark=Benchmark(
        text="2.4x for this quarter, 2.2x for the next, 1.0x for the next but one, on day 5",
        source="metric catalogue",
        value=2.4,
    ),
    inputs=(*HISTORY_INPUTS, *QUOTA_INPUTS),
    series=(
        _series("", "Pipeline coverage", "day_5", 0),
        _series("_next", "Pipeline coverage of the next period", "day_5", 1),
        _series("_next_but_one", "Pipeline coverage of the next period but one", "day_5", 2),
        _remaining("_remaining", "Left of the target", "day_5"),
        _series("_now", "Pipeline coverage, today", "now", 0),
        _series("_now_next", "Pipeline coverage of the next period, today", "now", 1),
        _remaining("_now_remaining", "Left of the target, today", "now"),
    ),
    example=Example(
        story=(
            "Ann's quota of the second quarter is 9,100, or 3,100 for the 31 days of May and "
            "3,000 for June. By 5 May she has won 600 in May, and 5,000 are open and due in it: "
            "5,000 / (3,100 - 600) = 2.0x. 4,500 are due in June, against 3,000: 1.5x. A deal of "
            "800 should have closed on 4 May and covers nothing."
        ),
        tables={
            "quotas": """
quota_id|user_id|period_start_on|period_end_on|amount|currency
q       |ann    |2026-04-01     |2026-07-01   |9100  |USD""",
            "opportunities": """
opportunity_id|owner_id|created_at      |amount|is_closed|is_won|closed_at
a             |ann     |2026-04-02 09:00|600   |true     |true  |2026-05-03 15:00
b             |ann     |2026-04-03 09:00|5000  |false    |false |
c             |ann     |2026-04-04 09:00|4500  |false    |false |
d             |ann     |2026-04-05 09:00|800   |false    |false |""",
            "opportunity_snapshots": """
opportunity_id|snapshot_on|amount|currency|owner_id|close_on  |is_closed|is_won
a             |2026-04-02 |600   |USD     |ann     |2026-05-20|false    |false
a             |2026-05-03 |600   |USD     |ann     |2026-05-03|true     |true
b             |2026-04-03 |5000  |USD     |ann     |2026-05-30|false    |false
c             |2026-04-04 |4500  |USD     |ann     |2026-06-25|false    |false
d             |2026-04-05 |800   |USD     |ann     |2026-05-04|false    |false""",
        },
        results=(
            ("pipeline_coverage", "2026-05-01", "2.0"),
            ("pipeline_coverage_next", "2026-05-01", "1.5"),
            ("pipeline_coverage_remaining", "2026-05-01", "2500"),
        ),
    ),
)
