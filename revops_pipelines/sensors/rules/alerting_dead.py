"""alerting_dead: a channel takes no messages, or a rule is not judged any more."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from pydantic import Field

from revops_pipelines.engine.alerts.declaration import (
    Finding,
    Notice,
    Row,
    Rule,
    RuleOptions,
    Verdict,
)
from revops_pipelines.engine.alerts.figures import in_utc
from revops_pipelines.engine.alerts.wording import span
from revops_pipelines.sensors.rules._pieces import told_of, watched


class DeadOptions(RuleOptions):
    """`[rules.alerting_dead]`."""

    waiting_minutes: int = Field(
        default=30,
        ge=1,
        description="How long a message may be due before its channel counts as dead.",
    )
    dead_letters: int = Field(
        default=1, ge=1, description="So many dead letters of a day are told."
    )
    unjudged_hours: int = Field(
        default=50,
        ge=1,
        description="How long a rule may go without being judged; those of pulses are due as well.",
    )


ROWS = f"""
SELECT
  'channel' AS what,
  facts.channel AS name,
  facts.waiting,
  facts.oldest_due_at,
  facts.dead_lately,
  facts.last_sent_at,
  facts.last_error
FROM ops.outbox_facts AS facts
WHERE facts.channel <> '(none)' AND facts.until_at IS NULL
UNION ALL BY NAME
SELECT 'rule' AS what, judgings.rule AS name, MAX(judgings.last_at) AS judged_at
FROM ops.rule_judgings AS judgings
WHERE judgings.rule <> 'alerting_dead' AND judgings.until_at IS NULL
GROUP BY judgings.rule
UNION ALL BY NAME
{watched("alerting_dead")}
ORDER BY what, name, watched_key
"""


def detect(rows: Sequence[Row], options: DeadOptions, now: datetime) -> list[Finding]:
    """A breach per channel that does not drain, and per rule that is not judged."""
    judged, keys = told_of(rows)
    findings = [_channel(row, options, now) for row in judged if row["what"] == "channel"]
    findings += [_rule(row, options, now) for row in judged if row["what"] == "rule"]
    found = {finding.key: finding for finding in findings}
    over = [
        Finding(key, Verdict.CLEAR, reason="it is configured no more")
        for key in sorted(keys - found.keys())
    ]
    return [*found.values(), *over]


def _channel(row: Row, options: DeadOptions, now: datetime) -> Finding:
    key = f"channel:{row['name']}"
    due_at, last = in_utc(row["oldest_due_at"]), in_utc(row["last_sent_at"])
    late = now - due_at if due_at else timedelta(0)
    is_blocked = late > timedelta(minutes=options.waiting_minutes)
    if not is_blocked and row["dead_lately"] < options.dead_letters:
        return Finding(key, Verdict.CLEAR, reason="everything due was sent")
    what = "refused messages for good"
    if due_at and is_blocked:
        takes_others = last is not None and last > due_at
        what = f"{'holds a message back' if takes_others else 'sends nothing'} for {span(late)}"
    notice = Notice(
        headline=f"Channel {row['name']} {what}",
        subject=f"channel {row['name']}",
        since=due_at or now,
        observed=f"{row['waiting']} due, {row['dead_lately']} dead letters in a day; last sent "
        + (f"{last:%Y-%m-%d %H:%M} UTC" if last else "never"),
        limit=f"sent within {options.waiting_minutes} minutes, fewer than "
        f"{options.dead_letters} dead letters a day",
        owner=options.owner or "revenue-operations",
        facts={"Last error": str(row["last_error"])} if row["last_error"] else {},
    )
    return Finding(key, Verdict.BREACH, notice, severity=options.severity)


def _rule(row: Row, options: DeadOptions, now: datetime) -> Finding:
    key = f"rule:{row['name']}"
    at = in_utc(row["judged_at"]) or now
    if now - at <= timedelta(hours=options.unjudged_hours):
        return Finding(key, Verdict.CLEAR, reason="judged again")
    notice = Notice(
        headline=f"Rule {row['name']} was not judged for {span(now - at)}",
        subject=f"rule {row['name']}",
        since=at,
        observed=f"last judged {at:%Y-%m-%d %H:%M} UTC",
        limit=f"judged every {options.unjudged_hours} hours at least",
        owner=options.owner or "revenue-operations",
        what_to_do=f"Look at the last runs of alerts/{row['name']} in Dagster: its step failed, or "
        "something before it did.",
    )
    return Finding(key, Verdict.BREACH, notice, severity=options.severity)


RULE = Rule(
    name="alerting_dead",
    title="Alerting itself is dead",
    owner="revenue-operations",
    severity="critical",
    meaning=(
        "Messages are due on a channel and not sent, a channel refuses them for good, or a rule "
        "has not been judged for two days. Told by the other channels, while runs still go. When "
        "nothing runs at all nothing can be told from inside: that is noticed by the heartbeat, "
        "`revops doctor --heartbeat`, outside of Dagster."
    ),
    what_to_do=(
        "`revops alerts test CHANNEL` shows the receiver's own answer; see also `revops doctor` "
        "and the sensor alert_delivery."
    ),
    options=DeadOptions,
    inputs=("ops.alert_states", "ops.outbox_facts", "ops.rule_judgings"),
    sql=ROWS,
    detect=detect,
    pulse=True,
)
