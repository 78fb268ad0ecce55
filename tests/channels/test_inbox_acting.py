"""What people do on the inbox page and by links: only with our own form, once, and on record."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests

from revops_pipelines.engine.alerts.channel import Channel, Place, Told
from revops_pipelines.engine.alerts.desk import actions_log, open_episodes, silences_in_force
from revops_pipelines.engine.alerts.links import action_links
from revops_pipelines.engine.alerts.mirror import mirror_events
from revops_pipelines.engine.alerts.outbox import Outbox, open_outbox
from revops_pipelines.engine.alerts.relay import deliver
from revops_pipelines.resources.channels.inbox import Inbox, InboxOptions
from revops_pipelines.resources.channels.inbox.acting import Desk
from revops_pipelines.resources.channels.inbox.page import running_inbox

NOW = datetime(2026, 6, 30, 12, tzinfo=UTC)
KEY = b"k" * 32
HOSTILE = "<script>alert(1)</script>'\""


class Forms(HTMLParser):
    """The forms of a page: their fields, the names and values of their buttons."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.forms: list[dict[str, Any]] = []
        self.scripts = 0
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = dict(attrs)
        if tag == "form":
            self.forms.append({"method": known["method"], "fields": {}, "deeds": []})
        elif tag == "input" and self.forms:
            self.forms[-1]["fields"][known["name"]] = known.get("value") or ""
        elif tag == "button" and known.get("name") == "deed":
            self.forms[-1]["deeds"].append(known["value"])
        self.scripts += tag == "script" and not known.get("src")


@dataclass
class House:
    """An inbox page over a folder with one alert, its outbox, and a browser on it."""

    url: str
    folder: Path
    outbox: Outbox
    clock: list[datetime]
    browser: requests.Session = field(default_factory=requests.Session)

    @property
    def origin(self) -> str:
        return self.url.rstrip("/")

    def get(self, path: str = "") -> requests.Response:
        return self.browser.get(self.url + path, timeout=10)

    def post(self, path: str, fields: dict[str, str], **headers: str) -> requests.Response:
        headers = {"Origin": self.origin, **headers}
        return self.browser.post(
            self.url + path, data=fields, headers=headers, allow_redirects=False, timeout=10
        )

    def press(self, deed: str, **fields: str) -> requests.Response:
        """Press a button on the page as it is shown."""
        forms = Forms(self.get().text).forms
        [form] = [form for form in forms if deed in form["deeds"]]
        return self.post("do", {**form["fields"], "deed": deed, **fields})

    def standing(self) -> str:
        """The handling of the one episode; `ended` when there is none."""
        return next((row["handling"] for row in open_episodes(self.outbox)), "ended")

    def link(self, deed: str, key: bytes = KEY, **changed: Any) -> str:
        """The path of a signed link to the alert."""
        told = Told(
            "a-1", "late/a", 1, "fired", "late", "Late", "a", "warning", NOW,
            {"receiver": {"name": "Ana", "email": "ana@example.com"}},
        )  # fmt: skip
        links = action_links(replace(told, **changed), "http://x", key, NOW)
        return next(link.url for link in links if f"/act/{deed}?" in link.url)[len("http://x/") :]

    def confirm(self, path: str, **fields: str) -> requests.Response:
        """Open a link and send its form."""
        [form] = Forms(self.get(path).text).forms
        return self.post(path, {**form["fields"], **fields})


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    home = tmp_path_factory.mktemp("inbox")
    clock = [NOW]

    @contextmanager
    def opened() -> Iterator[Outbox]:
        yield open_outboxes[0]

    open_outboxes: list[Outbox] = []
    desk = Desk(opened, lambda _outbox: clock[0], lambda: KEY, user="sam")
    with running_inbox(home / "messages", desk=desk) as url:
        yield House(url, home, open_outboxes, clock)  # type: ignore[arg-type]


@pytest.fixture
def house(served: House, tmp_path: Path) -> Iterator[House]:
    outbox = open_outbox(tmp_path / "outbox.sqlite")
    outboxes: list[Outbox] = served.outbox  # type: ignore[assignment]
    outboxes[:] = [outbox]
    served.clock[:] = [NOW]
    for old in (served.folder / "messages").glob("*.json"):
        old.unlink()
    mirror_events(
        [
            {
                "event_id": "a-1",
                "rule": "late",
                "rule_title": "Late",
                "alert_key": "a",
                "episode": 1,
                "kind": "fired",
                "severity": "warning",
                "is_backlog": False,
                "notice": {"headline": HOSTILE, "subject": "a", "since": "2026-06-30T11:00:00Z"},
                "occurred_at": NOW,
            }
        ],
        outbox,
    )
    options = InboxOptions()
    channel = Channel("inbox", Inbox(Place("inbox", options, served.folder / "messages")), options)
    deliver(outbox, {"inbox": channel}, lambda: NOW)
    yield replace(served, outbox=outbox, browser=requests.Session())
    outbox.close()


def test_buttons_act_and_the_page_says_who_minds_it(house: House) -> None:
    assert house.press("ack").status_code == 303
    assert house.standing() == "ack"
    page = house.get().text
    assert "acknowledged by sam" in page
    assert "ack" not in [deed for form in Forms(page).forms for deed in form["deeds"]]
    [action] = actions_log(house.outbox, 10)
    assert (action["verb"], action["asked_by"], action["via"]) == ("ack", "sam", "page")


@pytest.mark.parametrize(
    ("deed", "until"),
    [
        ("snooze-1h", NOW + timedelta(hours=1)),
        ("snooze-1d", NOW + timedelta(days=1)),
        ("snooze-next", datetime(2026, 7, 1, 9, tzinfo=UTC)),
    ],
)
def test_snoozes_end_when_they_say(house: House, deed: str, until: datetime) -> None:
    assert house.press(deed).status_code == 303
    assert [row["handled_until"] for row in open_episodes(house.outbox)] == [until]


def test_resolved_is_over_and_has_no_buttons(house: House) -> None:
    house.press("resolve")
    assert house.standing() == "ended"
    assert Forms(house.get().text).forms == []


def test_a_silence_needs_a_reason_and_an_end(house: House) -> None:
    assert house.press("silence", hours="8", reason=" ").status_code == 409
    assert house.press("silence", hours="99", reason="fair").status_code == 409
    assert house.press("silence", hours="8", reason="fair").status_code == 303
    [silence] = silences_in_force(house.outbox, NOW)
    assert (silence["reason"], silence["key_prefix"], silence["is_exact"]) == ("fair", "a", True)


@pytest.mark.parametrize(
    ("fields", "headers"),
    [
        ({"token": ""}, {}),
        ({"token": "0" * 64}, {}),
        ({}, {"Origin": "http://evil.example"}),
        ({}, {"Origin": "null"}),
        ({}, {"Origin": ""}),
        ({}, {"Cookie": "inbox=another"}),
        ({"reason": "x" * 9000}, {}),
    ],
)
def test_a_form_that_is_not_ours_does_nothing(
    house: House, fields: dict[str, str], headers: dict[str, str]
) -> None:
    form = Forms(house.get().text).forms[0]
    answer = house.post("do", {**form["fields"], "deed": "ack", **fields}, **headers)
    assert answer.status_code == 403
    assert house.standing() == ""
    assert actions_log(house.outbox, 10) == []


def test_nothing_is_done_by_following_a_link(house: House) -> None:
    for _ in range(3):
        answer = house.get(house.link("ack"))
        assert answer.status_code == 200
    assert house.standing() == ""
    assert HOSTILE not in answer.text and Forms(answer.text).scripts == 0
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
    cookie = answer.headers["Set-Cookie"].lower()
    assert "httponly" in cookie and "samesite=strict" in cookie


def test_a_link_acts_once_for_whom_it_was_made(house: House) -> None:
    path = house.link("snooze-1h")
    assert "snoozed until 2026-06-30 13:00" in house.confirm(path, reason="at lunch").text
    house.clock[:] = [NOW + timedelta(minutes=30)]
    assert "done before, by ana@example.com" in house.confirm(path).text
    [action] = actions_log(house.outbox, 10)
    assert (action["asked_by"], action["via"], action["reason"]) == (
        "ana@example.com",
        "link",
        "at lunch",
    )
    assert open_episodes(house.outbox)[0]["handled_until"] == NOW + timedelta(hours=1)


@pytest.mark.parametrize(
    "change",
    [
        {"sign": "A" * 43},
        {"sign": ""},
        {"until": "99999999999"},
        {"until": "abc"},
        {"by": "eve@example.com"},
        {"event": "another"},
    ],
)
def test_a_changed_link_is_refused(house: House, change: dict[str, str]) -> None:
    path = urlsplit(house.link("ack"))
    query = {**dict(parse_qsl(path.query)), **change}
    answer = house.browser.get(house.url + path.path, params=query, timeout=10)
    assert answer.status_code == 403
    form = Forms(house.get(house.link("ack")).text).forms[0]["fields"]
    assert house.post(path.path, {**form, **change}).status_code in (403, 409)
    assert house.standing() == ""


def test_links_of_another_key_episode_or_deed_are_refused(house: House) -> None:
    for path in (
        house.link("ack", key=b"x" * 32),
        house.link("ack", episode=2),
        house.link("ack", alert="late/b"),
        house.link("ack").replace("/ack?", "/resolve?"),
    ):
        assert house.get(path).status_code == 403, path


def test_an_expired_link_says_so(house: House) -> None:
    path = house.link("ack")
    house.clock[:] = [NOW + timedelta(days=7)]
    assert "expired" in house.get(path).text


def test_a_link_to_what_is_over_says_so(house: House) -> None:
    house.press("resolve")
    answer = house.confirm(house.link("ack"))
    assert answer.status_code == 409 and "is not open" in answer.text
