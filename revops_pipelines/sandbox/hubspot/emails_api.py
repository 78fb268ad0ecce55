"""Endpoints of marketing e-mails with their statistics, and of e-mail events.

Belongs here: paths, pages, counts. Does not: one-to-one mails, which are CRM records.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from revops_pipelines.sandbox.hubspot import marketing_records as records
from revops_pipelines.sandbox.hubspot.errors import invalid, not_found
from revops_pipelines.sandbox.hubspot.marketing import Event, Mailing
from revops_pipelines.sandbox.hubspot.marketing_ids import email_id
from revops_pipelines.sandbox.hubspot.objects_api import answer, flagged, limit_of
from revops_pipelines.sandbox.hubspot.portal import Portal

MOST_A_PAGE, MOST_EVENTS, DEFAULT_A_PAGE = 100, 1_000, 10
FOREVER_MS = 253_402_300_799_000
_COUNTED = {
    "SENT": "sent",
    "DELIVERED": "delivered",
    "BOUNCE": "bounce",
    "OPEN": "open",
    "CLICK": "click",
    "STATUSCHANGE": "unsubscribed",
}


class EmailsApi:
    """The endpoints under `/marketing/emails` and `/email/public/v1`."""

    def __init__(self, portal: Portal) -> None:
        self._portal = portal
        self._by_mailing: dict[int, list[Event]] = {}

    def routes(self) -> list[Route]:
        """All of them, in the dated and the older spelling."""
        places = [
            Route(f"{prefix}{path}", ending)
            for prefix in ("/marketing/emails/{version}", "/marketing/{version}/emails")
            for path, ending in (("", self.page), ("/", self.page), ("/{id}", self.one))
        ]
        return [*places, Route("/email/public/v1/events", self.events)]

    async def page(self, request: Request) -> Response:
        """A list; statistics where they are asked for."""
        limit = limit_of(request, MOST_A_PAGE, DEFAULT_A_PAGE)
        now = self._portal.seconds()
        archived = flagged(request, "archived")
        every = [] if archived else self._portal.marketing.mailings_at(now)
        after = int(request.query_params.get("after", "0") or 0)
        payload: dict[str, Any] = {
            "results": [self._email(each, request) for each in every[after : after + limit]],
            "total": len(every),
        }
        if after + limit < len(every):
            payload["paging"] = {"next": {"after": str(after + limit)}}
        return answer(payload)

    async def one(self, request: Request) -> Response:
        """One e-mail."""
        for each in self._portal.marketing.mailings_at(self._portal.seconds()):
            if email_id(each.mailing_id) == request.path_params["id"]:
                return answer(self._email(each, request))
        raise not_found()

    async def events(self, request: Request) -> Response:
        """Events of a closed range, the newest first; a page may hold fewer than its limit."""
        limit = limit_of(request, MOST_EVENTS, DEFAULT_A_PAGE)
        found: list[dict[str, Any]] = []
        position, more = 0, False
        for at, each in self._wanted(request):
            if len(found) == limit:
                more = True
                break
            position = at
            found.append(records.event(each))
        payload: dict[str, Any] = {"events": found, "hasMore": more}
        if more:
            payload["offset"] = f"at-{position}"
        return answer(payload)

    def _wanted(self, request: Request) -> Iterator[tuple[int, Event]]:
        query = request.query_params
        shelf = self._portal.marketing
        offset = query.get("offset", "")
        before = int(offset.removeprefix("at-")) if offset else len(shelf.events)
        since = -(-_whole(query.get("startTimestamp", "0")) // 1_000)
        until = _whole(query.get("endTimestamp", str(FOREVER_MS))) // 1_000
        kind, recipient = query.get("eventType"), query.get("recipient")
        for at, each in shelf.events_between(since, until, before, self._portal.seconds()):
            if kind in (None, each.type) and recipient in (None, each.email):
                yield at, each

    def _email(self, mailing: Mailing, request: Request) -> dict[str, Any]:
        shelf = self._portal.marketing
        [program] = [each for each in shelf.programs if each.program_id == mailing.program_id]
        email = records.email(mailing, program)
        if flagged(request, "includeStats"):
            email["stats"] = records.statistics(self._counted(mailing))
        return email

    def _counted(self, mailing: Mailing) -> dict[str, int]:
        """Readers count once, however often they open or click; what a machine did, never."""
        if not self._by_mailing:
            for each in self._portal.marketing.events:
                self._by_mailing.setdefault(int(each.activity.value_id or 0), []).append(each)
        now = self._portal.seconds()
        seen: set[tuple[str, str]] = set()
        for each in self._by_mailing.get(mailing.mailing_id, ()):
            filtered = each.type in ("OPEN", "CLICK") and each.activity.details[0] is True
            if each.activity.seen_at <= now and not filtered:
                seen.add((each.type, each.email))
        counts = dict.fromkeys(_COUNTED.values(), 0)
        for kind, _ in seen:
            counts[_COUNTED[kind]] += 1
        return counts


def _whole(text: str) -> int:
    if not text.isdigit():
        raise invalid(f"{text} is no number of milliseconds")
    return int(text)
