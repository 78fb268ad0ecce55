"""slip_rate: of the deals due in a period, how many were put off to a later one."""

from __future__ import annotations

from revops_pipelines.assets.metrics._deal_history import (
    HISTORY_FRAGMENTS,
    HISTORY_INPUTS,
    as_of,
    unvalued,
    valued,
)
from revops_pipelines.assets.metrics._deals import MONEY_DIMENSIONS
from revops_pipelines.engine.metrics.declaration import (
    Detail,
    DetailColumn,
    Example,
    Fragment,
    Identity,
    Metric,
    Ratio,
    Series,
)

# One row per period and deal that was open and due in it as its first day began, with how it stood
# at the period's end; and per deal that was there then, without a history to tell.
DUE = Fragment(
    "due",
    f"""
WITH expected AS (
  SELECT periods.grain, periods.period_start_on, periods.period_end_on, periods.last_on, opening.*
  FROM deal_spans AS opening
  JOIN ops.period_days AS days ON days.day = opening.close_on
  JOIN deal_periods AS periods
    ON periods.grain = days.grain AND periods.period_start_on = days.period_start_on
  WHERE opening.state = 'open'
    AND opening.valid_from_on <= periods.opening_on
    AND opening.valid_to_on > periods.opening_on
), ended AS (
  SELECT
    expected.*,
    closing.state AS state_at_end,
    closing.close_on AS close_on_at_end,
    CASE
      WHEN closing.state <> 'open' THEN closing.state
      WHEN closing.close_on IS NULL OR closing.close_on >= expected.period_end_on THEN 'slipped'
      WHEN closing.close_on <= expected.last_on THEN 'overdue'
      ELSE 'due'
    END AS outcome
  FROM expected
  JOIN deal_spans AS closing
    ON closing.opportunity_id = expected.opportunity_id
    AND closing.valid_from_on <= expected.last_on
    AND closing.valid_to_on > expected.last_on
)
SELECT
  ended.grain,
  ended.period_start_on,
  ended.opportunity_id,
  COALESCE(
    ended.excluded,
    CASE WHEN ended.outcome = 'deleted' THEN 'deleted' END,
    CASE WHEN ended.local_amount = 0 THEN 'zero_amount' END
  ) AS excluded,
  COALESCE(
    CASE WHEN ended.local_amount IS NULL THEN 'no_amount' END,
    {unvalued("ended.local_amount", "ended.currency", "rates.rate")}
  ) AS excluded_money,
  ended.segment, ended.industry, ended.region, ended.owner, ended.team, ended.channel, ended.kind,
  ended.currency,
  ended.stage,
  {valued("ended.local_amount", "rates.rate")} AS amount,
  ended.close_on,
  ended.close_on_at_end,
  ended.outcome,
  SUM(CASE WHEN ended.outcome = 'slipped' THEN 1 ELSE 0 END) OVER (
    PARTITION BY ended.opportunity_id, ended.grain ORDER BY ended.period_start_on
    ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
  ) AS slips
FROM ended
LEFT JOIN rates
  ON rates.currency = ended.currency AND rates.month_start_on = ended.period_start_on
UNION ALL
SELECT
  deal_periods.grain,
  deal_periods.period_start_on,
  spans.opportunity_id,
  COALESCE(spans.excluded, 'no_history'),
  NULL,
  spans.segment, spans.industry, spans.region, spans.owner, spans.team, spans.channel, spans.kind,
  NULL, NULL, NULL, NULL, NULL, NULL, 0
FROM {as_of("deal_periods", "opening_on")}
WHERE spans.state = 'unknown'
""",
)
FRAGMENTS = (*HISTORY_FRAGMENTS, DUE)
COLUMNS = "opportunity_id, segment, industry, region, owner, team, channel, kind, currency"

BY_COUNT = f"""
SELECT grain, period_start_on, excluded, {COLUMNS}, outcome, slips
FROM due
"""
BY_VALUE = f"""
SELECT
  grain, period_start_on, COALESCE(excluded, excluded_money) AS excluded, {COLUMNS}, outcome, amount
FROM due
"""


def _share(condition: str) -> Ratio:
    return Ratio(
        numerator=f"SUM(CASE WHEN {condition} THEN 1 ELSE 0 END)",
        denominator="COUNT(*)",
        interval="wilson",
    )


def _series(suffix: str, title: str, facts: str, rollup: Ratio) -> Series:
    return Series(
        metric=f"slip_rate{suffix}",
        title=title,
        unit="share",
        facts=facts,
        fragments=FRAGMENTS,
        rollup=rollup,
        subject="opportunity_id",
        grains=("month", "quarter"),
        dimensions=MONEY_DIMENSIONS,
        is_placed=True,
    )


METRIC = Metric(
    name="slip_rate",
    title="Slip rate",
    stage="execute",
    owner="sales-operations",
    format="percent",
    better="lower",
    meaning=(
        "Of the deals that were open and expected to close in a period as its first day began, the "
        "share that was still open at its end with a close date after it, or without one. Beside "
        "it the same by value (as on the first day, at that month's rate), the share that slipped "
        "after it had slipped out of an earlier period already, and the share that is still open "
        "with a close date gone by: neither closed nor put off. How a deal stood then is read from "
        "snapshots, never from its record of today."
    ),
    formula="deals due at the start and put off by the end / deals due at the start",
    differs=(
        "Many count each deal that did not close within the period as slipped, those lost or "
        "overdue among them (getchief.com/sales-glossary-terms/slip-rate); here a lost deal is "
        "decided, and an overdue one is counted apart.",
        "Ebsta calls slipped what now has a close date in a future quarter, counted over the last "
        "week by default (ebstalimited.zendesk.com, Pipeline Change); here the opening of the "
        "period is the base.",
    ),
    excludes=(
        "deals that were created, pulled in or reopened within the period: they were not due",
        "renewals, deals deleted by the period's end, and deals of exactly zero",
        "deals whose history does not reach back to the period's first day (no_history)",
        "by value: deals without amount, currency or rate of exchange",
    ),
    inputs=HISTORY_INPUTS,
    series=(
        _series("", "Slip rate", BY_COUNT, _share("outcome = 'slipped'")),
        _series(
            "_value",
            "Slip rate by value",
            BY_VALUE,
            Ratio(
                numerator="SUM(CASE WHEN outcome = 'slipped' THEN amount ELSE 0 END)",
                denominator="SUM(amount)",
            ),
        ),
        _series(
            "_repeat",
            "Slipped again, of the deals due",
            BY_COUNT,
            _share("outcome = 'slipped' AND slips > 1"),
        ),
        _series("_overdue", "Due, open and overdue", BY_COUNT, _share("outcome = 'overdue'")),
    ),
    detail=Detail(
        table="slip_rate",
        description="One row per period and deal that was due in it: what became of it.",
        key=("grain", "period_start_on", "opportunity_id"),
        columns=(
            DetailColumn("grain", "VARCHAR", "Month or quarter."),
            DetailColumn("period_start_on", "DATE", "First day of the period."),
            DetailColumn("opportunity_id", "VARCHAR", "Deal."),
            DetailColumn("owner", "VARCHAR", "Who owned it as the period began."),
            DetailColumn("stage", "VARCHAR", "Stage as the period began."),
            DetailColumn("amount", "DECIMAL(18,2)", "Worth then, base currency."),
            DetailColumn("close_on", "DATE", "Expected day of closing then."),
            DetailColumn("close_on_at_end", "DATE", "The same at the period's end."),
            DetailColumn(
                "outcome", "VARCHAR", "won, lost, slipped, overdue, or due (later in the period)."
            ),
            DetailColumn("slips", "BIGINT", "Periods out of which it has slipped so far."),
        ),
        sql="SELECT * FROM due WHERE excluded IS NULL",
        fragments=FRAGMENTS,
    ),
    identities=(
        Identity(
            name="deals_due_add_up",
            holds="Every deal due in a period has one outcome, and they add up to the deals due.",
            broken="""
                SELECT due.grain, due.period_start_on
                FROM metrics.slip_rate AS due
                LEFT JOIN metrics.metric_values AS v
                  ON v.metric = 'slip_rate' AND v.grain = due.grain
                  AND v.period_start_on = due.period_start_on
                  AND CAST(v.dimensions AS VARCHAR) = '{}'
                GROUP BY due.grain, due.period_start_on
                HAVING COUNT(*) <> COALESCE(MAX(v.denominator), 0)
                  OR SUM(CASE WHEN due.outcome = 'slipped' THEN 1 ELSE 0 END) <> MAX(v.numerator)
                  OR COUNT(due.outcome) <> COUNT(*)""",
        ),
    ),
    example=Example(
        story=(
            "On 1 May three deals are due in May. On 20 May the first is put off to July, on 25 "
            "May the second is won, the third is forgotten: one of three slipped, 500 of 1,000 by "
            "value, and one is overdue. A deal that was pulled in on 3 May counts nowhere."
        ),
        tables={
            "opportunities": """
                opportunity_id | created_at       | amount | is_closed | is_won | closed_at
                a              | 2026-04-02 09:00 | 500    | false     | false  |
                b              | 2026-04-03 09:00 | 300    | true      | true   | 2026-05-25 09:00
                c              | 2026-04-04 09:00 | 200    | false     | false  |
                d              | 2026-04-05 09:00 | 900    | false     | false  |""",
            "opportunity_snapshots": """
                opportunity_id | snapshot_on | amount | currency | close_on   | is_closed|is_won
                a              | 2026-04-02  | 500    | USD      | 2026-05-20 | false    |false
                a              | 2026-05-20  | 500    | USD      | 2026-07-15 | false    |false
                b              | 2026-04-03  | 300    | USD      | 2026-05-31 | false    |false
                b              | 2026-05-25  | 300    | USD      | 2026-05-25 | true     |true
                c              | 2026-04-04  | 200    | USD      | 2026-05-10 | false    |false
                d              | 2026-04-05  | 900    | USD      | 2026-06-10 | false    |false
                d              | 2026-05-03  | 900    | USD      | 2026-05-30 | false    |false""",
        },
        results=(
            ("slip_rate", "2026-05-01", "0.333333"),
            ("slip_rate_value", "2026-05-01", "0.5"),
            ("slip_rate_overdue", "2026-05-01", "0.333333"),
            ("slip_rate_repeat", "2026-05-01", "0"),
        ),
    ),
)
