"""renewal_rate: of what was due for renewal, how much was renewed."""

from __future__ import annotations

from revops_pipelines.assets.metrics._customers import CUSTOMER_DIMENSIONS, CUSTOMERS
from revops_pipelines.assets.metrics._ledger import LEDGER
from revops_pipelines.assets.metrics._rates import RATES
from revops_pipelines.assets.metrics._renewal_outcomes import OUTCOMES
from revops_pipelines.assets.metrics._terms import SPANS, TERM_INPUTS, TERMS
from revops_pipelines.engine.metrics.declaration import (
    Benchmark,
    Detail,
    DetailColumn,
    Example,
    Identity,
    Metric,
    Ratio,
    Series,
)

DUE = """
SELECT
  ends_on AS fact_on,
  excluded,
  contract_id,
  segment, industry, region, owner, team,
  party,
  outcome,
  due_amount,
  renewed_amount,
  late_amount
FROM metrics.renewal_rate
"""

# Subscriptions without any term, counted in each month at whose end they paid: they renew every
# month and are due in none.
DUE_OR_EVERGREEN = f"""{DUE.rstrip()}
UNION ALL
SELECT
  periods.period_start_on,
  'evergreen',
  NULL,
  customers.segment, customers.industry, customers.region, customers.owner, customers.team,
  NULL, NULL, NULL, NULL, NULL
FROM spans
CROSS JOIN ops.parameters AS parameters
JOIN ops.periods AS periods
  ON periods.grain = 'month'
  AND periods.is_closed
  AND spans.from_on < periods.period_end_on
  AND COALESCE(spans.to_on, DATE '9999-12-31') >= periods.period_end_on
LEFT JOIN (SELECT DISTINCT subscription_id FROM terms) AS bound
  ON bound.subscription_id = spans.subscription_id
LEFT JOIN paying_customers AS customers ON customers.customer_id = spans.customer_id
WHERE bound.subscription_id IS NULL
"""

RENEWED = "outcome IN ('early', 'on_time')"


def _part(outcome: str, amount: str) -> Ratio:
    return Ratio(
        numerator=f"SUM(CASE WHEN outcome = '{outcome}' THEN {amount} ELSE 0 END)",
        denominator="SUM(due_amount)",
    )


def _series(metric: str, title: str, rollup: Ratio, windows: int = 1) -> Series:
    """`windows`: how many times `renewal_window_days` must have passed for it to be settled."""
    is_main = metric == "renewal_rate"
    return Series(
        metric=metric,
        title=title,
        unit="share",
        facts=DUE_OR_EVERGREEN if is_main else DUE,
        subject="contract_id",
        fragments=(CUSTOMERS, LEDGER, SPANS, TERMS) if is_main else (),
        rollup=rollup,
        grains=("month", "quarter"),
        dimensions=CUSTOMER_DIMENSIONS,
        mature_after_days=f"{windows} * parameters.renewal_window_days",
    )


METRIC = Metric(
    name="renewal_rate",
    title="Renewal rate",
    stage="expand",
    owner="customer-success",
    format="percent",
    better="higher",
    formula="ARR renewed by the end of the window, at most what was due / ARR due in the period",
    meaning=(
        "Of the annual recurring revenue whose term ended in the period, the share that was still "
        "paid, or signed anew, `renewal_window_days` after the end; growth at renewal does not "
        "count (that is `upsell_rate`), a smaller renewal counts with what it is worth. Beside it "
        "the share of customers who renewed anything, and the parts of the due revenue renewed "
        "early, on time and, apart, late: after the window, within three times its length."
    ),
    excludes=(
        "subscriptions billed by the week or month, which renew all the time (evergreen)",
        "terms of several years until their end: only the end is due",
        "terms whose window has not passed yet (pending)",
        "terms of bills where the same company has a signed contract for that time, which counts "
        "instead (signed_elsewhere)",
        "terms nobody paid for, without an amount, or in a currency without a rate of exchange",
    ),
    benchmark=Benchmark(
        text="5 % more retention brings 25 % to 95 % more profit",
        source="metric catalogue, after Bain & Company",
    ),
    differs=(
        "Planhat counts upsells into the renewed value, so that its rate passes 100 % "
        "(https://www.planhat.com/community/saas-renewal-rate/); here each renewal is capped at "
        "what was due.",
        "Others count a late renewal in the period in which it came "
        "(https://www.opexengine.com/question/renewal-rate-definition/); here it belongs to the "
        "period in which it was due and stands apart as `renewal_rate_late`, so that the rate of a "
        "period is settled once its window has passed.",
        "Gross revenue retention divides by all revenue of a year ago, due or not.",
    ),
    inputs=(
        *TERM_INPUTS,
        "conformed.fx_rates",
        "conformed.subscription_periods",
        "metrics.renewal_rate",
        "ops.calendar",
        "ops.period_days",
        "ops.periods",
        "ops.policies",
        "conformed.subscriptions",
    ),
    series=(
        _series(
            "renewal_rate",
            "Renewal rate, by value",
            Ratio(
                numerator=f"SUM(CASE WHEN {RENEWED} THEN renewed_amount ELSE 0 END)",
                denominator="SUM(due_amount)",
            ),
        ),
        _series(
            "renewal_rate_logo",
            "Renewal rate, by customer",
            Ratio(
                numerator=f"COUNT(DISTINCT CASE WHEN {RENEWED} THEN party END)",
                denominator="COUNT(DISTINCT party)",
                n="COUNT(DISTINCT party)",
                interval="wilson",
            ),
        ),
        _series("renewal_rate_early", "Renewed early", _part("early", "renewed_amount")),
        _series("renewal_rate_on_time", "Renewed on time", _part("on_time", "renewed_amount")),
        _series("renewal_rate_late", "Renewed late", _part("late", "late_amount"), 3),
    ),
    detail=Detail(
        table="renewal_rate",
        description="One row per term whose end has come: what was due and what became of it.",
        key=("contract_id",),
        columns=(
            DetailColumn("contract_id", "VARCHAR", "Term."),
            DetailColumn("subscription_id", "VARCHAR", "Subscription, where it is one."),
            DetailColumn("customer_id", "VARCHAR", "Customer."),
            DetailColumn("account_id", "VARCHAR", "Company."),
            DetailColumn("party", "VARCHAR", "Who agreed: the company, else the customer."),
            DetailColumn("segment", "VARCHAR", "Company-size band."),
            DetailColumn("industry", "VARCHAR", "Industry."),
            DetailColumn("region", "VARCHAR", "Sales region."),
            DetailColumn("owner", "VARCHAR", "Owner of the account."),
            DetailColumn("team", "VARCHAR", "Owner's team."),
            DetailColumn("starts_on", "DATE", "First day of the term."),
            DetailColumn("ends_on", "DATE", "First day after the term, on which it was due."),
            DetailColumn("renewed_on", "DATE", "First day of what followed it; null if nothing."),
            DetailColumn("currency", "VARCHAR", "Currency of what was due."),
            DetailColumn("due_amount", "DECIMAL(18,2)", "ARR due, base currency."),
            DetailColumn(
                "renewed_amount", "DECIMAL(18,2)", "Of it renewed by the end of the window."
            ),
            DetailColumn("expansion_amount", "DECIMAL(18,2)", "ARR renewed beyond what was due."),
            DetailColumn("late_amount", "DECIMAL(18,2)", "Of it renewed after the window."),
            DetailColumn("outcome", "VARCHAR", "early, on_time, late, lost or pending."),
            DetailColumn("excluded", "VARCHAR", "Why it does not count; null when it does."),
        ),
        sql=OUTCOMES,
        fragments=(RATES, LEDGER, SPANS, TERMS),
    ),
    identities=(
        Identity(
            "renewed_within_due",
            "Every term renews at most what was due, and grows only where it was renewed whole.",
            """
            SELECT contract_id FROM metrics.renewal_rate
            WHERE excluded IS NULL AND (
              renewed_amount > due_amount OR late_amount > due_amount
              OR renewed_amount < 0 OR expansion_amount < 0
              OR (expansion_amount > 0 AND renewed_amount <> due_amount)
              OR (outcome NOT IN ('early', 'on_time') AND renewed_amount <> 0)
              OR outcome IS NULL)
            """,
        ),
        Identity(
            "early_and_on_time_are_renewed",
            "What was renewed early and on time makes what was renewed.",
            """
            SELECT whole.grain, whole.period_start_on, whole.dimensions
            FROM metrics.metric_values AS whole
            JOIN metrics.metric_values AS early
              ON early.metric = 'renewal_rate_early' AND early.grain = whole.grain
              AND early.period_start_on = whole.period_start_on
              AND CAST(early.dimensions AS VARCHAR) = CAST(whole.dimensions AS VARCHAR)
            JOIN metrics.metric_values AS on_time
              ON on_time.metric = 'renewal_rate_on_time' AND on_time.grain = whole.grain
              AND on_time.period_start_on = whole.period_start_on
              AND CAST(on_time.dimensions AS VARCHAR) = CAST(whole.dimensions AS VARCHAR)
            WHERE whole.metric = 'renewal_rate'
              AND early.numerator + on_time.numerator <> whole.numerator
            """,
        ),
    ),
    example=Example(
        story=(
            "In April two yearly terms end. Ada paid 100 a month and pays 150 since; Ben paid 200 "
            "and left. Due were 12 x 300 = 3,600, renewed 12 x 100 = 1,200: a third by value, half "
            "by customer. Ada's growth of 600 is no renewal."
        ),
        tables={
            "contracts": """
            contract_id | customer_id | subscription_id | starts_on | ends_on
            1 | ada | s1 | 2025-04-10 | 2026-04-10
            2 | ben | s2 | 2025-04-12 | 2026-04-12
            """,
            "subscription_periods": """
            subscription_id | customer_id | item_id | monthly_amount | valid_from_on | valid_to_on
            s1 | ada | i1 | 100 | 2025-04-10 | 2026-04-10
            s1 | ada | i1 | 150 | 2026-04-10 |
            s2 | ben | i2 | 200 | 2025-04-12 | 2026-04-12
            """,
        },
        results=(
            ("renewal_rate", "2026-04-01", "0.333333"),
            ("renewal_rate_logo", "2026-04-01", "0.5"),
        ),
    ),
)
