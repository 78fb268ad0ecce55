"""Writes what metric SQL may know of settings and time into the warehouse.

Belongs here: `ops.parameters` (one row), calendar and periods, business time. Does not: reading
settings from anywhere.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import duckdb


def prepare(connection: duckdb.DuckDBPyConnection, settings: Any, as_of_at: datetime) -> None:
    """Write the tables that every metric's SQL reads, for one run.

    `as_of_at` is the knowledge time of the run, UTC aware.
    """
    raise NotImplementedError
