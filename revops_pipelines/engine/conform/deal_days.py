"""SQL that makes days of what is known of a deal's changes.

Belongs here: what any CRM's snapshots need beside its own history: the last word of each day, what
goes on from the day before, which days differ. Does not: where a system keeps its history.

A mark says what something became at a moment, and nothing of the rest: a column that is null goes
on as it was, one that is EMPTY was emptied. Work goes with the marks; days on which nothing happens
cost nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

# A value that is known to be empty, where null means that nothing was said.
EMPTY = "chr(8709)"
# Marks of one moment in their order: a place of 0 to 1023 behind the microseconds.
LAST_PLACE = 1023

STATE = (
    "pipeline",
    "stage",
    "amount",
    "currency",
    "close_on",
    "forecast_category",
    "probability",
    "owner_id",
    "is_closed",
    "is_won",
)


def told(value: str) -> str:
    """A mark's value out of text that is there, empty or missing."""
    return f"coalesce(nullif(trim(CAST({value} AS VARCHAR)), ''), {EMPTY})"


def days_of_marks(fields: Iterable[str]) -> str:
    """CTE `days(id, snapshot_on, changed_at, <fields>)` after `lives` and `marks`.

    `lives(id, born_at, ended_at)` are the deals; `marks(id, told_at, place, <fields>)` what became
    of them, as text. What is told of the time before a deal's birth was so at its birth; what is
    told after its end is left out.
    """
    fields = tuple(fields)
    names = ", ".join(fields)
    latest = ", ".join(f"arg_max({name}, rank) AS {name}" for name in fields)
    carried = ", ".join(
        f"nullif(last_value({name} IGNORE NULLS) OVER so_far, {EMPTY}) AS {name}" for name in fields
    )
    return f"""
    ranked AS (
        SELECT m.id, greatest(CAST(m.told_at AS DATE), CAST(l.born_at AS DATE)) AS snapshot_on,
               m.told_at,
               epoch_us(m.told_at) * {LAST_PLACE + 1} + least(m.place, {LAST_PLACE}) AS rank,
               {names}
        FROM marks m JOIN lives l ON l.id = m.id
        WHERE coalesce(m.told_at <= l.ended_at, true)
        UNION ALL BY NAME
        SELECT id, CAST(born_at AS DATE) AS snapshot_on, born_at AS told_at, 0 AS rank FROM lives
    ),
    last_words AS (
        SELECT id, snapshot_on, max(told_at) AS changed_at, {latest} FROM ranked GROUP BY ALL
    ),
    days AS (
        SELECT id, snapshot_on, changed_at, {carried} FROM last_words
        WINDOW so_far AS (PARTITION BY id ORDER BY snapshot_on ROWS UNBOUNDED PRECEDING)
    )"""


def changed_days(states: str) -> str:
    """The rows of `states` that differ from the deal's day before.

    `states` is a CTE or table with `opportunity_id`, `snapshot_on` and the columns of STATE.
    """
    state = f"({', '.join(STATE)})"
    return f"""
    SELECT * FROM {states}
    QUALIFY {state} IS DISTINCT FROM
            lag({state}) OVER (PARTITION BY opportunity_id ORDER BY snapshot_on)"""


def money(text: str) -> str:
    """An amount in one spelling, so that 1200 and 1200.00 are no change; other text as it is."""
    return f"coalesce(CAST(TRY_CAST({text} AS DECIMAL(18, 2)) AS VARCHAR), {text})"


def forecast_category(column: str, names: Mapping[str, str], *, is_won: str, is_closed: str) -> str:
    """The shared word for a system's forecast category; what is closed is past forecasting.

    `names` maps a system's values, whatever their case, to the shared words.
    """
    arms = " ".join(
        f"WHEN {_quoted(theirs.lower())} THEN '{ours}'" for theirs, ours in names.items()
    )
    known = f"CASE lower(trim({column})) {arms} END" if arms else "CAST(NULL AS VARCHAR)"
    return f"CASE WHEN {is_won} THEN 'closed' WHEN {is_closed} THEN 'omitted' ELSE {known} END"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
