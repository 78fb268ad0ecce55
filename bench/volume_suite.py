"""Every metric of a very large company: rebuilt, by hand, after a night's changes, in pandas.

Belongs here: the order of runs, medians and ratios, the aims. Does not: the work measured
(`volume.py`, `volume_pandas.py`), the company (`volume_company.py`) or printing (`tables.py`).

Scale 1 is the company that the aims speak of. It needs some 3 GB of disk, and an hour.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.child import in_child
from bench.cost import median, ratio
from bench.suites import Aim, Outcome, Say, Way
from bench.volume_pandas import BUILDS

MEMORY_GB = 8.0
OVER_BY_HAND = 1.2
NIGHT_SHARE = 1 / 10
# The slowest by hand that are told beside those that miss their aim.
_TOLD = 5
Answer = Mapping[str, Any]


def volume(scale: float, runs: int, inside: str | None, say: Say) -> Iterator[Outcome]:
    """The outcomes, one after another; files lie in a folder of their own below `inside`."""
    with tempfile.TemporaryDirectory(prefix="revops-bench-", dir=inside) as folder:
        company = _Company(Path(folder), scale, say)
        say(f"volume, scale {scale:g}: writing the company")
        made = in_child("bench.volume_company:make", warehouse=company.file("made"), size=scale)
        full = company.rebuilt("made")
        yield _full(scale, made, full)
        yield _pandas(company)
        yield _night(company, full)
        yield _by_hand(company, runs)


@dataclass(frozen=True, slots=True)
class _Company:
    """Files of the same company, each by the way in which it came about."""

    folder: Path
    scale: float
    say: Say

    def file(self, name: str) -> str:
        return str(self.folder / f"{name}.duckdb")

    def derived(self, name: str, work: str) -> Answer:
        """Write a file that is made from the one made in order."""
        self.say(f"volume, scale {self.scale:g}: {work.replace('_', ' ')}")
        answer: Answer = in_child(
            f"bench.volume_company:{work}", warehouse=self.file(name), made=self.file("made")
        )
        return answer

    def rebuilt(self, name: str) -> Answer:
        self.say(f"volume, scale {self.scale:g}: all metrics, {name}")
        answer: Answer = in_child("bench.volume:rebuild", warehouse=self.file(name))
        return answer

    def restated(self, name: str, published: str) -> Answer:
        self.say(f"volume, scale {self.scale:g}: restatements, {name}")
        answer: Answer = in_child(
            "bench.volume:restated", warehouse=self.file(name), published=self.file(published)
        )
        return answer

    def copied(self, name: str, copy: str) -> None:
        shutil.copyfile(self.file(name), self.file(copy))

    def differing(self, name: str) -> int:
        """Rows of values that are not the same in the file as in the one made in order."""
        found: Mapping[str, int] = in_child(
            "bench.volume:differences", one=self.file("made"), other=self.file(name)
        )
        if found:
            self.say(f"volume, scale {self.scale:g}: {name} differs in {found}")
        return sum(found.values())

    def dropped(self, name: str) -> None:
        Path(self.file(name)).unlink()


def _full(scale: float, made: Answer, full: Answer) -> Outcome:
    way = Way("all metrics", int(full["rows"]), full["wall"], full["cpu"], note=_slowest(full))
    rows = made["rows"]
    notes = (
        ", ".join(f"{rows[entity]:,} {entity}" for entity in _TOLD_ROWS),
        f"most memory {full['peak'] / 1e9:.2f} GB",
        *(f"FAILED: {name}: {error}" for name, error in full["failed"].items()),
    )
    aims = (
        Aim("metrics that failed", len(full["failed"]), 0),
        Aim("most memory, GB", full["peak"] / 1e9, MEMORY_GB),
    )
    return Outcome("volume", scale, 1, "s", (way,), aims, notes)


_TOLD_ROWS = (
    "activities",
    "leads",
    "opportunities",
    "opportunity_stage_history",
    "opportunity_snapshots",
    "customers",
    "subscription_periods",
)


def _night(company: _Company, full: Answer) -> Outcome:
    """A hundredth of the rows new or changed since the last build; and rows in another order."""
    company.derived("nights", "step_back")
    company.rebuilt("nights")
    company.restated("nights", "published")
    company.copied("nights", "published")
    brought = company.derived("nights", "step_forward")
    night = company.rebuilt("nights")
    restated = company.restated("nights", "published")
    late = company.differing("nights")
    company.dropped("nights")
    company.dropped("published")
    company.derived("shuffled", "shuffle")
    company.rebuilt("shuffled")
    shuffled = company.differing("shuffled")
    company.dropped("shuffled")
    share = night["cpu"] / full["cpu"]
    ways = (
        Way("all rows new", int(full["rows"]), full["wall"], full["cpu"]),
        Way(
            "1% of the rows new or changed",
            int(night["rows"]),
            night["wall"],
            night["cpu"],
            share,
            night["wall"] / full["wall"],
        ),
        Way(
            "its restatements, beside it",
            int(restated["rows"]),
            restated["wall"],
            restated["cpu"],
            restated["cpu"] / full["cpu"],
            restated["wall"] / full["wall"],
            f"{restated['peak'] / 1e9:.2f} GB",
        ),
    )
    aims = (
        Aim("CPU, 1% changed / full", share, NIGHT_SHARE),
        Aim("most memory of the restatements, GB", restated["peak"] / 1e9, MEMORY_GB),
        Aim("values that differ, incremental / full", late, 0),
        Aim("values that differ, shuffled / in order", shuffled, 0),
    )
    notes = (f"{sum(brought.values()):,} rows came or changed",)
    return Outcome("volume_night", company.scale, 1, "s", ways, aims, notes)


def _by_hand(company: _Company, runs: int) -> Outcome:
    company.say(f"volume, scale {company.scale:g}: each metric by the engine and by hand")
    found: Mapping[str, Mapping[str, list[float]]] = in_child(
        "bench.volume:paired", warehouse=company.file("made"), runs=runs
    )
    ways = [
        Way(
            name,
            runs,
            median(each["engine_wall"]),
            median(each["engine_cpu"]),
            ratio(each["engine_cpu"], each["hand_cpu"]),
            ratio(each["engine_wall"], each["hand_wall"]),
            f"by hand {median(each['hand_cpu']):.2f} CPU",
        )
        for name, each in found.items()
    ]
    over = [way for way in ways if (way.cpu_share or 0) > OVER_BY_HAND]
    slowest = sorted(ways, key=lambda way: -way.cpu)[:_TOLD]
    told = sorted({way.name: way for way in (*over, *slowest)}.values(), key=lambda way: -way.cpu)
    together = Way(
        "all together",
        len(ways),
        sum(way.wall for way in ways),
        sum(way.cpu for way in ways),
        _over_hand(found, "cpu"),
        _over_hand(found, "wall"),
    )
    worst = max(ways, key=lambda way: way.cpu_share or 0)
    aims = (
        Aim(f"CPU, engine / by hand, {worst.name}", worst.cpu_share or 0.0, OVER_BY_HAND),
        Aim(f"metrics of {len(ways)} above {OVER_BY_HAND:g}", len(over), 0),
    )
    return Outcome("volume_by_hand", company.scale, runs, "s", (together, *told), aims)


def _over_hand(found: Mapping[str, Mapping[str, list[float]]], kind: str) -> float:
    engine, hand = (
        sum(median(each[f"{way}_{kind}"]) for each in found.values()) for way in ("engine", "hand")
    )
    return engine / hand


def _pandas(company: _Company) -> Outcome:
    """Three metrics in pandas, from Parquet that the file was copied to."""
    folder = str(company.folder / "parquet")
    in_child("bench.volume_pandas:export", warehouse=company.file("made"), folder=folder)
    ways, aims = [], []
    for metric, builds in BUILDS.items():
        company.say(f"volume, scale {company.scale:g}: {metric} by us and in pandas")
        ours = in_child("bench.volume:rebuild", warehouse=company.file("made"), only=builds)
        theirs = in_child("bench.volume_pandas:in_pandas", metric=metric, folder=folder)
        ways += [
            Way(f"{metric}, ours", ours["rows"], ours["wall"], ours["cpu"], note=_held(ours)),
            Way(
                f"{metric}, pandas",
                theirs["rows"],
                theirs["wall"],
                theirs["cpu"],
                ours["cpu"] / theirs["cpu"],
                ours["wall"] / theirs["wall"],
                _held(theirs),
            ),
        ]
        unlike = in_child(
            "bench.volume_pandas:compare",
            metric=metric,
            warehouse=company.file("made"),
            folder=folder,
        )
        aims.append(Aim(f"{metric}: rows that differ", unlike, 0))
    return Outcome("volume_pandas", company.scale, 1, "s", tuple(ways), tuple(aims))


def _held(answer: Answer) -> str:
    return f"{answer['peak'] / 1e9:.2f} GB"


def _slowest(answer: Answer) -> str:
    found = sorted(answer["by_metric"].items(), key=lambda item: -item[1])[:3]
    return ", ".join(f"{name} {seconds:.1f}" for name, seconds in found)
