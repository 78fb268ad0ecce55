"""A storm of breaches at once, and an alert that flaps: how many messages people get.

Belongs here: the two runs, on a clock that is set. Does not: faults of receivers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import duckdb
import sqlalchemy as sa

from chaos.relays import START
from revops_pipelines.engine.alerts.channel import Channel, ChannelOptions, Message
from revops_pipelines.engine.alerts.declaration import Finding, Notice, Rule, RuleOptions, Verdict
from revops_pipelines.engine.alerts.evaluate import evaluate_rule
from revops_pipelines.engine.alerts.mirror import mirror_events
from revops_pipelines.engine.alerts.outbox import Outbox
from revops_pipelines.engine.alerts.relay import deliver

MOST_AN_HOUR, MOST_OF_FLAPS = 5, 2
_TICK = timedelta(minutes=1)


@dataclass
class Wire:
    """What people got: when, how many events, which."""

    clock: list[datetime]
    messages: list[tuple[datetime, tuple[str, ...]]] = field(default_factory=list)

    def send(self, message: Message) -> None:
        """Take it."""
        told = tuple(each.event_id for each in message.events)
        self.messages.append((self.clock[0], told))

    def most_an_hour(self) -> int:
        """The most messages in any hour."""
        times = [at for at, _ in self.messages]
        return max(
            (sum(at <= other < at + timedelta(hours=1) for other in times) for at in times),
            default=0,
        )


@dataclass(frozen=True)
class Storm:
    """A storm's figures: leads, messages in all and in the worst hour, leads in no message."""

    leads: int
    messages: int
    most_an_hour: int
    missing: int

    @property
    def is_sound(self) -> bool:
        """Few messages, nobody forgotten."""
        return self.most_an_hour <= MOST_AN_HOUR and self.missing == 0


def storm(leads: int = 10_000) -> Storm:
    """So many leads breach at once, more follow in the same hour, and all are answered."""
    house = _House()
    for minute in range(0, 240, 5):
        late = range(leads + min(minute, 60)) if minute < 120 else range(0)
        house.run([f"lead-{place}" for place in late])
        house.tick(5)
    told = {event for _, events in house.wire.messages for event in events}
    committed = {
        event
        for (event,) in house.warehouse.execute("SELECT event_id FROM ops.alert_events").fetchall()
    }
    found = Storm(leads, len(house.wire.messages), house.wire.most_an_hour(), len(committed - told))
    house.close()
    return found


def flaps(times: int = 100) -> int:
    """How many messages one alert makes that comes and goes at every evaluation."""
    house = _House()
    for flap in range(times + 10):
        house.run(["lead"] if flap % 2 == 0 and flap < times else [])
        house.tick(5)
    count = len(house.wire.messages)
    house.close()
    return count


class _House:
    """A warehouse, an outbox, one channel with its usual options, and a clock."""

    def __init__(self) -> None:
        self.warehouse = duckdb.connect()
        engine = sa.create_engine(
            "sqlite://", poolclass=sa.pool.StaticPool, connect_args={"check_same_thread": False}
        )
        self._outbox = Outbox(engine)
        self._clock = [START]
        self.wire = Wire(self._clock)
        self._channels = {"team": Channel("team", self.wire, ChannelOptions())}

    def run(self, late: Sequence[str]) -> None:
        """One run that finds these leads late, and no others."""

        def detect(rows: Any, options: Any, now: datetime) -> list[Finding]:
            notice = Notice("late", "a lead", START, "waiting", "an hour", owner="Ana")
            return [Finding(key, Verdict.BREACH, notice) for key in late]

        rule = Rule("late", "Late", "o", "warning", "m", "d", RuleOptions, (), "SELECT 1", detect)
        now = self._clock[0]
        evaluate_rule(self.warehouse, rule, RuleOptions(), now, now.isoformat())
        mirror_events(self.warehouse, self._outbox)

    def tick(self, minutes: int) -> None:
        """So many minutes of the relay."""
        for _ in range(minutes):
            deliver(self._outbox, self._channels, lambda: self._clock[0])
            self._clock[0] += _TICK

    def close(self) -> None:
        """Give both databases back."""
        self._outbox.close()
        self.warehouse.close()
