"""Breakdowns as SQL: aggregating over totals and single dimensions, and naming the groups.

Belongs here: how dimensions become text. Does not: what is aggregated over them (`render`).

A group is named by plain columns until the very end, `breakdown` (the dimension's first column, ''
for the total) and its `member` (and `member_2` for a dimension of two columns), because building
and comparing JSON for millions of groups costs more than all the rest.

Weeks are published as totals only: a week of one owner or one region is a handful of cases.
"""

from __future__ import annotations

from revops_pipelines.engine.metrics.declaration import NO_DIMENSION, Dimension, Series

BROKEN_DOWN = ("month", "quarter")
MEMBERS = ("member", "member_2")


def group_columns(series: Series) -> tuple[str, ...]:
    """The columns that name a group."""
    columns = ("grain", "period_start_on", "breakdown", "member")
    return (*columns, "member_2") if _has_pairs(series) else columns


def same_group(series: Series, left: str, right: str) -> str:
    """SQL: two aliases speak of the same group."""
    return "\n  AND ".join(f"{left}.{name} = {right}.{name}" for name in group_columns(series))


def in_groups(series: Series, groups: str, select: str, where: str) -> str:
    """SQL: every fact once for each of its groups, which `groups` lists.

    One join per breakdown, each on plain columns: planners take a single join over computed
    members for a cross product.
    """
    return "\nUNION ALL\n".join(
        f"SELECT {select}\nFROM placed\nJOIN {groups}\n"
        f"  ON {groups}.grain = placed.grain\n"
        f"  AND {groups}.period_start_on = placed.period_start_on\n"
        f"  AND {groups}.breakdown = '{dimension[0] if dimension else ''}'"
        + "".join(
            f"\n  AND {groups}.{member} = placed.{column}"
            for member, column in zip(MEMBERS, dimension, strict=False)
        )
        + f"\nWHERE {where}"
        for dimension in ((NO_DIMENSION,) if series.has_total else ()) + series.dimensions
    )


def over_groups(
    series: Series,
    select: str,
    where: str,
    more: str = "",
    grains: tuple[str, ...] = BROKEN_DOWN,
) -> str:
    """SQL: aggregates of `placed` for the total and for every breakdown.

    `select` lists aggregates, `where` filters facts, `more` is a further column to group by;
    breakdowns are made for `grains`.
    """
    extra = f", {more}" if more else ""
    empty = "".join(f"  '' AS {name},\n" for name in group_columns(series)[2:])
    total = (
        f"SELECT\n  grain,\n  period_start_on,\n{empty}  {select}\n"
        f"FROM placed\nWHERE {where}\nGROUP BY grain, period_start_on{extra}"
    )
    if not series.dimensions:
        return total
    totals = f"{total}\nUNION ALL\n" if series.has_total else ""
    sets = ",\n".join(
        f"  (grain, period_start_on, {', '.join(dimension)}{extra})"
        for dimension in series.dimensions
    )
    listed = ", ".join(f"'{grain}'" for grain in grains)
    return (
        f"{totals}SELECT\n  grain,\n  period_start_on,\n{_names(series)}  {select}\n"
        f"FROM placed\nWHERE {where} AND grain IN ({listed})\nGROUP BY GROUPING SETS (\n{sets}\n)"
    )


def dimensions_of(series: Series) -> str:
    """SQL: the JSON that names the breakdown of a row of `rolled`."""
    total = "CAST('{}' AS JSON)"
    cases = "".join(
        f"\n    WHEN '{dimension[0]}' THEN json_object({_pairs(dimension)})"
        for dimension in series.dimensions
    )
    return f"CASE rolled.breakdown{cases}\n    ELSE {total} END" if cases else total


def _names(series: Series) -> str:
    """Columns that are rolled up in a grouping set are null there, and no member is null."""
    cases = "".join(
        f"\n    WHEN {dimension[0]} IS NOT NULL THEN '{dimension[0]}'"
        for dimension in series.dimensions
    )
    firsts = ", ".join(dimension[0] for dimension in series.dimensions)
    text = f"  CASE{cases} END AS breakdown,\n  COALESCE({firsts}) AS member,\n"
    if _has_pairs(series):
        seconds = ", ".join(dimension[1] for dimension in series.dimensions if len(dimension) > 1)
        text += f"  COALESCE({seconds}, '') AS member_2,\n"
    return text


def _has_pairs(series: Series) -> bool:
    return any(len(dimension) > 1 for dimension in series.dimensions)


def _pairs(dimension: Dimension) -> str:
    return ", ".join(
        f"'{column}', rolled.{member}" for column, member in zip(dimension, MEMBERS, strict=False)
    )
