"""One form for a record, however it was read.

Belongs here: pure functions from a list's JSON or a bulk extract's cells to the record that is
landed. Does not: fetching either.

A lead or activity comes by two ways that word it differently. Landed in one form, a record that is
read twice is no new version of itself.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from revops_pipelines.resources.sources.marketo.client import LeadField

# What a bulk extract writes where there is nothing; a text of that very word looks the same.
NOTHING = "null"
_WHOLE = frozenset({"integer", "score"})
_NUMBERS = frozenset({"currency", "float", "percent"})
ACTIVITY_FIELDS = (
    "marketoGUID",
    "leadId",
    "activityDate",
    "activityTypeId",
    "campaignId",
    "primaryAttributeValueId",
    "primaryAttributeValue",
    "attributes",
)
_WHOLE_ACTIVITY = frozenset({"leadId", "activityTypeId", "campaignId", "primaryAttributeValueId"})


class _Attribute(msgspec.Struct):
    name: str
    value: Any = None


class Logged(msgspec.Struct, rename="camel"):
    """What of a log entry is read while pulling."""

    lead_id: int
    activity_type_id: int
    activity_date: str
    attributes: list[_Attribute] = msgspec.field(default_factory=list)

    @property
    def at(self) -> datetime:
        """When it happened, UTC."""
        return datetime.fromisoformat(self.activity_date).astimezone(UTC)

    @property
    def merged_ids(self) -> list[str]:
        """Leads that a merge merged away.

        >>> Logged(1, 32, "", [_Attribute("Merge IDs", "[7, 8]")]).merged_ids
        ['7', '8']
        """
        for attribute in self.attributes:
            if attribute.name == "Merge IDs":
                return re.findall("[0-9]+", str(attribute.value))
        return []


def lead_of_cells(cells: Mapping[str, str], fields: Sequence[LeadField]) -> bytes:
    """A lead out of a bulk extract's row.

    >>> fields = (LeadField("id", "integer"), LeadField("phone", "phone"))
    >>> lead_of_cells({"id": "7", "phone": "null"}, fields)
    b'{"id":7,"phone":null}'
    """
    return msgspec.json.encode(
        {each.name: _typed(cells[each.name], each.data_type) for each in fields}
    )


def lead_of_answer(record: bytes, fields: Sequence[LeadField]) -> bytes:
    """A lead out of a list: the same fields in the same order, absent ones null.

    >>> fields = (LeadField("id", "integer"), LeadField("phone", "phone"))
    >>> lead_of_answer(b'{"phone":"1","id":7,"extra":2}', fields)
    b'{"id":7,"phone":"1"}'
    """
    values: dict[str, Any] = msgspec.json.decode(record, type=dict[str, Any])
    return msgspec.json.encode({each.name: values.get(each.name) for each in fields})


def activity_of_cells(cells: Mapping[str, str]) -> bytes:
    """An activity out of a bulk extract's row; its attributes are one JSON object there.

    Some subscriptions write them as the list that the log has.
    """
    values: dict[str, Any] = {
        name: _typed(cells[name], "integer" if name in _WHOLE_ACTIVITY else "string")
        for name in ACTIVITY_FIELDS
    }
    text = values["attributes"]
    attributes = msgspec.json.decode(text) if text else {}
    if isinstance(attributes, list):
        attributes = {each["name"]: each.get("value") for each in attributes}
    return msgspec.json.encode(values | {"attributes": dict(sorted(attributes.items()))})


def activity_of_answer(record: bytes) -> bytes:
    """An activity out of the log, in the bulk extract's form.

    Its `id` is left out: the bulk extract has none, and Marketo says not to count on it.
    """
    values: dict[str, Any] = msgspec.json.decode(record, type=dict[str, Any])
    attributes = {each["name"]: each.get("value") for each in values.get("attributes") or ()}
    landed = {name: values.get(name) for name in ACTIVITY_FIELDS}
    landed["marketoGUID"] = str(landed["marketoGUID"])
    return msgspec.json.encode(landed | {"attributes": dict(sorted(attributes.items()))})


def _typed(text: str, kind: str) -> Any:
    """A cell's value by its field's type; text that is not of the type stays text.

    >>> _typed("12", "score"), _typed("true", "boolean"), _typed("0.5", "percent")
    (12, True, 0.5)
    >>> _typed("null", "string"), _typed("12", "string"), _typed("many", "integer")
    (None, '12', 'many')
    """
    if text == NOTHING:
        return None
    if kind == "boolean" and text in ("true", "false"):
        return text == "true"
    if kind in _WHOLE or kind in _NUMBERS:
        try:
            return msgspec.json.decode(text.encode(), type=int if kind in _WHOLE else int | float)
        except msgspec.MsgspecError:
            return text
    return text
