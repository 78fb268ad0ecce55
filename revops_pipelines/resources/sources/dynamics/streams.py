"""What Dynamics 365 holds: streams, their keys and typed columns.

Belongs here: every stream, made of its declaration. Does not: the tables' columns (`kinds.py`), how
they are pulled (`pull.py`, `tables.py`) or what they mean to us (`offers.py`).
"""

from __future__ import annotations

from revops_pipelines.engine.declarations import Column, Stream
from revops_pipelines.resources.sources.dynamics import tables
from revops_pipelines.resources.sources.dynamics.client import FORMATTED
from revops_pipelines.resources.sources.dynamics.columns import Kind, Told, choices
from revops_pipelines.resources.sources.dynamics.kinds import KINDS
from revops_pipelines.resources.sources.dynamics.options import DynamicsOptions
from revops_pipelines.resources.sources.dynamics.pull import TableKind, table_puller

PARTIES = 'STRUCT(id VARCHAR, "table" VARCHAR, role INTEGER, address VARCHAR)[]'
TABLES = {kind.name: kind.table for kind in KINDS}
# Tables whose own columns are offered as `custom`, and whose audits are read.
CUSTOMISED = ("account", "contact", "lead", "opportunity")
AUDITED = ("contact", "lead", "opportunity", "transactioncurrency")

# First of all streams: what it shares, the others wait for.
_ORGANIZATION = Stream(
    "organizations",
    "The environment: its base currency, whether it audits.",
    ("organizationid",),
    (
        Column("organizationid", "VARCHAR", "/organizationid", "Identifier."),
        Column("name", "VARCHAR", "/name", "Name."),
        Column("basecurrencyid_id", "VARCHAR", "/_basecurrencyid_value", "Base currency."),
        Column("isauditenabled", "BOOLEAN", "/isauditenabled", "Auditing is started."),
        Column("modified_at", "TIMESTAMP", "/modifiedon", "When it last changed."),
    ),
    tables.pull_organization,
    updated="modified_at",
    scopes=("prvReadOrganization",),
)
_OTHERS = (
    Stream(
        "teammemberships",
        "Who is in which team.",
        ("teammembershipid",),
        (
            Column("teammembershipid", "VARCHAR", "/teammembershipid", "Identifier."),
            Column("teamid", "VARCHAR", "/teamid", "Team."),
            Column("systemuserid", "VARCHAR", "/systemuserid", "User."),
        ),
        tables.pull_memberships,
        scopes=("prvReadTeam",),
    ),
    Stream(
        "audits",
        "Changes of audited columns of leads, contacts, opportunities and currencies.",
        ("auditid",),
        (
            Column("auditid", "VARCHAR", "/auditid", "Identifier."),
            Column("created_at", "TIMESTAMP", "/createdon", "When the change was made."),
            Column("operation", "VARCHAR", "/operation", "1 create, 2 update, 3 delete."),
            Column("action", "VARCHAR", "/action", "What was done."),
            Column("object_table", "VARCHAR", "/objecttypecode", "Table of the row."),
            Column("object_id", "VARCHAR", "/_objectid_value", "The row."),
            Column("userid_id", "VARCHAR", "/_userid_value", "Who did it."),
            Column("changedata", "VARCHAR", "/changedata", "Values before and after, as JSON."),
        ),
        tables.audit_puller(AUDITED),
        updated="created_at",
        scopes=("prvReadAuditSummary",),
    ),
    Stream(
        "columns",
        "Columns of accounts, contacts, leads and opportunities, the company's own among them.",
        ("table_name", "name"),
        (
            Column("table_name", "VARCHAR", "/table", "Table it belongs to."),
            Column("name", "VARCHAR", "/name", "Logical name."),
            Column("key", "VARCHAR", "/key", "Name in a row's JSON."),
            Column("type", "VARCHAR", "/type", "Type of its values."),
            Column("is_custom", "BOOLEAN", "/custom", "The company's own."),
        ),
        tables.definition_puller(CUSTOMISED),
        scopes=("prvReadEntity", "prvReadAttribute"),
    ),
)


def streams(options: DynamicsOptions) -> tuple[Stream, ...]:
    """Every stream; columns that the options name are typed as well."""
    return (_ORGANIZATION, *(_stream(kind, options) for kind in KINDS), *_OTHERS)


def named_columns(table: str, options: DynamicsOptions) -> tuple[Told, ...]:
    """Columns that the options name, as choices: a label where there is one."""
    if table == "opportunity":
        names = [options.stage_column, options.pipeline_column, options.kind_column]
    elif table in ("lead", "contact"):
        names = [*options.inbound_when, *options.qualified_columns]
        names += [name for wanted in options.excluded_when.values() for name in wanted]
    else:
        names = []
    if table in ("account", "lead", "contact"):
        names.append(options.region_column)
    return choices(*dict.fromkeys(name for name in names if name))


def _stream(kind: Kind, options: DynamicsOptions) -> Stream:
    told = {name: (name, type_, path) for name, type_, path in kind.columns}
    for column in named_columns(kind.table, options):
        told.setdefault(column[0], column)
    columns = [
        Column("id", "VARCHAR", f"/{kind.key}", "Identifier of the row."),
        Column("created_at", "TIMESTAMP", "/createdon", "When the row was made."),
        Column("modified_at", "TIMESTAMP", "/modifiedon", "When the row last changed."),
        *(Column(name, type_, f"/{path}", _described(path)) for name, type_, path in told.values()),
    ]
    if kind.enrich is not None:
        columns.append(Column("parties", PARTIES, "/parties", "Who took part, and as what."))
    needed = tuple(dict.fromkeys(path.partition("@")[0] for _, _, path in told.values()))
    return Stream(
        kind.name,
        kind.description,
        ("id",),
        tuple(columns),
        table_puller(TableKind(kind.table, kind.enrich), (kind.key, *needed)),
        updated="modified_at",
        pulse=kind.pulse,
        scopes=(kind.privilege,),
    )


def _described(path: str) -> str:
    name, _, annotation = path.partition("@")
    if annotation == FORMATTED:
        return f"Label of {name}."
    return f"Table that {name} points at." if annotation else f"Column {name}."
