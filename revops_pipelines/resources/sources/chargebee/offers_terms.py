"""The terms of subscriptions: agreed ones where there is a contract, else those billed for.

Belongs here: the SQL of the offer to `contracts`. Does not: the other offers (`offers.py`) or which
terms are due (the metrics).

- A subscription with a contract term has agreed on a length, billed in however many parts. The
  subscription shows its present term alone; as terms follow each other at the same length, those
  before are counted from the subscription's start, where that leads to the present one.
- Without one, a term is a period of 12 weeks or more that the plan was billed for in full: a line
  for less than its price's interval is a correction inside a term. The present term is said by the
  subscription. Trials are no terms, and nothing is billed while a subscription is paused.
- A term is over early where its subscription ended inside it, or another term began inside it.
- A subscription that will start later is signed and not started.
- A year is worth what the contract says, else what the term's first bill said after discounts and
  before tax.

Source: https://apidocs.chargebee.com/docs/api/contract_terms (`action_at_term_end`,
`cancellation_cutoff_period`).
"""

from __future__ import annotations

from revops_pipelines.engine.declarations import Offer
from revops_pipelines.resources.sources.chargebee.ledger_marks import DAY_SECONDS
from revops_pipelines.resources.sources.chargebee.money import cents, day, half_up, moment, units
from revops_pipelines.resources.sources.chargebee.options import ChargebeeOptions

# The shortest quarter has 89 days; whoever is bound for less is as good as bound by the month.
TERM_DAYS = 84

_STARTED = "coalesce(started_at, start_date, activated_at, created_at)"


def _lives(options: ChargebeeOptions) -> str:
    """Subscriptions, and how long each price is billed for."""
    known = "SELECT id, period, period_unit FROM raw.@source__item_prices"
    if options.is_first_catalog:
        known = (
            "SELECT id, period, period_unit FROM raw.@source__plans UNION ALL "
            "SELECT id, period, period_unit FROM raw.@source__addons"
        )
    return f"""
    prices AS (
        SELECT id, any_value(CASE period_unit
                   WHEN 'month' THEN to_months(period::INTEGER)
                   WHEN 'year' THEN to_months(12 * period::INTEGER)
                   WHEN 'week' THEN to_days(7 * period::INTEGER)
                   WHEN 'day' THEN to_days(period::INTEGER) END) AS every
        FROM ({known}) GROUP BY ALL
    ), lives AS (
        SELECT *, {day(_STARTED)} AS started_on,
               CASE WHEN status = 'cancelled' THEN {day("cancelled_at")}
                    WHEN status = 'transferred' THEN _updated_at::DATE END AS over_on,
               status IN ('active', 'in_trial', 'future') AND cancelled_at IS NULL
                   AND remaining_billing_cycles IS DISTINCT FROM 0 AS goes_on,
               coalesce(updated_at, {moment("created_at")}) AS changed_at
        FROM raw.@source__subscriptions
    )"""


_AGREED = f"""
    agreements AS (
        SELECT id, started_on, {day("contract_start")} AS present_on,
               {day("contract_end")} AS end_on, contract_end, contract_notice_days,
               contract_action <> 'cancel' AS renews,
               coalesce(contract_value, contract_gross_value) AS worth,
               greatest(date_diff('month', present_on, end_on), 1) AS months
        FROM lives WHERE contract_id IS NOT NULL
    ), earlier AS (
        SELECT id, months, unnest(range(0, date_diff('month', started_on, present_on), months))
                   AS place,
               (started_on + to_months((date_diff('month', started_on, present_on))::INTEGER))::DATE
                   = present_on AND date_diff('month', started_on, present_on) % months = 0
                   AS leads_here
        FROM agreements WHERE started_on < present_on
    ), agreed AS (
        SELECT id AS subscription_id, present_on AS from_on, end_on AS until_on, months,
               worth, months AS per, renews,
               {day(f"contract_end - contract_notice_days * {DAY_SECONDS}")} AS notice_on
        FROM agreements
        UNION ALL
        SELECT e.id, (a.started_on + to_months(e.place::INTEGER))::DATE,
               (a.started_on + to_months((e.place + e.months)::INTEGER))::DATE, e.months,
               NULL, NULL, true,
               (a.started_on + to_months((e.place + e.months)::INTEGER))::DATE
                   - a.contract_notice_days::INTEGER
        FROM earlier e JOIN agreements a USING (id) WHERE e.leads_here
    )"""

_BILLED = f"""
    lines AS (
        SELECT of_invoice, billed_at, offs, line,
               coalesce(line.subscription_id, of_invoice) AS subscription_id,
               {day("line.date_from")} AS from_on, {day("line.date_to")} AS until_on,
               make_timestamp(line.date_from * 1000000) AS from_at,
               make_timestamp(line.date_to * 1000000) AS until_at
        FROM (
            SELECT subscription_id AS of_invoice, date AS billed_at, line_item_discounts AS offs,
                   unnest(line_items) AS line
            FROM raw.@source__invoices
            WHERE _deleted_at IS NULL AND status NOT IN ('voided', 'pending')
        )
    ), full_lines AS (
        SELECT l.subscription_id, l.from_on, l.until_on, l.billed_at,
               l.line.entity_type LIKE 'plan%' AS is_plan,
               l.line.amount - coalesce(list_sum(list_transform(
                   list_filter(offs, d -> d.line_item_id = l.line.id), d -> d.discount_amount)),
                   l.line.discount_amount, 0) AS minor
        FROM lines l LEFT JOIN prices p ON p.id = l.line.entity_id
        WHERE NOT coalesce(l.line.metered, false)
          AND (l.line.entity_type LIKE 'plan%' OR l.line.entity_type LIKE 'addon%')
          AND NOT coalesce(l.until_at < l.from_at + p.every - INTERVAL 1 DAY, false)
    ), bills AS (
        SELECT subscription_id, from_on, max(until_on) AS until_on, sum(minor)::BIGINT AS minor
        FROM full_lines
        GROUP BY subscription_id, from_on
        HAVING bool_or(is_plan)
    ), periods AS (
        SELECT subscription_id, from_on, until_on FROM bills
        UNION
        SELECT id, {day("current_term_start")}, {day("current_term_end")} FROM lives
        WHERE status IN ('active', 'non_renewing')
    ), billing_terms AS (
        SELECT p.subscription_id, p.from_on, max(p.until_on) AS until_on
        FROM periods p JOIN lives l ON l.id = p.subscription_id
        WHERE l.contract_id IS NULL AND date_diff('day', p.from_on, p.until_on) >= {TERM_DAYS}
          AND coalesce(p.from_on < l.over_on, true)
        GROUP BY ALL
    )"""


def _future(options: ChargebeeOptions) -> str:
    """What starts later: worth its items' amounts for the plan's interval."""
    plan, worth = "subscription_items[1].item_price_id", "i -> i.amount"
    listed = "subscription_items"
    if options.is_first_catalog:
        plan, listed = "plan_id", "addons"
        base = "coalesce(plan_amount, plan_unit_price * plan_quantity)"
    else:
        base = "0"
    return f"""
    later AS (
        SELECT l.id AS subscription_id, {day("l.start_date")} AS from_on,
               ({day("l.start_date")} + p.every)::DATE AS until_on, l.created_at,
               ({base} + coalesce(list_sum(list_transform({listed}, {worth})), 0))::BIGINT AS minor
        FROM lives l LEFT JOIN prices p ON p.id = {plan}
        WHERE l.status = 'future' AND l.start_date IS NOT NULL AND l.contract_id IS NULL
    )"""


_CONTRACTS = f"""
    terms AS (
        SELECT a.subscription_id, NULL::BIGINT AS signed_s, a.from_on, a.until_on, a.renews,
               a.notice_on, coalesce(a.worth, b.minor) AS worth,
               CASE WHEN a.worth IS NOT NULL THEN a.per
                    ELSE date_diff('month', b.from_on, b.until_on) END AS per
        FROM agreed a
        LEFT JOIN bills b ON b.subscription_id = a.subscription_id AND b.from_on = a.from_on
        UNION ALL
        SELECT t.subscription_id, NULL, t.from_on, t.until_on, true, NULL,
               b.minor, date_diff('month', b.from_on, b.until_on)
        FROM billing_terms t
        LEFT JOIN bills b ON b.subscription_id = t.subscription_id AND b.from_on = t.from_on
        UNION ALL
        SELECT subscription_id, created_at, from_on, until_on, true, NULL,
               minor, date_diff('month', from_on, until_on)
        FROM later
    ), followed AS (
        SELECT t.*, l.customer_id, l.currency_code, l.over_on, l.changed_at, l._deleted_at,
               lead(t.from_on) OVER w AS next_on,
               lead(t.from_on) OVER w IS NOT NULL OR (t.renews AND l.goes_on) AS is_renewed
        FROM terms t JOIN lives l ON l.id = t.subscription_id
        WHERE coalesce(t.from_on < l.over_on, true)
        WINDOW w AS (PARTITION BY t.subscription_id ORDER BY t.from_on)
    )
    SELECT '@source:' || subscription_id || ':' || from_on AS contract_id,
           '@source:' || customer_id AS customer_id,
           '@source:' || subscription_id AS subscription_id, {moment("signed_s")} AS signed_at,
           from_on AS starts_on, until_on AS ends_on,
           CASE WHEN least(over_on, next_on) < until_on THEN least(over_on, next_on) END
               AS ended_on,
           CASE WHEN is_renewed THEN until_on END AS renewal_on, notice_on,
           {cents(half_up("worth::HUGEINT * 12 * 100", f"(per * {units('currency_code')})"))}
               AS annual_amount,
           upper(currency_code) AS currency, is_renewed AS auto_renews,
           '@source' AS source, subscription_id || ':' || from_on AS source_id,
           changed_at AS _updated_at, _deleted_at
    FROM followed"""


def terms(options: ChargebeeOptions) -> Offer:
    """The offer to `contracts`."""
    catalog = ("plans", "addons") if options.is_first_catalog else ("item_prices",)
    parts = (_lives(options), _AGREED, _BILLED, _future(options), _CONTRACTS)
    steps = ", ".join(step.strip() for step in parts)
    return Offer("contracts", f"WITH {steps}", ("subscriptions", "invoices", *catalog))
