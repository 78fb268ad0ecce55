"""What is compared with what: each suite starts the ways in turns and sums them up.

Belongs here: the order of runs, medians and ratios, the aims. Does not: the work measured
(`ingest.py`, `nights.py`, `rebuild.py`) or printing (`tables.py`).
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.child import in_child
from bench.cost import median, ratio
from bench.served import Served, served

INGEST_LIMIT, INGEST_DLT = 1.5, 1 / 6
STEP_SECONDS = 0.15
INCREMENTAL_SHARE = 1 / 5
# So many days of the sandbox's story change about one record in a hundred.
ONE_PERCENT_DAYS = 5.0
BIG = 100.0
Say = Callable[[str], None]
Answer = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Way:
    """One way of doing it: medians of its runs; `share` is ours divided by it, by pairs."""

    name: str
    records: int
    wall: float
    cpu: float
    cpu_share: float | None = None
    wall_share: float | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Aim:
    """What should hold, and what was found."""

    text: str
    found: float
    most: float

    @property
    def met(self) -> bool:
        """Whether it holds."""
        return self.found <= self.most


@dataclass(frozen=True, slots=True)
class Outcome:
    """A suite at one scale."""

    suite: str
    scale: float
    runs: int
    unit: str
    ways: tuple[Way, ...]
    aims: tuple[Aim, ...] = ()
    notes: tuple[str, ...] = field(default=())


def ingest(scale: float, runs: int, say: Say) -> Outcome:
    """Contacts over HTTP by our engine, at the limit, and by dlt twice."""
    answers: dict[str, list[Answer]] = {name: [] for name in _INGEST}
    with served(scale) as server, _folder() as folder:
        say(f"ingest, scale {scale:g}: recording the requests")
        recorded = in_child("bench.ingest:record", handle=server.handle, folder=f"{folder}/pages")
        for run in range(runs):
            for name, (work, extra) in _INGEST.items():
                say(f"ingest, scale {scale:g}: {name}, {run + 1} of {runs}")
                own = {**extra, "recorded": recorded} if work != "engine" else extra
                with _folder(folder) as place:
                    answer = in_child(
                        f"bench.ingest:{work}", handle=server.handle, folder=place, **own
                    )
                answers[name].append(answer)
    ours = [each["cpu"] / each["records"] for each in answers[_OURS]]
    ways, shares = [], {}
    for name, found in answers.items():
        cpu = [each["cpu"] / each["records"] for each in found]
        wall = [each["wall"] / each["records"] for each in found]
        shares[name] = None if name == _OURS else ratio(ours, cpu)
        parts = [
            f"{part} {median([each[f'{part}_cpu'] / each['records'] for each in found]) * 1e6:.0f}"
            for part in ("fetch", "load")
            if f"{part}_cpu" in found[0]
        ]
        ways.append(
            Way(
                name,
                int(found[0]["records"]),
                median(wall),
                median(cpu),
                shares[name],
                note=", ".join(parts),
            )
        )
    aims = (
        Aim("CPU per record, ours / limit", shares["limit"] or 0.0, INGEST_LIMIT),
        Aim("CPU per record, ours / dlt", shares["dlt"] or 0.0, INGEST_DLT),
        Aim("CPU per record, ours / dlt, lightest", shares["dlt, lightest"] or 0.0, INGEST_DLT),
    )
    note = f"{recorded['records']:,} HubSpot contacts of {recorded['record_bytes']:,.0f} bytes"
    pages = f"{len(recorded['requests'])} requests"
    return Outcome("ingest", scale, runs, "µs a record", tuple(ways), aims, (note, pages))


_OURS = "our engine"
_INGEST: Mapping[str, tuple[str, dict[str, Any]]] = {
    _OURS: ("engine", {}),
    "limit": ("limit", {}),
    "dlt": ("dlt", {"lightest": False}),
    "dlt, lightest": ("dlt", {"lightest": True}),
}


def nights(server: Served, home: Path, pairs: int, limits: bool, say: Say) -> Outcome:
    """A full night and, days later, one with about 1% changed; the last pair stays in `home`."""
    scale = float(server.handle["scale"])
    full: list[Answer] = []
    later: list[Answer] = []
    for pair in range(pairs):
        shutil.rmtree(home, ignore_errors=True)
        for name, answers in (("full", full), ("incremental", later)):
            say(f"nights, scale {scale:g}: {name}, pair {pair + 1} of {pairs}")
            answers.append(
                in_child("bench.nights:night", home=str(home), handle=server.handle, limits=limits)
            )
            server.advance(ONE_PERCENT_DAYS * 86_400)
    walls, cpus = ([each[kind] for each in full] for kind in ("wall", "cpu"))
    own_walls, own_cpus = ([each[kind] for each in later] for kind in ("wall", "cpu"))
    changed = median([each["changed"] / each["records"] for each in later])
    ways = (
        Way("full", int(full[-1]["read"]), median(walls), median(cpus), note=_slowest(full[-1])),
        Way(
            "incremental",
            int(later[-1]["read"]),
            median(own_walls),
            median(own_cpus),
            ratio(own_cpus, cpus),
            ratio(own_walls, walls),
            _slowest(later[-1]),
        ),
    )
    aims = (
        Aim("wall, incremental / full", ratio(own_walls, walls), INCREMENTAL_SHARE),
        Aim("CPU, incremental / full", ratio(own_cpus, cpus), INCREMENTAL_SHARE),
    )
    notes = (
        f"{changed:.1%} of the records had changed",
        f"{full[-1]['steps']} steps",
        "vendors' rate limits kept" if limits else "no rate limits",
    )
    return Outcome("nights", scale, pairs, "s", ways, aims, notes)


def big_night(folder: Path, say: Say) -> Outcome:
    """The full night at scale 100, from files; its state stays in `folder`."""
    say("nights, scale 100: making the files")
    today = datetime.now(UTC).date()
    rows = in_child("bench.big:make", folder=str(folder), today=today.isoformat())
    say(f"nights, scale 100: full, {sum(rows.values()):,} rows")
    full = in_child("bench.nights:night", home=str(folder))
    way = Way("full", int(full["read"]), full["wall"], full["cpu"], note=_slowest(full))
    return Outcome("nights", BIG, 1, "s", (way,), notes=(f"{full['steps']} steps, from files",))


def metrics(home: Path, scale: float, runs: int, say: Say) -> Outcome:
    """All metrics by the engine and by hand."""
    database = str(home / "warehouse.duckdb")
    ours, hand = _turns(
        runs,
        lambda: in_child("bench.rebuild:engine", warehouse=database),
        lambda: in_child("bench.rebuild:by_hand", warehouse=database),
        lambda run: say(f"metrics, scale {scale:g}: {run + 1} of {runs}"),
    )
    slowest = sorted(ours[-1]["by_metric"].items(), key=lambda item: -item[1])[:3]
    note = ", ".join(f"{name} {seconds:.1f}" for name, seconds in slowest)
    rows = int(ours[0]["rows"])
    ways = (
        Way(
            "engine",
            rows,
            median([each["wall"] for each in ours]),
            median([each["cpu"] for each in ours]),
            note=note,
        ),
        Way(
            "the same SQL by hand",
            rows,
            median([each["wall"] for each in hand]),
            median([each["cpu"] for each in hand]),
            ratio([each["cpu"] for each in ours], [each["cpu"] for each in hand]),
            ratio([each["wall"] for each in ours], [each["wall"] for each in hand]),
        ),
    )
    return Outcome(
        "metrics", scale, runs, "s", ways, notes=(f"{ours[0]['metrics']} metrics, {rows:,} values",)
    )


def steps(home: Path, scale: float, runs: int, say: Say) -> Outcome:
    """The metrics as steps of a Dagster run and as plain calls."""
    dagster, plain = _turns(
        runs,
        lambda: in_child("bench.nights:metric_steps", home=str(home)),
        lambda: in_child("bench.nights:plain_metrics", home=str(home)),
        lambda run: say(f"steps, scale {scale:g}: {run + 1} of {runs}"),
    )
    count = int(dagster[0]["steps"])
    beyond = median(
        [(one["wall"] - other["wall"]) / count for one, other in zip(dagster, plain, strict=True)]
    )
    ways = (
        Way(
            "Dagster, a step",
            count,
            median([each["wall"] / each["steps"] for each in dagster]),
            median([each["cpu"] / each["steps"] for each in dagster]),
        ),
        Way(
            "plain calls, a metric",
            count,
            median([each["wall"] / each["steps"] for each in plain]),
            median([each["cpu"] / each["steps"] for each in plain]),
        ),
    )
    aim = Aim("seconds of a step beyond its own work", beyond, STEP_SECONDS)
    return Outcome("steps", scale, runs, "s", ways, (aim,), (f"{count} steps",))


@contextmanager
def state(keep: bool) -> Iterator[Path]:
    """A folder for the nights' state; `keep` leaves it there."""
    if keep:
        yield Path(tempfile.mkdtemp(prefix="revops-bench-"))
        return
    with _folder() as folder:
        yield Path(folder)


@contextmanager
def _folder(inside: str | None = None) -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="revops-bench-", dir=inside) as folder:
        yield folder


def _turns(
    runs: int,
    one: Callable[[], Answer],
    other: Callable[[], Answer],
    before: Callable[[int], None],
) -> tuple[Sequence[Answer], Sequence[Answer]]:
    """A B A B ..., so that a busy minute of the machine hits both."""
    ones: list[Answer] = []
    others: list[Answer] = []
    for run in range(runs):
        before(run)
        ones.append(one())
        others.append(other())
    return ones, others


def _slowest(answer: Answer) -> str:
    found = list(answer["by_step"].items())[:3]
    return ", ".join(f"{name} {seconds:.0f}" for name, seconds in found)
