"""Rules judged on history as it was known: what they would have told, nothing sent or written.

All of them go through history once, together. The night is shared with the other tests of whole
nights: read only.
"""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

import duckdb
import pytest
from rich.console import Console
from whole_nights import USUAL

from revops_pipelines.assets import metrics as metric_plugins
from revops_pipelines.commands.alerts_backtest import run_backtests
from revops_pipelines.engine.alerts.backtest import Backtest
from revops_pipelines.engine.alerts.declaration import Rule
from revops_pipelines.engine.alerts.in_force import rules_in_force
from revops_pipelines.engine.alerts.thresholds import KIND, ThresholdOptions
from revops_pipelines.engine.metrics.declaration import Metric
from revops_pipelines.engine.plugin_tables import PluginTable
from revops_pipelines.engine.registry import discover
from revops_pipelines.resources.systems import System, Systems, known_sources
from revops_pipelines.sensors import rules as rule_plugins
from revops_pipelines.settings import Settings

METRICS = discover(metric_plugins, Metric)
# A limit on any metric, as revops.toml sets it; not in force that night.
LIMIT = PluginTable("arpa_low", KIND, ThresholdOptions(metric="arpa", below=10**9), {})
RULES = rules_in_force(discover(rule_plugins, Rule), {"arpa_low": LIMIT}, METRICS.values())

# What must be told of at the last step, counted afresh in what the night published. Of a list that
# is what it names.
COUNTED = {
    "lead_unassigned": """
        SELECT lead_id FROM metrics.speed_to_lead JOIN conformed.leads USING (lead_id)
        LEFT JOIN conformed.users ON user_id = owner_id, ops.parameters
        WHERE state IN ('open_late', 'open_in_time') AND (owner_id IS NULL OR NOT is_active)
          AND speed_to_lead.raised_at >= as_of_at - INTERVAL 30 DAY""",
    "payment_failed": """
        SELECT failure_id FROM metrics.payment_recovery, ops.parameters
        WHERE excluded IS NULL AND recovered_amount < failed_amount
          AND failed_at >= as_of_at - (recovery_days + 30) * INTERVAL 1 DAY""",
    "renewal_risk": """
        SELECT contract_id || '/' || ends_on FROM metrics.renewals_calendar
        WHERE excluded IS NULL AND days_to_renewal <= 120 AND warnings > 0""",
    "revenue_leakage": """
        SELECT finding_id FROM metrics.revenue_leakage
        WHERE amount >= 1000 AND type IN ('won_not_billed', 'billed_less_than_contracted',
          'discount_past_its_end', 'failed_payment_not_recovered')""",
    "stuck_deals": "SELECT opportunity_id FROM metrics.stuck_deals",
}

# Steps that cannot be judged: before the first run nothing was loaded, and nothing told.
UNJUDGED = {"source_freshness": 1, "schema_drift": 1, "alerting_dead": 1}


def tried_on(
    settings: Settings, names: Collection[str], moments: Sequence[datetime]
) -> dict[str, Backtest]:
    known = known_sources()
    systems = Systems(
        tuple(System(name, known[name], known[name].options(), {}) for name in USUAL), sandbox=True
    )
    judged = [RULES[name] for name in names]
    quiet = Console(stderr=True, quiet=True)
    return {
        each.rule: each
        for each in run_backtests(quiet, settings, systems, judged, METRICS, moments)
    }


@pytest.fixture(scope="module")
def tried(night) -> tuple[Mapping[str, Backtest], bytes, bytes]:
    """Every rule two months before the night and at it; the warehouse before and after."""
    done = night(7)
    before = done.settings.warehouse_path.read_bytes()
    moments = [done.now - timedelta(days=days) for days in (63, 0)]
    found = tried_on(done.settings, RULES, moments)
    after = done.settings.warehouse_path.read_bytes()
    return found, before, after


@pytest.mark.parametrize("rule", sorted(RULES))
def test_the_last_step_tells_what_the_night_told(tried, night, rule: str) -> None:
    found, done = tried[0][rule], night(7)
    assert (found.steps, found.unjudged) == (2, UNJUDGED.get(rule, 0)), found.problem
    rows = done.rows(f"SELECT alert_key FROM ops.alert_events WHERE rule = '{rule}'")
    told = {row["alert_key"] for row in rows}
    now = {each.key for each in found.episodes if each.fired_at == done.now}
    # What is not told any more may still be in its keep time.
    still_open = {each.key for each in found.episodes if each.ended_at is None}
    if rule == LIMIT.name:
        assert len(still_open) == 1
    else:
        assert now <= told <= still_open
    if rule in COUNTED:
        counted = {key for (key,) in done.published.execute(COUNTED[rule]).fetchall()}
        last = [each for each in found.episodes if each.key in told]
        assert {one for each in last for one in each.members or (each.key,)} == counted


def test_each_alert_is_told_when_it_could_be_known(tried):
    found = tried[0]["large_loss"]
    [left] = found.episodes
    assert left.key.endswith("/2026-05")
    assert left.headline.endswith("a month lost in May 2026")
    assert left.fired_at.date() > found.first
    assert left.came_true is True
    assert (found.known, found.precision) == (1, 1)
    assert sum(found.per_week().values()) == 1
    assert list(found.per_receiver()) == [left.receiver]


def test_what_it_named_is_counted_with_what_became_of_it(tried, night):
    found = tried[0]["stuck_deals"]
    closed = night(7).rows(
        "SELECT opportunity_id, is_won FROM conformed.opportunities "
        "WHERE is_closed AND _deleted_at IS NULL"
    )
    lost = {row["opportunity_id"]: not row["is_won"] for row in closed}
    named = {member for each in found.episodes for member in each.members}
    assert (found.told, found.known) == (len(named), len(named & lost.keys()))
    assert found.known > 0
    assert found.precision == sum(lost[each] for each in named & lost.keys()) / found.known
    assert found.usual == sum(lost.values()) / len(lost)


def test_nothing_is_written(tried):
    _, before, after = tried
    assert before == after


def test_how_alerting_itself_stood_is_judged_as_it_was_then(night, tmp_path):
    done = night(7)
    settings = dataclasses.replace(done.settings, home=tmp_path)
    for path in (settings.warehouse_path, settings.published_path):
        path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(done.settings.warehouse_path, settings.warehouse_path)
    shutil.copyfile(done.settings.published_path, settings.published_path)
    noon = done.now.replace(tzinfo=None) - timedelta(days=10)
    with duckdb.connect(str(settings.warehouse_path)) as warehouse:
        warehouse.execute(
            "INSERT INTO ops.rule_judgings (rule, first_at, last_at) VALUES "
            "('mrr_low', $noon - INTERVAL 5 DAY, $noon - INTERVAL 3 DAY), "
            "('mrr_low', $noon + INTERVAL 5 HOUR, $noon + INTERVAL 10 DAY)",
            {"noon": noon},
        )
        warehouse.execute(
            "INSERT INTO ops.outbox_facts "
            "(channel, waiting, oldest_due_at, dead_lately, last_error, seen_at, until_at) VALUES "
            "('slack', 3, $noon - INTERVAL 40 MINUTE, 0, '404', $noon, $noon + INTERVAL 2 HOUR), "
            "('slack', 0, NULL, 0, '', $noon + INTERVAL 2 HOUR, NULL)",
            {"noon": noon},
        )
    begun = done.now - timedelta(days=10)
    moments = [begun + timedelta(hours=hours) for hours in (-400, -90, 0, 1, 3, 6, 9)]
    found = tried_on(settings, ["alerting_dead"], moments)["alerting_dead"]
    assert (found.unjudged, found.problem) == (1, "ops.rule_judgings holds no data")
    # What is clear at one step is over at the next.
    assert [(each.key, each.fired_at, each.ended_at) for each in found.episodes] == [
        ("channel:slack", moments[2], moments[5]),
        ("rule:mrr_low", moments[2], moments[6]),
    ]
