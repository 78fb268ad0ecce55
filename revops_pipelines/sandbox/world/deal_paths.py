"""The pipelines and the ways through them.

Belongs here: stages, and one deal's walk from the first to the last with the detours of life:
stages skipped, gone back to, re-entered, deals reopened after losing, moved to another pipeline.
Does not: amounts, dates, owners (`deals.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

SKIP_SHARE, BACK_SHARE, REOPENED_SHARE = 0.12, 0.06, 0.05


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage as HubSpot knows it; `probability` of winning, 1 and 0 for the closed ones."""

    id: str
    label: str
    probability: str
    is_closed: bool = False

    @property
    def is_won(self) -> bool:
        """Closed with the highest probability, which is how HubSpot tells won from lost."""
        return self.is_closed and self.probability == "1.0"


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A pipeline; the last two stages are won and lost."""

    id: str
    label: str
    stages: tuple[Stage, ...]

    @property
    def open_stages(self) -> tuple[Stage, ...]:
        """The stages before the end."""
        return self.stages[:-2]

    @property
    def won(self) -> Stage:
        """The won stage."""
        return self.stages[-2]

    @property
    def lost(self) -> Stage:
        """The lost stage."""
        return self.stages[-1]


# A portal's first pipeline and its stages have these names; later ones get numbers.
NEW_BUSINESS = Pipeline(
    "default",
    "Sales Pipeline",
    (
        Stage("appointmentscheduled", "Appointment scheduled", "0.2"),
        Stage("qualifiedtobuy", "Qualified to buy", "0.4"),
        Stage("presentationscheduled", "Presentation scheduled", "0.6"),
        Stage("decisionmakerboughtin", "Decision maker bought-in", "0.8"),
        Stage("contractsent", "Contract sent", "0.9"),
        Stage("closedwon", "Closed won", "1.0", True),
        Stage("closedlost", "Closed lost", "0.0", True),
    ),
)
RENEWALS = Pipeline(
    "72150431",
    "Renewals and expansion",
    (
        Stage("139620381", "Upcoming", "0.3"),
        Stage("139620382", "In discussion", "0.6"),
        Stage("139620383", "Offer sent", "0.8"),
        Stage("139620384", "Renewed", "1.0", True),
        Stage("139620385", "Not renewed", "0.0", True),
    ),
)
PIPELINES = (NEW_BUSINESS, RENEWALS)


@dataclass(frozen=True, slots=True)
class StageChange:
    """The deal came to a stage of a pipeline; the first one is its creation."""

    at: datetime
    pipeline: Pipeline
    stage: Stage


def walk(
    random: Random,
    pipeline: Pipeline,
    created: datetime,
    closes: datetime,
    ends: str,
    *,
    moved: bool,
) -> tuple[StageChange, ...]:
    """The changes from creation to the end; `ends` is won, lost or open (never closed).

    `closes` is the moment of the last change for won deals; a lost one is reopened now and then.
    """
    steps = _steps(random, pipeline, ends)
    if moved:
        # Opened in the wrong pipeline, put right at its second step.
        other = RENEWALS if pipeline is NEW_BUSINESS else NEW_BUSINESS
        steps.insert(0, (other, other.open_stages[0]))
    last = len(steps)
    moments = sorted(random.random() for _ in range(last - 1))
    length = closes - created
    changes = [StageChange(created, *steps[0])]
    for (line, stage), share in zip(steps[1:], moments, strict=True):
        at = (created + length * (0.02 + 0.93 * share)).replace(microsecond=0)
        changes.append(StageChange(max(at, changes[-1].at + timedelta(seconds=1)), line, stage))
    if ends != "open":
        final = pipeline.won if ends == "won" else pipeline.lost
        at = max(closes, changes[-1].at + timedelta(seconds=1))
        changes.append(StageChange(at, pipeline, final))
    return tuple(changes)


def _steps(random: Random, pipeline: Pipeline, ends: str) -> list[tuple[Pipeline, Stage]]:
    """The open stages passed, detours included; never the same one twice in a row."""
    reaches = len(pipeline.open_stages)
    if ends != "won":
        reaches = 1 + min(int(random.expovariate(0.6)), reaches - 1)
    path: list[Stage] = []
    for position, stage in enumerate(pipeline.open_stages[:reaches]):
        if path and random.random() < SKIP_SHARE:
            continue
        path.append(stage)
        if position > 0 and random.random() < BACK_SHARE:
            # Back to an earlier stage, then forward into this one again.
            path.extend((pipeline.open_stages[random.randrange(position)], stage))
    if ends != "open" and random.random() < REOPENED_SHARE:
        path.extend((pipeline.lost, path[-1]))
    tidy = [stage for before, stage in zip([None, *path], path, strict=False) if stage != before]
    return [(pipeline, stage) for stage in tidy]
