"""What the heartbeat judges: facts about the machinery in, signs of trouble out.

Belongs here: the facts' shapes, the limits, the verdicts; all pure. Does not: reading the facts
(`instance`, `mail`), or telling anybody (`commands/heartbeat`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

# The daemons without which no schedule ticks, no sensor looks, no run is taken from the queue, and
# no dead run is ended.
DAEMONS = ("SENSOR", "SCHEDULER", "QUEUED_RUN_COORDINATOR", "MONITORING")
# What ends a run that is in one of these; the others have ended or only wait.
BEGUN = ("STARTING", "STARTED", "CANCELING")
_JUMP = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class Sign:
    """One thing that is wrong. `key` is the same for as long as it is the same trouble."""

    key: str
    detail: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Limits:
    """How long what may last before it is a sign."""

    daemon: timedelta
    relay: timedelta
    overdue: timedelta
    silent_run: timedelta
    starting: timedelta
    snapshot: timedelta
    free_bytes: int


@dataclass(frozen=True, slots=True)
class Run:
    """A run that has begun and not ended; times in UTC.

    `is_gone`: its process has ended without a word; None where that cannot be known.
    `longest` is what its `dagster/max_runtime` allows.
    """

    run_id: str
    job: str
    status: str
    since: datetime
    last_event_at: datetime
    is_gone: bool | None = None
    longest: timedelta | None = None

    @property
    def name(self) -> str:
        """As people are told it."""
        return f"run {self.run_id[:8]} of {self.job}"


@dataclass(frozen=True, slots=True)
class Machinery:
    """What Dagster's storage says: the daemons' last heartbeats, runs under way, the relay's turn.

    `relay_at` is the relay's last turn that ended well; None where there never was one.
    """

    beats: Mapping[str, datetime] = field(default_factory=dict)
    runs: tuple[Run, ...] = ()
    relay_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits in the outbox: messages that are due, and since when the oldest of them is."""

    due: int = 0
    oldest_due_at: datetime | None = None
    channels: tuple[str, ...] = ()


def of_machinery(facts: Machinery, limits: Limits, now: datetime) -> Iterable[Sign]:
    """Dead daemons, a relay that takes no turns, stuck runs."""
    dead = [name for name in DAEMONS if _is_late(facts.beats.get(name), limits.daemon, now)]
    if dead:
        yield Sign("daemon", _of_daemons(dead, facts, now), "start it: the service, or `revops ui`")
    elif _is_late(facts.relay_at, limits.relay, now):
        yield Sign(
            "relay",
            f"no turn of the relay has ended well {_since(facts.relay_at, now)}; the daemon runs",
            "see the ticks of the sensor alert_delivery; is it switched on?",
        )
    for run in facts.runs:
        reason = stuck(run, limits, now)
        if reason:
            yield Sign(
                f"run {run.run_id}",
                f"{run.name} is stuck: {reason}",
                "`revops doctor --heartbeat --free` ends it",
            )


def stuck(run: Run, limits: Limits, now: datetime) -> str:
    """Why the run is stuck; empty where it is not."""
    lasted = now - run.since
    if run.is_gone:
        return "its process is gone"
    if run.status != "STARTED" and lasted > limits.starting:
        return f"{run.status.lower()} for {_span(lasted)}"
    if run.longest is not None and lasted > run.longest:
        return f"it runs for {_span(lasted)} and may for {_span(run.longest)}"
    silent = now - run.last_event_at
    if silent > limits.silent_run:
        return f"nothing was heard of it for {_span(silent)}"
    return ""


def may_be_freed(run: Run, limits: Limits, now: datetime) -> bool:
    """Whether nothing is lost by ending it: it does no work any more, or has outlived its limit.

    A run that is only silent may be at work: it is told, and left alone.
    """
    if run.is_gone:
        return True
    lasted = now - run.since
    # An end that was asked for, or a start that never came, has no process to wait for.
    if run.status != "STARTED":
        return lasted > limits.starting
    return run.longest is not None and lasted > run.longest


def of_waiting(waiting: Waiting, limits: Limits, now: datetime) -> Iterable[Sign]:
    """Messages that are due and do not go out; `now` is by the outbox's own clock."""
    if waiting.oldest_due_at is None or now - waiting.oldest_due_at <= limits.overdue:
        return
    channels = f" ({', '.join(waiting.channels)})" if waiting.channels else ""
    yield Sign(
        "outbox",
        f"{waiting.due} messages are due and not sent{channels}, the oldest "
        f"for {_span(now - waiting.oldest_due_at)}",
        "`revops alerts list` and the channel's last error say why",
    )


def of_snapshot(published_at: datetime | None, limits: Limits, now: datetime) -> Iterable[Sign]:
    """A published snapshot that nothing renews."""
    if published_at is None:
        yield Sign("snapshot", "nothing is published yet", "revops run nightly")
    elif now - published_at > limits.snapshot:
        yield Sign(
            "snapshot",
            f"what is published is {_span(now - published_at)} old",
            "see the last runs in the Dagster UI, or `revops run nightly`",
        )


def of_recovery(logs: Iterable[str]) -> Iterable[Sign]:
    """Damaged logs of the warehouse that were set aside and not yet looked into."""
    names = ", ".join(sorted(logs))
    if names:
        yield Sign(
            "recovery",
            f"the warehouse went on from its last checkpoint: its log was damaged ({names})",
            "see to the disk, then remove the file",
        )


def of_space(free_bytes: int, limits: Limits) -> Iterable[Sign]:
    """A disk that is nearly full."""
    if free_bytes < limits.free_bytes:
        yield Sign(
            "disk",
            f"{free_bytes / 1e9:.1f} GB are free, {limits.free_bytes / 1e9:.1f} GB are needed",
            "make room: no snapshot can be written beside the live file",
        )


def _of_daemons(dead: list[str], facts: Machinery, now: datetime) -> str:
    last = [facts.beats[name] for name in dead if name in facts.beats]
    names = "the daemon" if len(dead) == len(DAEMONS) else ", ".join(dead)
    if not last:
        return f"{names} has never run on this DAGSTER_HOME"
    return f"{names} was last alive {_since(max(last), now)}"


def _is_late(at: datetime | None, limit: timedelta, now: datetime) -> bool:
    # An instant far ahead of us was written before the clock was set back: it says nothing.
    return at is None or now - at > limit or at - now > max(limit, _JUMP)


def _since(at: datetime | None, now: datetime) -> str:
    if at is None:
        return "so far"
    if at > now:
        return f"at {at:%Y-%m-%d %H:%M} UTC, which is to come: was the clock set back?"
    return (
        f"for {_span(now - at)}" if now - at < timedelta(days=1) else f"since {at:%Y-%m-%d %H:%M}"
    )


def _span(span: timedelta) -> str:
    minutes = int(span.total_seconds() // 60)
    if minutes < 1:
        return f"{int(span.total_seconds())} s"
    if minutes < 120:
        return f"{minutes} min"
    hours = minutes // 60
    return f"{hours} h" if hours < 48 else f"{hours // 24} days"
