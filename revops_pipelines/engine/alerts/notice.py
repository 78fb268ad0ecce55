"""A notice as it is stored and read back: plain JSON.

Belongs here: the one form in which notices travel. Does not: their layout on a channel.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from revops_pipelines.engine.alerts.declaration import Notice


def as_utc(moment: datetime) -> str:
    """An instant as ISO 8601 with seconds, in UTC: `2026-06-30T12:00:00Z`."""
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def as_text(notice: Notice) -> dict[str, Any]:
    """The notice as JSON values."""
    return {
        "headline": notice.headline,
        "subject": notice.subject,
        "since": as_utc(notice.since),
        "observed": notice.observed,
        "limit": notice.limit,
        "owner": notice.owner,
        "url": notice.url,
        "what_to_do": notice.what_to_do,
        "facts": dict(notice.facts),
        "owner_email": notice.owner_email,
        "team": notice.team,
        "is_owner_gone": notice.is_owner_gone,
        "is_momentary": notice.is_momentary,
        "members": list(notice.members),
    }
