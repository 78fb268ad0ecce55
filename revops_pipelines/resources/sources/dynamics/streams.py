"""What Dynamics 365 holds: streams, their keys and typed columns.

Belongs here: one declaration per stream. Does not: how they are pulled (`pull.py`, `tables.py`) or
what they mean to us (`offers.py`).

Moments are whole seconds, UTC. A lookup is `_name_value`; its label and its table are annotations
beside it, and so are the labels of choices.
"""

from __future__ import annotations

from dataclasses import dataclass

from revops_pipelines.engine.declarations import Column, Stream
from revops_pipelines.resources.sources.dynamics import tables
from revops_pipelines.resources.sources.dynamics.client import FORMATTED, LOGICAL_NAME
from revops_pipelines.resources.sources.dynamics.options import DynamicsOptions
from revops_pipelines.resources.sources.dynamics.parties import with_parties
from revops_pipelines.resources.sources.dynamics.pull import Enrich, TableKind, table_puller

Told = tuple[str, str, str]


def _text(*keys: str) -> tuple[Told, ...]:
    return tuple((key, "VARCHAR", key) for key in keys)


def _typed(type_: str, *keys: str) -> tuple[Told, ...]:
    return tuple((key, type_, key) for key in keys)


def _moments(*keys: str) -> tuple[Told, ...]:
    """Columns `..._at` of columns that say when."""
    return tuple((f"{key}_at", "TIMESTAMP", key) for key in keys)


def _choices(*keys: str) -> tuple[Told, ...]:
    """A choice's number and its label."""
    return tuple(
        told
        for key in keys
        for told in ((key, "VARCHAR", key), (f"{key}_label", "VARCHAR", f"{key}@{FORMATTED}"))
    )


def _lookups(*names: str) -> tuple[Told, ...]:
    """A lookup's identifier."""
    return tuple((f"{name}_id", "VARCHAR", f"_{name}_value") for name in names)


def _of_table(*names: str) -> tuple[Told, ...]:
    """Which table a lookup points at."""
    return tuple((f"{name}_table", "VARCHAR", f"_{name}_value@{LOGICAL_NAME}") for name in names)


def _names(*names: str) -> tuple[Told, ...]:
    """The name of the row that a lookup points at."""
    return tuple((f"{name}_name", "VARCHAR", f"_{name}_value@{FORMATTED}") for name in names)


@dataclass(frozen=True, slots=True)
class _Kind:
    """A table that is a stream of the same columns: what of it is typed."""

    name: str
    table: str
    key: str
    description: str
    privilege: str
    columns: tuple[Told, ...]
    pulse: bool = False
    enrich: Enrich | None = None


_OWNER = (*_lookups("ownerid"), *_of_table("ownerid"))
_MAKER = _lookups("createdby")
_STATE = _choices("statecode", "statuscode")
_MERGED = (*_typed("BOOLEAN", "merged"), *_lookups("masterid"))
_MONEY = (*_lookups("transactioncurrencyid"), *_typed("DOUBLE", "exchangerate"))
_ABOUT = (*_lookups("regardingobjectid"), *_of_table("regardingobjectid"))
_PERSON = (
    *_text("firstname", "lastname", "fullname", "emailaddress1", "address1_country"),
    *_text("importsequencenumber"),
    *_choices("leadsourcecode"),
    *_STATE,
    *_OWNER,
    *_MERGED,
)
_ACTIVITY = (
    *_text("subject"),
    *_moments("actualend", "scheduledstart", "scheduledend"),
    *_typed("BOOLEAN", "isworkflowcreated"),
    *_STATE,
    *_OWNER,
    *_MAKER,
    *_ABOUT,
)
PARTIES = 'STRUCT(id VARCHAR, "table" VARCHAR, role INTEGER, address VARCHAR)[]'

_KINDS = (
    _Kind(
        "systemusers",
        "systemuser",
        "systemuserid",
        "Users, application users among them.",
        "prvReadUser",
        (
            *_text("fullname", "firstname", "lastname", "internalemailaddress", "applicationid"),
            *_typed("BOOLEAN", "isdisabled"),
            *_choices("accessmode"),
            *_lookups("businessunitid"),
            *_names("businessunitid"),
        ),
        pulse=True,
    ),
    _Kind(
        "teams",
        "team",
        "teamid",
        "Teams: those that own records, a business unit's own, those for access.",
        "prvReadTeam",
        (*_text("name"), *_typed("BOOLEAN", "isdefault"), *_choices("teamtype")),
    ),
    _Kind(
        "transactioncurrencies",
        "transactioncurrency",
        "transactioncurrencyid",
        "Currencies with the rate that holds now: units for one of the base currency.",
        "prvReadTransactionCurrency",
        (*_text("isocurrencycode", "currencyname", "exchangerate"),),
    ),
    _Kind(
        "accounts",
        "account",
        "accountid",
        "Companies.",
        "prvReadAccount",
        (
            *_text("name", "websiteurl", "address1_country"),
            *_typed("BIGINT", "numberofemployees"),
            *_choices("industrycode"),
            *_lookups("parentaccountid"),
            *_STATE,
            *_OWNER,
            *_MERGED,
        ),
    ),
    _Kind(
        "contacts",
        "contact",
        "contactid",
        "People who are known: qualified leads, and those who were never one.",
        "prvReadContact",
        (
            *_PERSON,
            *_lookups("parentcustomerid", "originatingleadid"),
            *_of_table("parentcustomerid"),
        ),
        pulse=True,
    ),
    _Kind(
        "leads",
        "lead",
        "leadid",
        "People who may buy; once qualified they go on as contacts.",
        "prvReadLead",
        (
            *_PERSON,
            *_lookups("parentaccountid", "parentcontactid", "qualifyingopportunityid"),
            *_lookups("campaignid"),
        ),
        pulse=True,
    ),
    _Kind(
        "opportunities",
        "opportunity",
        "opportunityid",
        "Deals as they stand now.",
        "prvReadOpportunity",
        (
            *_text("name", "stepname", "estimatedvalue", "actualvalue"),
            *_typed("DATE", "estimatedclosedate", "actualclosedate"),
            *_choices("msdyn_forecastcategory"),
            *_lookups("customerid", "parentaccountid", "parentcontactid", "originatingleadid"),
            *_of_table("customerid"),
            *_STATE,
            *_OWNER,
            *_MONEY,
        ),
    ),
    _Kind(
        "opportunitycloses",
        "opportunityclose",
        "activityid",
        "When and how deals were closed.",
        "prvReadActivity",
        (
            *_text("subject", "actualrevenue"),
            *_moments("actualend"),
            *_choices("opportunitystatecode"),
            *_lookups("opportunityid"),
        ),
    ),
    _Kind(
        "opportunityproducts",
        "opportunityproduct",
        "opportunityproductid",
        "Lines of deals.",
        "prvReadOpportunity",
        (
            *_text("productdescription", "quantity", "priceperunit", "extendedamount"),
            *_lookups("opportunityid", "productid"),
            *_MONEY,
        ),
    ),
    _Kind(
        "products",
        "product",
        "productid",
        "What is sold.",
        "prvReadProduct",
        (*_text("name", "productnumber"), *_STATE),
    ),
    _Kind(
        "connections",
        "connection",
        "connectionid",
        "What rows are to each other: stakeholders of deals among them.",
        "prvReadConnection",
        (
            *_lookups("record1id", "record2id"),
            *_of_table("record1id", "record2id"),
            *_names("record2roleid"),
            *_STATE,
        ),
    ),
    _Kind(
        "phonecalls",
        "phonecall",
        "activityid",
        "Calls, made or received.",
        "prvReadActivity",
        (*_ACTIVITY, *_typed("BOOLEAN", "directioncode", "leftvoicemail")),
        pulse=True,
        enrich=with_parties,
    ),
    _Kind(
        "emails",
        "email",
        "activityid",
        "E-mails that were sent from or tracked in Dynamics.",
        "prvReadActivity",
        (*_ACTIVITY, *_typed("BOOLEAN", "directioncode"), *_moments("senton")),
        pulse=True,
        enrich=with_parties,
    ),
    _Kind(
        "appointments",
        "appointment",
        "activityid",
        "Appointments, planned or held.",
        "prvReadActivity",
        _ACTIVITY,
        pulse=True,
        enrich=with_parties,
    ),
    _Kind(
        "tasks",
        "task",
        "activityid",
        "Things to do; no touch by themselves.",
        "prvReadActivity",
        _ACTIVITY,
        enrich=with_parties,
    ),
    _Kind(
        "socialactivities",
        "socialactivity",
        "activityid",
        "Messages on other channels.",
        "prvReadActivity",
        (
            *_ACTIVITY,
            *_typed("BOOLEAN", "directioncode"),
            *_moments("postedon"),
            *_choices("community"),
        ),
        pulse=True,
        enrich=with_parties,
    ),
    _Kind(
        "annotations",
        "annotation",
        "annotationid",
        "Notes on records; no touch by themselves.",
        "prvReadNote",
        (*_OWNER, *_lookups("objectid"), *_of_table("objectid")),
    ),
    _Kind(
        "campaigns",
        "campaign",
        "campaignid",
        "Marketing campaigns.",
        "prvReadCampaign",
        (
            *_text("name", "codename", "budgetedcost", "totalactualcost"),
            *_choices("typecode"),
            *_moments("proposedstart", "proposedend", "actualstart", "actualend"),
            *_STATE,
            *_MONEY,
        ),
    ),
    _Kind(
        "campaignresponses",
        "campaignresponse",
        "activityid",
        "Answers to campaigns.",
        "prvReadActivity",
        (
            *_text("subject", "emailaddress"),
            *_choices("responsecode", "channeltypecode"),
            *_moments("receivedon"),
            *_ABOUT,
            *_STATE,
        ),
    ),
    _Kind(
        "goals",
        "goal",
        "goalid",
        "Targets of people and teams.",
        "prvReadGoal",
        (
            *_text("title", "targetmoney"),
            *_moments("goalstartdate", "goalenddate"),
            *_lookups("goalownerid", "metricid"),
            *_of_table("goalownerid"),
            *_names("goalownerid", "metricid"),
            *_STATE,
            *_MONEY,
        ),
    ),
)
TABLES = {kind.name: kind.table for kind in _KINDS}
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
    return (_ORGANIZATION, *(_stream(kind, options) for kind in _KINDS), *_OTHERS)


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
    return _choices(*dict.fromkeys(name for name in names if name))


def _stream(kind: _Kind, options: DynamicsOptions) -> Stream:
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
