"""What a rule would have told: episodes out of recorded events, how often, to whom, how rightly.

Belongs here: the pure arithmetic of a backtest. Does not: making history anew (`replay`), or
showing it (`commands/alerts_backtest`).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import duckdb

from revops_pipelines.engine.alerts.declaration import Rule, severity_rank

NOBODY = "nobody"


@dataclass(frozen=True, slots=True)
class Episode:
    """One trouble from its telling to its end; `ended_at` is None while it lasts.

    `receiver` is who would have been told: the owner, else the team that answers. `came_true` says
    what became of it; None where nobody knows (yet). A list has `members` instead, and `outcomes`
    says what became of those of which it is known.
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
    members: tuple[str, ...] = ()
    outcomes: Mapping[str, bool] = field(default_factory=dict)

    def with_outcomes(self, known: Mapping[str, bool]) -> Episode:
        """The same, with what became of it, or of what it names."""
        if not self.members:
            return replace(self, came_true=known.get(self.key))
        named = {member: known[member] for member in self.members if member in known}
        return replace(self, outcomes=named)


@dataclass(frozen=True, slots=True)
class Backtest:
    """A rule over a span of days, judged `steps` times, first at `began_at`.

    What it finds at the first step may have been there for long: `at_start` counts it apart.
    `unjudged` counts the steps at which the rule could not be judged, with `problem` the last why.
    `usual` is the share that came true of all that the rule could have told of: a precision no
    better than that is chance. None where it has no outcome.
    """

    rule: str
    first: date
    last: date
    steps: int
    episodes: tuple[Episode, ...]
    unjudged: int = 0
    problem: str = ""
    usual: float | None = None
    began_at: datetime | None = None

    @property
    def at_start(self) -> int:
        """Episodes that the first step found: their number says nothing about a usual week."""
        return sum(episode.fired_at == self.began_at for episode in self.episodes)

    @property
    def a_week(self) -> float:
        """Episodes a week that began after the first step."""
        return (len(self.episodes) - self.at_start) / self.weeks

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
    def told(self) -> int:
        """Subjects told of: episodes, or the members of lists, each of those once."""
        members = {member for episode in self.episodes for member in episode.members}
        return len(members) + sum(not episode.members for episode in self.episodes)

    @property
    def known(self) -> int:
        """Of those, how many of which is known what became."""
        return len(self._outcomes())

    @property
    def precision(self) -> float | None:
        """Of the known ones, the share that came true; None where nothing is known."""
        return share_true(self._outcomes())

    def _outcomes(self) -> list[bool]:
        alone = [each.came_true for each in self.episodes if each.came_true is not None]
        members = {key: came for each in self.episodes for key, came in each.outcomes.items()}
        return [*alone, *members.values()]


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
        messages=len(told) - (has_ended and bool(notice.get("is_momentary"))),
        members=tuple(notice.get("members") or ()),
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


def share_true(outcomes: Collection[bool]) -> float | None:
    """The share that came true; None of nothing."""
    return sum(outcomes) / len(outcomes) if outcomes else None


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())


def _json(notice: Any) -> Mapping[str, Any]:
    found: Mapping[str, Any] = json.loads(notice) if isinstance(notice, str) else notice or {}
    return found


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
