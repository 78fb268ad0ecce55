"""Each channel beside a receiver that speaks its language, under one face for all of them."""

from __future__ import annotations

import email
import email.policy
import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from receiver import SECRET, Receiver, Seen, mail_receiver, web_receiver

from revops_pipelines.engine.alerts.channel import Channel, ChannelKind, Place
from revops_pipelines.engine.registry import discover
from revops_pipelines.resources import channels

KINDS = discover(channels, ChannelKind)


@dataclass(frozen=True)
class Rig:
    """A channel and its receiver. `headline` finds in a request what it told; `key` what stays the
    same when the request is repeated; `no` is how the receiver says no inside a yes."""

    name: str
    receiver: Callable[..., AbstractContextManager[Receiver]]
    good: Callable[[Seen], tuple[int, bytes]] | None
    options: Callable[[Receiver], dict[str, Any]]
    secrets: Callable[[Receiver], dict[str, str]]
    headline: Callable[[Seen], str | None]
    key: Callable[[Seen], Any]
    # Words of the receiver that mean: wait, never, go elsewhere.
    busy: str = "429"
    never: tuple[str, ...] = ("400", "404")
    elsewhere: tuple[str, ...] = ("302", "307")

    def receiving(self, port: int = 0, **how: Any) -> AbstractContextManager[Receiver]:
        good = {} if self.good is None else {"good": self.good}
        return self.receiver(port, **good, **how)

    def channel(self, receiver: Receiver, **options: Any) -> Channel:
        kind = KINDS[self.name]
        chosen = kind.options(
            **{"deadline_seconds": 5, "min_severity": "info", **self.options(receiver), **options}
        )
        place = Place(self.name, chosen, Path("unused"), self.secrets(receiver))
        return Channel(self.name, kind.connect(place), chosen)

    def told(self, receiver: Receiver) -> list[str]:
        """What the receiver was told, in the order of arrival."""
        found = (self.headline(seen) for seen in receiver.processed)
        return [text for text in found if text]


def parsed(seen: Seen) -> Any:
    """A mail as its reader's program sees it."""
    return email.message_from_bytes(seen.body, policy=email.policy.default)


def _slack_headline(seen: Seen) -> str | None:
    text = str(seen.json["text"]).partition(" ")[2]
    return None if seen.path.endswith("chat.update") else text


def _pagerduty_headline(seen: Seen) -> str:
    key = seen.json["dedup_key"].split("/")[2]
    return {"trigger": "", "resolve": "Resolved: "}[seen.json["event_action"]] + f"{key} is late"


def _slack_says(seen: Seen) -> tuple[int, bytes]:
    return 200, json.dumps({"ok": True, "channel": "C0123", "ts": "1503435956.000247"}).encode()


def _pagerduty_says(seen: Seen) -> tuple[int, bytes]:
    said = {"status": "success", "message": "Event processed", "dedup_key": seen.json["dedup_key"]}
    return 202, json.dumps(said).encode()


def _url(receiver: Receiver) -> dict[str, str]:
    return {"url": receiver.url}


def _nothing(_receiver: Receiver) -> dict[str, Any]:
    return {}


RIGS = {
    rig.name: rig
    for rig in (
        Rig("slack", web_receiver, None, _nothing, _url, _slack_headline, lambda seen: seen.body),
        Rig(
            "slack_bot",
            web_receiver,
            _slack_says,
            lambda receiver: {"conversation": "C0123", "api_url": receiver.url},
            lambda _receiver: {"bot_token": SECRET},
            _slack_headline,
            lambda seen: seen.body,
            never=("400", "no"),
        ),
        Rig(
            "teams",
            web_receiver,
            lambda _seen: (202, b""),
            _nothing,
            _url,
            lambda seen: seen.json["attachments"][0]["content"]["fallbackText"],
            lambda seen: seen.body,
        ),
        Rig(
            "pagerduty",
            web_receiver,
            _pagerduty_says,
            lambda receiver: {"events_url": receiver.url},
            lambda _receiver: {"routing_key": SECRET},
            _pagerduty_headline,
            lambda seen: seen.json["dedup_key"],
        ),
        Rig(
            "webhook",
            web_receiver,
            lambda _seen: (204, b""),
            _nothing,
            lambda receiver: {"url": receiver.url, "signing_key": "key-of-the-tests"},
            lambda seen: seen.json["title"],
            lambda seen: (seen.headers["webhook-id"], seen.headers["idempotency-key"]),
            never=("400", "no"),
        ),
        Rig(
            "apprise",
            web_receiver,
            lambda _seen: (200, b""),
            _nothing,
            lambda receiver: {"urls": receiver.url.replace("http://", "json://")},
            lambda seen: seen.json["title"],
            lambda seen: seen.body,
            # Apprise tells nobody how long its services ask to be left alone.
            busy="503",
        ),
        Rig(
            "email",
            mail_receiver,
            None,
            lambda receiver: {
                "host": "127.0.0.1",
                "port": receiver.port,
                "security": "none",
                "sender": "revops@example.com",
                "to": ("ops@example.com",),
                "subject_prefix": "",
            },
            lambda _receiver: {"password": SECRET},
            lambda seen: parsed(seen).get_body(("plain",)).get_content().splitlines()[0],
            lambda seen: parsed(seen)["Message-ID"],
            busy="450",
            never=("550", "no"),
            elsewhere=("551",),
        ),
    )
}
