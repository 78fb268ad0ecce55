"""How a letter is written: headers that keep an episode in one thread, plain text, and HTML.

Belongs here: MIME and the view of the template. Does not: who gets it, or sending.

An episode is one thread: later letters name the first one in `In-Reply-To` and `References` and
keep its subject (RFC 5322 section 3.6.4; Gmail also wants the subject the same). `Auto-Submitted:
auto-generated` (RFC 3834) and `X-Auto-Response-Suppress` keep absence notices away; `List-Id` (RFC
2919) is for filters. Pictures in mails are fetched later or blocked: charts are cells of tables
with colours, which every client shows, with their numbers beside them.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, timedelta
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from importlib import resources
from typing import Any

import jinja2

from revops_pipelines.engine.alerts.channel import Message, Told
from revops_pipelines.engine.alerts.people import receiver_of
from revops_pipelines.engine.alerts.wording import (
    clip,
    colour_of,
    facts,
    message_severity,
    message_state,
    message_title,
    record_url,
    title,
    visible,
    what_to_do,
)
from revops_pipelines.resources.channels.email.letters import Letter, target_of

_SUBJECT = 180
_HEADING = 200
_VALUE = 400
_FACTS = 25
_LISTED = 60
_RULES = 12
_COLUMNS = 14
_HEIGHT = 48
_COLOURS = {"critical": "#C4314B", "warning": "#C77700", "info": "#2F6FDE", "resolved": "#2E8540"}
# Everything leaves as ASCII: no server on the way has to know 8BITMIME.
_POLICY = SMTP.clone(cte_type="7bit")


@dataclass(frozen=True, slots=True)
class Stationery:
    """What all letters of a channel bear: the sender's address, the subject's beginning, a name."""

    sender: str
    subject_prefix: str
    channel: str

    @property
    def domain(self) -> str:
        """The sender's; message ids are made in it."""
        return self.sender.rpartition("@")[2].lower()


def written(message: Message, letter: Letter, stationery: Stationery) -> bytes:
    """The letter as it is handed to the server; the same at every try but for MIME boundaries."""
    part = _part(message, letter)
    first = _first_of(letter)
    subject = f"Re: {first['subject']}" if first else _subject(part, stationery)
    mail = EmailMessage(policy=_POLICY)
    mail["From"] = Address("revops alerts", addr_spec=stationery.sender)
    mail["To"] = tuple(Address(addr_spec=address) for address in letter.to)
    mail["Subject"] = clip(visible(subject), _SUBJECT + 4)
    mail["Date"] = format_datetime(message.created_at.astimezone(UTC))
    mail["Message-ID"] = _identity(message, letter, stationery)
    if first:
        mail["In-Reply-To"] = first["id"]
        mail["References"] = first["id"]
    label = "".join(
        sign for sign in stationery.channel.lower() if sign.isalnum() and sign.isascii()
    )
    mail["List-Id"] = f"revops alerts <{label or 'alerts'}.revops.{stationery.domain}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Auto-Response-Suppress"] = "All"
    if message_severity(part) == "critical" and message_state(part) == "open":
        mail["Importance"] = "high"
    view = _view(part, letter)
    mail.set_content(_template("mail.txt").render(**view))
    mail.add_alternative(_template("mail.html").render(**view), subtype="html")
    return mail.as_bytes()


def reference_of(message: Message, letter: Letter, stationery: Stationery) -> str:
    """What the next letter of the episode needs to know of this one."""
    first = _first_of(letter)
    if first:
        return json.dumps(first, ensure_ascii=False)
    subject = _subject(_part(message, letter), stationery)
    called = {"id": _identity(message, letter, stationery), "subject": subject}
    return json.dumps(called, ensure_ascii=False)


def _part(message: Message, letter: Letter) -> Message:
    return replace(message, events=letter.events)


def _first_of(letter: Letter) -> dict[str, str] | None:
    """The first letter of the episode that this one goes on with, if it is about one alone."""
    if len(letter.events) != 1:
        return None
    thread = letter.events[0].thread
    found = next((thread[each] for each in map(target_of, letter.to) if each in thread), None)
    if found is None:
        return None
    first = json.loads(found)
    return {"id": visible(first["id"]), "subject": visible(first["subject"])}


def _identity(message: Message, letter: Letter, stationery: Stationery) -> str:
    who = hashlib.sha256("\n".join(letter.to).encode()).hexdigest()[:12]
    return f"<{message.message_id}.{who}@{stationery.domain}>"


def _subject(part: Message, stationery: Stationery) -> str:
    return clip(visible(f"{stationery.subject_prefix}{_heading(part)}"), _SUBJECT)


def _heading(part: Message) -> str:
    if not part.is_digest:
        return message_title(part)
    ended = sum(told.kind == "resolved" for told in part.events)
    counts = [(len(part.events) - ended, "open"), (ended, "resolved")]
    told = ", ".join(f"{count} {word}" for count, word in counts if count)
    return f"Digest of {part.created_at:%d %B %Y}: {told}"


def _view(part: Message, letter: Letter) -> dict[str, Any]:
    """What the templates show; everything in it is text, which they escape."""
    told = part.events[0]
    # What is over comes last, however bad it was.
    in_order = sorted(part.events, key=lambda each: each.kind == "resolved")
    listed = [_line(each) for each in in_order[:_LISTED]]
    return {
        "heading": clip(_heading(part), _HEADING),
        "colour": f"#{colour_of(part)}",
        "state": "Resolved" if message_state(part) == "resolved" else message_severity(part),
        "is_digest": part.is_digest,
        "name": visible(letter.name),
        "note": visible(part.note),
        "facts": [] if part.is_digest else _facts(told),
        "url": "" if part.is_digest else record_url(told),
        "what_to_do": "" if part.is_digest else clip(what_to_do(told), 2 * _VALUE),
        "actions": [] if part.is_digest else _actions(told),
        "rules": _rules(part) if part.is_digest else [],
        "columns": _columns(part) if part.is_digest else [],
        "events": listed if part.is_digest else [],
        "more": len(part.events) - len(listed) if part.is_digest else 0,
        "why": _why(part, letter),
        "message_id": part.message_id[:12],
        "height": _HEIGHT,
    }


def _facts(told: Told) -> list[tuple[str, str]]:
    return [(clip(label, 60), clip(value, _VALUE)) for label, value in facts(told)[:_FACTS]]


def _line(told: Told) -> dict[str, Any]:
    shown = {"resolved": "resolved"}.get(told.kind, told.severity)
    return {
        "state": shown,
        "colour": _COLOURS[shown],
        "title": clip(title(told), 160),
        "url": record_url(told),
        "subject": clip(visible(told.notice.get("subject")), 100),
        "observed": clip(visible(told.notice.get("observed")), 80),
        "owner": clip(visible(told.notice.get("owner")) or "nobody", 80),
        "actions": _actions(told)[:1],
    }


def _rules(part: Message) -> list[dict[str, Any]]:
    """A bar for each rule: how many of its alerts are critical, warning, information, resolved."""
    counts: dict[str, Counter[str]] = {}
    for told in part.events:
        state = "resolved" if told.kind == "resolved" else told.severity
        counts.setdefault(told.rule_title, Counter())[state] += 1
    most = max(sum(states.values()) for states in counts.values())
    by_size = sorted(counts.items(), key=lambda item: (-sum(item[1].values()), item[0]))
    return [
        {
            "title": clip(visible(rule), 60),
            "total": sum(states.values()),
            "told": ", ".join(f"{states[state]} {state}" for state in _COLOURS if states[state]),
            # Whole per cent of the longest bar; what is there is never drawn as nothing.
            "bars": [
                {"colour": _COLOURS[state], "width": max(1, 100 * states[state] // most)}
                for state in _COLOURS
                if states[state]
            ],
        }
        for rule, states in by_size[:_RULES]
    ]


def _columns(part: Message) -> list[dict[str, Any]]:
    """A column for each of the days up to the last event, also those without any."""
    days = Counter(told.occurred_at.astimezone(UTC).date() for told in part.events)
    if len(days) < 2:
        return []
    first, last = min(days), max(days)
    shown = [last - timedelta(days=back) for back in range(_COLUMNS) if back <= (last - first).days]
    most = max(days[day] for day in shown)
    return [
        {"day": f"{day:%d %b}", "count": days[day], "height": max(1, _HEIGHT * days[day] // most)}
        for day in reversed(shown)
    ]


def _actions(told: Told) -> list[dict[str, str]]:
    return [
        {"label": clip(visible(action.label), 60), "url": action.url}
        for action in told.actions
        if action.url.startswith(("https://", "http://"))
    ]


def _why(part: Message, letter: Letter) -> str:
    """Why this letter came to its reader."""
    if part.is_test:
        return "This is a test; nothing is wrong."
    if not letter.name:
        return "You get this because your address is one of those that the channel names."
    receivers = {receiver.why for told in letter.events if (receiver := receiver_of(told.notice))}
    reasons = "; ".join(sorted(visible(why) for why in receivers if why))
    return (
        f"You get this because {clip(reasons, 300)}." if reasons else "You get this as its owner."
    )


@functools.cache
def _environment(is_html: bool) -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FunctionLoader(_asset),
        # The plain text shows characters as they are; there is no markup to break out of.
        autoescape=is_html,  # noqa: S701
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _template(name: str) -> jinja2.Template:
    return _environment(name.endswith(".html")).get_template(name)


def _asset(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")
