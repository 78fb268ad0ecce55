"""PagerDuty Events API v2: an alert's episode is one incident, opened and closed by its key.

Belongs here: the events and what an answer means. Does not: when to send.

`POST /v2/enqueue` answers 202 with `status: success` and the `dedup_key`. 400 is for good; 429 and
5xx are tried again. Severities are critical, error, warning and info; a summary has 1,024
characters, a key 255. (github.com/PagerDuty/api-schema, reference/events-v2;
developer.pagerduty.com, "Send an alert event") The key makes every send idempotent: a repeat
changes nothing.

A digest is one incident of its own, so that a storm pages once; what was told alone before and ends
in a digest is resolved by its own key, and the digest's incident when nothing in it is open.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from typing import Any

from pydantic import Field

from revops_pipelines.engine.alerts.channel import (
    ChannelKind,
    DeliveryError,
    Draft,
    Message,
    Place,
    Receipt,
    RejectedError,
    Told,
    UnreachableError,
)
from revops_pipelines.engine.alerts.declaration import Severity
from revops_pipelines.engine.alerts.notice import as_utc
from revops_pipelines.engine.alerts.posting import Deadline, Post, WebOptions
from revops_pipelines.engine.alerts.wording import (
    clip,
    facts,
    message_severity,
    message_title,
    record_url,
    title,
    visible,
    what_to_do,
)
from revops_pipelines.engine.ingest.transport import Response

_SUMMARY = 1024
_KEY = 255
_VALUE = 400
_FACTS = 20
_LISTED = 50
_ACTIONS = {"acknowledged": "acknowledge", "snoozed": "acknowledge", "resolved": "resolve"}
_MASK = "***"


class PagerDutyOptions(WebOptions):
    """`[channels.pagerduty]`: the integration key is a secret and comes from the environment."""

    min_severity: Severity = Field(
        "critical", description="Less severe alerts page nobody; they are told elsewhere."
    )
    events_url: str = Field(
        "https://events.pagerduty.com/v2/enqueue",
        description="Where events go; in the EU region https://events.eu.pagerduty.com/v2/enqueue.",
    )


class PagerDuty:
    """One PagerDuty service, by its Events API v2 integration key."""

    def __init__(self, place: Place) -> None:
        options: PagerDutyOptions = place.options
        self._post = Post(options.events_url, options)
        self._url = options.events_url
        self._seconds = options.deadline_seconds
        self._secrets = {"routing_key": place.secrets["routing_key"]}

    def __repr__(self) -> str:
        return "PagerDuty(***)"

    def send(self, message: Message) -> Receipt:
        """Send the message's events, those that are there already left out; see `Sender`."""
        deadline = Deadline(self._seconds)
        taken: dict[str, str] = {}
        said = "nothing was left to send"
        problem: DeliveryError | None = None
        for event in events_of(message):
            key = event["dedup_key"]
            if key in message.taken:
                continue
            body = json.dumps({**self._secrets, **event}, ensure_ascii=False).encode()
            try:
                said = _said(self._post(body, {}, message.sent_at, deadline))
            except UnreachableError as error:
                problem = UnreachableError(str(error), error.wait, error.remedy, taken)
                break
            except RejectedError as error:
                # What went before is with PagerDuty all the same.
                problem = error
                break
            taken[key] = key
        if problem is not None:
            raise problem
        return Receipt(said=said, references=taken)

    def drafts(self, message: Message) -> Sequence[Draft]:
        """What would be sent; see `Drafting`."""
        return [
            Draft(
                self._url,
                {"Content-Type": "application/json"},
                json.dumps({"routing_key": _MASK, **event}, ensure_ascii=False, indent=2),
            )
            for event in events_of(message)
        ]


def events_of(message: Message) -> list[dict[str, Any]]:
    """The Events v2 documents of a message, without the routing key; the first is the news."""
    found = list(_of_digest(message)) if message.is_digest else [_of_alert(message)]
    return found + [_resolve(digest_key(digest)) for digest in message.ended]


def dedup_key(told: Told) -> str:
    """What names the incident of an alert's episode: the same at every try and every event."""
    key = f"revops/{told.alert}/{told.episode}"
    if len(key) <= _KEY and key.isprintable():
        return key
    return f"revops/{hashlib.sha256(key.encode()).hexdigest()}"


def digest_key(message_id: str) -> str:
    """What names the incident of a digest."""
    return f"revops/digest/{message_id}"


def _of_alert(message: Message) -> dict[str, Any]:
    told = message.events[0]
    action = _ACTIONS.get(told.kind, "trigger")
    if action != "trigger":
        return {"event_action": action, "dedup_key": dedup_key(told)}
    details = {clip(label, 60): clip(value, _VALUE) for label, value in facts(told)[:_FACTS]}
    if step := what_to_do(told):
        details["What to do"] = clip(step, _VALUE)
    return _trigger(message, dedup_key(told), details, told)


def _of_digest(message: Message) -> Iterator[dict[str, Any]]:
    opened = [told for told in message.events if told.kind not in _ACTIONS]
    if opened:
        listed = {
            told.alert: clip(f"{title(told)}, {visible(told.notice.get('owner')) or 'nobody'}", 300)
            for told in opened[:_LISTED]
        }
        details: dict[str, Any] = {"Alerts": len(opened), **listed}
        yield _trigger(message, digest_key(message.message_id), details, opened[0])
    for told in message.events:
        if told.kind in _ACTIONS and told.thread:
            yield {"event_action": _ACTIONS[told.kind], "dedup_key": dedup_key(told)}


def _trigger(message: Message, key: str, details: dict[str, Any], told: Told) -> dict[str, Any]:
    if message.note:
        details = {**details, "Note": visible(message.note)}
    event = {
        "event_action": "trigger",
        "dedup_key": key,
        "client": "revops-pipelines",
        "payload": {
            "summary": clip(message_title(message), _SUMMARY),
            "severity": message_severity(message),
            "source": "revops-pipelines",
            "timestamp": as_utc(told.occurred_at),
            "component": "digest" if message.is_digest else told.rule,
            "group": visible(told.notice.get("owner")) or "nobody",
            "class": told.rule_title,
            "custom_details": details,
        },
    }
    links = [] if message.is_digest else _links(told)
    return event | ({"links": links} if links else {})


def _links(told: Told) -> list[dict[str, str]]:
    found = [{"href": url, "text": "The record"}] if (url := record_url(told)) else []
    return found + [
        {"href": action.url, "text": action.label}
        for action in told.actions
        if action.url.startswith(("https://", "http://"))
    ]


def _resolve(key: str) -> dict[str, Any]:
    return {"event_action": "resolve", "dedup_key": key}


def _said(answer: Response) -> str:
    """PagerDuty's yes in one line. Raises UnreachableError for anything else in a 2xx."""
    try:
        said = json.loads(answer.body)
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict) or said.get("status") != "success":
        raise UnreachableError(f"PagerDuty: HTTP {answer.status} without PagerDuty's success")
    key = visible(said.get("dedup_key"))
    return f"HTTP {answer.status}, success, dedup_key {clip(key, _KEY)}"


CHANNEL = ChannelKind(
    name="pagerduty",
    title="PagerDuty",
    options=PagerDutyOptions,
    secrets={"routing_key": "PAGERDUTY_ROUTING_KEY"},
    connect=PagerDuty,
)
