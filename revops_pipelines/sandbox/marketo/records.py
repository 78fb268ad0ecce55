"""How Marketo shows a lead, an activity, a program at an instant.

Belongs here: pure renderings, for JSON and for the CSV files of bulk extracts. Does not: choosing
what is shown.
"""

from __future__ import annotations

from typing import Any

import msgspec

from revops_pipelines.sandbox.marketo.answers import asset_stamp, stamp
from revops_pipelines.sandbox.world.marketing_shapes import (
    ACTIVITY_TYPES,
    DATA_CHANGE,
    LEAD_FIELDS,
    POSITION,
    Activity,
    ActivityType,
    MarketoLead,
    Program,
    Scalar,
)

_TYPES = {each.type_id: each for each in ACTIVITY_TYPES}
_MOMENTS = {POSITION["createdAt"], POSITION["updatedAt"]}
_NAME_OF_LABEL = {field.label: field.name for field in LEAD_FIELDS}
DEFAULT_FIELDS = ("id", "firstName", "lastName", "email", "updatedAt", "createdAt")


def lead_record(lead: MarketoLead, now: int, fields: tuple[str, ...]) -> dict[str, Any]:
    """A lead with the fields asked for, always with its id; empty fields are null."""
    values = lead.at(now)
    record: dict[str, Any] = {"id": lead.lead_id}
    for name in fields:
        record[name] = _shown(values, POSITION[name])
    return record


def lead_row(lead: MarketoLead, now: int, fields: tuple[str, ...]) -> list[str]:
    """The same as cells of a bulk extract."""
    values = lead.at(now)
    return [cell(_shown(values, POSITION[name])) for name in fields]


def _shown(values: list[Scalar], position: int) -> Scalar:
    value = values[position]
    if position in _MOMENTS and isinstance(value, int):
        return stamp(value)
    return value


def cell(value: Any) -> str:
    """A value in a bulk extract: the word null where there is none.

    >>> cell(None), cell(True), cell(7)
    ('null', 'true', '7')
    """
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value)


def activity_record(activity: Activity) -> dict[str, Any]:
    """An activity in the answer of a list; empty attributes are left out."""
    record: dict[str, Any] = {
        "id": activity.guid,
        "marketoGUID": str(activity.guid),
        "leadId": activity.lead_id,
        "activityDate": stamp(activity.at),
        "activityTypeId": activity.type_id,
    }
    if activity.campaign_id is not None:
        record["campaignId"] = activity.campaign_id
    if activity.value_id is not None:
        record["primaryAttributeValueId"] = activity.value_id
    if activity.value is not None:
        record["primaryAttributeValue"] = activity.value
    record["attributes"] = [
        {"name": name, "value": value} for name, value in attributes_of(activity).items()
    ]
    return record


def activity_row(activity: Activity, fields: tuple[str, ...]) -> list[str]:
    """The same as cells of a bulk extract: attributes are one JSON object."""
    known: dict[str, Any] = {
        "marketoGUID": activity.guid,
        "leadId": activity.lead_id,
        "activityDate": stamp(activity.at),
        "activityTypeId": activity.type_id,
        "campaignId": activity.campaign_id,
        "primaryAttributeValueId": activity.value_id,
        "primaryAttributeValue": activity.value,
    }
    if "attributes" in fields:
        known["attributes"] = msgspec.json.encode(attributes_of(activity)).decode()
    return [cell(known[name]) for name in fields]


def change_record(activity: Activity) -> dict[str, Any]:
    """A new lead, or a changed field of one, in the answer of lead changes."""
    record = activity_record(activity)
    record.pop("primaryAttributeValueId", None)
    record.pop("primaryAttributeValue", None)
    fields = []
    if activity.type_id == DATA_CHANGE:
        attributes = attributes_of(activity)
        field = {
            "id": activity.value_id,
            "name": changed_field(activity),
            "newValue": attributes.get("New Value", ""),
        }
        if "Old Value" in attributes:
            field["oldValue"] = attributes["Old Value"]
        fields.append(field)
        kept = ("Reason", "Source")
        record["attributes"] = [each for each in record["attributes"] if each["name"] in kept]
    record["fields"] = fields
    return record


def changed_field(activity: Activity) -> str:
    """API name of the field that a data change is about."""
    return _NAME_OF_LABEL[str(activity.value)]


def attributes_of(activity: Activity) -> dict[str, Scalar]:
    """Secondary attributes by name, without empty ones."""
    names = _TYPES[activity.type_id].attributes
    pairs = zip(names, activity.details, strict=True)
    return {name: value for (name, _), value in pairs if value is not None}


def type_record(kind: ActivityType) -> dict[str, Any]:
    """An activity type."""
    name, data_type = kind.primary
    return {
        "id": kind.type_id,
        "name": kind.name,
        "description": kind.description,
        "primaryAttribute": {"name": name, "dataType": data_type},
        "attributes": [{"name": each, "dataType": of} for each, of in kind.attributes],
    }


def program_record(program: Program, now: int, *, browsed: bool, costs: bool) -> dict[str, Any]:
    """A program; one list calls the default kind `program`, the other answer `default`."""
    kind = "program" if browsed and program.kind == "default" else program.kind
    seen = [cost for cost in program.costs if cost.seen_at <= now]
    updated_at = max([program.created_at, *(cost.seen_at for cost in seen)])
    record: dict[str, Any] = {
        "id": program.program_id,
        "name": program.name,
        "description": "",
        "createdAt": asset_stamp(program.created_at),
        "updatedAt": asset_stamp(updated_at),
        "url": f"https://app-sandbox.marketo.example/#PG{program.program_id}A1",
        "type": kind,
        "channel": program.channel,
        "folder": {"type": "Folder", "id": 1910},
        "status": "on" if program.kind == "nurture" else "unlocked",
        "workspace": "Default",
    }
    if program.kind in ("event", "webinar"):
        record["startDate"] = asset_stamp(program.starts_at)
        record["endDate"] = asset_stamp(program.ends_at)
    if costs:
        record["tags"] = [{"tagType": "Family", "tagValue": program.family}]
        record["costs"] = [
            {
                "startDate": f"{cost.month.isoformat()}T00:00:00Z+0000",
                "cost": cost.amount,
                "note": cost.note,
            }
            for cost in seen
        ]
    return record
