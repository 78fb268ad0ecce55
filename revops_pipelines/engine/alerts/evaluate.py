"""Judges a rule and commits what changed: events and states in one transaction of the warehouse.

Belongs here: from rows to verdicts to stored events. Does not: telling anyone (`relay`), or how one
alert lives (`lifecycle`).

A rule that cannot be judged (an input is missing or empty, its SQL fails, too many subjects have no
verdict) resolves nothing. It raises an alert of its own instead, under the key `(rule)`, once it
has lasted for STALE_AFTER (at once for a rule that is judged nightly).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import duckdb

from revops_pipelines.engine.alerts.actions import ending_id
from revops_pipelines.engine.alerts.declaration import (
    Evaluation,
    Finding,
    Notice,
    Rule,
    RuleOptions,
    Severity,
    Verdict,
)
from revops_pipelines.engine.alerts.judgings import record_judging
from revops_pipelines.engine.alerts.lifecycle import (
    OPEN,
    Act,
    Doubt,
    EventKind,
    Patience,
    State,
    Status,
    act,
    step,
)
from revops_pipelines.engine.alerts.notice import as_text, as_utc
from revops_pipelines.engine.alerts.record import load_acts
from revops_pipelines.engine.alerts.tables import (
    Kept,
    as_row,
    ensure_alert_tables,
    load_states,
    store_evaluation,
    store_events,
    store_states,
)

RULE_KEY = "(rule)"
# One missed evaluation of a rule that runs every five minutes is no news; three are.
STALE_AFTER = timedelta(minutes=15)
_COPIED = ("rule", "alert_key", "episode", "severity", "run_id", "is_shadow")


class RuleError(Exception):
    """A rule plug-in breaks its own promise; a bug to mend, never a verdict."""


@dataclass(frozen=True, slots=True)
class _Judged:
    """The findings by key; `problem` says why it could not be judged, `doubt` of what kind."""

    findings: Mapping[str, Finding]
    problem: str = ""
    doubt: Doubt = Doubt.NO_DATA


@dataclass(slots=True)
class _Changes:
    """What one evaluation is about to commit."""

    is_shadow: bool = False
    doubt: Doubt = Doubt.NO_DATA
    acts: Mapping[str, Sequence[tuple[str, str, Act]]] = field(default_factory=dict)
    states: list[dict[str, Any]] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)

    def count(self, what: str) -> None:
        self.counts[what] = self.counts.get(what, 0) + 1


def evaluate_rule(
    connection: duckdb.DuckDBPyConnection,
    rule: Rule,
    options: RuleOptions,
    now: datetime,
    run_id: str,
    *,
    is_shadow: bool = False,
    crash_point: Callable[[str], None] = lambda _name: None,
) -> Evaluation:
    """Judge every subject of `rule` at `now` and commit events and states together.

    Episodes that begin while `is_shadow` are on record only, to their end. Once the rule is no
    longer shadowed, what is still wrong begins a new episode, of which people are told.

    Evaluating twice with nothing changed commits no second event. Raises RuleError when the rule
    names a subject twice or uses the reserved key; then, and at any other error, nothing is
    committed. `crash_point` is called at the points where a test may kill the process.
    """
    ensure_alert_tables(connection)
    judged = _judge(connection, rule, options, now)
    connection.begin()
    try:
        evaluation = _commit_findings(connection, rule, options, now, run_id, judged, is_shadow)
        crash_point("written")
        connection.commit()
    except BaseException:
        connection.rollback()
        raise
    crash_point("committed")
    return evaluation


def _judge(
    connection: duckdb.DuckDBPyConnection, rule: Rule, options: RuleOptions, now: datetime
) -> _Judged:
    if missing := _without_data(connection, rule):
        return _Judged({}, missing)
    try:
        cursor = connection.execute(rule.sql)
        names = [column[0] for column in cursor.description or ()]
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    except duckdb.Error as error:
        return _Judged({}, f"its SQL failed: {type(error).__name__}", Doubt.ERROR)
    findings: dict[str, Finding] = {}
    for finding in rule.detect(rows, options, now):
        if finding.key in findings or finding.key == RULE_KEY:
            raise RuleError(f"{rule.name}: detect() named the subject {finding.key!r} twice")
        findings[finding.key] = finding
    unknown = sum(finding.verdict is Verdict.UNKNOWN for finding in findings.values())
    if unknown and unknown > options.max_unknown_share * len(findings):
        return _Judged(findings, f"{unknown} of {len(findings)} subjects could not be judged")
    return _Judged(findings)


def _without_data(connection: duckdb.DuckDBPyConnection, rule: Rule) -> str:
    present = {
        f"{schema}.{name}"
        for schema, name in connection.execute(
            "SELECT table_schema, table_name FROM information_schema.tables "
            "WHERE table_catalog = current_database()"
        ).fetchall()
    }
    missing = [name for name in rule.inputs if name not in present]
    if missing:
        return f"{', '.join(missing)} is missing"
    empty = [
        name
        for name in rule.never_empty
        if not connection.execute(f"SELECT 1 FROM {name} LIMIT 1").fetchall()
    ]
    return f"{', '.join(empty)} holds no data" if empty else ""


def _commit_findings(
    connection: duckdb.DuckDBPyConnection,
    rule: Rule,
    options: RuleOptions,
    now: datetime,
    run_id: str,
    judged: _Judged,
    is_shadow: bool,
) -> Evaluation:
    findings, problem = judged.findings, judged.problem
    kept = load_states(connection, rule.name, [*findings, RULE_KEY])
    severity = options.severity or rule.severity
    patience = Patience(
        timedelta(minutes=options.pending_minutes), timedelta(minutes=options.keep_minutes)
    )
    changes = _Changes(is_shadow, judged.doubt, load_acts(connection, rule.name))
    for key in sorted((set(kept) | set(findings)) - {RULE_KEY}):
        finding = _with_doubt(findings.get(key) or Finding(key, Verdict.CLEAR), problem)
        _move(rule, finding, severity, kept.get(key), now, run_id, patience, changes)
    stale = _stale(rule, problem, now, kept.get(RULE_KEY))
    stale_after = Patience(STALE_AFTER if rule.pulse else timedelta(0))
    _move(rule, stale, "warning", kept.get(RULE_KEY), now, run_id, stale_after, changes)
    if changes.states:
        store_states(connection, changes.states)
    if changes.events:
        store_events(connection, changes.events)
    unknown = sum(finding.verdict is Verdict.UNKNOWN for finding in findings.values())
    evaluation = Evaluation(
        rule=rule.name,
        fired=changes.counts.get(EventKind.FIRED, 0),
        resolved=changes.counts.get(EventKind.RESOLVED, 0),
        escalated=changes.counts.get(EventKind.ESCALATED, 0),
        still_firing=changes.counts.get("still_firing", 0),
        pending=changes.counts.get(Status.PENDING, 0),
        evaluated=len(findings) - unknown,
        unevaluated=unknown,
        problem=problem,
    )
    doubt = str(judged.doubt) if problem else ""
    row = _evaluation_row(evaluation, now, run_id)
    store_evaluation(connection, row | {"doubt": doubt})
    record_judging(connection, rule.name, now)
    return evaluation


def _with_doubt(finding: Finding, problem: str) -> Finding:
    """When the rule as a whole could not be judged, nothing counts as clear."""
    if problem and finding.verdict in (Verdict.CLEAR, Verdict.HOLD):
        return Finding(finding.key, Verdict.UNKNOWN, reason=problem)
    return finding


def _move(
    rule: Rule,
    finding: Finding,
    severity: Severity,
    kept: Kept | None,
    now: datetime,
    run_id: str,
    patience: Patience,
    changes: _Changes,
) -> None:
    """Take one alert one step further and note what that changes."""
    before = kept or Kept(finding.key, State(), False, None)
    if before.is_shadow and not changes.is_shadow:
        before = Kept(finding.key, State(episode=before.state.episode), False, before.notice)
    row = {"rule": rule.name, "alert_key": finding.key, "run_id": run_id}
    acted = _acted(rule, before, row, now, patience, changes)
    after, event = step(
        acted, finding.verdict, finding.severity or severity, now, patience, changes.doubt
    )
    if before.state.status in OPEN and after.status in OPEN:
        changes.count("still_firing")
    if after.status is Status.PENDING:
        changes.count(Status.PENDING)
    if after == (kept.state if kept else before.state) and event is None:
        return
    fires = event is EventKind.FIRED
    row |= as_row(after, now) | {
        "is_backlog": finding.is_backlog if fires else before.is_backlog,
        "notice": _told(rule, finding.notice) if finding.notice else before.notice,
        "is_shadow": changes.is_shadow if fires else before.is_shadow,
        "seen_at": now,
    }
    changes.states.append(row)
    if event is not None:
        changes.count(event)
        ended = (finding.reason or "no longer found") if event is EventKind.RESOLVED else ""
        event_id = _event_id(row, event, after.fired_at or now)
        changes.events.append(_event(rule, row, event, event_id, ended, now))


def _acted(
    rule: Rule,
    before: Kept,
    row: Mapping[str, Any],
    now: datetime,
    patience: Patience,
    changes: _Changes,
) -> State:
    """The state after what people did since the last evaluation."""
    state = before.state
    for action_id, said, action in changes.acts.get(before.key, ()):
        state, event = act(state, action, now, patience)
        if event is None:
            continue
        changes.count(event)
        ended = {
            **row,
            **as_row(state, now),
            "is_backlog": before.is_backlog,
            "notice": before.notice,
            "is_shadow": before.is_shadow,
        }
        # The outbox told it when it was done, under the same id.
        told = _event(rule, ended, event, ending_id(action_id), f"resolved {said}", now)
        changes.events.append(told)
    return state


def _told(rule: Rule, notice: Notice) -> dict[str, Any]:
    """The notice, with what the rule says is to be done where it does not say itself."""
    return {**as_text(notice), "what_to_do": notice.what_to_do or rule.what_to_do}


def _event_id(row: Mapping[str, Any], kind: EventKind, fired_at: datetime) -> str:
    """What names the event.

    The begin of the episode is part of it: episodes count from one again in a warehouse that was
    built anew, and its alerts must not be taken for those of the old one.
    """
    parts = (row["rule"], row["alert_key"], str(row["episode"]), as_utc(fired_at), kind)
    identity = "|".join((*parts, str(row["severity"])))
    return hashlib.sha256(identity.encode()).hexdigest()[:32]


def _event(
    rule: Rule,
    row: Mapping[str, Any],
    kind: EventKind,
    event_id: str,
    ended: str,
    now: datetime,
) -> dict[str, Any]:
    told = dict(row["notice"] or {})
    told.setdefault("what_to_do", rule.what_to_do)
    if ended:
        told["ended"] = ended
    return {
        **{name: row[name] for name in _COPIED},
        "event_id": event_id,
        "rule_title": rule.title,
        "kind": str(kind),
        "is_backlog": row["is_backlog"],
        "notice": told,
        "occurred_at": now,
    }


def _stale(rule: Rule, problem: str, now: datetime, kept: Kept | None) -> Finding:
    """The verdict on the rule itself."""
    if not problem:
        return Finding(RULE_KEY, Verdict.CLEAR, reason="judged again")
    since = (kept and kept.state.since) or now
    notice = Notice(
        headline=f"{rule.title}: cannot be judged",
        subject=f"rule {rule.name}",
        since=since,
        observed=problem,
        limit="judged whenever it is run",
        owner=rule.owner,
        what_to_do="Open alerts of this rule stay open and new ones may be missing: look at the "
        "last run, and at the freshness of the tables that the rule reads.",
    )
    return Finding(RULE_KEY, Verdict.BREACH, notice)


def _evaluation_row(evaluation: Evaluation, now: datetime, run_id: str) -> dict[str, Any]:
    names: Sequence[str] = (
        "rule",
        "evaluated",
        "unevaluated",
        "fired",
        "resolved",
        "still_firing",
        "problem",
    )
    row = {name: getattr(evaluation, name) for name in names}
    return row | {"evaluated_at": now, "run_id": run_id}
