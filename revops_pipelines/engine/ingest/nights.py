"""What belongs into the night: telling a night from a pulse, and reading when something was done.

Belongs here: what connectors with long lists share. Does not: how long a list may wait (options).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from revops_pipelines.engine.declarations import Pull

_NIGHT = "thorough"
# A night a little early is the night all the same: it does not wait for the last minutes to pass.
EARLY = timedelta(hours=6)


def tell_night(job: Pull) -> None:
    """Let siblings know that this is a night; for the first stream that no pulse pulls."""
    job.share(_NIGHT, True)


def is_night(job: Pull) -> bool:
    """Whether a stream that only nights pull told so."""
    return bool(job.fetched.get(_NIGHT))


def moment(value: Any) -> datetime | None:
    """An instant out of a cursor or a record (ISO 8601 with its offset), in UTC; None for none."""
    return None if value is None else datetime.fromisoformat(value).astimezone(UTC)
