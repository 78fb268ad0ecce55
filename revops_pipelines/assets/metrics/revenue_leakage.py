"""revenue_leakage: what was sold and did not come in, finding by finding, to the cent."""

from __future__ import annotations

from revops_pipelines.assets.metrics._leakage import BILLED, FAMILIES, PAYERS, SOLD, UNPAID
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

# Per family: contracted - billed is first the discounts that outlived their end, and the rest is
# one thing or another, in the order of the CASE. A tolerance covers rounding and small change by a
# share, and timing by the days of grace.
FINDINGS = """
WITH sold_sums AS (
  SELECT
    party_id,
    SUM(COALESCE(contracted, 0)) AS contracted,
    SUM(COALESCE(running_amount, 0)) AS running_amount,
    MAX(CASE WHEN unpriced IS NOT NULL THEN 1 ELSE 0 END) AS is_unpriced,
    MIN(closed_on) AS since_on
  FROM sold
  GROUP BY party_id
), billed_sums AS (
  SELECT
    party_id,
    CAST(SUM(COALESCE(net_cents, 0)) AS DECIMAL(18,0)) AS net_cents,
    CAST(SUM(COALESCE(late_discount_cents, 0)) AS DECIMAL(18,0)) AS late_discount_cents,
    MAX(CASE WHEN is_unvalued THEN 1 ELSE 0 END) AS is_unvalued,
    MIN(starts_on) AS since_on
  FROM billed
  GROUP BY party_id
), parties AS (
  SELECT party_id FROM sold_sums
  UNION
  SELECT party_id FROM billed_sums
), sides AS (
  SELECT
    parties.party_id,
    sold_sums.party_id IS NOT NULL AS is_sold,
    COALESCE(sold_sums.is_unpriced, 0) + COALESCE(billed_sums.is_unvalued, 0) > 0 AS is_unknown,
    CAST(COALESCE(sold_sums.contracted, 0) AS DECIMAL(18,2)) AS contracted,
    CAST(COALESCE(billed_sums.net_cents, 0) * CAST('0.01' AS DECIMAL(3,2)) AS DECIMAL(18,2))
      AS billed,
    CAST(
      COALESCE(billed_sums.late_discount_cents, 0) * CAST('0.01' AS DECIMAL(3,2)) AS DECIMAL(18,2)
    ) AS late_discount,
    CAST(
      ROUND(
        CAST(sold_sums.contracted AS DOUBLE) * CAST(parameters.leakage_tolerance_share AS DOUBLE)
        + CAST(sold_sums.running_amount AS DOUBLE) * parameters.leakage_grace_days / 365,
        2
      ) AS DECIMAL(18,2)
    ) AS tolerance,
    COALESCE(sold_sums.since_on, billed_sums.since_on) AS since_on
  FROM parties
  CROSS JOIN ops.parameters AS parameters
  LEFT JOIN sold_sums ON sold_sums.party_id = parties.party_id
  LEFT JOIN billed_sums ON billed_sums.party_id = parties.party_id
), typed AS (
  SELECT
    sides.*,
    contracted - billed - late_discount AS remainder,
    CASE
      WHEN NOT is_sold THEN 'billed_without_crm'
      WHEN is_unknown THEN 'not_comparable'
      WHEN ABS(contracted - billed - late_discount) <= tolerance THEN 'within_tolerance'
      WHEN billed = 0 AND late_discount = 0 THEN 'won_not_billed'
      WHEN contracted - billed - late_discount > 0 THEN 'billed_less_than_contracted'
      ELSE 'billed_more_than_contracted'
    END AS type
  FROM sides
), found AS (
  SELECT
    typed.type || ':' || sold.opportunity_id AS finding_id,
    typed.type,
    typed.party_id,
    NULL AS customer_id,
    sold.opportunity_id,
    NULL AS subscription_id,
    NULL AS invoice_id,
    sold.closed_on AS since_on,
    COALESCE(sold.contracted, 0) AS amount
  FROM typed
  JOIN sold ON sold.party_id = typed.party_id
  WHERE typed.type = 'won_not_billed' AND sold.contracted > 0
  UNION ALL
  SELECT
    typed.type || ':' || billed.customer_id,
    typed.type, typed.party_id, billed.customer_id, NULL, NULL, NULL, MIN(billed.starts_on),
    -CAST(
      CAST(SUM(COALESCE(billed.net_cents, 0) + COALESCE(billed.late_discount_cents, 0))
        AS DECIMAL(18,0)) * CAST('0.01' AS DECIMAL(3,2)) AS DECIMAL(18,2)
    )
  FROM typed
  JOIN billed ON billed.party_id = typed.party_id
  WHERE typed.type = 'billed_without_crm'
  GROUP BY typed.type, typed.party_id, billed.customer_id
  UNION ALL
  SELECT type || ':' || party_id, type, party_id, NULL, NULL, NULL, NULL, since_on, remainder
  FROM typed
  WHERE type NOT IN ('won_not_billed', 'billed_without_crm') AND remainder <> 0
  UNION ALL
  SELECT
    'discount_past_its_end:' || billed.customer_id || ':' || billed.subscription_id,
    'discount_past_its_end', billed.party_id, billed.customer_id, NULL, billed.subscription_id,
    NULL, MIN(billed.discount_ends_on),
    CAST(
      CAST(SUM(billed.late_discount_cents) AS DECIMAL(18,0)) * CAST('0.01' AS DECIMAL(3,2))
      AS DECIMAL(18,2)
    )
  FROM billed
  WHERE billed.late_discount_cents > 0
  GROUP BY billed.party_id, billed.customer_id, billed.subscription_id
  UNION ALL
  SELECT
    'failed_payment_not_recovered:' || invoice_id,
    'failed_payment_not_recovered', party_id, customer_id, NULL, NULL, invoice_id, failed_on, amount
  FROM unpaid
)
SELECT
  found.*,
  CASE WHEN found.type = 'failed_payment_not_recovered' THEN 'collection' ELSE 'billing' END
    AS side,
  parameters.as_of_utc_on - found.since_on AS age_days,
  typed.contracted AS contracted_amount,
  typed.billed AS billed_amount,
  typed.tolerance AS tolerance_amount
FROM found
CROSS JOIN ops.parameters AS parameters
LEFT JOIN typed ON typed.party_id = found.party_id
WHERE found.amount IS NULL OR found.amount <> 0
"""

LOST = """(
  'won_not_billed', 'billed_less_than_contracted', 'discount_past_its_end',
  'failed_payment_not_recovered'
)"""

# A list as it stands now, placed in the running month and quarter.
FACTS = f"""
SELECT
  periods.grain,
  periods.period_start_on,
  CASE
    WHEN findings.type NOT IN {LOST} THEN findings.type
    WHEN findings.amount IS NULL THEN 'missing_rate'
  END AS excluded,
  findings.party_id AS account_id,
  findings.type,
  findings.amount,
  COALESCE(accounts.segment, customers.segment) AS segment,
  COALESCE(accounts.industry, customers.industry) AS industry,
  COALESCE(accounts.region, customers.region) AS region,
  accounts.owner_id AS owner,
  users.team
FROM metrics.revenue_leakage AS findings
CROSS JOIN ops.parameters AS parameters
JOIN ops.periods AS periods
  ON periods.period_start_on <= parameters.as_of_on
  AND periods.period_end_on > parameters.as_of_on
LEFT JOIN conformed.accounts AS accounts ON accounts.account_id = findings.party_id
LEFT JOIN conformed.customers AS customers ON customers.customer_id = findings.customer_id
LEFT JOIN conformed.users AS users ON users.user_id = accounts.owner_id
"""

DIMENSIONS = each("type", "segment", "industry", "region", "owner", "team")

METRIC = Metric(
    name="revenue_leakage",
    title="Revenue leakage",
    stage="expand",
    owner="finance",
    format="money",
    better="lower",
    meaning=(
        "What the CRM says was sold and the billing system did not bill or did not collect, of "
        "the service of the last 365 days, family of companies by family: deals won and not "
        "billed, bills below the contract, discounts that outlived a year and the contract they "
        "came with, and bills whose payment failed and was not made good within the grace. Each "
        "is a row of metrics.revenue_leakage with both sides, its age and the tolerance; billed "
        "without a deal, billed more than sold, and what lies within the tolerance are rows too, "
        "so that contracted - billed is the sum of its causes to the cent."
    ),
    formula=("contracted - billed, beyond the tolerance, + failed payments not made good"),
    excludes=(
        "differences within leakage_tolerance_share and leakage_grace_days of what was sold",
        "what is billed without a deal, or above what was sold: listed, not lost",
        "families with a deal that has no amount, currency or rate of exchange: listed as not "
        "comparable",
        "deals of the kind other, lines of bills without a subscription, tax, credit notes",
    ),
    inputs=(
        "conformed.accounts",
        "conformed.contracts",
        "conformed.customers",
        "conformed.fx_rates",
        "conformed.invoice_lines",
        "conformed.invoices",
        "conformed.opportunities",
        "conformed.payments",
        "conformed.subscriptions",
        "conformed.users",
        "metrics.revenue_leakage",
        "ops.calendar",
        "ops.parameters",
        "ops.periods",
    ),
    series=(
        Series(
            metric="revenue_leakage",
            title="Revenue leakage",
            unit="money",
            facts=FACTS,
            subject="account_id",
            rollup=Ratio(numerator="SUM(amount)"),
            grains=("month", "quarter"),
            dimensions=DIMENSIONS,
            is_placed=True,
        ),
        Series(
            metric="revenue_leakage_findings",
            title="Findings of revenue leakage",
            unit="count",
            facts=FACTS,
            subject="account_id",
            rollup=Ratio(numerator="COUNT(*)"),
            grains=("month", "quarter"),
            dimensions=DIMENSIONS,
            is_placed=True,
        ),
    ),
    detail=Detail(
        table="revenue_leakage",
        description="One row per finding between CRM and billing, as of now.",
        key=("finding_id",),
        columns=(
            DetailColumn("finding_id", "VARCHAR", "Type and what it was found at."),
            DetailColumn(
                "type",
                "VARCHAR",
                "won_not_billed, billed_less_than_contracted, discount_past_its_end, "
                "failed_payment_not_recovered, billed_without_crm, billed_more_than_contracted, "
                "not_comparable or within_tolerance.",
            ),
            DetailColumn("side", "VARCHAR", "billing, or collection after the bill."),
            DetailColumn("party_id", "VARCHAR", "Topmost company of the family, or the customer."),
            DetailColumn("customer_id", "VARCHAR", "Customer, where it is one's."),
            DetailColumn("opportunity_id", "VARCHAR", "Deal, where it is one's."),
            DetailColumn("subscription_id", "VARCHAR", "Subscription, where it is one's."),
            DetailColumn("invoice_id", "VARCHAR", "Bill, where it is one's."),
            DetailColumn("since_on", "DATE", "Day from which it counts its age."),
            DetailColumn("age_days", "BIGINT", "Days since then."),
            DetailColumn("contracted_amount", "DECIMAL(18,2)", "Sold to the family, in base."),
            DetailColumn("billed_amount", "DECIMAL(18,2)", "Billed to it, in base."),
            DetailColumn("tolerance_amount", "DECIMAL(18,2)", "Difference that is none."),
            DetailColumn(
                "amount", "DECIMAL(18,2)", "The finding's part, base currency; null without a rate."
            ),
        ),
        sql=FINDINGS,
        fragments=(RATES, FAMILIES, PAYERS, SOLD, BILLED, UNPAID),
    ),
    identities=(
        Identity(
            "causes_make_the_difference",
            "Contracted - billed is the sum of its typed causes and what is within the tolerance, "
            "per family, to the cent.",
            """
            SELECT party_id FROM metrics.revenue_leakage WHERE side = 'billing'
            GROUP BY party_id
            HAVING MAX(contracted_amount) - MAX(billed_amount) <> SUM(amount)
            """,
        ),
    ),
    example=Example(
        story=(
            "Two companies bought for 3,650 a year on 22 March, 100 days ago: 1,000 each is due "
            "by now. Nobody ever billed the first: 1,000 won and not billed. The second got one "
            "bill for the year at 2,920, 800 of it served by now: 200 less than contracted, more "
            "than the tolerance of 1 % of 1,000 and 14 days at 10 a day, 150. In all 1,200."
        ),
        tables={
            "accounts": "account_id\na1\na2",
            "opportunities": (
                "opportunity_id | account_id | amount | created_at | closed_at | is_closed "
                "| is_won\n"
                "o1 | a1 | 3650 | 2026-01-10 10:00 | 2026-03-22 10:00 | true | true\n"
                "o2 | a2 | 3650 | 2026-01-11 10:00 | 2026-03-22 11:00 | true | true"
            ),
            "customers": "customer_id | account_id\nc2 | a2",
            "invoices": (
                "invoice_id | customer_id | status | currency | total | issued_at | paid_at\n"
                "i1 | c2 | paid | USD | 2920 | 2026-03-22 12:00 | 2026-03-22 12:05"
            ),
            "invoice_lines": (
                "line_id | invoice_id | subscription_id | amount | currency | is_proration "
                "| period_start_on | period_end_on\n"
                "l1 | i1 | s1 | 2920 | USD | false | 2026-03-22 | 2027-03-22"
            ),
        },
        results=(
            ("revenue_leakage", "2026-06-01", "1200"),
            ("revenue_leakage_findings", "2026-06-01", "2"),
        ),
    ),
)
