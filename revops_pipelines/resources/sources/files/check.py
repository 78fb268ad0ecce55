"""What is wrong with the folder's files, and what their content already shows to be odd.

Belongs here: one line per file and entity for `revops check`. Does not: judging rows, which the
contracts do when the files are conformed.
"""

from __future__ import annotations

from collections.abc import Sequence

import duckdb

from revops_pipelines.engine.declarations import Reach
from revops_pipelines.resources.sources.files.expand import AMOUNT, expanded
from revops_pipelines.resources.sources.files.folder import (
    FileError,
    Folder,
    quoted,
    reader,
    scan,
)
from revops_pipelines.resources.sources.files.options import EXPANDABLE
from revops_pipelines.resources.sources.files.plan import EntityPlan, Problem, make_plan


def check(folder: Folder) -> Sequence[Reach]:
    """Each entity that is made of a file, each problem, and the ledger's oddities."""
    try:
        plan = make_plan(folder.options)
    except FileError as error:
        return [Reach(folder.source, False, str(error), "correct `path`")]
    found = [_problem(problem) for problem in (*plan.missing, *plan.stray)]
    for each in plan.entities:
        found += [_problem(problem) for problem in each.problems]
        if not each.problems:
            found.append(Reach(each.entity, True, f"from {each.table.path.name}"))
            found += _oddities(each)
    if not found:
        remedy = "put files named as entities there, or name them in `entities`"
        return [Reach(folder.source, False, f"{folder.options.path} holds no file", remedy)]
    return found


def _problem(problem: Problem) -> Reach:
    return Reach(problem.file, False, problem.text, problem.remedy)


def _oddities(plan: EntityPlan) -> list[Reach]:
    """Facts of an expanded list that a reader of MRR should know: they are not repaired."""
    expand = plan.mapping.expand
    customer = plan.columns.get("customer_id")
    if plan.entity != EXPANDABLE or expand is None or customer is None or plan.table.is_ndjson:
        return []
    values = expanded(expand, quoted)
    with reader() as connection:
        try:
            row = connection.execute(
                f"""
                WITH rows AS (
                    SELECT {quoted(customer)} AS customer,
                           TRY_CAST({values["valid_from_on"]} AS DATE) AS from_on,
                           TRY_CAST({values["valid_to_on"]} AS DATE) AS to_on,
                           {values["status"]} = 'trialing'
                               AND TRY_CAST({values["monthly_amount"]} AS {AMOUNT}) <> 0
                               AS is_paid_trial
                    FROM {scan(plan.table.path)}
                ), places AS (
                    SELECT *, max(coalesce(to_on, DATE '9999-12-31')) OVER (
                        PARTITION BY customer ORDER BY from_on, to_on
                        ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS last_on
                    FROM rows
                )
                SELECT count(*), count(*) FILTER (to_on <= from_on),
                       count(*) FILTER (is_paid_trial), count(*) FILTER (last_on > from_on)
                FROM places
                """
            ).fetchone()
        except duckdb.Error as error:
            return [Reach(plan.entity, False, str(error).splitlines()[0], "mend the file")]
    rows, ends, trials, overlaps = row or (0, 0, 0, 0)
    facts = [
        (ends, "end on or before their first day", "these go to quarantine"),
        (trials, "are trials that cost money", "these go to quarantine"),
        (overlaps, "overlap another of the same customer", "their amounts add up"),
    ]
    return [
        Reach(plan.entity, True, f"{count:,} of {rows:,} subscriptions {what}: {effect}")
        for count, what, effect in facts
        if count
    ]
