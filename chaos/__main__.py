"""`python -m chaos`: the whole run, its seed and its figures; exit code 1 where something failed.

Belongs here: the command line and the table. Does not: the runs.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from chaos import delivery, storms


def main() -> int:
    """Run everything; 0 if all of it held."""
    options = _options()
    out = Console(width=None if sys.stdout.isatty() else 100)
    began = time.monotonic()
    out.print(f"seed {options.seed}")
    with tempfile.TemporaryDirectory(prefix="revops-chaos-") as folder:
        found = delivery.run(
            Path(folder),
            options.seed,
            events=options.events,
            kills=options.kills,
            relays=options.relays,
            seconds=options.seconds,
        )
    storm, messages = storms.storm(options.leads), storms.flaps(options.flaps)
    table = Table("what", "figure", "must be", title=f"Chaos, seed {options.seed}")
    for row in _rows(options, found, storm, messages):
        table.add_row(*row)
    out.print(table)
    out.print(f"{time.monotonic() - began:.0f} s in all")
    sound = found.is_sound and storm.is_sound and messages <= storms.MOST_OF_FLAPS
    return 0 if sound and sum(found.kills.values()) >= options.kills else 1


def _rows(
    options: argparse.Namespace, found: delivery.Found, storm: storms.Storm, messages: int
) -> list[tuple[str, str, str]]:
    named = ", ".join(f"{count} {point}" for point, count in found.kills.items())
    kills = sum(found.kills.values())
    without = found.repeats_without_key
    # A slow machine does not lose what it had no time to send.
    waiting = " or still waiting: time was up" if found.seconds >= options.seconds else ""
    return [
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
        (f"{storm.leads:,} leads at once: messages in an hour", str(storm.most_an_hour), "<= 5"),
        ("leads that no message names", str(storm.missing), "0"),
        (f"{options.flaps} flaps: messages", str(messages), "<= 2"),
    ]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=20261122)
    parser.add_argument("--events", type=int, default=10_000)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--relays", type=int, default=2)
    parser.add_argument("--leads", type=int, default=10_000)
    parser.add_argument("--flaps", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=600.0, help="Bound of the delivery.")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
