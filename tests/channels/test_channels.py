"""Slack, the webhook and the local inbox: what they send, write and keep to themselves."""

from __future__ import annotations

import json
import logging
import socket
import stat
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from revops_pipelines.engine.alerts.channel import (
    ChannelKind,
    DeliveryError,
    Message,
    Place,
    RejectedError,
    Told,
    UnreachableError,
)
from revops_pipelines.engine.alerts.wording import document, message_severity, message_title, span
from revops_pipelines.engine.plugin_tables import PluginTable
from revops_pipelines.engine.registry import discover
from revops_pipelines.resources import channels
from revops_pipelines.resources.channels.inbox import Inbox, InboxOptions
from revops_pipelines.resources.channels.slack import Slack, SlackOptions, escape, link, payload
from revops_pipelines.resources.channels.webhook import Webhook, WebhookOptions, key_bytes, says_no
from revops_pipelines.resources.messengers import Messengers, check

NOON = datetime(2026, 6, 30, 12, tzinfo=UTC)
SECRET = "T000/B000/a-secret-webhook-path"
HOSTILE = "<!channel> & <https://evil.example|click> `x`"


def told(key: str = "crm:1", kind: str = "fired", **notice: Any) -> Told:
    full = {
        "headline": "Lead unanswered past its deadline: Acme",
        "subject": "Acme, J. R. (crm:1)",
        "since": "2026-06-30T11:00:00Z",
        "observed": "waiting 2 h",
        "limit": "within 60 working minutes",
        "owner": "Sam Seller",
        "url": "https://crm.example/contacts/1?a=1&b=2",
        "what_to_do": "Call now.",
    }
    return Told(
        event_id=f"event-{key}-{kind}",
        alert=f"late/{key}",
        episode=1,
        kind=kind,
        rule="late",
        rule_title="Lead waits too long",
        key=key,
        severity="warning",
        occurred_at=NOON,
        notice=full | notice,
    )


def message(*events: Told, note: str = "") -> Message:
    return Message(
        message_id="0123456789abcdef",
        channel="team",
        is_digest=len(events) > 1,
        events=events or (told(),),
        created_at=NOON,
        sent_at=NOON,
        note=note,
    )


def texts(part: Any) -> Iterator[tuple[str, str]]:
    """(type, text) of every text object in Slack blocks."""
    if isinstance(part, dict):
        if part.get("type") in ("mrkdwn", "plain_text"):
            yield part["type"], part["text"]
        for value in part.values():
            yield from texts(value)
    elif isinstance(part, list):
        for value in part:
            yield from texts(value)


def test_slack_message_holds_all_that_a_reader_needs() -> None:
    body = json.dumps(payload(message()), ensure_ascii=False)
    for needed in (
        "Lead unanswered past its deadline: Acme",
        "<https://crm.example/contacts/1?a=1&b=2|Acme, J. R. (crm:1)>",
        "2026-06-30 11:00 UTC (1 h 00 min)",
        "within 60 working minutes",
        "Sam Seller",
        "Call now.",
    ):
        assert needed in body


def test_slack_text_of_others_is_inert() -> None:
    hostile = told(headline=HOSTILE, subject=HOSTILE, owner=HOSTILE, what_to_do=HOSTILE)
    shown = list(texts(payload(message(hostile))))
    assert len(shown) > 5
    for kind, text in shown:
        if kind == "mrkdwn":
            assert "<!channel>" not in text and "<https://evil" not in text
    assert escape("<!channel> R&D") == "&lt;!channel&gt; R&amp;D"
    assert link("javascript:alert(1)", "x") == "x"
    assert (
        link("https://a.example/>|<!here>", "a|b>")
        == "<https://a.example/%3E%7C%3C!here%3E|a/b&gt;>"
    )


def test_slack_limits_hold_for_any_length() -> None:
    long = told(**dict.fromkeys(("headline", "subject", "what_to_do", "observed"), "&" * 5000))
    for several in (
        message(long),
        message(*(told(f"k{n}", headline="&" * 900) for n in range(99))),
    ):
        body = payload(several)
        blocks = [*body["blocks"], *body["attachments"][0]["blocks"]]
        assert len(blocks) <= 50
        assert len(blocks[0]["text"]["text"]) <= 150
        for block in blocks:
            if block["type"] == "section" and "text" in block:
                assert len(block["text"]["text"]) <= 3000
            for field in block.get("fields", []):
                assert len(field["text"]) <= 2000
            assert len(block.get("fields", [])) <= 10


def test_slack_digest_names_the_first_and_counts_the_rest() -> None:
    body = json.dumps(
        payload(message(*(told(f"crm:{n}", owner=f"O{n}") for n in range(40)))), ensure_ascii=False
    )
    assert "Digest of 40 alerts (40 open: Lead waits too long)" in body
    assert "and 30 more" in body


def test_a_digest_of_endings_only_is_no_warning() -> None:
    ended = told("crm:1", kind="resolved")
    alone = replace(message(ended), is_digest=True)
    assert message_title(alone) == "1 alert for Sam Seller (1 resolved: Lead waits too long)"
    assert message_severity(alone) == "info"
    assert message_severity(replace(alone, events=(told("crm:2"), ended))) == "warning"


@contextmanager
def answering(status: int, body: bytes) -> Iterator[tuple[str, list[bytes]]]:
    """A web address that gives one answer to everything; its URL and what it was sent."""
    seen: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            seen.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/services/{SECRET}", seen
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def slack(url: str) -> Slack:
    return Slack(Place("slack", SlackOptions(deadline_seconds=2), Path("unused"), {"url": url}))


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (200, b"ok", None),
        (200, b"<html>please log in</html>", UnreachableError),
        (200, b"", UnreachableError),
        (400, b"invalid_payload", RejectedError),
        (403, b"action_prohibited", RejectedError),
        (410, b"channel_is_archived", RejectedError),
        (500, b"rollup_error", UnreachableError),
        (200, b"x" * 100_000, RejectedError),
    ],
)
def test_slack_answers(status: int, body: bytes, error: type[DeliveryError] | None) -> None:
    with answering(status, body) as (url, seen):
        if error is None:
            slack(url).send(message())
        else:
            with pytest.raises(error):
                slack(url).send(message())
        assert len(seen) == 1


@pytest.mark.parametrize(
    ("body", "no"),
    [
        (b"", False),
        (b"thanks", False),
        (b'{"ok": true}', False),
        (b'{"error": null, "errors": []}', False),
        (b'{"ok": false}', True),
        (b'{"success": false}', True),
        (b'{"error": "x"}', True),
        (b'{"errors": [1]}', True),
        (b'{"status": "error"}', True),
        (b"  <html>", True),
        (b"[1]", False),
    ],
)
def test_webhook_finds_an_error_inside_a_200(body: bytes, no: bool) -> None:
    assert says_no(body) is no


def test_webhook_document_names_every_event_of_a_digest() -> None:
    body = document(message(*(told(f"crm:{n}") for n in range(200))))
    assert body["count"] == len(body["folded"]) == 200
    assert len(body["events"]) == 50


def test_signing_key_forms() -> None:
    assert key_bytes("whsec_c2VjcmV0") == b"secret"
    assert key_bytes("plain") == b"plain"
    with pytest.raises(ValueError, match="not base64"):
        key_bytes("whsec_%%%")


def test_secrets_are_in_no_repr_error_or_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{held.getsockname()[1]}/services/{SECRET}"
        with answering(404, b"no_service") as (url, _):
            for address in (url, nobody):
                secrets = {"url": address, "signing_key": "key-that-is-secret"}
                place = Place("team", WebhookOptions(deadline_seconds=1), Path("unused"), secrets)
                for sender in (Slack(place), Webhook(place)):
                    try:
                        sender.send(message())
                    except DeliveryError as error:
                        shown = "".join(traceback.format_exception(error))
                    shown += repr(sender) + repr(place) + repr(vars(sender)) + caplog.text
                    assert SECRET not in shown
                    assert "key-that-is-secret" not in shown.replace(
                        repr(b"key-that-is-secret"), ""
                    )


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example/x",
        "https://169.254.169.254/latest",
        "https://10.0.0.8/hook",
        "https://user:password@hooks.example/x",
        "ftp://hooks.example/x",
        "not a url",
        "",
    ],
)
def test_addresses_that_are_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        slack(url)
    assert "password" not in str(refused.value)


def test_inbox_file_is_whole_private_and_there_once(tmp_path: Path) -> None:
    box = Inbox(Place("inbox", InboxOptions(), tmp_path / "inbox"))
    for _ in range(2):
        box.send(message())
    [path] = (tmp_path / "inbox").iterdir()
    assert path.name == "20260630T120000-0123456789abcdef.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    body = json.loads(path.read_bytes())
    assert body["title"] == "Lead unanswered past its deadline: Acme"
    assert body["events"][0]["url"] == "https://crm.example/contacts/1?a=1&b=2"


def test_inbox_keeps_the_newest(tmp_path: Path) -> None:
    box = Inbox(Place("inbox", InboxOptions(keep=2), tmp_path))
    for minute in range(4):
        made = message()
        at = NOON + timedelta(minutes=minute)
        box.send(
            Message(**{**{name: getattr(made, name) for name in made.__slots__}, "created_at": at})
        )
    assert sorted(path.name[9:13] for path in tmp_path.iterdir()) == ["1202", "1203"]


def test_inbox_that_cannot_be_written_is_tried_again(tmp_path: Path) -> None:
    (tmp_path / "inbox").write_text("a file where the folder should be")
    with pytest.raises(UnreachableError, match="cannot be written"):
        Inbox(Place("inbox", InboxOptions(), tmp_path / "inbox")).send(message())


def test_every_channel_is_declared_in_a_file_of_its_name() -> None:
    found = discover(channels, ChannelKind)
    assert {"inbox", "slack", "webhook"} <= set(found)
    for kind in found.values():
        assert kind.optional_secrets <= set(kind.secrets)
        for name, field in kind.options.model_fields.items():
            assert field.description, f"{kind.name}.{name} has no description"


def test_a_channel_without_its_secret_refuses_and_says_which(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_SUCH_WEBHOOK", raising=False)
    table = PluginTable("team", "slack", SlackOptions(), {"url": "NO_SUCH_WEBHOOK"})
    built = Messengers({"team": table}, tmp_path).channels()
    assert list(built) == ["team", "inbox"], "the inbox is there by itself"
    with pytest.raises(RejectedError, match="NO_SUCH_WEBHOOK is not set"):
        built["team"].sender.send(message())
    [(name, problem)] = check({"team": table}, tmp_path)
    assert (name, "NO_SUCH_WEBHOOK" in problem) == ("team", True)


@pytest.mark.parametrize(
    ("length", "words"),
    [
        (timedelta(seconds=59), "0 min"),
        (timedelta(minutes=65), "1 h 05 min"),
        (timedelta(hours=49, minutes=30), "2 d 1 h"),
        (timedelta(minutes=-5), "0 min"),
    ],
)
def test_spans_in_words(length: timedelta, words: str) -> None:
    assert span(length) == words
