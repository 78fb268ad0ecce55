"""Sends what waits in the outbox: lease, send, mark."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from revops_pipelines.engine.alerts.channel import Channel
from revops_pipelines.engine.alerts.outbox import Outbox


@dataclass(frozen=True, slots=True)
class Delivered:
    """What one tick of the relay did; counts of messages (`folded`: of events)."""

    sent: int = 0
    folded: int = 0
    failed: int = 0
    dead: int = 0
    suppressed: int = 0
    waiting: int = 0


def deliver(
    outbox: Outbox,
    channels: Mapping[str, Channel],
    now: Callable[[], datetime],
    *,
    budget_seconds: float = 20.0,
    limit: int = 50,
) -> Delivered:
    """Send what is due, each message at least once, in order per alert and channel."""
    raise NotImplementedError
