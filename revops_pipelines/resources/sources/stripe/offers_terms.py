"""The terms of subscriptions, as Stripe's bills and schedules tell them.

Belongs here: the SQL of the offer to `contracts`. Does not: the other offers (`offers.py`) or which
terms are due (the metrics).

Stripe has no contracts. What comes nearest is the period that a customer has paid for: who is
billed for a year is bound for a year, and who is billed by the month can leave any month. So

- a term is a period of 12 weeks or more that a licensed item was billed for in full (its
  prorations are corrections inside a term), or that the subscription's items say is running now;
- trials are no terms, nor is what never started;
- a term is over early where its subscription ended inside it, or where a change of the billing
  interval began another one inside it: `ended_on`;
- a schedule that cancels at its end is one agreed term from its first phase to its last, however
  often it is billed in between: the bills' periods inside it are no terms of their own. A schedule
  that releases its subscription only plans changes and says nothing of terms;
- a schedule that has not started is signed and not started;
- a year is worth what the term's first bill said, after discounts and before tax, by the months
  (give or take the ends of short ones) or else the seconds that it was for.

Source: https://docs.stripe.com/billing/subscriptions/subscription-schedules (`end_behavior`).
"""

from __future__ import annotations

from revops_pipelines.engine.declarations import Offer
from revops_pipelines.resources.sources.stripe.money import cents, day, half_up, moment, units

# The shortest quarter has 89 days; whoever is bound for less is as good as bound by the month.
TERM_SECONDS = 84 * 86_400
YEAR_SECONDS = 365 * 86_400


def _every(unit: str, count: str) -> str:
    """SQL for a price's interval."""
    return (
        f"CASE {unit} WHEN 'month' THEN to_months({count}::INTEGER) "
        f"WHEN 'year' THEN to_months(12 * {count}::INTEGER) "
        f"WHEN 'week' THEN to_days(7 * {count}::INTEGER) "
        f"WHEN 'day' THEN to_days({count}::INTEGER) END"
    )


_SUBSCRIPTIONS = f"""
    lives AS (
        SELECT id, customer_id, currency, status, created, trial_start, trial_end, ended_at, items,
               ended_at IS NULL AND cancel_at IS NULL AND NOT coalesce(cancel_at_period_end, false)
                   AS goes_on,
               {moment("greatest(created, canceled_at, ended_at)")} AS changed_at
        FROM raw.@source__subscriptions
        WHERE _deleted_at IS NULL AND test_clock IS NULL
          AND status NOT IN ('incomplete', 'incomplete_expired')
    ), items AS (
        SELECT id AS subscription_id, unnest(items) AS item FROM lives
    ), prices AS (
        SELECT price_id, any_value(usage_type) AS usage_type, any_value(unit) AS unit,
               any_value(every) AS every
        FROM (
            SELECT id AS price_id, usage_type, unit_amount_decimal AS unit,
                       {_every('"interval"', "interval_count")} AS every
            FROM raw.@source__prices
            UNION ALL
            SELECT item.price.id, item.price.recurring.usage_type, item.price.unit_amount_decimal,
                   {_every('every."interval"', "every.interval_count")}
            FROM (SELECT item, item.price.recurring AS every FROM items)
        ) GROUP BY ALL
    )"""

# One row for each item and period; of a bill made twice for one period the last one counts.
_PERIODS = f"""
    billed AS (
        SELECT created AS billed_at, unnest(lines) AS line
        FROM raw.@source__invoices WHERE _deleted_at IS NULL AND test_clock IS NULL
    ), lines AS (
        SELECT line.parent.subscription_item_details.subscription AS subscription_id,
               line.parent.subscription_item_details.subscription_item AS item_id,
               line.period."start" AS start_s, line.period."end" AS end_s, billed_at,
               line.pricing.price_details.price AS price_id,
               line.amount
                   - coalesce(list_sum(list_transform(line.discount_amounts, d -> d.amount)), 0)
                   - coalesce(list_sum(list_transform(
                         list_filter(line.taxes, t -> t.tax_behavior = 'inclusive'),
                         t -> t.amount)), 0) AS minor
        FROM billed
        WHERE line.parent.subscription_item_details IS NOT NULL
          AND NOT coalesce(line.parent.subscription_item_details.proration, false)
        UNION ALL BY NAME
        SELECT subscription_id, item.id AS item_id, item.current_period_start AS start_s,
               item.current_period_end AS end_s, 0 AS billed_at, item.price.id AS price_id,
               round(item.price.unit_amount_decimal::DECIMAL(24,12) * item.quantity)::BIGINT
                   AS minor
        FROM items
    ), terms_of_items AS (
        SELECT l.* FROM lines l
        LEFT JOIN prices p USING (price_id)
        JOIN lives s ON s.id = l.subscription_id
        WHERE coalesce(p.usage_type, 'licensed') <> 'metered'
          AND l.end_s - l.start_s >= {TERM_SECONDS}
          AND NOT coalesce(l.start_s >= s.trial_start AND l.start_s < s.trial_end, false)
          AND coalesce(l.start_s < s.ended_at, true)
        QUALIFY row_number() OVER (
            PARTITION BY l.subscription_id, l.item_id, l.start_s
            ORDER BY l.billed_at DESC, l.minor DESC) = 1
    ), billing_terms AS (
        SELECT subscription_id, start_s, max(end_s) AS end_s, sum(minor)::BIGINT AS minor
        FROM terms_of_items GROUP BY ALL
    ), bills AS (
        SELECT l.subscription_id, l.start_s, max(l.end_s) AS end_s, sum(l.minor)::BIGINT AS minor
        FROM lines l LEFT JOIN prices p USING (price_id)
        WHERE coalesce(p.usage_type, 'licensed') <> 'metered' AND l.billed_at > 0
        GROUP BY ALL
    )"""

_SCHEDULES = """
    plans AS (
        SELECT id, customer_id, subscription_id, created, status,
               payload ->> '/end_behavior' = 'cancel' AS is_fixed,
               phases[1].start_date AS start_s, phases[-1].end_date AS end_s,
               phases[1].currency AS currency, phases[1].items AS first_items
        FROM raw.@source__subscription_schedules
        WHERE _deleted_at IS NULL AND test_clock IS NULL AND canceled_at IS NULL
          AND len(phases) > 0
    ), fixed AS (
        SELECT p.* FROM plans p JOIN lives s ON s.id = p.subscription_id
        WHERE p.is_fixed AND p.status IN ('active', 'completed')
    ), planned_items AS (
        SELECT id, start_s, unnest(first_items) AS item FROM plans WHERE status = 'not_started'
    ), planned_worth AS (
        SELECT w.id,
               epoch(make_timestamp(any_value(w.start_s) * 1000000) + max(p.every))::BIGINT
                   AS until_s,
               sum(round(p.unit::DECIMAL(24,12) * w.item.quantity))::BIGINT AS minor
        FROM planned_items w JOIN prices p ON p.price_id = w.item.price
        WHERE coalesce(p.usage_type, 'licensed') <> 'metered'
        GROUP BY ALL
    )"""

# `minor` was billed for the time from `bill_s` to `until_s`.
_TERMS = f"""
    terms AS (
        SELECT t.subscription_id || ':' || t.start_s AS term_id, t.subscription_id,
               s.customer_id, s.currency, NULL::BIGINT AS signed_s, t.start_s, t.end_s,
               t.minor, t.start_s AS bill_s, t.end_s AS until_s,
               s.ended_at, s.goes_on, s.changed_at
        FROM billing_terms t JOIN lives s ON s.id = t.subscription_id
        WHERE NOT EXISTS (
            SELECT 1 FROM fixed f WHERE f.subscription_id = t.subscription_id
              AND t.start_s >= f.start_s AND t.start_s < f.end_s)
        UNION ALL
        SELECT f.subscription_id || ':' || f.start_s, f.subscription_id, s.customer_id, s.currency,
               f.created, f.start_s, f.end_s, b.minor, b.start_s, b.end_s,
               s.ended_at, false, s.changed_at
        FROM fixed f JOIN lives s ON s.id = f.subscription_id
        LEFT JOIN bills b ON b.subscription_id = f.subscription_id AND b.start_s = f.start_s
        UNION ALL
        SELECT p.id, NULL, p.customer_id, p.currency, p.created, p.start_s,
               CASE WHEN p.is_fixed THEN p.end_s ELSE w.until_s END,
               w.minor, p.start_s, w.until_s, NULL, NOT p.is_fixed, {moment("p.created")}
        FROM plans p LEFT JOIN planned_worth w USING (id)
        WHERE p.status = 'not_started'
    ), followed AS (
        SELECT *, lead(start_s) OVER (
                   PARTITION BY coalesce(subscription_id, term_id) ORDER BY start_s) AS next_s,
               date_diff('month', {day("bill_s")}, {day("until_s")}) AS months,
               abs(date_diff('day', ({day("bill_s")} + to_months(months::INTEGER))::DATE,
                             {day("until_s")})) <= 3 AS is_in_months,
               CASE WHEN is_in_months THEN 12 ELSE {YEAR_SECONDS} END AS times,
               CASE WHEN is_in_months THEN months ELSE until_s - bill_s END AS per
        FROM terms
    )"""

_CONTRACTS = f"""
    SELECT '@source:' || term_id AS contract_id, '@source:' || customer_id AS customer_id,
           '@source:' || subscription_id AS subscription_id, {moment("signed_s")} AS signed_at,
           {day("start_s")} AS starts_on, {day("end_s")} AS ends_on,
           CASE WHEN {day("least(ended_at, next_s)")} < {day("end_s")}
                THEN {day("least(ended_at, next_s)")} END AS ended_on,
           CASE WHEN next_s IS NOT NULL OR goes_on THEN {day("end_s")} END AS renewal_on,
           {cents(half_up("minor::HUGEINT * times * 100", f"(per * {units('currency')})"))}
               AS annual_amount,
           upper(currency) AS currency, next_s IS NOT NULL OR goes_on AS auto_renews,
           '@source' AS source, term_id AS source_id, changed_at AS _updated_at
    FROM followed"""


def terms() -> Offer:
    """The offer to `contracts`."""
    steps = ", ".join(step.strip() for step in (_SUBSCRIPTIONS, _PERIODS, _SCHEDULES, _TERMS))
    return Offer(
        "contracts",
        f"WITH {steps} {_CONTRACTS.strip()}",
        ("subscriptions", "invoices", "prices", "subscription_schedules"),
    )
