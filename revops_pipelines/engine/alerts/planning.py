"""Decides which channel is told of which event; writes one message row per event and channel.

Belongs here: routing, silences, quiet hours, where a resolve goes. Does not: digests (`folding`),
sending (`relay`).

Every event gets at least one row, so that what was not told is on record with its reason.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from revops_pipelines.engine.alerts.channel import Channel
from revops_pipelines.engine.alerts.declaration import severity_rank
from revops_pipelines.engine.alerts.episodes import Book, adopt, alert_of
from revops_pipelines.engine.alerts.gathering import bring_forward, gathered
from revops_pipelines.engine.alerts.lifecycle import TRIGGERS, EventKind
from revops_pipelines.engine.alerts.outbox import EVENTS, MESSAGES, SILENCES
from revops_pipelines.engine.alerts.people import Directory, Receiver, receiver_of
from revops_pipelines.engine.alerts.quiet import quiet_until

NO_CHANNEL = "(none)"
# What comes to the outbox later than this after it occurred (nothing ran for a while) is old news.
LATE = timedelta(hours=24)
_CHUNK = 400
# Those that only say what became of a trigger: they go where it went.
_FOLLOWING = (EventKind.RESOLVED, EventKind.ACKNOWLEDGED, EventKind.SNOOZED)
# Where the trigger of an episode stands on a channel: (state, comes in a digest).
_Triggers = dict[tuple[str, int], dict[str, tuple[str, bool]]]
_Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Plan:
    """What every event of one planning is judged by."""

    channels: Mapping[str, Channel]
    silences: Sequence[_Row]
    directory: Directory
    book: Book
    triggers: _Triggers
    waiting: set[tuple[str, str]]
    now: datetime


def plan_events(
    connection: sa.Connection,
    channels: Mapping[str, Channel],
    now: datetime,
    directory: Directory | None = None,
) -> int:
    """Make messages of all events that have none yet; returns how many rows are suppressed.

    `directory` says whom each is for. Must run inside the outbox's `turn`.
    """
    adopt(connection, now)
    events = [
        dict(row)
        for row in connection.execute(
            sa.select(EVENTS).where(EVENTS.c.is_planned.is_(False)).order_by(EVENTS.c.position)
        ).mappings()
    ]
    if not events:
        return 0
    plan = _Plan(
        channels,
        [dict(row) for row in connection.execute(sa.select(SILENCES)).mappings()],
        directory or Directory(),
        Book(connection, map(alert_of, events)),
        _known_triggers(connection, events),
        _waiting(connection, events),
        now,
    )
    messages: list[dict[str, Any]] = []
    for event in events:
        planned = _messages_of(event, plan)
        messages.extend(planned)
        if event["kind"] not in _FOLLOWING:
            _remember(plan.triggers, planned)
    plan.book.save(connection)
    bring_forward(connection, messages, plan.now)
    connection.execute(sa.insert(MESSAGES), messages)
    _mark_planned(connection, events)
    return sum(message["state"] == "suppressed" for message in messages)


def _mark_planned(connection: sa.Connection, events: Sequence[_Row]) -> None:
    connection.execute(
        sa.update(EVENTS)
        .where(EVENTS.c.is_planned.is_(False), EVENTS.c.position <= events[-1]["position"])
        .values(is_planned=True)
    )
    addressed = [
        {"of_position": event["position"], "notice": event["notice"]}
        for event in events
        if event.get("is_addressed")
    ]
    if addressed:
        connection.execute(
            sa.update(EVENTS).where(EVENTS.c.position == sa.bindparam("of_position")), addressed
        )


def message_row(event: _Row, channel: str, now: datetime, **values: Any) -> dict[str, Any]:
    """A waiting message of that event on that channel, with `values` changed.

    Its id is made of channel and event: the same at every try and after every restart.
    """
    identity = hashlib.sha256(f"{channel}|{event['event_id']}".encode()).hexdigest()[:32]
    row: dict[str, Any] = {
        "message_id": identity,
        "channel": channel,
        "event_id": event["event_id"],
        "alert": alert_of(event),
        "episode": event["episode"],
        "state": "waiting",
        "is_for_digest": bool(event["is_backlog"]),
        "digest_id": None,
        "reason": "",
        "note": "",
        "created_at": now,
        "not_before": now,
        "attempts": 0,
    }
    return row | values


def takes(channel: Channel, event: _Row) -> bool:
    """Whether the channel is to be told of the event."""
    options = channel.options
    return (
        options.enabled
        and (not options.rules or event["rule"] in options.rules)
        and (not options.teams or event["notice"].get("team") in options.teams)
        and severity_rank(event["severity"]) >= severity_rank(options.min_severity)
    )


def _messages_of(event: dict[str, Any], plan: _Plan) -> list[dict[str, Any]]:
    if event["kind"] in _FOLLOWING:
        return _following(event, plan)
    episode = plan.book.of(event)
    if episode is not None and event["kind"] != EventKind.FIRED and episode["ended_at"]:
        return [_untold(event, plan.now, "it ended before")]
    receiver = _address(event, plan)
    silence = next((each for each in plan.silences if _silences(each, event)), None)
    _note(event, receiver, silence, plan)
    told = [name for name, channel in plan.channels.items() if takes(channel, event)]
    if silence is not None:
        reason = f"silenced by {silence['asked_by']}: {silence['reason']}"[:300]
        return [
            message_row(event, name, plan.now, state="suppressed", reason=reason)
            for name in told or [NO_CHANNEL]
        ]
    if not told:
        return [_untold(event, plan.now, "no channel takes it")]
    if event["kind"] == EventKind.REPEATED:
        told = [name for name in told if (alert_of(event), name) not in plan.waiting]
        if not told:
            return [_untold(event, plan.now, "what told of it before is still on its way")]
    is_late = plan.now - event["occurred_at"] > LATE
    values = {"is_for_digest": True} if is_late else {}
    return [
        message_row(event, name, plan.now, **values | _waits(plan.channels[name], event, plan))
        for name in told
    ]


def _waits(channel: Channel, event: _Row, plan: _Plan) -> dict[str, Any]:
    """Held by quiet hours, or for the daily digest, whichever is longer."""
    found = [_held(channel, event, plan)]
    found.append(gathered(channel.options.daily_digest, event["severity"], plan.now))
    return max(found, key=lambda each: each.get("not_before", plan.now))


def _address(event: dict[str, Any], plan: _Plan) -> Receiver | None:
    """Whom it is for, written into its notice where that says more than the owner's name."""
    if (known := receiver_of(event["notice"])) is not None:
        return known
    receiver = next(iter(plan.directory.chain(event["notice"], plan.now)), None)
    if receiver is not None and (receiver.email or receiver.why):
        event["notice"] = {**event["notice"], "receiver": receiver.as_text()}
        event["is_addressed"] = True
    return receiver


def _note(event: _Row, receiver: Receiver | None, silence: _Row | None, plan: _Plan) -> None:
    """Keep the book of episodes; what was silenced is looked at again when the silence ends."""
    if event["notice"].get("is_momentary"):
        return
    if event["kind"] in TRIGGERS:
        plan.book.begin(event, receiver, plan.now)
    if silence is not None:
        plan.book.change(event, told_at=None, look_at=silence["ends_at"])


def _following(event: _Row, plan: _Plan) -> list[dict[str, Any]]:
    """An ending goes where its trigger went, and nowhere else; an action to who asked for it."""
    if event["kind"] == EventKind.RESOLVED:
        episode = plan.book.of(event)
        if episode and episode["ended_at"] and episode["event_id"] != event["event_id"]:
            return [_untold(event, plan.now, "its end was told before")]
        plan.book.end(event)
    triggers = plan.triggers.get((alert_of(event), event["episode"]), {})
    rows = []
    for name, (state, is_for_digest) in triggers.items():
        channel = plan.channels.get(name)
        if event["kind"] != EventKind.RESOLVED and not (channel and channel.options.tell_actions):
            continue
        if state in ("dead", "suppressed"):
            values: dict[str, Any] = {"state": "suppressed", "reason": f"its trigger was {state}"}
        else:
            waits = _waits if is_for_digest else _held
            held = waits(channel, event, plan) if channel else {}
            values = held | {"is_for_digest": is_for_digest}
        rows.append(message_row(event, name, plan.now, **values))
    reason = "its trigger is not known" if not triggers else "no channel is told of actions"
    return rows or [_untold(event, plan.now, reason)]


def _held(channel: Channel, event: _Row, plan: _Plan) -> dict[str, Any]:
    """Until when the readers of the channel, or the one whom it is for, want no messages."""
    quiet = [channel.options.quiet_hours]
    receiver = receiver_of(event["notice"])
    if channel.options.personal and receiver is not None:
        person = plan.directory.person(receiver.email)
        quiet.append(person.quiet if person else None)
    ends = [quiet_until(each, event["severity"], plan.now) for each in quiet]
    until = max((end for end in ends if end is not None), default=None)
    if until is None:
        return {}
    return {"not_before": until, "reason": "quiet hours", "note": "held by quiet hours"}


def _untold(event: _Row, now: datetime, reason: str) -> dict[str, Any]:
    return message_row(event, NO_CHANNEL, now, state="suppressed", reason=reason)


def _silences(silence: _Row, event: _Row) -> bool:
    key, wanted = event["alert_key"], silence["key_prefix"]
    return (
        silence["rule"] in ("", event["rule"])
        and (key == wanted if silence["is_exact"] else key.startswith(wanted))
        and silence["starts_at"] <= event["occurred_at"] < silence["ends_at"]
    )


def _known_triggers(connection: sa.Connection, events: Sequence[_Row]) -> _Triggers:
    """Where the triggers of the events' episodes stand, from earlier plans."""
    alerts = sorted({alert_of(event) for event in events if event["kind"] in _FOLLOWING})
    found: _Triggers = {}
    for start in range(0, len(alerts), _CHUNK):
        rows = connection.execute(
            sa.select(MESSAGES)
            .join(EVENTS, EVENTS.c.event_id == MESSAGES.c.event_id)
            .where(
                MESSAGES.c.alert.in_(alerts[start : start + _CHUNK]),
                EVENTS.c.kind.not_in([str(kind) for kind in _FOLLOWING]),
            )
            .order_by(MESSAGES.c.position)
        ).mappings()
        _remember(found, [dict(row) for row in rows])
    return found


def _waiting(connection: sa.Connection, events: Sequence[_Row]) -> set[tuple[str, str]]:
    """(alert, channel) of what is told again, where an earlier message has not gone out yet."""
    alerts = sorted({alert_of(event) for event in events if event["kind"] == EventKind.REPEATED})
    found: set[tuple[str, str]] = set()
    for start in range(0, len(alerts), _CHUNK):
        found |= {
            (alert, channel)
            for alert, channel in connection.execute(
                sa.select(MESSAGES.c.alert, MESSAGES.c.channel).where(
                    MESSAGES.c.alert.in_(alerts[start : start + _CHUNK]),
                    MESSAGES.c.state == "waiting",
                )
            )
        }
    return found


def _remember(triggers: _Triggers, messages: Sequence[_Row]) -> None:
    """Note the messages of triggers; one that arrives outweighs one that does not."""
    for message in messages:
        places = triggers.setdefault((message["alert"], message["episode"]), {})
        before = places.get(message["channel"])
        if before is None or before[0] in ("dead", "suppressed"):
            folded = message["is_for_digest"] or message["state"] == "folded"
            places[message["channel"]] = (message["state"], folded)
