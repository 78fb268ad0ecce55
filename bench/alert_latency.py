"""From breach to inbox: how long after a lead's deadline its alert lay in the inbox, in seconds.

Belongs here: reading what a running `revops ui` leaves behind. Does not: making leads wait; they
breach by themselves while the sandbox's clock runs.

    make ui                                                      # in one terminal
    REVOPS_HOME=.revops python -m bench.alert_latency --leads 50  # in another

The deadline is the sandbox's time, which runs `speed` times as fast as ours. A file's arrival (its
modification time) is translated to that time, and the difference divided by `speed`: seconds as
the person at the inbox lives them. Breaches from before the sandbox was started do not count.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
import urllib.request
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
from rich.console import Console

RULE = "lead_response_sla"
MEDIAN_SECONDS, P95_SECONDS = 60.0, 90.0
_LOOK_SECONDS = 5.0
_FIRED = f"""
    SELECT event_id, alert_key, json_extract_string(notice, '$.since') AS deadline_at
    FROM ops.alert_events
    WHERE rule = '{RULE}' AND kind = 'fired' AND alert_key <> '(rule)'
"""


class NotRunningError(Exception):
    """No `revops ui` runs on the state folder; the text says what to start."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """One lead's breach and its alert's arrival; `seconds` are ours, not the sandbox's."""

    lead: str
    deadline_at: str
    seconds: float


def measure(home: Path) -> list[Arrival]:
    """What has arrived for breaches since the sandbox was started. Raises NotRunningError."""
    handle = _handle(home)
    started_at = datetime.fromisoformat(handle["now"])
    arrived = _arrived(home / "inbox")
    simulated, speed, ours = _clock(handle)
    found: dict[str, Arrival] = {}
    for event, lead, deadline in _events(home / "published.duckdb"):
        deadline_at = datetime.fromisoformat(deadline).astimezone(UTC)
        if deadline_at <= started_at or event not in arrived:
            continue
        at = simulated - timedelta(seconds=(ours - arrived[event]) * speed)
        seconds = (at - deadline_at).total_seconds() / speed
        found.setdefault(lead, Arrival(lead, deadline_at.isoformat(), seconds))
    return sorted(found.values(), key=lambda each: each.deadline_at)


def show(out: Console, *, as_json: bool = False) -> None:
    """Measure once and print, or say why not."""
    try:
        arrivals = measure(_home())
    except NotRunningError as error:
        out.print(f"Breach to inbox: not measured; {error}")
        return
    _print(out, arrivals, as_json=as_json)


def main() -> int:
    """Wait until enough leads have breached, then print; 1 when nothing runs."""
    options = _options()
    out, err = Console(), Console(stderr=True)
    until = time.monotonic() + options.minutes * 60
    try:
        arrivals = measure(_home())
        while len(arrivals) < options.leads and time.monotonic() < until:
            err.print(f"[dim]{len(arrivals)} of {options.leads} leads[/]", highlight=False)
            time.sleep(_LOOK_SECONDS)
            arrivals = measure(_home())
    except NotRunningError as error:
        err.print(str(error))
        return 1
    _print(out, arrivals, as_json=options.json)
    return 0


def _print(out: Console, arrivals: list[Arrival], *, as_json: bool) -> None:
    seconds = sorted(each.seconds for each in arrivals)
    if as_json:
        summary = {"leads": len(seconds), **quantiles(seconds)}
        print(json.dumps({**summary, "arrivals": [asdict(each) for each in arrivals]}, indent=2))
        return
    if not seconds:
        out.print("Breach to inbox: no lead has breached since the sandbox was started")
        return
    found = quantiles(seconds)
    out.print(
        f"Breach to inbox over {len(seconds)} leads: median {found['p50']:.1f} s "
        f"(aim {MEDIAN_SECONDS:g}), p95 {found['p95']:.1f} s (aim {P95_SECONDS:g}), "
        f"from {seconds[0]:.1f} to {seconds[-1]:.1f} s"
    )


def quantiles(seconds: list[float]) -> dict[str, float]:
    """Median and 95th percentile; the latter is the value that 95 of 100 do not exceed."""
    if not seconds:
        return {}
    position = max(0, -(-95 * len(seconds) // 100) - 1)
    return {"p50": statistics.median(seconds), "p95": seconds[position]}


def _handle(home: Path) -> Mapping[str, Any]:
    path = home / "sandbox.json"
    if not path.is_file():
        raise NotRunningError(f"start `make ui` first: there is no running sandbox in {home}")
    handle: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return handle


def _clock(handle: Mapping[str, Any]) -> tuple[datetime, float, float]:
    """The sandbox's time now, how fast it runs, and our time at which it was asked."""
    url = f"{next(iter(handle['urls'].values()))}/_sandbox/clock"
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            told = json.load(answer)
    except OSError as error:
        raise NotRunningError(f"the sandbox at {url} does not answer: start `make ui`") from error
    if not told["speed"]:
        raise NotRunningError("the sandbox's clock stands still: `revops ui --speed 60`")
    return datetime.fromisoformat(told["now"]), float(told["speed"]), time.time()


def _arrived(inbox: Path) -> dict[str, float]:
    """When each event's first message was there, in seconds since 1970."""
    first: dict[str, float] = {}
    for path in inbox.glob("*.json"):
        message = json.loads(path.read_text(encoding="utf-8"))
        at = path.stat().st_mtime
        events = [event["event_id"] for event in message["events"]]
        for event in {*events, *message.get("folded", ())}:
            first[event] = min(at, first.get(event, at))
    return first


def _events(published: Path) -> list[tuple[str, str, str]]:
    if not published.is_file():
        raise NotRunningError("nothing is published yet: wait for the first night")
    with duckdb.connect(str(published), read_only=True) as connection:
        return connection.execute(_FIRED).fetchall()


def _home() -> Path:
    return Path(os.environ.get("REVOPS_HOME") or Path(__file__).parents[1] / ".revops")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.alert_latency", description=__doc__)
    parser.add_argument("--leads", type=int, default=0, help="wait for so many (default: none)")
    parser.add_argument("--minutes", type=float, default=60, help="but no longer than this")
    parser.add_argument("--json", action="store_true", help="print JSON, with every lead")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
