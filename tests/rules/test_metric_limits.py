"""Rules that hold one metric against a target: their default limits, on rows of their own SQL.

How a series is judged is tried in tests/engine/alerts/test_series.py.
"""

from __future__ import annotations

import pytest
from rule_house import RuleHouse

from revops_pipelines.sensors.rules.lead_to_opportunity_low import RULE as CONVERSION
from revops_pipelines.sensors.rules.net_retention_low import RULE as RETENTION
from revops_pipelines.sensors.rules.sla_attainment_low import RULE as ATTAINMENT
from revops_pipelines.sensors.rules.slip_rate_high import RULE as SLIPS

SURE = {"lower": "0.01", "upper": "0.99"}


@pytest.mark.parametrize(
    ("rule", "metric", "bad", "unsure", "good"),
    [
        (ATTAINMENT, "sla_attainment", "0.5", "0.75", "0.9"),
        (CONVERSION, "lead_to_opportunity", "0.05", "0.09", "0.2"),
        (SLIPS, "slip_rate", "0.6", "0.41", "0.1"),
    ],
)
def test_a_share_is_judged_by_its_interval(house: RuleHouse, rule, metric, bad, unsure, good):
    for value, bounds, fired in (
        (bad, {"lower": bad, "upper": bad}, 1),
        (unsure, SURE, 0),
        (good, {"lower": good, "upper": good}, 0),
    ):
        house.connection.execute("DELETE FROM metrics.metric_values; DELETE FROM ops.alert_states")
        house.value(metric, "2026-05", value=value, unit="share", **bounds)
        house.value("slip_rate_overdue", "2026-05", value="0", unit="share")
        # Younger cohorts and open months are never judged.
        house.value(metric, "2026-06", value=bad, unit="share", is_mature=False)
        assert house.evaluate(rule).fired == fired, value


def test_retention_must_be_low_for_two_months(house: RuleHouse):
    house.value("net_revenue_retention", "2026-04", value="1.1", unit="share")
    house.value("net_revenue_retention", "2026-05", value="0.9", unit="share")
    assert house.evaluate(RETENTION).fired == 0
    house.connection.execute("UPDATE metrics.metric_values SET value = 0.95")
    assert house.evaluate(RETENTION).fired == 1
    notice = house.notice("net_revenue_retention/month/total")
    assert notice["headline"] == "Net revenue retention in May 2026: 95.0 %"
    assert notice["owner"] == "customer-success"


def test_few_cases_start_nothing(house: RuleHouse):
    house.value("slip_rate_overdue", "2026-05", value="0", unit="share")
    house.value("slip_rate", "2026-05", value="1", lower="0.9", upper="1", n=9, unit="share")
    assert house.evaluate(SLIPS).fired == 0
    house.connection.execute("UPDATE metrics.metric_values SET n = 10 WHERE value = 1")
    assert house.evaluate(SLIPS).fired == 1
