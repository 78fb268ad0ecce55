"""mrr_by_policy: the same subscriptions under the conventions of several systems."""

from __future__ import annotations

from revops_pipelines.assets.metrics._policy_bridge import BRIDGE, BRIDGE_FRAGMENTS, SECOND
from revops_pipelines.assets.metrics._stock import PLACED_MONTHS
from revops_pipelines.engine.metrics.declaration import (
    Detail,
    DetailColumn,
    Example,
    Identity,
    Metric,
    Ratio,
    Series,
)
from revops_pipelines.engine.metrics.policies import OURS

# `metrics.mrr` is under the policy in force. A customer's MRR under ours is that less its bridge,
# under another policy ours and that one's bridge.
FACTS = f"""
WITH {PLACED_MONTHS}, bridges AS (
  SELECT policy, customer_id, period_start_on, SUM(amount) AS amount
  FROM metrics.mrr_by_policy
  WHERE cause <> 'missing_rate'
  GROUP BY policy, customer_id, period_start_on
), stock AS (
  SELECT customer_id, period_start_on, SUM(amount) AS amount
  FROM metrics.mrr
  WHERE amount IS NOT NULL
  GROUP BY customer_id, period_start_on
), in_force AS (
  SELECT bridges.customer_id, bridges.period_start_on, bridges.amount
  FROM bridges
  JOIN ops.parameters AS parameters ON parameters.policy = bridges.policy
), ours AS (
  SELECT
    COALESCE(stock.customer_id, in_force.customer_id) AS customer_id,
    COALESCE(stock.period_start_on, in_force.period_start_on) AS period_start_on,
    COALESCE(stock.amount, 0) - COALESCE(in_force.amount, 0) AS amount
  FROM stock
  FULL JOIN in_force
    ON in_force.customer_id = stock.customer_id
    AND in_force.period_start_on = stock.period_start_on
), each_policy AS (
  SELECT policies.policy, ours.customer_id, ours.period_start_on, ours.amount
  FROM ours
  CROSS JOIN ops.policies AS policies
), valued AS (
  SELECT
    COALESCE(each_policy.policy, bridges.policy) AS policy,
    COALESCE(each_policy.customer_id, bridges.customer_id) AS customer_id,
    COALESCE(each_policy.period_start_on, bridges.period_start_on) AS period_start_on,
    COALESCE(each_policy.amount, 0) + COALESCE(bridges.amount, 0) AS amount,
    CAST(NULL AS VARCHAR) AS excluded
  FROM each_policy
  FULL JOIN bridges
    ON bridges.policy = each_policy.policy
    AND bridges.customer_id = each_policy.customer_id
    AND bridges.period_start_on = each_policy.period_start_on
  UNION ALL
  SELECT policy, customer_id, period_start_on, CAST(NULL AS DECIMAL(18,2)), cause
  FROM metrics.mrr_by_policy
  WHERE cause = 'missing_rate'
)
SELECT
  placed_months.grain,
  placed_months.period_start_on,
  valued.excluded,
  valued.customer_id,
  valued.policy,
  valued.amount
FROM valued
JOIN placed_months ON placed_months.month_start_on = valued.period_start_on
{{where}}
WHERE valued.excluded IS NOT NULL OR valued.amount <> 0
"""
# The total is under the policy in force.
SELECTED = "JOIN ops.parameters AS selected ON selected.policy = valued.policy"

METRIC = Metric(
    name="mrr_by_policy",
    title="Monthly recurring revenue by policy",
    stage="expand",
    owner="finance",
    format="money",
    better="higher",
    formula="MRR under a policy = ours + what its statuses, discounts, months and rates change",
    meaning=(
        "What the same subscriptions are worth a month under the conventions of Stripe, "
        "ChartMogul, ProfitWell, Chargebee and RevenueCat, beside ours. The total is under the "
        "policy in force (`billing.policy`), the breakdown shows each. The table "
        "`metrics.mrr_by_policy` is the bridge: how each customer's MRR under a policy differs "
        "from ours, with the statuses that count replaced first, then the discounts, then the "
        "length of a month, then the rate of exchange. Each step values the customer anew, so that "
        "the causes sum to the difference to the cent. Between any two policies the bridge is the "
        "difference of their rows, cause by cause."
    ),
    excludes=(
        "trials and metered items, under every policy",
        "amounts in a currency without a rate of exchange; the bridge lists such customers with "
        "the cause `missing_rate` and no amount",
        "what vendors do besides: taxes, refunds, balances, what comes and goes within a month",
    ),
    differs=(
        "Stripe takes off coupons that last forever and no others "
        "(https://support.stripe.com/questions/billing-analytics); Chargebee leaves out those for "
        "one time, and limited ones on yearly subscriptions (https://www.chargebee.com/docs/"
        "billing/2.0/kb/reports-and-analytics/how-limited-coupons-are-calculated-for-yearly-"
        "subscriptions-mrr-calculations); ProfitWell always subtracts all (https://www.paddle.com/"
        "help/profitwell-metrics/measure/subscription-metrics/discounts).",
        "RevenueCat makes a month of 4 weeks or 30 days (https://www.revenuecat.com/docs/"
        "dashboard-and-metrics/charts/monthly-recurring-revenue-mrr-chart).",
        "The vendor's own number differs from its row here by what its data lack or have more: "
        "the rows apply its published rules to the company's own ledger.",
    ),
    inputs=(
        "conformed.customers",
        "conformed.fx_rates",
        "conformed.subscription_periods",
        "metrics.mrr",
        "metrics.mrr_by_policy",
        "ops.calendar",
        "ops.parameters",
        "ops.periods",
        "ops.policies",
        "conformed.subscriptions",
    ),
    series=(
        Series(
            metric="mrr_by_policy",
            title="Monthly recurring revenue by policy",
            unit="money",
            facts=FACTS.format(where=SELECTED),
            subject="customer_id",
            rollup=Ratio(numerator="SUM(amount)"),
            grains=("month", "quarter"),
            is_placed=True,
        ),
        Series(
            metric="mrr_by_policy",
            title="Monthly recurring revenue by policy",
            unit="money",
            facts=FACTS.format(where=""),
            subject="customer_id",
            rollup=Ratio(numerator="SUM(amount)"),
            grains=("month", "quarter"),
            dimensions=(("policy",),),
            is_placed=True,
            has_total=False,
        ),
    ),
    detail=Detail(
        table="mrr_by_policy",
        description=(
            "How each customer's MRR under a policy differs from ours, by cause: one row per "
            "month, customer, policy and cause that makes a difference."
        ),
        key=("period_start_on", "customer_id", "policy", "cause"),
        columns=(
            DetailColumn("period_start_on", "DATE", "First day of the month."),
            DetailColumn("customer_id", "VARCHAR", "Customer."),
            DetailColumn("policy", "VARCHAR", "Whose conventions, as in `ops.policies`."),
            DetailColumn(
                "cause",
                "VARCHAR",
                "statuses, discounts, month_length or exchange, replaced in this order; "
                "missing_rate where some of it could not be valued.",
            ),
            DetailColumn(
                "amount", "DECIMAL(18,2)", "What the cause adds to ours, in base currency."
            ),
        ),
        sql=BRIDGE,
        fragments=BRIDGE_FRAGMENTS,
    ),
    identities=(
        Identity(
            "causes_explain_the_difference",
            "Per customer, the causes sum to MRR under the policy less ours, valued once more by "
            "another way, in the last closed month and one year before.",
            f"""
            WITH {SECOND}, differences AS (
              SELECT policy, period_start_on, customer_id, amount
              FROM held
              UNION ALL
              SELECT policies.policy, held.period_start_on, held.customer_id, -held.amount
              FROM held
              CROSS JOIN ops.policies AS policies
              WHERE held.policy = '{OURS}'
              UNION ALL
              SELECT bridge.policy, bridge.period_start_on, bridge.customer_id, -bridge.amount
              FROM metrics.mrr_by_policy AS bridge
              JOIN checked ON checked.period_start_on = bridge.period_start_on
            )
            SELECT policy, period_start_on, customer_id, SUM(amount) AS unexplained
            FROM differences
            GROUP BY policy, period_start_on, customer_id
            HAVING SUM(amount) <> 0
            """,
        ),
        Identity(
            "policy_in_force_is_mrr",
            "Under the policy in force it is MRR, in total and in the breakdown.",
            """
            SELECT mrr.period_start_on, mrr.value, own.value
            FROM metrics.metric_values AS mrr
            CROSS JOIN ops.parameters AS parameters
            LEFT JOIN metrics.metric_values AS own
              ON own.metric = 'mrr_by_policy'
              AND own.grain = mrr.grain
              AND own.period_start_on = mrr.period_start_on
              AND COALESCE(json_extract_string(own.dimensions, '$.policy'), parameters.policy)
                = parameters.policy
            WHERE mrr.metric = 'mrr'
              AND CAST(mrr.dimensions AS VARCHAR) = '{}'
              AND mrr.numerator IS NOT NULL
              AND own.value IS DISTINCT FROM mrr.value
            """,
        ),
    ),
    example=Example(
        story=(
            "At the end of May Ada pays 60 of 100 for her first three months, Ben has owed his 50 "
            "for six weeks, and Cem pays 13 a week, which is 56.33 a month. Ours is 60 + 56.33 = "
            "116.33: Ben's grace is over. Stripe leaves Ada's coupon out and counts Ben: 100 + 50 "
            "+ 56.33. RevenueCat takes Cem's month for 4 weeks: 60 + 52."
        ),
        tables={
            "subscription_periods": """
subscription_id | customer_id | item_id | status | monthly_amount | list_monthly_amount | recurring_monthly_amount | lasting_monthly_amount | billing_interval | billing_interval_count | valid_from_on | valid_to_on
s1 | ada | i1 | active | 60 | 100 | 60 | 100 | month | 1 | 2026-04-10 |
s2 | ben | i2 | active | 50 | 50 | 50 | 50 | month | 1 | 2026-01-10 | 2026-04-15
s2 | ben | i2 | past_due | 50 | 50 | 50 | 50 | month | 1 | 2026-04-15 | 2026-05-15
s2 | ben | i2 | unpaid | 50 | 50 | 50 | 50 | month | 1 | 2026-05-15 |
s3 | cem | i3 | active | 56.33 | 56.33 | 56.33 | 56.33 | week | 1 | 2026-02-02 |
            """,  # noqa: E501
        },
        results=(
            ("mrr_by_policy", "2026-04-01", "166.33"),
            ("mrr_by_policy", "2026-05-01", "116.33"),
        ),
    ),
)
