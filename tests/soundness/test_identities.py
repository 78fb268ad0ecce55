"""What must hold on any data, whatever the numbers are: the catalogue's identities.

Each is one query for the rows that break it, on several random companies.
"""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "metrics"))
from metric_warehouse import Warehouse, in_order
from random_company import company_of, filled

SEEDS = (21, 22, 23, 24, 25)

BROKEN = {
    "opening and movements make the closing, per customer and month": """
        SELECT customer_id, period_start_on FROM metrics.mrr_movements
        GROUP BY customer_id, period_start_on
        HAVING MIN(opening_mrr) + SUM(amount) <> MIN(closing_mrr)
          OR MIN(opening_mrr) <> MAX(opening_mrr) OR MIN(closing_mrr) <> MAX(closing_mrr)""",
    "a month opens as the one before it closed": """
        SELECT now.* FROM metrics.mrr_movements AS now
        JOIN ops.periods AS p
          ON p.grain = 'month' AND p.period_start_on = now.period_start_on
        LEFT JOIN metrics.mrr_movements AS before
          ON before.customer_id = now.customer_id
          AND before.period_start_on = p.previous_start_on
        WHERE now.opening_mrr <> COALESCE(before.closing_mrr, 0)""",
    "every customer has every month to the last closed one": """
        SELECT customer_id FROM metrics.mrr_movements
        GROUP BY customer_id
        HAVING COUNT(DISTINCT period_start_on) <> (
          SELECT COUNT(*) FROM ops.periods
          WHERE grain = 'month' AND is_closed
            AND period_start_on >= MIN(mrr_movements.period_start_on)
        )""",
    "customers add up to the published stock": """
        WITH closing AS (
          SELECT DISTINCT customer_id, period_start_on, closing_mrr FROM metrics.mrr_movements
        )
        SELECT period_start_on, SUM(closing_mrr), MAX(value) FROM closing
        JOIN metrics.metric_values USING (period_start_on)
        WHERE metric = 'mrr' AND grain = 'month' AND CAST(dimensions AS VARCHAR) = '{}'
        GROUP BY period_start_on HAVING SUM(closing_mrr) <> MAX(value)""",
    "the stock changes by the published movements": """
        WITH stock AS (
          SELECT period_start_on, value, is_mature,
            LAG(value) OVER (ORDER BY period_start_on) AS opening
          FROM metrics.metric_values
          WHERE metric = 'mrr' AND grain = 'month' AND CAST(dimensions AS VARCHAR) = '{}'
        )
        SELECT * FROM stock JOIN metrics.metric_values AS moved USING (period_start_on)
        WHERE moved.metric = 'mrr_movements' AND moved.grain = 'month' AND stock.is_mature
          AND CAST(moved.dimensions AS VARCHAR) = '{}'
          AND stock.opening + moved.value <> stock.value""",
    "a fall to nothing is churn, a rise from nothing new or reactivation": """
        SELECT * FROM metrics.mrr_movements
        WHERE (movement IN ('expansion', 'contraction', 'fx')
            AND (opening_mrr = 0 OR closing_mrr = 0))
          OR (movement = 'churn' AND (closing_mrr <> 0 OR amount <> -opening_mrr))
          OR (movement IN ('new', 'reactivation') AND (opening_mrr <> 0 OR amount <> closing_mrr))
          OR (movement IN ('new', 'reactivation', 'expansion') AND amount <= 0)
          OR (movement IN ('churn', 'contraction') AND amount >= 0)
          OR (movement = 'none' AND amount <> 0)""",
    "nobody is new twice": """
        SELECT customer_id FROM metrics.mrr_movements WHERE movement = 'new'
        GROUP BY customer_id HAVING COUNT(*) > 1""",
    "gross retention is at most one and at most net retention": """
        SELECT * FROM metrics.metric_values AS gross
        JOIN metrics.metric_values AS net USING (grain, period_start_on, dimensions)
        WHERE gross.metric = 'gross_revenue_retention' AND net.metric = 'net_revenue_retention'
          AND (gross.value > 1 OR gross.value > net.value)""",
    "lost and kept customers are those of the opening": """
        WITH months AS (
          SELECT customer_id, period_start_on, MAX(opening_mrr) AS opening,
            MAX(closing_mrr) AS closing
          FROM metrics.mrr_movements GROUP BY ALL
        ), counted AS (
          SELECT period_start_on,
            COUNT(*) FILTER (opening > 0 AND closing = 0) AS lost,
            COUNT(*) FILTER (opening > 0 AND closing > 0) AS kept
          FROM months GROUP BY period_start_on
        )
        SELECT * FROM counted JOIN metrics.metric_values AS v USING (period_start_on)
        WHERE v.metric = 'logo_churn' AND CAST(v.dimensions AS VARCHAR) = '{}'
          AND v.n_excluded = 0 AND (v.numerator <> lost OR v.denominator <> lost + kept)""",
    "every inbound lead is in exactly one state": """
        SELECT lead_id FROM conformed.leads AS l
        LEFT JOIN metrics.speed_to_lead AS s USING (lead_id)
        CROSS JOIN ops.parameters
        WHERE l.is_inbound AND l.raised_at <= as_of_at
        GROUP BY lead_id
        HAVING COUNT(s.state) <> 1 OR ANY_VALUE(s.state) NOT IN (
          'answered_in_time', 'answered_late', 'open_in_time', 'open_late', 'excluded')""",
    "no answer comes before the question": """
        SELECT * FROM metrics.speed_to_lead
        WHERE first_touch_at < raised_at OR business_minutes < 0
          OR business_minutes > calendar_minutes""",
    "a state is what its deadline says": """
        SELECT * FROM metrics.sla_attainment AS due
        JOIN metrics.speed_to_lead AS s USING (lead_id)
        CROSS JOIN ops.parameters
        WHERE (s.state = 'answered_in_time' AND business_minutes < target_minutes
            AND response_clock = 'business' AND s.first_touch_at > due.due_at)
          OR (s.state = 'answered_late' AND s.first_touch_at <= due.due_at)
          OR (s.state = 'open_late' AND as_of_at <= due.due_at)""",
    "of those who entered a stage each advanced, was lost, is open or moved": """
        SELECT * FROM metrics.stage_conversion
        WHERE outcome IS NULL OR outcome NOT IN ('advanced', 'lost', 'open', 'moved')""",
    "both tables of stages speak of the same visits": """
        SELECT opportunity_id, pipeline, stage, entered_at FROM metrics.stage_conversion
        EXCEPT
        SELECT opportunity_id, pipeline, stage, entered_at FROM metrics.stage_duration""",
}


@cache
def built(seed: int) -> Warehouse:
    warehouse = filled(seed, company_of(seed))
    warehouse.build(*in_order())
    return warehouse


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("identity", BROKEN)
def test_identity(identity: str, seed: int) -> None:
    assert built(seed).rows(BROKEN[identity]) == []


@pytest.mark.parametrize("seed", SEEDS)
def test_the_identities_speak_of_something(seed: int) -> None:
    warehouse = built(seed)
    for table in ("mrr_movements", "speed_to_lead", "sla_attainment", "stage_conversion"):
        assert warehouse.rows(f"SELECT COUNT(*) > 50 FROM metrics.{table}") == [(True,)]
