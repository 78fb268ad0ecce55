"""What each discount took off an item, and which of them go on beyond one invoice.

Belongs here: the SQL of coupons and discounts for the marks (`ledger_marks.py`). Does not: the
lines and versions themselves, or whose MRR counts which discounts (`engine/metrics/policies.py`).

A coupon is for one time, for a limited period or forever
(https://apidocs.chargebee.com/docs/api/coupons#coupon_duration_type). An item is worth

- a list amount, before any discount;
- a recurring amount, less the discounts that go on: those for a period and those forever;
- a lasting amount, less those forever.

What a line says that each discount took counts, where all of them are kept or none is; where some
are, they are applied anew, sums first, as Chargebee does
(https://apidocs.chargebee.com/docs/api/v2/pcv-1/coupons/coupon-object). A discount that nobody
tells leaves both unknown.
"""

from __future__ import annotations

from revops_pipelines.resources.sources.chargebee.money import half_up

# A step of a discount is one number: a percentage times 10,000, or a sum below zero.
TERMS = """
    discount_terms AS (
        SELECT id AS term_id, duration_type AS duration,
               CASE WHEN discount_type = 'percentage' THEN discount_percentage END AS percent,
               CASE WHEN discount_type = 'fixed_amount' THEN discount_amount END AS off
        FROM raw.@source__coupons
        UNION
        SELECT d.id, d.duration_type, d.percentage, CASE WHEN d.percentage IS NULL THEN d.amount END
        FROM (SELECT unnest(discounts) AS d FROM versions)
        WHERE d.id NOT IN (SELECT id FROM raw.@source__coupons)
    ), kept_kinds AS (
        -- Which discounts are taken off for each amount.
        SELECT unnest(['all', 'recurring', 'lasting']) AS kind,
               unnest([['one_time', 'limited_period', 'forever'], ['limited_period', 'forever'],
                       ['forever']]) AS durations
    )"""

# After `judged`. In a proration the discounts' own amounts are shares of a part: their terms count.
LINE_TERMS = """
    named_terms AS (
        SELECT n.line_id, n.term_id, n.off, t.duration,
               CASE WHEN NOT n.is_proration
                    THEN coalesce((t.percent * 10000)::HUGEINT, -n.off::HUGEINT)
                    ELSE coalesce((t.percent * 10000)::HUGEINT, -t.off::HUGEINT, 0) END AS step,
               t.percent IS NULL AS is_sum
        FROM (SELECT line_id, is_proration, coalesce(d.coupon_id, d.entity_id) AS term_id,
                     max(d.discount_amount) AS off
              FROM (SELECT line_id, is_proration, unnest(offs) AS d FROM judged)
              GROUP BY ALL) n
        LEFT JOIN discount_terms t USING (term_id)
    ), line_terms AS (
        SELECT line_id, bool_and(duration IS NOT NULL OR off = 0) AS are_known,
               bool_or(duration = 'one_time' AND off > 0) AS has_once,
               bool_or(duration = 'limited_period' AND off > 0) AS has_limited,
               bool_or(duration = 'forever' AND off > 0) AS has_forever,
               list(step ORDER BY NOT is_sum, term_id) AS steps,
               list(step ORDER BY NOT is_sum, term_id) FILTER (duration <> 'one_time')
                   AS recurring_steps,
               list(step ORDER BY NOT is_sum, term_id) FILTER (duration = 'forever')
                   AS lasting_steps
        FROM named_terms GROUP BY line_id
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
    """SQL for an amount less the tax inside it; unknown where nothing was charged to tell it."""
    return (
        f"CASE WHEN NOT is_inclusive THEN {kept} "
        f"WHEN amount > off THEN {kept} - {half_up(f'{kept} * taxed', '(amount - off)')} "
        f"WHEN {kept} = 0 THEN 0 END"
    )


def _told(kind: str, kept: str, left_out: str) -> str:
    """SQL for a line's amount under the discounts kept; null where nobody tells."""
    in_full = after("full_amount", f"t.{kind}_steps")
    in_part = after("amount", f"t.{kind}_steps")
    return f"""CASE WHEN t.line_id IS NULL AND off > 0 OR NOT coalesce(t.are_known, true) THEN NULL
                    WHEN is_whole THEN {_without_tax(in_full)}
                    WHEN t.line_id IS NULL OR NOT ({left_out})
                        THEN {_without_tax("greatest(0, amount - off)")}
                    WHEN NOT ({kept}) THEN {_without_tax("greatest(0, amount)")}
                    ELSE {_without_tax(in_part)} END"""


# Of a row of `judged j` with `line_terms t`. `is_whole`: the line is a part of what is computed.
LINE_MINORS = {
    "minor": f"""coalesce(CASE
                    WHEN is_whole THEN {_without_tax(after("full_amount", "t.steps"))}
                    ELSE greatest(0, amount - off - taxed) END, 0)""",
    "list_minor": f"""CASE WHEN is_whole THEN {_without_tax("greatest(0, full_amount)")}
                    ELSE {_without_tax("greatest(0, amount)")} END""",
    "recurring_minor": _told("recurring", "t.has_limited OR t.has_forever", "t.has_once"),
    "lasting_minor": _told("lasting", "t.has_forever", "t.has_once OR t.has_limited"),
}
MINORS = tuple(LINE_MINORS)
