"""The sensor `alert_delivery`: a tick of the relay, so that alerts go out whatever happens to runs.

Belongs here: the tick. Does not: sending (`engine.alerts.relay`).

Runs deliver at their end. This sensor is the safety net: it sends what a run left, tries again
what failed, releases what quiet hours held, and copies events that a killed run had committed and
published but not mirrored.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import Protocol

import dagster as dg

from revops_pipelines.engine.alerts.channel import Channel
from revops_pipelines.engine.alerts.follow_up import Policy
from revops_pipelines.engine.alerts.mirror import mirror_events
from revops_pipelines.engine.alerts.outbox import Outbox
from revops_pipelines.engine.alerts.relay import Delivered, deliver
from revops_pipelines.engine.alerts.snapshot import NothingPublishedError, from_snapshot, version_of
from revops_pipelines.engine.needs import Clock

# Half of the time within which a breach must be told goes to the run; the daemon looks at sensors
# every five seconds.
INTERVAL_SECONDS = 10
# Dagster gives a tick 60 seconds.
BUDGET_SECONDS = 20.0
LIMIT = 50


class _Outboxes(Protocol):
    def opened(self) -> AbstractContextManager[Outbox]: ...


def delivery_sensor(
    channels: Callable[[], Mapping[str, Channel]], snapshot: Path, policy: Policy | None = None
) -> dg.SensorDefinition:
    """The relay's sensor; needs the resources `clock` and `outbox`.

    `channels` is called at every tick, so that a secret that was exchanged is used at once;
    `policy` says whom alerts are for and when they are told again.
    """

    @dg.sensor(
        name="alert_delivery",
        minimum_interval_seconds=INTERVAL_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        required_resource_keys={"clock", "outbox"},
        description=(
            "Sends what waits in the outbox: at most 50 messages and 20 seconds a tick, each at "
            "least once, in order per alert. Starts no runs. What fails waits and is tried again; "
            "what is refused goes to another channel; what stays open and unacknowledged is told "
            "again and passed on."
        ),
    )
    def sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        clock: Clock = context.resources.clock
        outboxes: _Outboxes = context.resources.outbox
        with outboxes.opened() as outbox:
            version, mirrored = mirror_snapshot(snapshot, outbox, context.cursor or "")
            delivered = relay_tick(outbox, channels(), clock.now, policy)
        found = f"{mirrored} events were left unmirrored; " if mirrored else ""
        return dg.SensorResult(skip_reason=f"{found}{delivered}", cursor=version)

    return sensor


def relay_tick(
    outbox: Outbox,
    channels: Mapping[str, Channel],
    now: Callable[[], datetime],
    policy: Policy | None = None,
) -> Delivered:
    """One tick within its bounds."""
    return deliver(outbox, channels, now, budget_seconds=BUDGET_SECONDS, limit=LIMIT, policy=policy)


def mirror_snapshot(snapshot: Path, outbox: Outbox, seen: str) -> tuple[str, int]:
    """Copy events of a snapshot that was not `seen` yet; (its version, how many were new)."""
    version = version_of(snapshot)
    if version in ("", seen):
        return seen, 0
    try:
        return version, from_snapshot(
            snapshot, lambda connection: mirror_events(connection, outbox)
        )
    except NothingPublishedError:
        return seen, 0
