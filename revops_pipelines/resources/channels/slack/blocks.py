"""A message as Slack blocks: a header, then an attachment whose colour says how bad it is.

Belongs here: Slack's layout, limits and escaping. Does not: how it is sent.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from revops_pipelines.engine.alerts.channel import Action, Message, Told
from revops_pipelines.engine.alerts.wording import (
    clip,
    colour_of,
    facts,
    message_severity,
    message_state,
    message_title,
    title,
    visible,
    what_to_do,
)

# Slack's limits (docs.slack.dev, "Blocks" reference): 150 characters in a header, 3,000 in a
# section's text, ten fields of 2,000, 25 elements in actions, 75 on a button, 3,000 in its URL.
_HEADER = 150
_SECTION = 2900
_VALUE = 300
_URL = 400
_BUTTON_URL = 3000
_BUTTON = 75
_BUTTONS = 25
_FIELDS = 10
_LISTED = 10
_MARKS = {"info": "ℹ️", "warning": "⚠️", "critical": "🔴"}


def payload(message: Message) -> dict[str, Any]:
    """The message as Slack blocks, with a plain text for notifications."""
    mark = "✅" if message_state(message) == "resolved" else _MARKS[message_severity(message)]
    heading = clip(f"{mark} {message_title(message)}", _HEADER)
    told = [visible(part) for part in (message.note, f"revops · {message.message_id[:12]}") if part]
    body = [
        *(_digest(message) if message.is_digest else _single(message.events[0])),
        {"type": "context", "elements": [_mrkdwn(escape(clip(" · ".join(told), _VALUE)))]},
    ]
    return {
        "text": escape(heading),
        "blocks": [
            {"type": "header", "text": {"type": "plain_text", "text": heading, "emoji": True}}
        ],
        "attachments": [
            {"color": f"#{colour_of(message)}", "fallback": escape(heading), "blocks": body}
        ],
        "unfurl_links": False,
        "unfurl_media": False,
    }


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
    return blocks + _buttons(told.actions)


def _buttons(actions: tuple[Action, ...]) -> list[dict[str, Any]]:
    """Buttons that open a page; the page asks, so that a mere press changes nothing."""
    elements = [
        {
            "type": "button",
            "action_id": f"link_{place}",
            "text": {"type": "plain_text", "text": clip(action.label, _BUTTON), "emoji": False},
            "url": action.url,
        }
        for place, action in enumerate(actions[:_BUTTONS])
        if action.url.startswith(("https://", "http://")) and len(action.url) <= _BUTTON_URL
    ]
    return [{"type": "actions", "elements": elements}] if elements else []


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
    subject, owner = visible(told.notice.get("subject")), visible(told.notice.get("owner"))
    return clip(f"{subject}, {owner or 'nobody'}", 120)


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
