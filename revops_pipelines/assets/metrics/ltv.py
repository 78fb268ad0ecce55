"""ltv: what a customer leaves over in its lifetime."""

from __future__ import annotations

from revops_pipelines.assets.metrics._customers import CUSTOMER_DIMENSIONS, MONTH_INPUTS
from revops_pipelines.assets.metrics._lifetimes import LIFETIME_FRAGMENTS, LIVES, fitted_lifetimes
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

FACTS = """
SELECT period_start_on AS fact_on, excluded, customer_id, segment, industry, region, owner, team,
  closing, is_paying, at_risk, lost, margin, z
FROM customer_years
"""

# Nothing that is fitted adds up over segments: each has a fit of its own.
PROJECTED = """
SELECT
  years.period_start_on AS fact_on,
  COALESCE(
    years.excluded,
    CASE WHEN lifetimes.upper_months IS NULL THEN 'too_few_customers' END
  ) AS excluded,
  years.customer_id,
  years.segment,
  years.closing,
  years.margin,
  lifetimes.expected_months,
  lifetimes.lower_months,
  lifetimes.upper_months
FROM customer_years AS years
LEFT JOIN metrics.ltv AS lifetimes
  ON lifetimes.period_start_on = years.period_start_on
  AND lifetimes.segment = {segment}
WHERE years.is_paying = 1 OR years.excluded IS NOT NULL
"""

MARGIN = "CAST(SUM(closing) AS DOUBLE) * MAX(margin) / NULLIF(CAST(SUM(is_paying) AS DOUBLE), 0)"
CHURN = "CAST(SUM(lost) AS DOUBLE) / NULLIF(CAST(SUM(at_risk) AS DOUBLE), 0)"
# Wilson's interval of the churn, as in `engine.metrics.render`; its ends change places below the
# line. Where nobody left, a lifetime has no upper end.
_TRIALS = "NULLIF(CAST(SUM(at_risk) AS DOUBLE), 0)"
_HALF = (
    f"MAX(z) * SQRT(GREATEST(0, {CHURN} * (1 - {CHURN}) / {_TRIALS}"
    f" + MAX(z) * MAX(z) / (4 * {_TRIALS} * {_TRIALS})))"
)
_END = (
    f"{MARGIN} * (1 + MAX(z) * MAX(z) / {_TRIALS})\n"
    f"    / ({CHURN} + MAX(z) * MAX(z) / (2 * {_TRIALS}) {{sign}} {_HALF})"
)
LOWER = _END.format(sign="+")
UPPER = f"CASE WHEN SUM(lost) > 0 THEN\n    {_END.format(sign='-')} END"


def _projected(segment: str, **more: object) -> Series:
    def months(which: str) -> str:
        return f"CAST(SUM(closing) AS DOUBLE) * MAX(margin) * MAX({which})"

    return Series(
        metric="ltv_cohort",
        title="Lifetime value in five years, by a fit to how customers leave",
        unit="money",
        facts=PROJECTED.format(segment=segment),
        subject="customer_id",
        fragments=LIFETIME_FRAGMENTS,
        rollup=Ratio(
            numerator=months("expected_months"),
            denominator="COUNT(*)",
            bounds=(f"{months('lower_months')} / COUNT(*)", f"{months('upper_months')} / COUNT(*)"),
        ),
        grains=("month",),
        **more,  # type: ignore[arg-type]
    )


METRIC = Metric(
    name="ltv",
    title="Customer lifetime value",
    stage="expand",
    owner="finance",
    format="money",
    better="higher",
    meaning=(
        "Gross profit that an average customer brings until it leaves, were all to leave at the "
        "pace of the last twelve months: revenue per account and month, times the gross margin, "
        "by the share of customers lost a month. Where nobody left it is undefined, and the lower "
        "bound says what it is at least. Beside it ltv_cohort, the gross profit of the next sixty "
        "months by the shifted-beta-geometric model: customers differ in how likely they are to "
        "leave, those who stay are ever likelier to go on staying, and each customer's own life "
        "counts, finished or not."
    ),
    formula=(
        "MRR per paying customer x gross margin / (customers lost / customer-months at risk, of "
        "twelve months)"
    ),
    differs=(
        "ChartMogul divides ARPA by the average churn rate of the six months before, without the "
        "gross margin (https://help.chartmogul.com/hc/en-us/articles/"
        "203359061-Chart-Customer-Lifetime-Value-LTV); here the margin is in, the churn is that of "
        "twelve months together, and it bears an interval.",
        "Stripe takes a churn of 1.67 % where it is 0 (https://support.stripe.com/questions/"
        "calculating-subscriber-lifetime-value-in-billing); here nothing is made up.",
        "ProfitWell divides ARPU by 1 - retention, smoothed, so that expansion and reactivation "
        "lengthen lives (https://www.paddle.com/help/profitwell-metrics/measure/compare/"
        "profit-well-vs-braintree); here only leaving ends a life.",
    ),
    excludes=(
        "customer-months that could not be valued for want of a rate of exchange",
        "in the fit: what customers do after a return",
        "in the fit: segments with fewer than min_n customers who came to a first renewal",
        "the running month",
    ),
    inputs=(*MONTH_INPUTS, "metrics.ltv"),
    series=(
        Series(
            metric="ltv",
            title="Customer lifetime value",
            unit="money",
            facts=FACTS,
            subject="customer_id",
            fragments=LIFETIME_FRAGMENTS,
            rollup=Ratio(numerator=MARGIN, denominator=CHURN, bounds=(LOWER, UPPER)),
            grains=("month",),
            dimensions=CUSTOMER_DIMENSIONS,
        ),
        _projected("'(all)'"),
        _projected(
            "COALESCE(years.segment, 'unknown')", dimensions=each("segment"), has_total=False
        ),
    ),
    detail=Detail(
        table="ltv",
        description=(
            "One row per month and segment: the shifted-beta-geometric model fitted to all "
            "renewals up to that month; (all) is every customer."
        ),
        key=("period_start_on", "segment"),
        columns=(
            DetailColumn("period_start_on", "DATE", "First day of the last month fitted to."),
            DetailColumn("segment", "VARCHAR", "Company-size band, or (all)."),
            DetailColumn("lives", "BIGINT", "Customers who came to a first renewal."),
            DetailColumn("losses", "BIGINT", "Of them, those who left."),
            DetailColumn("alpha", "DOUBLE", "First parameter; null where nothing was fitted."),
            DetailColumn("beta", "DOUBLE", "Second parameter."),
            DetailColumn("expected_months", "DOUBLE", "Months paid of the first sixty."),
            DetailColumn("lower_months", "DOUBLE", "Lower bound of them."),
            DetailColumn("upper_months", "DOUBLE", "Upper bound of them."),
        ),
        sql=LIVES,
        fragments=LIFETIME_FRAGMENTS[:2],
        model=fitted_lifetimes,
    ),
    identities=(
        Identity(
            "months_within_the_horizon",
            "Nobody pays for less than one month, or for more than sixty of the next sixty.",
            """
            SELECT period_start_on, segment FROM metrics.ltv
            WHERE lower_months < 1 OR upper_months > 60 OR lower_months > upper_months
              OR expected_months < lower_months OR expected_months > upper_months
              OR losses > lives
            """,
        ),
    ),
    example=Example(
        story=(
            "Four customers pay 100 a month from January, and one of them leaves in May: of the "
            "16 customer-months at risk from February to May one was the last, a churn of 6.25 %. "
            "The 100 a month that a customer pays leave 80 at a gross margin of 80 %, so a "
            "lifetime is worth 80 / 0.0625 = 1,280. In April nobody had left yet: undefined."
        ),
        tables={
            "customers": "customer_id\nc1\nc2\nc3\nc4",
            "subscription_periods": (
                "subscription_id | customer_id | item_id | monthly_amount | valid_from_on "
                "| valid_to_on\n"
                "s1 | c1 | i1 | 100 | 2026-01-04 |\n"
                "s2 | c2 | i2 | 100 | 2026-01-05 |\n"
                "s3 | c3 | i3 | 100 | 2026-01-06 |\n"
                "s4 | c4 | i4 | 100 | 2026-01-07 | 2026-05-10"
            ),
        },
        results=(("ltv", "2026-05-01", "1280"),),
    ),
)
