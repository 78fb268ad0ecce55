"""The properties that each type of record has: name, type and, for enumerations, the values.

Belongs here: the lists and nothing else; what they mean is told in `properties.py`.
"""

from __future__ import annotations

Property = tuple[str, str, tuple[str, ...]]

RECORD_SOURCES = (
    "AUTOMATION_PLATFORM",
    "CONVERSATIONS",
    "CRM_SETTING",
    "CRM_UI",
    "EMAIL_INTEGRATION",
    "FORM",
    "IMPORT",
    "INTEGRATION",
    "MEETINGS",
    "SEQUENCES",
)
ANALYTICS_SOURCES = (
    "ORGANIC_SEARCH",
    "PAID_SEARCH",
    "EMAIL_MARKETING",
    "SOCIAL_MEDIA",
    "REFERRALS",
    "DIRECT_TRAFFIC",
    "OFFLINE",
    "PAID_SOCIAL",
)
LIFECYCLE_STAGES = (
    "subscriber",
    "lead",
    "marketingqualifiedlead",
    "salesqualifiedlead",
    "opportunity",
    "customer",
)
LEAD_STATUSES = ("NEW", "OPEN", "IN_PROGRESS", "OPEN_DEAL", "CONNECTED", "UNQUALIFIED", "SPAM")


def _of(type_: str, names: str) -> tuple[Property, ...]:
    return tuple((name, type_, ()) for name in names.split())


_RECORD: tuple[Property, ...] = (
    ("hs_object_source", "enumeration", RECORD_SOURCES),
    ("hs_object_source_label", "enumeration", RECORD_SOURCES),
    *_of("string", "hs_merged_object_ids hs_object_source_id"),
    *_of("number", "hs_object_id"),
    *_of("datetime", "hubspot_owner_assigneddate"),
    ("hubspot_owner_id", "enumeration", ()),
    ("hubspot_team_id", "enumeration", ()),
)

CONTACTS: tuple[Property, ...] = (
    *_RECORD,
    *_of(
        "string",
        "email firstname lastname work_email jobtitle company country hs_country_region_code "
        "hs_calculated_merged_vids first_conversion_event_name recent_conversion_event_name "
        "hs_additional_emails hs_email_domain hs_timezone",
    ),
    *_of(
        "datetime",
        "createdate lastmodifieddate first_conversion_date recent_conversion_date "
        "hs_lifecyclestage_lead_date hs_lifecyclestage_marketingqualifiedlead_date "
        "hs_lifecyclestage_salesqualifiedlead_date hs_lifecyclestage_opportunity_date "
        "hs_lifecyclestage_customer_date",
    ),
    *_of("number", "num_conversion_events associatedcompanyid"),
    ("hs_analytics_source", "enumeration", ANALYTICS_SOURCES),
    ("lifecyclestage", "enumeration", LIFECYCLE_STAGES),
    ("hs_lead_status", "enumeration", LEAD_STATUSES),
    ("hs_email_bad_address", "bool", ("true", "false")),
    ("region_code", "string", ()),
)

COMPANIES: tuple[Property, ...] = (
    *_RECORD,
    *_of("string", "name domain country hs_country_code timezone website"),
    *_of("datetime", "createdate hs_lastmodifieddate"),
    *_of("number", "numberofemployees"),
    ("industry", "enumeration", ()),
    ("lifecyclestage", "enumeration", LIFECYCLE_STAGES),
    ("hs_analytics_source", "enumeration", ANALYTICS_SOURCES),
    ("customer_tier", "enumeration", ("gold", "silver", "bronze")),
    ("hs_is_target_account", "bool", ("true", "false")),
)

DEALS: tuple[Property, ...] = (
    *_RECORD,
    *_of("string", "dealname closed_lost_reason closed_won_reason"),
    *_of("datetime", "createdate hs_lastmodifieddate closedate hs_closed_won_date"),
    *_of(
        "number",
        "amount amount_in_home_currency hs_deal_stage_probability num_associated_contacts "
        "hs_primary_associated_company contract_term_months",
    ),
    ("pipeline", "enumeration", ()),
    ("dealstage", "enumeration", ()),
    ("dealtype", "enumeration", ("newbusiness", "existingbusiness", "renewal")),
    ("deal_currency_code", "enumeration", ("USD", "EUR", "GBP", "JPY")),
    ("hs_analytics_source", "enumeration", ANALYTICS_SOURCES),
    ("hs_manual_forecast_category", "enumeration", ("OMIT", "PIPELINE", "BEST_CASE", "COMMIT")),
    ("hs_is_closed", "bool", ("true", "false")),
    ("hs_is_closed_won", "bool", ("true", "false")),
)

_ENGAGEMENT: tuple[Property, ...] = (
    *_RECORD,
    *_of("datetime", "hs_timestamp hs_createdate hs_lastmodifieddate"),
    ("hs_engagement_source", "enumeration", RECORD_SOURCES),
    *_of("string", "hs_body_preview"),
)

LINE_ITEMS: tuple[Property, ...] = (
    *_RECORD,
    *_of("string", "name hs_sku hs_product_id hs_recurring_billing_period"),
    *_of("datetime", "createdate hs_lastmodifieddate"),
    *_of("number", "quantity price amount"),
    ("hs_line_item_currency_code", "enumeration", ("USD", "EUR", "GBP", "JPY")),
    ("recurringbillingfrequency", "enumeration", ("monthly", "quarterly", "annually")),
)

GOAL_TARGETS: tuple[Property, ...] = (
    *_RECORD,
    *_of("string", "hs_goal_name"),
    *_of("datetime", "hs_createdate hs_lastmodifieddate hs_start_datetime hs_end_datetime"),
    *_of("number", "hs_target_amount hs_created_by_user_id"),
    ("hs_goal_type", "enumeration", ("sales_quota", "calls_made")),
    ("hs_milestone", "enumeration", ("monthly", "quarterly", "yearly")),
    ("hs_assignee_user_id", "enumeration", ()),
    ("hs_assignee_team_id", "enumeration", ()),
)

FORECASTS: tuple[Property, ...] = (
    *_RECORD,
    *_of("datetime", "hs_createdate hs_lastmodifieddate"),
    *_of("string", "hs_year hs_fiscal_month hs_forecast_start_date hs_forecast_end_date"),
    *_of("number", "hs_amount hs_created_by_user_id"),
    ("hs_milestone", "enumeration", ("monthly", "quarterly")),
    ("hs_team_id", "enumeration", ()),
    ("hs_deal_pipeline_id", "enumeration", ()),
)

PROPERTIES: dict[str, tuple[Property, ...]] = {
    "contacts": CONTACTS,
    "companies": COMPANIES,
    "deals": DEALS,
    "line_items": LINE_ITEMS,
    "goal_targets": GOAL_TARGETS,
    "forecasts": FORECASTS,
    "calls": (
        *_ENGAGEMENT,
        *_of("string", "hs_call_title hs_call_body hs_call_to_number hs_call_from_number"),
        *_of("number", "hs_call_duration"),
        ("hs_call_direction", "enumeration", ("INBOUND", "OUTBOUND")),
        ("hs_call_disposition", "enumeration", ()),
        ("hs_call_status", "enumeration", ("COMPLETED", "NO_ANSWER", "BUSY")),
    ),
    "emails": (
        *_ENGAGEMENT,
        *_of(
            "string",
            "hs_email_subject hs_email_text hs_email_from_email hs_email_to_email "
            "hs_email_sender_email hs_email_headers hs_email_message_id",
        ),
        *_of("number", "hs_sequence_id"),
        ("hs_email_direction", "enumeration", ("EMAIL", "INCOMING_EMAIL", "FORWARDED_EMAIL")),
        ("hs_email_status", "enumeration", ("SENT", "BOUNCED", "FAILED", "SCHEDULED", "SENDING")),
    ),
    "meetings": (
        *_ENGAGEMENT,
        *_of("string", "hs_meeting_title hs_meeting_body hs_meeting_location"),
        *_of("datetime", "hs_meeting_start_time hs_meeting_end_time"),
        ("hs_meeting_source", "enumeration", ("CRM_UI", "MEETINGS_PUBLIC")),
        (
            "hs_meeting_outcome",
            "enumeration",
            ("SCHEDULED", "COMPLETED", "RESCHEDULED", "NO_SHOW", "CANCELED"),
        ),
    ),
    "tasks": (
        *_ENGAGEMENT,
        *_of("string", "hs_task_subject hs_task_body"),
        *_of("datetime", "hs_task_completion_date"),
        ("hs_task_status", "enumeration", ("NOT_STARTED", "COMPLETED")),
        ("hs_task_type", "enumeration", ("CALL", "EMAIL", "TODO")),
        ("hs_task_priority", "enumeration", ("LOW", "MEDIUM", "HIGH")),
    ),
    "notes": (*_ENGAGEMENT, *_of("string", "hs_note_body")),
    "communications": (
        *_ENGAGEMENT,
        *_of("string", "hs_communication_body"),
        (
            "hs_communication_channel_type",
            "enumeration",
            ("LINKEDIN_MESSAGE", "SMS", "WHATS_APP"),
        ),
        ("hs_communication_logged_from", "enumeration", ("CRM",)),
    ),
}
