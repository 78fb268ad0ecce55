"""Rows L1 to L4, L10 and L12 for every channel that leaves the house, and what is worse than them.

The relay sends through the real outbox to a receiver on a socket, which misbehaves.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from receiver import SECRET, Receiver
from rigs import KINDS, RIGS, Rig
from samples import message

from revops_pipelines.engine.alerts.channel import Channel, DeliveryError, Place
from revops_pipelines.engine.alerts.mirror import mirror_events
from revops_pipelines.engine.alerts.outbox import METADATA, TURN, Outbox, open_outbox
from revops_pipelines.engine.alerts.relay import Delivered, deliver
from revops_pipelines.engine.alerts.upkeep import channel_states, dead_letters
from revops_pipelines.resources.channels.inbox import Inbox, InboxOptions

START = datetime(2026, 6, 30, 12, tzinfo=UTC)


class Night:
    """An outbox, a clock that is set, and the inbox that takes what nobody else takes."""

    def __init__(self, outbox: Outbox, folder: Path) -> None:
        self.outbox = outbox
        self.folder = folder / "inbox"
        self.at = START

    def happens(self, key: str, kind: str = "fired") -> None:
        row = {
            "event_id": f"{key}-{kind}",
            "rule": "late",
            "rule_title": "Late",
            "alert_key": key,
            "episode": 1,
            "kind": kind,
            "severity": "warning",
            "is_backlog": False,
            "notice": {"headline": f"{key} is late", "subject": key, "owner": key},
            "occurred_at": self.at,
        }
        mirror_events([row], self.outbox)

    def tick(self, channel: Channel, *, with_inbox: bool = False) -> Delivered:
        channels = {channel.name: channel}
        if with_inbox:
            # It takes nothing by itself: what is there came because the other refused it.
            options = InboxOptions(rules=("something-else",))
            box = Inbox(Place("inbox", options, self.folder))
            channels["inbox"] = Channel("inbox", box, options)
        return deliver(self.outbox, channels, lambda: self.at)

    def passes(self, channel: Channel, seconds: float, every: float) -> int:
        sent = 0
        for _ in range(int(seconds // every)):
            self.at += timedelta(seconds=every)
            sent += self.tick(channel).sent
        return sent

    @property
    def in_inbox(self) -> list[Path]:
        return sorted(self.folder.glob("*.json"))

    def shows(self) -> str:
        """Everything that the outbox shows to people."""
        return repr((channel_states(self.outbox), dead_letters(self.outbox)))


@pytest.fixture(scope="module")
def outbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outbox]:
    """One for all: making its tables and composing its SQL takes longer than a test."""
    opened = open_outbox(tmp_path_factory.mktemp("outbox") / "outbox.sqlite")
    yield opened
    opened.close()


@pytest.fixture
def night(outbox: Outbox, tmp_path: Path) -> Iterator[Night]:
    yield (begun := Night(outbox, tmp_path))
    assert SECRET not in begun.shows()
    with outbox.transaction() as connection:
        for table in reversed(METADATA.sorted_tables):
            if table is not TURN:
                connection.execute(table.delete())


@pytest.fixture(params=sorted(RIGS))
def rig(request: pytest.FixtureRequest) -> Rig:
    return RIGS[request.param]


def free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])


def test_every_channel_that_leaves_the_house_is_tried_here() -> None:
    assert set(RIGS) == set(KINDS) - {"inbox"}


def test_l1_down_for_an_hour_then_everything_in_order(rig: Rig, night: Night) -> None:
    port = free_port()
    nobody = Receiver(url=f"http://127.0.0.1:{port}/hook/{SECRET}", port=port)
    channel = rig.channel(nobody)
    night.happens("a")
    night.happens("b")
    assert night.passes(channel, 1800, 600) == 0
    night.happens("a", "resolved")
    assert night.passes(channel, 1800, 600) == 0
    with rig.receiving(port) as back:
        night.passes(channel, 600, 200)
        told = rig.told(back)
    assert sorted(told) == ["Resolved: a is late", "a is late", "b is late"]
    assert told.index("a is late") < told.index("Resolved: a is late")


@pytest.mark.parametrize("word", ["drip", "hang"])
def test_l2_slow_receiver_meets_the_deadline(rig: Rig, night: Night, word: str) -> None:
    night.happens("a")
    night.happens("b")
    with rig.receiving(otherwise=word) as slow:
        began = time.monotonic()
        delivered = night.tick(rig.channel(slow, deadline_seconds=0.1))
        assert time.monotonic() - began < 8
    assert (delivered.sent, delivered.failed, delivered.waiting) == (0, 1, 2)


def test_l3_a_busy_receiver_is_left_alone(rig: Rig, night: Night) -> None:
    night.happens("a")
    with rig.receiving(script=[rig.busy], headers={"Retry-After": "120"}) as busy:
        channel = rig.channel(busy)
        assert night.tick(channel).failed == 1
        waits = 110 if rig.busy == "429" else 4
        night.at += timedelta(seconds=waits)
        assert night.tick(channel).sent == 0
        night.at += timedelta(seconds=10)
        assert night.tick(channel).sent == 1
        assert rig.told(busy) == ["a is late"]


def test_l4_processed_then_dropped_is_repeated_under_the_same_key(rig: Rig, night: Night) -> None:
    night.happens("a")
    with rig.receiving(script=["drop"]) as forgetful:
        channel = rig.channel(forgetful)
        assert night.tick(channel).failed == 1
        assert night.passes(channel, 20, 10) == 1
        assert rig.told(forgetful) == ["a is late"] * 2
        first, second = forgetful.processed
        assert rig.key(first) == rig.key(second)


@pytest.mark.parametrize("place", [0, 1])
def test_l10_a_refusal_for_good_goes_to_another_channel(rig: Rig, night: Night, place: int) -> None:
    night.happens("a")
    with rig.receiving(otherwise=rig.never[place]) as refusing:
        channel = rig.channel(refusing)
        for _ in range(3):
            night.tick(channel, with_inbox=True)
            night.at += timedelta(minutes=5)
        asked = max(len(refusing.seen), refusing.commands.count("RCPT"))
        assert asked == 1, "no retry"
        assert not rig.told(refusing)
    assert len(night.in_inbox) == 1
    [dead] = dead_letters(night.outbox)
    assert dead["channel"] == rig.name


@pytest.mark.parametrize("place", [0, -1])
def test_l12_nothing_is_sent_where_the_receiver_points(rig: Rig, night: Night, place: int) -> None:
    night.happens("a")
    with rig.receiving() as elsewhere, rig.receiving(otherwise=rig.elsewhere[place]) as pointing:
        pointing.headers = {"Location": elsewhere.url}
        delivered = night.tick(rig.channel(pointing))
        assert (delivered.sent, delivered.dead) == (0, 1)
        assert not elsewhere.seen and not elsewhere.commands


# Any short text that is no error is a yes to a plain webhook, also one nested without sense. What
# Apprise's services mean by a 200 is for Apprise to know.
HARMFUL = [
    (name, word)
    for name in sorted(RIGS)
    for word in ("html", "huge", "bomb", "deep")
    if (name, word) != ("webhook", "deep") and name != "apprise"
]


@pytest.mark.parametrize(("name", "word"), HARMFUL)
def test_l2_an_answer_that_means_harm_is_no_delivery(name: str, word: str) -> None:
    with RIGS[name].receiving(otherwise=word) as malicious:
        began = time.monotonic()
        with pytest.raises(DeliveryError) as raised:
            RIGS[name].channel(malicious).sender.send(message())
        assert time.monotonic() - began < 8
        assert not malicious.processed
    assert SECRET not in str(raised.value) and len(str(raised.value)) < 200


def test_a_key_that_stops_working_is_in_no_error(rig: Rig, caplog: Any, night: Night) -> None:
    night.happens("a")
    with rig.receiving(otherwise="401" if rig.busy == "429" else "535") as locked:
        night.tick(rig.channel(locked))
    assert SECRET not in caplog.text
    assert repr(rig.channel(locked).sender).endswith("(***)")
