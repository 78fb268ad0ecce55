"""What HubSpot's marketing hub holds: streams, their keys and typed columns.

Belongs here: one declaration per stream. Does not: how they are pulled (`campaigns.py`, `pull.py`,
`members.py`) or what they mean to us (`offers.py`).
"""

from __future__ import annotations

from revops_pipelines.engine.declarations import Column, Stream
from revops_pipelines.resources.sources.hubspot.kinds import Kind, object_stream
from revops_pipelines.resources.sources.hubspot.pull import ObjectKind
from revops_pipelines.resources.sources.hubspot.streams import ACCOUNT, properties_of
from revops_pipelines.resources.sources.hubspot_marketing import campaigns, members, pull
from revops_pipelines.resources.sources.hubspot_marketing.options import HubSpotMarketingOptions


def _property(name: str, column: str, type_: str = "VARCHAR") -> Column:
    return Column(column, type_, f"/properties/{name}", f"Property {name}.")


_CAMPAIGNS = (
    Stream(
        "campaigns",
        "Campaigns, with the sums of their budget and spend.",
        ("id",),
        (
            Column("id", "VARCHAR", "/id", "Identifier of the campaign."),
            _property("hs_name", "name"),
            _property("hs_start_date", "starts_on", "DATE"),
            _property("hs_end_date", "ends_on", "DATE"),
            _property("hs_campaign_status", "status"),
            _property("hs_utm", "utm"),
            _property("hs_currency_code", "currency"),
            _property("hs_budget_items_sum_amount", "budget"),
            Column("created_at", "TIMESTAMP", "/createdAt", "When it was made."),
            Column("updated_at", "TIMESTAMP", "/updatedAt", "When it last changed."),
        ),
        campaigns.pull_campaigns,
        scopes=("marketing.campaigns.read",),
    ),
    Stream(
        "campaign_money",
        "Budget and spend of each campaign, item by item.",
        ("campaign_id",),
        (
            Column("campaign_id", "VARCHAR", "/campaignId", "Campaign that it is of."),
            Column("currency", "VARCHAR", "/currencyCode", "Currency of all amounts."),
            Column("spend_items", "JSON", "/spendItems", "What was spent."),
            Column("budget_items", "JSON", "/budgetItems", "What was planned."),
        ),
        campaigns.pull_money,
        scopes=("marketing.campaigns.read",),
    ),
    Stream(
        "campaign_assets",
        "Forms, mails and lists that belong to campaigns.",
        ("campaign_id", "asset_type", "asset_id"),
        (
            Column("campaign_id", "VARCHAR", "/campaignId", "Campaign that it belongs to."),
            Column("asset_type", "VARCHAR", "/assetType", "FORM, MARKETING_EMAIL, OBJECT_LIST."),
            Column("asset_id", "VARCHAR", "/assetId", "Identifier of the form, mail or list."),
            Column("name", "VARCHAR", "/name", "What people call it."),
        ),
        campaigns.pull_assets,
        scopes=("marketing.campaigns.read",),
    ),
)

_EMAILS = Stream(
    "emails",
    "Marketing e-mails with their statistics.",
    ("id",),
    (
        Column("id", "VARCHAR", "/id", "Identifier of the e-mail."),
        Column("name", "VARCHAR", "/name", "What people call it."),
        Column("campaign_id", "VARCHAR", "/campaign", "Campaign that it belongs to."),
        Column("kind", "VARCHAR", "/type", "Type of e-mail."),
        Column("published_at", "TIMESTAMP", "/publishedAt", "When it was sent or set to send."),
        Column("email_campaign_ids", "VARCHAR[]", "/allEmailCampaignIds", "Numbers of its events."),
        Column("counters", "JSON", "/stats/counters", "How many were sent, opened, clicked."),
    ),
    pull.pull_emails,
    scopes=("content",),
)

_FORMS = (
    Stream(
        "forms",
        "Forms, also archived ones.",
        ("id",),
        (
            Column("id", "VARCHAR", "/id", "Identifier of the form."),
            Column("name", "VARCHAR", "/name", "What people call it."),
            Column("kind", "VARCHAR", "/formType", "Type of form."),
            Column("archived", "BOOLEAN", "/archived", "It is in the bin."),
        ),
        pull.pull_forms,
        scopes=("forms",),
    ),
    Stream(
        "form_submissions",
        "What was sent in by forms; never changes.",
        ("form_id", "submission_id"),
        (
            Column("form_id", "VARCHAR", "/formId", "Form that it was sent in by."),
            Column("submission_id", "VARCHAR", "/submissionId", "Identifier of the submission."),
            Column("submitted_ms", "BIGINT", "/submittedAt", "When, milliseconds since 1970."),
            Column("page_url", "VARCHAR", "/pageUrl", "Page that the form was on."),
            Column("values", 'STRUCT("name" VARCHAR, "value" VARCHAR)[]', "/values", "The fields."),
        ),
        pull.pull_submissions,
        scopes=("forms",),
    ),
)

_EVENTS = Stream(
    "email_events",
    "What marketing e-mails and their readers did; never changes.",
    ("id",),
    (
        Column("id", "VARCHAR", "/id", "Identifier of the event."),
        Column("type", "VARCHAR", "/type", "SENT, BOUNCE, OPEN, CLICK, STATUSCHANGE and others."),
        Column("created_ms", "BIGINT", "/created", "When, milliseconds since 1970."),
        Column("recipient", "VARCHAR", "/recipient", "Address that the mail went to."),
        Column("email_campaign_id", "VARCHAR", "/emailCampaignId", "Number of the mail."),
        Column("filtered", "BOOLEAN", "/filteredEvent", "HubSpot takes it for a machine's."),
        Column("sent_id", "VARCHAR", "/sentBy/id", "Event by which the mail was sent."),
        Column("status", "VARCHAR", "/portalSubscriptionStatus", "UNSUBSCRIBED from everything."),
        Column("subscriptions", "JSON", "/subscriptions", "What was unsubscribed from."),
    ),
    pull.pull_events,
    scopes=("content",),
)

_LISTS = (
    Stream(
        "lists",
        "Lists, with how many are on each.",
        ("list_id",),
        (
            Column("list_id", "VARCHAR", "/listId", "Identifier of the list."),
            Column("name", "VARCHAR", "/name", "What people call it."),
            Column("object_type", "VARCHAR", "/objectTypeId", "Type of record: 0-1 contacts."),
            Column("processing", "VARCHAR", "/processingType", "MANUAL, SNAPSHOT or DYNAMIC."),
            Column("size", "VARCHAR", "/additionalProperties/hs_list_size", "Members."),
        ),
        pull.pull_lists,
        scopes=("crm.lists.read",),
    ),
    Stream(
        "list_members",
        "Who is on which list of a campaign, and since when.",
        ("list_id", "contact_id"),
        (
            Column("list_id", "VARCHAR", "/listId", "The list."),
            Column("contact_id", "VARCHAR", "/recordId", "The contact."),
            Column("since", "TIMESTAMP", "/membershipTimestamp", "When it came on the list."),
        ),
        members.pull_members,
        updated="since",
        scopes=("crm.lists.read", "marketing.campaigns.read"),
    ),
)


def _of_contacts(name: str, column: str, type_: str = "VARCHAR") -> tuple[str, str, str]:
    return (column, type_, name)


_CONTACTS = Kind(
    ObjectKind("contacts", modified="lastmodifieddate"),
    "People, as marketing knows them.",
    ("crm.objects.contacts.read", "crm.schemas.contacts.read"),
    (
        _of_contacts("email", "email"),
        _of_contacts("work_email", "work_email"),
        _of_contacts("hs_additional_emails", "other_emails"),
        _of_contacts("firstname", "firstname"),
        _of_contacts("lastname", "lastname"),
        _of_contacts("country", "country"),
        _of_contacts("hs_country_region_code", "country_code"),
        _of_contacts("industry", "industry"),
        _of_contacts("lifecyclestage", "lifecyclestage"),
        _of_contacts("hs_analytics_source", "analytics_source"),
        _of_contacts("hs_calculated_merged_vids", "merged_vids"),
        _of_contacts("hs_email_bad_address", "bad_address"),
        _of_contacts("hs_email_hard_bounce_reason_enum", "hard_bounce"),
        _of_contacts("createdate", "created_on_record_at", "TIMESTAMP"),
        _of_contacts("first_conversion_date", "first_conversion_at", "TIMESTAMP"),
        _of_contacts("first_conversion_event_name", "first_conversion"),
        _of_contacts("recent_conversion_date", "recent_conversion_at", "TIMESTAMP"),
        _of_contacts("recent_conversion_event_name", "recent_conversion"),
    ),
    pulse=True,
)


def streams(options: HubSpotMarketingOptions) -> tuple[Stream, ...]:
    """Every stream; e-mail events unless the options leave them out."""
    events = (_EVENTS,) if options.with_email_events else ()
    contacts = object_stream(_CONTACTS)
    rest = (contacts, properties_of(("contacts",)), ACCOUNT)
    # What shares comes before what reads it.
    return (*_CAMPAIGNS, _EMAILS, *_FORMS, *events, *_LISTS, *rest)
