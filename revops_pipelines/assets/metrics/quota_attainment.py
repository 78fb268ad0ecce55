"""quota_attainment: what people won, of what they were to win."""

from __future__ import annotations

from revops_pipelines.assets.metrics._deal_history import (
    HISTORY_FRAGMENTS,
    HISTORY_INPUTS,
    unvalued,
    valued,
)
from revops_pipelines.assets.metrics._quotas import QUOTA_FRAGMENTS, QUOTA_INPUTS, target
from revops_pipelines.engine.metrics.declaration import (
    Benchmark,
    Detail,
    DetailColumn,
    Example,
    Fragment,
    Identity,
    Metric,
    Ratio,
    Series,
    Survival,
    each,
)

# One row per period and won deal: whom it is credited to.
CREDITS = Fragment(
    "credits",
    f"""
WITH credited AS (
  SELECT
    deals.opportunity_id,
    deals.closed_on,
    deals.excluded,
    deals.local_amount,
    deals.currency,
    COALESCE(spans.owner, deals.owner) AS user_id
  FROM deals
  LEFT JOIN deal_spans AS spans
    ON spans.opportunity_id = deals.opportunity_id
    AND spans.valid_from_on <= deals.closed_on
    AND spans.valid_to_on > deals.closed_on
  WHERE deals.is_won
), covered_days AS (
  SELECT DISTINCT user_id, day FROM quota_days WHERE level = 'user'
)
SELECT
  days.grain,
  days.period_start_on,
  credited.opportunity_id,
  credited.user_id,
  users.team,
  COALESCE(
    credited.excluded,
    CASE WHEN credited.local_amount IS NULL THEN 'no_amount' END,
    {unvalued("credited.local_amount", "credited.currency", "rates.rate")},
    CASE WHEN covered_days.day IS NULL THEN 'no_quota' END
  ) AS excluded,
  {valued("credited.local_amount", "rates.rate")} AS amount
FROM credited
JOIN ops.period_days AS days
  ON days.day = credited.closed_on AND days.grain IN ('month', 'quarter')
LEFT JOIN rates
  ON rates.currency = credited.currency AND rates.month_start_on = days.period_start_on
LEFT JOIN covered_days
  ON covered_days.user_id = credited.user_id AND covered_days.day = credited.closed_on
LEFT JOIN conformed.users AS users ON users.user_id = credited.user_id
""",
)

# One row per period and person with a quota in it.
PEOPLE = f"""
WITH begun AS (
  SELECT user_id, MIN(day) AS first_on
  FROM quota_days
  WHERE level = 'user'
  GROUP BY user_id
), expected AS (
  SELECT
    parts.grain,
    parts.period_start_on,
    parts.user_id,
    parts.team,
    MAX(CASE WHEN rates.rate IS NULL THEN 'missing_rate' END) AS excluded,
    SUM({target("parts", "rates.rate")}) AS target
  FROM quota_parts AS parts
  CROSS JOIN ops.parameters AS parameters
  LEFT JOIN rates
    ON rates.currency = parts.currency AND rates.month_start_on = parts.period_start_on
  WHERE parts.level = 'user' AND parts.period_start_on <= parameters.as_of_on
  GROUP BY parts.grain, parts.period_start_on, parts.user_id, parts.team
), won AS (
  SELECT grain, period_start_on, user_id, SUM(amount) AS credited, COUNT(*) AS deals
  FROM credits
  WHERE excluded IS NULL
  GROUP BY grain, period_start_on, user_id
), measured AS (
  SELECT
    expected.*,
    COALESCE(won.credited, 0) AS credited,
    COALESCE(won.deals, 0) AS deals,
    EXTRACT(YEAR FROM expected.period_start_on) * 12 + EXTRACT(MONTH FROM expected.period_start_on)
      - EXTRACT(YEAR FROM begun.first_on) * 12 - EXTRACT(MONTH FROM begun.first_on)
      AS months_in_seat
  FROM expected
  JOIN begun ON begun.user_id = expected.user_id
  LEFT JOIN won
    ON won.user_id = expected.user_id
    AND won.grain = expected.grain
    AND won.period_start_on = expected.period_start_on
)
SELECT
  measured.*,
  CASE WHEN excluded IS NULL
    THEN CAST(credited AS DOUBLE) / NULLIF(CAST(target AS DOUBLE), 0) END AS attainment,
  months_in_seat >= parameters.ramp_months AS is_ramped
FROM measured
CROSS JOIN ops.parameters AS parameters
"""

TOTAL = """
SELECT
  grain, period_start_on, user_id, excluded, user_id AS owner, team, credited, target
FROM metrics.quota_attainment
UNION ALL
SELECT grain, period_start_on, user_id, excluded, user_id, team, 0, 0
FROM credits
WHERE excluded IS NOT NULL
UNION ALL
SELECT grain, period_start_on, quota_id, 'no_person', NULL, team, 0, 0
FROM quota_parts
WHERE level <> 'user'
"""
RAMPED = """
SELECT
  grain, period_start_on, user_id,
  COALESCE(
    excluded,
    CASE WHEN NOT is_ramped THEN 'in_ramp' END,
    CASE WHEN attainment IS NULL THEN 'no_target' END
  ) AS excluded,
  user_id AS owner, team, credited, target,
  attainment AS duration,
  TRUE AS is_observed
FROM metrics.quota_attainment
"""

FRAGMENTS = (*HISTORY_FRAGMENTS, *QUOTA_FRAGMENTS, CREDITS)

METRIC = Metric(
    name="quota_attainment",
    title="Quota attainment",
    stage="execute",
    owner="sales-operations",
    format="percent",
    better="higher",
    meaning=(
        "What people with a quota won in a period, divided by their quotas. A quota that begins or "
        "ends within the period, or is longer, counts by its days; where a person's quotas overlap "
        "the shortest holds. A won deal is credited whole to whoever owned it on the day of "
        "closing, if a quota of theirs holds on that day: the systems tell of no splits. Beside it "
        "the share of ramped people who reached their quota, and how attainment is distributed "
        "among them (P10, median, P90); a person is new for `ramp_months` from the month of their "
        "first quota. Every person's attainment is in metrics.quota_attainment. Quotas and deals "
        "are at the rate of the period's first month. A running period has its whole quota, so it "
        "is immature."
    ),
    formula="amount won by people with a quota / their quotas, by days",
    differs=(
        "Usually it is one person's closed-won over the assigned quota of the same period "
        "(rekener.com, How to Calculate Quota Attainment); sums here are of amounts, never "
        "averages of percentages, and part-period quotas are prorated.",
        "Contract values that a compensation plan counts in full for several years "
        "(winsabove.pages.dev, quota attainment) are the CRM's amount here, whatever that is.",
    ),
    excludes=(
        "renewals, deleted deals and deals of exactly zero",
        "deals won by somebody, or on a day, without a quota (no_quota)",
        "quotas of teams and of the company (no_person)",
        "amounts and quotas without currency or rate of exchange",
        "from the share and the distribution: people in ramp, and quotas of zero",
    ),
    benchmark=Benchmark(
        text="60-70 % of people reach a well-set quota",
        source="prowi.io, Quota Attainment, naming Alexander Group 2024",
    ),
    inputs=(*HISTORY_INPUTS, *QUOTA_INPUTS, "metrics.quota_attainment"),
    series=(
        Series(
            metric="quota_attainment",
            title="Quota attainment",
            unit="share",
            facts=TOTAL,
            subject="user_id",
            fragments=FRAGMENTS,
            rollup=Ratio(numerator="SUM(credited)", denominator="SUM(target)"),
            grains=("month", "quarter"),
            dimensions=each("owner", "team"),
            is_placed=True,
        ),
        Series(
            metric="quota_attainment_reached",
            title="Ramped people who reached their quota",
            unit="share",
            facts=RAMPED,
            subject="user_id",
            rollup=Ratio(
                numerator="SUM(CASE WHEN credited >= target THEN 1 ELSE 0 END)",
                denominator="COUNT(*)",
                interval="wilson",
            ),
            grains=("month", "quarter"),
            dimensions=each("team"),
            is_placed=True,
        ),
        Series(
            metric="quota_attainment_of_ramped",
            title="Attainment of ramped people",
            unit="ratio",
            facts=RAMPED,
            subject="user_id",
            rollup=Survival((("_p10", 0.1), ("_median", 0.5), ("_p90", 0.9))),
            grains=("month", "quarter"),
            dimensions=each("team"),
            is_placed=True,
        ),
    ),
    detail=Detail(
        table="quota_attainment",
        description="One row per period and person with a quota in it.",
        key=("grain", "period_start_on", "user_id"),
        columns=(
            DetailColumn("grain", "VARCHAR", "Month or quarter."),
            DetailColumn("period_start_on", "DATE", "First day of the period."),
            DetailColumn("user_id", "VARCHAR", "Person."),
            DetailColumn("team", "VARCHAR", "Their team."),
            DetailColumn("excluded", "VARCHAR", "Why the quota counts nowhere."),
            DetailColumn("target", "DECIMAL(28,8)", "Quota of the period, base currency."),
            DetailColumn("credited", "DECIMAL(18,2)", "Won and credited, base currency."),
            DetailColumn("deals", "BIGINT", "Deals credited."),
            DetailColumn("attainment", "DOUBLE", "Credited / target."),
            DetailColumn("months_in_seat", "BIGINT", "Months since the first quota's."),
            DetailColumn("is_ramped", "BOOLEAN", "No longer new."),
        ),
        sql=PEOPLE,
        fragments=FRAGMENTS,
    ),
    identities=(
        Identity(
            name="months_make_the_quarter",
            holds="A person's quotas of three months add up to that of the quarter.",
            broken="""
                SELECT quarter.user_id, quarter.period_start_on
                FROM metrics.quota_attainment AS quarter
                JOIN ops.periods AS p
                  ON p.grain = 'quarter' AND p.period_start_on = quarter.period_start_on
                JOIN metrics.quota_attainment AS part
                  ON part.grain = 'month' AND part.user_id = quarter.user_id
                  AND part.period_start_on >= p.period_start_on
                  AND part.period_start_on < p.period_end_on
                WHERE quarter.grain = 'quarter' AND p.is_closed
                  AND quarter.user_id IN (
                    SELECT user_id FROM conformed.quotas
                    GROUP BY user_id HAVING MIN(currency) = MAX(currency)
                  )
                  AND (SELECT COUNT(DISTINCT currency) FROM conformed.quotas) = 1
                GROUP BY quarter.user_id, quarter.period_start_on, quarter.target
                HAVING ABS(SUM(part.target) - quarter.target) > 0.000001""",
        ),
        Identity(
            name="credits_are_paid_once",
            holds="Every person is credited what the published total of their own says.",
            broken="""
                SELECT person.user_id, person.period_start_on
                FROM metrics.quota_attainment AS person
                JOIN metrics.metric_values AS v
                  ON v.metric = 'quota_attainment' AND v.grain = person.grain
                  AND v.period_start_on = person.period_start_on
                  AND json_extract_string(v.dimensions, '$.owner') = person.user_id
                WHERE person.excluded IS NULL AND v.numerator <> person.credited""",
        ),
    ),
    example=Example(
        story=(
            "Ann has 9,100 for the second quarter, or 3,100 for May, and won 3,720 in May: 120 %. "
            "Bob has 3,000 from 17 May to 15 June, 30 days of which 15 are in May: 1,500, and won "
            "680 after he began; 400 that he won on 4 May are without a quota. Together 4,400 of "
            "4,600."
        ),
        tables={
            "quotas": """
quota_id|user_id|period_start_on|period_end_on|amount|currency
q       |ann    |2026-04-01     |2026-07-01   |9100  |USD
r       |bob    |2026-05-17     |2026-06-16   |3000  |USD""",
            "opportunities": """
opportunity_id|owner_id|created_at      |amount|is_closed|is_won|closed_at
a             |ann     |2026-04-02 09:00|3720  |true     |true  |2026-05-13 15:00
b             |bob     |2026-04-03 09:00|680   |true     |true  |2026-05-20 15:00
c             |bob     |2026-04-04 09:00|400   |true     |true  |2026-05-04 15:00""",
        },
        results=(("quota_attainment", "2026-05-01", "0.956522"),),
    ),
)
