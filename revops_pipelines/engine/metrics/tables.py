"""The tables of all metrics: the long table of their values, and their standing.

Belongs here: its columns, their meaning, and making it. Does not: detail tables, which a metric
declares itself.
"""

from __future__ import annotations

import duckdb

# column -> (DuckDB type, meaning); 8 decimals hold money to the cent and shares to a millionth.
NUMBER = "DECIMAL(28,8)"
VALUES: dict[str, tuple[str, str]] = {
    "metric": ("VARCHAR", "Id in the metric catalogue."),
    "grain": ("VARCHAR", "Length of the period: week, month or quarter."),
    "period_start_on": ("DATE", "First day of the period, reporting time zone."),
    "period_end_on": ("DATE", "First day after the period."),
    "dimensions": ("JSON", "Breakdown: {} is the total, else column -> value."),
    "value": (NUMBER, "The metric, in its unit; null where it cannot be told."),
    "numerator": (NUMBER, "What the value is made of; re-aggregate from these, never average."),
    "denominator": (NUMBER, "What the numerator is divided by; null where nothing divides."),
    "n": ("BIGINT", "How many leads, deals or customers the value rests on."),
    "n_excluded": ("BIGINT", "How many were left out."),
    "is_mature": ("BOOLEAN", "The period is closed and its cohort old enough to judge."),
    "lower": (NUMBER, "Lower bound of the 95 % interval, where there is one."),
    "upper": (NUMBER, "Upper bound of the 95 % interval, where there is one."),
    "unit": ("VARCHAR", "Unit of value: minutes, days, share, money, money_per_day, count."),
    "policy": ("VARCHAR", "Set of conventions under which it was computed."),
    "as_of_at": ("TIMESTAMP", "Knowledge time: what was known at this instant (UTC)."),
    "computed_at": ("TIMESTAMP", "When it was computed (UTC)."),
    "excluded": ("JSON", "Reason -> how many were left out for it."),
}
VALUE_COLUMNS = tuple(VALUES)

STANDING: dict[str, tuple[str, str]] = {
    "metric": ("VARCHAR", "Id in the metric catalogue."),
    "has_values": ("BOOLEAN", "It has at least one value."),
    "is_stale": ("BOOLEAN", "Something it reads is older than `freshness.max_age_hours`."),
    "stale_inputs": ("JSON", "Which: `conformed.invoices of stripe`."),
    "missing_inputs": ("JSON", "Conformed tables it reads that no source has filled."),
    "oldest_input_at": ("TIMESTAMP", "Last load of what was loaded longest ago (UTC)."),
}


def ensure_metric_tables(connection: duckdb.DuckDBPyConnection) -> None:
    """Create the schema `metrics` and the tables of all metrics where they are missing."""
    connection.execute("CREATE SCHEMA IF NOT EXISTS metrics")
    for name, columns in (("metric_values", VALUES), ("metric_standing", STANDING)):
        listed = ", ".join(f"{column} {kind}" for column, (kind, _) in columns.items())
        connection.execute(f"CREATE TABLE IF NOT EXISTS metrics.{name} ({listed})")
