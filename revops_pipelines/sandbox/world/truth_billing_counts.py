"""How much of each mess of billing there is by now.

Belongs here: counts from the intentions, and of what came of them. Does not: money
(`truth_billing.py`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from revops_pipelines.sandbox.world.billing import Billing
from revops_pipelines.sandbox.world.billing_calendar import DAY, epoch
from revops_pipelines.sandbox.world.billing_story import Subscription
from revops_pipelines.sandbox.world.truth_billing import PAST_DUE_DAYS


def count_rows(billing: Billing, now: datetime) -> list[dict[str, Any]]:
    """Rows of `counts.csv`: how much of each mess there is by now."""
    at = epoch(now)
    counts: Counter[str] = Counter()
    for customer in billing.customers:
        if customer.created <= at:
            counts["customers"] += 1
            counts[f"customers linked by {customer.link}"] += 1
            counts[f"customers in {customer.currency}"] += 1
            counts["customers deleted"] += _past(customer.deleted_at, at)
            begun = [story for story in customer.subscriptions if story.created <= at]
            counts["customers with several subscriptions"] += len(begun) > 1
            for story in begun:
                counts.update(_messes(story, at))
    books = billing.books
    counts["invoices"] = sum(bill.created <= at for bill in books.invoices)
    counts["charges refused"] = sum(
        charge.failure is not None and charge.created <= at for charge in books.charges
    )
    counts["refunds"] = sum(refund.created <= at for refund in books.refunds)
    counts["credit notes"] = sum(note.created <= at for note in books.credit_notes)
    return [{"part": "billing", "what": what, "count": counts[what]} for what in sorted(counts)]


def _messes(story: Subscription, at: int) -> Iterator[str]:
    yield "subscriptions"
    first = story.changes[0].items[0].price.interval
    if first is not None:
        yield f"subscriptions billed every {first.count} {first.unit}"
    if story.rebate is not None:
        yield f"coupons {story.rebate.coupon.duration}"
    marks = {
        "trials": story.trial_end is not None,
        "subscriptions never started": story.never_started,
        "subscriptions paid by transfer": story.pays_after is not None,
        "subscriptions with several items": len(story.changes[0].items) > 1,
    }
    yield from (what for what, holds in marks.items() if holds)
    yield from _events(story, at)


def _events(story: Subscription, at: int) -> Iterator[str]:
    for change in story.changes[1:]:
        if change.at <= at:
            yield "changes that reset the period" if change.resets else "changes inside a period"
    yield from ("pauses" for pause in story.pauses if pause.start <= at)
    for trouble in story.troubles:
        if trouble.issued_at <= at:
            yield "past due"
        if trouble.recovered_at is not None and trouble.recovered_at <= at:
            late = trouble.recovered_at - trouble.issued_at >= PAST_DUE_DAYS * DAY
            yield "past due, recovered after 30 days" if late else "past due, recovered"
    if story.ending is not None and story.ending.at <= at:
        yield f"subscriptions ended: {story.ending.kind}"


def _past(at: int | None, now: int) -> bool:
    return at is not None and at <= now


# What `sandbox.truth` writes, by table.
TABLES = {"counts": lambda world, now: count_rows(world.billing, now)}
