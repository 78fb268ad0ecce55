"""Marks: from which instant an item of a subscription was worth what, as any record tells.

Belongs here: the SQL that reads marks out of invoices, credit notes, events and subscriptions as
they are now. Does not: what each discount took off (`ledger_discounts.py`), the periods made of
marks (`ledger.py`).

An item has a slot in its subscription: the plan is one slot, whichever plan it is, an add-on has
its own. A mark is one of
- a line of an invoice: this price and quantity, less these discounts, from this second to that;
- a line of a credit note for a change or a cancellation: the item ends what it credits here;
- an event: the subscription has these items from here on, or is cancelled;
- the subscription as it is, where neither told of it.

A line for less than its price's interval is a proration. It says what a part costs, so its worth
is computed anew from the price (the subscription's own if it has one), the quantity and the terms
of the coupons that it names. Chargebee does not flag prorations.
"""

from __future__ import annotations

from revops_pipelines.resources.sources.chargebee.ledger_discounts import (
    LINE_MINORS,
    LINE_TERMS,
    MINORS,
    TERMS,
    after,
)
from revops_pipelines.resources.sources.chargebee.money import units

DAY_SECONDS = 86_400
# Where nothing says an interval, a line's worth is spread over its own seconds: 365 days / 12.
MONTH_SECONDS = 365 * DAY_SECONDS // 12
RECURRING = "('plan_item_price', 'addon_item_price', 'plan', 'addon')"
# Credit notes that end something. Others give money back for what was served.
ENDING = "('subscription_change', 'subscription_cancellation', 'subscription_pause')"
RUNNING = "('active', 'non_renewing')"

_SUBSCRIPTIONS = """
    subscriptions AS (
        SELECT * FROM raw.@source__subscriptions
        WHERE _deleted_at IS NULL AND status <> 'future'
    )"""


def _item(item: str, price_id: str, is_plan: str) -> str:
    """Select items for one item of a subscription."""
    return f"""{price_id} AS price_id, {is_plan} AS is_plan,
               CASE WHEN {is_plan} THEN 'plan' ELSE {price_id} END AS slot,
               coalesce({item}.quantity_in_decimal::DECIMAL(18,6),
                        {item}.quantity, 1)::DECIMAL(18,6) AS quantity,
               coalesce({item}.unit_price_in_decimal::DECIMAL(24,9) * ({units("currency_code")}),
                        {item}.unit_price)::DECIMAL(24,9) AS own_unit,
               {item}.amount::HUGEINT AS own_amount"""


def _shown(is_first_catalog: bool) -> str:
    """Every version of a subscription that is known, and its items."""
    event = "e.id AS version_id, e.subscription_id, e.occurred_s AS at_s, 2 AS told_by"
    now = "s.id AS version_id, s.id AS subscription_id, epoch(s._updated_at)::BIGINT AS at_s, 3"
    terms = "status, currency_code, current_term_end, coupons, discounts"
    parts = "subscription_items, plan_id, plan_quantity, plan_quantity_in_decimal, "
    parts += "plan_unit_price, plan_unit_price_in_decimal, plan_amount, addons"
    versions = f"""
    versions AS (
        SELECT {event}, {terms}, {parts} FROM raw.@source__events e
        WHERE e._deleted_at IS NULL
          AND e.subscription_id IN (SELECT id FROM subscriptions)
        UNION ALL
        SELECT {now}, {terms}, {parts} FROM subscriptions s
    )"""
    if is_first_catalog:
        items = f"""
        SELECT {_version_columns()}, {_item("main", "plan_id", "true")}, 0 AS place
        FROM (SELECT *, {{'quantity': plan_quantity,
                          'quantity_in_decimal': plan_quantity_in_decimal,
                          'unit_price': plan_unit_price,
                          'unit_price_in_decimal': plan_unit_price_in_decimal,
                          'amount': plan_amount}} AS main
              FROM versions WHERE plan_id IS NOT NULL)
        UNION ALL
        SELECT {_version_columns()}, {_item("extra", "extra.id", "false")}, place
        FROM (SELECT *, unnest(addons) AS extra, generate_subscripts(addons, 1) AS place
              FROM versions)"""
    else:
        items = f"""
        SELECT {_version_columns()},
               {_item("item", "item.item_price_id", "(item.item_type = 'plan')")}, place
        FROM (SELECT *, unnest(subscription_items) AS item,
                     generate_subscripts(subscription_items, 1) AS place FROM versions)
        WHERE item.item_type IN ('plan', 'addon')"""
    return f"{versions}, version_items AS ({items}\n    )"


def _version_columns() -> str:
    return (
        "version_id, subscription_id, at_s, told_by, status, currency_code, current_term_end, "
        "coupons, discounts"
    )


def _prices(is_first_catalog: bool) -> str:
    """What each price costs how often, before a subscription's own terms."""
    if is_first_catalog:
        known = """
        SELECT *, name AS product, false AS is_metered FROM raw.@source__plans
        UNION ALL BY NAME
        SELECT * EXCLUDE (charge_type), name AS product, false AS is_metered
        FROM raw.@source__addons"""
    else:
        known = """
        SELECT p.*, coalesce(i.name, p.name) AS product, coalesce(i.metered, false) AS is_metered
        FROM raw.@source__item_prices p LEFT JOIN raw.@source__items i ON i.id = p.item_id"""
    listed = f"""coalesce(price_in_decimal::DECIMAL(24,9) * ({units("currency_code")}),
                          price)::DECIMAL(24,9)"""
    return f"""
    prices AS (
        SELECT id AS price_id, product, is_metered,
               CASE WHEN pricing_model IN ('per_unit', 'flat_fee') THEN {listed} END AS unit,
               CASE period_unit WHEN 'week' THEN 52 WHEN 'day' THEN 365 ELSE 1 END AS times,
               CASE period_unit WHEN 'month' THEN 1 WHEN 'year' THEN 12 WHEN 'week' THEN 12
                                WHEN 'day' THEN 12 END * coalesce(period, 1) AS per,
               period_unit AS price_interval, period AS price_interval_count,
               CASE period_unit WHEN 'month' THEN to_months(period::INTEGER)
                                WHEN 'year' THEN to_months(12 * period::INTEGER)
                                WHEN 'week' THEN to_days(7 * period::INTEGER)
                                WHEN 'day' THEN to_days(period::INTEGER) END AS every
        FROM ({known})
    )"""


_LINES = f"""
    billed AS (
        SELECT i.subscription_id AS of_invoice, i.currency_code, i.date AS billed_at,
               i.line_item_discounts AS offs,
               coalesce(i.price_type = 'tax_inclusive', false) AS is_inclusive,
               unnest(i.line_items) AS line
        FROM raw.@source__invoices i
        WHERE i._deleted_at IS NULL AND i.status <> 'voided'
    ), lines AS (
        SELECT coalesce(line.subscription_id, of_invoice) AS subscription_id,
               line.entity_id AS price_id, line.entity_type LIKE 'plan%' AS is_plan,
               CASE WHEN line.entity_type LIKE 'plan%' THEN 'plan' ELSE line.entity_id END AS slot,
               line.id AS line_id, billed_at, currency_code, line.date_from AS start_s,
               line.date_to AS end_s, line.amount AS amount,
               coalesce(line.quantity_in_decimal::DECIMAL(18,6), line.quantity, 1)
                   ::DECIMAL(18,6) AS quantity,
               list_filter(offs, d -> d.line_item_id = line.id) AS offs,
               is_inclusive,
               CASE WHEN is_inclusive THEN coalesce(line.tax_amount, 0) ELSE 0 END AS taxed,
               coalesce(line.discount_amount, 0) AS discounted
        FROM billed
        WHERE line.entity_type IN {RECURRING} AND NOT coalesce(line.metered, false)
          -- Such a line holds a difference only; the version or the next term tells the whole.
          AND line.proration_mode IS DISTINCT FROM 'delta'
    ), listed AS (
        SELECT l.* EXCLUDE (discounted),
               coalesce(list_sum(list_transform(offs, d -> d.discount_amount)), discounted)
                   ::HUGEINT AS off,
               make_timestamp(start_s * 1000000) AS from_at,
               make_timestamp(end_s * 1000000) AS until_at,
               p.unit AS list_unit, p.times AS price_times, p.per AS price_per, p.every,
               p.price_interval, p.price_interval_count
        FROM lines l LEFT JOIN prices p USING (price_id)
        WHERE NOT coalesce(p.is_metered, false)
    ), own_prices AS (
        -- What this very subscription pays for one: by its whole terms, and by what it says.
        SELECT subscription_id, price_id, start_s AS at_s,
               CASE WHEN round(list_unit * quantity) = amount THEN list_unit
                    ELSE (amount / quantity)::DECIMAL(24,9) END AS own_unit
        FROM listed
        WHERE quantity > 0 AND list_unit IS NOT NULL
          AND (until_at = from_at + every OR round(list_unit * quantity) = amount)
        UNION ALL
        SELECT subscription_id, price_id, at_s, own_unit FROM version_items
        WHERE own_unit IS NOT NULL
    ), timed AS (
        -- The price of the time: the next one that is told, else the last.
        SELECT l.*, coalesce(later.own_unit, earlier.own_unit, list_unit) AS unit
        FROM listed l
        ASOF LEFT JOIN own_prices later
          ON later.subscription_id = l.subscription_id AND later.price_id = l.price_id
         AND l.start_s <= later.at_s
        ASOF LEFT JOIN own_prices earlier
          ON earlier.subscription_id = l.subscription_id AND earlier.price_id = l.price_id
         AND l.start_s >= earlier.at_s
    ), judged AS (
        SELECT *, round(unit * quantity)::HUGEINT AS full_amount,
               date_diff('day', from_at::DATE, until_at::DATE) AS billed_days,
               round(billed_days * 12 / 365.0)::INTEGER AS billed_months,
               billed_months > 0 AND abs(date_diff('day',
                   (from_at::DATE + to_months(billed_months))::DATE, until_at::DATE)) <= 3
                   AS is_in_months,
               coalesce(until_at < from_at + every - INTERVAL 1 DAY, false)
                   -- A term from a short month's last day is longer; prices may be rounded.
                   OR coalesce(until_at <> from_at + every
                               AND abs(amount - full_amount) > quantity
                               AND until_at < from_at + every + INTERVAL 4 DAY, false)
                   AS is_proration,
               -- An add-on may be billed for several of its intervals at once.
               coalesce(until_at > from_at + every + INTERVAL 4 DAY, false) AS is_multiple
        FROM timed
    )"""

_WORTH = f"""
    line_marks AS (
        SELECT j.subscription_id, slot, price_id, is_plan, quantity, currency_code,
               start_s AS at_s, end_s, 1 AS told_by, false AS is_end, billed_at, line_id AS mark_id,
               NULL::DECIMAL(24,9) AS own_unit,
               {", ".join(f"{sql} AS {name}" for name, sql in LINE_MINORS.items())},
               CASE WHEN is_proration AND full_amount IS NULL THEN 'seconds'
                    WHEN price_per IS NOT NULL AND NOT is_multiple THEN 'price'
                    WHEN is_in_months THEN 'months'
                    WHEN billed_days > 0 AND billed_days % 7 = 0 THEN 'weeks'
                    ELSE 'seconds' END AS basis,
               CASE basis WHEN 'price' THEN price_times WHEN 'months' THEN 1 WHEN 'weeks' THEN 52
                          ELSE {MONTH_SECONDS} END AS times,
               CASE basis WHEN 'price' THEN price_per WHEN 'months' THEN billed_months
                          WHEN 'weeks' THEN billed_days // 7 * 12
                          ELSE greatest(end_s - start_s, 1) END AS per,
               CASE WHEN price_per IS NOT NULL AND NOT is_multiple THEN price_interval
                    WHEN basis = 'weeks' THEN 'week'
                    WHEN basis = 'months' AND billed_months % 12 = 0 THEN 'year'
                    WHEN basis = 'months' THEN 'month' END AS billing_interval,
               CASE WHEN price_per IS NOT NULL AND NOT is_multiple THEN price_interval_count
                    WHEN basis = 'weeks' THEN billed_days // 7
                    WHEN basis = 'months' AND billed_months % 12 = 0 THEN billed_months // 12
                    WHEN basis = 'months' THEN billed_months END AS billing_interval_count
        FROM (SELECT *, is_proration AND full_amount IS NOT NULL AS is_whole FROM judged) j
        LEFT JOIN line_terms t USING (line_id)
    )"""

_CREDITS = f"""
    credit_marks AS (
        SELECT coalesce(line.subscription_id, of_note) AS subscription_id,
               CASE WHEN line.entity_type LIKE 'plan%' THEN 'plan' ELSE line.entity_id END AS slot,
               line.entity_id AS price_id, line.date_from AS at_s, 1 AS told_by, true AS is_end,
               date AS billed_at, line.id AS mark_id
        FROM (SELECT n.subscription_id AS of_note, n.date, unnest(n.line_items) AS line
              FROM raw.@source__credit_notes n
              WHERE n._deleted_at IS NULL AND n.status <> 'voided' AND n.reason_code IN {ENDING})
        WHERE line.entity_type IN {RECURRING} AND line.proration_mode IS DISTINCT FROM 'delta'
    )"""

_VERSIONS = f"""
    priced_versions AS (
        SELECT v.*, coalesce(own_amount, round(coalesce(own_unit, p.unit) * v.quantity)::HUGEINT)
                   AS gross,
               p.times, p.per, p.price_interval, p.price_interval_count
        FROM version_items v LEFT JOIN prices p USING (price_id)
        WHERE NOT coalesce(p.is_metered, false) AND gross IS NOT NULL
    ), in_force AS (
        SELECT v.version_id, v.told_by, t.term_id, t.duration, t.percent, t.off
        FROM (SELECT version_id, told_by, at_s, unnest(coupons) AS c FROM versions) v
        JOIN discount_terms t ON t.term_id = v.c.coupon_id
        WHERE coalesce(v.c.apply_till > v.at_s, true)
        UNION ALL
        SELECT v.version_id, v.told_by, v.d.id, v.d.duration_type, v.d.percentage,
               CASE WHEN v.d.percentage IS NULL THEN v.d.amount END
        FROM (SELECT version_id, told_by, at_s, unnest(discounts) AS d FROM versions) v
        WHERE coalesce(v.d.apply_till > v.at_s, true) AND v.d.apply_on = 'invoice_amount'
          AND v.d.duration_type <> 'one_time'
    ), version_terms AS (
        SELECT version_id, told_by, kind,
               list((percent * 10000)::HUGEINT ORDER BY term_id) FILTER (percent IS NOT NULL)
                   AS steps,
               sum(off)::HUGEINT AS fixed
        FROM in_force JOIN kept_kinds ON list_contains(durations, coalesce(duration, 'forever'))
        GROUP BY ALL
    ), less_percents AS (
        SELECT v.*, k.kind, t.fixed, {after("gross", "t.steps")} AS net
        FROM priced_versions v CROSS JOIN kept_kinds k
        LEFT JOIN version_terms t
          ON t.version_id = v.version_id AND t.told_by = v.told_by AND t.kind = k.kind
    ), whole_versions AS (
        SELECT *, sum(net) OVER w AS whole, place = max(place) OVER w AS is_last
        FROM less_percents WINDOW w AS (PARTITION BY version_id, told_by, kind)
    ), shares AS (
        -- A fixed sum is shared by the items; what is left over goes to the last.
        SELECT *, least(coalesce(fixed, 0), whole)::HUGEINT AS taken,
               CASE WHEN whole > 0 THEN taken * net // whole::HUGEINT ELSE 0 END AS share
        FROM whole_versions
    ), left_overs AS (
        SELECT *, greatest(0, net - share - CASE WHEN is_last THEN taken
                   - sum(share) OVER (PARTITION BY version_id, told_by, kind) ELSE 0 END)
                   AS left_over
        FROM shares
    ), shared AS (
        SELECT subscription_id, version_id, told_by, at_s, status, slot, place, price_id, is_plan,
               quantity, currency_code, current_term_end, own_unit, times, per,
               price_interval AS billing_interval, price_interval_count AS billing_interval_count,
               max(left_over) FILTER (kind = 'all') AS minor, any_value(gross) AS list_minor,
               max(left_over) FILTER (kind = 'recurring') AS recurring_minor,
               max(left_over) FILTER (kind = 'lasting') AS lasting_minor
        FROM left_overs GROUP BY ALL
    ), version_marks AS (
        SELECT subscription_id, slot, price_id, is_plan, quantity, currency_code, at_s,
               current_term_end AS end_s, told_by, status = 'cancelled' AS is_end,
               at_s AS billed_at, version_id AS mark_id, own_unit, {", ".join(MINORS)},
               coalesce(times, 1) AS times, coalesce(per, 1) AS per,
               billing_interval, billing_interval_count
        FROM shared
        WHERE status IN {RUNNING} OR (status = 'cancelled' AND told_by = 2)
    ), gone_marks AS (
        -- Items that a version has and the next one has not.
        SELECT i.subscription_id, i.slot, any_value(i.price_id) AS price_id, n.at_s,
               n.told_by, true AS is_end, n.at_s AS billed_at, n.version_id AS mark_id
        FROM (SELECT *, lead(version_id) OVER w AS next_id, lead(told_by) OVER w AS next_by
              FROM versions WINDOW w AS (PARTITION BY subscription_id ORDER BY at_s, told_by)) v
        JOIN version_items i ON i.version_id = v.version_id AND i.told_by = v.told_by
        JOIN versions n ON n.version_id = v.next_id AND n.told_by = v.next_by
        WHERE NOT EXISTS (SELECT 1 FROM version_items k WHERE k.version_id = n.version_id
                          AND k.told_by = n.told_by AND k.slot = i.slot)
        GROUP BY ALL
    )"""

# What no line shows: the trial before the first line, and subscriptions that were never billed.
_UNBILLED = f"""
    present AS (
        SELECT * FROM shared WHERE told_by = 3
    ), first_lines AS (
        SELECT m.* FROM line_marks m
        QUALIFY at_s = min(at_s) OVER (PARTITION BY m.subscription_id)
    ), trial_marks AS (
        SELECT m.* REPLACE (s.trial_start AS at_s, s.trial_end AS end_s, 0 AS told_by)
        FROM first_lines m JOIN subscriptions s ON s.id = m.subscription_id
        WHERE s.trial_start < m.at_s
    ), silent_marks AS (
        SELECT p.subscription_id, slot, price_id, is_plan, quantity, p.currency_code,
               coalesce(s.trial_start, s.started_at, s.activated_at, s.start_date, s.created_at)
                   AS at_s,
               p.current_term_end AS end_s, 0 AS told_by, false AS is_end, 0 AS billed_at,
               p.version_id AS mark_id, own_unit, {", ".join(MINORS)},
               coalesce(times, 1) AS times, coalesce(per, 1) AS per,
               billing_interval, billing_interval_count
        FROM present p JOIN subscriptions s ON s.id = p.subscription_id
        WHERE NOT EXISTS (SELECT 1 FROM line_marks m WHERE m.subscription_id = p.subscription_id)
    )"""

_MARKS = """
    all_marks AS (
        SELECT * EXCLUDE (basis) FROM line_marks
        UNION ALL BY NAME SELECT * EXCLUDE (basis) FROM trial_marks
        UNION ALL BY NAME SELECT * FROM silent_marks
        UNION ALL BY NAME SELECT * FROM credit_marks
        UNION ALL BY NAME SELECT * FROM version_marks
        UNION ALL BY NAME SELECT * FROM gone_marks
    ), marks AS (
        -- A version tells something only where it differs from what was told before.
        SELECT * FROM all_marks
        WINDOW w AS (PARTITION BY subscription_id, slot
                     ORDER BY at_s, NOT is_end, told_by, billed_at, mark_id)
        QUALIFY told_by < 2 OR is_end
             OR (lag(price_id) OVER w, lag(quantity) OVER w, lag(is_end) OVER w)
                IS DISTINCT FROM (price_id, quantity, false)
             OR coalesce(lag(own_unit) OVER w <> own_unit, false)
    )"""


def marks(is_first_catalog: bool) -> tuple[str, ...]:
    """The common table expressions up to `marks`; `subscriptions` and `prices` are among them."""
    return (
        _SUBSCRIPTIONS,
        _shown(is_first_catalog),
        _prices(is_first_catalog),
        TERMS,
        _LINES,
        LINE_TERMS,
        _WORTH,
        _CREDITS,
        _VERSIONS,
        _UNBILLED,
        _MARKS,
    )
