"""Thousands of events through faulty receivers, by relays that are killed all the time.

Belongs here: the run, and what is found out of place. Does not: the receivers, the relays.
"""

from __future__ import annotations

import itertools
import json
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chaos.receivers import Receiver, receiving
from chaos.relays import START, dice
from revops_pipelines.engine.alerts.mirror import mirror_events
from revops_pipelines.engine.alerts.outbox import Outbox, open_outbox

KEYED, PLAIN = "keyed", "plain"
_BATCH = 50


@dataclass(frozen=True)
class Found:
    """What came of it; counts of events unless said otherwise.

    `overtaken` are resolves that arrived before their trigger. `repeats` are messages that a
    receiver without keys was sent again, `dropped` those of them whose first answer got lost on its
    way back; the others are due to kills between the send and its mark.
    """

    events: int
    kills: dict[str, int]
    relays: int
    requests: int
    lost: int
    phantom: int
    overtaken: int
    doubled_with_key: int
    repeats_without_key: int
    dropped_without_key: int
    unfinished: bool
    seconds: float

    @property
    def is_sound(self) -> bool:
        """Whether everything that must hold held."""
        wrong = self.lost + self.phantom + self.overtaken + self.doubled_with_key
        # At most one more for each kill; and what the receiver took without saying so.
        spared = sum(self.kills.values()) + self.dropped_without_key
        return wrong == 0 and not self.unfinished and self.repeats_without_key <= spared


def run(
    folder: Path,
    seed: int,
    *,
    events: int = 10_000,
    kills: int = 200,
    relays: int = 2,
    faulty: float = 0.3,
    seconds: float = 240.0,
) -> Found:
    """Deliver `events` events (as many triggers as resolves) with `kills` kills; judge the rest."""
    began = time.monotonic()
    path, done = folder / "outbox.sqlite", folder / "done"
    rows = list(_events(events))
    with ExitStack() as running:
        receivers = {
            name: running.enter_context(
                receiving(Receiver(name == KEYED, faulty, dice(f"{seed}:{name}")))
            )
            for name in (KEYED, PLAIN)
        }
        outbox = open_outbox(path)
        running.callback(outbox.close)
        order = {
            "seed": seed,
            "outbox": str(path),
            "done": str(done),
            "addresses": {name: receiver.url for name, receiver in receivers.items()},
            "events": events,
            "kills": kills,
            "relays": relays,
            "seconds": seconds,
        }
        with subprocess.Popen(
            [sys.executable, "-m", "chaos.relays"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as supervisor:
            assert supervisor.stdin is not None and supervisor.stdout is not None
            supervisor.stdin.write(json.dumps(order))
            supervisor.stdin.close()
            _produce(outbox, rows, dice(f"{seed}:runs"))
            done.touch()
            said = json.loads(supervisor.stdout.read() or "{}")
    return _judge(rows, receivers, said, time.monotonic() - began)


def _events(count: int) -> Iterator[dict[str, Any]]:
    """Triggers and resolves of as many alerts, each resolve some batches after its trigger."""
    alerts = [f"k{place:05}" for place in range(count // 2)]
    batches = [alerts[start : start + _BATCH] for start in range(0, len(alerts), _BATCH)]
    later: list[list[str]] = [[], [], *batches]
    for fired, resolved in itertools.zip_longest(batches, later, fillvalue=()):
        yield from (_event(key, "fired") for key in fired)
        yield from (_event(key, "resolved") for key in resolved)


def _event(key: str, kind: str) -> dict[str, Any]:
    rule = KEYED if int(key[1:]) % 2 else PLAIN
    return {
        "event_id": f"{key}-{kind}",
        "rule": rule,
        "rule_title": "Chaos",
        "alert_key": key,
        "episode": 1,
        "kind": kind,
        "severity": "warning",
        "is_backlog": False,
        "notice": {"headline": f"{key} is late", "subject": key},
        "occurred_at": START,
    }


def _produce(outbox: Outbox, rows: Sequence[dict[str, Any]], chance: random.Random) -> None:
    """Runs that commit some events each; some are mirrored twice, as after a killed run."""
    for start in range(0, len(rows), 2 * _BATCH):
        batch = rows[start : start + 2 * _BATCH]
        for _ in range(1 + (chance.random() < 0.2)):
            mirror_events(batch, outbox)


def _judge(
    rows: Sequence[dict[str, Any]],
    receivers: dict[str, Receiver],
    said: dict[str, Any],
    seconds: float,
) -> Found:
    expected = {name: {r["event_id"] for r in rows if r["rule"] == name} for name in receivers}
    counts = {name: Counter(receiver.arrived) for name, receiver in receivers.items()}
    killed = said.get("killed", {})
    return Found(
        events=len(rows),
        kills=killed,
        relays=said.get("started", 0),
        requests=sum(receiver.requests for receiver in receivers.values()),
        lost=sum(len(expected[name] - set(counts[name])) for name in receivers),
        phantom=sum(len(set(counts[name]) - expected[name]) for name in receivers),
        overtaken=sum(_overtaken(receiver.arrived) for receiver in receivers.values()),
        doubled_with_key=sum(count - 1 for count in counts[KEYED].values()),
        repeats_without_key=receivers[PLAIN].repeats,
        dropped_without_key=receivers[PLAIN].dropped,
        unfinished=not killed,
        seconds=seconds,
    )


def _overtaken(arrived: Sequence[str]) -> int:
    first: dict[str, int] = {}
    for place, name in enumerate(arrived):
        first.setdefault(name, place)
    return sum(
        place < first.get(name.replace("resolved", "fired"), len(arrived))
        for name, place in first.items()
        if name.endswith("resolved")
    )
