"""What a piece of work costs: seconds on the clock and seconds of CPU.

Belongs here: measuring one piece, and medians of many. Does not: what is measured.
"""

from __future__ import annotations

import gc
import resource
import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(slots=True)
class Cost:
    """Filled in when the measured block ends; CPU is that of the process and its children."""

    wall: float = 0.0
    cpu: float = 0.0


@contextmanager
def measured() -> Iterator[Cost]:
    """Measure the block."""
    cost = Cost()
    gc.collect()
    wall, cpu = time.perf_counter(), cpu_seconds()
    yield cost
    cost.wall, cost.cpu = time.perf_counter() - wall, cpu_seconds() - cpu


def cpu_seconds() -> float:
    """User and system time so far, of this process and of its children that have ended."""
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def median(values: Sequence[float]) -> float:
    """The median; zero of nothing."""
    return statistics.median(values) if values else 0.0


def ratio(these: Sequence[float], those: Sequence[float]) -> float:
    """The median of the pairs' ratios: both of a pair were measured in the same minute."""
    return median([this / that for this, that in zip(these, those, strict=True) if that])
