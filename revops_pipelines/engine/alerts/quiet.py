"""Quiet hours: whether a channel keeps silent at an instant, and until when."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from revops_pipelines.engine.alerts.channel import QuietHours
from revops_pipelines.engine.alerts.declaration import severity_rank

_SATURDAY = 5
_DAYS_AHEAD = 8


def quiet_until(quiet: QuietHours | None, severity: str, at: datetime) -> datetime | None:
    """The instant (UTC) at which the silence around `at` ends; None when it is not quiet then.

    `severity` at or above the one excepted is never held. The end is a wall-clock time of the
    readers' zone, so it follows their clock changes.
    """
    if quiet is None or _is_excepted(quiet, severity):
        return None
    zone = ZoneInfo(quiet.time_zone)
    local = at.astimezone(zone)
    if not _is_quiet(quiet, local):
        return None
    ends = time.fromisoformat(quiet.ends)
    for ahead in range(_DAYS_AHEAD):
        day = local.date() + timedelta(days=ahead)
        for wall in sorted({time(0), ends}):
            boundary = datetime.combine(day, wall, tzinfo=zone)
            if boundary.astimezone(UTC) > at and not _is_quiet(quiet, boundary):
                return boundary.astimezone(UTC)
    return None


def _is_excepted(quiet: QuietHours, severity: str) -> bool:
    if quiet.except_severity is None:
        return False
    return severity_rank(severity) >= severity_rank(quiet.except_severity)


def _is_quiet(quiet: QuietHours, local: datetime) -> bool:
    if quiet.weekends and local.weekday() >= _SATURDAY:
        return True
    starts, ends = time.fromisoformat(quiet.starts), time.fromisoformat(quiet.ends)
    now = local.time()
    if starts <= ends:
        return starts <= now < ends
    return now >= starts or now < ends
