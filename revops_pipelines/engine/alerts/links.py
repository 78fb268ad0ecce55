"""Signed links: one address per alert, episode and action, that whoever holds it may follow.

Belongs here: making and checking them, and their key. Does not: the pages behind them (the inbox
page), or what an action does (`actions`).

A link opens a page that asks; only the form on it acts. Mail scanners and previews follow every
link in a message, and must change nothing by it. The signature covers alert, episode, action,
receiver and expiry, so that no part can be exchanged. A link that was used is harmless: its action
is known by the link, and is done once.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlencode

from revops_pipelines.engine.alerts.channel import Action, Told
from revops_pipelines.engine.alerts.people import receiver_of

KEY_BYTES = 32
VALID_FOR = timedelta(days=7)
# What a link can do, and how it reads on a button. Silencing needs a reason, and so has no link.
DEEDS: Mapping[str, str] = {
    "ack": "Acknowledge",
    "snooze-1h": "Snooze 1 hour",
    "snooze-1d": "Snooze 1 day",
    "snooze-next": "Snooze to next working day",
    "resolve": "Resolve",
}
_VERSION = "revops-alert-link-1"


class LinkError(Exception):
    """A link that must not be followed; the text says why, for its reader."""


def action_links(
    told: Told, base_url: str, key: bytes, now: datetime, *, valid_for: timedelta = VALID_FOR
) -> tuple[Action, ...]:
    """The buttons of one told event: acknowledge, snooze (three spans), resolve, in this order.

    None for an ending, for what happened and does not last, and without a `base_url` (the address
    under which people reach the inbox page). URLs hold `&`: a channel must escape them like any
    text. They are as good as a signature, so they belong into the message only, never into a log.
    """
    if not base_url or told.kind == "resolved" or told.notice.get("is_momentary"):
        return ()
    expires = int((now + valid_for).timestamp())
    receiver = receiver_of(told.notice)
    by = receiver.email if receiver else ""
    links = []
    for deed, label in DEEDS.items():
        sign = signature(key, told.alert, told.episode, deed, expires, by)
        query = {"event": told.event_id, "until": str(expires), "by": by, "sign": sign}
        links.append(Action(label, f"{base_url.rstrip('/')}/act/{deed}?{_text(query)}"))
    return tuple(links)


def check_link(
    key: bytes,
    alert: str,
    episode: int,
    deed: str,
    query: Mapping[str, str],
    now: datetime,
) -> str:
    """The link's identity, the same whenever it is followed. Raises LinkError.

    `query` is that of the address; `alert` and `episode` are those of the event that it names.
    """
    expires, by = query.get("until", ""), query.get("by", "")
    if deed not in DEEDS or not (expires.isascii() and expires.isdigit() and len(expires) < 12):
        raise LinkError("This link is not complete.")
    expected = signature(key, alert, episode, deed, int(expires), by)
    if not hmac.compare_digest(expected.encode(), query.get("sign", "").encode()):
        raise LinkError("This link was not made here, or was changed on its way.")
    if datetime.fromtimestamp(int(expires), UTC) <= now:
        raise LinkError("This link has expired. The alert can be found in the inbox.")
    return hashlib.sha256(expected.encode()).hexdigest()[:32]


def signature(key: bytes, alert: str, episode: int, deed: str, expires: int, by: str) -> str:
    """HMAC-SHA256 over the parts, each with its length, as URL-safe base64."""
    parts = (_VERSION, alert, str(episode), deed, str(expires), by)
    signed = b"".join(f"{len(part.encode())}:".encode() + part.encode() for part in parts)
    digest = hmac.new(key, signed, hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def link_key(path: Path) -> bytes:
    """The key in that file, which is made at the first call, readable by its owner only.

    Two processes that make it at once agree: the first to put it in place wins. Raises LinkError
    when the file holds something else, or others can read it.
    """
    if not path.exists():
        _make_key(path)
    if path.stat().st_mode & 0o077:
        raise LinkError(f"{path.name} can be read by others: chmod 600, or remove it")
    key = path.read_bytes()
    if len(key) != KEY_BYTES:
        raise LinkError(f"{path.name} is damaged: remove it, and links are made with a new key")
    return key


@dataclass(frozen=True, slots=True)
class Links:
    """What a channel asks for an event's buttons; the key is read when the first is asked for."""

    base_url: str
    key: Callable[[], bytes] = field(repr=False)

    def __call__(self, told: Told, now: datetime) -> tuple[Action, ...]:
        """See `action_links`; no links where there is no base URL."""
        return action_links(told, self.base_url, self.key(), now) if self.base_url else ()


def _make_key(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    beside = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(secrets.token_bytes(KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
        # Unlike a rename, a link never replaces what another process has put there meanwhile.
        os.link(beside, path)
    except FileExistsError:
        pass
    finally:
        beside.unlink(missing_ok=True)


def _text(query: Mapping[str, str]) -> str:
    return urlencode({name: value for name, value in query.items() if value})
