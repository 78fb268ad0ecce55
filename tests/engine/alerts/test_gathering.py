"""The digest of the day: when it goes, what it holds, and what does not wait for it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from revops_pipelines.engine.alerts.channel import Channel, ChannelOptions, DailyDigest, Message
from revops_pipelines.engine.alerts.gathering import next_digest
from revops_pipelines.engine.alerts.mirror import mirror_events
from revops_pipelines.engine.alerts.outbox import Outbox, open_outbox
from revops_pipelines.engine.alerts.relay import deliver

NOON = datetime(2026, 6, 30, 12, tzinfo=UTC)  # a Tuesday


@pytest.mark.parametrize(
    ("zone", "at", "digest"),
    [
        ("UTC", "2026-06-30T07:59", "2026-06-30T08:00"),
        ("UTC", "2026-06-30T08:00", "2026-07-01T08:00"),
        ("Europe/Berlin", "2026-06-30T05:00", "2026-06-30T06:00"),
        ("America/Los_Angeles", "2026-06-30T12:00", "2026-06-30T15:00"),
        ("UTC", "2026-07-03T09:00", "2026-07-06T08:00"),
    ],
)
def test_it_goes_at_a_local_time_on_working_days(zone: str, at: str, digest: str) -> None:
    asked = datetime.fromisoformat(at).replace(tzinfo=UTC)
    found = next_digest(DailyDigest(time_zone=zone), asked)
    assert found == datetime.fromisoformat(digest).replace(tzinfo=UTC)


def test_weekends_count_where_they_are_asked_for() -> None:
    friday = datetime(2026, 7, 3, 9, tzinfo=UTC)
    assert next_digest(DailyDigest(weekends=True), friday).day == 4


class Kept:
    """Takes everything, and remembers it."""

    def __init__(self) -> None:
        self.messages: list[Message] = []

    def send(self, message: Message) -> None:
        self.messages.append(message)


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    opened = open_outbox(tmp_path / "outbox.sqlite")
    yield opened
    opened.close()


def happens(outbox: Outbox, key: str, kind: str = "fired", severity: str = "warning") -> None:
    row: dict[str, Any] = {
        "event_id": f"{key}-{kind}",
        "rule": "late",
        "rule_title": "Late",
        "alert_key": key,
        "episode": 1,
        "kind": kind,
        "severity": severity,
        "is_backlog": False,
        "notice": {"headline": f"{key} is late", "owner": key},
        "occurred_at": NOON,
    }
    mirror_events([row], outbox)


def told(kept: Kept) -> list[list[str]]:
    return [[event.event_id for event in message.events] for message in kept.messages]


def test_what_is_not_urgent_comes_once_a_day(outbox: Outbox) -> None:
    kept = Kept()
    channels = {"mail": Channel("mail", kept, ChannelOptions(daily_digest=DailyDigest()))}
    for key in ("a", "b"):
        happens(outbox, key)
    happens(outbox, "fire", severity="critical")
    happens(outbox, "a", "resolved")
    deliver(outbox, channels, lambda: NOON)
    assert told(kept) == [["fire-fired"]]
    deliver(outbox, channels, lambda: NOON + timedelta(hours=19, minutes=59))
    assert len(kept.messages) == 1
    deliver(outbox, channels, lambda: NOON + timedelta(hours=20))
    assert len(kept.messages) == 2
    assert kept.messages[1].is_digest
    assert sorted(told(kept)[1]) == ["a-fired", "a-resolved", "b-fired"]


def test_what_gets_urgent_brings_what_was_held_of_it(outbox: Outbox) -> None:
    kept = Kept()
    channels = {"mail": Channel("mail", kept, ChannelOptions(daily_digest=DailyDigest()))}
    happens(outbox, "a")
    happens(outbox, "b")
    deliver(outbox, channels, lambda: NOON)
    assert told(kept) == []
    happens(outbox, "a", "escalated", "critical")
    deliver(outbox, channels, lambda: NOON + timedelta(minutes=1))
    assert told(kept) == [["a-fired"], ["a-escalated"]]


def test_quiet_hours_do_not_keep_back_what_gets_urgent(outbox: Outbox) -> None:
    kept = Kept()
    quiet = {"starts": "00:00", "ends": "23:00"}
    options = ChannelOptions.model_validate({"quiet_hours": quiet})
    channels = {"mail": Channel("mail", kept, options)}
    happens(outbox, "a")
    deliver(outbox, channels, lambda: NOON)
    happens(outbox, "a", "escalated", "critical")
    deliver(outbox, channels, lambda: NOON + timedelta(minutes=1))
    assert told(kept) == [["a-fired"], ["a-escalated"]]
