"""Copies committed events from the warehouse into the outbox, idempotent by event id."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import duckdb

from revops_pipelines.engine.alerts.outbox import Outbox


def mirror_events(
    source: duckdb.DuckDBPyConnection | Iterable[Mapping[str, Any]], outbox: Outbox
) -> int:
    """Copy the events that the outbox does not hold yet; returns how many."""
    raise NotImplementedError
