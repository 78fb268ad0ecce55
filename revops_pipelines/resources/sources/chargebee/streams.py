"""What is read from a Chargebee site.

Belongs here: one stream per list. Does not: columns (`tables.py`) or how lists are walked
(`pull.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from revops_pipelines.engine.declarations import Stream
from revops_pipelines.resources.sources.chargebee.pull import Feed, pull_feed
from revops_pipelines.resources.sources.chargebee.tables import columns

# Events that show a subscription as it became. Those that only announce something show it as it
# still is, which does no harm; they are left out because they are many.
HISTORY = (
    "subscription_created",
    "subscription_created_with_backdating",
    "subscription_started",
    "subscription_activated",
    "subscription_activated_with_backdating",
    "subscription_changed",
    "subscription_changed_with_backdating",
    "subscription_cancelled",
    "subscription_canceled_with_backdating",
    "subscription_reactivated",
    "subscription_reactivated_with_backdating",
    "subscription_renewed",
    "subscription_items_renewed",
    "subscription_paused",
    "subscription_resumed",
    "subscription_ramp_applied",
)
_NAMES = ",".join(f'"{name}"' for name in HISTORY)

FEEDS: Mapping[str, Feed] = {
    "customers": Feed("customers", "customer", keeps_deleted=True),
    "subscriptions": Feed("subscriptions", "subscription", keeps_deleted=True),
    "coupons": Feed("coupons", "coupon", clock=None),
    "invoices": Feed("invoices", "invoice", keeps_deleted=True),
    "credit_notes": Feed("credit_notes", "credit_note", keeps_deleted=True),
    "transactions": Feed("transactions", "transaction", keeps_deleted=True),
    "events": Feed(
        "events",
        "event",
        clock="occurred_at",
        forgets=True,
        params=(("event_type[in]", f"[{_NAMES}]"),),
    ),
}
SECOND_CATALOG: Mapping[str, Feed] = {
    "items": Feed("items", "item", clock=None),
    "item_prices": Feed("item_prices", "item_price", clock=None),
}
FIRST_CATALOG: Mapping[str, Feed] = {
    "plans": Feed("plans", "plan", clock=None, keeps_deleted=True),
    "addons": Feed("addons", "addon", clock=None, keeps_deleted=True),
}

_DESCRIPTIONS: Mapping[str, str] = {
    "customers": "Billed parties, with custom fields.",
    "subscriptions": "Agreements to pay again and again, with all their items.",
    "coupons": "Terms of discounts.",
    "invoices": "Bills with all their lines and discounts.",
    "credit_notes": "What was given back or written off, with lines.",
    "transactions": "Attempts to take money, and money given back.",
    "events": "Subscriptions as they were at each change, as far back as Chargebee tells.",
    "items": "What is sold.",
    "item_prices": "What items cost, and how often.",
    "plans": "What is sold, at which price, how often.",
    "addons": "What is sold beside a plan, at which price, how often.",
}


def feeds(options: Any) -> Mapping[str, Feed]:
    """The lists of a site, by its product catalog."""
    return {**FEEDS, **(FIRST_CATALOG if options.is_first_catalog else SECOND_CATALOG)}


def streams(options: Any) -> tuple[Stream, ...]:
    """The streams of a site."""
    return tuple(
        Stream(
            name=name,
            description=_DESCRIPTIONS[name],
            key=("id",),
            columns=columns(name),
            pull=partial(pull_feed, feed=feed),
            updated="occurred_at" if name == "events" else "updated_at",
            scopes=(feed.path,),
        )
        for name, feed in feeds(options).items()
    )
