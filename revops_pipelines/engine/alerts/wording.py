"""How an alert reads: title, labelled facts, and the one JSON document of a message.

Belongs here: the words that all channels share. Does not: a channel's layout or escaping.
"""

from __future__ import annotations

import re
from collections import Counter
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from revops_pipelines.engine.alerts.channel import Message, Told
from revops_pipelines.engine.alerts.notice import as_utc
from revops_pipelines.engine.alerts.people import receiver_of

# Of a digest's events, this many are written out; the rest are listed by their identifiers.
WRITTEN_OUT = 50
# A digest's title names so many rules, those with the most alerts.
_NAMED = 4
_LONGEST_URL = 1000
_TEST = "Test: "
# Control characters break lines and headers; overrides of direction make a text read as another.
_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]+")
_KINDS = {
    "fired": "",
    "escalated": "Now {severity}: ",
    "repeated": "Still open: ",
    "passed_on": "For {receiver}: ",
    "acknowledged": "Acknowledged: ",
    "snoozed": "Snoozed: ",
    "resolved": "Resolved: ",
}


def title(told: Told) -> str:
    """One line that says what happened."""
    receiver = receiver_of(told.notice)
    name = receiver.name if receiver else "the next person"
    start = _KINDS[told.kind].format(severity=told.severity, receiver=name)
    return start + (visible(told.notice.get("headline")) or told.rule_title)


def facts(told: Told) -> list[tuple[str, str]]:
    """The labelled facts, in reading order; the record's link is apart (`notice["url"]`)."""
    notice = told.notice
    receiver = receiver_of(notice)
    found = [
        ("Record", notice.get("subject")),
        ("Observed", notice.get("observed")),
        ("Limit", notice.get("limit")),
        ("Since", _since(notice.get("since"), told.occurred_at)),
        ("Owner", notice.get("owner") or "nobody"),
        *dict(notice.get("facts") or {}).items(),
        ("Told", receiver.why if receiver else None),
        ("Handled", notice.get("handled")),
    ]
    if told.kind == "resolved":
        found.append(("Ended", notice.get("ended")))
    return [(visible(label), visible(value)) for label, value in found if value]


def visible(text: object) -> str:
    """The text as one line without what cannot be seen; nothing for nothing.

    `visible("a\\r\\nBcc: b")` is `a Bcc: b`. Lone surrogates, which no encoding can carry, are `?`.
    """
    shown = _UNSEEN.sub(" ", "" if text is None else str(text)).strip()
    return shown.encode("utf-8", "replace").decode()


def what_to_do(told: Told) -> str:
    """The next step; nothing once it is resolved."""
    return "" if told.kind == "resolved" else visible(told.notice.get("what_to_do"))


def record_url(told: Told) -> str:
    """The record's web address; nothing where there is none that may become a link."""
    url = str(told.notice.get("url") or "")
    is_web = url.startswith(("https://", "http://")) and len(url) <= _LONGEST_URL
    return quote(url, safe=":/?#[]@!$&()*+,;=%~-._") if is_web else ""


def message_title(message: Message) -> str:
    """The title of a message: the event's own, or what a digest holds."""
    if not message.is_digest:
        return f"{_TEST if message.is_test else ''}{title(message.events[0])}"
    counts = Counter((told.rule_title, told.kind) for told in message.events)
    most = counts.most_common(_NAMED)
    parts = [
        f"{count} {'resolved' if kind == 'resolved' else 'open'}: {rule_title}"
        for (rule_title, kind), count in most
    ]
    if rest := len(message.events) - sum(count for _, count in most):
        parts.append(f"{rest} more")
    total = len(message.events)
    what = f"{total} alert{'' if total == 1 else 's'}"
    owners = {visible(told.notice.get("owner")) for told in message.events}
    whole = (
        f"{what} for {owners.pop()}" if len(owners) == 1 and any(owners) else f"Digest of {what}"
    )
    return f"{whole} ({'; '.join(parts)})"


def message_severity(message: Message) -> str:
    """The highest severity told, events come most severe first; a digest of endings is `info`."""
    if message.is_digest and all(told.kind == "resolved" for told in message.events):
        return "info"
    return message.events[0].severity if message.events else "info"


def colour_of(message: Message) -> str:
    """A colour for the message's state, as RRGGBB: red, amber, blue; green once it is over."""
    if message_state(message) == "resolved":
        return "2E8540"
    return {"critical": "C4314B", "warning": "C77700"}.get(message_severity(message), "2F6FDE")


def message_state(message: Message) -> str:
    """`open`, or `resolved` when all that is told has ended."""
    is_over = bool(message.events) and all(told.kind == "resolved" for told in message.events)
    return "resolved" if is_over else "open"


def message_kind(message: Message) -> str:
    """The kind of its one event (see `Told`), or `digest`."""
    return "digest" if message.is_digest else message.events[0].kind


def document(message: Message) -> dict[str, Any]:
    """The message as one JSON document: what the webhook posts and the inbox keeps.

    `events` holds the first WRITTEN_OUT events whole; `folded`, in a digest, names all of them.
    """
    body: dict[str, Any] = {
        "message_id": message.message_id,
        "kind": message_kind(message),
        "severity": message_severity(message),
        "title": message_title(message),
        "note": visible(message.note),
        "created_at": as_utc(message.created_at),
        "sent_at": as_utc(message.sent_at),
        "events": [_event(told) for told in message.events[:WRITTEN_OUT]],
    }
    if message.is_test:
        body["is_test"] = True
    if message.is_digest:
        body["count"] = len(message.events)
        body["folded"] = [told.event_id for told in message.events]
    return body


def clip(text: str, most: int) -> str:
    """The text, cut to `most` characters with an ellipsis."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def span(length: timedelta) -> str:
    """A span of time for people: `3 d 4 h`, `2 h 05 min`, `7 min`."""
    whole = max(0, int(length.total_seconds() // 60))
    hours, minutes = divmod(whole, 60)
    if hours >= 24:
        return f"{hours // 24} d {hours % 24} h"
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min"


def _since(since: Any, at: datetime) -> str:
    if not since:
        return ""
    began = datetime.fromisoformat(str(since))
    return f"{began:%Y-%m-%d %H:%M} UTC ({span(at - began)})"


def _event(told: Told) -> dict[str, Any]:
    return {
        "event_id": told.event_id,
        "alert": told.alert,
        "episode": told.episode,
        "kind": told.kind,
        "rule": told.rule,
        "rule_title": told.rule_title,
        "key": told.key,
        "severity": told.severity,
        "occurred_at": as_utc(told.occurred_at),
        "title": title(told),
        "facts": [list(fact) for fact in facts(told)],
        "url": record_url(told) or None,
        "what_to_do": what_to_do(told),
    }
