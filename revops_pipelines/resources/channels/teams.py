"""Microsoft Teams through a Workflows webhook: one adaptive card per alert or digest.

Belongs here: the card, its limits, and what an answer means. Does not: when to send.

A workflow with the trigger "When a Teams webhook request is received" takes a message whose
attachments are adaptive cards, and answers 202 before it has posted anything: what fails after
that shows in the workflow's run history only. A message may have 28 KB; more than four requests a
second are throttled with 429. (learn.microsoft.com, "Create and send messages" and "Limits and
specifications for Microsoft Teams") The address holds its key (`sig`) and goes with the workflow.

Everything that comes from others is in text runs, which know no Markdown (adaptivecards.io,
"TextRun"): no escaping to get wrong on one of Teams' clients. Only `{{`, which begins a date
function there, is broken up.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from revops_pipelines.engine.alerts.channel import (
    Action,
    ChannelKind,
    Draft,
    Message,
    Place,
    Receipt,
    Told,
    UnreachableError,
)
from revops_pipelines.engine.alerts.posting import Post, WebOptions
from revops_pipelines.engine.alerts.wording import (
    clip,
    facts,
    message_severity,
    message_state,
    message_title,
    record_url,
    title,
    visible,
    what_to_do,
)

# 28 KB less what the connector adds around the card.
MOST_BYTES = 26_000
_SCHEMA = "http://adaptivecards.io/schemas/adaptive-card.json"
_CARD = "application/vnd.microsoft.card.adaptive"
# Teams shows 1.5 everywhere; nothing here needs more than 1.4, which older phones show as well.
_VERSION = "1.4"
_STYLES = {"critical": "attention", "warning": "warning", "info": "accent"}
_WORDS = {"critical": "Critical", "warning": "Warning", "info": "For information"}
# Characters of a value, events of a digest: the first that fits is sent.
_SIZES = ((300, 20), (120, 10), (40, 3))
_FACTS = 15
_HEADING = 200
_ACTIONS = 6
_LONGEST_URL = 2000


class TeamsOptions(WebOptions):
    """`[channels.teams]`: the workflow's address is a secret and comes from the environment."""


class Teams:
    """A Teams channel or chat behind its workflow."""

    def __init__(self, place: Place) -> None:
        self._post = Post(place.secrets["url"], place.options)

    def __repr__(self) -> str:
        return "Teams(***)"

    def send(self, message: Message) -> Receipt:
        """Post the card; see `Sender`."""
        answer = self._post(_bytes(payload(message)), {}, message.sent_at)
        # A workflow says 202 and nothing. The connectors of old said 200 and `1`, also while a
        # failure stood in the body instead.
        if answer.is_html or (answer.status != 202 and answer.body.strip() not in (b"", b"1")):
            raise UnreachableError(f"Teams: HTTP {answer.status} without Teams' answer")
        return Receipt(said=f"HTTP {answer.status}, accepted by the workflow")

    def drafts(self, message: Message) -> Sequence[Draft]:
        """What would be posted; see `Drafting`."""
        body = json.dumps(payload(message), ensure_ascii=False, indent=2)
        return [Draft(self._post.place, {"Content-Type": "application/json"}, body)]


def payload(message: Message) -> dict[str, Any]:
    """The message with its card, small enough for Teams."""
    for value, events in _SIZES:
        body = _around(_card(message, value, events))
        if len(_bytes(body)) <= MOST_BYTES:
            return body
    return body


def inert(text: str) -> str:
    """Text in which no date function begins: `{{` gets a space that has no width."""
    return text.replace("{{", "{\u200b{")


def _around(card: dict[str, Any]) -> dict[str, Any]:
    attachment = {"contentType": _CARD, "contentUrl": None, "content": card}
    return {"type": "message", "attachments": [attachment]}


def _card(message: Message, value: int, events: int) -> dict[str, Any]:
    over = message_state(message) == "resolved"
    severity = message_severity(message)
    style, word = ("good", "Resolved") if over else (_STYLES[severity], _WORDS[severity])
    heading = clip(message_title(message), _HEADING)
    body: list[dict[str, Any]] = [
        {
            "type": "Container",
            "style": style,
            "bleed": True,
            "items": [
                _text([_run(word, isSubtle=True)]),
                _text([_run(heading, size="large", weight="bolder")]),
            ],
        }
    ]
    if message.is_digest:
        body += _digest(message, value, events)
        actions: list[Action] = []
    else:
        told = message.events[0]
        body += _single(told, value)
        url = record_url(told)
        actions = [Action("Open the record", url)] if url else []
        actions += told.actions
    foot = [visible(part) for part in (message.note, f"revops · {message.message_id[:12]}") if part]
    body.append(_text([_run(clip(" · ".join(foot), value), size="small", isSubtle=True)]))
    card = {
        "type": "AdaptiveCard",
        "$schema": _SCHEMA,
        "version": _VERSION,
        "fallbackText": _escaped(heading),
        "body": body,
    }
    return card | ({"actions": buttons} if (buttons := _buttons(actions)) else {})


def _single(told: Told, value: int) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = [
        {
            "type": "ColumnSet",
            "spacing": "small",
            "columns": [
                _column(clip(label, 60), "90px", weight="bolder"),
                _column(clip(text, value), "stretch"),
            ],
        }
        for label, text in facts(told)[:_FACTS]
    ]
    step = what_to_do(told)
    if step:
        run = [_run("What to do: ", weight="bolder"), _run(clip(step, 2 * value))]
        rows.append({**_text(run), "separator": True})
    return rows


def _digest(message: Message, value: int, most: int) -> list[dict[str, Any]]:
    lines = []
    for told in message.events[:most]:
        owner = visible(told.notice.get("owner")) or "nobody"
        head = _run(clip(title(told), value))
        if url := record_url(told):
            head["selectAction"] = {"type": "Action.OpenUrl", "url": url}
        lines.append(_text([head, _run(clip(f" — {owner}", 120), isSubtle=True)]))
    more = len(message.events) - most
    if more > 0:
        lines.append(_text([_run(f"… and {more} more: revops alerts list")]))
    return lines


def _column(text: str, width: str, **look: Any) -> dict[str, Any]:
    return {"type": "Column", "width": width, "items": [_text([_run(text, **look)])]}


def _text(runs: list[dict[str, Any]]) -> dict[str, Any]:
    return {"type": "RichTextBlock", "inlines": runs}


def _run(text: str, **look: Any) -> dict[str, Any]:
    return {"type": "TextRun", "text": inert(text), **look}


def _buttons(actions: Sequence[Action]) -> list[dict[str, Any]]:
    return [
        {"type": "Action.OpenUrl", "title": clip(inert(action.label), 60), "url": action.url}
        for action in actions[:_ACTIONS]
        if action.url.startswith(("https://", "http://")) and len(action.url) <= _LONGEST_URL
    ]


def _escaped(text: str) -> str:
    """Text whose Markdown is inert, for the one field that is no text run."""
    return "".join(f"\\{sign}" if sign in "\\`*_[]()<>#+-!|~" else sign for sign in inert(text))


def _bytes(body: dict[str, Any]) -> bytes:
    return json.dumps(body, ensure_ascii=False).encode()


CHANNEL = ChannelKind(
    name="teams",
    title="Microsoft Teams",
    options=TeamsOptions,
    secrets={"url": "TEAMS_WORKFLOW_URL"},
    connect=Teams,
)
