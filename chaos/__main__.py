"""`python -m chaos`: the whole run, its seed and its figures; exit code 1 where something failed.

Belongs here: the command line and the table. Does not: the runs.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.table import Table

from chaos import delivery, living, silence, storms

PARTS = ("delivery", "storms", "living")
_Rows = list[tuple[str, str, str]]
_Say = Callable[[str], None]


def main() -> int:
    """Run everything asked for; 0 if all of it held."""
    options = _options()
    err, out = Console(stderr=True), Console(width=None if sys.stdout.isatty() else 100)
    began = time.monotonic()

    def say(text: str) -> None:
        err.print(f"[dim]{time.monotonic() - began:6.0f} s  {text}[/]", highlight=False)

    out.print(f"seed {options.seed}")
    parts = {"delivery": _delivery, "storms": _storms, "living": _living}
    sound, rows = True, _Rows()
    for name in options.only:
        held, found = parts[name](options, say)
        sound &= held
        rows += found
    table = Table("what", "figure", "must be", title=f"Chaos, seed {options.seed}")
    for row in rows:
        table.add_row(*row)
    out.print(table)
    out.print(f"{time.monotonic() - began:.0f} s in all")
    return 0 if sound else 1


def _delivery(options: argparse.Namespace, say: _Say) -> tuple[bool, _Rows]:
    say(f"delivery: {options.events:,} events, {options.kills} kills, {options.relays} relays")
    with tempfile.TemporaryDirectory(prefix="revops-chaos-") as folder:
        found = delivery.run(
            Path(folder),
            options.seed,
            events=options.events,
            kills=options.kills,
            relays=options.relays,
            seconds=options.seconds,
        )
    named = ", ".join(f"{count} {point}" for point, count in found.kills.items())
    kills = sum(found.kills.values())
    without = found.repeats_without_key
    # A slow machine does not lose what it had no time to send.
    waiting = " or still waiting: time was up" if found.seconds >= options.seconds else ""
    return found.is_sound and kills >= options.kills, [
        ("events", f"{found.events:,}", ""),
        ("sends, 30% of them faulty", f"{found.requests:,}", ""),
        ("relays killed", f"{kills} ({named})", f">= {options.kills}"),
        ("lost", f"{found.lost}{waiting}", "0"),
        ("phantom", str(found.phantom), "0"),
        ("resolves before their trigger", str(found.overtaken), "0"),
        ("doubled on the channel with a key", str(found.doubled_with_key), "0"),
        (
            "doubled on the channel without a key",
            f"{without} ({without / max(found.events // 2, 1):.1%})",
            f"<= {found.dropped_without_key} answers lost + {kills} kills",
        ),
        ("seconds of delivery", f"{found.seconds:.0f}", f"< {options.seconds:.0f}"),
    ]


def _storms(options: argparse.Namespace, say: _Say) -> tuple[bool, _Rows]:
    say(f"storms: {options.leads:,} leads at once, {options.flaps} flaps")
    storm, messages = storms.storm(options.leads), storms.flaps(options.flaps)
    return storm.is_sound and messages <= storms.MOST_OF_FLAPS, [
        (f"{storm.leads:,} leads at once: messages in an hour", str(storm.most_an_hour), "<= 5"),
        ("leads that no message names", str(storm.missing), "0"),
        (f"{options.flaps} flaps: messages", str(messages), "<= 2"),
    ]


def _living(options: argparse.Namespace, say: _Say) -> tuple[bool, _Rows]:
    say("living: revops ui starts, and its first night")
    with tempfile.TemporaryDirectory(prefix="revops-chaos-") as folder:
        home = Path(folder)
        with living.installation(home, speed=options.speed, scale=options.scale) as place:
            lived = living.run(place, leads=options.breaches, seconds=options.minutes * 60, say=say)
            say("living: what the heartbeat notices")
            noticed = silence.run(place)
    count = len(lived.arrivals)
    noticed_in = f"0 to {silence.NOTICED_SECONDS:.0f}"
    since = lived.nights - lived.nights_before_kill
    of_nights = f"{lived.nights}, {since} of them since the kill, {lived.failed_nights} failed"
    if lived.nights_killed:
        of_nights += "; one more died with the daemon"
    rows = [
        ("leads breached under revops ui", f"{count}", f">= {options.breaches}"),
        (
            "seconds from breach to receiver, 95 of 100",
            f"{lived.p95:.0f} (median {lived.median:.0f}, longest {lived.longest:.0f})",
            f"<= {living.P95_SECONDS:.0f}",
        ),
        ("nights run meanwhile", of_nights, "some before and since, 0 failed"),
        ("seconds without a daemon, killed once", f"{lived.seconds_without_daemon:.0f}", "> 0"),
        ("seconds until a hung daemon is noticed", f"{noticed.daemon:.0f}", noticed_in),
        ("until a blocked relay is noticed", f"{noticed.relay:.0f}", noticed_in),
        ("until a dead run is noticed", f"{noticed.run:.0f}", noticed_in),
        ("until it is freed", f"{noticed.run_freed:.0f}", f"0 to {silence.FREED_SECONDS:.0f}"),
        *((problem, "", "") for problem in lived.problems),
    ]
    held = lived.is_sound and noticed.is_sound and count >= options.breaches
    return held, rows


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m chaos", description=__doc__)
    parser.add_argument(
        "--only",
        type=lambda text: tuple(text.split(",")),
        default=PARTS,
        help=f"parts, of {', '.join(PARTS)} (default: all)",
    )
    parser.add_argument("--seed", type=int, default=20261122)
    parser.add_argument("--events", type=int, default=10_000)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--relays", type=int, default=2)
    parser.add_argument("--leads", type=int, default=10_000)
    parser.add_argument("--flaps", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=600.0, help="Bound of the delivery.")
    parser.add_argument("--breaches", type=int, default=200, help="Leads to wait for.")
    parser.add_argument("--speed", type=float, default=480.0, help="Of the company's clock.")
    parser.add_argument("--scale", type=float, default=5.0, help="Size of the company.")
    parser.add_argument("--minutes", type=float, default=90.0, help="Bound of that wait.")
    options = parser.parse_args()
    if unknown := sorted({*options.only} - {*PARTS}):
        parser.error(f"no part {', '.join(unknown)}; there are {', '.join(PARTS)}")
    return options


if __name__ == "__main__":
    sys.exit(main())
