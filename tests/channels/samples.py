"""Messages that the tests of channels share, and words that must not come to life anywhere."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from revops_pipelines.engine.alerts.channel import Action, Message, Told

NOON = datetime(2026, 6, 30, 12, tzinfo=UTC)
# Every channel's own way of making something of a text, and of breaking out of one.
HOSTILE = (
    "<!channel> <@U1> <https://evil.example|click> [click](https://evil.example) **b** "
    "<script>alert(1)</script><img src=x onerror=alert(1)> {{DATE(2026-01-01,SHORT)}} "
    '"&quot; \r\nBcc: victim@evil.example\r\n\r\n--boundary\u202egnp.exe\x00'
)
ACTIONS = (
    Action("Acknowledge", "https://revops.example/act/ack?event=1&sign=abc"),
    Action("Snooze 1 hour", "https://revops.example/act/snooze-1h?event=1&sign=abc"),
)


def told(key: str = "crm:1", kind: str = "fired", **changed: Any) -> Told:
    """An event; `changed` are fields of `Told`, all others those of its notice."""
    notice = {
        "headline": "Lead unanswered past its deadline: Acme",
        "subject": "Acme, J. R. (crm:1)",
        "since": "2026-06-30T11:00:00Z",
        "observed": "waiting 2 h",
        "limit": "within 60 working minutes",
        "owner": "Sam Seller",
        "url": "https://crm.example/contacts/1?a=1&b=2",
        "what_to_do": "Call now.",
        "facts": {"Channel": "website form"},
        "ended": "answered by Sam Seller" if kind == "resolved" else "",
    }
    fields: dict[str, Any] = {
        "event_id": f"event-{key}-{kind}",
        "alert": f"late/{key}",
        "episode": 1,
        "kind": kind,
        "rule": "late",
        "rule_title": "Lead waits too long",
        "key": key,
        "severity": "warning",
        "occurred_at": NOON,
    }
    own = {name: changed.pop(name) for name in tuple(changed) if name in Told.__slots__}
    return Told(**{**fields, "notice": notice | changed, **own})


def message(*events: Told, **changed: Any) -> Message:
    """A message with one event, or a digest of several."""
    fields: dict[str, Any] = {
        "message_id": "0123456789abcdef0123456789abcdef",
        "channel": "team",
        "is_digest": len(events) > 1,
        "events": events or (told(),),
        "created_at": NOON,
        "sent_at": NOON,
    }
    return Message(**fields | changed)


def hostile(**changed: Any) -> Told:
    """An event whose every word comes from somebody who means harm."""
    words = dict.fromkeys(
        ("headline", "subject", "observed", "limit", "owner", "what_to_do", "ended"), HOSTILE
    )
    return told(**words, facts={HOSTILE: HOSTILE}, url="javascript:alert(1)", **changed)


def digest_of_a_week(count: int = 24) -> Message:
    """A digest with several rules, severities, days and endings, for two people and nobody."""
    rules = ("Lead waits too long", "Deal is stuck", "Payment failed", "Source is stale")
    people = (
        {"name": "Sam Seller", "email": "sam@example.com", "role": "owner", "why": ""},
        {"name": "Lea Lead", "email": "lea@example.com", "role": "lead", "why": "Ana is away"},
        None,
    )
    events = []
    for place in range(count):
        rule = rules[place * place % 7 % len(rules)]
        person = people[place % len(people)]
        is_over = place % 5 == 4
        events.append(
            told(
                f"crm:{place}",
                kind="resolved" if is_over else "fired",
                rule_title=rule,
                severity=("critical", "warning", "info")[place // 3 % 3],
                occurred_at=NOON - timedelta(days=place * place % 11, minutes=place),
                headline=f"{rule}: Account {place}",
                subject=f"Account {place} (crm:{place})",
                receiver=person,
                owner=person["name"] if person else None,
                actions=() if is_over else ACTIONS,
            )
        )
    return message(*events)


LONG = "&*_<" * 2000
LEAD = {"name": "Lea Lead", "email": "lea@example.com", "role": "lead", "why": "Ana is away"}
# Every kind of message there is, and what could break one.
MESSAGES = {
    "fired": message(told(actions=ACTIONS), note="held by quiet hours"),
    "resolved": message(told(kind="resolved")),
    "escalated": message(told(kind="escalated", severity="critical")),
    "repeated": message(told(kind="repeated", actions=ACTIONS)),
    "passed on": message(told(kind="passed_on", actions=ACTIONS, receiver=LEAD)),
    "acknowledged": message(told(kind="acknowledged", handled="by Ana Diaz: on it")),
    "snoozed": message(told(kind="snoozed", handled="by Ana Diaz, until 14:00 UTC")),
    "grouped": message(*(told(f"k{n}", actions=ACTIONS) for n in range(3))),
    "endings": message(
        *(told(f"k{n}", kind="resolved", thread={"x": "y"}) for n in range(3)), ended=("a", "b")
    ),
    "digest": digest_of_a_week(),
    "storm": message(*(told(f"k{n}", headline=LONG, subject=LONG, owner=LONG) for n in range(99))),
    "long": message(told(**dict.fromkeys(("headline", "subject", "what_to_do", "limit"), LONG))),
    "wide": message(told(subject="寿" * 5000, facts={f"f{n}": "寿" * 5000 for n in range(40)})),
    "hostile": message(hostile(actions=ACTIONS), note=HOSTILE),
    "hostile digest": message(*(hostile(key=f"k{n}") for n in range(3)), note=HOSTILE),
    "bare": message(told(**dict.fromkeys(told().notice, None))),
    "test": message(is_test=True),
}
