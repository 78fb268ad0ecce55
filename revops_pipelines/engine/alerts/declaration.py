"""What a rule plug-in declares, and what its `detect` answers.

Belongs here: the frozen shapes that files in `sensors/rules` fill in. Does not: how a verdict
becomes an alert over time (`lifecycle`), how it is stored (`evaluate`) or told (`relay`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Severity = Literal["info", "warning", "critical"]
SEVERITIES: tuple[Severity, ...] = ("info", "warning", "critical")

Row = Mapping[str, Any]


def severity_rank(severity: str) -> int:
    """Order of severities: info 0, warning 1, critical 2."""
    return SEVERITIES.index(severity)


class RuleOptions(BaseModel):
    """What `[rules.NAME]` in revops.toml may say, with its defaults; a rule extends it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    enabled: bool = Field(default=True, description="False: the rule is not evaluated.")
    severity: Severity | None = Field(
        default=None, description="Overrides the severity that the rule declares."
    )
    pending_minutes: int = Field(
        default=0, ge=0, description="How long a breach must last before it is told."
    )
    keep_minutes: int = Field(
        default=30,
        ge=0,
        description="How long it must be clear before it counts as resolved; stops flapping.",
    )
    max_unknown_share: float = Field(
        default=0.2,
        ge=0,
        le=1,
        description="Above this share of subjects without a verdict the rule counts as not "
        "evaluated.",
    )


class Verdict(StrEnum):
    """What a rule says of one subject."""

    BREACH = "breach"
    """Over the limit."""
    HOLD = "hold"
    """Between the limit and the point of recovery: starts no alert, ends none (hysteresis)."""
    CLEAR = "clear"
    """Known to be within the limit, or no longer a subject."""
    UNKNOWN = "unknown"
    """Could not be judged: starts no alert, ends none."""


@dataclass(frozen=True, slots=True)
class Notice:
    """What a reader needs: what happened, to which record, since when, against which limit.

    No e-mail address, telephone number or full name of an outside person belongs in any field:
    the link leads to the record. `owner` is one of our own people or teams.
    """

    headline: str
    subject: str
    since: datetime
    observed: str
    limit: str
    owner: str | None = None
    url: str | None = None
    what_to_do: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Finding:
    """The verdict on one subject.

    `key` is built from chosen identifiers only, so that the same trouble has the same key at every
    evaluation. A breach must carry a notice; a clear may carry one that says how it ended.
    `is_backlog` marks a breach that is old news when it is first seen: it is told in a digest.
    """

    key: str
    verdict: Verdict
    notice: Notice | None = None
    severity: Severity | None = None
    is_backlog: bool = False
    reason: str = ""

    def __post_init__(self) -> None:
        if self.verdict is Verdict.BREACH and self.notice is None:
            raise ValueError(f"a breach must say what happened: {self.key}")


Detect = Callable[[Sequence[Row], Any, datetime], Sequence[Finding]]


@dataclass(frozen=True, slots=True)
class Rule:
    """A kind of trouble that people are told of.

    `sql` selects the rows that `detect` judges: plain DuckDB SQL over `inputs`, without parameters,
    so that it can be run by hand. `detect(rows, options, now)` is pure. A subject with an open
    alert that is absent from its result is resolved; when an input is missing or one of
    `never_empty` holds no row, nothing is judged and nothing resolves.

    `deadlines`, when given, is SQL over published tables with the columns `alert_key`,
    `deadline_at` (when an open subject passes its limit) and `judged_at` (how far the data behind
    its present verdict reaches), all UTC. `pulse` rules are evaluated every few minutes, the others
    nightly.
    """

    name: str
    title: str
    owner: str
    severity: Severity
    meaning: str
    what_to_do: str
    options: type[RuleOptions]
    inputs: tuple[str, ...]
    sql: str
    detect: Detect
    never_empty: tuple[str, ...] = ()
    pulse: bool = False
    deadlines: str | None = None


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What one evaluation of a rule did; counts of alerts unless said otherwise.

    `fired` and `resolved` count new events, `still_firing` alerts that were open before and stay
    so (those recovering included), `evaluated` subjects with a verdict, `unevaluated` those
    without. `problem` is empty, or says in one line why the rule could not be judged.
    """

    rule: str
    fired: int = 0
    resolved: int = 0
    still_firing: int = 0
    evaluated: int = 0
    unevaluated: int = 0
    escalated: int = 0
    pending: int = 0
    problem: str = ""
