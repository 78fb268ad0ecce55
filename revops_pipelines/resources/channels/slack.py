"""Slack incoming webhooks: one message of blocks per alert or digest.

Belongs here: Slack's layout, escaping and answers. Does not: when to send.

Slack answers a webhook with HTTP 200 and the two letters `ok`; anything else in a 200 comes from
something in between (a proxy, a captive portal) and is no delivery. Its refusals (`invalid_payload`
400, `action_prohibited` 403, `no_service` 404, `channel_is_archived` 410) come with their status. A
webhook knows no idempotency key: what was sent and not acknowledged appears twice.
(docs.slack.dev, "Sending messages using incoming webhooks")
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

from revops_pipelines.engine.alerts.channel import (
    ChannelKind,
    Message,
    Place,
    Told,
    UnreachableError,
)
from revops_pipelines.engine.alerts.posting import Post, WebOptions
from revops_pipelines.engine.alerts.wording import (
    clip,
    facts,
    message_severity,
    message_title,
    title,
    what_to_do,
)

# Slack's limits: 150 characters in a header, 3,000 in a section, 2,000 and ten in its fields.
_HEADER = 150
_SECTION = 2900
_VALUE = 300
_URL = 400
_FIELDS = 10
_LISTED = 10
_MARKS = {"info": "ℹ️", "warning": "⚠️", "critical": "🔴"}


class SlackOptions(WebOptions):
    """`[channels.slack]`: the webhook's address is a secret and comes from the environment."""


class Slack:
    """A Slack channel behind its incoming webhook."""

    def __init__(self, place: Place) -> None:
        self._post = Post(place.secrets["url"], place.options)

    def __repr__(self) -> str:
        return "Slack(***)"

    def send(self, message: Message) -> None:
        """Post the message; see `Sender`."""
        body = json.dumps(payload(message), ensure_ascii=False).encode()
        answer = self._post(body, {}, message.sent_at)
        if answer.body.strip() != b"ok":
            # Not Slack's word: whatever stands in between may let it through the next time.
            raise UnreachableError("Slack: HTTP 200 without Slack's ok")


def payload(message: Message) -> dict[str, Any]:
    """The message as Slack blocks, with a plain text for notifications."""
    mark = _MARKS[message_severity(message)]
    if not message.is_digest and message.events[0].kind == "resolved":
        mark = "✅"
    heading = clip(f"{mark} {message_title(message)}", _HEADER)
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": {"type": "plain_text", "text": heading, "emoji": True}}
    ]
    blocks += _digest(message) if message.is_digest else _single(message.events[0])
    told = [part for part in (message.note, f"revops · {message.message_id[:12]}") if part]
    blocks.append({"type": "context", "elements": [_mrkdwn(escape(" · ".join(told)))]})
    return {"text": escape(heading), "blocks": blocks, "unfurl_links": False}


def escape(text: str) -> str:
    """Text that Slack shows as it is: no mention, no link, no broadcast comes out of it.

    `escape("<!channel> R&D")` is `&lt;!channel&gt; R&amp;D`.
    """
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def link(url: str | None, text: str) -> str:
    """A Slack link, or the bare text when there is no web address."""
    if not url or len(url) > _URL or not url.startswith(("https://", "http://")):
        return escape(text)
    return f"<{quote(url, safe=':/?#[]@!$&()*+,;=%~-._')}|{escape(text).replace('|', '/')}>"


def _single(told: Told) -> list[dict[str, Any]]:
    fields = [
        _mrkdwn(f"*{escape(clip(label, 60))}*\n{_value(told, label, clip(value, _VALUE))}")
        for label, value in facts(told)[:_FIELDS]
    ]
    blocks: list[dict[str, Any]] = [{"type": "section", "fields": fields}]
    if step := what_to_do(told):
        text = f"*What to do*\n{escape(clip(step, _VALUE))}"
        blocks.append({"type": "section", "text": _mrkdwn(text)})
    return blocks


def _value(told: Told, label: str, value: str) -> str:
    return link(told.notice.get("url"), value) if label == "Record" else escape(value)


def _digest(message: Message) -> list[dict[str, Any]]:
    lines = [
        f"• {link(told.notice.get('url'), clip(title(told), 120))} — {escape(_line(told))}"
        for told in message.events[:_LISTED]
    ]
    more = len(message.events) - _LISTED
    if more > 0:
        lines.append(f"… and {more} more: `revops alerts list`")
    return [{"type": "section", "text": _mrkdwn(line)} for line in _filled(lines)]


def _line(told: Told) -> str:
    return clip(f"{told.notice.get('subject')}, {told.notice.get('owner') or 'nobody'}", 120)


def _filled(lines: list[str]) -> list[str]:
    """Lines joined into as few texts as fit a section each; no line is cut."""
    texts = [""]
    for line in lines:
        if len(texts[-1]) + len(line) + 1 > _SECTION:
            texts.append("")
        texts[-1] = f"{texts[-1]}\n{line}".lstrip("\n")
    return texts


def _mrkdwn(text: str) -> dict[str, Any]:
    # verbatim: Slack turns no bare name or address into a mention or link.
    return {"type": "mrkdwn", "text": text, "verbatim": True}


CHANNEL = ChannelKind(
    name="slack",
    title="Slack",
    options=SlackOptions,
    secrets={"url": "SLACK_WEBHOOK_URL"},
    connect=Slack,
)
