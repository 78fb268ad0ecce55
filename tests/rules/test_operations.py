"""Rules about the pipeline itself: drift, quarantine, calls, dead channels, stale sources."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from rule_house import NOON

from revops_pipelines.engine.alerts.declaration import Verdict
from revops_pipelines.sensors.rules import (
    alerting_dead,
    call_budget,
    quarantine_share,
    schema_drift,
    source_freshness,
)

EARLY = datetime(2026, 6, 29, 2, 30)


def field(path: str, change: str, at: datetime = EARLY) -> dict[str, Any]:
    return {
        "source": "crm",
        "stream": "contacts",
        "path": path,
        "change": change,
        "changed_at": at,
        "records_with": 5,
        "records_all": 10,
    }


def test_fields_that_are_gone_and_new_ones_are_told_per_stream(rows_of):
    rows = rows_of(schema_drift.RULE, field("/a", "gone"), field("/b", "gone"), field("/c", "new"))
    gone, new = schema_drift.detect(rows, schema_drift.DriftOptions(), NOON)
    assert (gone.key, gone.severity, new.severity) == ("crm.contacts/gone", "warning", "info")
    assert gone.notice.headline == "crm.contacts no longer sends 2 fields"
    assert gone.notice.observed == "/a, /b"
    assert new.notice.is_momentary


def test_drift_that_is_ignored_old_or_over(rows_of):
    none = {"source": "crm", "stream": "contacts", "change": "none"}
    rows = rows_of(
        schema_drift.RULE,
        none,
        field("/hs_x", "gone"),
        field("/old", "new", datetime(2026, 6, 1)),
        {"watched_key": "crm.contacts/gone"},
    )
    options = schema_drift.DriftOptions(ignore=("/hs_",))
    [ended] = schema_drift.detect(rows, options, NOON)
    assert ended.verdict is Verdict.CLEAR


@pytest.mark.parametrize(
    ("records", "kept", "verdict", "severity"),
    [
        (0, 100, Verdict.CLEAR, None),
        (2, 10, Verdict.HOLD, None),
        (3, 197, Verdict.BREACH, None),
        (10, 90, Verdict.BREACH, "critical"),
        (9, 991, Verdict.HOLD, None),
        (0, 0, Verdict.CLEAR, None),
    ],
)
def test_quarantine_is_judged_by_share_and_number(rows_of, records, kept, verdict, severity):
    row = {"entity": "leads", "kept": kept, "records": records, "first_seen_at": EARLY}
    rows = rows_of(quarantine_share.RULE, row)
    [found] = quarantine_share.detect(rows, quarantine_share.QuarantineOptions(), NOON)
    assert (found.verdict, found.severity) == (verdict, severity)


def calls(**said: Any) -> dict[str, Any]:
    return {
        "source": "crm",
        "read_at": datetime(2026, 6, 30, 2, 30),
        "calls_used": 100,
        "calls_left": 5000,
        "calls_limit": 10_000,
        "is_exhausted": False,
        "used_in_a_day": 700,
    } | said


@pytest.mark.parametrize(
    ("row", "options", "verdict", "severity"),
    [
        ({}, {}, Verdict.CLEAR, None),
        ({"calls_left": 1999}, {}, Verdict.BREACH, "warning"),
        ({"calls_left": None, "calls_limit": None}, {}, Verdict.CLEAR, None),
        ({"is_exhausted": True}, {}, Verdict.BREACH, "critical"),
        ({}, {"max_used": 600}, Verdict.BREACH, "warning"),
        ({"calls_left": 0, "read_at": datetime(2026, 6, 28)}, {}, Verdict.HOLD, None),
        (
            {"calls_left": 1999},
            {"overrides": {"source": {"crm": {"left_share": 0.1}}}},
            Verdict.CLEAR,
            None,
        ),
    ],
)
def test_calls(rows_of, row, options, verdict, severity):
    rows = rows_of(call_budget.RULE, calls(**row))
    [found] = call_budget.detect(rows, call_budget.BudgetOptions(**options), NOON)
    assert (found.verdict, found.severity) == (verdict, severity)


def test_a_channel_that_does_not_drain_and_a_rule_that_is_not_judged(rows_of):
    rows = rows_of(
        alerting_dead.RULE,
        {
            "what": "channel",
            "name": "slack",
            "waiting": 3,
            "oldest_due_at": datetime(2026, 6, 30, 11),
            "dead_lately": 0,
            "last_error": "404",
        },
        {"what": "channel", "name": "inbox", "waiting": 0, "dead_lately": 0},
        {"what": "channel", "name": "mail", "waiting": 0, "dead_lately": 2},
        {
            "what": "channel",
            "name": "teams",
            "waiting": 1,
            "oldest_due_at": datetime(2026, 6, 30, 11),
            "last_sent_at": datetime(2026, 6, 30, 11, 30),
            "dead_lately": 0,
        },
        {"what": "rule", "name": "large_loss", "judged_at": datetime(2026, 6, 28)},
        {"what": "rule", "name": "stuck_deals", "judged_at": EARLY},
        {"watched_key": "channel:gone"},
    )
    found = {
        each.key: each for each in alerting_dead.detect(rows, alerting_dead.DeadOptions(), NOON)
    }
    breaches = {key for key, each in found.items() if each.verdict is Verdict.BREACH}
    assert breaches == {"channel:slack", "channel:mail", "channel:teams", "rule:large_loss"}
    assert found["channel:teams"].notice.headline == (
        "Channel teams holds a message back for 1 h 00 min"
    )
    slack = found["channel:slack"].notice
    assert slack.headline == "Channel slack sends nothing for 1 h 00 min"
    assert slack.facts == {"Last error": "404"}
    assert found["channel:gone"].verdict is Verdict.CLEAR


def test_a_stale_source_and_one_with_an_age_of_its_own(rows_of):
    rows = rows_of(
        source_freshness.RULE,
        {"source": "crm", "loaded_at": datetime(2026, 6, 28), "stalest": "contacts"},
        {"source": "files", "loaded_at": datetime(2026, 6, 28), "stalest": "quotas"},
        {"source": "billing", "loaded_at": EARLY.replace(day=30), "stalest": "x"},
    )
    overrides = {"source": {"files": {"max_age_hours": 200}}}
    options = source_freshness.FreshnessOptions(max_age_hours=26, overrides=overrides)
    crm, files, billing = source_freshness.detect(rows, options, NOON)
    assert crm.notice.observed == "last load 60.0 h ago, of contacts"
    assert (files.verdict, billing.verdict) == (Verdict.CLEAR, Verdict.CLEAR)
