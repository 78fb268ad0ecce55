"""Types of CRM records: what of each is typed, kept with history, associated, and its stream.

Belongs here: one `Kind` per type and the stream that it becomes. Does not: how it is pulled
(`pull.py`), tables that are no CRM records (`streams.py`), what they mean to us (`offers.py`).

All values of properties are text; datetimes are ISO 8601, dates are midnight UTC.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from revops_pipelines.engine.declarations import Column, Stream
from revops_pipelines.resources.sources.hubspot import pull

RECORD = (
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
class Kind:
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

KINDS = (
    Kind(
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
    Kind(
        pull.ObjectKind("companies"),
        "Companies.",
        ("crm.objects.companies.read", "crm.schemas.companies.read"),
        (
            _text("name"),
            _text("domain"),
            _text("industry"),
            _text("numberofemployees", "employees"),
            _text("country"),
            _text("hs_country_code", "country_code"),
            _moment("createdate", "created_on_record_at"),
            _text("hs_parent_company_id", "parent_id"),
            _text("hs_is_target_account", "target_account"),
        ),
    ),
    Kind(
        pull.ObjectKind(
            "deals",
            history=(
                "dealstage",
                "amount",
                "closedate",
                "hubspot_owner_id",
                "pipeline",
                "deal_currency_code",
                "hs_manual_forecast_category",
                "hs_deal_stage_probability",
            ),
            associations=("contacts", "companies"),
        ),
        "Deals, with the history of stage, pipeline, amount, close date, owner and forecast.",
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
            _text("hs_deal_stage_probability", "probability"),
            _text("hs_analytics_source", "analytics_source"),
        ),
    ),
    Kind(
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
    Kind(
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
    Kind(
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
    Kind(
        pull.ObjectKind("tasks", associations=_ENGAGED),
        "Things to do; no touch by themselves.",
        ("crm.objects.contacts.read",),
        (_moment("hs_timestamp", "occurred_at"), _text("hs_task_status", "status")),
    ),
    Kind(
        pull.ObjectKind("notes", associations=_ENGAGED),
        "Notes on records; no touch by themselves.",
        ("crm.objects.contacts.read",),
        (_moment("hs_timestamp", "occurred_at"),),
    ),
    Kind(
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
    Kind(
        pull.ObjectKind("line_items", associations=("deals",)),
        "What deals are made of: products, seats, prices.",
        ("crm.objects.line_items.read",),
        (
            _text("name"),
            _text("hs_product_id", "product_id"),
            _text("hs_sku", "sku"),
            _text("quantity"),
            _text("price"),
            _text("amount"),
            _text("hs_line_item_currency_code", "currency"),
            _text("recurringbillingfrequency", "billed_every"),
            _text("hs_recurring_billing_period", "term"),
            _moment("createdate", "created_on_record_at"),
        ),
    ),
    Kind(
        pull.ObjectKind("goal_targets", history=("hs_target_amount",)),
        "Targets of people and teams, one for each period of a goal.",
        ("crm.objects.goals.read",),
        (
            _text("hs_goal_name", "name"),
            _text("hs_goal_type", "goal_type"),
            _text("hs_target_amount", "amount"),
            _moment("hs_start_datetime", "starts_at"),
            _moment("hs_end_datetime", "ends_at"),
            _text("hs_assignee_user_id", "user_id"),
            _text("hs_assignee_team_id", "team_id"),
        ),
    ),
)

# Read where the options say so: not every account has them.
FORECASTS = Kind(
    # Its documented endpoints list and read; a search is a beta.
    pull.ObjectKind("forecasts", is_searched=False),
    "What people say that they will win, as they hand it in.",
    ("crm.objects.forecasts.read",),
    (
        _text("hs_amount", "amount"),
        _text("hs_milestone", "period"),
        _text("hs_year", "year"),
        _text("hs_fiscal_quarter", "quarter"),
        _text("hs_fiscal_month", "month"),
        _text("hs_forecast_start_date", "starts_ms"),
        _text("hs_forecast_end_date", "ends_ms"),
        _text("hs_team_id", "team_id"),
        _text("hs_deal_pipeline_id", "pipeline_id"),
    ),
)

# Read once when a record is loaded, not each time that somebody asks.
_VERSIONS = 'STRUCT("value" VARCHAR, "timestamp" VARCHAR)[]'
_LINKS = "STRUCT(id VARCHAR, type VARCHAR)[]"


def object_stream(
    kind: Kind, named_in: Callable[[Any], Sequence[str]] = lambda options: ()
) -> Stream:
    """The stream of a type; `named_in(options)` are properties that the settings name."""
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
        (*RECORD, *typed),
        pull.object_puller(kind.pulled, needed, named_in),
        updated="updated_at",
        pulse=kind.pulse,
        scopes=kind.scopes,
    )
