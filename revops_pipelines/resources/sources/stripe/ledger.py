"""The ledger of recurring revenue, rebuilt from what Stripe keeps: bills, items, states.

Belongs here: the SQL of the offer to `subscription_periods`. Does not: what each discount took off
(`ledger_discounts.py`), the other offers (`offers.py`) or what is counted of the ledger (the
metrics).

Stripe stores no MRR and no history of a subscription, but it keeps every bill. A line of a bill
says: this item, at this price and quantity, less these discounts, from this second to that one. So

- a line holds from its start until the item's next line begins, or until the period it was billed
  for ends, where none follows; the last line of an item that the subscription still has goes on;
- a proration that charges is a line like any other, at its price for a full interval (what the
  line says is the part that was charged); a proration that credits ends what it credits;
- prorations not billed yet are read from the waiting invoice items;
- where several lines of one item begin on one day, the last one counts: days belong to what is in
  force at their end, in UTC;
- an amount is monthly by the price's interval: month x 1, quarter / 3, year / 12, week x 52 / 12,
  day x 365 / 12, after discounts and before tax, rounded half up to the cent once; so are the
  amounts before discounts, after those that go on beyond one bill, and after those forever;
- metered prices are left out, and subscriptions whose first payment never succeeded;
- a bill that was voided, or written off, within a day of being made and without an attempt to
  collect it is what a pause of collection makes of it: these days are `paused`. Drafts that nobody
  will finalise are the same;
- from the day an unpaid bill was issued (or due, when it was sent) the subscription is `past_due`,
  after so many days `unpaid`, until the bill is paid or voided. These days are written down ahead,
  so that the ledger needs no clock;
- what a trial covers is `trialing`, what costs nothing `free`, both worth nothing; so is what
  waits for a means of payment after its trial.

A change of price or quantity without proration counts from the first bill that shows it.
"""

from __future__ import annotations

from revops_pipelines.engine.conform.debts import spans_of_debts
from revops_pipelines.engine.conform.islands import any_values, differs
from revops_pipelines.resources.sources.stripe.ledger_discounts import DISCOUNTS, MINORS
from revops_pipelines.resources.sources.stripe.money import cents, day, half_up, units
from revops_pipelines.resources.sources.stripe.options import StripeOptions

# A pause of collection voids a bill when it would be finalised, an hour or so after its creation.
PAUSED_WITHIN_SECONDS = 86_400
# A line's worth is spread over its own seconds where no price says its interval: 365 days / 12.
MONTH_SECONDS = 365 * 86_400 // 12

# What a row of the ledger is worth, in hundredths: after all discounts, before any, after those
# that go on, after those forever.
_AMOUNTS = ("hundredths", "list_hundredths", "recurring_hundredths", "lasting_hundredths")
# What an item has from day to day beside its status.
_KIND = ("product_id", "quantity", "currency", "billing_interval", "billing_interval_count")
_WORTHS = (*_AMOUNTS, *_KIND)

# What each price costs how often: from the price list, else from where it is in use (prices made
# inline for one subscription are in no list).
_PRICES = """
    subscriptions AS (
        SELECT * FROM raw.@source__subscriptions
        WHERE _deleted_at IS NULL AND test_clock IS NULL
          AND status NOT IN ('incomplete', 'incomplete_expired')
    ), items AS (
        SELECT id AS subscription_id, unnest(items) AS item FROM subscriptions
    ), known_prices AS (
        SELECT id AS price_id, "interval", interval_count, usage_type,
               CASE WHEN divide_by IS NULL THEN unit_amount_decimal END AS unit_amount, 1 AS place
        FROM raw.@source__prices
        UNION ALL
        SELECT item.price.id, item.price.recurring."interval", item.price.recurring.interval_count,
               item.price.recurring.usage_type, item.price.unit_amount_decimal, 2
        FROM items
    ), prices AS (
        SELECT price_id, coalesce(usage_type, 'licensed') = 'metered' AS is_metered, unit_amount,
               CASE "interval" WHEN 'week' THEN 52 WHEN 'day' THEN 365 ELSE 1 END AS times,
               CASE "interval" WHEN 'month' THEN 1 WHEN 'year' THEN 12 WHEN 'week' THEN 12
                               WHEN 'day' THEN 12 END * coalesce(interval_count, 1) AS per,
               "interval" AS price_interval, coalesce(interval_count, 1) AS price_interval_count
        FROM known_prices
        QUALIFY row_number() OVER (PARTITION BY price_id ORDER BY place) = 1
    )"""

_BILLED = f"""
    billed AS (
        SELECT i.created AS billed_at,
               coalesce(i.attempted, false) = false AND (
                   i.voided_at - i.created <= {PAUSED_WITHIN_SECONDS}
                   OR i.uncollectible_at - i.created <= {PAUSED_WITHIN_SECONDS}
                   OR (i.status = 'draft' AND NOT i.auto_advance)) AS is_paused,
               unnest(i.lines) AS line
        FROM raw.@source__invoices i
        WHERE i._deleted_at IS NULL AND i.test_clock IS NULL
    ), billed_items AS (
        SELECT line.parent.subscription_item_details AS parent, line.id AS line_id, billed_at,
               line.currency AS currency, coalesce(is_paused, false) AS is_paused,
               line.period."start" AS start_s, line.period."end" AS end_s,
               line.amount AS amount, coalesce(line.quantity_decimal, line.quantity::VARCHAR)
                   AS quantity,
               line.pricing.price_details.price AS price_id,
               line.pricing.price_details.product AS product_id,
               line.discounts AS discounts, line.discount_amounts AS discount_amounts,
               len(list_filter(line.taxes, t -> t.tax_behavior = 'inclusive')) > 0
                   AS is_taxed_inside,
               coalesce(list_sum(list_transform(line.discount_amounts, d -> d.amount)), 0)
                   AS discounted,
               coalesce(list_sum(list_transform(
                   list_filter(line.taxes, t -> t.tax_behavior = 'inclusive'), t -> t.amount)), 0)
                   AS taxed
        FROM billed WHERE line.parent.subscription_item_details IS NOT NULL
    ), lines AS (
        SELECT parent.subscription AS subscription_id, parent.subscription_item AS item_id,
               coalesce(parent.proration, false) AS is_proration,
               coalesce(parent.proration, false) AND (
                   amount < 0 OR parent.proration_details.credited_items IS NOT NULL) AS is_credit,
               * EXCLUDE (parent)
        FROM billed_items
        UNION ALL BY NAME
        SELECT w.subscription_id, w.item_id, coalesce(w.proration, false) AS is_proration,
               coalesce(w.proration, false) AND w.amount < 0 AS is_credit,
               w.id AS line_id, w.date AS billed_at, w.currency, false AS is_paused,
               w.period_start AS start_s, w.period_end AS end_s, w.amount,
               coalesce(w.quantity_decimal, w.quantity::VARCHAR) AS quantity,
               w.price_id, w.product_id, w.discounts, false AS is_taxed_inside,
               0 AS discounted, 0 AS taxed
        FROM raw.@source__invoice_items w
        WHERE w._deleted_at IS NULL AND w.test_clock IS NULL AND w.item_id IS NOT NULL
          AND w.id NOT IN (SELECT parent.invoice_item FROM billed_items
                           WHERE parent.invoice_item IS NOT NULL)
        UNION ALL BY NAME
        -- Items that no bill ever showed: trials and terms that begin without one.
        SELECT n.subscription_id, n.item.id AS item_id, false AS is_proration, false AS is_credit,
               n.item.id AS line_id, n.item.created AS billed_at, n.item.price.currency AS currency,
               false AS is_paused, n.item.created AS start_s,
               n.item.current_period_end AS end_s,
               round(n.item.price.unit_amount_decimal::DECIMAL(24,12) * n.item.quantity)::BIGINT
                   AS amount,
               n.item.quantity::VARCHAR AS quantity,
               n.item.price.id AS price_id,
               n.item.price.product AS product_id, NULL::JSON[] AS discounts,
               false AS is_taxed_inside, 0 AS discounted, 0 AS taxed
        FROM items n
        WHERE n.item.id NOT IN (SELECT parent.subscription_item FROM billed_items)
    )"""

# From lines to what an item is worth a month. `minor` is the worth of `per / times` months, in the
# currency's minor unit. A price that is known nowhere is told by the period it was billed for, in
# whole months (give or take the ends of short ones) or weeks; a proration of such a price or of one
# in tiers by its seconds.
_WORTH = f"""
    placed AS (
        SELECT *, {day("start_s")} AS from_on, {day("end_s")} AS until_on,
               date_diff('month', from_on, until_on) AS billed_months,
               date_diff('day', from_on, until_on) AS billed_days,
               billed_months > 0 AND abs(date_diff(
                   'day', (from_on + to_months(billed_months::INTEGER))::DATE, until_on)) <= 3
                   AS is_in_months
        FROM lines
    ), rated AS (
        SELECT l.*, coalesce(p.is_metered, false) AS is_metered,
               l.is_proration AND p.unit_amount IS NOT NULL AND p.per IS NOT NULL
                   AS is_recomputed,
               CASE WHEN l.is_proration AND NOT coalesce(is_recomputed, false) THEN 'seconds'
                    WHEN p.per IS NOT NULL THEN 'price'
                    WHEN l.is_in_months THEN 'months'
                    WHEN l.billed_days > 0 AND l.billed_days % 7 = 0 THEN 'weeks'
                    ELSE 'seconds' END AS basis,
               CASE basis WHEN 'price' THEN p.times WHEN 'months' THEN 1 WHEN 'weeks' THEN 52
                    ELSE {MONTH_SECONDS} END AS times,
               CASE basis WHEN 'price' THEN p.per WHEN 'months' THEN l.billed_months
                    WHEN 'weeks' THEN l.billed_days // 7 * 12
                    ELSE greatest(l.end_s - l.start_s, 1) END AS per,
               CASE WHEN p.per IS NOT NULL THEN p.price_interval
                    WHEN basis = 'weeks' THEN 'week'
                    WHEN basis = 'months' AND l.billed_months % 12 = 0 THEN 'year'
                    WHEN basis = 'months' THEN 'month' END AS billing_interval,
               CASE WHEN p.per IS NOT NULL THEN p.price_interval_count
                    WHEN basis = 'weeks' THEN l.billed_days // 7
                    WHEN basis = 'months' AND l.billed_months % 12 = 0 THEN l.billed_months // 12
                    WHEN basis = 'months' THEN l.billed_months END AS billing_interval_count,
               CASE WHEN is_recomputed THEN round(p.unit_amount::DECIMAL(24,12)
                                                  * l.quantity::DECIMAL(12,4))::HUGEINT
                    ELSE l.amount END AS gross
        FROM placed l LEFT JOIN prices p USING (price_id)
    ), worth AS (
        SELECT r.* EXCLUDE (gross),
               {", ".join(f"{sql} AS {name}" for name, sql in MINORS.items())}
        FROM rated r
        LEFT JOIN proration_discounts d USING (line_id)
        LEFT JOIN told_discounts t ON t.line_id = r.line_id
        WHERE NOT r.is_metered
    )"""


def _monthly(amount: str) -> str:
    """Select item for an amount of hundredths a month, of one in minor units."""
    minor = f"{amount.removesuffix('hundredths')}minor"
    rounded = half_up(f"{minor}::HUGEINT * times * 100", f"(per * {units('currency')})")
    return f"{rounded}::BIGINT AS {amount}"


def _agreed(amount: str) -> str:
    """Select item for an amount that somebody has agreed to pay by then."""
    return f"CASE WHEN s.state IN ('trialing', 'paused') THEN 0 ELSE t.{amount} END AS {amount}"


_STAYS = f"""
    changes AS (
        SELECT subscription_id, item_id, product_id, quantity::DECIMAL(18,4) AS quantity,
               upper(currency) AS currency, is_credit, is_paused, from_on, until_on,
               billing_interval, billing_interval_count,
               {", ".join(map(_monthly, _AMOUNTS))}
        FROM worth
        QUALIFY row_number() OVER (
            PARTITION BY subscription_id, item_id, from_on
            ORDER BY start_s DESC, is_credit, billed_at DESC, amount DESC, line_id DESC) = 1
    ), present AS (
        SELECT subscription_id, item.id AS item_id FROM items
    ), stays AS (
        SELECT c.* EXCLUDE (until_on, from_on), c.from_on,
               least(s.ended_on, CASE
                   WHEN c.next_on IS NOT NULL THEN least(c.next_on, c.until_on)
                   WHEN p.item_id IS NULL THEN c.until_on END) AS to_on
        FROM (SELECT *, lead(from_on) OVER (
                  PARTITION BY subscription_id, item_id ORDER BY from_on) AS next_on
              FROM changes) c
        JOIN (SELECT id AS subscription_id, {day("ended_at")} AS ended_on
              FROM subscriptions) s USING (subscription_id)
        LEFT JOIN present p USING (subscription_id, item_id)
        WHERE NOT c.is_credit
    ), islands AS (
        SELECT *, count(*) FILTER (is_new) OVER (
                   PARTITION BY subscription_id, item_id ORDER BY from_on) AS island
        FROM (SELECT *, coalesce(lag(to_on) OVER w <> from_on, true)
                     OR {differs(("is_paused", *_WORTHS))} AS is_new
              FROM stays WHERE to_on IS NULL OR to_on > from_on
              WINDOW w AS (PARTITION BY subscription_id, item_id ORDER BY from_on))
    ), terms AS (
        SELECT subscription_id, item_id, {any_values(("is_paused", *_WORTHS))},
               min(from_on) AS from_on, CASE WHEN bool_and(to_on IS NOT NULL) THEN max(to_on) END
                   AS to_on
        FROM islands GROUP BY subscription_id, item_id, island
    )"""


def _states(past_due_days: int) -> str:
    """What each subscription was, apart from its items: spans of days, without gaps."""
    due = f"CASE WHEN i.collection_method = 'send_invoice' THEN {day('i.due_date')} END"
    return f"""
    owed AS (
        SELECT i.subscription_id, i.created, i.paid_at,
               greatest({day("i.finalized_at")}, {due}) AS from_on,
               {day("coalesce(i.paid_at, i.voided_at)")} AS to_on
        FROM raw.@source__invoices i
        WHERE i._deleted_at IS NULL AND i.finalized_at IS NOT NULL
          AND i.subscription_id IS NOT NULL AND i.billing_reason LIKE 'subscription%'
          AND i.amount_due > 0
          AND NOT coalesce(i.uncollectible_at - i.created <= {PAUSED_WITHIN_SECONDS}, false)
    ), debts AS (
        -- A later bill that is paid ends it as well: the latest one decides.
        SELECT d.subscription_id, d.from_on,
               least(any_value(d.to_on), {day("min(l.paid_at)")}) AS to_on
        FROM owed d LEFT JOIN owed l
          ON l.subscription_id = d.subscription_id AND l.created > d.created
        WHERE coalesce(d.to_on > d.from_on, true)
        GROUP BY d.subscription_id, d.from_on, d.created
        HAVING coalesce(least(any_value(d.to_on), {day("min(l.paid_at)")}) > d.from_on, true)
    ), trials AS (
        -- While it lasts nobody knows that it will end in a payment.
        SELECT id AS subscription_id, {day("trial_start")} AS from_on,
               CASE WHEN status <> 'trialing' THEN {day("trial_end")} END AS to_on,
               status = 'paused' AS then_pauses
        FROM subscriptions WHERE trial_start IS NOT NULL
    ), {spans_of_debts(past_due_days)}, states AS (
        SELECT s.*, CASE
                   WHEN s.from_on >= t.from_on AND coalesce(s.from_on < t.to_on, true)
                       THEN 'trialing'
                   WHEN s.from_on >= t.to_on AND t.then_pauses THEN 'paused'
                   WHEN o.is_unpaid THEN 'unpaid'
                   WHEN NOT o.is_unpaid THEN 'past_due'
                   ELSE 'active' END AS state
        FROM spans s
        LEFT JOIN trials t USING (subscription_id)
        LEFT JOIN owing o ON o.subscription_id = s.subscription_id AND o.from_on = s.from_on
    )"""


_PERIODS = f"""
    pieces AS (
        SELECT t.subscription_id, t.item_id, {", ".join(f"t.{name}" for name in _KIND)},
               greatest(t.from_on, s.from_on) AS from_on, least(t.to_on, s.to_on) AS to_on,
               CASE WHEN s.state = 'trialing' THEN 'trialing'
                    WHEN s.state = 'unpaid' THEN 'unpaid'
                    WHEN t.is_paused OR s.state = 'paused' THEN 'paused'
                    WHEN t.hundredths = 0 THEN 'free'
                    ELSE s.state END AS status,
               {", ".join(map(_agreed, _AMOUNTS))}
        FROM terms t JOIN states s ON s.subscription_id = t.subscription_id
         AND coalesce(s.from_on < t.to_on, true) AND coalesce(t.from_on < s.to_on, true)
    ), numbered AS (
        SELECT *, count(*) FILTER (is_new) OVER (
                   PARTITION BY subscription_id, item_id ORDER BY from_on) AS island
        FROM (SELECT *, coalesce(lag(to_on) OVER w <> from_on, true)
                     OR {differs(("status", *_WORTHS))} AS is_new
              FROM pieces
              WINDOW w AS (PARTITION BY subscription_id, item_id ORDER BY from_on))
    ), periods AS (
        SELECT subscription_id, item_id, {any_values(("status", *_WORTHS))},
               min(from_on) AS from_on,
               CASE WHEN bool_and(to_on IS NOT NULL) THEN max(to_on) END AS to_on
        FROM numbered GROUP BY subscription_id, item_id, island
    )
    SELECT '@source:' || p.subscription_id AS subscription_id,
           '@source:' || s.customer_id AS customer_id,
           '@source:' || p.item_id AS item_id,
           coalesce(product.name, p.product_id) AS product, p.quantity, p.status,
           {cents("p.hundredths")} AS monthly_amount, p.currency,
           p.from_on AS valid_from_on, p.to_on AS valid_to_on,
           {cents("p.list_hundredths")} AS list_monthly_amount,
           {cents("p.recurring_hundredths")} AS recurring_monthly_amount,
           {cents("p.lasting_hundredths")} AS lasting_monthly_amount,
           p.billing_interval, p.billing_interval_count,
           '@source' AS source, p.item_id || ':' || p.from_on AS source_id
    FROM periods p
    JOIN subscriptions s ON s.id = p.subscription_id
    LEFT JOIN raw.@source__products product ON product.id = p.product_id"""


def subscription_periods(options: StripeOptions) -> str:
    """The offer's SQL."""
    steps = (_PRICES, _BILLED, DISCOUNTS, _WORTH, _STAYS, _states(options.past_due_days))
    return f"WITH {', '.join(step.strip() for step in steps)}, {_PERIODS.strip()}"
