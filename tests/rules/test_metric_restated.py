"""metric_restated: one alert a night for closed numbers that changed."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from rule_house import NOON

from revops_pipelines.engine.alerts.declaration import Verdict
from revops_pipelines.sensors.rules.metric_restated import RULE, RestatedOptions, detect


def change(metric: str = "mrr", **said: Any) -> dict[str, Any]:
    return {
        "metric": metric,
        "grain": "month",
        "period_start_on": date(2026, 5, 1),
        "old_value": Decimal(1000),
        "new_value": Decimal(980),
        "unit": "money",
        "why": "2 arrived",
        "restated_at": datetime(2026, 6, 30, 2, 30),
        "base_currency": "USD",
    } | said


def test_a_night_is_one_alert_with_the_furthest_first(rows_of):
    rows = rows_of(RULE, change(), change("win_rate", new_value=None, unit="share"))
    [found] = detect(rows, RestatedOptions(), NOON)
    assert (found.key, found.severity) == ("2026-06-30T02:30:00Z", "warning")
    assert found.notice.headline == "2 closed numbers of 2 metrics changed"
    assert list(found.notice.facts) == ["win_rate, May 2026", "mrr, May 2026"]
    assert found.notice.facts["mrr, May 2026"] == "1,000.00 USD became 980.00 USD (2 arrived)"


def test_small_changes_and_new_definitions_are_silent(rows_of):
    rows = rows_of(
        RULE,
        change(new_value=Decimal(999)),
        change(why="definition"),
        change(grain="week"),
        change("attribution_billed", new_value=Decimal(2000)),
        change(restated_at=datetime(2026, 6, 1)),
    )
    assert detect(rows, RestatedOptions(), NOON) == []
    assert len(detect(rows, RestatedOptions(definitions=True), NOON)) == 1
    assert len(detect(rows, RestatedOptions(ignore=()), NOON)) == 1
    assert len(detect(rows, RestatedOptions(min_share=0), NOON)) == 1


def test_one_is_told_as_one(rows_of):
    [found] = detect(rows_of(RULE, change()), RestatedOptions(metrics=("mrr",)), NOON)
    assert found.notice.headline == "1 closed number of 1 metric changed"


def test_a_change_of_a_few_percent_is_info_and_ends_after_a_week(rows_of):
    [found] = detect(rows_of(RULE, change()), RestatedOptions(), NOON)
    assert found.severity == "info"
    watched = {"watched_key": "2026-06-20T02:30:00Z"}
    [ended] = detect(rows_of(RULE, watched), RestatedOptions(), NOON)
    assert ended.verdict is Verdict.CLEAR
