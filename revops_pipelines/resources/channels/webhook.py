"""Any web address that takes JSON: the message as one document, signed.

Belongs here: the signature and what an answer means. Does not: the document (`wording`).

Headers follow Standard Webhooks (standardwebhooks.com): `webhook-id` is the same at every try, so a
receiver can drop what it has seen; `webhook-signature` is `v1,` and the base64 of HMAC-SHA256 over
`<id>.<timestamp>.<body>`. `Idempotency-Key` repeats the id for receivers that look there.
`webhook-key-id` names the key; while a key is exchanged the header holds two signatures, divided by
a blank, and a receiver accepts the message when one of them is right.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Sequence
from typing import Any

from pydantic import Field

from revops_pipelines.engine.alerts.channel import (
    ChannelKind,
    Draft,
    Message,
    Place,
    Receipt,
    RejectedError,
)
from revops_pipelines.engine.alerts.posting import Post, WebOptions
from revops_pipelines.engine.alerts.wording import document

_PREFIX = "whsec_"


class WebhookOptions(WebOptions):
    """`[channels.webhook]`: address and signing key are secrets and come from the environment."""

    key_id: str = Field(
        "",
        pattern=r"^[A-Za-z0-9._-]{0,64}$",
        description="Name of the signing key, sent beside the signature; no secret.",
    )


class Webhook:
    """A web address, and the key that its receiver checks signatures with."""

    def __init__(self, place: Place) -> None:
        self._post = Post(place.secrets["url"], place.options)
        names = ("signing_key", "previous_signing_key")
        self._keys = [key_bytes(place.secrets[name]) for name in names if place.secrets.get(name)]
        self._key_id = place.options.key_id

    def __repr__(self) -> str:
        return "Webhook(***)"

    def send(self, message: Message) -> Receipt:
        """Post the message; see `Sender`."""
        body = json.dumps(document(message), ensure_ascii=False).encode()
        answer = self._post(body, self._headers(message, body), message.sent_at)
        if says_no(answer.body):
            raise RejectedError(
                f"webhook: HTTP {answer.status} with an error in its body",
                "the receiver says why in its own log",
            )
        signed = "signed" if self._keys else "not signed"
        return Receipt(said=f"HTTP {answer.status}, {signed}, id {message.message_id}")

    def drafts(self, message: Message) -> Sequence[Draft]:
        """What would be posted; see `Drafting`."""
        body = json.dumps(document(message), ensure_ascii=False)
        headers = {"Content-Type": "application/json"} | self._headers(message, body.encode())
        if self._keys:
            headers["webhook-signature"] = "v1,***"
        return [Draft(self._post.place, headers, body)]

    def _headers(self, message: Message, body: bytes) -> dict[str, str]:
        sent = str(int(message.sent_at.timestamp()))
        headers = {
            "webhook-id": message.message_id,
            "webhook-timestamp": sent,
            "Idempotency-Key": message.message_id,
        }
        if self._keys:
            signed = [signature(key, message.message_id, sent, body) for key in self._keys]
            headers["webhook-signature"] = " ".join(signed)
            if self._key_id:
                headers["webhook-key-id"] = self._key_id
        return headers


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
    except (ValueError, RecursionError):
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
    secrets={
        "url": "ALERT_WEBHOOK_URL",
        "signing_key": "ALERT_WEBHOOK_SIGNING_KEY",
        "previous_signing_key": "ALERT_WEBHOOK_PREVIOUS_SIGNING_KEY",
    },
    connect=Webhook,
    optional_secrets=frozenset({"signing_key", "previous_signing_key"}),
)
