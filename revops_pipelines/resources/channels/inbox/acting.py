"""What people can do on the inbox page, and by the links in their messages.

Belongs here: the forms and their answers. Does not: what an action does (`engine.alerts.actions`),
or the list of messages (`page`).

Nothing is done by following a link: it shows a form, and the form acts. A form is taken only from
our own page (its Origin) and with a token that belongs to the browser's cookie, so that no other
page can send it; a link besides only with its signature, unchanged and not expired.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jinja2
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from revops_pipelines.engine.alerts.actions import ActionError, perform, silence
from revops_pipelines.engine.alerts.desk import asked_by_deed, episodes_of, event_of, standing_of
from revops_pipelines.engine.alerts.episodes import alert_of
from revops_pipelines.engine.alerts.links import DEEDS, LinkError, check_link
from revops_pipelines.engine.alerts.outbox import Outbox
from revops_pipelines.engine.alerts.people import Directory

COOKIE = "inbox"
SILENCES = {"1": "1 hour", "8": "8 hours", "24": "1 day", "168": "1 week"}
_MOST_BYTES = 8192
_REASON = 200


@dataclass(frozen=True, slots=True)
class Desk:
    """What the page acts with: the outbox, the time there, the key of tokens and links.

    `user` is who asks on the page itself; a link knows its receiver. `hosts` are names, beside this
    machine's own, under which the page is reached.
    """

    outbox: Callable[[], AbstractContextManager[Outbox]]
    now: Callable[[Outbox], datetime]
    key: Callable[[], bytes] = field(repr=False)
    directory: Directory = Directory()
    user: str = "inbox page"
    hosts: tuple[str, ...] = ()


class RefusedError(Exception):
    """A request that must not be acted upon; the text is for its reader."""


Answer = Callable[[str, int], Response]
_Act = Callable[[Request, Mapping[str, str]], Response]


def acting_routes(desk: Desk, templates: jinja2.Environment, answer: Answer) -> list[Route]:
    """The routes of `desk`; `answer(html, status)` makes a response with the page's headers."""
    acts = _Acts(desk, templates, answer)
    return [
        Route("/act/{deed}", acts.ask, methods=["GET"]),
        Route("/act/{deed}", acts.guarded(acts.by_link), methods=["POST"]),
        Route("/do", acts.guarded(acts.on_page), methods=["POST"]),
    ]


@dataclass(frozen=True, slots=True)
class _Acts:
    """The handlers; addresses in their pages are relative, as the page may lie below a path."""

    desk: Desk
    templates: jinja2.Environment
    answer: Answer

    def guarded(self, act: _Act) -> Callable[[Request], Awaitable[Response]]:
        """A handler that acts on forms of ours only, and says why where it does not."""

        async def handle(request: Request) -> Response:
            try:
                form = await _form(request, self.desk)
                return await run_in_threadpool(act, request, form)
            except (RefusedError, LinkError) as error:
                return self._told(request, "Not done", str(error), 403)
            except ActionError as error:
                said = f"{str(error)[:1].upper()}{str(error)[1:]}."
                return self._told(request, "Not done", said, 409)

        return handle

    def ask(self, request: Request) -> Response:
        """The form behind a link."""
        deed, query = request.path_params["deed"], dict(request.query_params)
        try:
            event, _ = _linked(self.desk, deed, query)
        except LinkError as error:
            return self._told(request, "Nothing to do", str(error), 403)
        cookie = request.cookies.get(COOKIE) or secrets.token_hex(16)
        html = self.templates.get_template("ask.html").render(
            label=DEEDS[deed],
            headline=event["notice"].get("headline", ""),
            alert=alert_of(event),
            query=query,
            token=token_of(self.desk, cookie),
        )
        return with_cookie(self.answer(html, 200), cookie)

    def by_link(self, request: Request, form: Mapping[str, str]) -> Response:
        """What a link asks for, once it is confirmed."""
        deed = request.path_params["deed"]
        event, identity = _linked(self.desk, deed, form)
        who = {"by": form.get("by") or "a link's holder", "via": "link", "action_id": identity}
        said = _do(self.desk, event, deed, {**who, "reason": _reason(form)})
        headline = event["notice"].get("headline", "")
        return self._told(request, DEEDS[deed], f"{headline}: {said}.", 200)

    def on_page(self, _request: Request, form: Mapping[str, str]) -> Response:
        """What a button on the page asks for."""
        event = _known_event(self.desk, form)
        if form.get("deed") == "silence":
            _silence(self.desk, event, form)
        else:
            who = {"by": self.desk.user, "via": "page", "reason": _reason(form)}
            _do(self.desk, event, form.get("deed", ""), who)
        return RedirectResponse("./", 303)

    def _told(self, request: Request, title: str, said: str, status: int) -> Response:
        root = "../" if "deed" in request.path_params else "./"
        html = self.templates.get_template("told.html").render(title=title, said=said, root=root)
        return self.answer(html, status)


def token_of(desk: Desk, cookie: str) -> str:
    """The token of every form that a browser with that cookie is shown."""
    return hmac.new(desk.key(), f"form|{cookie}".encode(), hashlib.sha256).hexdigest()


def with_cookie(response: Response, cookie: str) -> Response:
    """The response, setting the cookie that tokens belong to."""
    response.set_cookie(COOKIE, cookie, httponly=True, samesite="strict", path="/")
    return response


def standings(desk: Desk, messages: list[dict[str, Any]]) -> dict[tuple[str, int], dict[str, str]]:
    """How the alerts of these messages stand: word and person, by alert and episode."""
    alerts = sorted({event["alert"] for each in messages for event in each["events"]})
    with desk.outbox() as outbox:
        now = desk.now(outbox)
        return {
            key: {"standing": str(standing_of(row, now)), "by": row["handled_by"]}
            for key, row in episodes_of(outbox, alerts).items()
        }


def _linked(desk: Desk, deed: str, query: Mapping[str, str]) -> tuple[dict[str, Any], str]:
    """The event that a link is about, and the link's identity. Raises LinkError."""
    with desk.outbox() as outbox:
        event = event_of(outbox, query.get("event", ""))
        now = desk.now(outbox)
    if event is None:
        raise LinkError("This alert is not known here any more.")
    return event, check_link(desk.key(), alert_of(event), event["episode"], deed, query, now)


def _known_event(desk: Desk, form: Mapping[str, str]) -> dict[str, Any]:
    with desk.outbox() as outbox:
        event = event_of(outbox, form.get("event", ""))
    if event is None:
        raise ActionError("this alert is not known here any more")
    return event


def _do(desk: Desk, event: Mapping[str, Any], deed: str, who: Mapping[str, str]) -> str:
    with desk.outbox() as outbox:
        now = desk.now(outbox)
        episodes = episodes_of(outbox, [alert_of(event)])
        episode = episodes.get((alert_of(event), event["episode"]), {"receivers": []})
        known = {**episode, **{name: event[name] for name in ("rule", "alert_key", "episode")}}
        asked = asked_by_deed(
            deed, {**known, "notice": event["notice"]}, desk.directory, now, **who
        )
        return perform(outbox, asked, now).said


def _silence(desk: Desk, event: Mapping[str, Any], form: Mapping[str, str]) -> None:
    hours = form.get("hours", "")
    if hours not in SILENCES:
        raise ActionError("a silence needs an end")
    with desk.outbox() as outbox:
        now = desk.now(outbox)
        silence(
            outbox,
            starts_at=now,
            ends_at=now + timedelta(hours=int(hours)),
            reason=_reason(form),
            asked_by=desk.user,
            rule=event["rule"],
            key_prefix=event["alert_key"],
            is_exact=True,
            via="page",
        )


def _reason(form: Mapping[str, str]) -> str:
    return form.get("reason", "").strip()[:_REASON]


async def _form(request: Request, desk: Desk) -> dict[str, str]:
    """The fields of a form of our own. Raises RefusedError for any other."""
    origin = urlsplit(request.headers.get("origin", "")).netloc
    if not origin or origin not in (request.headers.get("host"), *desk.hosts):
        raise RefusedError("This form does not come from the inbox page.")
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MOST_BYTES:
            raise RefusedError("This form is too long.")
    fields = parse_qs(body.decode("utf-8", "replace"), max_num_fields=20)
    form = {name: values[-1] for name, values in fields.items()}
    expected = token_of(desk, request.cookies.get(COOKIE, ""))
    is_ours = hmac.compare_digest(expected.encode(), form.get("token", "").encode())
    if COOKIE not in request.cookies or not is_ours:
        raise RefusedError("This form is from another browser, or too old: open the page again.")
    return form
