"""The Stripe API over a simulated company.

Belongs here: routes from paths to lists and objects. Does not: lists, shapes or errors themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import msgspec
from starlette.types import Receive, Scope, Send

from revops_pipelines.sandbox.calls import Call, Reply
from revops_pipelines.sandbox.clock import SandboxClock
from revops_pipelines.sandbox.frame import Crm
from revops_pipelines.sandbox.stripe import (
    events,
    shapes_catalog,
    shapes_invoice,
    shapes_subscription,
)
from revops_pipelines.sandbox.stripe.expanding import expand, paths_below
from revops_pipelines.sandbox.stripe.listed import Listed
from revops_pipelines.sandbox.stripe.lists import make_lists
from revops_pipelines.sandbox.stripe.query import Asked, asked
from revops_pipelines.sandbox.stripe.replies import (
    VERSION,
    RefusedError,
    error,
    missing,
    no_such_url,
)
from revops_pipelines.sandbox.stripe.shelf import Shelf
from revops_pipelines.sandbox.world.billing import Billing
from revops_pipelines.sandbox.world.billing_calendar import DAY, epoch
from revops_pipelines.sandbox.world.billing_ids import core

PREFIX = "/v1/"
NO_FILTERS: frozenset[str] = frozenset()


class StripeApp:
    """An ASGI app that answers as `https://api.stripe.com` would, as of the clock's now."""

    def __init__(self, billing: Billing, clock: SandboxClock, crm: Crm) -> None:
        self._clock = clock
        self._billing = billing
        self.lists = make_lists(billing, crm)
        self._since = self._now() - events.KEPT_DAYS * DAY
        self._feed: Listed | None = None
        self._account = f"acct_1{core(Random(f'{billing.seed}:billing:account'), 16)}"
        # As bytes: what is expanded is written into, so that each needs its own.
        self._discounts = {
            record.story.rebate.id: msgspec.json.encode(
                shapes_catalog.discount(record.story.rebate, record.customer, record.story)
            )
            for record in billing.books.subscriptions
            if record.story.rebate is not None
        }
        self._request_number = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one call."""
        call = Call(scope)
        try:
            body = self._answer(call, self._now())
            reply = Reply(200, body)
        except RefusedError as refused:
            reply = refused.reply
        self._request_number += 1
        headers = (
            ("request-id", f"req_{self._request_number:014d}"),
            ("stripe-version", call.header("stripe-version") or VERSION),
        )
        await Reply(reply.status, reply.body, (*reply.headers, *headers)).send(send)

    def _now(self) -> int:
        return epoch(self._clock.now())

    def _answer(self, call: Call, now: int) -> bytes:
        steps = call.path.removeprefix(PREFIX).rstrip("/").split("/")
        if call.method != "GET" or not call.path.startswith(PREFIX) or len(steps) > 3:
            raise RefusedError(no_such_url(call))
        query: bytes = call.scope["query_string"]
        if steps == ["account"]:
            shown = shapes_catalog.account(self._account, self._billing.start)
            return msgspec.json.encode(shown)
        if steps[0] == "subscription_items" and len(steps) == 1:
            return self._items(query, now)
        listed = self._list(steps[0])
        if listed is None:
            raise RefusedError(no_such_url(call))
        if len(steps) == 1:
            return self._page(listed, query, now)
        record = self._record(listed.shelf, steps[1], now)
        if len(steps) == 2:
            return self._one(listed.shelf, record, query, now)
        part = _PARTS.get((steps[0], steps[2]))
        if part is None:
            raise RefusedError(no_such_url(call))
        return self._nested(call.path, part(record, now), query, now)

    def _list(self, name: str) -> Listed | None:
        if name == "events":
            return self._events()
        return self.lists.get(name)

    def _events(self) -> Listed:
        """The feed; made when first asked for, from 30 days before the app was."""
        if self._feed is None:
            found = events.feed(self._billing, self.lists, self._since)
            shelf = Shelf("event", "/v1/events", found, events.shape(self.lists))
            kinds = {"type": _is_of_kind, "types": _is_of_kind}
            self._feed = Listed(shelf, kinds, ignored=frozenset({"delivery_success"}))
        return self._feed

    def _page(self, listed: Listed, query: bytes, now: int) -> bytes:
        found = asked(query, listed.known)
        if listed is self._feed:
            oldest = now - events.KEPT_DAYS * DAY
            found.since = oldest if found.since is None else max(found.since, oldest)
        key = next((name for name in listed.shelf.keys if name in found.filters), None)
        records, has_more = listed.shelf.page(found, now, _tests(listed, found), key)
        bodies = [listed.shelf.body(record, now) for record in records]
        if found.expand:
            bodies = self._expanded(bodies, found.expand, now, is_list=True)
        return _list_of(listed.shelf.url, bodies, has_more)

    def _record(self, shelf: Shelf, identity: str, now: int) -> Any:
        record = shelf.find(identity, now)
        if record is None or (
            shelf.noun == "event" and record.created < now - events.KEPT_DAYS * DAY
        ):
            raise RefusedError(missing(shelf.noun, identity))
        return record

    def _one(self, shelf: Shelf, record: Any, query: bytes, now: int) -> bytes:
        found = asked(query, NO_FILTERS, is_list=False)
        if shelf.is_gone(record, now):
            return msgspec.json.encode(shapes_subscription.deleted_customer(record))
        body = shelf.body(record, now)
        if found.expand:
            (body,) = self._expanded([body], found.expand, now, is_list=False)
        return body

    def _items(self, query: bytes, now: int) -> bytes:
        found = asked(query, frozenset({"subscription"}))
        identity = found.one("subscription")
        if identity is None:
            message = "Missing required param: subscription."
            refusal = error(400, message, code="parameter_missing", param="subscription")
            raise RefusedError(refusal)
        record = self.lists["subscriptions"].shelf.find(identity, now)
        if record is None:
            raise RefusedError(missing("subscription", identity, "subscription", status=400))
        entries = shapes_subscription.subscription_items(record, now)
        return _entries("/v1/subscription_items", entries, found)

    def _nested(self, url: str, entries: Sequence[dict[str, Any]], query: bytes, now: int) -> bytes:
        found = asked(query, NO_FILTERS)
        if not found.expand:
            return _entries(url, entries, found)
        paths = paths_below(found.expand, is_list=True)
        for entry in entries:
            expand(entry, paths, lambda identity: self._object(identity, now))
        return _entries(url, entries, found)

    def _expanded(
        self, bodies: Sequence[bytes], paths: Sequence[str], now: int, is_list: bool
    ) -> list[bytes]:
        steps = paths_below(paths, is_list)
        done = []
        for body in bodies:
            shown = msgspec.json.decode(body)
            expand(shown, steps, lambda identity: self._object(identity, now))
            done.append(msgspec.json.encode(shown))
        return done

    def _object(self, identity: str, now: int) -> dict[str, Any] | None:
        """The object that an identifier names, if any."""
        shown: dict[str, Any]
        if identity in self._discounts:
            shown = msgspec.json.decode(self._discounts[identity])
            return shown
        for name in _EXPANDABLE.get(identity.partition("_")[0], ("coupons",)):
            shelf = self.lists[name].shelf
            record = shelf.find(identity, now)
            if record is not None:
                if shelf.is_gone(record, now):
                    return shapes_subscription.deleted_customer(record)
                shown = msgspec.json.decode(shelf.body(record, now))
                return shown
        return None


_EXPANDABLE = {
    "cus": ("customers",),
    "sub": ("subscriptions",),
    "in": ("invoices",),
    "price": ("prices",),
    "prod": ("products",),
    "ch": ("charges",),
    "du": ("disputes",),
    "txn": ("balance_transactions",),
}

_PARTS: dict[tuple[str, str], Callable[[Any, int], list[dict[str, Any]]]] = {
    ("invoices", "lines"): lambda record, at: shapes_invoice.lines(record),
}


def _is_of_kind(record: events.Event, wanted: str, at: int) -> bool:
    """`type` may end in a star, as in `customer.subscription.*`."""
    if wanted.endswith(".*"):
        return record.kind.startswith(wanted[:-1])
    return record.kind == wanted


def _tests(listed: Listed, found: Asked) -> Callable[[Any, int], bool] | None:
    """All filters together; of one filter's several values any may hold."""
    wanted = {name: [value] for name, value in listed.defaults.items()} | found.filters
    tests = [
        (listed.filters[name], values) for name, values in wanted.items() if name in listed.filters
    ]
    keys = [
        (listed.shelf.key(name), values)
        for name, values in wanted.items()
        if name in listed.shelf.keys
    ]
    if not tests and len(keys) < 2:
        return None

    def passes(record: Any, at: int) -> bool:
        return all(key(record) in values for key, values in keys) and all(
            any(test(record, value, at) for value in values) for test, values in tests
        )

    return passes


def _list_of(url: str, bodies: Sequence[bytes], has_more: bool) -> bytes:
    head = f'{{"object":"list","url":"{url}","has_more":{"true" if has_more else "false"},"data":['
    return head.encode() + b",".join(bodies) + b"]}"


def _entries(url: str, entries: Sequence[dict[str, Any]], found: Asked) -> bytes:
    """A page of a list inside an object, in the object's own order."""
    names = [entry["id"] for entry in entries]
    first, last = 0, len(entries)
    for cursor in (found.starting_after, found.ending_before):
        if cursor is not None and cursor not in names:
            raise RefusedError(missing("object", cursor, "starting_after", status=400))
    if found.starting_after is not None:
        first = names.index(found.starting_after) + 1
    if found.ending_before is not None:
        last = names.index(found.ending_before)
        first = max(first, last - found.limit)
        has_more = first > 0
    else:
        has_more = first + found.limit < last
    shown = entries[first : min(last, first + found.limit)]
    return _list_of(url, [msgspec.json.encode(entry) for entry in shown], has_more)
