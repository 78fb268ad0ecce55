"""What time it is: the one place where the pipelines ask.

Belongs here: the system's clock, and the sandbox's while it stands in for the real systems. Does
not: deadlines and time-outs, which run on monotonic time where they are.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import requests
from pydantic import PrivateAttr

_ASK_SECONDS = 5


class ClockError(Exception):
    """The sandbox's clock does not answer."""


class ClockResource(dg.ConfigurableResource[Any]):
    """The pipelines' clock.

    With `sandbox_url` it is asked once from the sandbox, whose company lives at another time, and
    runs on at the sandbox's speed; without, it is the system's.
    """

    sandbox_url: str = ""

    _asked: tuple[datetime, float, float] | None = PrivateAttr(default=None)

    def now(self) -> datetime:
        """The instant, aware, UTC. Raises ClockError."""
        if not self.sandbox_url:
            return datetime.now(UTC)
        if self._asked is None:
            self._asked = self._ask()
        instant, speed, asked_at = self._asked
        return instant + timedelta(seconds=(time.monotonic() - asked_at) * speed)

    def _ask(self) -> tuple[datetime, float, float]:
        url = f"{self.sandbox_url}/_sandbox/clock"
        try:
            answer = requests.get(url, timeout=_ASK_SECONDS, allow_redirects=False)
            answer.raise_for_status()
            told = answer.json()
            instant = datetime.fromisoformat(told["now"])
        except (requests.RequestException, ValueError, KeyError) as error:
            raise ClockError(
                f"the sandbox at {self.sandbox_url} does not answer; start one with `make ui` or "
                f"`revops sandbox`, or configure a source in revops.toml"
            ) from error
        return instant, float(told["speed"]), time.monotonic()
