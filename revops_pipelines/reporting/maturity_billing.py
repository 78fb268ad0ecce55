"""Billing maturity: four stages, each resting on the one before.

Belongs here: what is looked at in payments, bills, subscriptions and their tie to the CRM. Does
not: how it is judged (`maturity`). "Lately" is the last 365 days.
"""

from __future__ import annotations

from decimal import Decimal

from revops_pipelines.reporting.maturity import LOOSE, STRICT, Area, Criterion

_LATELY = "> parameters.as_of_at - INTERVAL 365 DAY"
_ISSUED = f"""
FROM conformed.invoices AS invoices, ops.parameters AS parameters
WHERE invoices._deleted_at IS NULL AND invoices.total > 0 AND invoices.issued_at {_LATELY}
  AND invoices.status NOT IN ('draft', 'void')"""
_RUNNING = """
FROM conformed.subscriptions AS subscriptions
WHERE subscriptions._deleted_at IS NULL AND subscriptions.status IN ('active', 'past_due')"""

PAYMENTS = Area(
    "payment_processing",
    "Payment processing",
    (
        Criterion(
            "payments_present",
            "Payments are seen",
            "paid bills have their payment on record",
            "Read payments from the billing system, and book those made outside of it there.",
            f"""
SELECT count(*) FILTER (EXISTS (
  SELECT 1 FROM conformed.payments AS payments
  WHERE payments.invoice_id = invoices.invoice_id AND payments.status = 'succeeded')), count(*)
{_ISSUED} AND invoices.status = 'paid'""",
        ),
        Criterion(
            "payments_succeed",
            "Payments go through",
            "attempts of the last year succeeded",
            "Look at failure codes: expired cards, wrong accounts, banks that ask for consent.",
            f"""
SELECT count(*) FILTER (payments.status = 'succeeded'), count(*)
FROM conformed.payments AS payments, ops.parameters AS parameters
WHERE payments._deleted_at IS NULL AND payments.occurred_at {_LATELY}
  AND payments.status IN ('succeeded', 'failed')""",
            (Decimal("0.5"), Decimal("0.8"), Decimal("0.9"), Decimal("0.97")),
        ),
        Criterion(
            "failures_recovered",
            "Failed payments are recovered",
            "that failed was collected within the window (latest mature month, base currency)",
            "Retry on better days, write to the customer, let them renew the card themselves.",
            """
SELECT numerator, denominator FROM metrics.metric_values
WHERE metric = 'payment_recovery' AND grain = 'month' AND is_mature AND value IS NOT NULL
  AND CAST(dimensions AS VARCHAR) = '{}' ORDER BY period_start_on DESC LIMIT 1""",
            LOOSE,
        ),
    ),
)

AUTOMATION = Area(
    "billing_automation",
    "Billing automation",
    (
        Criterion(
            "billed_by_subscription",
            "Bills are issued by subscriptions",
            "bills of the last year follow a subscription",
            "Turn recurring bills that are written by hand into subscriptions.",
            f"SELECT count(invoices.subscription_id), count(*) {_ISSUED}",
        ),
        Criterion(
            "lines_say_periods",
            "Lines say what they are for",
            "lines of subscriptions name their period",
            "Send the start and end of service with each line.",
            """
SELECT count(*) FILTER (period_start_on IS NOT NULL AND period_end_on IS NOT NULL), count(*)
FROM conformed.invoice_lines WHERE _deleted_at IS NULL AND subscription_id IS NOT NULL""",
        ),
        Criterion(
            "bills_collected",
            "Bills are collected",
            "bills older than 30 days past their due date are paid",
            "Remind before the due date, and charge automatically where terms allow.",
            f"""
SELECT count(*) FILTER (invoices.status = 'paid'), count(*) {_ISSUED}
  AND coalesce(invoices.due_at, invoices.issued_at) <= parameters.as_of_at - INTERVAL 30 DAY""",
            (Decimal("0.5"), Decimal("0.9"), Decimal("0.95"), Decimal("0.99")),
        ),
    ),
)

SUBSCRIPTIONS = Area(
    "subscription_management",
    "Subscription management",
    (
        Criterion(
            "history_from_start",
            "Subscriptions have their whole history",
            "subscriptions have their amounts from their first day on",
            "Keep changes in the billing system instead of new subscriptions; load its history.",
            """
SELECT count(*) FILTER (periods.first_on <= subscriptions.started_on + 1), count(*)
FROM conformed.subscriptions AS subscriptions LEFT JOIN (
  SELECT subscription_id, min(valid_from_on) AS first_on FROM conformed.subscription_periods
  WHERE _deleted_at IS NULL GROUP BY subscription_id) AS periods USING (subscription_id)
WHERE subscriptions._deleted_at IS NULL AND subscriptions.status <> 'incomplete'""",
            STRICT,
        ),
        Criterion(
            "changes_prorated",
            "Changes within a term are billed to the day",
            "subscriptions that changed have prorated lines",
            "Let the billing system prorate amendments instead of waiting for the next bill.",
            """
SELECT count(*) FILTER (EXISTS (
  SELECT 1 FROM conformed.invoice_lines AS lines
  WHERE lines.subscription_id = changed.subscription_id AND lines.is_proration)), count(*)
FROM (
  SELECT subscription_id FROM conformed.subscription_periods
  WHERE _deleted_at IS NULL AND status IN ('active', 'past_due')
  GROUP BY subscription_id HAVING count(DISTINCT quantity) > 1 OR count(DISTINCT product) > 1
) AS changed""",
            LOOSE,
        ),
        Criterion(
            "terms_known",
            "Terms and renewals are known",
            "running terms say when they end and whether they renew by themselves",
            "Fill the end date and the renewal flag of each contract.",
            """
SELECT count(*) FILTER (contracts.ends_on IS NOT NULL AND contracts.auto_renews IS NOT NULL),
  count(*)
FROM conformed.contracts AS contracts, ops.parameters AS parameters
WHERE contracts._deleted_at IS NULL AND contracts.starts_on <= parameters.as_of_on
  AND contracts.ended_on IS NULL
  AND (contracts.ends_on IS NULL OR contracts.ends_on > parameters.as_of_on)""",
        ),
        Criterion(
            "reasons_of_ending",
            "Why they end is known",
            "ended subscriptions say whether the customer wanted it",
            "Ask for the reason when a subscription is cancelled.",
            """
SELECT count(cancel_reason), count(*) FROM conformed.subscriptions
WHERE _deleted_at IS NULL AND ended_on IS NOT NULL""",
        ),
    ),
)

REVENUE = Area(
    "revenue_operations",
    "Revenue operations",
    (
        Criterion(
            "customers_linked",
            "Billing and CRM know the same customers",
            "customers with a running subscription are tied to a company of the CRM",
            "Hand the CRM's identifier to billing when a customer is made.",
            f"""
SELECT count(accounts.account_id), count(*) FROM (
  SELECT DISTINCT subscriptions.customer_id {_RUNNING}) AS running
LEFT JOIN conformed.customers AS customers USING (customer_id)
LEFT JOIN conformed.accounts AS accounts ON accounts.account_id = customers.account_id""",
        ),
        Criterion(
            "little_leaks",
            "What is sold is billed and collected",
            "of the year's recurring amounts and what is found missing is billed (base currency)",
            "Work off the leakage list on the page of finance, the largest finding first.",
            """
SELECT arr.value, arr.value + leak.value FROM
  (SELECT value FROM metrics.metric_values WHERE metric = 'arr' AND grain = 'month' AND is_mature
    AND CAST(dimensions AS VARCHAR) = '{}' ORDER BY period_start_on DESC LIMIT 1) AS arr,
  (SELECT value FROM metrics.metric_values WHERE metric = 'revenue_leakage' AND grain = 'month'
    AND CAST(dimensions AS VARCHAR) = '{}' ORDER BY period_start_on DESC LIMIT 1) AS leak""",
            (Decimal("0.5"), Decimal("0.8"), Decimal("0.95"), Decimal("0.99")),
        ),
        Criterion(
            "renewals_owned",
            "Renewals have an owner",
            "of the next 90 days' ARR up for renewal has an owner (base currency)",
            "Give each company with a running term an owner in the CRM.",
            """
SELECT sum(arr_amount) FILTER (owner IS NOT NULL AND owner <> 'unknown'), sum(arr_amount)
FROM metrics.renewals_calendar WHERE excluded IS NULL AND days_to_renewal BETWEEN 0 AND 90""",
        ),
    ),
)

BILLING = (PAYMENTS, AUTOMATION, SUBSCRIPTIONS, REVENUE)
