"""What people do about alerts: acknowledge, snooze, resolve, silence; on record with who and why.

Belongs here: doing it, once. Does not: asking them (commands, the inbox page, channels), or what
follows for the next evaluation (`lifecycle.act`).

People act while a run holds the warehouse, so actions live in the outbox and hold from the next
look of the relay on; the next run copies them into the warehouse (`record`) and applies them to the
alerts' states.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from revops_pipelines.engine.alerts.lifecycle import EventKind, Verb
from revops_pipelines.engine.alerts.outbox import (
    ACTIONS,
    EPISODES,
    EVENTS,
    MESSAGES,
    SILENCES,
    Outbox,
)

SILENCE, UNSILENCE = "silence", "unsilence"
LONGEST_SNOOZE = timedelta(days=90)
_TEXT = 300
_NAME = 200
_SAID = {Verb.ACK: "acknowledged", Verb.SNOOZE: "snoozed", Verb.RESOLVE: "resolved"}


class ActionError(Exception):
    """It cannot be done; the text is one line for whoever asked."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody wants done about one alert.

    `episode` 0 means the one that is open. `until` is the end of a snooze. `action_id` names this
    very wish (a link, a button's press): with the same one it is done once. Without one, it is the
    wish of that person for that state of the alert.
    """

    verb: Verb
    rule: str
    key: str
    by: str
    via: str
    episode: int = 0
    reason: str = ""
    until: datetime | None = None
    action_id: str = ""


@dataclass(frozen=True, slots=True)
class Done:
    """What came of it: the action's id, one line for people, and whether anything changed."""

    action_id: str
    said: str
    is_new: bool


def perform(outbox: Outbox, asked: Asked, now: datetime) -> Done:
    """Do it, unless it is done already. Raises ActionError when there is nothing to do it to."""
    _check(asked, now)
    with outbox.turn() as connection:
        row = _open_episode(connection, asked)
        action_id = asked.action_id or _action_id(asked, row)
        before = connection.execute(
            sa.select(ACTIONS).where(ACTIONS.c.action_id == action_id)
        ).mappings()
        if (known := before.first()) is not None:
            return Done(action_id, f"done before, by {known['asked_by']}", False)
        _refuse_ended(row, asked)
        if asked.verb is Verb.ACK and row["handling"] == Verb.ACK:
            return Done(action_id, f"acknowledged before, by {row['handled_by']}", False)
        _insert(
            connection,
            action_id=action_id,
            verb=str(asked.verb),
            rule=asked.rule,
            alert_key=asked.key,
            episode=row["episode"],
            asked_by=asked.by,
            via=asked.via,
            reason=asked.reason,
            asked_at=now,
            until_at=asked.until,
        )
        _apply(connection, asked, row, action_id, now)
        _tell(connection, asked, row, action_id, now)
    until = f" until {asked.until:%Y-%m-%d %H:%M} UTC" if asked.until else ""
    return Done(action_id, f"{_SAID[asked.verb]}{until}", True)


def silence(
    outbox: Outbox,
    *,
    starts_at: datetime,
    ends_at: datetime,
    reason: str,
    asked_by: str,
    rule: str = "",
    key_prefix: str = "",
    is_exact: bool = False,
    via: str = "command",
    action_id: str = "",
) -> str:
    """Suppress, on record, alerts that begin in that time; returns the silence's id.

    `key_prefix` is what alert keys begin with, or a whole key (`is_exact`). Without it and `rule`
    it is every alert. The resolve of a silenced alert is silent as well; what is still wrong when
    the silence ends is told then. Raises ActionError for a time without a span, or no reason.
    """
    if ends_at <= starts_at:
        raise ActionError("a silence ends after it starts")
    if not reason.strip():
        raise ActionError("a silence needs a reason")
    parts = (
        rule,
        key_prefix,
        str(is_exact),
        starts_at.isoformat(),
        ends_at.isoformat(),
        asked_by,
        reason,
    )
    identity = action_id or _digest(SILENCE, *parts)
    with outbox.turn() as connection:
        if _is_known(connection, identity):
            return identity
        connection.execute(
            sa.insert(SILENCES),
            {
                "silence_id": identity,
                "rule": rule,
                "key_prefix": key_prefix,
                "starts_at": starts_at,
                "ends_at": ends_at,
                "reason": reason[:_TEXT],
                "asked_by": asked_by[:_NAME],
                "is_exact": is_exact,
            },
        )
        _insert(
            connection,
            action_id=identity,
            verb=SILENCE,
            rule=rule,
            alert_key=key_prefix,
            asked_by=asked_by,
            via=via,
            reason=reason,
            asked_at=starts_at,
            until_at=ends_at,
        )
    return identity


def lift(
    outbox: Outbox,
    silence_id: str,
    now: datetime,
    *,
    asked_by: str = "",
    via: str = "command",
    reason: str = "",
) -> bool:
    """End a silence now; what is still wrong is told at the relay's next look.

    False when it had ended before. Raises ActionError for one that is not known.
    """
    with outbox.turn() as connection:
        query = sa.select(SILENCES).where(SILENCES.c.silence_id == silence_id)
        row = connection.execute(query).mappings().first()
        if row is None:
            raise ActionError(f"no silence {silence_id}")
        if row["ends_at"] <= now:
            return False
        ends_at = max(now, row["starts_at"])
        connection.execute(
            sa.update(SILENCES).where(SILENCES.c.silence_id == silence_id).values(ends_at=ends_at)
        )
        connection.execute(
            sa.update(EPISODES)
            .where(EPISODES.c.ended_at.is_(None), EPISODES.c.told_at.is_(None))
            .values(look_at=now)
        )
        _insert(
            connection,
            action_id=_digest(UNSILENCE, silence_id),
            verb=UNSILENCE,
            rule=row["rule"],
            alert_key=row["key_prefix"],
            asked_by=asked_by,
            via=via,
            reason=reason,
            asked_at=now,
        )
    return True


def ending_id(action_id: str) -> str:
    """The id of the event by which an episode was resolved by hand, here and in the warehouse."""
    return _digest("resolved", action_id)


def _check(asked: Asked, now: datetime) -> None:
    if asked.verb is not Verb.SNOOZE:
        return
    if asked.until is None or asked.until <= now:
        raise ActionError("a snooze ends in the future")
    if asked.until > now + LONGEST_SNOOZE:
        raise ActionError(f"a snooze lasts {LONGEST_SNOOZE.days} days at most; silence it instead")


def _open_episode(connection: sa.Connection, asked: Asked) -> dict[str, Any]:
    """The episode that is meant, open or not."""
    alert = f"{asked.rule}/{asked.key}"
    query = sa.select(EPISODES).where(EPISODES.c.alert == alert)
    if asked.episode:
        query = query.where(EPISODES.c.episode == asked.episode)
    # Episodes count from one again in a warehouse that was built anew: the youngest is meant.
    query = query.order_by(EPISODES.c.ended_at.is_not(None), EPISODES.c.opened_at.desc())
    row = connection.execute(query.limit(1)).mappings().first()
    if row is None:
        raise ActionError(f"no alert {alert} has been told")
    return dict(row)


def _refuse_ended(row: Mapping[str, Any], asked: Asked) -> None:
    if row["ended_at"] is not None:
        raise ActionError(f"{row['alert']} is not open: it ended {row['ended_at']:%Y-%m-%d %H:%M}")
    if asked.episode and row["episode"] != asked.episode:
        raise ActionError(f"{row['alert']}: that episode is over")


def _apply(
    connection: sa.Connection,
    asked: Asked,
    row: Mapping[str, Any],
    action_id: str,
    now: datetime,
) -> None:
    values = (
        {"ended_at": now, "look_at": None, "event_id": ending_id(action_id)}
        if asked.verb is Verb.RESOLVE
        else {
            "handling": str(asked.verb),
            "handled_by": asked.by[:_NAME],
            "handled_at": now,
            "handled_until": asked.until,
            "look_at": asked.until,
        }
    )
    connection.execute(
        sa.update(EPISODES)
        .where(EPISODES.c.alert == row["alert"], EPISODES.c.episode == row["episode"])
        .values(**values)
    )
    _withdraw(connection, row)


def _withdraw(connection: sa.Connection, row: Mapping[str, Any]) -> None:
    """Repeats of it that nobody has tried to send yet are not sent: somebody minds it."""
    kinds = [str(EventKind.REPEATED), str(EventKind.PASSED_ON)]
    of_kind = sa.exists().where(EVENTS.c.event_id == MESSAGES.c.event_id, EVENTS.c.kind.in_(kinds))
    connection.execute(
        sa.update(MESSAGES)
        .where(
            MESSAGES.c.alert == row["alert"],
            MESSAGES.c.episode == row["episode"],
            MESSAGES.c.state == "waiting",
            MESSAGES.c.attempts == 0,
            of_kind,
        )
        .values(state="suppressed", reason="somebody minds it meanwhile")
    )


def _tell(
    connection: sa.Connection,
    asked: Asked,
    row: Mapping[str, Any],
    action_id: str,
    now: datetime,
) -> None:
    """The event by which channels learn of it; a resolve bears the id it has in the warehouse."""
    trigger = (
        connection.execute(sa.select(EVENTS).where(EVENTS.c.event_id == row["event_id"]))
        .mappings()
        .first()
    )
    if trigger is None:
        return
    kinds = {Verb.ACK: EventKind.ACKNOWLEDGED, Verb.SNOOZE: EventKind.SNOOZED}
    kind = kinds.get(asked.verb, EventKind.RESOLVED)
    said = f"{_SAID[asked.verb]} by {asked.by}" + (f": {asked.reason}" if asked.reason else "")
    until = f" until {asked.until:%Y-%m-%d %H:%M} UTC" if asked.until else ""
    notice = dict(trigger["notice"])
    notice["ended" if kind is EventKind.RESOLVED else "handled"] = said + until
    if row["receivers"]:
        notice["receiver"] = row["receivers"][-1]
    values = {name: value for name, value in trigger.items() if name != "position"}
    is_end = kind is EventKind.RESOLVED
    connection.execute(
        sa.insert(EVENTS),
        values
        | {
            "event_id": ending_id(action_id) if is_end else _digest(str(kind), action_id),
            "kind": str(kind),
            "notice": notice,
            "occurred_at": now,
            "is_planned": False,
            "run_id": None,
        },
    )


def _insert(connection: sa.Connection, **values: Any) -> None:
    row = {"episode": 0, "until_at": None, **values}
    for name, most in (("asked_by", _NAME), ("via", 100), ("reason", _TEXT)):
        row[name] = row[name][:most]
    connection.execute(sa.insert(ACTIONS), row)


def _is_known(connection: sa.Connection, action_id: str) -> bool:
    query = sa.select(ACTIONS.c.action_id).where(ACTIONS.c.action_id == action_id)
    return connection.execute(query).first() is not None


def _action_id(asked: Asked, row: Mapping[str, Any]) -> str:
    until = asked.until.isoformat() if asked.until else ""
    handled = row["handled_at"].isoformat() if row["handled_at"] else ""
    opened = row["opened_at"].isoformat()
    return _digest(
        str(asked.verb), row["alert"], str(row["episode"]), opened, handled, asked.by, until
    )


def _digest(*parts: str) -> str:
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:32]
