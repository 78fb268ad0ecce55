"""The inbox page: what arrived, newest first, and nothing in it runs."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import requests

from revops_pipelines.resources.channels.inbox.page import running_inbox

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'&"


def put(folder: Path, name: str, **more: Any) -> None:
    event = {
        "event_id": name,
        "alert": f"late/{name}",
        "episode": 1,
        "rule_title": "Late",
        "key": name,
        "title": f"{name} is late",
        "facts": [["Record", name], ["Owner", "Sam"]],
        "url": f"https://crm.example/{name}",
        "what_to_do": "Call.",
    }
    body = {
        "message_id": name,
        "kind": "fired",
        "severity": "warning",
        "title": f"{name} is late",
        "note": "",
        "sent_at": "2026-06-30T12:00:00Z",
        "events": [event | more.pop("event", {})],
    }
    (folder / f"{name}.json").write_text(json.dumps(body | more))


class Parsed(HTMLParser):
    """Tags with their attributes, and the text between them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture
def page(tmp_path: Path) -> Iterator[str]:
    with running_inbox(tmp_path) as url:
        yield url


def get(url: str, **headers: str) -> requests.Response:
    return requests.get(url, headers=headers, timeout=10)


def test_empty_inbox_says_so(page: str) -> None:
    assert "Nothing has arrived yet" in get(page).text


def test_newest_first_with_link_owner_and_what_to_do(page: str, tmp_path: Path) -> None:
    put(tmp_path, "20260630T1200-a")
    put(tmp_path, "20260630T1300-b")
    answer = get(page)
    assert answer.text.index("1300-b is late") < answer.text.index("1200-a is late")
    parsed = Parsed(answer.text)
    assert parsed.all("a")[0]["href"] == "https://crm.example/20260630T1300-b"
    assert "Sam" in parsed.text and "Call." in parsed.text


def test_text_of_others_is_inert(page: str, tmp_path: Path) -> None:
    put(
        tmp_path,
        "a",
        title=HOSTILE,
        note=HOSTILE,
        event={"facts": [[HOSTILE, HOSTILE]], "what_to_do": HOSTILE, "url": "javascript:alert(3)"},
    )
    answer = get(page)
    parsed = Parsed(answer.text)
    assert [script["src"] for script in parsed.all("script")] == ["page.js"]
    assert parsed.all("img") == [] and parsed.all("a") == []
    assert parsed.text.count(HOSTILE) == 5
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy


def test_digest_shows_the_first_and_counts_the_rest(page: str, tmp_path: Path) -> None:
    rows = [
        {"title": f"t{n}", "key": f"k{n}", "facts": [["Record", f"r{n}"]], "url": None}
        for n in range(50)
    ]
    put(tmp_path, "a", kind="digest", count=412, events=rows)
    text = Parsed(get(page).text).text
    assert "r9" in text and "r10" not in text
    assert "and 402 more" in text


def test_list_is_sent_again_only_when_it_changed(page: str, tmp_path: Path) -> None:
    put(tmp_path, "a")
    first = get(f"{page}messages")
    tag = first.headers["ETag"]
    assert get(f"{page}messages", **{"If-None-Match": tag}).status_code == 304
    put(tmp_path, "b")
    assert get(f"{page}messages", **{"If-None-Match": tag}).status_code == 200


def test_half_written_and_foreign_files_are_passed_over(page: str, tmp_path: Path) -> None:
    put(tmp_path, "a")
    (tmp_path / "b.json").write_text('{"half')
    (tmp_path / "c.json").write_text("[1]")
    (tmp_path / ".d.tmp").write_text("{}")
    answer = get(page)
    assert answer.status_code == 200
    assert answer.text.count("<article") == 1


def test_another_host_name_is_refused(page: str) -> None:
    assert get(page, Host="evil.example").status_code == 400


def test_styles_and_script_are_served_and_load_nothing_else(page: str) -> None:
    for name, kind in (("page.css", "text/css"), ("page.js", "text/javascript")):
        answer = get(page + name)
        assert answer.headers["Content-Type"].startswith(kind)
        assert "http" not in answer.text.replace("https://", "http") or "://" not in answer.text
    assert os.sep not in page.removeprefix("http://127.0.0.1:").rstrip("/")
