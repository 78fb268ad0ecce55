"""The past can be read from what is served: a slow replay of bills agrees with the truth."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from stripe_replay import Replay
from stripe_server import NOW

from revops_pipelines.sandbox.world.truth_billing import Period, ledger

Caller = Any


def _served(caller: Caller) -> Replay:
    discounts = {"expand[]": ["data.discounts"]}
    stripe = {
        "prices": caller.all("/v1/prices"),
        "coupons": caller.all("/v1/coupons"),
        "subscriptions": caller.all("/v1/subscriptions", status="all"),
        "invoices": caller.all("/v1/invoices", **{"expand[]": ["data.lines.data.discounts"]}),
        "invoiceitems": caller.all("/v1/invoiceitems", pending="true", **discounts),
    }
    for bill in stripe["invoices"]:
        if bill["lines"]["has_more"]:
            bill["lines"]["data"] = caller.all(bill["lines"]["url"], **discounts)
    return Replay(stripe)


def _days(period: Period, today: date) -> Iterator[date]:
    """The first and last days of a period, and one between."""
    last = today if period.to_on is None else period.to_on - timedelta(days=1)
    yield from {period.from_on, period.from_on + (last - period.from_on) / 2, last}


@pytest.mark.parametrize("days_ago", [0, 33, 250])
def test_every_period_of_the_truth_can_be_read_from_bills(
    open_stripe: Callable[..., Any], days_ago: int
) -> None:
    now: datetime = NOW - timedelta(days=days_ago)
    with open_stripe(now) as caller:
        replay = _served(caller)
        periods = list(ledger(caller.billing, now))
    assert len(periods) > 40
    at = int(now.timestamp())
    for period in periods:
        for day in _days(period, now.date()):
            found = replay.state(period.subscription_id, period.item_id, day, at)
            assert found == (period.status, period.monthly_amount), (period, day)


def test_nothing_is_read_where_the_truth_has_nothing(stripe_api: Caller) -> None:
    replay = _served(stripe_api)
    now = stripe_api.clock.now()
    spans: dict[tuple[str, str], list[Period]] = {}
    for period in ledger(stripe_api.billing, now):
        spans.setdefault((period.subscription_id, period.item_id), []).append(period)
    for owner, item in replay.marks:
        periods = spans.get((owner, item), [])
        for day in (now.date() - timedelta(days=ago) for ago in range(0, 700, 23)):
            found = replay.state(owner, item, day, int(now.timestamp()))
            covered = any(
                each.from_on <= day and (each.to_on is None or day < each.to_on) for each in periods
            )
            assert (found is not None) == covered, (owner, item, day)
