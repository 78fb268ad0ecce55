"""The pages of the channels show what is really sent, and their snippet really checks it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from receiver import Receiver, Seen
from rigs import KINDS, RIGS, parsed
from samples import ACTIONS, NOON, message, told

from revops_pipelines.engine.alerts.channel import Draft

PAGES = Path(__file__).parents[2] / "docs/channels"
SAMPLE = message(told(actions=ACTIONS))


def draft_of(name: str) -> Draft:
    [draft] = (
        RIGS[name].channel(Receiver(url="http://127.0.0.1:9/hook", port=9)).sender.drafts(SAMPLE)
    )
    return draft


def block(page: str, language: str) -> str:
    """The page's last block in that language."""
    found = re.findall(rf"```{language}\n(.*?)```", (PAGES / page).read_text("utf-8"), re.S)
    return str(found[-1])


@pytest.mark.parametrize("name", ["slack", "teams", "pagerduty", "webhook"])
def test_the_json_on_a_page_is_what_is_sent(name: str) -> None:
    assert json.loads(block(f"{name}.md", "json")) == json.loads(draft_of(name).body)


def test_the_mail_on_the_page_is_what_is_sent() -> None:
    mail = parsed(Seen("", {}, draft_of("email").body.encode()))
    shown = block("email.md", "text")
    assert mail.get_body(("plain",)).get_content().replace("\r\n", "\n") in shown
    for header in ("Subject", "Message-ID", "List-Id", "Auto-Submitted"):
        assert f"{header}: {mail[header]}\n" in shown


def test_the_snippet_takes_ours_and_nothing_else() -> None:
    known: dict[str, Any] = {}
    exec(block("webhook.md", "python"), known)  # what the page tells its readers to run
    rig = RIGS["webhook"]
    with rig.receiving() as receiver:
        rig.channel(receiver).sender.send(SAMPLE)
    [seen] = receiver.processed
    now = NOON.timestamp()

    def is_ours(body: bytes = seen.body, at: float = now, key: bytes = b"key-of-the-tests") -> bool:
        return bool(known["is_ours"](key, seen.headers, body, at))

    assert is_ours()
    assert not is_ours(body=seen.body + b" ")
    assert not is_ours(at=now + 301)
    assert not is_ours(key=b"another")


def test_every_channel_is_on_a_page() -> None:
    text = (PAGES / "README.md").read_text("utf-8")
    for name, kind in KINDS.items():
        assert f"`{name}`" in text or name == "inbox"
        for variable in kind.secrets.values():
            assert variable in text or variable.startswith("ALERT_WEBHOOK_PREVIOUS")
