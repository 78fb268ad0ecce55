"""What Marketo holds: streams, their keys and typed columns.

Belongs here: one declaration per stream. Does not: how they are pulled (`pull.py`, `tables.py`) or
what they mean to us (`offers.py`).
"""

from __future__ import annotations

from revops_pipelines.engine.declarations import Column, Stream
from revops_pipelines.resources.sources.marketo import members, opportunities, pull, tables
from revops_pipelines.resources.sources.marketo.options import MarketoOptions

_STREAMS = (
    Stream(
        "activity_types",
        "Types of activity; each subscription has its own beside the standard ones.",
        ("id",),
        (
            Column("id", "VARCHAR", "/id", "Number of the type."),
            Column("name", "VARCHAR", "/name", "What people call it."),
        ),
        tables.pull_activity_types,
        scopes=("Read-Only Activity",),
    ),
    Stream(
        "programs",
        "Marketing programs with what they cost, month by month.",
        ("id",),
        (
            Column("id", "VARCHAR", "/id", "Identifier of the program."),
            Column("name", "VARCHAR", "/name", "Name; its assets begin with it."),
            Column("kind", "VARCHAR", "/type", "Type of program."),
            Column("channel", "VARCHAR", "/channel", "Channel."),
            Column("status", "VARCHAR", "/status", "Status."),
            # These end in "Z+0000" and are read as text.
            Column("created", "VARCHAR", "/createdAt", "When it was made."),
            Column("updated", "VARCHAR", "/updatedAt", "When it last changed."),
            Column("starts", "VARCHAR", "/startDate", "First day of an event."),
            Column("ends", "VARCHAR", "/endDate", "Last day of an event."),
            Column("costs", "JSON", "/costs", "Period costs."),
        ),
        tables.pull_programs,
        scopes=("Read-Only Assets",),
    ),
    Stream(
        "activities",
        "What happened to leads, as the activity log keeps it; entries never change.",
        ("marketo_guid",),
        (
            Column("marketo_guid", "VARCHAR", "/marketoGUID", "Identifier of the entry."),
            Column("lead_id", "VARCHAR", "/leadId", "Lead that it happened to."),
            Column("occurred_at", "TIMESTAMP", "/activityDate", "When it happened."),
            Column("type_id", "INTEGER", "/activityTypeId", "Number of its type."),
            Column("campaign_id", "VARCHAR", "/campaignId", "Smart campaign that did it."),
            Column("asset_id", "VARCHAR", "/primaryAttributeValueId", "Asset that it is about."),
            Column("asset", "VARCHAR", "/primaryAttributeValue", "Name of that asset."),
            Column("bot", "VARCHAR", "/attributes/Bot Activity", "Marketo takes it for a bot's."),
            Column("run_id", "VARCHAR", "/attributes/Campaign Run ID", "Run of the campaign."),
            Column("merged_ids", "VARCHAR", "/attributes/Merge IDs", "Leads merged away."),
        ),
        pull.pull_activities,
        updated="occurred_at",
        pulse=True,
        scopes=("Read-Only Activity",),
    ),
    Stream(
        "leads",
        "People, with all fields that the subscription has.",
        ("id",),
        (
            Column("id", "VARCHAR", "/id", "Identifier of the lead."),
            Column("email", "VARCHAR", "/email", "E-mail address."),
            Column("first_name", "VARCHAR", "/firstName", "First name."),
            Column("last_name", "VARCHAR", "/lastName", "Last name."),
            Column("country", "VARCHAR", "/country", "Country, as it was typed."),
            Column("industry", "VARCHAR", "/industry", "Industry."),
            Column("lead_source", "VARCHAR", "/leadSource", "Where the person came from."),
            Column("lead_status", "VARCHAR", "/leadStatus", "Where the person stands."),
            Column("email_invalid", "BOOLEAN", "/emailInvalid", "Mails bounce hard."),
            Column("created_at", "TIMESTAMP", "/createdAt", "When the record was made."),
            # Changes of custom fields do not move it.
            Column("updated_at", "TIMESTAMP", "/updatedAt", "When a standard field changed."),
        ),
        pull.pull_leads,
        updated="updated_at",
        pulse=True,
        scopes=("Read-Only Lead", "Read-Only Activity"),
    ),
    Stream(
        "program_members",
        "Who takes part in which program and how far they came, with all fields of members.",
        ("program_id", "lead_id"),
        (
            Column("program_id", "VARCHAR", "/programId", "The program."),
            Column("lead_id", "VARCHAR", "/leadId", "The lead."),
            Column("status", "VARCHAR", "/statusName", "How far, in the words of its channel."),
            Column("member_since", "TIMESTAMP", "/membershipDate", "Since when."),
            Column("has_succeeded", "BOOLEAN", "/reachedSuccess", "The status is a success."),
            Column("succeeded_at", "TIMESTAMP", "/reachedSuccessDate", "Since when it is."),
            Column("is_acquired", "BOOLEAN", "/acquiredBy", "The program brought the person in."),
            Column("is_exhausted", "BOOLEAN", "/isExhausted", "All of a nurture was sent."),
            Column("updated_at", "TIMESTAMP", "/updatedAt", "When it last changed."),
        ),
        members.pull_members,
        updated="updated_at",
        scopes=("Read-Only Lead", "Read-Only Activity", "Read-Only Assets"),
    ),
)

_OPPORTUNITY_STREAMS = (
    Stream(
        "opportunity_roles",
        "Which lead plays which part in which opportunity.",
        ("marketo_guid",),
        (
            Column("marketo_guid", "VARCHAR", "/marketoGUID", "Identifier of the role."),
            Column(
                "opportunity_id", "VARCHAR", "/externalOpportunityId", "The opportunity's id there."
            ),
            Column("lead_id", "VARCHAR", "/leadId", "The lead."),
            Column("role", "VARCHAR", "/role", "The part."),
            Column("is_primary", "BOOLEAN", "/isPrimary", "It is the main contact."),
            Column("updated_at", "TIMESTAMP", "/updatedAt", "When it last changed."),
        ),
        opportunities.pull_roles,
        updated="updated_at",
        scopes=("Read-Only Opportunity",),
    ),
    Stream(
        "opportunities",
        "Opportunities as they were written into Marketo, with all their fields.",
        ("marketo_guid",),
        (
            Column("marketo_guid", "VARCHAR", "/marketoGUID", "Identifier of the record."),
            Column(
                "opportunity_id", "VARCHAR", "/externalOpportunityId", "Its id where it comes from."
            ),
            Column("name", "VARCHAR", "/name", "Name."),
            Column("amount", "DECIMAL(18,2)", "/amount", "Amount."),
            Column("stage", "VARCHAR", "/stage", "Stage, as its system names it."),
            Column("is_closed", "BOOLEAN", "/isClosed", "It is over."),
            Column("is_won", "BOOLEAN", "/isWon", "It was won."),
            Column("updated_at", "TIMESTAMP", "/updatedAt", "When it last changed."),
        ),
        opportunities.pull_opportunities,
        updated="updated_at",
        scopes=("Read-Only Opportunity",),
    ),
)


def streams(options: MarketoOptions) -> tuple[Stream, ...]:
    """Every stream; opportunities only where they are asked for."""
    return _STREAMS + (_OPPORTUNITY_STREAMS if options.opportunities else ())
