"""What a rule plug-in declares, and what its `detect` answers.

Belongs here: the frozen shapes that files in `sensors/rules` fill in. Does not: how a verdict
becomes an alert over time (`lifecycle`), how it is stored (`evaluate`) or told (`relay`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from revops_pipelines.engine.plugin_tables import explain, nearest

Severity = Literal["info", "warning", "critical"]
SEVERITIES: tuple[Severity, ...] = ("info", "warning", "critical")

Row = Mapping[str, Any]


def severity_rank(severity: str) -> int:
    """Order of severities: info 0, warning 1, critical 2."""
    return SEVERITIES.index(severity)


class RuleOptions(BaseModel):
    """What `[rules.NAME]` in revops.toml may say, with its defaults; a rule extends it.

    `dimensions` are the columns of the rule's rows by whose values its options can be overridden,
    the most particular last: `[rules.NAME.overrides.team.Enterprise]`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    dimensions: ClassVar[tuple[str, ...]] = ()

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
    owner: str | None = Field(
        default=None, description="Team that answers for it, instead of the rule's own."
    )
    shadow_days: int = Field(
        default=0,
        ge=0,
        description="Days from the first evaluation in which its alerts are recorded and not told.",
    )
    shadow_until: date | None = Field(
        default=None, description="Until this day its alerts are recorded and not told."
    )
    repeat_hours: float | None = Field(
        default=None, ge=0, description="Instead of [escalation]'s for its severity; 0: never."
    )
    escalate_after_minutes: tuple[int, ...] | None = Field(
        default=None, description="Instead of [escalation]'s for its severity; []: never."
    )
    overrides: Mapping[str, Mapping[str, Mapping[str, Any]]] = Field(
        default_factory=dict,
        description="Other options by a dimension's value, for example "
        '{ team = { Enterprise = { severity = "critical" } } }.',
    )

    @model_validator(mode="after")
    def _overrides_are_options(self) -> Self:
        for dimension, values in self.overrides.items():
            if dimension not in self.dimensions:
                raise ValueError(
                    f"no overrides by {dimension!r} here; {nearest(dimension, self.dimensions)}"
                )
            for value, own in values.items():
                self._check(f"overrides.{dimension}.{value}", own)
        return self

    def _check(self, at: str, own: Mapping[str, Any]) -> None:
        allowed = set(type(self).model_fields) - _OF_THE_WHOLE
        for key in own:
            if key not in allowed:
                raise ValueError(f"unknown key {at}.{key}; {nearest(key, allowed)}")
        try:
            self._with(own)
        except ValidationError as error:
            raise ValueError(str(explain(error, type(self), (at,)))) from None

    def _with(self, own: Mapping[str, Any]) -> Self:
        return type(self).model_validate({**self.model_dump(exclude={"overrides"}), **own})

    def of(self, row: Row) -> Self:
        """The options for that row: overridden by what its dimensions say."""
        own: dict[str, Any] = {}
        for dimension in self.dimensions if self.overrides else ():
            own |= self.overrides.get(dimension, {}).get(str(row.get(dimension)), {})
        return self._with(own) if own else self


# A rule is on or off, shadowed and patient as a whole; the rest may differ from subject to subject.
_OF_THE_WHOLE = {
    "enabled",
    "pending_minutes",
    "keep_minutes",
    "max_unknown_share",
    "shadow_days",
    "shadow_until",
    "repeat_hours",
    "escalate_after_minutes",
    "overrides",
}


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
    the link leads to the record. `owner` is one of our own people or teams; `owner_email` tells
    people of one name apart, `team` is the owner's, or the team that answers, and `is_owner_gone`
    says that the owner has left. `is_momentary` marks what happened and does not last: nobody waits
    for its end. `members` are the identifiers of all records that a list names, shown or not.
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
    owner_email: str | None = None
    team: str | None = None
    is_owner_gone: bool = False
    is_momentary: bool = False
    members: tuple[str, ...] = ()


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

    `metrics` are the published series whose values it judges. `outcome`, when given, is SQL over
    published tables with the columns `alert_key` and `came_true`: what became of a subject,
    whether it was told or not; null while it is open. Where a notice has `members`, each of them is
    a subject. It tells a backtest how precise the rule was, and whether that is better than chance.

    `judged_by` is `sensor` for what must be noticed when no run comes at all: its own sensor reads
    the published snapshot.

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
    metrics: tuple[str, ...] = ()
    outcome: str | None = None
    runbook: str = ""
    judged_by: Literal["run", "sensor"] = "run"

    def __post_init__(self) -> None:
        if not self.runbook:
            object.__setattr__(self, "runbook", f"docs/runbooks/{self.name}.md")


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
