"""From one policy's MRR to another's: each customer valued with one more rule replaced at a time.

Belongs here: the fragments of the bridge. Does not: what a rule does to a row (`_ledger`), the
policies (`engine/metrics/policies.py`), or the metric.
"""

from __future__ import annotations

from revops_pipelines.assets.metrics._ledger import (
    ANCHORS,
    ASKED,
    IS_LONG_TERM,
    PURCHASES,
    WORTH,
    ledger_of,
)
from revops_pipelines.assets.metrics._ledger import counted as counted_under
from revops_pipelines.assets.metrics._rates import RATES
from revops_pipelines.assets.metrics._stocks import stock_of
from revops_pipelines.engine.metrics.declaration import Fragment
from revops_pipelines.engine.metrics.policies import CAUSES, OURS, RULE_COLUMNS

_RULES = ", ".join(column for cause in CAUSES for column in RULE_COLUMNS[cause])


def _step(place: int) -> str:
    """SELECT of every policy's rules after so many steps: those of the first causes are its own."""
    columns = ", ".join(
        f"{'policies' if CAUSES.index(cause) < place else 'ours'}.{column} AS {column}"
        for cause in CAUSES
        for column in RULE_COLUMNS[cause]
    )
    return f"""
  SELECT policies.policy, policies.place, {place} AS step, {columns}
  FROM ops.policies AS policies
  JOIN ops.policies AS ours ON ours.policy = '{OURS}'
"""


# Every policy after every step. Many steps follow the same rules: each set of rules is a variant,
# which bears the first of their numbers and is valued once. Ours is policy 1, so variant 10.
STEPS = Fragment(
    "steps",
    f"""
SELECT stepped.*, MIN(10 * place + step) OVER (PARTITION BY {_RULES}) AS variant
FROM ({"UNION ALL".join(_step(place) for place in range(len(CAUSES) + 1))}) AS stepped
""",
)
_OUR_VARIANT = 10

# Who is valued under a variant: those with a row in which one of its rules could matter. What ours
# says of them is needed beside it.
TOUCHED = Fragment(
    "touched",
    f"""
WITH marks AS (
  SELECT
    periods.customer_id,
    MAX(CASE WHEN periods.status IN ('past_due', 'unpaid') THEN 1 ELSE 0 END) AS has_owed,
    MAX(CASE WHEN periods.status = 'paused' THEN 1 ELSE 0 END) AS has_paused,
    MAX(CASE
      WHEN periods.list_monthly_amount <> periods.monthly_amount
        OR periods.recurring_monthly_amount <> periods.monthly_amount
        OR periods.lasting_monthly_amount <> periods.monthly_amount
      THEN 1 ELSE 0 END) AS has_discount,
    MAX(CASE WHEN periods.billing_interval = 'week' THEN 1 ELSE 0 END) AS has_weeks,
    MAX(CASE WHEN periods.billing_interval = 'day' THEN 1 ELSE 0 END) AS has_days,
    MAX(CASE WHEN periods.currency <> parameters.base_currency THEN 1 ELSE 0 END) AS has_foreign,
    MAX(CASE WHEN periods.currency <> parameters.base_currency AND {IS_LONG_TERM}
      THEN 1 ELSE 0 END) AS has_long_foreign
  FROM conformed.subscription_periods AS periods
  CROSS JOIN ops.parameters AS parameters
  WHERE periods.status <> 'trialing'
  GROUP BY periods.customer_id
), variants AS (
  SELECT DISTINCT variant, {_RULES} FROM steps
), others AS (
  SELECT variants.variant, marks.customer_id
  FROM variants
  JOIN ops.policies AS ours ON ours.policy = '{OURS}'
  JOIN marks
    ON (variants.past_due_days IS DISTINCT FROM ours.past_due_days AND marks.has_owed = 1)
    OR (variants.counts_paused <> ours.counts_paused AND marks.has_paused = 1)
    OR (variants.discounts <> ours.discounts AND marks.has_discount = 1)
    OR (variants.yearly_discounts <> ours.yearly_discounts AND marks.has_discount = 1)
    OR (variants.weeks_per_year <> ours.weeks_per_year AND marks.has_weeks = 1)
    OR (variants.days_per_year <> ours.days_per_year AND marks.has_days = 1)
    OR (variants.exchange <> ours.exchange AND (
      marks.has_long_foreign = 1
      OR (marks.has_foreign = 1 AND 'purchase' IN (variants.exchange, ours.exchange))
    ))
  UNION
  SELECT variants.variant, periods.customer_id
  FROM variants
  JOIN ops.policies AS ours
    ON ours.policy = '{OURS}' AND ours.cancellations <> variants.cancellations
  JOIN conformed.subscriptions AS subscriptions
    ON subscriptions.cancel_requested_at IS NOT NULL
  JOIN conformed.subscription_periods AS periods
    ON periods.subscription_id = subscriptions.subscription_id
)
SELECT variant, customer_id FROM others
UNION
SELECT {_OUR_VARIANT}, customer_id FROM others
""",
)

# Per customer and month under each variant. A currency of which a part cannot be valued for want of
# a rate counts nothing, as in metrics.mrr.
VALUED = Fragment(
    "valued",
    f"""
WITH variant_ledger AS ({
        ledger_of(
            f"SELECT DISTINCT variant, {_RULES} FROM steps",
            "variant",
            "JOIN touched ON touched.customer_id = periods.customer_id "
            "AND touched.variant = rules.variant",
        )
    }), by_currency AS ({stock_of("variant_ledger", "variant")})
SELECT variant, customer_id, period_start_on, SUM(COALESCE(amount, 0)) AS amount,
  COUNT(*) <> COUNT(amount) AS is_unvalued
FROM by_currency
GROUP BY variant, customer_id, period_start_on
""",
)
BRIDGE_FRAGMENTS = (RATES, STEPS, TOUCHED, VALUED)

_CAUSE = " ".join(f"WHEN {place} THEN '{cause}'" for place, cause in enumerate(CAUSES, 1))

# What a step adds is what its variant says more than ours, less what the variant before says more.
BRIDGE = f"""
WITH more AS (
  SELECT variant, customer_id, period_start_on, SUM(amount) AS amount
  FROM (
    SELECT variant, customer_id, period_start_on, amount
    FROM valued
    WHERE variant <> {_OUR_VARIANT}
    UNION ALL
    SELECT touched.variant, valued.customer_id, valued.period_start_on, -valued.amount
    FROM valued
    JOIN touched
      ON touched.customer_id = valued.customer_id AND touched.variant <> {_OUR_VARIANT}
    WHERE valued.variant = {_OUR_VARIANT}
  ) AS signed
  GROUP BY variant, customer_id, period_start_on
  HAVING SUM(amount) <> 0
), parts AS (
  SELECT steps.policy, steps.step AS place, more.customer_id, more.period_start_on, more.amount
  FROM steps
  JOIN more ON more.variant = steps.variant
  UNION ALL
  SELECT steps.policy, steps.step + 1, more.customer_id, more.period_start_on, -more.amount
  FROM steps
  JOIN more ON more.variant = steps.variant
  WHERE steps.step < {len(CAUSES)}
), finals AS (
  SELECT policy, variant FROM steps WHERE step = {len(CAUSES)}
), unvalued_ours AS (
  SELECT customer_id, period_start_on
  FROM valued
  WHERE variant = {_OUR_VARIANT} AND is_unvalued
  UNION
  SELECT mrr.customer_id, mrr.period_start_on
  FROM metrics.mrr AS mrr
  LEFT JOIN touched
    ON touched.customer_id = mrr.customer_id AND touched.variant = {_OUR_VARIANT}
  WHERE mrr.amount IS NULL AND touched.customer_id IS NULL
)
SELECT period_start_on, customer_id, policy, CASE place {_CAUSE} END AS cause,
  SUM(amount) AS amount
FROM parts
GROUP BY period_start_on, customer_id, policy, place
HAVING SUM(amount) <> 0
UNION ALL
SELECT valued.period_start_on, valued.customer_id, finals.policy, 'missing_rate', 0
FROM valued
JOIN finals ON finals.variant = valued.variant
WHERE valued.is_unvalued
UNION ALL
SELECT unvalued_ours.period_start_on, unvalued_ours.customer_id, finals.policy, 'missing_rate', 0
FROM unvalued_ours
CROSS JOIN finals
LEFT JOIN touched
  ON touched.customer_id = unvalued_ours.customer_id AND touched.variant = finals.variant
WHERE touched.customer_id IS NULL
"""

# A second valuation, by another way: what is in force on the last day of the last closed month and
# of that one year before, row by row, under every policy at once. `checked.place` counts months.
_PLACE = "EXTRACT(YEAR FROM {day}) * 12 + EXTRACT(MONTH FROM {day})"
SECOND = f"""
rates AS ({RATES.sql}), rules AS (SELECT * FROM ops.policies), anchors AS ({ANCHORS}),
purchases AS ({PURCHASES}), asked AS ({ASKED}), months AS (
  SELECT period_start_on, period_end_on - 1 AS last_on, {_PLACE.format(day="period_start_on")}
    AS place
  FROM ops.periods
  WHERE grain = 'month'
), checked AS (
  SELECT * FROM months
  WHERE period_start_on IN (
    SELECT MAX(period_start_on) FROM ops.periods WHERE grain = 'month' AND is_closed
    UNION ALL
    SELECT MAX(year_before_start_on) FROM ops.periods WHERE grain = 'month' AND is_closed
  )
), counted AS ({
    counted_under(
        "rules.policy, checked.period_start_on, checked.last_on, checked.place,",
        "JOIN checked ON periods.valid_from_on <= checked.last_on "
        "AND COALESCE(periods.valid_to_on, DATE '9999-12-31') > checked.last_on",
    )
}), in_force AS (
  SELECT counted.*, {WORTH} AS amount,
    CASE
      WHEN exchange = 'month' THEN counted.place
      WHEN exchange = 'purchase' THEN {_PLACE.format(day="purchases.first_on")}
      WHEN billing_interval = 'year' THEN counted.place
        - MOD(counted.place - ({_PLACE.format(day="anchors.anchor_on")}),
          12 * billing_interval_count)
      WHEN billing_interval = 'month' THEN counted.place
        - MOD(counted.place - ({_PLACE.format(day="anchors.anchor_on")}), billing_interval_count)
      END AS rate_place,
    counted.last_on - CAST(MOD(
      counted.last_on - anchors.anchor_on,
      CASE billing_interval WHEN 'week' THEN 7 ELSE 1 END * billing_interval_count
    ) AS INTEGER) AS term_on
  FROM counted
  LEFT JOIN anchors
    ON anchors.subscription_id = counted.subscription_id
    AND anchors.item_id = counted.item_id
    AND anchors.valid_from_on = counted.valid_from_on
  LEFT JOIN purchases ON purchases.subscription_id = counted.subscription_id
  WHERE counted.ends_on > counted.last_on AND counted.kept > 0
), by_rate AS (
  SELECT in_force.policy, in_force.period_start_on, in_force.customer_id, in_force.currency,
    months.period_start_on AS rate_month_on, SUM(in_force.amount) AS amount
  FROM in_force
  JOIN months
    ON months.place = COALESCE(in_force.rate_place, {_PLACE.format(day="in_force.term_on")})
  GROUP BY in_force.policy, in_force.period_start_on, in_force.customer_id, in_force.currency,
    months.period_start_on
), by_currency AS (
  SELECT by_rate.policy, by_rate.period_start_on, by_rate.customer_id, by_rate.currency,
    CASE WHEN COUNT(*) = COUNT(rates.rate)
      THEN SUM(ROUND(CAST(by_rate.amount AS DECIMAL(18,2)) * rates.rate, 2)) ELSE 0 END AS amount
  FROM by_rate
  LEFT JOIN rates
    ON rates.currency = by_rate.currency AND rates.month_start_on = by_rate.rate_month_on
  GROUP BY by_rate.policy, by_rate.period_start_on, by_rate.customer_id, by_rate.currency
), held AS (
  SELECT policy, period_start_on, customer_id, SUM(amount) AS amount
  FROM by_currency
  GROUP BY policy, period_start_on, customer_id
)
"""
