"""renewals_calendar: what comes up for renewal, when, and what is seen of it."""

from __future__ import annotations

from revops_pipelines.assets.metrics._customers import CUSTOMER_DIMENSIONS
from revops_pipelines.assets.metrics._ledger import LEDGER
from revops_pipelines.assets.metrics._rates import RATES
from revops_pipelines.assets.metrics._renewal_signals import (
    QUIET_DAYS,
    SIGNAL_INPUTS,
    SIGNALS,
    SOON_DAYS,
)
from revops_pipelines.assets.metrics._terms import SPANS, TERM_INPUTS, TERMS
from revops_pipelines.engine.metrics.declaration import (
    Detail,
    DetailColumn,
    Example,
    Identity,
    Metric,
    Ratio,
    Series,
)

# The running term of each agreement, and one that has ended and whose window is still open. What
# is over, renewed already, evergreen or signed elsewhere comes up for nothing.
CALENDAR = f"""
WITH latest AS (
  SELECT
    terms.*,
    ROW_NUMBER() OVER (
      PARTITION BY COALESCE(terms.subscription_id, terms.contract_id)
      ORDER BY terms.starts_on DESC, terms.contract_id DESC
    ) AS place
  FROM terms
), due AS (
  SELECT
    latest.*,
    parameters.as_of_utc_on,
    parameters.as_of_at,
    calendar.month_start_on AS valued_on
  FROM latest
  CROSS JOIN ops.parameters AS parameters
  JOIN ops.calendar AS calendar ON calendar.day = parameters.as_of_on
  LEFT JOIN (
    SELECT signed.contract_id, MIN(later.starts_on) AS starts_on
    FROM terms AS signed
    JOIN terms AS later
      ON later.party = signed.party
      AND later.subscription_id IS NULL
      AND later.starts_on >= signed.ends_on
    WHERE signed.subscription_id IS NULL
    GROUP BY signed.contract_id
  ) AS followed ON followed.contract_id = latest.contract_id
  WHERE latest.place = 1
    AND NOT latest.is_evergreen
    AND NOT latest.is_signed_elsewhere
    AND latest.ended_on IS NULL
    AND followed.contract_id IS NULL
    AND latest.ends_on + parameters.renewal_window_days > parameters.as_of_utc_on
), present AS (
  SELECT due.contract_id, spans.currency, spans.monthly_amount,
    ROW_NUMBER() OVER (PARTITION BY due.contract_id ORDER BY spans.currency) AS place
  FROM due
  JOIN spans
    ON spans.subscription_id = due.subscription_id
    AND spans.to_on IS NULL
), valued AS (
  SELECT
    due.*,
    CASE WHEN due.subscription_id IS NULL THEN due.currency ELSE present.currency END
      AS paid_currency,
    CASE WHEN due.subscription_id IS NULL THEN due.annual_amount
      ELSE COALESCE(12 * present.monthly_amount, 0) END AS local_arr
  FROM due
  LEFT JOIN present ON present.contract_id = due.contract_id AND present.place = 1
), watched AS (
  SELECT MAX(activities.occurred_at) AS latest_at
  FROM conformed.activities AS activities
  CROSS JOIN ops.parameters AS parameters
  WHERE activities.occurred_at <= parameters.as_of_at
), paying AS (
  SELECT DISTINCT customer_id FROM payment_signals
), seen AS (
  SELECT
    valued.*,
    ROUND(valued.local_arr * rates.rate, 2) AS arr_amount,
    CASE WHEN valued.customer_id IS NULL THEN NULL
      ELSE paying.customer_id IS NOT NULL END AS is_payment_failing,
    CASE WHEN seat_signals.seats_before > 0
      THEN seat_signals.seats < seat_signals.seats_before END AS is_seats_falling,
    activity_signals.last_activity_at,
    CASE WHEN valued.account_id IS NULL OR watched.latest_at IS NULL THEN NULL
      ELSE activity_signals.last_activity_at IS NULL
        OR EPOCH(valued.as_of_at) - EPOCH(activity_signals.last_activity_at)
          > {QUIET_DAYS} * 86400 END AS is_quiet,
    deal_signals.opportunity_id AS renewal_opportunity_id,
    cancel_signals.requested_at AS cancel_requested_at
  FROM valued
  CROSS JOIN watched
  LEFT JOIN rates
    ON rates.currency = valued.paid_currency AND rates.month_start_on = valued.valued_on
  LEFT JOIN paying ON paying.customer_id = valued.customer_id
  LEFT JOIN seat_signals ON seat_signals.subscription_id = valued.subscription_id
  LEFT JOIN activity_signals ON activity_signals.account_id = valued.account_id
  LEFT JOIN deal_signals ON deal_signals.account_id = valued.account_id
  LEFT JOIN cancel_signals ON cancel_signals.subscription_id = valued.subscription_id
)
SELECT
  contract_id,
  subscription_id,
  customer_id,
  account_id,
  owner,
  team,
  segment,
  industry,
  region,
  starts_on,
  ends_on,
  notice_on,
  ends_on - as_of_utc_on AS days_to_renewal,
  notice_on - as_of_utc_on AS days_to_notice,
  auto_renews,
  paid_currency AS currency,
  arr_amount,
  is_payment_failing,
  is_seats_falling,
  is_quiet,
  last_activity_at,
  cancel_requested_at,
  renewal_opportunity_id,
  CASE WHEN COALESCE(is_payment_failing, FALSE) THEN 1 ELSE 0 END
    + CASE WHEN COALESCE(is_seats_falling, FALSE) THEN 1 ELSE 0 END
    + CASE WHEN COALESCE(is_quiet, FALSE) THEN 1 ELSE 0 END
    + CASE WHEN cancel_requested_at IS NOT NULL THEN 1 ELSE 0 END AS warnings,
  CASE
    WHEN local_arr IS NULL THEN 'no_amount'
    WHEN local_arr = 0 THEN 'nothing_paid'
    WHEN arr_amount IS NULL THEN 'missing_rate'
  END AS excluded
FROM seen
"""

# A list has no periods: it is placed in those that run, so that each night leaves its number.
FACTS = """
SELECT
  periods.grain,
  periods.period_start_on,
  renewals.excluded,
  renewals.contract_id,
  renewals.segment,
  renewals.industry,
  renewals.region,
  renewals.owner,
  renewals.team,
  calendar.month_start_on AS renewal_month,
  renewals.warnings,
  renewals.arr_amount
FROM metrics.renewals_calendar AS renewals
CROSS JOIN ops.parameters AS parameters
JOIN ops.calendar AS calendar ON calendar.day = renewals.ends_on
JOIN ops.period_days AS today ON today.day = parameters.as_of_on
JOIN ops.periods AS periods
  ON periods.grain = today.grain AND periods.period_start_on = today.period_start_on
WHERE {which}
"""
SOON = f"renewals.days_to_renewal < {SOON_DAYS}"


def _series(metric: str, title: str, which: str, by_month: bool = False) -> Series:
    return Series(
        metric=metric,
        title=title,
        unit="money",
        facts=FACTS.replace("{which}", which),
        subject="contract_id",
        rollup=Ratio(numerator="SUM(arr_amount)"),
        grains=("month", "quarter"),
        dimensions=(*((("renewal_month",),) if by_month else ()), *CUSTOMER_DIMENSIONS),
        is_placed=True,
    )


METRIC = Metric(
    name="renewals_calendar",
    title="ARR up for renewal",
    stage="expand",
    owner="customer-success",
    format="money",
    better="higher",
    formula=f"ARR of terms that end within {SOON_DAYS} days, or ended and are still open",
    meaning=(
        f"Annual recurring revenue whose term ends within the next {SOON_DAYS} days, or has ended "
        "and may still be renewed within `renewal_window_days`, as of now. Beside it the part "
        "with a warning, and all of the next twelve months by the month of renewal. The list to "
        "work off names each with its renewal and notice date, owner and what is seen: payment "
        f"failing, fewer seats than {QUIET_DAYS} days ago, no human activity with the company in "
        f"{QUIET_DAYS} days, a cancellation asked for, and the open renewal deal, if there is one."
    ),
    excludes=(
        "subscriptions billed by the week or month, which come up for renewal all the time",
        "terms that ended early, were renewed already, or are signed elsewhere",
        "terms nobody pays for, without an amount, or in a currency without a rate of exchange",
        "a warning that nothing could say: no activities are read, or the company is not known",
    ),
    differs=(
        "Lists by the next bill's date put monthly subscriptions first; a bill is no renewal "
        "where the customer is bound beyond it or not at all.",
    ),
    inputs=(
        *TERM_INPUTS,
        *SIGNAL_INPUTS,
        "conformed.fx_rates",
        "conformed.subscription_periods",
        "metrics.renewals_calendar",
        "ops.calendar",
        "ops.period_days",
        "ops.periods",
        "ops.policies",
    ),
    series=(
        _series("renewals_calendar", "ARR up for renewal", SOON),
        _series(
            "renewals_calendar_at_risk",
            "ARR up for renewal with a warning",
            f"{SOON} AND renewals.warnings > 0",
        ),
        _series(
            "renewals_calendar_year",
            "ARR up for renewal within a year",
            "renewals.days_to_renewal < 365",
            by_month=True,
        ),
    ),
    detail=Detail(
        table="renewals_calendar",
        description="One row per running term, and per ended one that may still be renewed.",
        key=("contract_id",),
        columns=(
            DetailColumn("contract_id", "VARCHAR", "Term."),
            DetailColumn("subscription_id", "VARCHAR", "Subscription, where it is one."),
            DetailColumn("customer_id", "VARCHAR", "Customer."),
            DetailColumn("account_id", "VARCHAR", "Company."),
            DetailColumn("owner", "VARCHAR", "Owner of the account."),
            DetailColumn("team", "VARCHAR", "Owner's team."),
            DetailColumn("segment", "VARCHAR", "Company-size band."),
            DetailColumn("industry", "VARCHAR", "Industry."),
            DetailColumn("region", "VARCHAR", "Sales region."),
            DetailColumn("starts_on", "DATE", "First day of the term."),
            DetailColumn("ends_on", "DATE", "Day on which it comes up for renewal."),
            DetailColumn("notice_on", "DATE", "Last day of notice; null where none is agreed."),
            DetailColumn("days_to_renewal", "INTEGER", "Days until then; negative once past."),
            DetailColumn("days_to_notice", "INTEGER", "Days until the last day of notice."),
            DetailColumn("auto_renews", "BOOLEAN", "Renews by itself; null where nobody says."),
            DetailColumn("currency", "VARCHAR", "Currency it is paid in."),
            DetailColumn("arr_amount", "DECIMAL(18,2)", "ARR that hangs on it, base currency."),
            DetailColumn("is_payment_failing", "BOOLEAN", "The customer owes an overdue bill."),
            DetailColumn("is_seats_falling", "BOOLEAN", f"Fewer seats than {QUIET_DAYS} days ago."),
            DetailColumn(
                "is_quiet", "BOOLEAN", f"No human activity with the company in {QUIET_DAYS} days."
            ),
            DetailColumn("last_activity_at", "TIMESTAMP", "The last such activity (UTC)."),
            DetailColumn("cancel_requested_at", "TIMESTAMP", "When the customer asked to end it."),
            DetailColumn("renewal_opportunity_id", "VARCHAR", "Open renewal deal; null if none."),
            DetailColumn("warnings", "INTEGER", "How many of the four warnings hold."),
            DetailColumn("excluded", "VARCHAR", "Why its ARR does not count; null when it does."),
        ),
        sql=CALENDAR,
        fragments=(RATES, LEDGER, SPANS, TERMS, *SIGNALS),
    ),
    identities=(
        Identity(
            "one_term_an_agreement",
            "Of each subscription at most one term comes up for renewal.",
            """
            SELECT subscription_id FROM metrics.renewals_calendar
            WHERE subscription_id IS NOT NULL
            GROUP BY subscription_id HAVING COUNT(*) > 1
            """,
        ),
        Identity(
            "warned_within_due",
            "What is due with a warning is part of what is due.",
            """
            SELECT due.grain, due.period_start_on
            FROM metrics.metric_values AS due
            JOIN metrics.metric_values AS warned
              ON warned.metric = 'renewals_calendar_at_risk' AND warned.grain = due.grain
              AND warned.period_start_on = due.period_start_on
              AND CAST(warned.dimensions AS VARCHAR) = CAST(due.dimensions AS VARCHAR)
            WHERE due.metric = 'renewals_calendar' AND warned.value > due.value
            """,
        ),
    ),
    example=Example(
        story=(
            "On 30 June Ada's year of 100 a month ends on 1 August and Ben's of 200 on 1 December; "
            "Ada has asked to leave. 1,200 come up within 90 days, all with a warning, and 3,600 "
            "within a year."
        ),
        tables={
            "contracts": """
            contract_id | customer_id | subscription_id | starts_on | ends_on
            1 | ada | s1 | 2025-08-01 | 2026-08-01
            2 | ben | s2 | 2025-12-01 | 2026-12-01
            """,
            "subscriptions": """
            subscription_id | customer_id | cancel_requested_at
            s1 | ada | 2026-06-20 10:00
            """,
            "subscription_periods": """
            subscription_id | customer_id | item_id | monthly_amount | valid_from_on
            s1 | ada | i1 | 100 | 2025-08-01
            s2 | ben | i2 | 200 | 2025-12-01
            """,
        },
        results=(
            ("renewals_calendar", "2026-06-01", "1200"),
            ("renewals_calendar_at_risk", "2026-06-01", "1200"),
            ("renewals_calendar_year", "2026-06-01", "3600"),
        ),
    ),
)
