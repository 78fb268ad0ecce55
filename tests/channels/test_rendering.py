"""How messages look on each channel: within the published limits, complete, and inert (row S7).

The constraints were written down from the vendors' public descriptions, as no schema is kept here:
Slack's Block Kit reference (docs.slack.dev), the Adaptive Card schema 1.5
(github.com/microsoft/AdaptiveCards, schemas/1.5.0/adaptive-card.json), PagerDuty's Events v2
document (github.com/PagerDuty/api-schema, reference/events-v2/openapiv3.json).
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator
from datetime import datetime
from html.parser import HTMLParser
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from receiver import Receiver, Seen
from rigs import RIGS, parsed
from samples import ACTIONS, MESSAGES, message, told

from revops_pipelines.engine.alerts.channel import Message
from revops_pipelines.engine.alerts.wording import visible
from revops_pipelines.resources.channels.pagerduty import dedup_key
from revops_pipelines.resources.channels.teams import MOST_BYTES


@pytest.fixture(params=sorted(MESSAGES))
def sample(request: pytest.FixtureRequest) -> Message:
    return MESSAGES[request.param]


def bodies(name: str, sample: Message) -> list[str]:
    channel = RIGS[name].channel(Receiver(url="http://127.0.0.1:9/hook", port=9))
    return [draft.body for draft in channel.sender.drafts(sample)]


def parts(tree: Any) -> Iterator[dict[str, Any]]:
    """Every object in a JSON document."""
    if isinstance(tree, dict):
        yield tree
        for value in tree.values():
            yield from parts(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from parts(value)


TEXT = {"type": "object", "required": ["type", "text"]}
BLOCKS = {
    "header": {
        "text": {"properties": {"text": {"maxLength": 150}, "type": {"const": "plain_text"}}}
    },
    "section": {
        "text": {"properties": {"text": {"minLength": 1, "maxLength": 3000}}},
        "fields": {
            "minItems": 1,
            "maxItems": 10,
            "items": {**TEXT, "properties": {"text": {"maxLength": 2000}}},
        },
    },
    "context": {"elements": {"minItems": 1, "maxItems": 10, "items": TEXT}},
    "actions": {
        "elements": {
            "minItems": 1,
            "maxItems": 25,
            "items": {
                "required": ["type", "text", "url", "action_id"],
                "properties": {
                    "text": {"properties": {"text": {"maxLength": 75}}},
                    "url": {"maxLength": 3000, "pattern": "^https?://"},
                    "action_id": {"maxLength": 255},
                },
            },
        }
    },
}


@functools.cache
def block_schema(kind: str) -> Draft202012Validator:
    known = {"type": {"const": kind}, **BLOCKS[kind]}
    return Draft202012Validator({"properties": known, "additionalProperties": False})


def test_slack_keeps_to_block_kit(sample: Message) -> None:
    for name in ("slack", "slack_bot"):
        [text] = bodies(name, sample)
        body = json.loads(text)
        [attachment] = body["attachments"]
        blocks = [*body["blocks"], *attachment["blocks"]]
        assert 2 <= len(blocks) <= 50
        assert re.fullmatch("#[0-9A-F]{6}", attachment["color"])
        assert 0 < len(body["text"]) <= 4000
        for block in blocks:
            block_schema(block["type"]).validate(block)
        for part in parts(blocks):
            if part.get("type") == "mrkdwn":
                assert part["verbatim"] is True
                # Every pair of angle brackets that is left is a link that we made.
                for inside in re.findall("<([^>]*)>", part["text"]):
                    assert inside.startswith("https://crm.example/")
                assert "<!" not in part["text"] and "<@" not in part["text"]


ALIGNED = {"spacing": {}, "separator": {"type": "boolean"}, "height": {}}
ELEMENTS: dict[str, tuple[tuple[str, ...], dict[str, Any]]] = {
    "Container": (
        ("items",),
        {
            "items": {"minItems": 1},
            "style": {"enum": ["default", "emphasis", "good", "attention", "warning", "accent"]},
            "bleed": {"type": "boolean"},
        },
    ),
    "ColumnSet": ((), {"columns": {"minItems": 1}}),
    "Column": ((), {"items": {"minItems": 1}, "width": {"enum": ["90px", "auto", "stretch"]}}),
    "RichTextBlock": (("inlines",), {"inlines": {"minItems": 1}}),
    "TextRun": (
        ("text",),
        {
            "text": {"type": "string", "minLength": 1},
            "size": {"enum": ["default", "small", "medium", "large", "extraLarge"]},
            "weight": {"enum": ["default", "lighter", "bolder"]},
            "isSubtle": {"type": "boolean"},
            "selectAction": {"type": "object"},
        },
    ),
    "Action.OpenUrl": (
        ("url",),
        {"url": {"type": "string", "pattern": "^https?://"}, "title": {"type": "string"}},
    ),
    "AdaptiveCard": (
        ("version", "body"),
        {
            "version": {"enum": ["1.4", "1.5"]},
            "$schema": {"const": "http://adaptivecards.io/schemas/adaptive-card.json"},
            "body": {"minItems": 1},
            "actions": {"minItems": 1, "maxItems": 6},
            "fallbackText": {"type": "string"},
        },
    ),
}


@functools.cache
def element_schema(kind: str) -> Draft202012Validator:
    required, known = ELEMENTS[kind]
    return Draft202012Validator(
        {
            "required": ["type", *required],
            "properties": {"type": {}, **ALIGNED, **known},
            "additionalProperties": False,
        }
    )


def test_teams_keeps_to_the_adaptive_card_schema(sample: Message) -> None:
    [text] = bodies("teams", sample)
    body = json.loads(text)
    assert body["type"] == "message"
    [attachment] = body["attachments"]
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    for part in parts(attachment["content"]):
        element_schema(part["type"]).validate(part)
        # Text runs know no Markdown; what begins a date function is broken up.
        assert "{{" not in str(part.get("text", ""))
    assert len(json.dumps(body, ensure_ascii=False).encode()) <= MOST_BYTES < 28 * 1024
    assert not re.search(r"(?<!\\)[\[\]<>*`]", attachment["content"]["fallbackText"])


PAGERDUTY = {
    "type": "object",
    "additionalProperties": False,
    "required": ["routing_key", "event_action", "dedup_key"],
    "properties": {
        "routing_key": {"const": "***"},
        "event_action": {"enum": ["trigger", "acknowledge", "resolve"]},
        "dedup_key": {"type": "string", "minLength": 1, "maxLength": 255},
        "client": {"type": "string"},
        "links": {
            "minItems": 1,
            "items": {
                "required": ["href"],
                "properties": {"href": {"pattern": "^https?://"}, "text": {"type": "string"}},
                "additionalProperties": False,
            },
        },
        "payload": {
            "additionalProperties": False,
            "required": ["summary", "severity", "source"],
            "properties": {
                "summary": {"type": "string", "minLength": 1, "maxLength": 1024},
                "severity": {"enum": ["critical", "warning", "error", "info"]},
                "source": {"type": "string"},
                "timestamp": {"type": "string", "pattern": r"^2026-\d\d-\d\dT\d\d:\d\d:\d\dZ$"},
                "component": {"type": "string"},
                "group": {"type": "string"},
                "class": {"type": "string"},
                "custom_details": {"type": "object"},
            },
        },
    },
    "if": {"properties": {"event_action": {"const": "trigger"}}},
    "then": {"required": ["payload"]},
}


def test_pagerduty_keeps_to_events_v2(sample: Message) -> None:
    found = [json.loads(text) for text in bodies("pagerduty", sample)]
    assert found
    for event in found:
        Draft202012Validator(PAGERDUTY).validate(event)
        # The whole event may have 512 KB.
        assert len(json.dumps(event)) < 100_000


def test_pagerduty_key_fits_whatever_the_alert_is_called() -> None:
    short, long = told("a"), told("b", alert="late/" + "k" * 600)
    assert dedup_key(short) == "revops/late/a/1"
    assert len(dedup_key(long)) < 255 and dedup_key(long) != dedup_key(told(alert="late/k"))


class _Html(HTMLParser):
    """Collects what a browser would act on."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.links: list[str] = []
        self.handlers: list[str] = []
        self.loads: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            if name == "href":
                self.links.append(value or "")
            if name.startswith("on"):
                self.handlers.append(name)
            if name in ("src", "background", "srcset") or "url(" in (value or ""):
                self.loads.append(name)


def test_s7_mail_is_inert_and_whole(sample: Message) -> None:
    for text in bodies("email", sample):
        assert text.isascii()
        mail = parsed_text(text)
        assert mail.defects == []
        assert mail["Bcc"] is None and mail["Cc"] is None
        assert re.fullmatch(r"(ops|sam|lea)@example\.com", mail["To"])
        assert [str(value) for value in mail.get_all("From")] == [
            "revops alerts <revops@example.com>"
        ]
        assert len(str(mail["Subject"])) <= 200
        assert mail["Auto-Submitted"] == "auto-generated"
        assert mail["List-Id"] == "revops alerts <email.revops.example.com>"
        assert isinstance(mail["Date"].datetime, datetime)
        plain, html = (mail.get_body((kind,)).get_content() for kind in ("plain", "html"))
        page = _Html()
        page.feed(html)
        assert not page.tags & {"script", "img", "iframe", "form", "object", "style", "link"}
        assert page.handlers == [] and page.loads == []
        assert all(
            link.startswith(("https://crm.example/", "https://revops.example/"))
            for link in page.links
        )
        # Gmail cuts what is longer.
        assert len(html.encode()) < 102_000
        assert "\u202e" not in plain + html and "\x00" not in plain + html
        if "evil" in plain:
            assert "&lt;script&gt;alert(1)" in html


def parsed_text(text: str) -> Any:
    return parsed(Seen("", {}, text.encode()))


def test_s7_nothing_invisible_or_foreign_gets_through_anywhere() -> None:
    for name in RIGS:
        for text in bodies(name, MESSAGES["hostile"]):
            assert "javascript:alert" not in text
            for sign in ("\u202e", "\x00", "\\u0000", "\r\nBcc"):
                assert sign not in text


def test_what_is_invisible_is_taken_out_and_lines_are_joined() -> None:
    assert visible("a\r\nBcc: b\x00\u202ec") == "a Bcc: b c"
    assert visible(None) == "" and visible(3) == "3"
    assert visible("\ud800x") == "?x"
    assert visible("Zoë 寿司 👋🏽 נעם") == "Zoë 寿司 👋🏽 נעם"


@pytest.mark.parametrize("name", sorted(RIGS))
def test_everything_a_reader_needs_is_there(name: str) -> None:
    [text] = bodies(name, MESSAGES["fired"])
    if name == "email":
        mail = parsed_text(text)
        text = mail.get_body(("plain",)).get_content()
        assert "Call now." in mail.get_body(("html",)).get_content()
    for needed in (
        "Lead unanswered past its deadline: Acme",
        "crm.example/contacts/1?a=1",
        "2026-06-30 11:00 UTC (1 h 00 min)",
        "within 60 working minutes",
        "Sam Seller",
        "website form",
        "held by quiet hours",
        "Call now.",
    ):
        assert needed in text, needed


@pytest.mark.parametrize("name", sorted(set(RIGS) - {"webhook"}))
def test_actions_become_links_and_only_where_there_are_some(name: str) -> None:
    [text] = bodies(name, MESSAGES["fired"])
    [without] = bodies(name, MESSAGES["escalated"])
    if name == "email":
        text = parsed_text(text).get_body(("plain",)).get_content()
    for action in ACTIONS:
        assert action.label in text and action.url in text
        assert action.label not in without


@pytest.mark.parametrize("name", sorted(RIGS))
def test_a_test_is_marked_as_one(name: str) -> None:
    [text] = bodies(name, MESSAGES["test"])
    assert "Test: Lead unanswered" in text


def test_the_colour_says_how_bad_it_is() -> None:
    def colour(name: str) -> str:
        [text] = bodies("slack", MESSAGES[name])
        return str(json.loads(text)["attachments"][0]["color"])

    assert len({colour(name) for name in ("fired", "escalated", "resolved")}) == 3


def test_nothing_of_the_notice_leaves_but_its_fields() -> None:
    private = told(
        owner_email="sam@example.com", receiver={"name": "Sam", "email": "s@example.com"}
    )
    for name in set(RIGS) - {"email"}:
        for text in bodies(name, message(private)):
            assert "@example.com" not in text
