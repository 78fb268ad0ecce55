"""Any web address that takes JSON: the message as one document, signed.

Belongs here: the signature and what an answer means. Does not: the document (`wording`).

Headers follow Standard Webhooks (standardwebhooks.com): `webhook-id` is the same at every try, so a
receiver can drop what it has seen; `webhook-signature` is `v1,` and the base64 of HMAC-SHA256 over
`<id>.<timestamp>.<body>`. `Idempotency-Key` repeats the id for receivers that look there.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from typing import Any

from revops_pipelines.engine.alerts.channel import (
    ChannelKind,
    Message,
    Place,
    RejectedError,
)
from revops_pipelines.engine.alerts.posting import Post, WebOptions
from revops_pipelines.engine.alerts.wording import document

_PREFIX = "whsec_"


class WebhookOptions(WebOptions):
    """`[channels.webhook]`: address and signing key are secrets and come from the environment."""


class Webhook:
    """A web address, and the key that its receiver checks signatures with."""

    def __init__(self, place: Place) -> None:
        self._post = Post(place.secrets["url"], place.options)
        key = place.secrets.get("signing_key")
        self._key = key_bytes(key) if key else None

    def __repr__(self) -> str:
        return "Webhook(***)"

    def send(self, message: Message) -> None:
        """Post the message; see `Sender`."""
        body = json.dumps(document(message), ensure_ascii=False).encode()
        sent = str(int(message.sent_at.timestamp()))
        headers = {
            "webhook-id": message.message_id,
            "webhook-timestamp": sent,
            "Idempotency-Key": message.message_id,
        }
        if self._key is not None:
            headers["webhook-signature"] = signature(self._key, message.message_id, sent, body)
        answer = self._post(body, headers, message.sent_at)
        if says_no(answer.body):
            raise RejectedError("webhook: HTTP 200 with an error in its body")


def signature(key: bytes, message_id: str, sent: str, body: bytes) -> str:
    """The value of `webhook-signature`; `sent` is Unix seconds as text."""
    signed = b".".join((message_id.encode(), sent.encode(), body))
    digest = hmac.new(key, signed, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"


def says_no(body: bytes) -> bool:
    """Whether the body of a 200 is an error all the same.

    True for `{"ok": false}`, `{"success": false}`, a non-empty `error` or `errors`, `{"status":
    "error"}`, and for a page of HTML; an empty body or any other text is a yes.
    """
    if body.lstrip()[:1] == b"<":
        return True
    try:
        answer: Any = json.loads(body)
    except ValueError:
        return False
    if not isinstance(answer, dict):
        return False
    if answer.get("ok") is False or answer.get("success") is False:
        return True
    return bool(answer.get("error") or answer.get("errors") or answer.get("status") == "error")


def key_bytes(key: str) -> bytes:
    """The key behind `whsec_` and base64, or any other text as it is. Raises ValueError."""
    if not key.startswith(_PREFIX):
        return key.encode()
    try:
        return base64.b64decode(key.removeprefix(_PREFIX), validate=True)
    except binascii.Error:
        raise ValueError("the signing key starts with whsec_ but is not base64") from None


CHANNEL = ChannelKind(
    name="webhook",
    title="Webhook",
    options=WebhookOptions,
    secrets={"url": "ALERT_WEBHOOK_URL", "signing_key": "ALERT_WEBHOOK_SIGNING_KEY"},
    connect=Webhook,
    optional_secrets=frozenset({"signing_key"}),
)
