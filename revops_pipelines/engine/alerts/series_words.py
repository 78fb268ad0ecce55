"""How a series beyond its limit reads.

Belongs here: headline, observation, limit and facts of its notice. Does not: the verdict
(`series`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Protocol

from revops_pipelines.engine.alerts.declaration import Notice, Row
from revops_pipelines.engine.alerts.figures import breakdown_text, figure, midnight, period_name
from revops_pipelines.engine.alerts.series_numbers import Judged, Limit


class Told(Protocol):
    """The options that the words depend on."""

    @property
    def owner(self) -> str | None:
        """Who answers, if not the metric's owner."""

    @property
    def periods(self) -> int:
        """How many in a row."""


def named(row: Row) -> str:
    """The row's period."""
    return period_name(row["grain"], row["period_start_on"])


def shown(number: Decimal, row: Row, limit: Limit) -> str:
    """The number that is judged: a value, a change with its sign, or standard deviations."""
    if limit.check == "zscore":
        return f"{number:+.1f} standard deviations"
    if limit.check == "change" and limit.is_relative:
        return f"{number * 100:+.1f} %"
    text = figure(number, row["unit"], row["base_currency"])
    return f"{'+' if number > 0 else ''}{text}" if limit.check == "change" else text


@dataclass(frozen=True, slots=True)
class Wording:
    """What a rule says of its series; `title` names the number."""

    title: str
    owner: str
    what_to_do: str = ""


def notice(
    row: Row,
    since: date,
    dimensions: Mapping[str, str],
    judged: Judged,
    options: Told,
    limit: Limit,
    wording: Wording,
) -> Notice:
    """What is told of a series beyond its limit since that day."""
    part = breakdown_text(dimensions, row["owner_name"])
    value = figure(row["value"], row["unit"], row["base_currency"])
    moved = "" if limit.check == "level" else f" ({shown(judged.value, row, limit)})"
    return Notice(
        headline=f"{wording.title} in {named(row)}{part}: {value}{moved}",
        subject=f"{row['metric']}, {named(row)}{part}",
        since=midnight(since),
        observed=_observed(row, value, judged, limit),
        limit=_said_limit(row, limit),
        owner=options.owner or row["owner_name"] or wording.owner,
        owner_email=row["owner_email"],
        team=dimensions.get("team") or row["owner_team"],
        is_owner_gone=row["owner_is_active"] is False,
        what_to_do=wording.what_to_do,
        facts=_facts(row, options, limit),
    )


def _observed(row: Row, value: str, judged: Judged, limit: Limit) -> str:
    said = [f"{row['n']:,} cases"]
    if row["lower"] is not None and row["upper"] is not None:
        low, high = (figure(row[name], row["unit"], row["base_currency"]) for name in _BOUNDS)
        said.append(f"between {low} and {high} with 95 %")
    if judged.beside:
        said.append(judged.beside)
    return f"{value} ({'; '.join(said)})"


_BOUNDS = ("lower", "upper")


def _said_limit(row: Row, limit: Limit) -> str:
    word = "at most" if limit.side == "above" else "at least"
    what = {"level": "", "change": "a change of ", "zscore": ""}[limit.check]
    against = ""
    if limit.check == "change":
        earlier = "the period before" if limit.against == "previous" else "a year ago"
        against = f" against {earlier}"
    return f"{what}{word} {shown(limit.at, row, limit)}{against}"


def _facts(row: Row, options: Told, limit: Limit) -> dict[str, Any]:
    has_bound = (row["lower"] if limit.side == "above" else row["upper"]) is not None
    side = "lower" if limit.side == "above" else "upper"
    judged = f"the {side} bound of the interval" if has_bound and limit.is_bound else "the value"
    facts = {"Judged by": judged}
    if options.periods > 1:
        facts["Periods in a row"] = f"{options.periods} or more"
    return facts
