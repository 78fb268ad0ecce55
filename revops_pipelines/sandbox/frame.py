"""The frame around each vendor's simulated API: authentication, limits, faults, counting.

Belongs here: what every API server does before and around its answers, in plain ASGI. Does not:
any vendor's paths or bodies; a vendor hands them over as `Manners`:

    def build_app(world, clock, options):
        return framed(Starlette(routes=...), clock=clock, options=options, manners=Manners(
            authenticate=lambda call: None if ok(call) else Reply.json(401, {...}),
            limits=(Limit("all", 190, 10.0, too_many=lambda call, wait: Reply.json(429, {...})),),
        ))

Order of a call: admin paths, counting, faults, authentication, concurrency, limits, latency, app.
Every answer carries a `Date` by the sandbox's clock, as a vendor's server time.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from email.utils import format_datetime

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from revops_pipelines.sandbox.calls import Call, Reply
from revops_pipelines.sandbox.clock import SandboxClock
from revops_pipelines.sandbox.faults import Faults, Scene
from revops_pipelines.sandbox.limits import TokenBucket

ADMIN = "/_sandbox/"


@dataclass(frozen=True, slots=True)
class Crm:
    """Which CRM the company runs, as its other systems refer to it.

    `metadata_key` is where billing keeps a customer's CRM account; `account_id` makes that id from
    the world's own (HubSpot's company id).
    """

    metadata_key: str = "hubspot_company_id"
    account_id: Callable[[str], str] = str


@dataclass(frozen=True, slots=True)
class Options:
    """How the sandbox's servers behave beyond the vendors' manners.

    `limits` False lifts all rate limits. `rates` overrides a limit's calls per period by
    `vendor.limit` name. `switches`, by name, turn on manners that a vendor has retired, for clients
    that still need them, or take away what not every account has. `latency_seconds` is added to
    every call. `bulk_seconds` is how long an asynchronous export takes. `crm` is the CRM that the
    other systems' references point at.
    """

    limits: bool = True
    rates: Mapping[str, float] = field(default_factory=dict)
    switches: frozenset[str] = frozenset()
    latency_seconds: float = 0.0
    bulk_seconds: float = 0.1
    crm: Crm = Crm()

    def on(self, switch: str) -> bool:
        """Is a retired manner switched on?"""
        return switch in self.switches


@dataclass(frozen=True, slots=True)
class Limit:
    """A token bucket: `calls` per `period_seconds` for calls whose path matches `path`.

    `per` says what has its own bucket (by default the whole account). `too_many` is the vendor's
    refusal; it is given the seconds until a token is back. `method` narrows to one HTTP method.
    """

    name: str
    calls: float
    period_seconds: float
    too_many: Callable[[Call, float], Reply]
    path: str = ""
    method: str | None = None
    per: Callable[[Call], str] = lambda call: ""


@dataclass(frozen=True, slots=True)
class Manners:
    """A vendor's own way: who may call, how often, and what a refusal looks like.

    `authenticate` returns None for a good call, else the refusal; it is not asked for paths that
    match `open_paths`. `at_once` bounds calls in flight, refused with `too_many_at_once`.
    """

    authenticate: Callable[[Call], Reply | None]
    limits: tuple[Limit, ...] = ()
    open_paths: str | None = None
    at_once: int | None = None
    too_many_at_once: Callable[[Call], Reply] | None = None


class _Buckets:
    """One limit's buckets, by what they are counted per."""

    def __init__(self, limit: Limit, calls: float) -> None:
        self.limit = limit
        self._calls = calls
        self._path = re.compile(limit.path)
        self._buckets: dict[str, TokenBucket] = {}

    def refusal(self, call: Call) -> Reply | None:
        limit = self.limit
        if limit.method is not None and limit.method != call.method:
            return None
        if not self._path.search(call.path):
            return None
        key = limit.per(call)
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = TokenBucket(self._calls, limit.period_seconds)
        wait = bucket.take()
        return limit.too_many(call, wait) if wait else None


class Framed:
    """An ASGI app inside the frame; `faults` and `requests` (calls by path) may be looked at."""

    def __init__(
        self, vendor: str, app: ASGIApp, clock: SandboxClock, options: Options, manners: Manners
    ) -> None:
        self.vendor = vendor
        self.app = app
        self.clock = clock
        self.options = options
        self.faults = Faults()
        self.requests: Counter[str] = Counter()
        self.statuses: Counter[int] = Counter()
        self._manners = manners
        self._open = re.compile(manners.open_paths) if manners.open_paths else None
        self._in_flight = 0
        self._limits = (
            [
                _Buckets(limit, options.rates.get(f"{vendor}.{limit.name}", limit.calls))
                for limit in manners.limits
            ]
            if options.limits
            else []
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one call."""
        if scope["type"] != "http":
            return
        call = Call(scope)
        dated = self._dated(send)
        if call.path.startswith(ADMIN):
            await (await self._admin(call, receive)).send(dated)
            return
        self.requests[call.path] += 1
        fault = self.faults.take(call)
        if fault is not None:
            await fault(Scene(call, self._guarded, scope, receive, dated, self.faults))
        else:
            await self._guarded(scope, receive, dated)

    async def _guarded(self, scope: Scope, receive: Receive, send: Send) -> None:
        call = Call(scope)
        refusal = self._refusal(call)
        if refusal is not None:
            await refusal.send(send)
            return
        self._in_flight += 1
        try:
            if self.options.latency_seconds:
                await asyncio.sleep(self.options.latency_seconds)
            await self.app(scope, receive, send)
        finally:
            self._in_flight -= 1

    def _refusal(self, call: Call) -> Reply | None:
        manners = self._manners
        if self._open is None or not self._open.search(call.path):
            refusal = manners.authenticate(call)
            if refusal is not None:
                return refusal
        if (
            manners.at_once is not None
            and manners.too_many_at_once is not None
            and self.options.limits
            and self._in_flight >= manners.at_once
        ):
            return manners.too_many_at_once(call)
        for buckets in self._limits:
            refusal = buckets.refusal(call)
            if refusal is not None:
                return refusal
        return None

    def _dated(self, send: Send) -> Send:
        date = format_datetime(self.clock.now(), usegmt=True).encode("ascii")

        async def with_date(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), (b"date", date)]
                self.statuses[message["status"]] += 1
            await send(message)

        return with_date

    async def _admin(self, call: Call, receive: Receive) -> Reply:
        if call.path == ADMIN + "clock":
            if call.method == "POST":
                asked = json.loads(await _body(receive) or b"{}")
                self.clock.advance(timedelta(seconds=float(asked["advance_seconds"])))
            now = self.clock.now().isoformat()
            return Reply.json(200, {"now": now, "speed": self.clock.speed})
        if call.path == ADMIN + "requests":
            return Reply.json(200, {"total": self.requests.total(), "by_path": dict(self.requests)})
        return Reply.json(404, {"message": "clock and requests are here"})


async def _body(receive: Receive) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        body.extend(message.get("body", b""))
        if not message.get("more_body"):
            return bytes(body)


def framed(
    vendor: str, app: ASGIApp, *, clock: SandboxClock, options: Options, manners: Manners
) -> Framed:
    """Put a vendor's app into the frame."""
    return Framed(vendor, app, clock, options, manners)
