"""Slack incoming webhooks: one message of blocks per alert or digest.

Belongs here: the webhook and its answers. Does not: the layout (`blocks`), or threads, which need a
bot (`slack_bot`).

Slack answers a webhook with HTTP 200 and the two letters `ok`; anything else in a 200 comes from
something in between (a proxy, a captive portal) and is no delivery. Its refusals (`invalid_payload`
400, `action_prohibited` 403, `no_service` 404, `channel_is_archived` 410) come with their status. A
webhook knows no idempotency key: what was sent and not acknowledged appears twice.
(docs.slack.dev, "Sending messages using incoming webhooks")
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from revops_pipelines.engine.alerts.channel import (
    ChannelKind,
    Draft,
    Message,
    Place,
    Receipt,
    UnreachableError,
)
from revops_pipelines.engine.alerts.posting import Post, WebOptions
from revops_pipelines.resources.channels.slack.blocks import escape, link, payload

__all__ = ["CHANNEL", "Slack", "SlackOptions", "escape", "link", "payload"]


class SlackOptions(WebOptions):
    """`[channels.slack]`: the webhook's address is a secret and comes from the environment."""


class Slack:
    """A Slack channel behind its incoming webhook."""

    def __init__(self, place: Place) -> None:
        self._post = Post(place.secrets["url"], place.options)

    def __repr__(self) -> str:
        return "Slack(***)"

    def send(self, message: Message) -> Receipt:
        """Post the message; see `Sender`."""
        body = json.dumps(payload(message), ensure_ascii=False).encode()
        answer = self._post(body, {}, message.sent_at)
        if answer.body.strip() != b"ok":
            # Not Slack's word: whatever stands in between may let it through the next time.
            raise UnreachableError("Slack: HTTP 200 without Slack's ok")
        return Receipt(said="HTTP 200, ok")

    def drafts(self, message: Message) -> Sequence[Draft]:
        """What would be posted; see `Drafting`."""
        body = json.dumps(payload(message), ensure_ascii=False, indent=2)
        return [Draft(self._post.place, {"Content-Type": "application/json"}, body)]


CHANNEL = ChannelKind(
    name="slack",
    title="Slack",
    options=SlackOptions,
    secrets={"url": "SLACK_WEBHOOK_URL"},
    connect=Slack,
)
