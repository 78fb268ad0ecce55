"""What Chargebee itself says a subscription is worth a month.

Belongs here: the field `mrr`. Does not: the company's own MRR, which other rules make (the truth).

Chargebee counts what renews: recurring items less recurring coupons, also while bills are unpaid;
nothing in trial, paused or after the end.
Source: https://www.chargebee.com/docs/billing/2.0/reports-and-analytics/flexi-mrr-vs-regular-mrr
"""

from __future__ import annotations

from collections.abc import Sequence

from revops_pipelines.sandbox.world.billing_calendar import Interval
from revops_pipelines.sandbox.world.billing_lines import settled
from revops_pipelines.sandbox.world.billing_money import half_up
from revops_pipelines.sandbox.world.billing_records import Line
from revops_pipelines.sandbox.world.billing_story import Item, Rebate

_MONTHLY = {"month": (1, 1), "year": (1, 12), "week": (52, 12), "day": (365, 12)}


def monthly(amount: int, interval: Interval | None) -> int:
    """An amount a billing period as an amount a month, in minor units."""
    if interval is None:
        return 0
    times, per = _MONTHLY[interval.unit]
    return half_up(amount * times, per * interval.count)


def mrr(items: Sequence[Item], rebate: Rebate | None) -> int:
    """Items less the coupon, by the month, in minor units."""
    licensed = [item for item in items if not item.price.is_metered]
    lines = [
        Line("period", item.price.amount(item.quantity), item.quantity, item.price, 0, 0, item.id)
        for item in licensed
    ]
    reduced = settled(lines, rebate.coupon if rebate is not None else None, None)
    return sum(
        monthly(line.amount - line.discount, item.price.interval)
        for line, item in zip(reduced, licensed, strict=True)
    )
