"""What part of whose target falls into a period, shared by the metrics that have targets.

Belongs here: fragments over `conformed.quotas`. Does not: any metric.
"""

from __future__ import annotations

from revops_pipelines.engine.metrics.declaration import Fragment

# One row per quota and day on which it holds. Where quotas of one holder overlap (a month's within
# a quarter's), the shortest holds on each day; several of that length add up. `is_counted`: a
# team's target counts on days on which none of its members has one, the company's on days on which
# nobody has, so that nothing is expected twice.
QUOTA_DAYS = Fragment(
    "quota_days",
    """
WITH known AS (
  SELECT
    quotas.quota_id,
    quotas.user_id,
    COALESCE(users.team, quotas.team) AS team,
    CASE
      WHEN quotas.user_id IS NOT NULL THEN 'user'
      WHEN quotas.team IS NOT NULL THEN 'team'
      ELSE 'company'
    END AS level,
    COALESCE(quotas.user_id, quotas.team, '') AS holder,
    quotas.period_start_on AS starts_on,
    quotas.period_end_on AS ends_on,
    quotas.amount,
    quotas.currency
  FROM conformed.quotas AS quotas
  CROSS JOIN ops.parameters AS parameters
  LEFT JOIN conformed.users AS users ON users.user_id = quotas.user_id
  WHERE COALESCE(quotas._deleted_at > parameters.as_of_at, TRUE)
), spread AS (
  SELECT
    known.*,
    calendar.day,
    COUNT(*) OVER (PARTITION BY known.quota_id) AS length_days
  FROM known
  JOIN ops.calendar AS calendar
    ON calendar.day >= known.starts_on AND calendar.day < known.ends_on
), compared AS (
  SELECT
    spread.*,
    MIN(length_days) OVER (PARTITION BY level, holder, day) AS shortest_days
  FROM spread
), members AS (
  SELECT DISTINCT team, day FROM spread WHERE level = 'user' AND team IS NOT NULL
), anybody AS (
  SELECT DISTINCT day FROM spread WHERE level <> 'company'
)
SELECT
  compared.quota_id,
  compared.user_id,
  compared.team,
  compared.level,
  compared.day,
  compared.starts_on,
  compared.length_days,
  compared.amount,
  compared.currency,
  compared.level = 'user'
    OR compared.level = 'team' AND members.day IS NULL
    OR compared.level = 'company' AND anybody.day IS NULL AS is_counted
FROM compared
LEFT JOIN members ON members.team = compared.team AND members.day = compared.day
LEFT JOIN anybody ON anybody.day = compared.day
WHERE compared.length_days = compared.shortest_days
""",
)

# One row per quota and period that it reaches into, with the days of it that fall there.
QUOTA_PARTS = Fragment(
    "quota_parts",
    """
SELECT
  days.grain,
  days.period_start_on,
  quota_days.quota_id,
  quota_days.user_id,
  quota_days.team,
  quota_days.level,
  quota_days.is_counted,
  quota_days.starts_on,
  quota_days.amount,
  quota_days.currency,
  quota_days.length_days,
  COUNT(*) AS days
FROM quota_days
JOIN ops.period_days AS days
  ON days.day = quota_days.day AND days.grain IN ('month', 'quarter')
GROUP BY
  days.grain, days.period_start_on, quota_days.quota_id, quota_days.user_id, quota_days.team,
  quota_days.level, quota_days.is_counted, quota_days.starts_on, quota_days.amount,
  quota_days.currency, quota_days.length_days
""",
)

QUOTA_FRAGMENTS = (QUOTA_DAYS, QUOTA_PARTS)
QUOTA_INPUTS = ("conformed.quotas",)


def target(parts: str, rate: str) -> str:
    """SQL of the part of a quota that falls into the period, in the base currency.

    It keeps eight decimals, so that the parts of a quota add up to it.
    """
    return (
        f"CAST(CAST({parts}.amount AS DOUBLE) * CAST({rate} AS DOUBLE) * {parts}.days"
        f" / {parts}.length_days AS DECIMAL(28,8))"
    )
