"""The lines of a bill, as Stripe writes them for a subscription in its classic billing mode.

Belongs here: period, usage and proration lines with their discounts and taxes. Does not: when a
bill is made (`billing_till.py`).

Prorations are net of the discount, which they name with an amount of zero, and are no longer
discountable; the credit is what was billed for the rest of the period, to the second.
Sources: https://docs.stripe.com/billing/subscriptions/prorations,
https://docs.stripe.com/changelog/clover/2025-09-30/itemize-proration-discount-amounts
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Literal

from revops_pipelines.sandbox.world.billing_calendar import Cycle
from revops_pipelines.sandbox.world.billing_catalog import Coupon, TaxRate
from revops_pipelines.sandbox.world.billing_money import percent_of, prorated, spread
from revops_pipelines.sandbox.world.billing_records import Line
from revops_pipelines.sandbox.world.billing_story import Item, Rebate

DISCOUNTABLE = ("period", "usage", "one_off")


def period_lines(items: Iterable[Item], cycle: Cycle) -> list[Line]:
    """A line for each licensed item, in advance; nothing is charged for a trial."""
    kind = "trial" if cycle.is_trial else "period"
    return [
        Line(
            kind,
            0 if cycle.is_trial else item.price.amount(item.quantity),
            item.quantity,
            item.price,
            cycle.start,
            cycle.end,
            item.id,
        )
        for item in items
        if not item.price.is_metered
    ]


def usage_line(item: Item, cycle: Cycle, used: int) -> Line:
    """What a metered item cost in a period that is over."""
    return Line("usage", item.price.amount(used), used, item.price, cycle.start, cycle.end, item.id)


def proration_lines(
    before: Sequence[Item],
    after: Sequence[Item],
    cycle: Cycle,
    at: int,
    credited: Rebate | None,
    charged: Rebate | None,
) -> list[Line]:
    """Credits for what changes or leaves, then charges for what changes or joins.

    `credited` is the rebate under which the period was billed, `charged` the one in force now.
    """
    later = {item.id: item for item in after}
    earlier = {item.id: item for item in before}
    gone = [item for item in before if later.get(item.id) != item]
    come = [item for item in after if earlier.get(item.id) != item]
    return [
        *(_prorated("unused", item, cycle, at, credited) for item in gone if _licensed(item)),
        *(_prorated("remaining", item, cycle, at, charged) for item in come if _licensed(item)),
    ]


def _licensed(item: Item) -> bool:
    return not item.price.is_metered


def _prorated(
    kind: Literal["unused", "remaining"], item: Item, cycle: Cycle, at: int, rebate: Rebate | None
) -> Line:
    full = item.price.amount(item.quantity)
    if rebate is not None and rebate.coupon.basis_points is not None:
        full -= percent_of(full, rebate.coupon.basis_points)
    amount = prorated(full, cycle.start, cycle.end, at)
    return Line(
        kind,
        -amount if kind == "unused" else amount,
        item.quantity,
        item.price,
        at,
        cycle.end,
        item.id,
        rebate=rebate.id if rebate else None,
    )


def settled(lines: Sequence[Line], coupon: Coupon | None, tax: TaxRate | None) -> tuple[Line, ...]:
    """The lines with their discount, then their tax on what remains."""
    if coupon is None and tax is None:
        return tuple(lines)
    discounts = _discounts(lines, coupon)
    done = []
    for line, discount in zip(lines, discounts, strict=True):
        due = line.amount - discount
        done.append(
            replace(line, discount=discount, tax=percent_of(due, tax.basis_points) if tax else 0)
        )
    return tuple(done)


def _discounts(lines: Sequence[Line], coupon: Coupon | None) -> list[int]:
    if coupon is None:
        return [0] * len(lines)
    open_to = [line.amount if line.kind in DISCOUNTABLE else 0 for line in lines]
    if coupon.basis_points is not None:
        return [percent_of(amount, coupon.basis_points) for amount in open_to]
    return spread(coupon.amount_off or 0, open_to)
