"""The ledger of recurring revenue, rebuilt from what Chargebee keeps.

Belongs here: the SQL of the offer to `subscription_periods`: periods out of marks, and what state
each subscription was in. Does not: the marks (`ledger_marks.py`), the other offers (`offers.py`) or
what is counted of the ledger (the metrics).

Chargebee's list of subscriptions tells today's state, its events the changes of a while, its
documents everything that was ever billed. So

- a mark holds until the item's next one, or until the term that it was billed for ends, where none
  follows; the last mark of an item that the subscription still has goes on;
- between the end of a billed term and the next mark a subscription that had not ended was
  `paused`: Chargebee bills nothing then;
- where several marks of one item fall on one day, the last one counts: days belong to what is in
  force at their end, in UTC;
- an amount is monthly by the price's interval: month x 1, quarter / 3, year / 12, week x 52 / 12,
  day x 365 / 12, after discounts and before tax, rounded half up to the cent once; so are the
  amounts before discounts, after those that go on beyond one invoice, and after those forever;
- from the day on which an unpaid invoice is due the subscription is `past_due`, after so many days
  `unpaid`, until it is paid. These days are written down ahead, so that the ledger needs no clock;
- what a trial covers is `trialing`, what costs nothing `free`, both worth nothing.

Metered prices and one-time charges are left out.
"""

from __future__ import annotations

from revops_pipelines.engine.conform.debts import spans_of_debts
from revops_pipelines.engine.conform.islands import differs
from revops_pipelines.resources.sources.chargebee.ledger_discounts import MINORS
from revops_pipelines.resources.sources.chargebee.ledger_marks import marks
from revops_pipelines.resources.sources.chargebee.money import cents, day, half_up, units
from revops_pipelines.resources.sources.chargebee.options import ChargebeeOptions

# What an item is worth, in hundredths: after all discounts, before any, after those that go on,
# after those forever.
_AMOUNTS = tuple(name.replace("minor", "hundredths") for name in MINORS)
_ITEM = ("product", "quantity", "currency_code", "billing_interval", "billing_interval_count")
_KIND = (*_ITEM, "is_paused", *_AMOUNTS)
_FINAL = (*_ITEM, "status", *_AMOUNTS)


def _monthly(minor: str) -> str:
    """Select item for an amount of hundredths a month, of one in minor units."""
    rounded = half_up(f"d.{minor}::HUGEINT * d.times * 100", f"(d.per * {units('currency_code')})")
    return f"{rounded}::BIGINT AS {minor.replace('minor', 'hundredths')}"


def _agreed(amount: str) -> str:
    """Select item for an amount that somebody has agreed to pay by then."""
    return f"CASE WHEN s.state = 'trialing' THEN 0 ELSE t.{amount} END AS {amount}"


_ENDS = f"""
    lives AS (
        SELECT id AS subscription_id, customer_id, status AS status_now,
               CASE WHEN status = 'cancelled' THEN {day("cancelled_at")}
                    WHEN status = 'transferred' THEN _updated_at::DATE END AS ended_on
        FROM subscriptions
    ), daily AS (
        SELECT *, {day("at_s")} AS from_on, {day("end_s")} AS until_on
        FROM marks
        QUALIFY row_number() OVER (
            PARTITION BY subscription_id, slot, from_on
            ORDER BY at_s DESC, is_end, told_by, billed_at DESC, minor DESC, mark_id DESC) = 1
    ), worth AS (
        SELECT d.*, coalesce(p.product, d.price_id) AS product,
               {", ".join(map(_monthly, MINORS))}
        FROM daily d LEFT JOIN prices p USING (price_id)
    )"""

_STAYS = f"""
    followed AS (
        SELECT w.* EXCLUDE (per, times), l.ended_on, l.status_now,
               lead(from_on) OVER (
                   PARTITION BY w.subscription_id, w.slot ORDER BY from_on) AS next_on,
               p.slot IS NOT NULL AND l.status_now IN ('active', 'non_renewing', 'in_trial')
                   AS is_going_on
        FROM worth w JOIN lives l USING (subscription_id)
        LEFT JOIN (SELECT DISTINCT subscription_id, slot FROM present) p
          ON p.subscription_id = w.subscription_id AND p.slot = w.slot
    ), cut AS (
        SELECT *, least(next_on, ended_on) AS last_on,
               CASE WHEN next_on IS NULL AND ended_on IS NULL AND is_going_on THEN NULL
                    ELSE least(next_on, ended_on, until_on) END AS to_on
        FROM followed WHERE NOT is_end
    ), stays AS (
        SELECT subscription_id, slot, {", ".join(_ITEM)}, false AS is_paused,
               {", ".join(_AMOUNTS)}, from_on, to_on
        FROM cut
        UNION ALL
        -- Nothing is billed while paused; an item that left for good is not paused.
        SELECT subscription_id, slot, {", ".join(_ITEM)}, true, {", ".join(_AMOUNTS)}, to_on,
               last_on
        FROM cut
        WHERE to_on = until_on AND (last_on > to_on OR (last_on IS NULL AND status_now = 'paused'))
    ), islands AS (
        SELECT *, count(*) FILTER (is_new) OVER (
                   PARTITION BY subscription_id, slot ORDER BY from_on) AS island
        FROM (SELECT *, coalesce(lag(to_on) OVER w <> from_on, true)
                     OR {differs(_KIND)} AS is_new
              FROM stays WHERE to_on IS NULL OR to_on > from_on
              WINDOW w AS (PARTITION BY subscription_id, slot ORDER BY from_on))
    ), terms AS (
        SELECT subscription_id, slot, {", ".join(_KIND)}, min(from_on) AS from_on,
               CASE WHEN bool_and(to_on IS NOT NULL) THEN max(to_on) END AS to_on
        FROM islands GROUP BY subscription_id, slot, island, {", ".join(_KIND)}
    )"""


def _states(past_due_days: int) -> str:
    """What each subscription was, apart from its items: spans of days, without gaps."""
    return f"""
    owed AS (
        SELECT DISTINCT coalesce(line.subscription_id, i.subscription_id) AS subscription_id,
               i.id, i.date, {day("coalesce(i.due_date, i.date)")} AS from_on,
               CASE WHEN coalesce(i.write_off_amount, 0) = 0 THEN {day("i.paid_at")} END AS to_on
        FROM (SELECT *, unnest(line_items) AS line FROM raw.@source__invoices
              WHERE _deleted_at IS NULL AND recurring AND status NOT IN ('voided', 'pending')) i
        WHERE i.total > coalesce(i.credits_applied, 0)
    ), debts AS (
        -- A later invoice that is paid ends it as well: the latest one decides.
        SELECT d.subscription_id, d.from_on, least(any_value(d.to_on), min(l.to_on)) AS to_on
        FROM owed d LEFT JOIN owed l
          ON l.subscription_id = d.subscription_id AND l.date > d.date
        GROUP BY d.subscription_id, d.id, d.from_on
        HAVING coalesce(least(any_value(d.to_on), min(l.to_on)) > d.from_on, true)
    ), trials AS (
        -- While it lasts nobody knows that it will end in a payment.
        SELECT id AS subscription_id, {day("trial_start")} AS from_on,
               CASE WHEN status <> 'in_trial' THEN {day("trial_end")} END AS to_on
        FROM subscriptions WHERE trial_start IS NOT NULL
    ), {spans_of_debts(past_due_days)}, states AS (
        SELECT s.*, CASE
                   WHEN s.from_on >= t.from_on AND coalesce(s.from_on < t.to_on, true)
                       THEN 'trialing'
                   WHEN o.is_unpaid THEN 'unpaid'
                   WHEN NOT o.is_unpaid THEN 'past_due'
                   ELSE 'active' END AS state
        FROM spans s
        LEFT JOIN trials t USING (subscription_id)
        LEFT JOIN owing o ON o.subscription_id = s.subscription_id AND o.from_on = s.from_on
    )"""


_PERIODS = f"""
    pieces AS (
        SELECT t.subscription_id, t.slot, {", ".join(f"t.{name}" for name in _ITEM)},
               greatest(t.from_on, s.from_on) AS from_on, least(t.to_on, s.to_on) AS to_on,
               CASE WHEN s.state = 'trialing' THEN 'trialing'
                    WHEN t.is_paused THEN 'paused'
                    WHEN t.hundredths = 0 THEN 'free'
                    ELSE s.state END AS status,
               {", ".join(map(_agreed, _AMOUNTS))}
        FROM terms t JOIN states s ON s.subscription_id = t.subscription_id
         AND coalesce(s.from_on < t.to_on, true) AND coalesce(t.from_on < s.to_on, true)
    ), numbered AS (
        SELECT *, count(*) FILTER (is_new) OVER (
                   PARTITION BY subscription_id, slot ORDER BY from_on) AS island
        FROM (SELECT *, coalesce(lag(to_on) OVER w <> from_on, true)
                     OR {differs(_FINAL)} AS is_new
              FROM pieces
              WINDOW w AS (PARTITION BY subscription_id, slot ORDER BY from_on))
    ), periods AS (
        SELECT subscription_id, slot, {", ".join(_FINAL)}, min(from_on) AS from_on,
               CASE WHEN bool_and(to_on IS NOT NULL) THEN max(to_on) END AS to_on
        FROM numbered GROUP BY subscription_id, slot, island, {", ".join(_FINAL)}
    )
    SELECT '@source:' || p.subscription_id AS subscription_id,
           '@source:' || l.customer_id AS customer_id,
           '@source:' || p.subscription_id || ':' || p.slot AS item_id,
           p.product, p.quantity, p.status,
           {cents("p.hundredths")} AS monthly_amount, upper(p.currency_code) AS currency,
           p.from_on AS valid_from_on, p.to_on AS valid_to_on,
           {cents("p.list_hundredths")} AS list_monthly_amount,
           {cents("p.recurring_hundredths")} AS recurring_monthly_amount,
           {cents("p.lasting_hundredths")} AS lasting_monthly_amount,
           p.billing_interval, p.billing_interval_count,
           '@source' AS source, p.subscription_id || ':' || p.slot || ':' || p.from_on AS source_id
    FROM periods p JOIN lives l USING (subscription_id)"""


def subscription_periods(options: ChargebeeOptions) -> str:
    """The offer's SQL."""
    steps = (*marks(options.is_first_catalog), _ENDS, _STAYS, _states(options.past_due_days))
    return f"WITH {', '.join(step.strip() for step in steps)}, {_PERIODS.strip()}"
