"""What a rule would have told: episodes out of recorded events, how often, to whom, how rightly.

Belongs here: the pure arithmetic of a backtest. Does not: making history anew (`replay`), or
showing it (`commands/alerts_backtest`).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import duckdb

from revops_pipelines.engine.alerts.declaration import Rule, severity_rank

NOBODY = "nobody"


@dataclass(frozen=True, slots=True)
class Episode:
    """One trouble from its telling to its end; `ended_at` is None while it lasts.

    `receiver` is who would have been told: the owner, else the team that answers. `came_true` says
    what became of it; None where nobody knows (yet).
    """

    key: str
    headline: str
    severity: str
    receiver: str
    fired_at: datetime
    ended_at: datetime | None = None
    ended: str = ""
    is_backlog: bool = False
    messages: int = 1
    came_true: bool | None = None


@dataclass(frozen=True, slots=True)
class Backtest:
    """A rule over a span of days, judged `steps` times, the last at `judged_at`.

    `unjudged` counts the steps at which the rule could not be judged, with `problem` the last why.
    """

    rule: str
    first: date
    last: date
    steps: int
    episodes: tuple[Episode, ...]
    unjudged: int = 0
    problem: str = ""

    @property
    def weeks(self) -> float:
        """The length of the span."""
        return max(1, (self.last - self.first).days + 1) / 7

    def per_week(self) -> dict[date, int]:
        """First day of each week (Monday) -> episodes that began in it; weeks without one too."""
        found = Counter(_monday(episode.fired_at.date()) for episode in self.episodes)
        week, weeks = _monday(self.first), {}
        while week <= self.last:
            weeks[week] = found.get(week, 0)
            week += timedelta(days=7)
        return weeks

    def per_receiver(self) -> dict[str, int]:
        """Who would have been told how often, the most first."""
        return dict(Counter(episode.receiver for episode in self.episodes).most_common())

    @property
    def known(self) -> int:
        """Episodes of which is known what became."""
        return sum(episode.came_true is not None for episode in self.episodes)

    @property
    def precision(self) -> float | None:
        """Of those, the share that came true; None where nothing is known."""
        if not self.known:
            return None
        return sum(bool(episode.came_true) for episode in self.episodes) / self.known


def episodes_of(events: Iterable[Mapping[str, Any]]) -> list[Episode]:
    """The episodes that events (in their order) tell of, the first to fire first.

    An event has `alert_key`, `episode`, `kind`, `severity`, `is_backlog`, `notice`, `occurred_at`.
    """
    begun: dict[tuple[str, int], list[Mapping[str, Any]]] = {}
    for event in events:
        begun.setdefault((event["alert_key"], event["episode"]), []).append(event)
    found = [_episode(key, told) for (key, _), told in begun.items()]
    return sorted(found, key=lambda episode: (episode.fired_at, episode.key))


def _episode(key: str, told: Sequence[Mapping[str, Any]]) -> Episode:
    first, last = told[0], told[-1]
    notice = _json(first["notice"])
    has_ended = last["kind"] == "resolved"
    return Episode(
        key=key,
        headline=str(notice.get("headline", key)),
        severity=max((str(event["severity"]) for event in told), key=severity_rank),
        receiver=notice.get("owner") or notice.get("team") or NOBODY,
        fired_at=_aware(first["occurred_at"]),
        ended_at=_aware(last["occurred_at"]) if has_ended else None,
        ended=str(_json(last["notice"]).get("ended", "")) if has_ended else "",
        is_backlog=bool(first["is_backlog"]),
        messages=len(told),
    )


def read_events(connection: duckdb.DuckDBPyConnection, rule: str) -> list[dict[str, Any]]:
    """The rule's events in the order of their commitment, those about the rule itself left out."""
    cursor = connection.execute(
        "SELECT alert_key, episode, kind, severity, is_backlog, notice, occurred_at "
        "FROM ops.alert_events WHERE rule = ? AND alert_key <> '(rule)' "
        "AND kind IN ('fired', 'escalated', 'resolved') ORDER BY event_seq",
        [rule],
    )
    names = [column[0] for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def outcomes(connection: duckdb.DuckDBPyConnection, rule: Rule) -> dict[str, bool]:
    """Key -> whether what the rule warns of came true, as far as is known today."""
    if rule.outcome is None:
        return {}
    rows = connection.execute(f"SELECT alert_key, came_true FROM ({rule.outcome})").fetchall()
    return {key: bool(came_true) for key, came_true in rows if came_true is not None}


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())


def _json(notice: Any) -> Mapping[str, Any]:
    found: Mapping[str, Any] = json.loads(notice) if isinstance(notice, str) else notice or {}
    return found


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
