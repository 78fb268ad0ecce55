"""Deadlines that are known ahead, and when they call for a fresh look.

Belongs here: reading a rule's deadlines and deciding whether to ask for a run. Does not: asking
(the sensor does).

A subject calls for a look once its deadline has come, until it was judged on data that reach past
the deadline. The look is asked for a moment early, because a run needs longer than that to start.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta

import duckdb

from revops_pipelines.engine.alerts.declaration import Rule
from revops_pipelines.engine.alerts.notice import as_utc

# From the request to its first step a run takes seven to fifteen seconds: the data it fetches is
# then of after the deadline.
AHEAD = timedelta(seconds=5)
# How much longer each further request for the same state of the data waits: a run that fails must
# not be asked for at every tick.
ASK_AGAIN = timedelta(minutes=1)
_MOST_AGAIN = 5


@dataclass(frozen=True, slots=True)
class Deadline:
    """When one open subject passes its limit, and how far the data of its last verdict reach."""

    key: str
    at: datetime
    judged_at: datetime

    def calls(self, now: datetime) -> bool:
        """Whether it is time to look, and nobody has looked since."""
        return self.at <= now + AHEAD and self.judged_at < self.at


@dataclass(frozen=True, slots=True)
class Asked:
    """What a sensor remembers: for which state of the data it asked, how often, and when last."""

    version: str = ""
    times: int = 0
    at: str = ""

    def dump(self) -> str:
        """As a cursor."""
        return json.dumps(asdict(self))

    @classmethod
    def load(cls, cursor: str | None) -> Asked:
        """From a cursor; an empty one has asked for nothing."""
        return cls(**json.loads(cursor)) if cursor else cls()


@dataclass(frozen=True, slots=True)
class Decision:
    """Ask for a run (`run_key` not empty) or not, and what was looked at."""

    run_key: str
    said: str
    asked: Asked


def open_deadlines(connection: duckdb.DuckDBPyConnection, rule: Rule) -> list[Deadline]:
    """The rule's deadlines in the warehouse or its snapshot, earliest first.

    Raises duckdb.Error when its tables are not there.
    """
    if rule.deadlines is None:
        return []
    rows = connection.execute(
        "SELECT alert_key, deadline_at, judged_at "
        f"FROM ({rule.deadlines}) WHERE deadline_at IS NOT NULL ORDER BY deadline_at, alert_key"
    ).fetchall()
    return [
        Deadline(key, at.replace(tzinfo=UTC), judged_at.replace(tzinfo=UTC))
        for key, at, judged_at in rows
    ]


def decide(
    name: str, deadlines: Sequence[Deadline], now: datetime, asked: Asked, *, is_underway: bool
) -> Decision:
    """Whether to ask for a run now.

    One run at a time, and one request per state of the data: `version`, how far the data of those
    that call reach (a source that stands still must not be asked for whenever another moves).
    When the run that was asked for changed nothing, it is asked for again after a growing pause.
    """
    calling = [line for line in deadlines if line.calls(now)]
    if not calling:
        return Decision("", _nothing(deadlines, now), asked)
    said = f"{len(calling)} open past their deadline, the first since {as_utc(calling[0].at)}"
    if is_underway:
        return Decision("", f"{said}; a run is under way", asked)
    version = as_utc(max(line.judged_at for line in calling))
    times = asked.times if asked.version == version else 0
    if times and now < _again_at(asked, times):
        return Decision("", f"{said}; asked for {times} times, the last at {asked.at}", asked)
    key = f"{name}:{version}:{times + 1}"
    return Decision(key, said, Asked(version, times + 1, as_utc(now)))


def _again_at(asked: Asked, times: int) -> datetime:
    return datetime.fromisoformat(asked.at) + ASK_AGAIN * min(times, _MOST_AGAIN)


def _nothing(deadlines: Sequence[Deadline], now: datetime) -> str:
    ahead = [line.at for line in deadlines if line.at > now]
    first = f"the next deadline at {as_utc(min(ahead))}" if ahead else "no deadline ahead"
    return f"{len(deadlines)} open looked at at {as_utc(now)}: {first}"
