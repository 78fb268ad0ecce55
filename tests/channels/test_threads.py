"""Threads and incidents over time: what the relay remembers, and what the bot and PagerDuty do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from receiver import Receiver, Seen
from rigs import RIGS
from samples import digest_of_a_week, message, told

from revops_pipelines.engine.alerts.channel import (
    Channel,
    Message,
    Place,
    Receipt,
    RejectedError,
    UnreachableError,
)
from revops_pipelines.engine.alerts.mirror import mirror_events
from revops_pipelines.engine.alerts.outbox import DELIVERIES, Outbox, open_outbox
from revops_pipelines.engine.alerts.relay import deliver
from revops_pipelines.engine.alerts.upkeep import prune
from revops_pipelines.resources.channels.slack_bot import SlackBotOptions
from revops_pipelines.resources.channels.webhook import Webhook, WebhookOptions

START = datetime(2026, 6, 30, 12, tzinfo=UTC)


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    opened = open_outbox(tmp_path / "outbox.sqlite")
    yield opened
    opened.close()


def happens(outbox: Outbox, *keys: str, kind: str = "fired", **more: Any) -> None:
    rows = [
        {
            "event_id": f"{key}-{kind}",
            "rule": "late",
            "rule_title": "Late",
            "alert_key": key,
            "episode": 1,
            "kind": kind,
            "severity": "warning",
            "is_backlog": False,
            "notice": {"headline": f"{key} is late", "subject": key, "owner": key},
            "occurred_at": START,
            **more,
        }
        for key in keys
    ]
    mirror_events(rows, outbox)


def slack(number: int) -> bytes:
    ts = f"{number}.000100"
    return json.dumps({"ok": True, "channel": "C0123", "ts": ts}).encode()


def calls(receiver: Receiver) -> list[tuple[str, dict[str, Any]]]:
    return [(seen.path.rsplit("/", 1)[1], seen.json) for seen in receiver.seen]


def test_the_bot_keeps_an_episode_in_a_thread(outbox: Outbox) -> None:
    rig = RIGS["slack_bot"]
    with rig.receiving() as receiver:
        receiver.good = lambda _seen: (200, slack(len(receiver.seen)))
        channels = {"slack_bot": rig.channel(receiver)}
        for kind, severity in (("fired", "warning"), ("escalated", "critical"), ("resolved", "")):
            happens(outbox, "a", kind=kind, severity=severity or "critical")
            assert deliver(outbox, channels, lambda: START).sent == 1
    (first, opening), (_, raised), (_, louder), (_, ended), (last, ending) = calls(receiver)
    assert (first, last) == ("chat.postMessage", "chat.postMessage")
    assert "thread_ts" not in opening and opening["channel"] == "C0123"
    for change in (raised, ended):
        assert (change["channel"], change["ts"]) == ("C0123", "1.000100")
    assert louder["thread_ts"] == ending["thread_ts"] == "1.000100"
    assert louder["reply_broadcast"] is True and ending["reply_broadcast"] is False
    assert "✅ Resolved: a is late" in ended["text"]
    assert all(seen.headers["authorization"].startswith("Bearer ") for seen in receiver.seen)


def bot(receiver: Receiver, **options: Any) -> Any:
    return RIGS["slack_bot"].channel(receiver, **options).sender


THREADED = message(told(kind="resolved", thread={"C0123": "C0123:1.000100"}))


def saying(*errors: str | None) -> Any:
    """Answers in turn: an error code, or a yes."""
    left = list(errors)

    def answer(_seen: Seen) -> tuple[int, bytes]:
        error = left.pop(0) if left else None
        said = (
            {"ok": False, "error": error} if error else {"ok": True, "channel": "C1", "ts": "2.1"}
        )
        return 200, json.dumps(said).encode()

    return answer


def test_a_first_message_that_is_gone_does_not_keep_the_news_back() -> None:
    with RIGS["slack_bot"].receiving() as receiver:
        receiver.good = saying("message_not_found", "thread_not_found")
        receipt: Receipt = bot(receiver).send(THREADED)
    assert receipt.references == {"C0123": "C1:2.1"}
    assert [name for name, _ in calls(receiver)] == ["chat.update"] + ["chat.postMessage"] * 2
    assert "thread_ts" not in calls(receiver)[-1][1]


@pytest.mark.parametrize(
    ("code", "error", "remedy"),
    [
        ("ratelimited", UnreachableError, "try again"),
        ("internal_error", UnreachableError, "try again"),
        ("channel_not_found", RejectedError, "invite the bot"),
        ("not_in_channel", RejectedError, "invite the bot"),
        ("invalid_auth", RejectedError, "new bot token"),
        ("missing_scope", RejectedError, "chat:write"),
        ("something_new", RejectedError, ""),
        ("<script>https://evil.example", RejectedError, ""),
    ],
)
def test_what_slack_refuses_is_classed(code: str, error: Any, remedy: str) -> None:
    with RIGS["slack_bot"].receiving() as receiver:
        receiver.good = saying(code)
        with pytest.raises(error) as refused:
            bot(receiver).send(message())
    assert remedy in refused.value.remedy
    assert "evil" not in str(refused.value)


def test_the_bot_waits_as_long_as_slack_asks() -> None:
    busily = RIGS["slack_bot"].receiving(script=["429"], headers={"Retry-After": "30"})
    with busily as receiver, pytest.raises(UnreachableError) as busy:
        bot(receiver).send(message())
    assert busy.value.wait == timedelta(seconds=30)


def test_a_bot_without_a_conversation_is_refused() -> None:
    with pytest.raises(ValueError, match="needs conversation"):
        bot(Receiver(url="http://127.0.0.1:9/x"), conversation="")
    assert SlackBotOptions().api_url == "https://slack.com/api"


def actions(receiver: Receiver) -> list[str]:
    return [f"{seen.json['event_action']} {seen.json['dedup_key']}" for seen in receiver.processed]


def pager(receiver: Receiver, **options: Any) -> dict[str, Channel]:
    return {"pagerduty": RIGS["pagerduty"].channel(receiver, **options)}


def test_a_storm_is_one_incident_that_ends_with_its_last_alert(outbox: Outbox) -> None:
    keys = [f"k{place}" for place in range(12)]
    at = START
    with RIGS["pagerduty"].receiving() as receiver:
        channels = pager(receiver, storm_size=5)
        happens(outbox, *keys)
        deliver(outbox, channels, lambda: at)
        [opened] = actions(receiver)
        assert opened.startswith("trigger revops/digest/")
        happens(outbox, *keys[:6], kind="resolved")
        at += timedelta(hours=1)
        deliver(outbox, channels, lambda: at)
        digest = opened.removeprefix("trigger ")
        assert f"resolve {digest}" not in actions(receiver), "six are still open"
        happens(outbox, *keys[6:], kind="resolved")
        at += timedelta(hours=1)
        deliver(outbox, channels, lambda: at)
        assert f"resolve {digest}" in actions(receiver)
        assert sum(action.startswith("trigger") for action in actions(receiver)) == 1


def test_what_was_told_alone_and_ends_in_a_digest_is_resolved_by_its_own_key(
    outbox: Outbox,
) -> None:
    keys = ["a", "b", "c"]
    with RIGS["pagerduty"].receiving() as receiver:
        happens(outbox, *keys)
        deliver(outbox, pager(receiver), lambda: START)
        happens(outbox, *keys, kind="resolved")
        deliver(outbox, pager(receiver, storm_size=1), lambda: START)
    assert sorted(actions(receiver)) == sorted(
        f"{action} revops/late/{key}/1" for action in ("trigger", "resolve") for key in keys
    )


def test_pagerduty_goes_on_where_it_was_cut() -> None:
    ended = tuple(
        told(f"k{place}", kind="resolved", thread={"x": "y"}, episode=place) for place in range(3)
    )
    digest: Message = message(*ended)
    with RIGS["pagerduty"].receiving(script=["ok", "503"]) as receiver:
        sender = pager(receiver)["pagerduty"].sender
        with pytest.raises(UnreachableError) as failed:
            sender.send(digest)
        assert len(failed.value.taken) == 1
        receipt = sender.send(message(*ended, taken=frozenset(failed.value.taken)))
    assert receipt is not None and len(receipt.references) == 2
    assert len(set(actions(receiver))) == len(actions(receiver)) == 3


def test_an_acknowledgement_is_passed_on() -> None:
    with RIGS["pagerduty"].receiving() as receiver:
        pager(receiver)["pagerduty"].sender.send(message(told(kind="acknowledged")))
    assert actions(receiver) == ["acknowledge revops/late/crm:1/1"]


def test_a_yes_that_is_not_pagerdutys_is_none() -> None:
    with RIGS["pagerduty"].receiving() as receiver:
        receiver.good = lambda _seen: (202, b'{"status": "invalid event"}')
        with pytest.raises(UnreachableError, match="without PagerDuty's success"):
            pager(receiver)["pagerduty"].sender.send(message())


@pytest.mark.parametrize(
    ("status", "body", "is_taken"),
    [(202, b"", True), (200, b"1", True), (200, b"", True), (200, b"error 429", False)],
)
def test_teams_answers(status: int, body: bytes, is_taken: bool) -> None:
    with RIGS["teams"].receiving() as receiver:
        receiver.good = lambda _seen: (status, body)
        sender = RIGS["teams"].channel(receiver).sender
        if is_taken:
            receipt = sender.send(message())
            assert receipt is not None and f"HTTP {status}" in receipt.said
        else:
            with pytest.raises(UnreachableError):
                sender.send(message())


def test_a_webhook_is_signed_with_both_keys_while_one_is_exchanged() -> None:
    rig = RIGS["webhook"]
    with rig.receiving() as receiver:
        rig.channel(receiver, key_id="2026-07").sender.send(message())
        keys = {"signing_key": "key-of-the-tests", "previous_signing_key": "the-key-of-before"}
        place = Place("webhook", WebhookOptions(), Path("unused"), {"url": receiver.url, **keys})
        Webhook(place).send(message())
    first, second = (seen.headers for seen in receiver.processed)
    assert first["webhook-key-id"] == "2026-07"
    assert len(second["webhook-signature"].split()) == 2
    assert second["webhook-signature"].split()[0] == first["webhook-signature"]


def test_receipts_go_with_the_events_they_belong_to(outbox: Outbox) -> None:
    with RIGS["pagerduty"].receiving() as receiver:
        happens(outbox, "a")
        happens(outbox, "a", kind="resolved")
        deliver(outbox, pager(receiver), lambda: START)

    def kept() -> int:
        with outbox.transaction() as connection:
            return len(connection.execute(DELIVERIES.select()).all())

    assert kept() == 2
    prune(outbox, START + timedelta(days=30))
    assert kept() == 0


def test_a_week_of_alerts_is_still_one_page_on_pagerduty() -> None:
    with RIGS["pagerduty"].receiving() as receiver:
        pager(receiver)["pagerduty"].sender.send(digest_of_a_week())
    assert len(actions(receiver)) == 1
