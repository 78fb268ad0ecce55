"""How one alert lives: pure, without storage or clock.

Belongs here: the transition of one alert at one evaluation, and at one action of a person. Does
not: where verdicts and actions come from, or who is told.

    ok --breach--> pending --breach for pending_for--> firing --clear--> recovering
    recovering --clear for keep_for--> ok        recovering --anything else--> firing

    firing --acknowledge--> acknowledged      --severity rises--> firing
    firing --snooze--> snoozed                --its end, severity rises--> firing
    firing, recovering --resolve by hand--> ok, for keep_for at least

What tells people is only the start of an episode (`fired`), a rise in severity inside it
(`escalated`) and its end (`resolved`). A trouble that comes and goes at every evaluation therefore
makes one `fired`, and one `resolved` once it has stayed away for the whole keep window; within any
window of that length there is at most one of each. An unknown verdict starts nothing, ends nothing:
the alert stands as `no_data` (or `error`, when the rule itself failed) until it is judged again.

Acknowledging and snoozing do not change what is wrong, only who minds it: they are kept beside the
status, and end with the episode or when its severity rises above what was acknowledged.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from revops_pipelines.engine.alerts.declaration import Severity, Verdict, severity_rank


class Status(StrEnum):
    """What the evaluations have found."""

    OK = "ok"
    PENDING = "pending"
    FIRING = "firing"
    RECOVERING = "recovering"


class Doubt(StrEnum):
    """Why the last evaluation had no verdict; NONE where it had one."""

    NONE = ""
    NO_DATA = "no_data"
    ERROR = "error"


class Verb(StrEnum):
    """What a person can do about an open alert."""

    ACK = "ack"
    SNOOZE = "snooze"
    RESOLVE = "resolve"


class Standing(StrEnum):
    """How an alert stands, in one word for people."""

    OK = "ok"
    PENDING = "pending"
    FIRING = "firing"
    ACKNOWLEDGED = "acknowledged"
    SNOOZED = "snoozed"
    RECOVERING = "recovering"
    RESOLVED = "resolved"
    NO_DATA = "no_data"
    ERROR = "error"


class EventKind(StrEnum):
    """What people are told."""

    FIRED = "fired"
    ESCALATED = "escalated"
    REPEATED = "repeated"
    PASSED_ON = "passed_on"
    ACKNOWLEDGED = "acknowledged"
    SNOOZED = "snoozed"
    RESOLVED = "resolved"


OPEN = (Status.FIRING, Status.RECOVERING)
# Those that begin something: the others follow from them, and go where they went.
TRIGGERS = (EventKind.FIRED, EventKind.ESCALATED)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a breach must last before it is told, and a recovery before it is believed."""

    pending_for: timedelta = timedelta(0)
    keep_for: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class Handling:
    """Who acknowledged or snoozed the open episode, and when; `until` is the end of a snooze."""

    verb: Verb
    by: str
    at: datetime
    until: datetime | None = None

    def holds(self, now: datetime) -> bool:
        """An acknowledgement holds; a snooze until its end."""
        return self.until is None or now < self.until


@dataclass(frozen=True, slots=True)
class Act:
    """What somebody asked for, on one episode."""

    verb: Verb
    episode: int
    by: str
    at: datetime
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class State:
    """One alert between evaluations.

    `since` is when the status began; `episode` counts the times it has fired, the current one
    included; `fired_at` is when that one began; `severity` the highest told in it and `told_at`
    when. `handling` is of the open episode. `quiet_until` holds back a new episode after one that
    was resolved by hand. `doubt` is why it could not be judged last time.
    """

    status: Status = Status.OK
    episode: int = 0
    severity: Severity | None = None
    since: datetime | None = None
    fired_at: datetime | None = None
    told_at: datetime | None = None
    handling: Handling | None = None
    quiet_until: datetime | None = None
    doubt: Doubt = Doubt.NONE


def step(
    state: State,
    verdict: Verdict,
    severity: Severity,
    now: datetime,
    patience: Patience,
    doubt: Doubt = Doubt.NO_DATA,
) -> tuple[State, EventKind | None]:
    """The state after one verdict, and what to tell, if anything.

    `doubt` says what an unknown verdict means. A clock that jumped back never makes a span
    negative: the status then counts from `now` on.
    """
    if state.since is not None and state.since > now:
        state = replace(state, since=now)
    in_doubt = verdict is Verdict.UNKNOWN and state.status is not Status.OK
    state = replace(state, doubt=doubt if in_doubt else Doubt.NONE)
    if state.status in OPEN:
        return _open(state, verdict, severity, now, patience)
    return _not_open(state, verdict, severity, now, patience)


def act(
    state: State, action: Act, now: datetime, patience: Patience
) -> tuple[State, EventKind | None]:
    """The state after what a person asked for; the same state when it does not concern it.

    It concerns the open episode that it names, and what was told before it: who acknowledged a
    warning has not acknowledged the critical alert that it became since. Doing it twice changes
    nothing.
    """
    begun = state.told_at or state.fired_at
    if state.status not in OPEN or action.episode != state.episode:
        return state, None
    if begun is not None and action.at < begun:
        return state, None
    if action.verb is Verb.RESOLVE:
        # Counted from what was asked for; a clock that jumped back cannot make it longer.
        quiet_until = min(action.at, now) + patience.keep_for
        ended = replace(state, status=Status.OK, since=now, handling=None, quiet_until=quiet_until)
        return ended, EventKind.RESOLVED
    handling = Handling(action.verb, action.by, action.at, action.until)
    if state.handling is not None and state.handling.at > handling.at:
        return state, None
    return replace(state, handling=handling), None


def standing(state: State, now: datetime) -> Standing:
    """The one word: what could not be judged first, then what is ending, then who minds it."""
    if state.status is Status.OK:
        return Standing.RESOLVED if state.episode else Standing.OK
    if state.doubt is not Doubt.NONE:
        return Standing(state.doubt)
    if state.status is not Status.FIRING:
        return Standing(state.status)
    if state.handling is None or not state.handling.holds(now):
        return Standing.FIRING
    return Standing.ACKNOWLEDGED if state.handling.verb is Verb.ACK else Standing.SNOOZED


def _not_open(
    state: State, verdict: Verdict, severity: Severity, now: datetime, patience: Patience
) -> tuple[State, EventKind | None]:
    if verdict is Verdict.UNKNOWN:
        return state, None
    if verdict is not Verdict.BREACH:
        return replace(_at(state, Status.OK, now), quiet_until=None), None
    if _is_held_back(state, now, patience):
        return _at(state, Status.OK, now), None
    pending = replace(_at(state, Status.PENDING, now), quiet_until=None)
    if now - (pending.since or now) < patience.pending_for:
        return pending, None
    firing = State(
        status=Status.FIRING,
        episode=state.episode + 1,
        severity=severity,
        since=now,
        fired_at=now,
        told_at=now,
    )
    return firing, EventKind.FIRED


def _is_held_back(state: State, now: datetime, patience: Patience) -> bool:
    """Whether somebody resolved it so recently that it does not come back yet."""
    if state.quiet_until is None:
        return False
    return now < state.quiet_until <= now + patience.keep_for


def _open(
    state: State, verdict: Verdict, severity: Severity, now: datetime, patience: Patience
) -> tuple[State, EventKind | None]:
    if verdict is Verdict.CLEAR:
        recovering = _at(state, Status.RECOVERING, now)
        if now - (recovering.since or now) < patience.keep_for:
            return recovering, None
        return replace(_at(recovering, Status.OK, now), handling=None), EventKind.RESOLVED
    firing = _at(state, Status.FIRING, now)
    if verdict is Verdict.BREACH and _rises(state.severity, severity):
        return replace(firing, severity=severity, told_at=now, handling=None), EventKind.ESCALATED
    return firing, None


def _at(state: State, status: Status, now: datetime) -> State:
    """The state in that status; `since` moves only when the status changes."""
    return state if state.status is status else replace(state, status=status, since=now)


def _rises(told: Severity | None, found: Severity) -> bool:
    return told is None or severity_rank(found) > severity_rank(told)
