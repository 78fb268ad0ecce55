"""The property's quota, in tokens.

Belongs here: what a report costs and what is left. Does not: the report.

A standard property has 200,000 tokens a day and 40,000 an hour, of which one project may use 35%.
Hours and days are the sandbox clock's.
Source: https://developers.google.com/analytics/devguides/reporting/data/v1/quotas
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from revops_pipelines.sandbox.frame import Options
from revops_pipelines.sandbox.ga4.answers import Ga4Error

TOKENS_A_DAY, TOKENS_AN_HOUR, PROJECT_SHARE = 200_000, 40_000, 0.35
AT_ONCE = 10


class TokenQuota:
    """Tokens used, by day and hour."""

    def __init__(self, options: Options) -> None:
        self._counted = options.limits
        hour = int(options.rates.get("ga4.tokens_per_hour", TOKENS_AN_HOUR))
        self._allowed = {
            "tokensPerDay": int(options.rates.get("ga4.tokens_per_day", TOKENS_A_DAY)),
            "tokensPerHour": hour,
            "tokensPerProjectPerHour": int(hour * PROJECT_SHARE),
        }
        self._used = dict.fromkeys(self._allowed, 0)
        self._day, self._hour = "", ""

    def spend(self, rows: int, now: datetime) -> dict[str, Any]:
        """Pay for a report; what the answer tells of the quota. Raises Ga4Error."""
        self._turn(now)
        if self._counted:
            for name, allowed in self._allowed.items():
                if self._used[name] >= allowed:
                    raise Ga4Error(
                        "RESOURCE_EXHAUSTED",
                        f"Exhausted property quota {name}. These quota tokens will return later.",
                    )
        cost = 1 + rows // 500
        for name in self._used:
            self._used[name] += cost if self._counted else 0
        tokens = {
            name: {"consumed": cost, "remaining": max(0, allowed - self._used[name])}
            for name, allowed in self._allowed.items()
        }
        return tokens | {
            "concurrentRequests": {"remaining": AT_ONCE},
            "serverErrorsPerProjectPerHour": {"remaining": 10},
            "potentiallyThresholdedRequestsPerHour": {"remaining": 120},
        }

    def _turn(self, now: datetime) -> None:
        day, hour = now.strftime("%Y-%m-%d"), now.strftime("%Y-%m-%d %H")
        if day != self._day:
            self._day, self._used["tokensPerDay"] = day, 0
        if hour != self._hour:
            self._hour = hour
            self._used["tokensPerHour"] = self._used["tokensPerProjectPerHour"] = 0
