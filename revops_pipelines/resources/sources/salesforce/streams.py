"""What Salesforce holds: streams, their keys and typed columns.

Belongs here: one declaration per stream. Does not: how they are pulled (`pull.py`, `tables.py`) or
what they mean to us (`offers.py`).

Every field that the user may see is in the payload, the org's own too; columns are those that we
need. Fields in brackets in a declaration are not in every org, so that their absence is no gap.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from revops_pipelines.engine.declarations import Column, Pull, Stream
from revops_pipelines.resources.sources.salesforce import pull, tables
from revops_pipelines.resources.sources.salesforce.objects import OBJECTS, SalesforceObject
from revops_pipelines.resources.sources.salesforce.options import SalesforceOptions

_ID = Column("id", "VARCHAR", "/Id", "Identifier of the record, 18 characters.")
_CREATED = Column("created_at", "TIMESTAMP", "/CreatedDate", "When the record was made.")
_UPDATED = Column("updated_at", "TIMESTAMP", "/SystemModstamp", "When a field last changed.")
_DELETED = Column("is_deleted", "BOOLEAN", "/IsDeleted", "In the recycle bin.")


@dataclass(frozen=True, slots=True)
class _Way:
    """How objects of a kind are pulled, and which columns all of them have."""

    columns: tuple[Column, ...]
    updated: str
    puller: Callable[[str, tuple[str, ...]], Callable[[Pull], None]]


_WAYS = {
    "records": _Way(
        (_ID, _CREATED, _UPDATED, _DELETED),
        "updated_at",
        lambda name, needed: pull.object_puller(pull.ObjectKind(name), needed),
    ),
    "history": _Way(
        (_ID, _CREATED, _DELETED),
        "created_at",
        lambda name, needed: pull.object_puller(pull.ObjectKind(name, "CreatedDate"), needed),
    ),
    "table": _Way((_ID, _UPDATED), "updated_at", tables.table_puller),
}

ORGANIZATION = Stream(
    "organization",
    "The org itself.",
    ("id",),
    (
        _ID,
        Column("name", "VARCHAR", "/Name", "Name of the company."),
        Column("time_zone", "VARCHAR", "/TimeZoneSidKey", "Time zone of the company."),
        Column("kind", "VARCHAR", "/OrganizationType", "Edition."),
    ),
    tables.pull_organization,
    scopes=("View Setup and Configuration",),
)

FIELDS = Stream(
    "fields",
    "Fields of every object that is read, Salesforce's and the org's own.",
    ("object", "name"),
    (
        Column("object", "VARCHAR", "/object", "Object it belongs to."),
        Column("name", "VARCHAR", "/name", "Name in the API."),
        Column("label", "VARCHAR", "/label", "What people call it."),
        Column("type", "VARCHAR", "/type", "Type of its values."),
        Column("custom", "BOOLEAN", "/custom", "True: the org's own."),
    ),
    tables.field_puller(tuple(each.name for each in OBJECTS)),
)


def streams(options: SalesforceOptions) -> tuple[Stream, ...]:
    """Every stream; the options do not change which there are."""
    del options
    # First of all the one that tells the others whether this run is a pulse.
    return (ORGANIZATION, *(_stream(each) for each in OBJECTS), FIELDS)


def _stream(each: SalesforceObject) -> Stream:
    way = _WAYS[each.way]
    columns = tuple(
        Column(column.name, column.type, f"/{column.field}", f"Field {column.field}.")
        for column in each.columns
    )
    needed = tuple(column.field for column in each.columns if not column.is_optional)
    return Stream(
        each.stream,
        each.description,
        ("id",),
        (*way.columns, *columns),
        way.puller(each.name, needed),
        updated=way.updated,
        pulse=each.pulse,
        scopes=(f"Read on {each.name}", *each.features),
    )
