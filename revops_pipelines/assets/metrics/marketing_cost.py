"""marketing_cost: what marketing costs, by campaign and channel, counted once."""

from __future__ import annotations

from revops_pipelines.assets.metrics._rates import RATES
from revops_pipelines.engine.metrics.declaration import (
    Detail,
    DetailColumn,
    Example,
    Identity,
    Metric,
    Ratio,
    Series,
    each,
)

# Media is paid once and known twice: the systems know each campaign's, the books the bill. Where a
# month's books hold media, the month's media is what the books say: they are counted in full, what
# the systems say of it stays with its campaign, and the same is taken off the books' own line. What
# remains there is what the systems do not know (or, below zero, claim too much).
COSTS = """
WITH lines AS (
  SELECT
    'marketing_spend' AS entity,
    spend.spend_id AS cost_id,
    COALESCE(spend.campaign_id, 'no_campaign') AS campaign,
    COALESCE(spend.channel, campaigns.channel, 'unknown') AS channel,
    'media' AS kind,
    spend.spent_on,
    spend.currency,
    spend.amount,
    spend._deleted_at
  FROM conformed.marketing_spend AS spend
  LEFT JOIN conformed.campaigns AS campaigns ON campaigns.campaign_id = spend.campaign_id
  UNION ALL
  SELECT
    'expenses',
    expenses.expense_id,
    'no_campaign',
    CASE WHEN LOWER(expenses.kind) = 'media' THEN 'books' ELSE 'no_channel' END,
    LOWER(COALESCE(expenses.kind, 'unknown')),
    expenses.spent_on,
    expenses.currency,
    expenses.amount,
    expenses._deleted_at
  FROM conformed.expenses AS expenses
  WHERE expenses.department = 'marketing'
), valued AS (
  SELECT
    lines.entity,
    lines.cost_id,
    lines.campaign,
    lines.channel,
    lines.kind,
    lines.spent_on,
    calendar.month_start_on,
    lines.currency,
    CAST(ROUND(lines.amount * rates.rate, 2) AS DECIMAL(18,2)) AS amount,
    CASE
      WHEN lines._deleted_at <= parameters.as_of_at THEN 'deleted'
      WHEN rates.rate IS NULL THEN 'missing_rate'
    END AS excluded
  FROM lines
  CROSS JOIN ops.parameters AS parameters
  JOIN ops.calendar AS calendar ON calendar.day = lines.spent_on
  LEFT JOIN rates
    ON rates.currency = lines.currency AND rates.month_start_on = calendar.month_start_on
  WHERE lines.spent_on <= parameters.as_of_on
), booked AS (
  SELECT DISTINCT month_start_on
  FROM valued
  WHERE entity = 'expenses' AND kind = 'media' AND excluded IS NULL
)
SELECT entity, cost_id, campaign, channel, kind, spent_on, currency, amount, excluded
FROM valued
UNION ALL
SELECT
  'in_the_books', valued.cost_id, 'no_campaign', 'books', 'media', valued.spent_on,
  valued.currency, -valued.amount, NULL
FROM valued
JOIN booked ON booked.month_start_on = valued.month_start_on
WHERE valued.entity = 'marketing_spend' AND valued.excluded IS NULL
"""

FACTS = """
SELECT
  costs.spent_on AS fact_on,
  costs.excluded,
  costs.cost_id AS spend_id,
  costs.campaign,
  costs.channel,
  costs.kind,
  costs.currency,
  costs.amount
FROM metrics.marketing_cost AS costs
"""

METRIC = Metric(
    name="marketing_cost",
    title="Cost of marketing",
    stage="engage",
    owner="marketing-operations",
    format="money",
    better="lower",
    meaning=(
        "What was spent on campaigns, as the marketing systems have it, and what else the books "
        "hold for the department, in base currency, by the day (or month) it belongs to; by "
        "campaign, channel and kind. Media is counted once: in a month whose books hold rows of "
        "the kind media, these are the whole of it, the systems' rows stay with their campaigns, "
        "and the channel `books` is only what is left. marketing_cost_media is the media alone."
    ),
    formula="cost = spend of the campaigns + books of marketing - spend that the books hold too",
    excludes=(
        "expenses of other departments",
        "plans and budgets",
        "rows in a currency without a rate of exchange, and deleted rows",
    ),
    inputs=(
        "conformed.campaigns",
        "conformed.expenses",
        "conformed.fx_rates",
        "conformed.marketing_spend",
        "metrics.marketing_cost",
        "ops.calendar",
        "ops.parameters",
        "ops.period_days",
        "ops.periods",
    ),
    series=(
        Series(
            metric="marketing_cost",
            title="Cost of marketing",
            unit="money",
            facts=FACTS,
            subject="spend_id",
            rollup=Ratio(numerator="SUM(amount)"),
            grains=("month", "quarter"),
            dimensions=each("campaign", "channel", "kind", "currency"),
        ),
        Series(
            metric="marketing_cost_media",
            title="Cost of media",
            unit="money",
            facts=FACTS + "WHERE costs.kind = 'media'\n",
            subject="spend_id",
            rollup=Ratio(numerator="SUM(amount)"),
            grains=("month", "quarter"),
            dimensions=each("campaign", "channel", "currency"),
        ),
    ),
    detail=Detail(
        table="marketing_cost",
        description="One row per cost, in base currency, and one for each that is known twice.",
        key=("entity", "cost_id"),
        columns=(
            DetailColumn(
                "entity",
                "VARCHAR",
                "Where it is known: marketing_spend, expenses, or in_the_books (taken off again).",
            ),
            DetailColumn("cost_id", "VARCHAR", "The row there."),
            DetailColumn("campaign", "VARCHAR", "Campaign, or no_campaign."),
            DetailColumn("channel", "VARCHAR", "Channel; books or no_channel for what has none."),
            DetailColumn("kind", "VARCHAR", "What for; media for what was spent on campaigns."),
            DetailColumn("spent_on", "DATE", "Day, or first day of the month, it belongs to."),
            DetailColumn("currency", "VARCHAR", "Currency that it was paid in."),
            DetailColumn("amount", "DECIMAL(18,2)", "Amount in base currency."),
            DetailColumn("excluded", "VARCHAR", "Why it does not count; null where it does."),
        ),
        sql=COSTS,
        fragments=(RATES,),
    ),
    identities=(
        Identity(
            "media_is_that_of_the_books",
            "In a month whose books hold media, all media together is what the books hold.",
            """
            WITH months AS (
              SELECT days.period_start_on,
                SUM(costs.amount) AS counted,
                SUM(CASE WHEN costs.entity = 'expenses' THEN costs.amount END) AS booked
              FROM metrics.marketing_cost AS costs
              JOIN ops.period_days AS days ON days.grain = 'month' AND days.day = costs.spent_on
              WHERE costs.kind = 'media' AND costs.excluded IS NULL
              GROUP BY days.period_start_on
            )
            SELECT period_start_on FROM months WHERE booked IS NOT NULL AND counted <> booked
            """,
        ),
        Identity(
            "every_cost_once",
            "Every row of spend and of marketing's books until now is there once.",
            """
            WITH rows_of AS (
              SELECT 'marketing_spend' AS entity, spend_id AS cost_id, spent_on
              FROM conformed.marketing_spend
              UNION ALL
              SELECT 'expenses', expense_id, spent_on FROM conformed.expenses
              WHERE department = 'marketing'
            )
            SELECT rows_of.cost_id FROM rows_of
            CROSS JOIN ops.parameters AS parameters
            LEFT JOIN metrics.marketing_cost AS costs
              ON costs.entity = rows_of.entity AND costs.cost_id = rows_of.cost_id
            WHERE rows_of.spent_on <= parameters.as_of_on
            GROUP BY rows_of.entity, rows_of.cost_id
            HAVING COUNT(costs.cost_id) <> 1
            """,
        ),
    ),
    example=Example(
        story=(
            "The systems know of 300.00 for ads and 200.00 for a webinar in May. The books have "
            "600.00 of media and 1,000.00 of salaries: the cost is 1,600.00, of which the ads are "
            "300.00, the webinar 200.00, and 100.00 is media that no campaign explains. April has "
            "no books yet: its cost is the 50.00 that the systems know."
        ),
        tables={
            "marketing_spend": """
spend_id | campaign_id | channel | spent_on   | amount | currency
1        | ads         | ads     | 2026-05-01 | 300    | USD
2        | webinar     | webinar | 2026-05-12 | 200    | USD
3        | ads         | ads     | 2026-04-01 | 50     | USD
""",
            "expenses": """
expense_id | department | kind     | spent_on   | amount | currency
1          | marketing  | media    | 2026-05-01 | 600    | USD
2          | marketing  | salaries | 2026-05-01 | 1000   | USD
""",
        },
        results=(
            ("marketing_cost", "2026-05-01", "1600"),
            ("marketing_cost_media", "2026-05-01", "600"),
            ("marketing_cost", "2026-04-01", "50"),
        ),
    ),
)
