"""churn_threshold: monthly values in, exact alerts out."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from rule_house import NOON, RuleHouse

from revops_pipelines.sensors.rules.churn_threshold import RULE


def churn(house: RuleHouse, month: str = "2026-05", **row: Any) -> None:
    house.value("logo_churn", month, **row)
    house.value("gross_mrr_churn", month, value=Decimal("0.01"))


def test_alert_says_how_much_of_what_and_how_sure(house: RuleHouse) -> None:
    churn(house, value="0.06", lower="0.041", upper="0.087", numerator="24", denominator="400")
    assert house.evaluate(RULE).fired == 1
    notice = house.notice("logo_churn/2026-05/total")
    assert notice["headline"] == "Customers lost in May 2026: 6.0 %"
    assert notice["observed"] == "6.0 % (24 of 400 customers; between 4.1 % and 8.7 % with 95 %)"
    assert notice["limit"] == "at most 3.0 % a month"
    assert notice["owner"] == "customer-success"
    assert notice["what_to_do"].startswith("Look at the month's lost")


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ({"value": "0.05", "lower": "0.02"}, "the interval reaches below the limit"),
        ({"value": "0.06", "lower": "0.04", "n": 29}, "too few customers"),
        ({"value": "0.06", "lower": "0.04", "is_mature": False}, "the month is still open"),
        ({"value": "0.03", "lower": "0.03"}, "at the limit is not over it"),
    ],
)
def test_no_alert(house: RuleHouse, row: dict[str, Any], why: str) -> None:
    house.value("logo_churn", "2026-04", value="0.01")
    churn(house, **row)
    assert house.evaluate(RULE).fired == 0, why


def test_without_an_interval_the_value_decides(house: RuleHouse) -> None:
    house.value("logo_churn", "2026-05", value="0.01")
    house.value(
        "gross_mrr_churn", "2026-05", value="0.0412", numerator="4120.5", denominator="100000"
    )
    assert house.evaluate(RULE).fired == 1
    notice = house.notice("gross_mrr_churn/2026-05/total")
    assert notice["observed"] == "4.1 % (4,120.50 of 100,000.00 USD)"


def test_stale_inputs_hold_the_alert_as_it_is(house: RuleHouse) -> None:
    churn(house, value="0.09", lower="0.08")
    house.connection.execute(
        "INSERT INTO metrics.metric_standing VALUES ('logo_churn', TRUE, TRUE, '[]', '[]', NULL)"
    )
    assert house.evaluate(RULE).fired == 0
    house.connection.execute("UPDATE metrics.metric_standing SET is_stale = FALSE")
    assert house.evaluate(RULE).fired == 1
    house.connection.execute("UPDATE metrics.metric_standing SET is_stale = TRUE")
    house.connection.execute("UPDATE metrics.metric_values SET value = 0, lower = 0")
    assert house.evaluate(RULE, NOON + timedelta(days=1), keep_minutes=0).resolved == 0


def test_only_the_latest_closed_month_is_judged(house: RuleHouse) -> None:
    churn(house, "2026-04", value="0.09", lower="0.08")
    churn(house, "2026-05", value="0.01", lower="0.005")
    assert house.evaluate(RULE).fired == 0


def test_restated_month_resolves_below_the_band_only(house: RuleHouse) -> None:
    churn(house, value="0.06", lower="0.05")
    house.evaluate(RULE, keep_minutes=0)
    for place, (value, resolved) in enumerate([("0.029", 0), ("0.026", 1)], start=1):
        house.connection.execute(
            "UPDATE metrics.metric_values SET value = ?, lower = 0 WHERE metric = 'logo_churn'",
            [value],
        )
        at = NOON + timedelta(days=place)
        assert house.evaluate(RULE, at, keep_minutes=0).resolved == resolved
    assert house.notice("logo_churn/2026-05/total", "resolved")["ended"] == "restated to 2.6 %"


def test_a_newer_month_closes_the_older_out(house: RuleHouse) -> None:
    churn(house, "2026-04", value="0.06", lower="0.05")
    house.evaluate(RULE, keep_minutes=0)
    churn(house, "2026-05", value="0.07", lower="0.06")
    evaluation = house.evaluate(RULE, NOON + timedelta(days=1), keep_minutes=0)
    assert (evaluation.fired, evaluation.resolved) == (1, 1)
    ended = house.notice("logo_churn/2026-04/total", "resolved")["ended"]
    assert ended == "closed out: a newer month is judged now"


def test_breakdowns_are_judged_when_asked_for(house: RuleHouse) -> None:
    churn(house, value="0.01")
    for segment, lower in (("SMB", "0.05"), ("ENT", "0.001")):
        dimensions = f'{{"segment": "{segment}"}}'
        house.value("logo_churn", "2026-05", value="0.06", lower=lower, dimensions=dimensions)
    assert house.evaluate(RULE).fired == 0
    assert house.evaluate(RULE, NOON + timedelta(days=1), by=("segment",)).fired == 1
    assert house.told() == [("logo_churn/2026-05/segment:SMB", "fired")]


LACKING = """
    INSERT INTO metrics.metric_standing
    VALUES ('logo_churn', FALSE, FALSE, '[]', '["conformed.subscription_periods"]', NULL),
           ('gross_mrr_churn', FALSE, FALSE, '[]', '["conformed.subscription_periods"]', NULL)
"""


def test_a_company_without_billing_is_told_nothing(house: RuleHouse) -> None:
    house.value("win_rate", "2026-05", value="0.5", lower="0.4", dimensions="{}")
    house.connection.execute(LACKING)
    evaluation = house.evaluate(RULE)
    assert (evaluation.fired, evaluation.problem) == (0, "")


def test_what_was_told_is_not_taken_back_when_billing_is_gone(house: RuleHouse) -> None:
    churn(house, value="0.06", lower="0.05")
    house.evaluate(RULE, keep_minutes=0)
    house.connection.execute("DELETE FROM metrics.metric_values WHERE metric = 'logo_churn'")
    house.connection.execute(LACKING)
    evaluation = house.evaluate(RULE, NOON + timedelta(days=1), keep_minutes=0)
    assert evaluation.resolved == 0
    assert evaluation.problem == "1 of 2 subjects could not be judged"


def test_metric_without_any_value_is_no_data(house: RuleHouse) -> None:
    churn(house, value="0.06", lower="0.05")
    house.evaluate(RULE, keep_minutes=0)
    house.connection.execute("DELETE FROM metrics.metric_values WHERE metric = 'logo_churn'")
    evaluation = house.evaluate(RULE, NOON + timedelta(days=1), keep_minutes=0)
    assert evaluation.resolved == 0
    assert evaluation.problem == "1 of 2 subjects could not be judged"
