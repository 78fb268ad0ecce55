"""How tables of the simulated environment are written down.

Belongs here: a column, a table, and the columns that many tables share. Does not: the tables.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

OWN = 100_000_000


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its Dataverse type, choices (value: label), and whether the company added it."""

    name: str
    kind: str
    choices: Mapping[int, str] = field(default_factory=dict)
    targets: tuple[str, ...] = ()

    @property
    def is_custom(self) -> bool:
        """The company's own."""
        return self.name.startswith("new_")

    @property
    def key(self) -> str:
        """Its name in JSON: lookups are `_name_value`."""
        return f"_{self.name}_value" if self.kind in ("Lookup", "Owner", "Customer") else self.name


@dataclass(frozen=True, slots=True)
class Table:
    """A table with its names; `tracked` where the company has Track changes switched on."""

    name: str
    entity_set: str
    id_column: str
    name_column: str
    type_code: int
    columns: Mapping[str, Column]
    tracked: bool = True
    audited: bool = False

    @property
    def privilege(self) -> str:
        """What its rows can be read with; activities share one."""
        if self.name in ACTIVITIES:
            return "prvReadActivity"
        special = {"systemuser": "User", "annotation": "Note", "audit": "AuditSummary"}
        shared = {"opportunityproduct": "Opportunity", "teammembership": "Team"}
        schema = special.get(self.name) or shared.get(self.name) or _SCHEMA.get(self.name)
        return f"prvRead{schema or self.name.capitalize()}"


_SCHEMA = {
    "transactioncurrency": "TransactionCurrency",
    "businessunit": "BusinessUnit",
    "connectionrole": "ConnectionRole",
}
ACTIVITIES = (
    "phonecall",
    "email",
    "appointment",
    "task",
    "socialactivity",
    "opportunityclose",
    "campaignresponse",
    "activityparty",
)


def columns(kind: str, names: str) -> Iterable[Column]:
    """Columns of one type."""
    return (Column(name, kind) for name in names.split())


def choice(name: str, choices: Mapping[int, str], kind: str = "Picklist") -> Column:
    """A column that holds one of some choices."""
    return Column(name, kind, choices)


def lookup(name: str, *targets: str, kind: str = "Lookup") -> Column:
    """A column that points at a row of one of some tables."""
    return Column(name, kind, {}, targets)


def own(labels: Iterable[str]) -> dict[int, str]:
    """Choices that the company added."""
    return {OWN + place: label for place, label in enumerate(labels)}


def money(names: str) -> Iterable[Column]:
    """Amounts, each with its value in the base currency."""
    for name in names.split():
        yield Column(name, "Money")
        yield Column(f"{name}_base", "Money")


STAMPS = (
    *columns("DateTime", "createdon modifiedon overriddencreatedon"),
    *columns("BigInt", "versionnumber"),
    lookup("createdby", "systemuser"),
    lookup("modifiedby", "systemuser"),
)
OWNED = (*STAMPS, lookup("ownerid", "systemuser", "team", kind="Owner"))
PRICED = (
    lookup("transactioncurrencyid", "transactioncurrency"),
    *columns("Decimal", "exchangerate"),
)
MERGED = (*columns("Boolean", "merged"),)


def states(states: Mapping[int, str], reasons: Mapping[int, str]) -> tuple[Column, ...]:
    """A table's states and status reasons."""
    return (choice("statecode", states, "State"), choice("statuscode", reasons, "Status"))


ACTIVE = states({0: "Active", 1: "Inactive"}, {1: "Active", 2: "Inactive"})
ABOUT = ("account", "contact", "lead", "opportunity", "campaign")
ACTIVITY = (
    *OWNED,
    *columns("String", "subject activitytypecode"),
    *columns("Memo", "description"),
    *columns("DateTime", "actualstart actualend scheduledstart scheduledend"),
    *columns("Integer", "actualdurationminutes"),
    *columns("Boolean", "isworkflowcreated isregularactivity"),
    lookup("regardingobjectid", *ABOUT),
)


def table(
    name: str,
    entity_set: str,
    code: int,
    name_column: str,
    *columns: Column,
    id_column: str = "",
    tracked: bool = True,
    audited: bool = False,
) -> Table:
    """A table; its key is `<name>id` where nothing else is said."""
    key = id_column or f"{name}id"
    every = (Column(key, "Uniqueidentifier"), *columns)
    return Table(
        name, entity_set, key, name_column, code, {c.name: c for c in every}, tracked, audited
    )


def activity(name: str, entity_set: str, code: int, *columns: Column) -> Table:
    """A table of activities."""
    return table(name, entity_set, code, "subject", *ACTIVITY, *columns, id_column="activityid")
