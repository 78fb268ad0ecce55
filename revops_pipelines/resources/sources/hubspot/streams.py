"""What HubSpot holds: streams, their keys and typed columns.

Belongs here: one declaration per stream. Does not: how they are pulled (`pull.py`, `tables.py`) or
what they mean to us (`offers.py`).

All values of properties are text; datetimes are ISO 8601, dates are midnight UTC.
"""

from __future__ import annotations

from dataclasses import dataclass

from revops_pipelines.engine.declarations import Column, Stream
from revops_pipelines.resources.sources.hubspot import pull, tables
from revops_pipelines.resources.sources.hubspot.options import HubSpotOptions

_RECORD = (
    Column("id", "VARCHAR", "/id", "Identifier of the record."),
    Column("created_at", "TIMESTAMP", "/createdAt", "When the record was made."),
    Column("updated_at", "TIMESTAMP", "/updatedAt", "When a property last changed."),
    Column("archived_at", "TIMESTAMP", "/archivedAt", "When it was put into the recycling bin."),
    Column(
        "merged_ids",
        "VARCHAR",
        "/properties/hs_merged_object_ids",
        "Records merged into this one, separated by semicolons.",
    ),
    Column("object_source", "VARCHAR", "/properties/hs_object_source", "What made the record."),
    Column("owner_id", "VARCHAR", "/properties/hubspot_owner_id", "Owner of the record."),
)


@dataclass(frozen=True, slots=True)
class _Kind:
    """A type of CRM record: what of it is typed, kept with history and associated."""

    pulled: pull.ObjectKind
    description: str
    scopes: tuple[str, ...]
    columns: tuple[tuple[str, str, str], ...]
    pulse: bool = False


def _text(name: str, column: str | None = None) -> tuple[str, str, str]:
    return (column or name, "VARCHAR", name)


def _moment(name: str, column: str) -> tuple[str, str, str]:
    return (column, "TIMESTAMP", name)


_ENGAGED = ("contacts", "companies", "deals")

_KINDS = (
    _Kind(
        pull.ObjectKind(
            "contacts",
            modified="lastmodifieddate",
            history=("hubspot_owner_id", "lifecyclestage"),
        ),
        "People, with the history of owner and lifecycle stage.",
        ("crm.objects.contacts.read", "crm.schemas.contacts.read"),
        (
            _text("email"),
            _text("work_email"),
            _text("firstname"),
            _text("lastname"),
            _text("lifecyclestage"),
            _text("hs_lead_status", "lead_status"),
            _moment("createdate", "created_on_record_at"),
            _moment("hubspot_owner_assigneddate", "owner_assigned_at"),
            _text("associatedcompanyid", "company_id"),
            _moment("first_conversion_date", "first_conversion_at"),
            _text("hs_analytics_source", "analytics_source"),
            _text("hs_calculated_merged_vids", "merged_vids"),
            _text("hs_email_bad_address", "bad_address"),
            _text("hs_email_hard_bounce_reason_enum", "hard_bounce"),
            _text("country"),
            _text("hs_country_region_code", "country_code"),
            _text("industry"),
            _moment("hs_lifecyclestage_salesqualifiedlead_date", "sales_qualified_at"),
            _moment("hs_lifecyclestage_opportunity_date", "opportunity_at"),
            _moment("hs_lifecyclestage_customer_date", "customer_at"),
        ),
        pulse=True,
    ),
    _Kind(
        pull.ObjectKind("companies"),
        "Companies.",
        ("crm.objects.companies.read", "crm.schemas.companies.read"),
        (
            _text("name"),
            _text("domain"),
            _text("industry"),
            _text("numberofemployees", "employees"),
            _text("country"),
            _text("hs_country_region_code", "country_code"),
            _moment("createdate", "created_on_record_at"),
            _text("hs_parent_company_id", "parent_id"),
        ),
    ),
    _Kind(
        pull.ObjectKind(
            "deals",
            history=("dealstage", "amount", "closedate", "hubspot_owner_id", "pipeline"),
            associations=("contacts", "companies"),
        ),
        "Deals, with the history of stage, pipeline, amount, close date and owner.",
        ("crm.objects.deals.read", "crm.schemas.deals.read"),
        (
            _text("dealname", "name"),
            _text("dealstage", "stage_id"),
            _text("pipeline", "pipeline_id"),
            _text("amount"),
            _text("deal_currency_code", "currency"),
            _text("dealtype", "deal_type"),
            _moment("createdate", "created_on_record_at"),
            _moment("closedate", "close_at"),
            _text("closed_lost_reason", "lost_reason"),
            _text("hs_manual_forecast_category", "forecast_category"),
            _text("hs_analytics_source", "analytics_source"),
        ),
    ),
    _Kind(
        pull.ObjectKind("calls", associations=_ENGAGED),
        "Calls, made or received.",
        ("crm.objects.contacts.read",),
        (
            _moment("hs_timestamp", "occurred_at"),
            _text("hs_call_direction", "direction"),
            _text("hs_call_disposition", "disposition"),
            _text("hs_call_status", "status"),
        ),
        pulse=True,
    ),
    _Kind(
        pull.ObjectKind("emails", associations=_ENGAGED),
        "One-to-one mails that were sent or logged; marketing mails are not among them.",
        ("crm.objects.contacts.read", "sales-email-read"),
        (
            _moment("hs_timestamp", "occurred_at"),
            _text("hs_email_direction", "direction"),
            _text("hs_email_status", "status"),
            _text("hs_email_subject", "subject"),
            _text("hs_sequence_id", "sequence_id"),
            _text("hs_incoming_email_is_out_of_office", "out_of_office"),
            _text("hs_email_bounce_error_detail_status_code", "bounce_code"),
            _text("hs_email_bounce_error_detail_message", "bounce_message"),
        ),
        pulse=True,
    ),
    _Kind(
        pull.ObjectKind("meetings", associations=_ENGAGED),
        "Meetings, planned or held.",
        ("crm.objects.contacts.read",),
        (
            _moment("hs_timestamp", "occurred_at"),
            _moment("hs_meeting_start_time", "starts_at"),
            _text("hs_meeting_outcome", "outcome"),
            _text("hs_meeting_source", "booked_through"),
        ),
        pulse=True,
    ),
    _Kind(
        pull.ObjectKind("tasks", associations=_ENGAGED),
        "Things to do; no touch by themselves.",
        ("crm.objects.contacts.read",),
        (_moment("hs_timestamp", "occurred_at"), _text("hs_task_status", "status")),
    ),
    _Kind(
        pull.ObjectKind("notes", associations=_ENGAGED),
        "Notes on records; no touch by themselves.",
        ("crm.objects.contacts.read",),
        (_moment("hs_timestamp", "occurred_at"),),
    ),
    _Kind(
        pull.ObjectKind("communications", associations=_ENGAGED),
        "Messages: WhatsApp, LinkedIn, SMS.",
        ("crm.objects.contacts.read",),
        (
            _moment("hs_timestamp", "occurred_at"),
            _text("hs_communication_channel_type", "channel"),
            # Not among HubSpot's documented properties, but filled by several integrations.
            _text("hs_communication_direction", "direction"),
        ),
        pulse=True,
    ),
)

OBJECT_KINDS = tuple(kind.pulled.name for kind in _KINDS)

# First of all streams: what it shares, the others wait for.
_PIPELINES = Stream(
    "pipelines",
    "Pipelines of deals and their stages.",
    ("id",),
    (
        Column("id", "VARCHAR", "/id", "Identifier of the pipeline."),
        Column("label", "VARCHAR", "/label", "What people call it."),
        Column("display_order", "INTEGER", "/displayOrder", "Position among pipelines."),
        Column("stages", "JSON", "/stages", "Its stages."),
    ),
    tables.pull_pipelines,
    scopes=("crm.schemas.deals.read",),
)

_TABLES = (
    Stream(
        "owners",
        "Users to whom records can belong, also those who left.",
        ("id",),
        (
            Column("id", "VARCHAR", "/id", "Identifier used in hubspot_owner_id."),
            Column("user_id", "VARCHAR", "/userIdIncludingInactive", "Identifier of the user."),
            Column("email", "VARCHAR", "/email", "E-mail address."),
            Column("firstname", "VARCHAR", "/firstName", "First name."),
            Column("lastname", "VARCHAR", "/lastName", "Last name."),
            Column("archived", "BOOLEAN", "/archived", "True once the user was deactivated."),
            Column("created_at", "TIMESTAMP", "/createdAt", "When the owner was made."),
            Column("updated_at", "TIMESTAMP", "/updatedAt", "When the owner last changed."),
        ),
        tables.pull_owners,
        updated="updated_at",
        pulse=True,
        scopes=("crm.objects.owners.read",),
    ),
    Stream(
        "properties",
        "Fields of every type of record, HubSpot's and the account's own.",
        ("object_type", "name"),
        (
            Column("object_type", "VARCHAR", "/objectType", "Type of record it belongs to."),
            Column("name", "VARCHAR", "/name", "Name in the API."),
            Column("label", "VARCHAR", "/label", "What people call it."),
            Column("type", "VARCHAR", "/type", "Type of its values."),
            Column("hubspot_defined", "BOOLEAN", "/hubspotDefined", "False: the account's own."),
        ),
        tables.property_puller(OBJECT_KINDS),
        scopes=(
            "crm.schemas.contacts.read",
            "crm.schemas.companies.read",
            "crm.schemas.deals.read",
        ),
    ),
    Stream(
        "exchange_rates",
        "Rates of exchange into the account's currency.",
        ("id",),
        (
            Column("id", "VARCHAR", "/id", "Identifier of the rate."),
            Column("from_currency", "VARCHAR", "/fromCurrencyCode", "Currency converted from."),
            Column("to_currency", "VARCHAR", "/toCurrencyCode", "Currency converted to."),
            Column("rate", "VARCHAR", "/conversionRate", "Units of the one for one of the other."),
            Column("effective_at", "TIMESTAMP", "/effectiveAt", "From when it holds."),
            Column("updated_at", "TIMESTAMP", "/updatedAt", "When it last changed."),
        ),
        tables.pull_exchange_rates,
        updated="updated_at",
        scopes=("settings.currencies.read",),
    ),
    Stream(
        "account",
        "The account itself: for links to its records.",
        ("portal_id",),
        (
            Column("portal_id", "VARCHAR", "/portalId", "Identifier of the account."),
            Column("ui_domain", "VARCHAR", "/uiDomain", "Host of its user interface."),
            Column("currency", "VARCHAR", "/companyCurrency", "Currency of the company."),
            Column("time_zone", "VARCHAR", "/timeZone", "Time zone of the company."),
        ),
        tables.pull_account,
        pulse=True,
    ),
)


def streams(options: HubSpotOptions) -> tuple[Stream, ...]:
    """Every stream; the options do not change which there are."""
    del options
    return (_PIPELINES, *(_object_stream(kind) for kind in _KINDS), *_TABLES)


# Read once when a record is loaded, not each time that somebody asks.
_VERSIONS = 'STRUCT("value" VARCHAR, "timestamp" VARCHAR)[]'
_LINKS = "STRUCT(id VARCHAR, type VARCHAR)[]"


def _object_stream(kind: _Kind) -> Stream:
    typed = [
        Column(name, type_, f"/properties/{path}", f"Property {path}.")
        for name, type_, path in kind.columns
    ]
    typed += [
        Column(
            f"{name}_history",
            _VERSIONS,
            f"/propertiesWithHistory/{name}",
            f"Values of {name}, newest first.",
        )
        for name in kind.pulled.history
    ]
    typed += [
        Column(
            f"linked_{to}",
            _LINKS,
            f"/associations/{to}/results",
            f"Associated {to}, one entry for each label.",
        )
        for to in kind.pulled.associations
    ]
    needed = tuple(path for _, _, path in kind.columns)
    return Stream(
        kind.pulled.name,
        kind.description,
        ("id",),
        (*_RECORD, *typed),
        pull.object_puller(kind.pulled, needed),
        updated="updated_at",
        pulse=kind.pulse,
        scopes=kind.scopes,
    )
