"""What deals looked like on any day, shared by the metrics that look back or forward in time.

Belongs here: fragments over `conformed.opportunity_snapshots` that say how a deal stood, from which
day to which, and in which periods to ask. Does not: any metric.

Snapshots are sparse: a row for each day at whose end a deal stood otherwise than the day before. A
deal's last row up to a day is how it stood at that day's end, so each row holds from its day until
the next one's. Deals are never multiplied by days: a question about some days is a range join, and
one about deals due in a period an equality on the close date.
"""

from __future__ import annotations

from revops_pipelines.assets.metrics._deals import DEAL_FRAGMENTS, DEAL_INPUTS
from revops_pipelines.engine.metrics.declaration import Fragment

# One row per deal and span of days: `valid_from_on` is in it, `valid_to_on` is not. States:
#   open, won, lost   as the snapshot says
#   deleted           from the day on which the record was deleted
#   unknown           the deal was there, and no snapshot tells how it stood: 'no_history'
#   unseen            no snapshot at all, and by its record it is closed since
# Spans of a deal follow each other without gaps from its first to the end of time. A deal whose
# first snapshot is of the day after its creation has no gap: the days of snapshots may be another
# zone's. Rows of deleted deals are read until the deletion, whatever their own `_deleted_at`.
# `state_since_on` is the first day of an unbroken run of the same state, `decided_on` that of won
# and lost deals, or the day of closing by the record where that is earlier (closed before its
# history begins, or dated back).
DEAL_SPANS = Fragment(
    "deal_spans",
    """
WITH deleted AS MATERIALIZED (
  SELECT
    opportunities.opportunity_id,
    CASE WHEN opportunities._deleted_at >= day.changes_at
      THEN day.on_after ELSE day.on_before END AS deleted_on
  FROM conformed.opportunities AS opportunities
  CROSS JOIN ops.parameters AS parameters
  JOIN ops.reporting_days AS day ON day.utc_on = CAST(opportunities._deleted_at AS DATE)
  WHERE opportunities._deleted_at <= parameters.as_of_at
), told AS (
  SELECT snapshots.*
  FROM conformed.opportunity_snapshots AS snapshots
  CROSS JOIN ops.parameters AS parameters
  WHERE snapshots.snapshot_on <= parameters.as_of_on
), begun AS (
  SELECT opportunity_id, MIN(snapshot_on) AS first_on
  FROM told
  GROUP BY opportunity_id
), points AS (
  SELECT
    told.opportunity_id,
    told.snapshot_on AS valid_from_on,
    1 AS place,
    CASE WHEN told.is_won THEN 'won' WHEN told.is_closed THEN 'lost' ELSE 'open' END AS state,
    told.pipeline,
    told.stage,
    told.amount,
    told.currency,
    told.close_on,
    LOWER(REPLACE(REPLACE(REPLACE(told.forecast_category, '_', ''), '-', ''), ' ', ''))
      AS forecast_category,
    told.probability,
    told.owner_id AS owner
  FROM told
  UNION ALL
  SELECT
    deals.opportunity_id, deals.created_on, 0, 'unknown',
    NULL, NULL, NULL, NULL, NULL, NULL, NULL, deals.owner
  FROM deals
  LEFT JOIN begun ON begun.opportunity_id = deals.opportunity_id
  WHERE begun.first_on IS NULL OR begun.first_on > deals.created_on + 1
  UNION ALL
  SELECT
    deals.opportunity_id, GREATEST(deals.closed_on, deals.created_on), 1, 'unseen',
    NULL, NULL, NULL, NULL, NULL, NULL, NULL, deals.owner
  FROM deals
  LEFT JOIN begun ON begun.opportunity_id = deals.opportunity_id
  WHERE begun.first_on IS NULL AND deals.is_decided
), placed AS (
  SELECT points.*
  FROM points
  LEFT JOIN deleted ON deleted.opportunity_id = points.opportunity_id
  WHERE deleted.deleted_on IS NULL OR points.valid_from_on < deleted.deleted_on
  UNION ALL
  SELECT
    deleted.opportunity_id, deleted.deleted_on, 1, 'deleted',
    NULL, NULL, NULL, NULL, NULL, NULL, NULL, deals.owner
  FROM deleted
  JOIN deals ON deals.opportunity_id = deleted.opportunity_id
), followed AS (
  SELECT
    placed.*,
    COALESCE(
      LEAD(valid_from_on) OVER (PARTITION BY opportunity_id ORDER BY valid_from_on, place),
      DATE '2200-01-01'
    ) AS valid_to_on,
    LAG(state) OVER (PARTITION BY opportunity_id ORDER BY valid_from_on, place) AS state_before
  FROM placed
), lasting AS (
  SELECT
    followed.*,
    MAX(CASE WHEN state_before IS NULL OR state_before <> state THEN valid_from_on END) OVER (
      PARTITION BY opportunity_id ORDER BY valid_from_on, place
      ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS state_since_on
  FROM followed
)
SELECT
  spans.opportunity_id,
  spans.valid_from_on,
  spans.valid_to_on,
  spans.state,
  spans.state_since_on,
  spans.state_before IS NULL AS is_first,
  CASE
    WHEN spans.state NOT IN ('won', 'lost') THEN NULL
    WHEN deals.closed_on < spans.state_since_on THEN deals.closed_on
    ELSE spans.state_since_on
  END AS decided_on,
  spans.pipeline,
  spans.stage,
  spans.amount AS local_amount,
  spans.currency,
  spans.close_on,
  spans.forecast_category,
  spans.probability,
  deals.created_on,
  deals.segment,
  deals.industry,
  deals.region,
  spans.owner,
  users.team,
  deals.channel,
  deals.kind,
  CASE WHEN deals.kind = 'renewal' THEN 'renewal' END AS excluded
FROM lasting AS spans
JOIN deals ON deals.opportunity_id = spans.opportunity_id
LEFT JOIN conformed.users AS users ON users.user_id = spans.owner
WHERE spans.valid_from_on < spans.valid_to_on
""",
)

# The months and quarters to ask about: from the first in which any deal was there to the present
# one. `opening_on` is the last day before, at whose end a period's opening is looked at; `last_on`
# is the last day of the period, or the present day while it runs.
DEAL_PERIODS = Fragment(
    "deal_periods",
    """
WITH bounds AS (
  SELECT MIN(valid_from_on) AS first_on FROM deal_spans
)
SELECT
  periods.grain,
  periods.period_start_on,
  periods.period_end_on,
  periods.period_start_on - 1 AS opening_on,
  CASE WHEN periods.is_closed THEN periods.period_end_on - 1 ELSE parameters.as_of_on END
    AS last_on
FROM ops.periods AS periods
CROSS JOIN ops.parameters AS parameters
CROSS JOIN bounds
WHERE periods.grain IN ('month', 'quarter')
  AND periods.period_start_on <= parameters.as_of_on
  AND periods.period_end_on > bounds.first_on
""",
)

HISTORY_FRAGMENTS = (*DEAL_FRAGMENTS, DEAL_SPANS, DEAL_PERIODS)
HISTORY_INPUTS = (*DEAL_INPUTS, "conformed.opportunity_snapshots")


def as_of(asked: str, day: str) -> str:
    """SQL of a FROM clause: `asked` beside the `spans` of deals in force at the end of `day`.

    `asked` is a table of the statement, `day` a column of it; both keep their names.
    """
    return (
        f"{asked}\nJOIN deal_spans AS spans\n"
        f"  ON spans.valid_from_on <= {asked}.{day} AND spans.valid_to_on > {asked}.{day}"
    )


def valued(amount: str, rate: str) -> str:
    """SQL of a local amount in the base currency, to the cent; nothing is worth nothing."""
    return (
        f"CAST(CASE WHEN COALESCE({amount}, 0) = 0 THEN 0 ELSE ROUND({amount} * {rate}, 2) END"
        " AS DECIMAL(18,2))"
    )


def unvalued(amount: str, currency: str, rate: str) -> str:
    """SQL of the reason why an amount cannot be told in the base currency; null where it can."""
    return (
        f"CASE WHEN COALESCE({amount}, 0) = 0 THEN NULL WHEN {currency} IS NULL THEN 'no_currency'"
        f" WHEN {rate} IS NULL THEN 'missing_rate' END"
    )
