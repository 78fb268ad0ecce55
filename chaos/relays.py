"""Relays as processes of their own, which die at named points and at any instant.

Belongs here: the processes, and killing them. Does not: what they deliver to.

Run as a script it reads one JSON document from its standard input, keeps the relays running until
nothing waits any more, and prints what happened. It forks, and so has no threads.

The relays share a clock that stands still while somebody sends, and leaps ahead when all of them
only wait: pauses of minutes pass in milliseconds, and a lease does not end under a send.
"""

from __future__ import annotations

import json
import mmap
import os
import random
import signal
import struct
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from revops_pipelines.engine.alerts.channel import Channel, Place
from revops_pipelines.engine.alerts.outbox import open_outbox
from revops_pipelines.engine.alerts.relay import deliver
from revops_pipelines.resources.channels.webhook import Webhook, WebhookOptions

POINTS = ("planned", "leased", "sent", "marked")
START = datetime(2026, 6, 30, 12, tzinfo=UTC)
# What passes on the shared clock after a failure (as long as a channel rests at least), and when a
# relay has nothing to do; and how long it waits where another is at work.
LEAP_SECONDS, IDLE_SECONDS = 5.0, 0.02
_LOOK_SECONDS = 0.002


@dataclass(frozen=True)
class Plan:
    """How one relay's life ends: at the n-th coming to a point, or after some seconds; or well."""

    point: str = ""
    times: int = 0
    seconds: float = 0.0


class SharedClock:
    """Seconds since START in memory that forked processes share, and which relays are at work."""

    def __init__(self, relays: int) -> None:
        self._memory = mmap.mmap(-1, 16 + relays)

    def now(self) -> datetime:
        """The instant on the shared clock."""
        (seconds,) = struct.unpack_from("d", self._memory, 0)
        return START + timedelta(seconds=seconds)

    def work(self, relay: int, is_working: bool) -> None:
        """Say whether that relay holds a message."""
        self._memory[16 + relay] = is_working

    def leap(self, seconds: float) -> bool:
        """Let time pass, for everybody, unless somebody is at work; whether it passed."""
        if any(self._memory[16:]):
            return False
        (before,) = struct.unpack_from("d", self._memory, 0)
        struct.pack_into("d", self._memory, 0, before + seconds)
        return True

    def end(self) -> None:
        """Tell the relays that there is nothing more to come."""
        self._memory[8] = 1

    @property
    def has_ended(self) -> bool:
        """Whether there is nothing more to come."""
        return self._memory[8] == 1


def dice(seed: str) -> random.Random:
    """Chance that is the same for the same seed."""
    return random.Random(seed)  # noqa: S311 - no secret is made of it


def channels_of(addresses: dict[str, str]) -> dict[str, Channel]:
    """A webhook channel per address, each taking the rule of its own name, one by one."""
    built = {}
    for name, url in addresses.items():
        options = WebhookOptions(
            rules=(name,),
            storm_size=10**6,
            messages_per_hour=10**6,
            group_by_owner=False,
            deadline_seconds=0.5,
        )
        secrets = {"url": url, "signing_key": "of the chaos run"}
        place = Place(name, options, Path("unused"), secrets)
        built[name] = Channel(name, Webhook(place), options)
    return built


def relay(
    path: str, addresses: dict[str, str], clock: SharedClock, number: int, plan: Plan
) -> None:
    """Deliver until there is nothing more to come, or death."""
    outbox = open_outbox(Path(path))
    channels = channels_of(addresses)
    dying = _death(plan)

    def crash_point(name: str) -> None:
        if name == "leased":
            clock.work(number, True)
        dying(name)

    while True:
        was_ended = clock.has_ended
        done = deliver(outbox, channels, clock.now, crash_point=crash_point, limit=1_000)
        clock.work(number, False)
        if was_ended and done.waiting == 0:
            break
        has_rested = (done.sent == 0 or done.failed) and clock.leap(LEAP_SECONDS)
        if done.sent == 0 and not has_rested:
            time.sleep(IDLE_SECONDS)
    outbox.close()


def _death(plan: Plan) -> Callable[[str], None]:
    left = plan.times

    def crash_point(name: str) -> None:
        nonlocal left
        if name == plan.point:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    return crash_point


class Supervisor:
    """Keeps the relays running, kills them by plan, and starts others in their place."""

    def __init__(self, order: dict[str, Any]) -> None:
        self._order = order
        self._dice = dice(str(order["seed"]))
        self._clock = SharedClock(order["relays"])
        self._relays: dict[int, tuple[int, Plan, float]] = {}
        self.killed = dict.fromkeys((*POINTS, "any instant"), 0)
        self.started = 0

    def run(self) -> None:
        """Until all relays ended well, or the time is over."""
        until = time.monotonic() + self._order["seconds"]
        for number in range(self._order["relays"]):
            self._start(number)
        while self._relays and time.monotonic() < until:
            if not self._clock.has_ended and Path(self._order["done"]).exists():
                self._clock.end()
            self._kill_due()
            self._reap()
            time.sleep(_LOOK_SECONDS)
        for pid in list(self._relays):
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)

    def _start(self, number: int) -> None:
        plan = self._plan()
        pid = os.fork()
        if pid == 0:
            relay(self._order["outbox"], self._order["addresses"], self._clock, number, plan)
            os._exit(0)
        self.started += 1
        self._relays[pid] = number, plan, time.monotonic()

    def _plan(self) -> Plan:
        """The next death; about half at a named point, half at any instant."""
        if sum(self.killed.values()) + len(self._relays) >= self._order["kills"]:
            return Plan()
        # Events per life, so that all kills fall while there is still something to send.
        lasts = max(1, self._order["events"] // (2 * self._order["kills"]))
        if self._dice.random() < 0.5:
            point = self._dice.choice(POINTS)
            # A tick is planned once for many sends.
            times = 1 if point == "planned" else self._dice.randint(1, lasts)
            return Plan(point, times)
        return Plan(seconds=self._dice.uniform(0.002, 0.012 * lasts))

    def _kill_due(self) -> None:
        for pid, (_, plan, began) in list(self._relays.items()):
            if plan.seconds and time.monotonic() - began >= plan.seconds:
                os.kill(pid, signal.SIGKILL)

    def _reap(self) -> None:
        for pid, (number, plan, _) in list(self._relays.items()):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if not ended:
                continue
            del self._relays[pid]
            self._clock.work(number, False)
            if os.WIFSIGNALED(status):
                self.killed[plan.point or "any instant"] += 1
                self._start(number)
            elif os.WEXITSTATUS(status):
                raise SystemExit(f"a relay failed with exit code {os.WEXITSTATUS(status)}")


def main() -> None:
    """Read the order, do it, print what happened."""
    supervisor = Supervisor(json.load(sys.stdin))
    supervisor.run()
    print(json.dumps({"killed": supervisor.killed, "started": supervisor.started}))


if __name__ == "__main__":
    main()
