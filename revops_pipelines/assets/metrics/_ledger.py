"""What each subscription item is worth a month, and when, as a policy counts it.

Belongs here: the fragment over `conformed.subscription_periods`, under the policy in force or under
any rows of rules. Does not: the policies (`engine/metrics/policies.py`), or any metric.
"""

from __future__ import annotations

from revops_pipelines.engine.metrics.declaration import Fragment
from revops_pipelines.engine.metrics.policies import DAYS, WEEKS

# What a row is worth after the discounts that a policy takes off; where the source does not tell
# them apart, after all.
_KEPT = """CASE
      CASE
        WHEN periods.billing_interval = 'year'
          OR (periods.billing_interval = 'month' AND periods.billing_interval_count >= 12)
        THEN rules.yearly_discounts ELSE rules.discounts END
      WHEN 'all' THEN periods.monthly_amount
      WHEN 'recurring' THEN COALESCE(periods.recurring_monthly_amount, periods.monthly_amount)
      WHEN 'lasting' THEN COALESCE(periods.lasting_monthly_amount, periods.monthly_amount)
      ELSE COALESCE(periods.list_monthly_amount, periods.monthly_amount) END"""


def _in_months(per_year: str, of_ledger: int) -> str:
    """Half up to the cent: whole numbers, because quotients of decimals are doubles."""
    return (
        f"CAST(FLOOR((200 * kept * {per_year} + {of_ledger}) / {2 * of_ledger}) / 100"
        f" AS DECIMAL(18,2))"
    )


WORTH = f"""CASE
      WHEN billing_interval = 'week' AND weeks_per_year <> {WEEKS}
      THEN {_in_months("weeks_per_year", WEEKS)}
      WHEN billing_interval = 'day' AND days_per_year <> {DAYS}
      THEN {_in_months("days_per_year", DAYS)}
      ELSE kept END"""

# A term of two months or more, of more than four weeks or 28 days, may have begun in another month
# than the one that is valued; a shorter one in force at a month's end began in that month.
IS_LONG_TERM = """(
      periods.billing_interval = 'year'
      OR (periods.billing_interval = 'month' AND periods.billing_interval_count >= 2)
      OR (periods.billing_interval = 'week' AND periods.billing_interval_count >= 5)
      OR (periods.billing_interval = 'day' AND periods.billing_interval_count >= 29)
    )"""

# When the first term of an item's running interval began: its first day under this interval that
# is no trial. Another interval in between begins anew.
ANCHORS = """
  SELECT subscription_id, item_id, valid_from_on,
    MIN(valid_from_on) OVER (PARTITION BY subscription_id, item_id, run) AS anchor_on
  FROM (
    SELECT subscription_id, item_id, valid_from_on,
      SUM(is_new) OVER (
        PARTITION BY subscription_id, item_id ORDER BY valid_from_on
        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
      ) AS run
    FROM (
      SELECT periods.subscription_id, periods.item_id, periods.valid_from_on,
        CASE
          WHEN LAG(periods.billing_interval) OVER line = periods.billing_interval
            AND LAG(periods.billing_interval_count) OVER line = periods.billing_interval_count
          THEN 0 ELSE 1 END AS is_new
      FROM conformed.subscription_periods AS periods
      CROSS JOIN ops.parameters AS parameters
      CROSS JOIN (
        SELECT DISTINCT exchange FROM rules WHERE exchange = 'service_start'
      ) AS wanted
      WHERE periods.status <> 'trialing' AND periods.currency <> parameters.base_currency
      WINDOW line AS (
        PARTITION BY periods.subscription_id, periods.item_id ORDER BY periods.valid_from_on
      )
    ) AS marked
  ) AS runs
"""

# When a subscription was bought: its first day that is no trial.
PURCHASES = """
  SELECT periods.subscription_id, MIN(periods.valid_from_on) AS first_on
  FROM conformed.subscription_periods AS periods
  CROSS JOIN ops.parameters AS parameters
  CROSS JOIN (SELECT DISTINCT exchange FROM rules WHERE exchange = 'purchase') AS wanted
  WHERE periods.status <> 'trialing' AND periods.currency <> parameters.base_currency
  GROUP BY periods.subscription_id
"""

# When the end of a subscription was asked for, where a rule goes by that.
ASKED = """
  SELECT subscriptions.subscription_id,
    CAST(subscriptions.cancel_requested_at AS DATE) AS requested_on
  FROM conformed.subscriptions AS subscriptions
  CROSS JOIN ops.parameters AS parameters
  CROSS JOIN (SELECT DISTINCT cancellations FROM rules WHERE cancellations = 'asked') AS wanted
  WHERE subscriptions.cancel_requested_at <= parameters.as_of_at
"""

# A period ends on the earliest of: its own end, the day the row or its customer was deleted at the
# source, the day its end was asked for where a policy goes by that, and for a past-due one the last
# day on which it still counts. An end that lies ahead is not known to come, so it is open.
_ENDS = """LEAST(
      COALESCE(periods.valid_to_on, DATE '9999-12-31'),
      COALESCE(CAST(periods._deleted_at AS DATE), DATE '9999-12-31'),
      COALESCE(CAST(customers._deleted_at AS DATE), DATE '9999-12-31'),
      CASE WHEN rules.cancellations = 'asked'
        THEN COALESCE(asked.requested_on, DATE '9999-12-31')
        ELSE DATE '9999-12-31' END,
      CASE WHEN periods.status = 'past_due' AND rules.past_due_days IS NOT NULL
        THEN periods.valid_from_on + rules.past_due_days
        ELSE DATE '9999-12-31' END
    )"""
# Whether it is worth anything is judged by the policy's own amount: what is free for two months may
# count where discounts do not.
COUNTS = """(
      periods.status IN ('active', 'past_due', 'free')
      OR (periods.status = 'unpaid' AND rules.past_due_days IS NULL)
      OR (periods.status = 'paused' AND rules.counts_paused)
    )"""


def counted(key: str = "", wanted: str = "") -> str:
    """SELECT of the rows that count under `rules`, with `kept`, `ends_on` and whose rate holds.

    `key` are columns of the rules to keep, each with a comma; `wanted` joins what limits the rows.
    """
    return f"""
  SELECT
    {key}
    periods.subscription_id,
    periods.item_id,
    periods.customer_id,
    periods.currency,
    periods.product,
    periods.valid_from_on,
    periods.billing_interval,
    periods.billing_interval_count,
    rules.weeks_per_year,
    rules.days_per_year,
    CASE
      WHEN periods.currency = parameters.base_currency THEN 'month'
      WHEN rules.exchange = 'service_start' AND NOT COALESCE({IS_LONG_TERM}, FALSE) THEN 'month'
      ELSE rules.exchange END AS exchange,
    {_KEPT} AS kept,
    {_ENDS} AS ends_on,
    parameters.as_of_utc_on
  FROM conformed.subscription_periods AS periods
  CROSS JOIN ops.parameters AS parameters
  CROSS JOIN rules
  {wanted}
  LEFT JOIN asked ON asked.subscription_id = periods.subscription_id
  LEFT JOIN conformed.customers AS customers ON customers.customer_id = periods.customer_id
  WHERE {COUNTS} AND periods.valid_from_on <= parameters.as_of_utc_on
"""


def ledger_of(rules: str, key: str = "", wanted: str = "") -> str:
    """SELECT of the changes of the ledger under rules: where an item begins, and where it ends.

    `rules` is a SELECT with the columns of `ops.policies`; `key` names those of its columns that
    tell its rows apart, `wanted` joins what limits the ledger. `rate_month_on` is the month whose
    rate of exchange holds, null for that of the month that is valued.
    """
    own = f"{key}, " if key else ""
    columns = f"{own}subscription_id, customer_id, currency, product"
    return f"""
WITH rules AS ({rules}), anchors AS ({ANCHORS}), purchases AS ({PURCHASES}),
asked AS ({ASKED}), counted AS ({counted(f"rules.{key}," if key else "", wanted)}), ends AS (
  SELECT counted.*, {WORTH} AS monthly_amount
  FROM counted
  WHERE ends_on > valid_from_on AND kept > 0
), months AS (
  SELECT period_start_on, period_end_on,
    EXTRACT(YEAR FROM period_start_on) * 12 + EXTRACT(MONTH FROM period_start_on) AS place
  FROM ops.periods
  WHERE grain = 'month'
), terms AS (
  -- The month in which the term that runs at the end of each month began.
  SELECT ends.*, months.period_start_on, months.period_end_on,
    CASE WHEN ends.billing_interval IN ('month', 'year') THEN months.place - MOD(
      months.place - EXTRACT(YEAR FROM anchors.anchor_on) * 12
        - EXTRACT(MONTH FROM anchors.anchor_on),
      ends.billing_interval_count * CASE ends.billing_interval WHEN 'year' THEN 12 ELSE 1 END
    ) END AS term_place,
    months.period_end_on - 1 - CAST(MOD(
      months.period_end_on - 1 - anchors.anchor_on,
      ends.billing_interval_count * CASE ends.billing_interval WHEN 'week' THEN 7 ELSE 1 END
    ) AS INTEGER) AS term_on
  FROM ends
  JOIN anchors
    ON anchors.subscription_id = ends.subscription_id
    AND anchors.item_id = ends.item_id
    AND anchors.valid_from_on = ends.valid_from_on
  JOIN months
    ON months.period_end_on > ends.valid_from_on
    AND months.period_start_on < ends.ends_on
    AND months.period_start_on <= ends.as_of_utc_on
  WHERE ends.exchange = 'service_start'
), spans AS (
  SELECT {columns}, item_id, monthly_amount, as_of_utc_on, valid_from_on, ends_on,
    began.period_start_on AS rate_month_on,
    MIN(terms.period_start_on) AS first_on,
    MAX(terms.period_end_on) AS last_on
  FROM terms
  JOIN months AS began
    ON began.place = COALESCE(
      term_place, EXTRACT(YEAR FROM term_on) * 12 + EXTRACT(MONTH FROM term_on)
    )
  GROUP BY {columns}, item_id, monthly_amount, as_of_utc_on, valid_from_on, ends_on,
    began.period_start_on
), pieces AS (
  SELECT {columns}, CAST(NULL AS DATE) AS rate_month_on, monthly_amount, as_of_utc_on,
    valid_from_on, ends_on
  FROM ends
  WHERE exchange = 'month'
  UNION ALL
  SELECT {columns}, rate_month_on, monthly_amount, as_of_utc_on,
    GREATEST(valid_from_on, first_on), LEAST(ends_on, last_on)
  FROM spans
  UNION ALL
  SELECT {own}ends.subscription_id, customer_id, currency, product, calendar.month_start_on,
    monthly_amount, as_of_utc_on, valid_from_on, ends_on
  FROM ends
  JOIN purchases ON purchases.subscription_id = ends.subscription_id
  JOIN ops.calendar AS calendar ON calendar.day = purchases.first_on
  WHERE exchange = 'purchase'
)
SELECT {columns}, rate_month_on,
  CASE WHEN signs.sign = 1 THEN valid_from_on ELSE ends_on END AS changes_on,
  signs.sign * monthly_amount AS change
FROM pieces
CROSS JOIN (VALUES (1), (-1)) AS signs (sign)
WHERE signs.sign = 1 OR ends_on <= as_of_utc_on
"""


SELECTED = """
  SELECT policies.*
  FROM ops.policies AS policies
  JOIN ops.parameters AS parameters ON parameters.policy = policies.policy
"""

# Under the policy in force. Local amounts only; `rate_month_on` says whose rate values them.
LEDGER = Fragment("ledger", ledger_of(SELECTED))
