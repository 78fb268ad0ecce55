"""`revops alerts` and its verbs: what they say, what they change, how they fail."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from revops_pipelines.cli import app
from revops_pipelines.commands.failures import CommandError
from revops_pipelines.engine.alerts.declaration import Finding, Notice, Rule, RuleOptions, Verdict
from revops_pipelines.engine.alerts.evaluate import evaluate_rule
from revops_pipelines.engine.alerts.mirror import mirror_events
from revops_pipelines.engine.alerts.outbox import EVENTS, MESSAGES, Outbox, open_outbox
from revops_pipelines.engine.alerts.planning import plan_events

START = datetime(2026, 6, 30, 12, tzinfo=UTC)
KEYS = ("crm:1", "crm:2", "crm:22")


def _detect(rows: Sequence[Any], options: Any, now: datetime) -> list[Finding]:
    notice = Notice("a lead waits", "a lead", START, "waiting 2 h", "1 h", owner="Ana Diaz")
    return [Finding(key, Verdict.BREACH, notice) for key in KEYS]


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which a run has published three open alerts."""
    home = tmp_path_factory.mktemp("home")
    rule = Rule("late", "Late", "ops", "warning", "m", "do", RuleOptions, (), "SELECT 1", _detect)
    with duckdb.connect(str(home / "published.duckdb")) as warehouse:
        evaluate_rule(warehouse, rule, RuleOptions(), START, "run-1")
        rows = warehouse.execute("SELECT * FROM ops.alert_events ORDER BY event_seq")
        names = [column[0] for column in rows.description]
        events = [dict(zip(names, row, strict=True)) for row in rows.fetchall()]
    (home / "events.json").write_text(json.dumps(events, default=str))
    return home


@pytest.fixture
def home(
    published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Path, Outbox]]:
    (tmp_path / "published.duckdb").write_bytes((published / "published.duckdb").read_bytes())
    (tmp_path / "revops.toml").write_text("")
    monkeypatch.setenv("REVOPS_HOME", str(tmp_path))
    monkeypatch.setenv("REVOPS_CONFIG", str(tmp_path / "revops.toml"))
    outbox = open_outbox(tmp_path / "outbox.sqlite")
    events = json.loads((published / "events.json").read_text())
    for event in events:
        event["occurred_at"] = datetime.fromisoformat(event["occurred_at"]).replace(tzinfo=UTC)
    mirror_events(events, outbox)
    with outbox.turn() as connection:
        plan_events(connection, {}, START)
    yield tmp_path, outbox
    outbox.close()


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["alerts", *arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def as_json(*arguments: str) -> Any:
    return json.loads(run(*arguments, "--json"))


def standings() -> dict[str, str]:
    return {alert["key"]: alert["standing"] for alert in as_json("list")}


def test_what_is_done_shows_at_once(home: tuple[Path, Outbox]) -> None:
    assert set(standings().values()) == {"firing"}
    assert "late/crm:1: acknowledged" in run("ack", "crm:1", "--by", "ana", "--reason", "on it")
    [snoozed] = as_json("snooze", "late/crm:2", "--for", "2h")
    assert snoozed["said"] == "snoozed until 2026-06-30 14:00 UTC"
    run("resolve", "crm:22")
    assert standings() == {"crm:1": "acknowledged", "crm:2": "snoozed"}
    assert {alert["key"] for alert in as_json("list", "--all")} == set(KEYS)
    verbs = [(row["verb"], row["asked_by"]) for row in as_json("log")]
    assert verbs[-1] == ("ack", "ana") and [verb for verb, _ in verbs] == [
        "resolve",
        "snooze",
        "ack",
    ]
    shown = as_json("show", "late/crm:1")
    assert (shown["standing"], shown["handled_by"]) == ("acknowledged", "ana")
    assert shown["actions"][0]["reason"] == "on it"
    assert "a lead waits" in run("show", "late/crm:1")


def test_lists_what_begins_so_and_is_as_severe(home: tuple[Path, Outbox]) -> None:
    def listed(*arguments: str) -> set[str]:
        return {alert["key"] for alert in as_json("list", *arguments)}

    assert listed("late/crm:2") == listed("crm:2") == {"crm:2", "crm:22"}
    assert listed("late", "--severity", "warning") == set(KEYS)
    assert listed("late", "--severity", "critical") == listed("crm:3") == set()


def test_what_is_over_is_still_shown(home: tuple[Path, Outbox]) -> None:
    run("resolve", "late/crm:1", "--reason", "called")
    shown = as_json("show", "crm:1")
    assert (shown["standing"], shown["actions"][0]["reason"]) == ("resolved", "called")
    # What is open goes first: crm:2 and crm:22 begin so, and one of them is over.
    run("resolve", "crm:22")
    assert as_json("show", "late/crm:2")["standing"] == "firing"
    with pytest.raises(CommandError, match="no alert 'crm:3'"):
        run("show", "crm:3")


def test_what_is_named_in_full_is_shown_before_what_begins_so(home: tuple[Path, Outbox]) -> None:
    run("resolve", "late/crm:2")
    shown = as_json("show", "late/crm:2")
    assert (shown["alert"], shown["standing"]) == ("late/crm:2", "resolved")


def test_snoozes_say_until_when(home: tuple[Path, Outbox]) -> None:
    for arguments, until in (
        ((), "2026-06-30 13:00"),
        (("--next-working-day",), "2026-07-01 09:00"),
        (("--until", "2026-07-02T08:30"), "2026-07-02 08:30"),
    ):
        assert f"snoozed until {until} UTC" in run("snooze", "crm:1", *arguments)


def test_silences_are_listed_and_ended(home: tuple[Path, Outbox]) -> None:
    silence = as_json("silence", "--rule", "late", "--for", "1d", "--reason", "the fair")
    assert silence["what"] == "late/*"
    assert "the fair" in run("list")
    assert "has ended" in run("unsilence", silence["silence_id"][:8], "--reason", "over")
    assert "the fair" not in run("list")
    one = as_json("silence", "crm:1", "--for", "30m", "--reason", "known")
    assert one["what"] == "late/crm:1"
    assert one["ends_at"] == (START + timedelta(minutes=30)).strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("ack", "nobody"), "no open alert 'nobody'"),
        (("ack", "crm"), "can mean late/crm:1"),
        (("snooze", "crm:1", "--for", "soon"), "write 30m, 2h, 3d or 1w"),
        (("snooze", "crm:1", "--for", "2h", "--until", "2026-07-01"), "not both"),
        (("snooze", "crm:1", "--until", "2026-06-01"), "ends in the future"),
        (("silence", "--for", "1h", "--reason", "x"), "say which"),
        (("silence", "crm:1", "--reason", "x"), "needs an end"),
        (("silence", "crm:1", "--for", "1h"), "needs a reason"),
        (("unsilence", "zzz"), "no one silence 'zzz'"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    home: tuple[Path, Outbox], arguments: tuple[str, ...], said: str
) -> None:
    with pytest.raises(CommandError) as wrong:
        run(*arguments)
    assert said in wrong.value.line and "\n" not in wrong.value.line


def test_channels_say_what_was_sent_what_waits_and_what_was_refused(
    home: tuple[Path, Outbox],
) -> None:
    row = {"alert": "late/crm:1", "episode": 1, "channel": "team", "created_at": START}
    row |= {"not_before": START, "attempts": 1, "is_for_digest": False, "note": "", "reason": ""}
    told = [{"state": "sent", "sent_at": START}, {"state": "dead", "reason": "HTTP 410"}]
    with home[1].turn() as connection:
        events = connection.execute(sa.select(EVENTS.c.event_id)).scalars().all()
        for event, became in zip(events, told, strict=False):
            own = {"event_id": event, "message_id": f"to-team-{event}"}
            connection.execute(sa.insert(MESSAGES).values(**row | own | became))
    said = run("channels")
    assert "2026-06-30 12:00  team: late/crm:1 not told: HTTP 410" in said
    found = as_json("channels")
    [team] = [each for each in found["channels"] if each["channel"] == "team"]
    assert (team["channel"], team["sent"], team["dead"], team["waiting"]) == ("team", 1, 1, 0)
    assert found["dead_letters"][0]["reason"] == "HTTP 410"


def test_without_an_outbox_it_is_said_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REVOPS_HOME", str(tmp_path))
    with pytest.raises(CommandError, match="no outbox yet"):
        run("ack", "crm:1")
