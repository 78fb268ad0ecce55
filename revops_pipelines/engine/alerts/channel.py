"""What a channel is: a way of reaching people, what it is handed, and how it fails.

Belongs here: the declaration that files in `resources/channels` fill in, the message they send, the
errors they raise. Does not: any particular channel, or when something is sent (`relay`).

Errors, grouped by what to do about them:

    DeliveryError
    +-- UnreachableError  network, 408, 425, 429, 5xx: tried again, the whole channel waits
    +-- RejectedError     any other answer: never tried again; dead letter, then another channel
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict, Field

from revops_pipelines.engine.alerts.declaration import Severity


class DeliveryError(Exception):
    """A message did not arrive. The text never holds a URL, a key or a body."""


class UnreachableError(DeliveryError):
    """Worth another try; `wait` is what the receiver asked for (Retry-After)."""

    def __init__(self, message: str, wait: timedelta | None = None) -> None:
        super().__init__(message)
        self.wait = wait


class RejectedError(DeliveryError):
    """The receiver will never take this message."""


@dataclass(frozen=True, slots=True)
class Told:
    """One event as people are told it; times in UTC.

    `kind` is `fired`, `escalated` or `resolved`. `alert` is `<rule>/<key>`, the same for all events
    of one trouble; `episode` counts how often it has fired.
    """

    event_id: str
    alert: str
    episode: int
    kind: str
    rule: str
    rule_title: str
    key: str
    severity: str
    occurred_at: datetime
    notice: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Message:
    """One thing to send: a single event, or a digest of many.

    `message_id` is the same at every try: receivers may drop what they have seen. `events` holds
    one event, or all those folded into the digest, most severe first. `note` says what is unusual
    about its coming (held by quiet hours, refused elsewhere).
    """

    message_id: str
    channel: str
    is_digest: bool
    events: tuple[Told, ...]
    created_at: datetime
    sent_at: datetime
    note: str = ""


class QuietHours(BaseModel):
    """When a channel keeps silent; what comes then waits for the end, on record."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    starts: str = Field(pattern=r"^\d\d:\d\d$", description="Local time, for example 19:00.")
    ends: str = Field(pattern=r"^\d\d:\d\d$", description="Local time, for example 08:00.")
    time_zone: str = Field("UTC", description="IANA zone of the readers.")
    weekends: bool = Field(False, description="Saturday and Sunday are quiet all day.")
    except_severity: Severity | None = Field(
        "critical", description="This severity and above is sent all the same."
    )


class ChannelOptions(BaseModel):
    """What every `[channels.NAME]` in revops.toml may say; a channel extends it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    enabled: bool = Field(True, description="False: nothing is sent there.")
    rules: tuple[str, ...] = Field((), description="Rules told here; empty: all.")
    min_severity: Severity = Field("info", description="Less severe alerts are not told here.")
    storm_size: int = Field(
        10, ge=1, description="When more alerts than this wait at once, they come as one digest."
    )
    messages_per_hour: int = Field(
        60, ge=1, description="Beyond this many single messages an hour, alerts come in digests."
    )
    digests_per_hour: int = Field(4, ge=1, description="Most digests in an hour.")
    quiet_hours: QuietHours | None = Field(None, description="When the channel keeps silent.")


class Sender(Protocol):
    """A connected channel."""

    def send(self, message: Message) -> None:
        """Send within five seconds; returning means received.

        Raises UnreachableError or RejectedError.
        """


@dataclass(frozen=True, slots=True)
class Place:
    """What `connect` is given: the channel's name and options, the inbox folder, secret values."""

    name: str
    options: Any
    inbox: Path
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class ChannelKind:
    """A way of reaching people that can be configured as `[channels.<name>]`.

    `secrets` maps an argument name to the environment variable that holds it by default; those in
    `optional_secrets` may be missing. `connect` raises ValueError when it cannot work with what it
    is given; it does not speak to anyone.
    """

    name: str
    title: str
    options: type[ChannelOptions]
    secrets: Mapping[str, str]
    connect: Callable[[Place], Sender]
    optional_secrets: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Channel:
    """A configured channel, ready for the relay."""

    name: str
    sender: Sender
    options: ChannelOptions = ChannelOptions()
