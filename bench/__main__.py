"""`python -m bench`: runs the suites and prints what came of them.

Belongs here: the command line and the order of suites. Does not: measuring.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

from rich.console import Console

from bench import alert_latency, backfill_suite, backfill_table, suites, tables, volume_suite
from bench.backfill_suite import Backfills
from bench.served import served
from bench.suites import BIG, Outcome

SUITES = ("ingest", "backfill", "nights", "metrics", "steps", "volume", "alerts")
_SCALES = (1.0, 10.0)
# The company of the suite volume where the command line says nothing: the whole takes an hour.
_VOLUME = 0.1
# Runs by scale where the command line says nothing, three where this does not either: enough for a
# median.
_RUNS = {
    "ingest": {1.0: 5, 10.0: 3},
    "nights": {1.0: 2, 10.0: 1},
    "metrics": {},
    "steps": {},
    "volume": {1.0: 1},
}


def main() -> int:
    """Run what was asked for; 0 whatever was found: an aim missed is a finding, not a failure."""
    options = _options()
    err, out = Console(stderr=True), Console(width=None if sys.stdout.isatty() else 140)
    began = time.monotonic()

    def say(text: str) -> None:
        err.print(f"[dim]{time.monotonic() - began:6.0f} s  {text}[/]", highlight=False)

    outcomes = []
    for outcome in _outcomes(options, say):
        outcomes.append(outcome)
        if not options.json:
            tables.show(out, outcome)
    backfills = _backfills(options, say) if "backfill" in options.only else None
    if backfills is not None and not options.json:
        backfill_table.show(out, backfills)
    if options.json:
        document = tables.document(outcomes, _machine())
        if backfills is not None:
            document["outcomes"].append(backfill_table.document(backfills))
        print(json.dumps(document, indent=2))
    if "alerts" in options.only:
        alert_latency.show(out, as_json=options.json)
    return 0


def _backfills(options: argparse.Namespace, say: suites.Say) -> Backfills:
    """Full loads under latency and limits; `--scale` multiplies their usual sizes by its least."""
    vendors, factor = options.systems, min(options.scale)
    loads = tuple(
        backfill_suite.backfill(vendors, factor, options.runs or 1, not options.alone, say)
    )
    sizes = [scale for scale in options.scale if scale != BIG]
    return Backfills(loads, tuple(backfill_suite.memory(sizes, say)))


def _outcomes(options: argparse.Namespace, say: suites.Say) -> Iterator[Outcome]:
    for scale in options.scale:
        if "ingest" in options.only and scale != BIG:
            yield suites.ingest(scale, _runs(options, "ingest", scale), say)
    for scale in options.scale:
        if {"nights", "metrics", "steps"} & set(options.only):
            yield from _on_a_company(options, scale, say)
    if "volume" in options.only:
        size = _VOLUME if options.scale is _SCALES else min(options.scale)
        runs = _runs(options, "volume", size)
        yield from volume_suite.volume(size, runs, options.folder, say)


def _on_a_company(options: argparse.Namespace, scale: float, say: suites.Say) -> Iterator[Outcome]:
    """Nights, then what is measured on the warehouse that they leave."""
    with ExitStack() as stack:
        home = stack.enter_context(suites.state(options.keep))
        if scale == BIG:
            night = suites.big_night(home, say)
        else:
            say(f"nights, scale {scale:g}: starting the sandbox")
            with served(scale, limits=options.limits) as server:
                pairs = _runs(options, "nights", scale) if "nights" in options.only else 1
                night = suites.nights(server, home, pairs, options.limits, say)
        if "nights" in options.only:
            yield night
        if "metrics" in options.only:
            yield suites.metrics(home, scale, _runs(options, "metrics", scale), say)
        if "steps" in options.only:
            yield suites.steps(home, scale, _runs(options, "steps", scale), say)


def _runs(options: argparse.Namespace, suite: str, scale: float) -> int:
    if options.runs:
        return int(options.runs)
    return _RUNS[suite].get(scale, 3)


def _machine() -> dict[str, Any]:
    return {
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "system": platform.system(),
        "load": os.getloadavg()[0],
    }


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "--only",
        type=lambda text: tuple(text.split(",")),
        default=SUITES[:-1],
        help=f"suites, separated by commas: {', '.join(SUITES)} (alerts needs a running `make ui`)",
    )
    parser.add_argument(
        "--scale",
        type=lambda text: tuple(float(part) for part in text.split(",")),
        default=_SCALES,
        help="sizes of the company, separated by commas; 100 comes from files (default: 1,10)",
    )
    parser.add_argument("--runs", type=int, default=0, help="runs of each way (default: by suite)")
    parser.add_argument(
        "--limits", action="store_true", help="keep the vendors' rate limits during the nights"
    )
    parser.add_argument(
        "--systems",
        type=lambda text: tuple(text.split(",")),
        default=tuple(backfill_suite.SIZES),
        help="systems of the suite backfill, separated by commas (default: all)",
    )
    parser.add_argument("--alone", action="store_true", help="backfill without dlt and Singer")
    parser.add_argument(
        "--folder", help="where the suite volume puts its files (default: where temporary ones go)"
    )
    parser.add_argument("--keep", action="store_true", help="leave the nights' state folder")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    options = parser.parse_args()
    unknown = set(options.only) - set(SUITES)
    if unknown:
        parser.error(f"no suite {', '.join(sorted(unknown))}; there are {', '.join(SUITES)}")
    unknown = set(options.systems) - set(backfill_suite.SIZES)
    if unknown:
        parser.error(f"no system {', '.join(sorted(unknown))}")
    return options


if __name__ == "__main__":
    sys.exit(main())
