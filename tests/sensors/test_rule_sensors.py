"""The sensors of nightly rules and of stale sources: what is due, what is told once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import duckdb
import pytest

from revops_pipelines.engine.alerts.declaration import Rule, RuleOptions
from revops_pipelines.engine.alerts.in_force import InForce
from revops_pipelines.engine.alerts.judgings import end_judgings, record_judging
from revops_pipelines.engine.alerts.outbox import MESSAGES, Outbox
from revops_pipelines.engine.alerts.outbox_facts import record_outbox
from revops_pipelines.engine.alerts.tables import ensure_alert_tables
from revops_pipelines.engine.ingest.errors import QuotaExhaustedError
from revops_pipelines.engine.ingest.metering import Calls
from revops_pipelines.engine.ingest.usage import record_calls
from revops_pipelines.engine.metrics.tables import ensure_metric_tables
from revops_pipelines.engine.warehouse.schema import ensure_schema
from revops_pipelines.resources.outbox import OutboxResource
from revops_pipelines.sensors.freshness import Watch, find_stale, judge
from revops_pipelines.sensors.rules.source_freshness import RULE as FRESHNESS
from revops_pipelines.sensors.thresholds import read_unjudged

NOON = datetime(2026, 6, 30, 12, tzinfo=UTC)


@pytest.fixture
def warehouse() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        ensure_schema(connection)
        ensure_alert_tables(connection)
        ensure_metric_tables(connection)
        yield connection


def rule(name: str, *metrics: str) -> Rule:
    return Rule(
        name=name,
        title="T",
        owner="o",
        severity="info",
        meaning="m",
        what_to_do="d",
        options=RuleOptions,
        inputs=(),
        sql="SELECT 1",
        detect=lambda rows, options, now: [],
        metrics=metrics,
    )


def test_rules_whose_metrics_have_newer_values_are_due(warehouse):
    warehouse.execute(
        "INSERT INTO metrics.metric_values (metric, computed_at) VALUES "
        "('mrr', '2026-06-30 03:00'), ('win_rate', '2026-06-30 05:00')"
    )
    warehouse.execute(
        "INSERT INTO ops.alert_evaluations (rule, evaluated_at) VALUES "
        "('judged', '2026-06-30 04:00'), ('late', '2026-06-30 04:00')"
    )
    rules = [rule("judged", "mrr"), rule("late", "win_rate"), rule("new", "mrr"), rule("other")]
    assert {name: at.hour for name, at in read_unjudged(warehouse, rules).items()} == {
        "late": 5,
        "new": 3,
    }


def test_a_stale_source_is_told_once_and_when_it_is_back(warehouse):
    freshness, usual = InForce(FRESHNESS, FRESHNESS.options()), timedelta(hours=26)
    watches: dict[str, Watch] = {}
    told = []
    for at in ("2026-06-28 00:00", "2026-06-28 00:00", "2026-06-30 11:00"):
        warehouse.execute("DELETE FROM ops.loads")
        warehouse.execute(
            "INSERT INTO ops.loads VALUES ('l', 'crm', 'contacts', 'r', 0, 0, 0, ?)", [at]
        )
        found = find_stale(warehouse, freshness, usual, NOON)
        watches, events = judge(found, ["crm", "never_loaded"], watches, freshness, NOON)
        told += [(event["event_id"], event["notice"]["headline"]) for event in events]
    assert told == [
        ("source_freshness-crm-1-fired", "crm was not loaded"),
        ("source_freshness-crm-1-resolved", "crm is loaded again"),
    ]
    assert watches == {"crm": Watch(False, 1), "never_loaded": Watch()}


def test_what_a_source_used_is_kept_and_that_it_ran_out(warehouse):
    record_calls(warehouse, "crm", "r1", Calls(10, 90, 100), [], NOON - timedelta(days=100))
    record_calls(warehouse, "crm", "r2", Calls(20, 70, 100), [QuotaExhaustedError("x")], NOON)
    record_calls(warehouse, "files", "r2", None, [ValueError("x")], NOON)
    rows = warehouse.execute(
        "SELECT source, run_id, calls_used, calls_left, is_exhausted FROM ops.source_calls"
    ).fetchall()
    assert rows == [("crm", "r2", 20, 70, True)]


def message(channel: str, place: int, **said) -> dict:
    return {
        "message_id": f"{channel}{place}",
        "channel": channel,
        "event_id": None,
        "alert": "r/k",
        "episode": 1,
        "state": "waiting",
        "is_for_digest": False,
        "reason": "",
        "note": "",
        "created_at": NOON,
        "not_before": NOON - timedelta(minutes=40),
        "attempts": 0,
    } | said


def filled(outbox: Outbox) -> None:
    rows = [
        message("slack", 1),
        message("slack", 2, not_before=NOON + timedelta(hours=8)),
        # A try that failed puts the next one off; the message is due all the same.
        message(
            "slack",
            5,
            not_before=NOON + timedelta(minutes=10),
            first_tried_at=NOON - timedelta(minutes=50),
        ),
        message("slack", 6, is_for_digest=True, not_before=NOON - timedelta(hours=2)),
        message("mail", 3, state="dead"),
        message("mail", 4, state="sent", sent_at=NOON),
    ]
    with outbox.transaction() as connection:
        for row in rows:
            connection.execute(MESSAGES.insert(), row)


def test_the_warehouse_knows_how_delivery_stands_and_stood(warehouse, tmp_path):
    warehouse.execute("INSERT INTO ops.alert_evaluations (rule) VALUES ('in_force'), ('removed')")
    later = NOON + timedelta(minutes=5)
    with OutboxResource(path=str(tmp_path / "outbox.sqlite")).opened() as outbox:
        filled(outbox)
        for now in (NOON, NOON, later):
            record_outbox(warehouse, outbox, ["in_force"], now)
        with outbox.transaction() as connection:
            sent = {"state": "sent", "sent_at": later}
            connection.execute(MESSAGES.update().where(MESSAGES.c.message_id == "slack5"), sent)
            connection.execute(MESSAGES.delete().where(MESSAGES.c.channel == "mail"))
        record_outbox(warehouse, outbox, ["in_force"], later)
    rows = warehouse.execute(
        "SELECT channel, waiting, oldest_due_at, dead_lately, seen_at, until_at "
        "FROM ops.outbox_facts ORDER BY channel, seen_at"
    ).fetchall()
    noon, five = datetime(2026, 6, 30, 12), datetime(2026, 6, 30, 12, 5)
    assert rows == [
        ("mail", 0, None, 1, noon, five),
        ("slack", 2, datetime(2026, 6, 30, 11, 10), 0, noon, five),
        ("slack", 1, datetime(2026, 6, 30, 11, 20), 0, five, None),
    ]
    assert warehouse.execute("SELECT rule FROM ops.alert_evaluations").fetchall() == [("in_force",)]


def test_when_rules_were_judged_is_kept_as_spans(warehouse):
    for minutes in (0, 5, 10, 600, 605):
        record_judging(warehouse, "pulsed", NOON + timedelta(minutes=minutes))
    record_judging(warehouse, "removed", NOON)
    end_judgings(warehouse, ["pulsed"], NOON + timedelta(days=1))
    record_judging(warehouse, "removed", NOON + timedelta(minutes=1))
    rows = warehouse.execute(
        "SELECT rule, first_at::TIME::VARCHAR, last_at::TIME::VARCHAR, until_at IS NULL "
        "FROM ops.rule_judgings ORDER BY ALL"
    ).fetchall()
    assert rows == [
        ("pulsed", "12:00:00", "12:10:00", True),
        ("pulsed", "22:00:00", "22:05:00", True),
        ("removed", "12:00:00", "12:00:00", False),
        ("removed", "12:01:00", "12:01:00", True),
    ]
