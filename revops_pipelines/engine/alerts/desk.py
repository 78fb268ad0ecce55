"""What people see of the outbox when they look after alerts: what is open, what was done, silences.

Belongs here: reading, finding the alert that somebody means, and what a button's name stands for.
Does not: doing it (`actions`), or showing it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from revops_pipelines.engine.alerts.actions import ActionError, Asked
from revops_pipelines.engine.alerts.due import next_working_day
from revops_pipelines.engine.alerts.lifecycle import Standing, Verb
from revops_pipelines.engine.alerts.outbox import (
    ACTIONS,
    EPISODES,
    EVENTS,
    MESSAGES,
    SILENCES,
    Outbox,
)
from revops_pipelines.engine.alerts.people import Directory, Receiver

_SNOOZES = {"snooze-1h": timedelta(hours=1), "snooze-1d": timedelta(days=1)}


def open_episodes(outbox: Outbox) -> list[dict[str, Any]]:
    """Every open episode with the notice of its trigger, the longest open first."""
    return _episodes(outbox, EPISODES.c.ended_at.is_(None))


def episodes_of(outbox: Outbox, alerts: Sequence[str]) -> dict[tuple[str, int], dict[str, Any]]:
    """The episodes of these alerts, ended ones too, by alert and episode."""
    found: dict[tuple[str, int], dict[str, Any]] = {}
    with outbox.transaction() as connection:
        for start in range(0, len(alerts), 400):
            query = sa.select(EPISODES).where(EPISODES.c.alert.in_(alerts[start : start + 400]))
            for row in connection.execute(query).mappings():
                found[row["alert"], row["episode"]] = dict(row)
    return found


def standing_of(episode: Mapping[str, Any], now: datetime) -> Standing:
    """How an episode of the outbox stands, in one word."""
    if episode["ended_at"] is not None:
        return Standing.RESOLVED
    standing = Standing(episode["status"])
    if standing is not Standing.FIRING:
        return standing
    if episode["handling"] == Verb.ACK:
        return Standing.ACKNOWLEDGED
    is_snoozed = episode["handling"] == Verb.SNOOZE and episode["handled_until"] > now
    return Standing.SNOOZED if is_snoozed else standing


def find_open(outbox: Outbox, said: str) -> dict[str, Any]:
    """The one open episode that somebody means: by alert, by key, or by what either begins with.

    Raises ActionError when there is none, or more than one.
    """
    found = _meant(open_episodes(outbox), said)
    if found is None:
        raise ActionError(f"no open alert {said!r}; `revops alerts list` shows what is open")
    return found


def find_latest(outbox: Outbox, said: str) -> dict[str, Any]:
    """The same, of those that are over too, with their latest episode.

    What is named in full goes before what only begins so, and what is open before what is over.
    Raises ActionError when there is none, or more than one.
    """
    opened = open_episodes(outbox)
    ended = _episodes(outbox, EPISODES.c.ended_at.is_not(None))
    every = list({row["alert"]: row for row in (*ended, *opened)}.values())
    for among in (_named(opened, said), _named(every, said), opened, every):
        found = _meant(among, said)
        if found is not None:
            return found
    raise ActionError(f"no alert {said!r}; `revops alerts list --all` shows what there was")


def is_meant(said: str, alert: str, key: str) -> bool:
    """Whether somebody who says so may mean this alert: it or its key begins like that."""
    return alert.startswith(said) or key.startswith(said)


def _meant(episodes: Sequence[dict[str, Any]], said: str) -> dict[str, Any] | None:
    begin_so = [row for row in episodes if is_meant(said, row["alert"], row["alert_key"])]
    found = _named(episodes, said) or begin_so
    if len(found) > 1:
        shown = ", ".join(row["alert"] for row in found[:3])
        more = f" and {len(found) - 3} more" if len(found) > 3 else ""
        raise ActionError(f"{said!r} can mean {shown}{more}")
    return found[0] if found else None


def _named(episodes: Sequence[dict[str, Any]], said: str) -> list[dict[str, Any]]:
    return [row for row in episodes if said in (row["alert"], row["alert_key"])]


def _episodes(outbox: Outbox, which: sa.ColumnElement[bool]) -> list[dict[str, Any]]:
    query = (
        sa.select(EPISODES, EVENTS.c.notice, EVENTS.c.rule_title)
        .join(EVENTS, EVENTS.c.event_id == EPISODES.c.event_id)
        .where(which)
        .order_by(EPISODES.c.opened_at, EPISODES.c.alert)
    )
    with outbox.transaction() as connection:
        return [dict(row) for row in connection.execute(query).mappings()]


def event_of(outbox: Outbox, event_id: str) -> dict[str, Any] | None:
    """The event of that id."""
    query = sa.select(EVENTS).where(EVENTS.c.event_id == event_id)
    with outbox.transaction() as connection:
        row = connection.execute(query).mappings().first()
        return None if row is None else dict(row)


def messages_of(outbox: Outbox, rule: str, key: str) -> list[dict[str, Any]]:
    """What was told of an alert: kind, channel, receiver, state, reason, when; oldest first."""
    digest = MESSAGES.alias("digest")
    query = (
        sa.select(
            EVENTS.c.episode,
            EVENTS.c.kind,
            EVENTS.c.severity,
            EVENTS.c.occurred_at,
            EVENTS.c.notice["receiver"]["name"].as_string().label("receiver"),
            MESSAGES.c.channel,
            sa.func.coalesce(digest.c.state, MESSAGES.c.state).label("state"),
            MESSAGES.c.reason,
            sa.func.coalesce(MESSAGES.c.sent_at, digest.c.sent_at).label("sent_at"),
        )
        .join(MESSAGES, MESSAGES.c.event_id == EVENTS.c.event_id)
        .outerjoin(digest, digest.c.message_id == MESSAGES.c.digest_id)
        .where(EVENTS.c.rule == rule, EVENTS.c.alert_key == key)
        .order_by(EVENTS.c.position, MESSAGES.c.position)
    )
    with outbox.transaction() as connection:
        return [dict(row) for row in connection.execute(query).mappings()]


def actions_log(outbox: Outbox, most: int, rule: str = "", key: str = "") -> list[dict[str, Any]]:
    """What people did, the newest first; of one alert where rule and key are given."""
    query = sa.select(ACTIONS).order_by(ACTIONS.c.position.desc()).limit(most)
    if rule:
        query = query.where(ACTIONS.c.rule == rule)
    if key:
        query = query.where(ACTIONS.c.alert_key == key)
    with outbox.transaction() as connection:
        return [
            {name: value for name, value in row.items() if name != "position"}
            for row in connection.execute(query).mappings()
        ]


def silences_in_force(outbox: Outbox, now: datetime) -> list[dict[str, Any]]:
    """Silences that have not ended, the first to end first."""
    query = sa.select(SILENCES).where(SILENCES.c.ends_at > now).order_by(SILENCES.c.ends_at)
    with outbox.transaction() as connection:
        return [dict(row) for row in connection.execute(query).mappings()]


def latest_event(outbox: Outbox) -> datetime | None:
    """When the newest event occurred."""
    with outbox.transaction() as connection:
        found: datetime | None = connection.execute(
            sa.select(sa.func.max(EVENTS.c.occurred_at))
        ).scalar()
    return found


def asked_by_deed(
    deed: str, episode: Mapping[str, Any], directory: Directory, now: datetime, **who: str
) -> Asked:
    """What a button's name (`links.DEEDS`) asks for; `who` gives by, via, reason, action_id.

    A snooze to the next working day ends at 09:00 where whom it is for works. Raises ActionError.
    """
    verb, _, span = deed.partition("-")
    if verb not in tuple(Verb):
        raise ActionError(f"nothing is called {deed!r}")
    until = None
    if verb == Verb.SNOOZE:
        receivers = episode.get("receivers") or []
        holder = Receiver(**receivers[-1]) if receivers else None
        team = (episode.get("notice") or {}).get("team")
        hours = directory.hours_of(holder, team)
        until = next_working_day(now, hours) if span == "next" else now + _snooze(deed)
    return Asked(
        verb=Verb(verb),
        rule=episode["rule"],
        key=episode["alert_key"],
        episode=episode["episode"],
        until=until,
        **who,
    )


def _snooze(deed: str) -> timedelta:
    if deed not in _SNOOZES:
        raise ActionError(f"nothing is called {deed!r}")
    return _SNOOZES[deed]
