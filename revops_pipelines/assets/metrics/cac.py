"""cac: what it costs to win a customer."""

from __future__ import annotations

from revops_pipelines.assets.metrics._costs import LOADED_COSTS, NEW_CUSTOMERS
from revops_pipelines.assets.metrics._rates import RATES
from revops_pipelines.engine.metrics.declaration import (
    Detail,
    DetailColumn,
    Example,
    Identity,
    Metric,
    Ratio,
    Series,
)

# Media is counted once: where the books of a month hold rows of the kind media, what marketing
# systems say was spent in that month is the same money and is left out.
COSTS = """
WITH months AS (
  SELECT period_start_on, ROW_NUMBER() OVER (ORDER BY period_start_on) AS place
  FROM ops.periods
  WHERE grain = 'month'
), lagged AS (
  SELECT months.period_start_on AS month_start_on, later.period_start_on AS counted_on
  FROM months
  CROSS JOIN ops.parameters AS parameters
  JOIN months AS later ON later.place = months.place + parameters.cac_lag_months
), lines AS (
  SELECT
    expenses.expense_id AS cost_id,
    'expenses' AS entity,
    expenses.department,
    LOWER(COALESCE(expenses.kind, 'unknown')) AS kind,
    CASE WHEN LOWER(expenses.kind) = 'media' THEN 'books' END AS channel,
    expenses.spent_on,
    expenses.currency,
    expenses.amount,
    expenses._deleted_at
  FROM conformed.expenses AS expenses
  WHERE expenses.department IN ('marketing', 'sales')
  UNION ALL
  SELECT
    spend.spend_id,
    'marketing_spend',
    'marketing',
    'media',
    COALESCE(spend.channel, 'unknown'),
    spend.spent_on,
    spend.currency,
    spend.amount,
    spend._deleted_at
  FROM conformed.marketing_spend AS spend
), known AS (
  SELECT
    lines.*,
    calendar.month_start_on,
    COALESCE(lines._deleted_at <= parameters.as_of_at, FALSE) AS is_deleted
  FROM lines
  CROSS JOIN ops.parameters AS parameters
  JOIN ops.calendar AS calendar ON calendar.day = lines.spent_on
  WHERE lines.spent_on <= parameters.as_of_on
), booked AS (
  SELECT DISTINCT month_start_on
  FROM known
  WHERE entity = 'expenses' AND kind = 'media' AND NOT is_deleted
)
SELECT
  known.cost_id,
  known.entity,
  known.department,
  known.kind,
  known.channel,
  known.spent_on,
  lagged.counted_on,
  known.currency,
  known.amount AS local_amount,
  ROUND(known.amount * rates.rate, 2) AS amount,
  CASE
    WHEN known.is_deleted THEN 'deleted'
    WHEN known.entity = 'marketing_spend' AND booked.month_start_on IS NOT NULL
      THEN 'in_the_books'
    WHEN rates.rate IS NULL THEN 'missing_rate'
  END AS excluded
FROM known
JOIN lagged ON lagged.month_start_on = known.month_start_on
LEFT JOIN booked ON booked.month_start_on = known.month_start_on
LEFT JOIN rates
  ON rates.currency = known.currency AND rates.month_start_on = known.month_start_on
"""

LOADED = """
SELECT counted_on AS fact_on, excluded, cost_id AS customer_id, amount AS cost, 0 AS customers
FROM loaded_costs
UNION ALL
SELECT counted_on, NULL, customer_id, NULL, 1
FROM new_customers
"""

# A part of the cost over all new customers, so that the parts add up to the whole.
LOADED_BY = """
SELECT counted_on AS fact_on, excluded, cost_id AS customer_id, {part}, amount AS cost,
  0 AS customers
FROM loaded_costs
UNION ALL
SELECT parts.counted_on, NULL, new_customers.customer_id, parts.{part}, NULL, 1
FROM (SELECT DISTINCT counted_on, {part} FROM loaded_costs WHERE excluded IS NULL) AS parts
JOIN new_customers ON new_customers.counted_on = parts.counted_on
"""

MEDIA = """
SELECT costs.counted_on AS fact_on, costs.excluded, costs.cost_id AS customer_id,
  costs.amount AS cost, 0 AS customers
FROM metrics.cac AS costs
JOIN ops.periods AS periods
  ON periods.grain = 'month'
  AND periods.is_closed
  AND periods.period_start_on = costs.counted_on
WHERE costs.kind = 'media'
UNION ALL
SELECT counted_on, NULL, customer_id, NULL, 1
FROM new_customers
"""

MEDIA_BY_CHANNEL = """
WITH media AS (
  SELECT costs.*
  FROM metrics.cac AS costs
  JOIN ops.periods AS periods
    ON periods.grain = 'month'
    AND periods.is_closed
    AND periods.period_start_on = costs.counted_on
  WHERE costs.kind = 'media'
)
SELECT counted_on AS fact_on, excluded, cost_id AS customer_id, channel, amount AS cost,
  0 AS customers
FROM media
UNION ALL
SELECT channels.counted_on, NULL, new_customers.customer_id, channels.channel, NULL, 1
FROM (SELECT DISTINCT counted_on, channel FROM media WHERE excluded IS NULL) AS channels
JOIN new_customers ON new_customers.counted_on = channels.counted_on
"""

PER_CUSTOMER = Ratio(
    numerator="SUM(cost)", denominator="SUM(customers)", n="COALESCE(SUM(customers), 0)"
)


def _series(metric: str, title: str, facts: str, part: str = "") -> Series:
    return Series(
        metric=metric,
        title=title,
        unit="money",
        facts=facts,
        subject="customer_id",
        fragments=(LOADED_COSTS, NEW_CUSTOMERS) if metric == "cac" else (NEW_CUSTOMERS,),
        rollup=PER_CUSTOMER,
        grains=("month", "quarter"),
        dimensions=((part,),) if part else (),
        has_total=not part,
    )


METRIC = Metric(
    name="cac",
    title="Customer acquisition cost",
    stage="expand",
    owner="finance",
    format="money",
    better="lower",
    meaning=(
        "Everything that marketing and sales cost in the month `cac_lag_months` before, salaries, "
        "commissions, tools and media, for each customer who pays for the first time in the month. "
        "Media comes from the books where they hold any of that month, else from what marketing "
        "systems say was spent, so that no money counts twice. Beside it the paid cost: media "
        "alone, over the same customers. By department, kind or channel it is that part of the "
        "cost over all new customers, so that the parts add up to the whole."
    ),
    formula=(
        "cost of marketing and sales, cac_lag_months earlier / customers with a first MRR in the "
        "period"
    ),
    differs=(
        "Many dashboards show media alone as CAC; that is cac_paid here, and the fully loaded "
        "cost is the one to plan with (https://metrickittools.com/guides/fully-loaded-cac-guide).",
        "Others divide media by the customers attributed to paid channels only "
        "(https://www.thematchbox.inc/resources/glossary/blended-cac-vs-paid-cac); here both costs "
        "have the same customers, because attribution is a matter of its own (attribution).",
        "The usual formula takes cost and customers of the same period "
        "(https://metrickittools.com/guides/fully-loaded-cac-guide); here the cost is that of the "
        "months in which the customers were won, by a lag that is a setting.",
    ),
    excludes=(
        "what success and serving cost, which belongs to the gross margin",
        "media of marketing systems in months whose books hold media",
        "media in months without any books (they count in the paid cost)",
        "rows without a rate of exchange, and deleted rows",
        "customers who came back: they were won before",
        "the running month",
    ),
    inputs=(
        "conformed.expenses",
        "conformed.fx_rates",
        "conformed.marketing_spend",
        "metrics.cac",
        "metrics.mrr_movements",
        "ops.calendar",
        "ops.parameters",
        "ops.period_days",
        "ops.periods",
    ),
    series=(
        _series("cac", "Customer acquisition cost", LOADED),
        _series(
            "cac", "Customer acquisition cost", LOADED_BY.format(part="department"), "department"
        ),
        _series("cac", "Customer acquisition cost", LOADED_BY.format(part="kind"), "kind"),
        _series("cac_paid", "Media per new customer", MEDIA),
        _series("cac_paid", "Media per new customer", MEDIA_BY_CHANNEL, "channel"),
    ),
    detail=Detail(
        table="cac",
        description="One row per line of cost of marketing and sales, with the month it is for.",
        key=("cost_id",),
        columns=(
            DetailColumn("cost_id", "VARCHAR", "Identifier of the expense or the spend."),
            DetailColumn("entity", "VARCHAR", "Where it stands: expenses or marketing_spend."),
            DetailColumn("department", "VARCHAR", "Who spent it: marketing or sales."),
            DetailColumn("kind", "VARCHAR", "What for, lower case; media for advertising."),
            DetailColumn("channel", "VARCHAR", "Of media: its channel, or books."),
            DetailColumn("spent_on", "DATE", "Day, or first day of the month, it belongs to."),
            DetailColumn("counted_on", "DATE", "First day of the month of the customers won."),
            DetailColumn("currency", "VARCHAR", "Currency it was spent in."),
            DetailColumn("local_amount", "DECIMAL(18,2)", "Amount in that currency."),
            DetailColumn("amount", "DECIMAL(18,2)", "In base currency; null where no rate holds."),
            DetailColumn("excluded", "VARCHAR", "Why it does not count; null when it does."),
        ),
        sql=COSTS,
        fragments=(RATES,),
    ),
    identities=(
        Identity(
            "parts_make_the_cost",
            "The costs of the departments, and of the kinds, add up to the whole.",
            """
            SELECT total.period_start_on
            FROM metrics.metric_values AS total
            JOIN metrics.metric_values AS part
              ON part.metric = total.metric AND part.grain = total.grain
              AND part.period_start_on = total.period_start_on
            WHERE total.metric IN ('cac', 'cac_paid')
              AND CAST(total.dimensions AS VARCHAR) = '{}'
              AND CAST(part.dimensions AS VARCHAR) <> '{}'
            GROUP BY total.metric, total.grain, total.period_start_on, total.numerator,
              SUBSTR(CAST(part.dimensions AS VARCHAR), 1, 5)
            HAVING SUM(part.numerator) <> total.numerator
            """,
        ),
    ),
    example=Example(
        story=(
            "In April sales cost 9,000 and marketing 3,000 in salaries; 2,000 went into adverts, "
            "as the marketing system says. In May two customers pay for the first time. With a "
            "lag of one month each cost (9,000 + 3,000 + 2,000) / 2 = 7,000, of which media 1,000."
        ),
        tables={
            "expenses": (
                "expense_id | department | kind | spent_on | amount | currency\n"
                "e1 | sales | salaries | 2026-04-01 | 9000 | USD\n"
                "e2 | marketing | salaries | 2026-04-01 | 3000 | USD"
            ),
            "marketing_spend": (
                "spend_id | channel | spent_on | amount | currency\n"
                "m1 | paid_search | 2026-04-12 | 2000 | USD"
            ),
            "customers": "customer_id\nc1\nc2",
            "subscription_periods": (
                "subscription_id | customer_id | item_id | monthly_amount | valid_from_on\n"
                "s1 | c1 | i1 | 400 | 2026-05-04\n"
                "s2 | c2 | i2 | 600 | 2026-05-20"
            ),
        },
        results=(("cac", "2026-05-01", "7000"), ("cac_paid", "2026-05-01", "1000")),
    ),
)
