"""sla_attainment: who counts, and when an answer is due."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from pathlib import Path

import pytest
from metric_warehouse import Warehouse, at, on

from revops_pipelines.settings import Settings
from revops_pipelines.settings_tables import Response


def put_lead(warehouse: Warehouse, lead: str, raised: str, touched: str | None = None) -> None:
    warehouse.put("leads", {"lead_id": lead, "raised_at": at(raised)})
    if touched:
        warehouse.put(
            "activities", {"activity_id": lead, "lead_id": lead, "occurred_at": at(touched)}
        )


def test_waiting_inside_the_window_counts_neither_way() -> None:
    warehouse = Warehouse(as_of=datetime(2026, 6, 30, 12, tzinfo=UTC))
    put_lead(warehouse, "in_time", "2026-06-29 10:00", "2026-06-29 10:10")
    put_lead(warehouse, "late", "2026-06-29 10:00", "2026-06-29 12:10")
    put_lead(warehouse, "breached", "2026-06-30 10:00")
    put_lead(warehouse, "waiting", "2026-06-30 11:30")
    warehouse.put(
        "leads",
        {"lead_id": "spam", "raised_at": at("2026-06-29 10:00"), "excluded_reason": "spam"},
    )
    warehouse.build("speed_to_lead", "sla_attainment")
    assert warehouse.values("sla_attainment") == {
        on("2026-06-01"): (1, 3, warehouse.value("sla_attainment", "2026-06-01"), 3)
    }
    assert float(warehouse.value("sla_attainment", "2026-06-01")) == pytest.approx(1 / 3)
    shown = warehouse.values("sla_attainment", columns="n_excluded, is_mature")
    assert shown == {on("2026-06-01"): (1, False)}


def test_a_closed_month_is_mature_with_its_interval(warehouse: Warehouse) -> None:
    for number in range(10):
        put_lead(warehouse, f"a{number}", "2026-05-04 10:00", "2026-05-04 10:10")
    put_lead(warehouse, "b", "2026-05-04 10:00")
    warehouse.build("speed_to_lead", "sla_attainment")
    lower, upper, mature = warehouse.values("sla_attainment", columns="lower, upper, is_mature")[
        on("2026-05-01")
    ]
    # Wilson: the shares from which 10 of 11 lies exactly 1.96 of their standard errors away.
    for bound in (float(lower), float(upper)):
        error = math.sqrt(bound * (1 - bound) / 11)
        assert abs(10 / 11 - bound) / error == pytest.approx(1.959964, abs=1e-4)
    assert lower < 10 / 11 < upper
    assert mature is True


@pytest.mark.parametrize(
    ("raised", "due"),
    [
        ("2026-06-01 10:00:00", "2026-06-01 11:00:00"),
        ("2026-06-01 16:00:00", "2026-06-01 17:00:00"),
        ("2026-06-05 16:30:15", "2026-06-08 09:30:15"),
        ("2026-06-06 03:00:00", "2026-06-08 10:00:00"),
    ],
)
def test_due_in_working_hours(warehouse: Warehouse, raised: str, due: str) -> None:
    put_lead(warehouse, "l", raised)
    warehouse.build("speed_to_lead", "sla_attainment")
    assert warehouse.rows("SELECT calendar, due_at FROM metrics.sla_attainment") == [
        ("default", at(due))
    ]


def test_due_by_every_minute() -> None:
    response = Response(target_minutes=90, clock="calendar")
    warehouse = Warehouse(Settings(home=Path("unused"), response=response))
    put_lead(warehouse, "l", "2026-06-06 23:00")
    warehouse.build("speed_to_lead", "sla_attainment")
    assert warehouse.rows("SELECT due_at FROM metrics.sla_attainment") == [
        (at("2026-06-07 00:30"),)
    ]
