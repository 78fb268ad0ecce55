"""Writes what metric SQL may know of settings and time into the warehouse.

Belongs here: `ops.parameters` (one row). Does not: reading settings from anywhere, calendars and
periods (`calendars`), working hours (`working_days`).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from statistics import NormalDist
from typing import Literal, Protocol
from zoneinfo import ZoneInfo

import duckdb

from revops_pipelines.engine.metrics.business_time import WorkingHours
from revops_pipelines.engine.metrics.calendars import write_calendars
from revops_pipelines.engine.metrics.policies import write_policies
from revops_pipelines.engine.metrics.tables import ensure_metric_tables
from revops_pipelines.engine.metrics.working_days import write_working_days

# Contracts refuse earlier dates, so no fact lies before.
FIRST_DAY = date(1990, 1, 1)

PARAMETERS: dict[str, tuple[str, str]] = {
    "as_of_at": ("TIMESTAMP", "Knowledge time (UTC): later events are not known yet."),
    "as_of_on": ("DATE", "The day of as_of_at in the reporting time zone."),
    "as_of_utc_on": ("DATE", "The UTC day of as_of_at, by which billing dates are judged."),
    "computed_at": ("TIMESTAMP", "When the run computed its metrics (UTC)."),
    "policy": ("VARCHAR", "Set of conventions in force, a row of `ops.policies`."),
    "base_currency": ("VARCHAR", "Currency of every total."),
    "time_zone": ("VARCHAR", "Reporting time zone."),
    "response_target_minutes": ("BIGINT", "Minutes within which a lead must be answered."),
    "response_clock": ("VARCHAR", "Clock of the target: business or calendar."),
    "past_due_days": ("INTEGER", "Days for which a past-due subscription counts in MRR."),
    "lead_to_opportunity_days": ("INTEGER", "Days a lead has to become an opportunity."),
    "contact_days": ("INTEGER", "Days a qualified lead has to be contacted."),
    "created_cohort_days": ("INTEGER", "Days after which a cohort of deals counts as mature."),
    "forecast_horizon_days": ("INTEGER", "Days before a period's end of the forecast judged."),
    "history_days": ("INTEGER", "Days of decided deals that chances of winning are taken from."),
    "ramp_months": ("INTEGER", "Months in which a seller is new."),
    "engagement_days": ("INTEGER", "Days back in which a target account's activity counts."),
    "engaged_contacts": ("INTEGER", "Engaged people that make a target account engaged."),
    "attribution_days": ("INTEGER", "Days before a milestone in which touchpoints get credit."),
    "half_life_days": ("INTEGER", "Days after which a touchpoint's credit halves in time decay."),
    "gross_margin_share": ("DECIMAL(9,6)", "Share of revenue left after the cost of serving."),
    "cac_lag_months": ("INTEGER", "Months between the cost of selling and its customers."),
    "leakage_grace_days": ("INTEGER", "Days that bills and payments may wait before leakage."),
    "leakage_tolerance_share": ("DECIMAL(9,6)", "Difference of bill and contract that is none."),
    "renewal_window_days": ("INTEGER", "Days around its date that a renewal is on time."),
    "recovery_days": ("INTEGER", "Days within which a failed payment counts as recovered."),
    "min_n": ("INTEGER", "Fewer cases than this are too few to judge."),
    "z": ("DOUBLE", "Half-width of the intervals in standard deviations."),
}


class _Company(Protocol):
    @property
    def base_currency(self) -> str: ...
    @property
    def time_zone(self) -> str: ...
    @property
    def week_starts_on(self) -> str: ...
    @property
    def fiscal_year_starts_in(self) -> int: ...


class _Calendar(Protocol):
    @property
    def time_zone(self) -> str: ...
    @property
    def days(self) -> tuple[str, ...]: ...
    @property
    def opens(self) -> str: ...
    @property
    def closes(self) -> str: ...
    @property
    def holidays(self) -> str | None: ...


class _Response(Protocol):
    @property
    def target_minutes(self) -> int: ...
    @property
    def clock(self) -> Literal["business", "calendar"]: ...


class _Billing(Protocol):
    @property
    def past_due_days(self) -> int: ...
    @property
    def policy(self) -> str: ...


class _Pipeline(Protocol):
    @property
    def lead_to_opportunity_days(self) -> int: ...
    @property
    def contact_days(self) -> int: ...
    @property
    def created_cohort_days(self) -> int: ...


class _Forecasting(Protocol):
    @property
    def horizon_days(self) -> int: ...
    @property
    def history_days(self) -> int: ...
    @property
    def ramp_months(self) -> int: ...


class _Engagement(Protocol):
    @property
    def window_days(self) -> int: ...
    @property
    def min_contacts(self) -> int: ...
    @property
    def lookback_days(self) -> int: ...
    @property
    def half_life_days(self) -> int: ...


class _Economics(Protocol):
    @property
    def gross_margin_share(self) -> Decimal: ...
    @property
    def cac_lag_months(self) -> int: ...
    @property
    def leakage_grace_days(self) -> int: ...
    @property
    def leakage_tolerance_share(self) -> Decimal: ...
    @property
    def renewal_window_days(self) -> int: ...
    @property
    def recovery_days(self) -> int: ...


class _Statistics(Protocol):
    @property
    def min_n(self) -> int: ...
    @property
    def confidence(self) -> float: ...


class MetricSettings(Protocol):
    """The part of the settings that metrics depend on."""

    @property
    def company(self) -> _Company:
        """Base currency, reporting zone, first day of the week, fiscal year."""

    @property
    def calendars(self) -> Mapping[str, _Calendar]:
        """Working hours per team; `default` for the others."""

    @property
    def response(self) -> _Response:
        """Target of the first answer."""

    @property
    def billing(self) -> _Billing:
        """What counts as recurring revenue."""

    @property
    def pipeline(self) -> _Pipeline:
        """When cohorts are judged."""

    @property
    def forecasting(self) -> _Forecasting:
        """How forecasts and targets are judged."""

    @property
    def engagement(self) -> _Engagement:
        """How marketing's work is credited."""

    @property
    def economics(self) -> _Economics:
        """What customers cost and leave over."""

    @property
    def statistics(self) -> _Statistics:
        """Intervals and small numbers."""


def prepare(
    connection: duckdb.DuckDBPyConnection,
    settings: MetricSettings,
    as_of_at: datetime,
    computed_at: datetime | None = None,
) -> None:
    """Write the tables that every metric's SQL reads, for one run; cheap when nothing changed.

    `as_of_at` is the knowledge time, `computed_at` the run's clock (default: the same), both
    aware. Writes `ops.parameters`, `ops.policies`, `ops.calendar`, `ops.periods`,
    `ops.period_days`, `ops.reporting_days`, `ops.business_windows` and `ops.business_days`.
    """
    zone = ZoneInfo(settings.company.time_zone)
    last_day = date(as_of_at.year + 2, 12, 31)
    connection.execute("CREATE SCHEMA IF NOT EXISTS ops")
    ensure_metric_tables(connection)
    values = _values(settings, as_of_at, computed_at or as_of_at)
    write_calendars(
        connection,
        zone,
        settings.company.week_starts_on,
        settings.company.fiscal_year_starts_in,
        (FIRST_DAY, last_day),
        values["as_of_on"],
    )
    hours = {name: _hours(calendar) for name, calendar in settings.calendars.items()}
    write_working_days(connection, hours, FIRST_DAY, last_day)
    write_policies(connection, settings.billing.past_due_days)
    _write_parameters(connection, values)


def _values(
    settings: MetricSettings, as_of_at: datetime, computed_at: datetime
) -> dict[str, object]:
    confidence = settings.statistics.confidence
    return {
        "as_of_at": _naive(as_of_at),
        "as_of_on": as_of_at.astimezone(ZoneInfo(settings.company.time_zone)).date(),
        "as_of_utc_on": _naive(as_of_at).date(),
        "computed_at": _naive(computed_at),
        "policy": settings.billing.policy,
        "base_currency": settings.company.base_currency,
        "time_zone": settings.company.time_zone,
        "response_target_minutes": settings.response.target_minutes,
        "response_clock": settings.response.clock,
        "past_due_days": settings.billing.past_due_days,
        "lead_to_opportunity_days": settings.pipeline.lead_to_opportunity_days,
        "contact_days": settings.pipeline.contact_days,
        "created_cohort_days": settings.pipeline.created_cohort_days,
        "forecast_horizon_days": settings.forecasting.horizon_days,
        "history_days": settings.forecasting.history_days,
        "ramp_months": settings.forecasting.ramp_months,
        "engagement_days": settings.engagement.window_days,
        "engaged_contacts": settings.engagement.min_contacts,
        "attribution_days": settings.engagement.lookback_days,
        "half_life_days": settings.engagement.half_life_days,
        "gross_margin_share": settings.economics.gross_margin_share,
        "cac_lag_months": settings.economics.cac_lag_months,
        "leakage_grace_days": settings.economics.leakage_grace_days,
        "leakage_tolerance_share": settings.economics.leakage_tolerance_share,
        "renewal_window_days": settings.economics.renewal_window_days,
        "recovery_days": settings.economics.recovery_days,
        "min_n": settings.statistics.min_n,
        "z": NormalDist().inv_cdf(0.5 + confidence / 2),
    }


def _write_parameters(connection: duckdb.DuckDBPyConnection, values: dict[str, object]) -> None:
    columns = ", ".join(f"{name} {kind}" for name, (kind, _) in PARAMETERS.items())
    marks = ", ".join("?" for _ in PARAMETERS)
    connection.execute(f"CREATE OR REPLACE TABLE ops.parameters ({columns})")
    connection.execute(
        f"INSERT INTO ops.parameters VALUES ({marks})", [values[name] for name in PARAMETERS]
    )


def _hours(calendar: _Calendar) -> WorkingHours:
    return WorkingHours(
        calendar.time_zone, calendar.days, calendar.opens, calendar.closes, calendar.holidays
    )


def _naive(instant: datetime) -> datetime:
    return instant.astimezone(UTC).replace(tzinfo=None)
