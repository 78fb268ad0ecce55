"""What time it is, without Dagster: the system's clock and the sandbox's.

Belongs here: asking them. Does not: the resource that runs use (`clock`), or deadlines and
time-outs, which run on monotonic time where they are.
"""

from __future__ import annotations

from datetime import UTC, datetime

import requests

_ASK_SECONDS = 5


class ClockError(Exception):
    """The sandbox's clock does not answer."""


def system_now() -> datetime:
    """The system's instant, aware, UTC."""
    return datetime.now(UTC)


def sandbox_now(sandbox_url: str) -> tuple[datetime, float]:
    """The sandbox's instant, and how many of its seconds pass in one of ours. Raises ClockError."""
    url = f"{sandbox_url}/_sandbox/clock"
    try:
        answer = requests.get(url, timeout=_ASK_SECONDS, allow_redirects=False)
        answer.raise_for_status()
        told = answer.json()
        return datetime.fromisoformat(told["now"]), float(told["speed"])
    except (requests.RequestException, ValueError, KeyError) as error:
        raise ClockError(
            f"the sandbox at {sandbox_url} does not answer; start one with `make ui` or "
            f"`revops sandbox`, or configure a source in revops.toml"
        ) from error
