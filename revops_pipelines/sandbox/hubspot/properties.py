"""Which HubSpot property says what, and the definitions that `/crm/properties` answers.

Belongs here: property names, types and what the simulated company uses each for. Does not: their
values (`contacts.py`, `companies.py`, `deals.py`, `engagements.py`).

All names and values are HubSpot's own, but for three custom properties: `region_code` (contacts),
`customer_tier` (companies), `contract_term_months` (deals). What decides what:

How a contact came and whether a hand was raised
    `hs_object_source`: FORM (web form), MEETINGS (booked through a scheduling page), CONVERSATIONS
    (live chat), IMPORT (lists; one of the past, before the CRM, and event lists), CRM_UI (typed in
    by one of us). `first_conversion_date` and `recent_conversion_date` are set by forms and
    scheduling pages, for records of any source; a chat sets none: there the hand was raised at
    `createdate`, whatever form was filled in later. Records from IMPORT or CRM_UI without a
    conversion never raised a hand. `hs_analytics_source` is the channel.
Contacts that do not count
    internal: the address has the domain of our own owners; test: the mailbox begins with `test`;
    spam: `hs_lead_status` is SPAM; invalid_email: `hs_email_bad_address` is true (since a minute
    after it came); imported: `hs_object_source` IMPORT and no conversion.
Owner
    `hubspot_owner_id` with history, `hubspot_owner_assigneddate`, `hubspot_team_id`. Owners' teams
    are in `/crm/owners`; an owner who left is archived there while records still name it.
Merges
    The surviving contact has `hs_merged_object_ids` (`1;2`) and `hs_calculated_merged_vids`
    (`1:epoch ms;2:epoch ms`); its `createdate` and first conversion are the earliest of all. The
    others are gone from every list; reading one by id answers with the survivor.
Duplicates nobody noticed
    A second contact with the same mailbox plus-tagged (`ada+crm@`), or without `email` but with
    the address in other case in `work_email` (written by an integration: HubSpot itself lowers
    `email`).
Who did an activity
    e-mail `hs_email_direction`: EMAIL (from us), INCOMING_EMAIL (from them). Ours is a machine's if
    `hs_sequence_id` is set or `hs_object_source` is SEQUENCES (a sequence) or AUTOMATION_PLATFORM
    (a workflow), or if its subject begins with `Automatic reply:` (the owner's absence notice, sent
    by the mail server, so its source is EMAIL_INTEGRATION like any mail's). Theirs is a machine's
    by the same subject. `hs_email_status`: SENT, BOUNCED.
    call `hs_call_direction` OUTBOUND or INBOUND; `hs_call_disposition` is one of HubSpot's ids.
    meeting `hs_object_source` MEETINGS with `hs_meeting_source` MEETINGS_PUBLIC: the prospect took
    a slot (inbound); CRM_UI: one of us arranged it. `hs_meeting_outcome` is SCHEDULED, later
    COMPLETED, NO_SHOW, CANCELED or RESCHEDULED. `hs_timestamp` is its start and may lie ahead.
    communication `hs_communication_channel_type`: SMS, WHATS_APP, LINKEDIN_MESSAGE; all ours.
    task `hs_timestamp` is when it is due; notes and tasks reach nobody.
Deals
    `dealtype`: newbusiness, existingbusiness (expansion), renewal (an added option). `dealstage`
    and `pipeline` with history; a moved deal changes both in one moment. Closed and won follow from
    the stage (`/crm/pipelines`: `metadata.isClosed`, `probability`), and `hs_is_closed`,
    `hs_is_closed_won` repeat it. `closedate` is set when it closes and is sometimes set back
    afterwards; the history of `dealstage` says when it truly closed. `amount` is in
    `deal_currency_code`; `amount_in_home_currency` converts at the rate of the day it was set.
    Line items and goals are told of in `line_items.py` and `goals.py`.
Target accounts
    `hs_is_target_account` (companies) is true for those on marketing's list, and empty for others.
"""

from __future__ import annotations

from typing import Any

from revops_pipelines.sandbox.hubspot.property_lists import PROPERTIES

# Types of record: name: (type id, singular as association types spell it).
OBJECT_TYPES: dict[str, tuple[str, str]] = {
    "contacts": ("0-1", "contact"),
    "companies": ("0-2", "company"),
    "deals": ("0-3", "deal"),
    "calls": ("0-48", "call"),
    "emails": ("0-49", "email"),
    "meetings": ("0-47", "meeting"),
    "tasks": ("0-27", "task"),
    "notes": ("0-46", "note"),
    "communications": ("0-18", "communication"),
    "line_items": ("0-8", "line_item"),
    "goal_targets": ("0-74", "goal_target"),
    # HubSpot publishes no number for forecasts.
    "forecasts": ("forecasts", "forecast"),
}
# What a list answers when no property is asked for.
DEFAULTS: dict[str, tuple[str, ...]] = {
    "contacts": (
        "createdate",
        "email",
        "firstname",
        "hs_object_id",
        "lastmodifieddate",
        "lastname",
    ),
    "companies": ("createdate", "domain", "hs_lastmodifieddate", "hs_object_id", "name"),
    "deals": (
        "amount",
        "closedate",
        "createdate",
        "dealname",
        "dealstage",
        "hs_lastmodifieddate",
        "hs_object_id",
        "pipeline",
    ),
    "line_items": ("createdate", "hs_lastmodifieddate", "hs_object_id", "hs_product_id"),
}
ENGAGEMENT_DEFAULTS = ("hs_createdate", "hs_lastmodifieddate", "hs_object_id")
# Answered whether asked for or not.
ALWAYS = {
    "contacts": ("createdate", "hs_object_id", "lastmodifieddate"),
    "companies": ("createdate", "hs_lastmodifieddate", "hs_object_id"),
    "deals": ("createdate", "hs_lastmodifieddate", "hs_object_id"),
    "line_items": ("createdate", "hs_lastmodifieddate", "hs_object_id"),
}
CALL_DISPOSITIONS = {
    "busy": "9d9162e7-6cf3-4944-bf63-4dff82258764",
    "connected": "f240bbac-87c9-4f6e-bf70-924b57d47db7",
    "voicemail": "b2cf5968-551e-4856-9783-52b3da59a7d0",
    "no_answer": "73a0d17f-1163-4015-bdd5-ec830791da20",
    "wrong_number": "17b47fee-58de-441e-a44c-c6300d46f273",
}


def object_type(named: str) -> str | None:
    """The type's plural name, from its plural, singular or type id; None if there is no such type.

    >>> object_type("0-3"), object_type("deal"), object_type("deals"), object_type("tickets")
    ('deals', 'deals', 'deals', None)
    """
    lowered = named.lower()
    for plural, (type_id, singular) in OBJECT_TYPES.items():
        if lowered in (plural, singular, type_id):
            return plural
    return None


def names_of(kind: str) -> frozenset[str]:
    """All property names that a type of record has."""
    return frozenset(name for name, *_ in PROPERTIES[kind])


def default_names(kind: str) -> tuple[str, ...]:
    """What is answered when nothing is asked for."""
    return DEFAULTS.get(kind, ENGAGEMENT_DEFAULTS)


def always_names(kind: str) -> tuple[str, ...]:
    """What is answered in any case."""
    return ALWAYS.get(kind, ENGAGEMENT_DEFAULTS)


def definitions(kind: str) -> list[dict[str, Any]]:
    """The type's properties as `/crm/properties` words them."""
    return [_definition(kind, name, type_, values) for name, type_, values in PROPERTIES[kind]]


_CUSTOM = ("region_code", "customer_tier", "contract_term_months")
_FIELD_TYPES = {
    "datetime": "date",
    "date": "date",
    "number": "number",
    "enumeration": "select",
    "bool": "booleancheckbox",
    "string": "text",
}


def _definition(kind: str, name: str, type_: str, values: tuple[str, ...]) -> dict[str, Any]:
    custom = name in _CUSTOM
    return {
        "updatedAt": "2024-05-02T08:00:00.000Z",
        "createdAt": "2024-05-02T08:00:00.000Z",
        "name": name,
        "label": name.removeprefix("hs_").replace("_", " ").capitalize(),
        "type": type_,
        "fieldType": _FIELD_TYPES[type_],
        "description": "",
        "groupName": f"{OBJECT_TYPES[kind][1]}information",
        "options": [
            {
                "label": value.replace("_", " ").capitalize(),
                "value": value,
                "displayOrder": order,
                "hidden": False,
            }
            for order, value in enumerate(values)
        ],
        "displayOrder": -1,
        "calculated": False,
        "externalOptions": False,
        "hasUniqueValue": name == "hs_object_id",
        "hidden": False,
        "hubspotDefined": not custom,
        "modificationMetadata": {
            "archivable": custom,
            "readOnlyDefinition": not custom,
            "readOnlyValue": not custom and name.startswith("hs_"),
        },
        "formField": False,
        "dataSensitivity": "non_sensitive",
    }
