"""A machine that breaks things in any order: evaluations, faulty channels, dying relays, time.

Whatever it does, once all is well again: nothing is lost, nothing is invented, nothing overtakes.
"""

from __future__ import annotations

import contextlib
from collections import defaultdict
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from revops_pipelines.engine.alerts.channel import (
    Channel,
    ChannelOptions,
    Message,
    RejectedError,
    UnreachableError,
)
from revops_pipelines.engine.alerts.declaration import Verdict
from revops_pipelines.engine.alerts.lifecycle import Patience, State, step
from revops_pipelines.engine.alerts.mirror import mirror_events
from revops_pipelines.engine.alerts.outbox import Outbox
from revops_pipelines.engine.alerts.relay import deliver

KEYS = ("a", "b", "c")
CHANNELS = ("one", "two")
VERDICTS = st.sampled_from((Verdict.BREACH, Verdict.CLEAR))


class Killed(BaseException):
    """Stands for kill -9: nothing catches it."""


class Wire:
    """What is at the other end of a channel; `mood` says how the next sends go."""

    def __init__(self) -> None:
        self.mood = "ok"
        self.arrived: list[str] = []
        self.refused: set[str] = set()
        self.ids: set[str] = set()

    def send(self, message: Message) -> None:
        names = [told.event_id for told in message.events]
        if self.mood == "down":
            raise UnreachableError("down")
        if self.mood == "refuses":
            self.refused.update(names)
            raise RejectedError("refused")
        if message.message_id not in self.ids:
            # As a receiver that knows the key does: a repeat is not looked at.
            self.ids.add(message.message_id)
            self.arrived += names
        if self.mood == "drops":
            raise UnreachableError("processed, then dropped")


class DeliveryMachine(RuleBasedStateMachine):
    @initialize(storm=st.integers(1, 4), hourly=st.integers(1, 6), both=st.booleans())
    def begin(self, storm: int, hourly: int, both: bool) -> None:
        engine = sa.create_engine(
            "sqlite://", poolclass=sa.pool.StaticPool, connect_args={"check_same_thread": False}
        )
        self.outbox = Outbox(engine)
        self.now = datetime(2026, 1, 5, 9, tzinfo=UTC)
        self.wires = {name: Wire() for name in CHANNELS}
        options = ChannelOptions(storm_size=storm, messages_per_hour=hourly)
        # The second takes everything too, or only what the first refuses.
        other = options if both else options.model_copy(update={"rules": ("other",)})
        self.channels = {
            "one": Channel("one", self.wires["one"], options),
            "two": Channel("two", self.wires["two"], other),
        }
        self.states: dict[str, State] = defaultdict(State)
        self.committed: list[dict[str, object]] = []

    @rule(verdicts=st.tuples(*[VERDICTS] * len(KEYS)), old=st.booleans(), dies=st.booleans())
    def run(self, verdicts: tuple[Verdict, ...], old: bool, dies: bool) -> None:
        """A run: it commits, and mirrors unless it dies in between."""
        for key, verdict in zip(KEYS, verdicts, strict=True):
            self.states[key], told = step(
                self.states[key], verdict, "warning", self.now, Patience()
            )
            if told is None:
                continue
            episode = self.states[key].episode
            self.committed.append(
                {
                    "event_id": f"{key}-{episode:03}-{told}",
                    "rule": "late",
                    "rule_title": "Late",
                    "alert_key": key,
                    "episode": episode,
                    "kind": str(told),
                    "severity": "warning",
                    "is_backlog": old,
                    "notice": {},
                    "occurred_at": self.now,
                }
            )
        if not dies:
            mirror_events(self.committed, self.outbox)

    @rule(name=st.sampled_from(CHANNELS), mood=st.sampled_from(("ok", "down", "drops", "refuses")))
    def change(self, name: str, mood: str) -> None:
        self.wires[name].mood = mood

    @rule(seconds=st.sampled_from((1, 10, 40, 300, 3600)))
    def wait(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    @rule(point=st.sampled_from(("none", "planned", "leased", "sent", "marked")))
    def tick(self, point: str) -> None:
        def crash_point(name: str) -> None:
            if name == point:
                raise Killed

        with contextlib.suppress(Killed):
            deliver(self.outbox, self.channels, lambda: self.now, crash_point=crash_point)

    def teardown(self) -> None:
        if not hasattr(self, "outbox"):
            return
        mirror_events(self.committed, self.outbox)
        for wire in self.wires.values():
            wire.mood = "ok"
        for _ in range(80):
            self.now += timedelta(minutes=5)
            left = deliver(self.outbox, self.channels, lambda: self.now).waiting
            if not left:
                break
        self.outbox.close()
        self._nothing_lost()
        one, two = self.wires.values()
        self._in_order(one, two)
        self._in_order(two, one)

    def _nothing_lost(self) -> None:
        events = {str(row["event_id"]) for row in self.committed}
        arrived = {name for wire in self.wires.values() for name in wire.arrived}
        assert arrived <= events, "invented"
        refused = set.intersection(*(wire.refused for wire in self.wires.values()))
        # A resolve is silent only where its trigger never arrived, or was refused at a later try.
        silent = {
            name
            for name in events - arrived
            if name.endswith("resolved")
            and (trigger := name.replace("resolved", "fired"))
            and (
                trigger not in arrived
                or all({name, trigger} & wire.refused for wire in self.wires.values())
            )
        }
        assert events - arrived <= refused | silent, "lost"

    def _in_order(self, wire: Wire, other: Wire) -> None:
        for key in KEYS:
            first_seen = list(dict.fromkeys(n for n in wire.arrived if n.startswith(f"{key}-")))
            order = [str(row["event_id"]) for row in self.committed]
            assert first_seen == sorted(first_seen, key=order.index), "overtaken"
            for name in first_seen:
                trigger = name.replace("resolved", "fired")
                redirected = name in other.refused and trigger in other.arrived
                assert trigger in first_seen or redirected, "a resolve of what was never told"


TestDelivery = DeliveryMachine.TestCase
TestDelivery.settings = settings(max_examples=80, stateful_step_count=30, deadline=None)
