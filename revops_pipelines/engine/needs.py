"""What steps and sensors need of resources, said as protocols: rooms meet here, not sideways.

Belongs here: the shapes. Does not: any resource.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, Protocol

import duckdb


class Clock(Protocol):
    """Tells the time."""

    def now(self) -> datetime:
        """The instant, aware, UTC."""


class Warehouse(Protocol):
    """The live file, one writer at a time."""

    def get_connection(self) -> AbstractContextManager[duckdb.DuckDBPyConnection]:
        """The writing connection; hold it no longer than needed."""


class Pulls(Protocol):
    """Pulls all systems of a run at once."""

    def results(
        self,
        wanted: Mapping[str, tuple[str, ...]],
        source: str,
        warehouse: Any,
        clock: Any,
    ) -> Iterator[Any]:
        """The streams of `source` as they come through: Landed or Failed."""
