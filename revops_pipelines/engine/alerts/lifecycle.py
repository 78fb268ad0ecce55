"""How one alert lives: ok, pending, firing, recovering; pure, without storage or clock.

Belongs here: the transition of one alert at one evaluation. Does not: where verdicts come from, or
who is told.

    ok --breach--> pending --breach for pending_for--> firing --clear--> recovering
    recovering --clear for keep_for--> ok        recovering --anything else--> firing

What tells people is only the start of an episode (`fired`), a rise in severity inside it
(`escalated`) and its end (`resolved`). A trouble that comes and goes at every evaluation therefore
makes one `fired`, and one `resolved` once it has stayed away for the whole keep window; within any
window of that length there is at most one of each. An unknown verdict starts nothing, ends nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from revops_pipelines.engine.alerts.declaration import Severity, Verdict, severity_rank


class Status(StrEnum):
    """Where an alert stands."""

    OK = "ok"
    PENDING = "pending"
    FIRING = "firing"
    RECOVERING = "recovering"


class EventKind(StrEnum):
    """What people are told."""

    FIRED = "fired"
    ESCALATED = "escalated"
    RESOLVED = "resolved"


OPEN = (Status.FIRING, Status.RECOVERING)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a breach must last before it is told, and a recovery before it is believed."""

    pending_for: timedelta = timedelta(0)
    keep_for: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class State:
    """One alert between evaluations.

    `since` is when the status began; `episode` counts the times it has fired, the current one
    included; `fired_at` is when that one began; `severity` the highest told in it.
    """

    status: Status = Status.OK
    episode: int = 0
    severity: Severity | None = None
    since: datetime | None = None
    fired_at: datetime | None = None


def step(
    state: State, verdict: Verdict, severity: Severity, now: datetime, patience: Patience
) -> tuple[State, EventKind | None]:
    """The state after one verdict, and what to tell, if anything.

    A clock that jumped back never makes a span negative: the status then counts from `now` on.
    """
    if state.since is not None and state.since > now:
        state = replace(state, since=now)
    if state.status in OPEN:
        return _open(state, verdict, severity, now, patience)
    return _not_open(state, verdict, severity, now, patience)


def _not_open(
    state: State, verdict: Verdict, severity: Severity, now: datetime, patience: Patience
) -> tuple[State, EventKind | None]:
    if verdict is Verdict.UNKNOWN:
        return state, None
    if verdict is not Verdict.BREACH:
        return _at(state, Status.OK, now), None
    pending = _at(state, Status.PENDING, now)
    if now - (pending.since or now) < patience.pending_for:
        return pending, None
    firing = State(
        status=Status.FIRING,
        episode=state.episode + 1,
        severity=severity,
        since=now,
        fired_at=now,
    )
    return firing, EventKind.FIRED


def _open(
    state: State, verdict: Verdict, severity: Severity, now: datetime, patience: Patience
) -> tuple[State, EventKind | None]:
    if verdict is Verdict.CLEAR:
        recovering = _at(state, Status.RECOVERING, now)
        if now - (recovering.since or now) < patience.keep_for:
            return recovering, None
        return _at(recovering, Status.OK, now), EventKind.RESOLVED
    firing = _at(state, Status.FIRING, now)
    if verdict is Verdict.BREACH and _rises(state.severity, severity):
        return replace(firing, severity=severity), EventKind.ESCALATED
    return firing, None


def _at(state: State, status: Status, now: datetime) -> State:
    """The state in that status; `since` moves only when the status changes."""
    return state if state.status is status else replace(state, status=status, since=now)


def _rises(told: Severity | None, found: Severity) -> bool:
    return told is None or severity_rank(found) > severity_rank(told)
