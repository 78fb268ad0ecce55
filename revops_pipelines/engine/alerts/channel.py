"""What a channel is: a way of reaching people, what it is handed, and how it fails.

Belongs here: the declaration that files in `resources/channels` fill in, the message they send, the
errors they raise. Does not: any particular channel, or when something is sent (`relay`).

Errors, grouped by what to do about them:

    DeliveryError
    +-- UnreachableError  network, 408, 425, 429, 5xx: tried again, the whole channel waits
    +-- RejectedError     any other answer: never tried again; dead letter, then another channel
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict, Field

from revops_pipelines.engine.alerts.declaration import Severity


class DeliveryError(Exception):
    """A message did not arrive. The text never holds a URL, a key or a body.

    `remedy` says in a few words what a person can do about it; empty where nothing is known.
    """

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.remedy = remedy


class UnreachableError(DeliveryError):
    """Worth another try; `wait` is what the receiver asked for (Retry-After).

    `taken` are the targets that have the message already, as in `Receipt.references`: the next try
    leaves them out.
    """

    def __init__(
        self,
        message: str,
        wait: timedelta | None = None,
        remedy: str = "",
        taken: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message, remedy)
        self.wait = wait
        self.taken = dict(taken or {})


class RejectedError(DeliveryError):
    """The receiver will never take this message."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a receiver answered when it took a message.

    `said` is its answer in one line, for people. `references` names, for each target (a mailbox, a
    conversation, an incident), what the receiver calls the message there: later messages of the
    episode find it in `Told.thread`. `refused` are targets that will never take it although others
    did, with the reason.
    """

    said: str = ""
    references: Mapping[str, str] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Action:
    """What a reader can do about an alert by following a link, such as to acknowledge it."""

    label: str
    url: str


@dataclass(frozen=True, slots=True)
class Draft:
    """One thing as it would leave the house: where to, under which headers, and its body.

    Secrets in it are `***`, in the address, the headers and the body alike.
    """

    place: str
    headers: Mapping[str, str]
    body: str


@dataclass(frozen=True, slots=True)
class Told:
    """One event as people are told it; times in UTC.

    `kind` is `fired`, `escalated` (a rise in severity), `repeated` (still open), `passed_on` (to
    the next person, because nobody acknowledged), `acknowledged`, `snoozed` or `resolved`; whom it
    is for stands in the notice (`people.receiver_of`). `alert` is `<rule>/<key>`, the same for all
    events of one trouble; `episode` counts how often it has fired. `thread` is what the channel's
    targets called the episode's first message; empty when that is this one, or went with a digest.
    `actions` are links for its reader.
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
    thread: Mapping[str, str] = field(default_factory=dict)
    actions: tuple[Action, ...] = ()


@dataclass(frozen=True, slots=True)
class Message:
    """One thing to send: a single event, or a digest of many.

    `message_id` is the same at every try: receivers may drop what they have seen. `events` holds
    one event, or all those folded into the digest, most severe first. `note` says what is unusual
    about its coming (held by quiet hours, refused elsewhere). `taken` are targets that have it from
    an earlier try. `ended` are digests sent there earlier of which nothing is open any more.
    """

    message_id: str
    channel: str
    is_digest: bool
    events: tuple[Told, ...]
    created_at: datetime
    sent_at: datetime
    note: str = ""
    taken: frozenset[str] = frozenset()
    ended: tuple[str, ...] = ()
    is_test: bool = False


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


class DailyDigest(BaseModel):
    """One digest a day; what is urgent comes at once, with what was held of the same alert."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    at: str = Field("08:00", pattern=r"^\d\d:\d\d$", description="Local time it goes at.")
    time_zone: str = Field("UTC", description="IANA zone of the readers.")
    weekends: bool = Field(False, description="It goes on Saturday and Sunday too.")
    except_severity: Severity = Field(
        "critical", description="This severity and above is sent at once."
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
    daily_digest: DailyDigest | None = Field(
        None, description="What is not urgent comes once a day, in a digest."
    )
    teams: tuple[str, ...] = Field((), description="Only alerts of these teams; empty: all.")
    digest_by_team: bool = Field(False, description="A digest for each team, not one for all.")
    group_by_owner: bool = Field(
        True, description="What one run finds for one owner comes as one message."
    )
    personal: bool = Field(
        False, description="Each message goes to its receiver alone, whose quiet hours hold."
    )
    tell_actions: bool = Field(
        False, description="Say there when somebody acknowledges or snoozes an alert."
    )


class Sender(Protocol):
    """A connected channel."""

    def send(self, message: Message) -> Receipt | None:
        """Send within five seconds; returning means received.

        Raises UnreachableError or RejectedError.
        """


@runtime_checkable
class Drafting(Protocol):
    """A sender that can show what it would send."""

    def drafts(self, message: Message) -> Sequence[Draft]:
        """Everything that `send` would send, in its order; nothing leaves the house."""


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
