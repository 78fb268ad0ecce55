"""Dynamics' identifiers of everything in the world: pure functions of the world's own.

Belongs here: GUIDs, and which record of Dynamics stands for which contact, person and stage of the
world. Does not: what the records say.

Dynamics keeps the record that others are merged into, where the world tells of a new one (as
HubSpot makes since 2025): there a `former` contact and the `primary` one after it are one record.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from revops_pipelines.sandbox.world.company import Contact
from revops_pipelines.sandbox.world.deal_paths import PIPELINES

# Tables whose rows the sandbox shows; the position is part of a row's GUID.
TABLES = (
    "organization",
    "businessunit",
    "systemuser",
    "team",
    "teammembership",
    "transactioncurrency",
    "account",
    "contact",
    "lead",
    "opportunity",
    "opportunityclose",
    "opportunityproduct",
    "product",
    "connection",
    "connectionrole",
    "phonecall",
    "email",
    "appointment",
    "task",
    "socialactivity",
    "annotation",
    "activityparty",
    "campaign",
    "campaignresponse",
    "goal",
    "metric",
    "audit",
    "entity",
    "attribute",
)
_PLACES = {name: place for place, name in enumerate(TABLES)}
_END = "0022482bf046"
# Records that entered as contacts; all others come as leads and are qualified into contacts.
CONTACT_ORIGINS = ("import", "manual")


def guid(table: str, number: int) -> str:
    """The row's identifier; `number_of` leads back.

    >>> guid("lead", 48_000_000_013)
    '2d05e00d-000b-11f0-8008-0022482bf046'
    """
    high, low = number >> 32 & 0xFFFF, number & 0xFFFFFFFF
    return f"{low:08x}-{high:04x}-11f0-{0x8000 | _PLACES[table]:04x}-{_END}"


def number_of(identifier: str) -> int | None:
    """The number in one of our GUIDs, whatever its table; None for another's.

    >>> number_of("2D05E00D-000b-11f0-8008-0022482bf046")
    48000000013
    >>> number_of("00000000-0000-0000-0000-000000000000") is None
    True
    """
    parts = identifier.lower().strip("{}").split("-")
    if len(parts) != 5 or parts[4] != _END or parts[2] != "11f0":
        return None
    try:
        return int(parts[1], 16) << 32 | int(parts[0], 16)
    except ValueError:
        return None


def account_id(hubspot_id: str) -> str:
    """The account of a company."""
    return guid("account", int(hubspot_id))


def user_id(hubspot_id: str) -> str:
    """The user of one of our own people, by the owner's identifier."""
    return guid("systemuser", int(hubspot_id))


def team_id(hubspot_id: str) -> str:
    """The team."""
    return guid("team", int(hubspot_id))


def opportunity_id(hubspot_id: str) -> str:
    """The opportunity of a deal."""
    return guid("opportunity", int(hubspot_id))


# The world's kinds of activities in Dynamics' words.
ACTIVITY_TABLES = {
    "call": "phonecall",
    "email": "email",
    "meeting": "appointment",
    "task": "task",
    "communication": "socialactivity",
    "note": "annotation",
}


def activity_guid(kind: str, number: int) -> str:
    """The row of an activity, by the world's kind and identifier."""
    return guid(ACTIVITY_TABLES[kind], number)


def kept_numbers(contacts: Sequence[Contact]) -> dict[str, int]:
    """Per contact of the world the number of its record: a merge's new record is the former one."""
    former = {each.person_index: int(each.hubspot_id) for each in contacts if each.kind == "former"}
    return {
        each.hubspot_id: (
            former.get(each.person_index, int(each.hubspot_id))
            if each.kind == "primary"
            else int(each.hubspot_id)
        )
        for each in contacts
    }


def person_ids(contacts: Sequence[Contact]) -> Mapping[str, str]:
    """Per contact of the world the identifier under which our source offers that person.

    That of the record that was there first: the lead, or the contact of those who never were one.
    """
    return {
        each.hubspot_id: guid("contact" if each.origin in CONTACT_ORIGINS else "lead", number)
        for each, number in zip(contacts, kept_numbers(contacts).values(), strict=True)
    }


def pipeline_value(pipeline_id: str) -> int:
    """The choice of the column `new_pipeline` for a pipeline of the world."""
    return 100_000_000 + [each.id for each in PIPELINES].index(pipeline_id)


def _steps() -> dict[tuple[str, str], str]:
    stages = [(each, stage) for each in PIPELINES for stage in each.open_stages]
    return {
        (pipeline.id, stage.id): f"{place}-{stage.label}"
        for place, (pipeline, stage) in enumerate(stages, start=1)
    }


# Pipeline and stage of the world -> Pipeline Phase, which Dynamics numbers through all processes.
STEP_NAMES = _steps()


def stage_value(pipeline_id: str, stage_id: str) -> str:
    """What our source calls a stage of the world: the phase while open, else won or lost.

    >>> stage_value("default", "qualifiedtobuy"), stage_value("default", "closedwon")
    ('2-Qualified to buy', 'won')
    """
    for pipeline in PIPELINES:
        if pipeline.id == pipeline_id and stage_id in (pipeline.won.id, pipeline.lost.id):
            return "won" if stage_id == pipeline.won.id else "lost"
    return STEP_NAMES[pipeline_id, stage_id]
