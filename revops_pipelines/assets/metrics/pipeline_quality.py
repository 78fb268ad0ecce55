"""pipeline_quality: what share of the open pipeline deals like these came to."""

from __future__ import annotations

from revops_pipelines.assets.metrics._deal_history import (
    HISTORY_FRAGMENTS,
    HISTORY_INPUTS,
    as_of,
    unvalued,
    valued,
)
from revops_pipelines.assets.metrics._deals import MONEY_DIMENSIONS
from revops_pipelines.assets.metrics._odds import DECISIONS
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

# First and last day of a deal's age per band, counted from its creation.
AGE_BANDS = Fragment(
    "age_bands",
    """
SELECT *
FROM (VALUES
  ('0-30', -36500, 30), ('31-90', 31, 90), ('91-180', 91, 180), ('181-', 181, 36500)
) AS listed(age_band, first_age, last_age)
""",
)

# One row per deal, stage and age band that it was open in: the first day of it.
CELL_VISITS = Fragment(
    "cell_visits",
    """
SELECT
  spans.opportunity_id,
  spans.pipeline,
  spans.stage,
  age_bands.age_band,
  COALESCE(spans.channel, '') AS channel,
  MIN(GREATEST(spans.valid_from_on, spans.created_on + age_bands.first_age)) AS entered_on
FROM deal_spans AS spans
JOIN age_bands
  ON spans.valid_from_on <= spans.created_on + age_bands.last_age
  AND spans.valid_to_on > spans.created_on + age_bands.first_age
WHERE spans.state = 'open'
GROUP BY
  spans.opportunity_id, spans.pipeline, spans.stage, age_bands.age_band,
  COALESCE(spans.channel, '')
""",
)

# Decisions by the cells that their deals had been in, day by day.
CELL_DECISIONS = Fragment(
    "cell_decisions",
    """
SELECT
  cell_visits.pipeline,
  cell_visits.stage,
  cell_visits.age_band,
  cell_visits.channel,
  decisions.decided_on,
  COUNT(*) AS n,
  SUM(decisions.won) AS won
FROM decisions
JOIN cell_visits
  ON cell_visits.opportunity_id = decisions.opportunity_id
  AND cell_visits.entered_on < decisions.decided_on
GROUP BY
  cell_visits.pipeline, cell_visits.stage, cell_visits.age_band, cell_visits.channel,
  decisions.decided_on
""",
)

# Chances of winning as of each period's end: by cell, and of all decided deals.
CELL_ODDS = Fragment(
    "cell_odds",
    """
WITH days AS (
  SELECT DISTINCT deal_periods.last_on, parameters.history_days
  FROM deal_periods
  CROSS JOIN ops.parameters AS parameters
)
SELECT
  days.last_on,
  made.pipeline,
  made.stage,
  made.age_band,
  made.channel,
  SUM(made.n) AS n,
  SUM(made.won) AS won
FROM days
JOIN cell_decisions AS made
  ON made.decided_on <= days.last_on AND made.decided_on > days.last_on - days.history_days
GROUP BY days.last_on, made.pipeline, made.stage, made.age_band, made.channel
""",
)
ALL_ODDS = Fragment(
    "all_odds",
    """
WITH days AS (
  SELECT DISTINCT deal_periods.last_on, parameters.history_days
  FROM deal_periods
  CROSS JOIN ops.parameters AS parameters
)
SELECT days.last_on, COUNT(*) AS n, SUM(decisions.won) AS won
FROM days
JOIN decisions
  ON decisions.decided_on <= days.last_on
  AND decisions.decided_on > days.last_on - days.history_days
GROUP BY days.last_on
""",
)

# One row per period and deal that is open at its end.
OPEN_DEALS = f"""
WITH standing AS (
  SELECT deal_periods.grain, deal_periods.period_start_on, deal_periods.last_on, spans.*
  FROM {as_of("deal_periods", "last_on")}
  WHERE spans.state IN ('open', 'unknown')
), aged AS (
  SELECT standing.*, age_bands.age_band
  FROM standing
  JOIN age_bands
    ON standing.last_on >= standing.created_on + age_bands.first_age
    AND standing.last_on <= standing.created_on + age_bands.last_age
), priced AS (
  SELECT
    aged.*,
    COALESCE(
      aged.excluded,
      CASE WHEN aged.state = 'unknown' THEN 'no_history' END,
      CASE WHEN aged.local_amount IS NULL THEN 'no_amount' END,
      {unvalued("aged.local_amount", "aged.currency", "rates.rate")},
      CASE WHEN all_odds.n IS NULL THEN 'no_win_rate' END
    ) AS why,
    {valued("aged.local_amount", "rates.rate")} AS amount,
    CASE WHEN cell.n >= parameters.min_n THEN cell.n ELSE all_odds.n END AS odds_n,
    CASE WHEN cell.n >= parameters.min_n THEN cell.won ELSE all_odds.won END AS odds_won,
    CASE WHEN cell.n >= parameters.min_n THEN 'cell' ELSE 'all' END AS reference
  FROM aged
  CROSS JOIN ops.parameters AS parameters
  LEFT JOIN rates
    ON rates.currency = aged.currency AND rates.month_start_on = aged.period_start_on
  LEFT JOIN cell_odds AS cell
    ON cell.last_on = aged.last_on
    AND cell.pipeline = aged.pipeline
    AND cell.stage = aged.stage
    AND cell.age_band = aged.age_band
    AND cell.channel = COALESCE(aged.channel, '')
  LEFT JOIN all_odds ON all_odds.last_on = aged.last_on
)
SELECT
  grain, period_start_on, opportunity_id, why AS excluded,
  segment, industry, region, owner, team, channel, kind, currency,
  pipeline, stage, age_band, reference,
  odds_n AS reference_n,
  CAST(odds_won AS DOUBLE) / odds_n AS win_rate,
  CASE WHEN why IS NULL THEN amount END AS amount,
  CASE WHEN why IS NULL
    THEN CAST(CAST(amount AS DOUBLE) * odds_won / odds_n AS DECIMAL(28,8)) END AS expected_amount
FROM priced
"""

FACTS = """
SELECT
  grain, period_start_on, opportunity_id, excluded,
  segment, industry, region, owner, team, channel, kind, currency,
  pipeline, stage, amount, expected_amount
FROM metrics.pipeline_quality
"""

METRIC = Metric(
    name="pipeline_quality",
    title="Pipeline quality",
    stage="engage",
    owner="marketing-operations",
    format="number",
    better="higher",
    meaning=(
        "The open pipeline at a period's end (or today), each deal weighed by how often deals like "
        "it were won, divided by the whole of it: what share of its value it should come to if the "
        "future is like the past. Deals like it have been in the same stage at the same age (up to "
        "30, 90 or 180 days, or more) from the same channel and were decided within the "
        "`history_days` before that day; where fewer than `min_n` were, all decided deals are the "
        "measure. More pipeline of worse quality lowers it, whatever it adds to coverage. Every "
        "deal with its chance is in metrics.pipeline_quality."
    ),
    formula="sum of (win rate of stage, age band and channel x open amount) / sum of open amount",
    differs=(
        "CRMs weigh a deal by the probability that somebody set for its stage "
        "(help.quarterone.com, Stage Probability and Forecast Weighting), whatever its age and "
        "source; here what was decided sets it, as it was known on the day.",
        "Coverage counts each amount in full (getfairview.com/blog/pipeline-coverage-ratio).",
    ),
    excludes=(
        "renewals",
        "deals whose history does not tell how they stand on that day (no_history)",
        "deals without amount, currency or rate of exchange",
        "everything before any deal was decided (no_win_rate)",
    ),
    inputs=(
        *(table for table in HISTORY_INPUTS if table != "ops.period_days"),
        "metrics.pipeline_quality",
    ),
    series=(
        Series(
            metric="pipeline_quality",
            title="Pipeline quality",
            unit="ratio",
            facts=FACTS,
            subject="opportunity_id",
            rollup=Ratio(numerator="SUM(expected_amount)", denominator="SUM(amount)"),
            grains=("month", "quarter"),
            dimensions=(("pipeline", "stage"), *MONEY_DIMENSIONS),
            is_placed=True,
        ),
    ),
    detail=Detail(
        table="pipeline_quality",
        description="One row per period and deal that is open at its end: its chance of winning.",
        key=("grain", "period_start_on", "opportunity_id"),
        columns=(
            DetailColumn("grain", "VARCHAR", "Month or quarter."),
            DetailColumn("period_start_on", "DATE", "First day of the period."),
            DetailColumn("opportunity_id", "VARCHAR", "Deal."),
            DetailColumn("excluded", "VARCHAR", "Why it is not weighed."),
            DetailColumn("segment", "VARCHAR", "Segment."),
            DetailColumn("industry", "VARCHAR", "Industry."),
            DetailColumn("region", "VARCHAR", "Region."),
            DetailColumn("owner", "VARCHAR", "Owner on that day."),
            DetailColumn("team", "VARCHAR", "Team of the owner."),
            DetailColumn("channel", "VARCHAR", "Channel."),
            DetailColumn("kind", "VARCHAR", "Kind of business."),
            DetailColumn("currency", "VARCHAR", "Currency on that day."),
            DetailColumn("pipeline", "VARCHAR", "Pipeline on that day."),
            DetailColumn("stage", "VARCHAR", "Stage on that day."),
            DetailColumn("age_band", "VARCHAR", "Days since its creation."),
            DetailColumn("reference", "VARCHAR", "Whose win rate: cell, or all decided deals."),
            DetailColumn("reference_n", "BIGINT", "How many decided deals that rests on."),
            DetailColumn("win_rate", "DOUBLE", "Share of those that were won."),
            DetailColumn("amount", "DECIMAL(18,2)", "Open amount, base currency."),
            DetailColumn("expected_amount", "DECIMAL(28,8)", "Amount x win rate."),
        ),
        sql=OPEN_DEALS,
        fragments=(
            *HISTORY_FRAGMENTS,
            DECISIONS,
            AGE_BANDS,
            CELL_VISITS,
            CELL_DECISIONS,
            CELL_ODDS,
            ALL_ODDS,
        ),
    ),
    identities=(
        Identity(
            name="a_chance_is_a_share",
            holds="No deal is expected to bring more than its amount, or less than nothing.",
            broken="""
                SELECT * FROM metrics.pipeline_quality
                WHERE win_rate < 0 OR win_rate > 1
                  OR ABS(expected_amount) > ABS(amount)
                  OR excluded IS NULL AND (win_rate IS NULL OR expected_amount IS NULL)""",
        ),
        Identity(
            name="open_pipeline_is_whole",
            holds="The deals weighed add up to the published open amount.",
            broken="""
                SELECT listed.grain, listed.period_start_on
                FROM metrics.pipeline_quality AS listed
                JOIN metrics.metric_values AS v
                  ON v.metric = 'pipeline_quality' AND v.grain = listed.grain
                  AND v.period_start_on = listed.period_start_on
                  AND CAST(v.dimensions AS VARCHAR) = '{}'
                GROUP BY listed.grain, listed.period_start_on, v.denominator
                HAVING SUM(listed.amount) <> v.denominator""",
        ),
    ),
    example=Example(
        story=(
            "Of the four deals decided by the end of May one was won. Two deals are open then, of "
            "600 and 400: too few were decided to tell stages and ages apart, so each should come "
            "to a quarter of its amount: 250 of 1,000."
        ),
        tables={
            "opportunities": """
opportunity_id|created_at      |amount|is_closed|is_won|closed_at
a             |2026-03-02 09:00|100   |true     |true  |2026-04-13 15:00
b             |2026-03-03 09:00|100   |true     |false |2026-04-20 15:00
c             |2026-03-04 09:00|100   |true     |false |2026-05-04 15:00
d             |2026-03-04 09:00|100   |true     |false |2026-05-20 15:00
e             |2026-05-04 09:00|600   |false    |false |
f             |2026-05-05 09:00|400   |false    |false |""",
            "opportunity_snapshots": """
opportunity_id|snapshot_on|pipeline|stage|amount|currency|is_closed|is_won
a             |2026-03-02 |sales   |demo |100   |USD     |false    |false
a             |2026-04-13 |sales   |won  |100   |USD     |true     |true
b             |2026-03-03 |sales   |demo |100   |USD     |false    |false
b             |2026-04-20 |sales   |lost |100   |USD     |true     |false
c             |2026-03-04 |sales   |demo |100   |USD     |false    |false
c             |2026-05-04 |sales   |lost |100   |USD     |true     |false
d             |2026-03-04 |sales   |demo |100   |USD     |false    |false
d             |2026-05-20 |sales   |lost |100   |USD     |true     |false
e             |2026-05-04 |sales   |demo |600   |USD     |false    |false
f             |2026-05-05 |sales   |demo |400   |USD     |false    |false""",
        },
        results=(("pipeline_quality", "2026-05-01", "0.25"),),
    ),
)
