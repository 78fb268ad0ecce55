"""The Chargebee API over a simulated company.

Belongs here: routes from paths to lists and records. Does not: lists, shapes or errors themselves.
"""

from __future__ import annotations

from urllib.parse import parse_qs

import msgspec
from starlette.types import Receive, Scope, Send

from revops_pipelines.sandbox.calls import Call, Reply
from revops_pipelines.sandbox.chargebee.events import event_log
from revops_pipelines.sandbox.chargebee.lists import make_lists
from revops_pipelines.sandbox.chargebee.replies import (
    RefusedError,
    no_such_url,
    not_found,
    wrong_catalog,
    wrong_method,
)
from revops_pipelines.sandbox.chargebee.shapes_documents import Documents
from revops_pipelines.sandbox.chargebee.shapes_subscription import contract_terms
from revops_pipelines.sandbox.chargebee.shelf import Seen, Shelf
from revops_pipelines.sandbox.clock import SandboxClock
from revops_pipelines.sandbox.frame import Crm
from revops_pipelines.sandbox.world.billing import Billing
from revops_pipelines.sandbox.world.billing_calendar import epoch

PREFIX = "/api/v2/"
FIRST_CATALOG = ("plans", "addons")
SECOND_CATALOG = ("item_families", "items", "item_prices")


class ChargebeeApp:
    """An ASGI app that answers as a Chargebee site would, as of the clock's now."""

    def __init__(
        self,
        billing: Billing,
        clock: SandboxClock,
        *,
        is_first_catalog: bool = False,
        keeps_events: bool = False,
        lines_shown: int = 300,
        crm: Crm | None = None,
    ) -> None:
        self._clock = clock
        self.documents = Documents(billing.rates, is_first_catalog, lines_shown)
        self.lists = make_lists(billing, self.documents, crm or Crm())
        self._is_first_catalog = is_first_catalog
        self._keeps_events = keeps_events
        self._events: Shelf | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one call."""
        call = Call(scope)
        try:
            reply = Reply(200, self._answer(call, epoch(self._clock.now())))
        except RefusedError as refused:
            reply = refused.reply
        await reply.send(send)

    def _answer(self, call: Call, now: int) -> bytes:
        if call.method != "GET":
            raise RefusedError(wrong_method())
        steps = call.path.removeprefix(PREFIX).rstrip("/").split("/")
        if not call.path.startswith(PREFIX) or len(steps) > 3:
            raise RefusedError(no_such_url(call))
        if steps == ["configurations"]:
            return self._configurations(call)
        shelf = self._shelf(call, steps[0])
        query: bytes = call.scope["query_string"]
        if len(steps) == 1:
            return shelf.page(query, now)
        seen = shelf.find(steps[1], now)
        if seen is None:
            raise RefusedError(not_found(steps[1]))
        if len(steps) == 2:
            return self._one(shelf, seen, query)
        if steps[0] == "subscriptions" and steps[2] == "contract_terms":
            rows = [{"contract_term": term} for term in contract_terms(seen.record, now)]
            return msgspec.json.encode({"list": rows})
        raise RefusedError(no_such_url(call))

    def _shelf(self, call: Call, name: str) -> Shelf:
        if name in (SECOND_CATALOG if self._is_first_catalog else FIRST_CATALOG):
            raise RefusedError(wrong_catalog(name))
        if name == "events":
            if self._events is None:
                self._events = event_log(self.lists, self._keeps_events)
            return self._events
        if name not in self.lists:
            raise RefusedError(no_such_url(call))
        return self.lists[name]

    def _configurations(self, call: Call) -> bytes:
        version = "v1" if self._is_first_catalog else "v2"
        domain = call.header("host").partition(".")[0]
        shown = {
            "domain": domain,
            "product_catalog_version": version,
            "chargebee_response_schema_type": "plans_addons" if version == "v1" else "items",
        }
        return msgspec.json.encode({"configurations": [shown]})

    def _one(self, shelf: Shelf, seen: Seen, query: bytes) -> bytes:
        """A record; of an invoice, the lines that the list left out are asked for by offset."""
        asked = parse_qs(query.decode("utf-8"))
        if shelf.noun != "invoice" or not asked:
            return shelf.row(seen)
        start = int(asked.get("line_items_offset", ["0"])[0])
        limit = int(asked.get("line_items_limit", ["300"])[0])
        shown = shelf.body(seen)
        lines = self.documents.lines(seen.record)
        shown["line_items"] = lines[start : start + limit]
        shown.pop("line_items_next_offset", None)
        if start + limit < len(lines):
            shown["line_items_next_offset"] = str(start + limit)
        return msgspec.json.encode({"invoice": shown})
