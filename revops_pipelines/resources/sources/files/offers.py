"""What a folder of files gives to the conformed entities.

Belongs here: SQL from a plan. Does not: fitting columns (`plan.py`), the ledger out of a plain list
of subscriptions (`expand.py`).
"""

from __future__ import annotations

from revops_pipelines.contracts import CONTRACTS
from revops_pipelines.contracts.contract import columns_of
from revops_pipelines.engine.declarations import Offer
from revops_pipelines.resources.sources.files.expand import expanded
from revops_pipelines.resources.sources.files.folder import FileError, literal, quoted
from revops_pipelines.resources.sources.files.options import FilesOptions
from revops_pipelines.resources.sources.files.plan import OWN, EntityPlan, make_plan
from revops_pipelines.resources.sources.files.streams import raw_name, stream_name


def offers(options: FilesOptions) -> tuple[Offer, ...]:
    """One offer per entity whose file fits; the others' streams fail and say why."""
    try:
        plan = make_plan(options)
    except FileError:
        return ()
    return tuple(_offer(each) for each in plan.entities if not each.problems)


def _offer(plan: EntityPlan) -> Offer:
    stream = stream_name(plan.table.name)
    values = _values(plan)
    selected = ", ".join(f"{value} AS {quoted(name)}" for name, value in values.items())
    sql = f"SELECT {selected} FROM raw.@source__{stream}"
    if plan.mapping.expand is not None:
        # A derived row has no life of its own after the row it came from.
        sql += " WHERE _deleted_at IS NULL"
    return Offer(plan.entity, sql, (stream,))


def _values(plan: EntityPlan) -> dict[str, str]:
    """SQL by contract column."""
    contract = columns_of(CONTRACTS[plan.entity])
    values = {
        name: _own_identifier(name, literal(_text(value)))
        for name, value in plan.mapping.constants.items()
    }
    for name, column in plan.columns.items():
        if name not in OWN:
            values[name] = _own_identifier(name, _value(plan, name, column, contract[name]))
    if plan.mapping.expand is not None:
        values = expanded(plan.mapping.expand, column_of) | values
        values.setdefault("item_id", values["subscription_id"])
    if plan.custom:
        pairs = ", ".join(f"{literal(name)}, {column_of(name)}" for name in plan.custom)
        values["custom"] = f"json_object({pairs})"
    deleted = plan.columns.get("_deleted_at")
    updated = plan.columns.get("_updated_at")
    return values | {
        "source": "'@source'",
        "source_id": _joined(plan),
        "_updated_at": column_of(updated) if updated else "_updated_at",
        "_deleted_at": f"coalesce({column_of(deleted)}, _deleted_at::VARCHAR)"
        if deleted
        else "_deleted_at",
    }


def column_of(name: str) -> str:
    """SQL for a file's column in its raw table."""
    return quoted(raw_name(name))


def _value(plan: EntityPlan, name: str, column: str, kind: str) -> str:
    value = column_of(column)
    words = plan.mapping.words.get(name, {})
    if words:
        cases = " ".join(f"WHEN {literal(w)} THEN {literal(t)}" for w, t in words.items())
        value = f"CASE {value} {cases} ELSE {value} END"
    written = plan.mapping.formats.get(name)
    if written:
        shown = "%Y-%m-%d" if kind == "DATE" else "%Y-%m-%d %H:%M:%S.%f"
        read = f"try_strptime({value}, {literal(written)})"
        # What is not written so stays as it is, and is judged as such.
        value = f"coalesce(strftime({read}, '{shown}'), {value})"
    return value


def _own_identifier(name: str, value: str) -> str:
    """Identifiers are of this source; one that another system was told is left alone."""
    if name.endswith("_id") and name not in ("source_id", "external_account_id"):
        return f"'@source:' || nullif(trim({value}), '')"
    return value


def _joined(plan: EntityPlan) -> str:
    parts = [column_of(name) for name in plan.identity]
    if len(parts) == 1:
        return parts[0]
    joined = ", ".join(f"coalesce({part}, '')" for part in parts)
    return f"concat_ws('|', {joined})"


def _text(value: str | int | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
