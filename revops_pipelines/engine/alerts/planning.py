"""Decides which channel is told of which event; writes one message row per event and channel.

Belongs here: routing, silences, quiet hours, where a resolve goes. Does not: digests (`folding`),
sending (`relay`).

Every event gets at least one row, so that what was not told is on record with its reason.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from revops_pipelines.engine.alerts.channel import Channel
from revops_pipelines.engine.alerts.declaration import severity_rank
from revops_pipelines.engine.alerts.lifecycle import EventKind
from revops_pipelines.engine.alerts.outbox import EVENTS, MESSAGES, SILENCES
from revops_pipelines.engine.alerts.quiet import quiet_until

NO_CHANNEL = "(none)"
_CHUNK = 400
# Where the trigger of an episode stands on a channel: (state, comes in a digest).
_Triggers = dict[tuple[str, int], dict[str, tuple[str, bool]]]
_Row = Mapping[str, Any]


def plan_events(connection: sa.Connection, channels: Mapping[str, Channel], now: datetime) -> int:
    """Make messages of all events that have none yet; returns how many rows are suppressed.

    Must run inside the outbox's `turn`.
    """
    events = [
        dict(row)
        for row in connection.execute(
            sa.select(EVENTS).where(EVENTS.c.is_planned.is_(False)).order_by(EVENTS.c.position)
        ).mappings()
    ]
    if not events:
        return 0
    silences = [dict(row) for row in connection.execute(sa.select(SILENCES)).mappings()]
    triggers = _known_triggers(connection, events)
    messages: list[dict[str, Any]] = []
    for event in events:
        planned = _messages_of(event, channels, silences, triggers, now)
        messages.extend(planned)
        if event["kind"] != EventKind.RESOLVED:
            _remember(triggers, planned)
    connection.execute(sa.insert(MESSAGES), messages)
    connection.execute(
        sa.update(EVENTS)
        .where(EVENTS.c.is_planned.is_(False), EVENTS.c.position <= events[-1]["position"])
        .values(is_planned=True)
    )
    return sum(message["state"] == "suppressed" for message in messages)


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


def alert_of(event: _Row) -> str:
    """What names one trouble across its events."""
    return f"{event['rule']}/{event['alert_key']}"


def takes(channel: Channel, event: _Row) -> bool:
    """Whether the channel is to be told of the event."""
    options = channel.options
    return (
        options.enabled
        and (not options.rules or event["rule"] in options.rules)
        and severity_rank(event["severity"]) >= severity_rank(options.min_severity)
    )


def _messages_of(
    event: _Row,
    channels: Mapping[str, Channel],
    silences: Sequence[_Row],
    triggers: _Triggers,
    now: datetime,
) -> list[dict[str, Any]]:
    if event["kind"] == EventKind.RESOLVED:
        return _resolves(
            event, channels, triggers.get((alert_of(event), event["episode"]), {}), now
        )
    silence = next((silence for silence in silences if _silences(silence, event)), None)
    told = [name for name, channel in channels.items() if takes(channel, event)]
    if silence is not None:
        reason = f"silenced by {silence['asked_by']}: {silence['reason']}"[:300]
        return [
            message_row(event, name, now, state="suppressed", reason=reason)
            for name in told or [NO_CHANNEL]
        ]
    if not told:
        return [_untold(event, now, "no channel takes it")]
    return [message_row(event, name, now, **_held(channels[name], event, now)) for name in told]


def _resolves(
    event: _Row,
    channels: Mapping[str, Channel],
    triggers: Mapping[str, tuple[str, bool]],
    now: datetime,
) -> list[dict[str, Any]]:
    """A resolve goes where its trigger went, and nowhere else."""
    rows = []
    for name, (state, is_for_digest) in triggers.items():
        if state in ("dead", "suppressed"):
            values: dict[str, Any] = {"state": "suppressed", "reason": f"its trigger was {state}"}
        else:
            held = _held(channels[name], event, now) if name in channels else {}
            values = held | {"is_for_digest": is_for_digest}
        rows.append(message_row(event, name, now, **values))
    return rows or [_untold(event, now, "its trigger is not known")]


def _held(channel: Channel, event: _Row, now: datetime) -> dict[str, Any]:
    until = quiet_until(channel.options.quiet_hours, event["severity"], now)
    return (
        {}
        if until is None
        else {"not_before": until, "reason": "quiet hours", "note": "held by quiet hours"}
    )


def _untold(event: _Row, now: datetime, reason: str) -> dict[str, Any]:
    return message_row(event, NO_CHANNEL, now, state="suppressed", reason=reason)


def _silences(silence: _Row, event: _Row) -> bool:
    return (
        silence["rule"] in ("", event["rule"])
        and event["alert_key"].startswith(silence["key_prefix"])
        and silence["starts_at"] <= event["occurred_at"] < silence["ends_at"]
    )


def _known_triggers(connection: sa.Connection, events: Sequence[_Row]) -> _Triggers:
    """Where the triggers of the events' episodes stand, from earlier plans."""
    alerts = sorted({alert_of(event) for event in events if event["kind"] == EventKind.RESOLVED})
    found: _Triggers = {}
    for start in range(0, len(alerts), _CHUNK):
        rows = connection.execute(
            sa.select(MESSAGES)
            .join(EVENTS, EVENTS.c.event_id == MESSAGES.c.event_id)
            .where(
                MESSAGES.c.alert.in_(alerts[start : start + _CHUNK]),
                EVENTS.c.kind != str(EventKind.RESOLVED),
            )
            .order_by(MESSAGES.c.position)
        ).mappings()
        _remember(found, [dict(row) for row in rows])
    return found


def _remember(triggers: _Triggers, messages: Sequence[_Row]) -> None:
    """Note the messages of triggers; one that arrives outweighs one that does not."""
    for message in messages:
        places = triggers.setdefault((message["alert"], message["episode"]), {})
        before = places.get(message["channel"])
        if before is None or before[0] in ("dead", "suppressed"):
            folded = message["is_for_digest"] or message["state"] == "folded"
            places[message["channel"]] = (message["state"], folded)
