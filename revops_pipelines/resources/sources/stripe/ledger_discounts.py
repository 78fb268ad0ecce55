"""What each discount took off a line, and which of them go on beyond one bill.

Belongs here: the SQL of discounts for the ledger (`ledger.py`). Does not: the lines themselves, or
whose MRR counts which discounts (`engine/metrics/policies.py`).

A coupon lasts `once`, for some months (`repeating`) or `forever`
(https://docs.stripe.com/api/coupons/object#coupon_object-duration). A line is worth

- its list amount, before any discount;
- a recurring amount, less the discounts that go on: those of some months and those forever;
- a lasting amount, less those forever.

What a line says that each discount took counts, where all of them are kept or none is. Where some
are kept, they are applied anew in the line's order: a percentage of what was left by one that is
not kept would be another sum. A discount whose coupon nobody tells leaves both amounts unknown.
"""

from __future__ import annotations

from revops_pipelines.resources.sources.stripe.money import half_up

# A step of a discount is one number: a percentage times 10,000, or a sum below zero.
DISCOUNTS = """
    discount_sources AS (
        SELECT discount.id AS discount_id, discount.source.coupon AS coupon_id
        FROM (SELECT unnest(discounts) AS discount FROM raw.@source__subscriptions
              WHERE len(discounts) > 0
              UNION ALL
              SELECT unnest(discounts) FROM raw.@source__invoices WHERE len(discounts) > 0)
        UNION ALL
        -- Those of a single item are written out in its lines only.
        SELECT d ->> 'id', d ->> '/source/coupon'
        FROM (SELECT unnest(discounts) AS d FROM lines WHERE len(discounts) > 0)
    ), discount_terms AS (
        SELECT s.discount_id, any_value(c.percent_off) AS percent_off,
               any_value(c.amount_off) AS amount_off, any_value(c.duration) AS duration
        FROM discount_sources s JOIN raw.@source__coupons c ON c.id = s.coupon_id
        GROUP BY ALL
    ), told_offs AS (
        SELECT o.line_id, o.place, o.told.discount AS discount_id, o.told.amount AS off,
               t.percent_off, t.duration
        FROM (SELECT line_id, unnest(discount_amounts) AS told,
                     generate_subscripts(discount_amounts, 1) AS place FROM lines
              WHERE len(discount_amounts) > 0) o
        LEFT JOIN discount_terms t ON t.discount_id = o.told.discount
    ), told_discounts AS (
        SELECT line_id, bool_and(duration IS NOT NULL OR off = 0) AS are_known,
               bool_or(duration = 'once' AND off > 0) AS has_once,
               bool_or(duration = 'repeating' AND off > 0) AS has_repeating,
               bool_or(duration = 'forever' AND off > 0) AS has_forever,
               list(coalesce((percent_off * 10000)::HUGEINT, -off::HUGEINT) ORDER BY place)
                   FILTER (duration <> 'once') AS recurring_steps,
               list(coalesce((percent_off * 10000)::HUGEINT, -off::HUGEINT) ORDER BY place)
                   FILTER (duration = 'forever') AS lasting_steps
        FROM told_offs GROUP BY line_id
    ), named_discounts AS (
        SELECT DISTINCT line_id, subscription_id, item_id, start_s,
               coalesce(d ->> 'id', d ->> '$') AS discount_id
        FROM (SELECT *, unnest(discounts) AS d FROM lines
              WHERE is_proration AND NOT is_credit AND len(discounts) > 0)
    ), sums_off AS (
        -- A sum off the whole bill was shared among its items; each keeps the share it had.
        SELECT n.line_id, n.discount_id, arg_max(o.off, (l.start_s, l.billed_at)) AS amount_off
        FROM named_discounts n
        JOIN discount_terms t ON t.discount_id = n.discount_id AND t.amount_off IS NOT NULL
        JOIN lines l ON l.subscription_id = n.subscription_id AND l.item_id = n.item_id
         AND NOT l.is_proration AND l.start_s <= n.start_s
        JOIN told_offs o ON o.line_id = l.line_id AND o.discount_id = n.discount_id
        GROUP BY ALL
    ), named_steps AS (
        SELECT n.line_id, n.discount_id, t.duration, t.percent_off IS NULL AS is_sum,
               coalesce((t.percent_off * 10000)::HUGEINT, -o.amount_off::HUGEINT, 0) AS step
        FROM named_discounts n
        LEFT JOIN discount_terms t USING (discount_id)
        LEFT JOIN sums_off o ON o.line_id = n.line_id AND o.discount_id = n.discount_id
    ), proration_discounts AS (
        SELECT line_id, bool_and(duration IS NOT NULL) AS are_known,
               list(step ORDER BY is_sum, discount_id) AS steps,
               list(step ORDER BY is_sum, discount_id) FILTER (duration <> 'once')
                   AS recurring_steps,
               list(step ORDER BY is_sum, discount_id) FILTER (duration = 'forever')
                   AS lasting_steps
        FROM named_steps GROUP BY line_id
    )"""


def after(gross: str, steps: str) -> str:
    """SQL for an amount in minor units after a list of steps, one after the other, not below 0."""
    share = half_up("left_over * step", "1000000")
    return (
        f"greatest(0, list_reduce(list_prepend(({gross})::HUGEINT, coalesce({steps}, [])), "
        f"(left_over, step) -> CASE WHEN step < 0 THEN left_over + step "
        f"ELSE left_over - {share} END))"
    )


def _without_tax(kept: str) -> str:
    """SQL for what is left of a line less the tax inside it.

    The tax is known of what was charged; where nothing was, its share is unknown.
    """
    charged = "(gross - discounted)"
    return (
        f"CASE WHEN NOT is_taxed_inside THEN ({kept}) "
        f"WHEN {charged} > 0 THEN ({kept}) - {half_up(f'({kept}) * taxed', charged)} "
        f"WHEN ({kept}) = 0 THEN 0 END"
    )


def _told(kind: str, kept: str, left_out: str) -> str:
    """SQL for a line's minor amount under the discounts kept; null where nobody tells."""
    charged = "greatest(0, gross - discounted)"
    steps = after("gross", f"t.{kind}_steps")
    keeps_all, keeps_none = f"NOT ({left_out})", f"NOT ({kept})"
    return (
        f"CASE WHEN t.line_id IS NULL THEN {_without_tax(charged)} "
        f"WHEN NOT t.are_known THEN NULL "
        f"WHEN {keeps_all} THEN {_without_tax(charged)} "
        f"WHEN {keeps_none} THEN {_without_tax('gross')} "
        f"ELSE {_without_tax(steps)} END"
    )


# Of a row of `rated r` with `told_discounts t` and `proration_discounts d`. A proration that is not
# computed anew is net of what it names and does not say of how much.
_IS_NET = "r.is_proration AND len(r.discounts) > 0 AND r.discounted = 0"
MINORS = {
    "minor": f"""CASE WHEN r.is_recomputed THEN {after("gross", "d.steps")}
                      ELSE greatest(0, gross - discounted - taxed) END""",
    "list_minor": f"""CASE WHEN r.is_recomputed THEN greatest(0, gross)
                           WHEN {_IS_NET} THEN NULL ELSE {_without_tax("greatest(0, gross)")}
                           END""",
    "recurring_minor": f"""CASE
                   WHEN r.is_recomputed THEN CASE WHEN coalesce(d.are_known, true)
                       THEN {after("gross", "d.recurring_steps")} END
                   WHEN {_IS_NET} THEN NULL
                   ELSE {_told("recurring", "t.has_repeating OR t.has_forever", "t.has_once")}
                   END""",
    "lasting_minor": f"""CASE
                   WHEN r.is_recomputed THEN CASE WHEN coalesce(d.are_known, true)
                       THEN {after("gross", "d.lasting_steps")} END
                   WHEN {_IS_NET} THEN NULL
                   ELSE {_told("lasting", "t.has_forever", "t.has_once OR t.has_repeating")}
                   END""",
}
