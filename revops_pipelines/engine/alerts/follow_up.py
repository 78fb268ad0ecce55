r"""Tells again what stays open, and passes it on to the next person, until somebody minds it.

Belongs here: when an open episode is told again, and to whom. Does not: which channel is told
(`planning`), or what people do about it (`actions`).

An episode that fires and that nobody acknowledged or snoozed is told again after the repeat
interval of its severity or rule, counted from when it last reached anybody: never more often. After
the times of `pass_on` it goes to the next receiver of its chain; the more severe the sooner, and
below `critical` in the working hours of whom it lies with. What missed several such times while
nothing ran is told once. A backlog is told once, in its digest, and not again.

    opened --pass_on[0]--> passed on to the lead --pass_on[1]--> passed on to the fallback
      |  \--repeat--> told again --repeat--> ...            acknowledged: silence from here on
      \--snoozed: silence until its end, then told again
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from revops_pipelines.engine.alerts.channel import Action, Told
from revops_pipelines.engine.alerts.due import due_at
from revops_pipelines.engine.alerts.lifecycle import EventKind, Status, Verb
from revops_pipelines.engine.alerts.links import Links
from revops_pipelines.engine.alerts.outbox import EPISODES, EVENTS, MESSAGES
from revops_pipelines.engine.alerts.people import Directory, Receiver
from revops_pipelines.engine.alerts.wording import span

# When what cannot be told again just now (recovering, or still on its way) is looked at again.
LOOK_AGAIN = timedelta(minutes=10)
_CHUNK = 400
_Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Policy:
    """Who is told, and when again.

    `repeat` and `pass_on` are by severity; by rule where `rule_repeat` and `rule_pass_on` say so
    (None: never). `most_repeats` bounds how often one episode is told again. `links` makes the
    buttons of a message.
    """

    directory: Directory = Directory()
    repeat: Mapping[str, timedelta] = field(default_factory=dict)
    pass_on: Mapping[str, Sequence[timedelta]] = field(default_factory=dict)
    rule_repeat: Mapping[str, timedelta | None] = field(default_factory=dict)
    rule_pass_on: Mapping[str, Sequence[timedelta]] = field(default_factory=dict)
    most_repeats: int = 10
    links: Links = field(default_factory=lambda: Links("", bytes))

    def interval(self, rule: str, severity: str) -> timedelta | None:
        """How long after it was told an open alert is told again; None: never."""
        if rule in self.rule_repeat:
            return self.rule_repeat[rule]
        return self.repeat.get(severity)

    def steps(self, rule: str, severity: str) -> Sequence[timedelta]:
        """How long each receiver has before the next one is told."""
        return self.rule_pass_on.get(rule, self.pass_on.get(severity, ()))

    def buttons(self, told: Told, now: datetime) -> tuple[Action, ...]:
        """The links of one event."""
        return self.links(told, now)


@dataclass(frozen=True, slots=True)
class Reached:
    """What became of an episode's messages: when one last arrived, and whether any is waiting."""

    last_at: datetime | None = None
    is_waiting: bool = False


@dataclass(frozen=True, slots=True)
class Next:
    """What to tell now, if anything, to whom, and when to look again."""

    kind: EventKind | None = None
    receiver: Receiver | None = None
    look_at: datetime | None = None


def follow_up(connection: sa.Connection, policy: Policy, now: datetime) -> int:
    """Make events of what is to be told again; returns how many.

    Must run inside the outbox's `turn`; the events are planned like any other.
    """
    rows = [
        dict(row)
        for row in connection.execute(
            sa.select(EPISODES, EVENTS.c.notice)
            .join(EVENTS, EVENTS.c.event_id == EPISODES.c.event_id)
            .where(_is_due(now), EPISODES.c.ended_at.is_(None))
            .order_by(EVENTS.c.position)
        ).mappings()
    ]
    reached = _reached(connection, rows)
    events, changes = [], []
    for row in rows:
        found = decide(row, reached.get((row["alert"], row["episode"]), Reached()), policy, now)
        changes.append(_changed(row, found, now))
        if found.kind is not None:
            events.append(_event(connection, row, found, now))
    if events:
        connection.execute(sa.insert(EVENTS), events)
    if changes:
        connection.execute(
            sa.update(EPISODES).where(
                EPISODES.c.alert == sa.bindparam("of_alert"),
                EPISODES.c.episode == sa.bindparam("of_episode"),
            ),
            changes,
        )
    return len(events)


def _is_due(now: datetime) -> sa.ColumnElement[bool]:
    """To be looked at; or told in the future, because the clock jumped back since."""
    return sa.or_(EPISODES.c.look_at <= now, EPISODES.c.told_at > now)


def decide(episode: _Row, reached: Reached, policy: Policy, now: datetime) -> Next:
    """What an open episode calls for at that instant; pure.

    `episode` is a row of `episodes` with the `notice` of its trigger. Instants in the future mean
    that the clock jumped back: they count from now on.
    """
    held = _held(episode, reached, now)
    if held is not None:
        return held
    if episode["handling"] == Verb.SNOOZE or episode["told_at"] is None:
        # A snooze or a silence has ended, and it is still wrong.
        return Next(EventKind.REPEATED, _holder(episode), now)
    if episode["is_backlog"]:
        return Next()
    pass_at, following = _pass_on(episode, policy, now)
    repeat_at = _repeat(episode, reached, policy, now)
    if pass_at is not None and pass_at <= now:
        return Next(EventKind.PASSED_ON, following, now)
    if repeat_at is not None and repeat_at <= now:
        return Next(EventKind.REPEATED, _holder(episode), now)
    return Next(look_at=min((at for at in (pass_at, repeat_at) if at is not None), default=None))


def _held(episode: _Row, reached: Reached, now: datetime) -> Next | None:
    """When to look again at what is not told just now: somebody minds it, or it is not firing."""
    if episode["handling"] == Verb.ACK:
        return Next()
    if episode["handling"] == Verb.SNOOZE and episode["handled_until"] > now:
        return Next(look_at=episode["handled_until"])
    told_at = episode["told_at"]
    has_arrived = reached.last_at is not None and told_at is not None and reached.last_at >= told_at
    if episode["status"] != Status.FIRING or (reached.is_waiting and not has_arrived):
        return Next(look_at=now + LOOK_AGAIN)
    return None


def _repeat(episode: _Row, reached: Reached, policy: Policy, now: datetime) -> datetime | None:
    interval = policy.interval(episode["rule"], episode["severity"])
    if interval is None or episode["repeats"] >= policy.most_repeats:
        return None
    # What arrived in the future was sent before the clock jumped back.
    arrived = [at for at in (episode["told_at"], reached.last_at) if at is not None and at <= now]
    return max(arrived, default=now) + interval


def _pass_on(
    episode: _Row, policy: Policy, now: datetime
) -> tuple[datetime | None, Receiver | None]:
    """When it goes to the next person, and who that is; (None, None) when nobody is left."""
    steps = policy.steps(episode["rule"], episode["severity"])
    told = [Receiver(**each) for each in episode["receivers"]]
    place = max(len(told) - 1, 0)
    if place >= len(steps):
        return None, None
    notice, known = episode["notice"], {each.key for each in told}
    chain = policy.directory.chain(notice, now)
    following = next((each for each in chain if each.key not in known), None)
    if following is None:
        return None, None
    holder = told[-1] if told else None
    around_the_clock = episode["severity"] == "critical"
    hours = None if around_the_clock else policy.directory.hours_of(holder, notice.get("team"))
    due = due_at(min(episode["passed_at"], now), steps[place], hours)
    name = holder.name if holder else "nobody"
    why = f"{name} has not acknowledged it for {span(now - episode['passed_at'])}"
    return due, Receiver(following.name, following.email, following.role, why)


def _holder(episode: _Row) -> Receiver | None:
    receivers = episode["receivers"]
    return Receiver(**receivers[-1]) if receivers else None


def _changed(row: _Row, found: Next, now: datetime) -> dict[str, Any]:
    changes = {
        "of_alert": row["alert"],
        "of_episode": row["episode"],
        "look_at": found.look_at,
        "told_at": row["told_at"] and min(row["told_at"], now),
        "repeats": row["repeats"],
        "receivers": row["receivers"],
        "passed_at": min(row["passed_at"], now),
        "handling": row["handling"],
    }
    if found.kind is None:
        return changes
    changes |= {"told_at": now, "handling": ""}
    if found.kind is EventKind.PASSED_ON and found.receiver is not None:
        receivers = [*row["receivers"], found.receiver.as_text()]
        return changes | {"receivers": receivers, "passed_at": now}
    if row["handling"] == Verb.SNOOZE or row["told_at"] is None:
        # Whom it lies with hears of it only now.
        changes["passed_at"] = now
    return changes | {"repeats": row["repeats"] + 1}


def _event(connection: sa.Connection, row: _Row, found: Next, now: datetime) -> dict[str, Any]:
    trigger = connection.execute(
        sa.select(EVENTS).where(EVENTS.c.event_id == row["event_id"])
    ).mappings()
    values = {name: value for name, value in trigger.one().items() if name != "position"}
    count = row["repeats"] + len(row["receivers"])
    identity = f"{row['event_id']}|{found.kind}|{row['opened_at'].isoformat()}|{count}"
    notice = dict(row["notice"])
    if found.receiver is not None:
        notice["receiver"] = found.receiver.as_text()
    return values | {
        "event_id": hashlib.sha256(identity.encode()).hexdigest()[:32],
        "kind": str(found.kind),
        "severity": row["severity"],
        "notice": notice,
        "occurred_at": now,
        "is_planned": False,
        "run_id": None,
    }


def _reached(connection: sa.Connection, rows: Sequence[_Row]) -> dict[tuple[str, int], Reached]:
    """What became of the messages of these episodes, those inside digests included."""
    digest = MESSAGES.alias("digest")
    alerts = sorted({row["alert"] for row in rows})
    waits = sa.case(
        (MESSAGES.c.state == "waiting", 1),
        (sa.and_(MESSAGES.c.state == "folded", digest.c.state == "waiting"), 1),
        else_=0,
    )
    found: dict[tuple[str, int], Reached] = {}
    for start in range(0, len(alerts), _CHUNK):
        found |= {
            (alert, episode): Reached(last_at, bool(waiting))
            for alert, episode, last_at, waiting in connection.execute(
                sa.select(
                    MESSAGES.c.alert,
                    MESSAGES.c.episode,
                    sa.func.max(sa.func.coalesce(MESSAGES.c.sent_at, digest.c.sent_at)),
                    sa.func.max(waits),
                )
                .outerjoin(digest, digest.c.message_id == MESSAGES.c.digest_id)
                .where(MESSAGES.c.alert.in_(alerts[start : start + _CHUNK]))
                .group_by(MESSAGES.c.alert, MESSAGES.c.episode)
            )
        }
    return found
