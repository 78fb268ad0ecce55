"""What time it is: the one place where the pipelines ask.

Belongs here: the system's clock, and the sandbox's while it stands in for the real systems, as a
resource. Does not: reading them (`instant`), or deadlines and time-outs, which run on monotonic
time where they are.
"""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import Any

import dagster as dg
from pydantic import PrivateAttr

from revops_pipelines.resources.instant import ClockError, sandbox_now, system_now

__all__ = ["ClockError", "ClockResource"]


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
            return system_now()
        if self._asked is None:
            self._asked = (*sandbox_now(self.sandbox_url), time.monotonic())
        instant, speed, asked_at = self._asked
        return instant + timedelta(seconds=(time.monotonic() - asked_at) * speed)
