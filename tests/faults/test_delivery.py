"""Rows L1 to L4, L10 to L12 and P8: receivers that misbehave, against real sockets."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from delivery_tools import (
    START,
    SetClock,
    by_name,
    event,
    free_port,
    hook,
    in_inbox,
    in_order,
    inbox,
    receiving,
    tick_until,
)

from revops_pipelines.engine.alerts.actions import lift, silence
from revops_pipelines.engine.alerts.mirror import mirror_events
from revops_pipelines.engine.alerts.outbox import Outbox, open_outbox
from revops_pipelines.engine.alerts.relay import deliver
from revops_pipelines.engine.alerts.upkeep import channel_states, dead_letters, prune


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    opened = open_outbox(tmp_path / "outbox.sqlite")
    yield opened
    opened.close()


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


def _three_lives(at: datetime) -> list[dict[str, object]]:
    """Three alerts that fire, end and (two of them) fire again."""
    keys = ("a", "b", "c")
    rows = [event(key, "fired", 1, at) for key in keys]
    rows += [event(key, "resolved", 1, at) for key in keys]
    return rows + [event(key, "fired", 2, at) for key in keys[:2]]


def test_l1_receiver_down_for_an_hour(outbox: Outbox, clock: SetClock) -> None:
    port = free_port()
    away = hook("team", f"http://127.0.0.1:{port}/hook")
    mirror_events(_three_lives(clock.now()), outbox)

    ticks = tick_until(outbox, by_name(away), clock, seconds=3600, every=30)
    assert sum(tick.sent for tick in ticks) == 0
    assert sum(tick.failed for tick in ticks) > 10

    with receiving(port) as back:
        tick_until(outbox, by_name(away), clock, seconds=900, every=30)
        assert in_order(back.events, "a") == ["a-1-fired", "a-1-resolved", "a-2-fired"]
        assert in_order(back.events, "b") == ["b-1-fired", "b-1-resolved", "b-2-fired"]
        assert in_order(back.events, "c") == ["c-1-fired", "c-1-resolved"]
        assert len(back.events) == 8
    assert dead_letters(outbox) == []


def test_l1_what_piles_up_meanwhile_comes_folded_and_in_order(
    outbox: Outbox, clock: SetClock
) -> None:
    port = free_port()
    away = by_name(hook("team", f"http://127.0.0.1:{port}/hook"))
    sent = []
    for minute in range(60):
        rows = [event(f"k{minute}", "fired", 1, clock.now())]
        if minute >= 3:
            rows.append(event(f"k{minute - 3}", "resolved", 1, clock.now()))
        mirror_events(rows, outbox)
        sent += rows
        tick_until(outbox, away, clock, seconds=60, every=30)

    with receiving(port) as back:
        tick_until(outbox, away, clock, seconds=2 * 3600, every=60)
        assert sorted(back.events) == sorted(str(row["event_id"]) for row in sent)
        for minute in range(57):
            assert in_order(back.events, f"k{minute}") == [
                f"k{minute}-1-fired",
                f"k{minute}-1-resolved",
            ]
        assert back.requests <= 10 + 5


@pytest.mark.parametrize("word", ["drip", "hang"])
def test_l2_slow_receiver_meets_the_deadline_and_starves_nobody(
    outbox: Outbox, clock: SetClock, word: str
) -> None:
    mirror_events([event(f"k{place}") for place in range(4)], outbox)
    with receiving(otherwise=word) as slow, receiving() as healthy:
        channels = by_name(
            hook("slow", slow.url, deadline_seconds=0.3), hook("healthy", healthy.url)
        )
        delivered = deliver(outbox, channels, clock.now)
        assert delivered.sent == 4
        assert delivered.failed == 1, "after one failure the channel rests"
        assert len(healthy.events) == 4
        assert slow.requests == 1
    [state] = [state for state in channel_states(outbox) if state.channel == "slow"]
    assert "in time" in state.last_error or "deadline" in state.last_error


def test_l2_no_send_is_begun_that_could_outlast_the_tick(outbox: Outbox, clock: SetClock) -> None:
    mirror_events([event(f"k{place}") for place in range(9)], outbox)
    spent = iter(range(0, 1000, 4))  # each look at the stopwatch finds four seconds gone
    with receiving() as receiver:
        delivered = deliver(
            outbox,
            by_name(hook("team", receiver.url)),
            clock.now,
            budget_seconds=20,
            monotonic=lambda: float(next(spent)),
        )
    assert delivered.sent == 3
    assert delivered.waiting == 6


def test_l2_a_tick_sends_no_more_than_its_limit(outbox: Outbox, clock: SetClock) -> None:
    mirror_events([event(f"k{place}") for place in range(9)], outbox)
    with receiving() as receiver:
        team = by_name(hook("team", receiver.url))
        assert deliver(outbox, team, clock.now, limit=5).sent == 5
        assert deliver(outbox, team, clock.now, limit=5).sent == 4


@pytest.mark.parametrize(
    "asked", ["120", (START + timedelta(seconds=120)).strftime("%a, %d %b %Y %H:%M:%S GMT")]
)
def test_l3_retry_after_is_honoured_per_channel(
    outbox: Outbox, clock: SetClock, asked: str
) -> None:
    mirror_events([event("a"), event("b")], outbox)
    date = START.strftime("%a, %d %b %Y %H:%M:%S GMT")
    with receiving(script=["429"], headers={"Retry-After": asked}) as busy, receiving() as other:
        # The server's own clock is what a date is read by; http.server would send today's.
        busy.headers = {"Retry-After": asked, "Date": date}
        channels = by_name(hook("busy", busy.url), hook("other", other.url))
        tick_until(outbox, channels, clock, seconds=120, every=10)
        assert busy.requests == 1, "nothing goes there for two minutes"
        assert len(other.events) == 2, "the other channel is not held up"
        deliver(outbox, channels, clock.now)
        assert busy.events == ["a-1-fired", "b-1-fired"]


def test_l3_retry_after_is_capped_at_an_hour(outbox: Outbox, clock: SetClock) -> None:
    mirror_events([event("a")], outbox)
    with receiving(script=["503"], headers={"Retry-After": "999999999"}) as busy:
        team = by_name(hook("team", busy.url))
        deliver(outbox, team, clock.now)
        clock.advance(minutes=59)
        assert deliver(outbox, team, clock.now).sent == 0
        clock.advance(minutes=1)
        assert deliver(outbox, team, clock.now).sent == 1


def test_l4_processed_then_dropped(outbox: Outbox, clock: SetClock) -> None:
    mirror_events([event("a"), event("b")], outbox)
    with receiving(script=["drop", "drop"]) as receiver:
        team = by_name(hook("team", receiver.url))
        tick_until(outbox, team, clock, seconds=300)
        keys = [seen["webhook-id"] for seen in receiver.seen]
        assert receiver.events.count("b-1-fired") >= 1, "nothing is lost"
        assert receiver.requests == 4
        assert len(set(keys)) == 2, "a repeat bears the id of the first try"
        assert [seen["idempotency-key"] for seen in receiver.seen] == keys


def test_signature_follows_standard_webhooks(outbox: Outbox, clock: SetClock) -> None:
    mirror_events([event("a")], outbox)
    with receiving() as receiver:
        deliver(outbox, by_name(hook("team", receiver.url)), clock.now)
        [seen], [body] = receiver.seen, receiver.bodies
    signed = f"{seen['webhook-id']}.{seen['webhook-timestamp']}.".encode() + body
    expected = hmac.new(b"key-of-the-tests", signed, hashlib.sha256).digest()
    assert seen["webhook-signature"] == f"v1,{base64.b64encode(expected).decode()}"
    assert seen["webhook-timestamp"] == str(int(START.timestamp()))


@pytest.mark.parametrize("word", ["400", "404", "410", "no"])
def test_l10_permanent_refusal_goes_to_another_channel(
    outbox: Outbox, clock: SetClock, tmp_path: Path, word: str
) -> None:
    mirror_events([event("a"), event("a", "resolved")], outbox)
    with receiving(otherwise=word) as refusing:
        # The inbox would not take it by itself: it is told because the other refused.
        channels = by_name(
            hook("team", refusing.url), inbox(tmp_path / "inbox", rules=("something-else",))
        )
        tick_until(outbox, channels, clock, seconds=300)
        assert refusing.requests == 1, "no retry, and no resolve for what never arrived"
    arrived = in_inbox(tmp_path / "inbox")
    assert {message["events"][0]["event_id"] for message in arrived} == {
        "a-1-fired",
        "a-1-resolved",
    }
    assert all("could not be delivered to team" in message["note"] for message in arrived)
    [dead] = dead_letters(outbox)
    assert dead["channel"] == "team"
    assert "secret-path-segment" not in dead["reason"]


def test_l10_a_refused_digest_reaches_the_other_channel_whole(
    outbox: Outbox, clock: SetClock, tmp_path: Path
) -> None:
    mirror_events([event(f"k{place}") for place in range(40)], outbox)
    with receiving(otherwise="403") as refusing:
        channels = by_name(
            hook("team", refusing.url), inbox(tmp_path / "inbox", rules=("something-else",))
        )
        tick_until(outbox, channels, clock, seconds=60, every=30)
        assert refusing.requests == 1
    [digest] = in_inbox(tmp_path / "inbox")
    assert sorted(digest["folded"]) == sorted(f"k{place}-1-fired" for place in range(40))


def test_l11_quiet_hours_delay_with_a_record(
    outbox: Outbox, clock: SetClock, tmp_path: Path
) -> None:
    clock.instant = datetime(2026, 6, 30, 20, tzinfo=UTC)
    quiet = {"starts": "19:00", "ends": "08:00", "time_zone": "Europe/Berlin"}
    channels = by_name(inbox(tmp_path, quiet_hours=quiet))
    mirror_events([event("a"), event("b", severity="critical")], outbox)
    deliver(outbox, channels, clock.now)
    assert [m["events"][0]["key"] for m in in_inbox(tmp_path)] == ["b"], "critical is not held"
    clock.instant = datetime(2026, 7, 1, 5, 59, tzinfo=UTC)
    assert deliver(outbox, channels, clock.now).sent == 0
    clock.instant = datetime(2026, 7, 1, 6, 0, tzinfo=UTC)  # 08:00 in Berlin
    assert deliver(outbox, channels, clock.now).sent == 1
    [held] = [m for m in in_inbox(tmp_path) if m["events"][0]["key"] == "a"]
    assert held["note"] == "held by quiet hours"


def test_l11_silence_suppresses_with_a_record(
    outbox: Outbox, clock: SetClock, tmp_path: Path
) -> None:
    channels = by_name(inbox(tmp_path))
    identity = silence(
        outbox,
        starts_at=START - timedelta(hours=1),
        ends_at=START + timedelta(hours=1),
        reason="import of the fair's leads",
        asked_by="ops",
        rule="late",
        key_prefix="fair-",
    )
    later = START + timedelta(minutes=30)
    mirror_events([event("fair-1"), event("other"), event("fair-1", "resolved")], outbox)
    first = deliver(outbox, channels, clock.now)
    assert (first.sent, first.suppressed) == (1, 2), "its resolve is silent as well"
    lift(outbox, identity, START + timedelta(minutes=20))
    mirror_events([event("fair-2", at=later)], outbox)
    assert deliver(outbox, channels, clock.now).sent == 1
    assert {m["events"][0]["key"] for m in in_inbox(tmp_path)} == {"other", "fair-2"}
    [state] = channel_states(outbox)
    assert (state.sent, state.suppressed) == (2, 2)


@pytest.mark.parametrize("status", ["301", "302", "307", "308"])
def test_l12_redirect_is_a_failure_and_nothing_is_sent_on(
    outbox: Outbox, clock: SetClock, status: str
) -> None:
    mirror_events([event("a")], outbox)
    with receiving() as elsewhere, receiving(otherwise=status) as redirecting:
        redirecting.headers = {"Location": elsewhere.url}
        delivered = deliver(outbox, by_name(hook("team", redirecting.url)), clock.now)
        assert (delivered.sent, delivered.dead) == (0, 1)
        assert elsewhere.requests == 0
    [dead] = dead_letters(outbox)
    assert f"HTTP {status}" in dead["reason"]


def test_p8_same_tick_twice_delivers_once(outbox: Outbox, clock: SetClock) -> None:
    rows = [event("a"), event("b"), event("a", "resolved")]
    with receiving() as receiver:
        team = by_name(hook("team", receiver.url))
        for _ in range(2):
            mirror_events(rows, outbox)
            deliver(outbox, team, clock.now)
        assert sorted(receiver.events) == ["a-1-fired", "a-1-resolved", "b-1-fired"]


def test_pruning_removes_what_is_over_and_keeps_what_waits(
    outbox: Outbox, clock: SetClock, tmp_path: Path
) -> None:
    old = [event("a"), event("a", "resolved")]
    mirror_events(old, outbox)
    deliver(outbox, by_name(inbox(tmp_path)), clock.now)
    clock.advance(days=1)
    away = by_name(hook("team", f"http://127.0.0.1:{free_port()}/hook"))
    mirror_events([event("waits", at=clock.now()), event("new", at=clock.now())], outbox)
    deliver(outbox, away, clock.now)
    assert prune(outbox, START + timedelta(days=30)) == 2
    assert [state.waiting for state in channel_states(outbox) if state.channel == "team"] == [2]
    assert [state.sent for state in channel_states(outbox) if state.channel == "inbox"] == [0]


def test_p14_clock_that_jumps_back_holds_nothing_up(outbox: Outbox, clock: SetClock) -> None:
    mirror_events([event("a")], outbox)
    with receiving(script=["503"]) as receiver:
        team = by_name(hook("team", receiver.url))
        deliver(outbox, team, clock.now)
        clock.advance(days=-3)
        assert deliver(outbox, team, clock.now).sent == 1
        assert receiver.events == ["a-1-fired"]


def test_given_up_after_a_day_of_tries_and_told_elsewhere(
    outbox: Outbox, clock: SetClock, tmp_path: Path
) -> None:
    away = hook("team", f"http://127.0.0.1:{free_port()}/hook")
    channels = by_name(away, inbox(tmp_path, rules=("something-else",)))
    mirror_events([event("a")], outbox)
    tick_until(outbox, channels, clock, seconds=26 * 3600, every=900)
    [dead] = dead_letters(outbox)
    assert dead["reason"].startswith("tried ")
    assert [m["events"][0]["event_id"] for m in in_inbox(tmp_path)] == ["a-1-fired"]


def test_p15_relay_that_was_off_for_days_still_delivers(
    outbox: Outbox, clock: SetClock, tmp_path: Path
) -> None:
    port = free_port()
    team = by_name(hook("team", f"http://127.0.0.1:{port}/hook"))
    mirror_events([event("a")], outbox)
    deliver(outbox, team, clock.now)
    clock.advance(days=3)
    with receiving(port) as back:
        deliver(outbox, team, clock.now)
        assert back.events == ["a-1-fired"]
