"""Which records belong together, at a moment.

Belongs here: associations between contacts, companies, deals and engagements, and HubSpot's type
ids for them. Does not: how they are asked for.

An association follows its contact into a merge, ends when either side is archived, and never counts
as a change of a record: nothing moves its modified date.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from revops_pipelines.sandbox.hubspot.engagements import Engagements
from revops_pipelines.sandbox.hubspot.line_items import LineItems
from revops_pipelines.sandbox.hubspot.properties import OBJECT_TYPES
from revops_pipelines.sandbox.hubspot.table import Table
from revops_pipelines.sandbox.world.world import World

# HubSpot's ids: developers.hubspot.com/docs/api-reference/crm-associations-v4/guide, "Association
# type ID values". From a type to another; engagements to contacts, companies, deals and back.
TYPE_IDS: dict[tuple[str, str], int] = {
    ("contacts", "companies"): 279,
    ("companies", "contacts"): 280,
    ("deals", "contacts"): 3,
    ("contacts", "deals"): 4,
    ("deals", "companies"): 341,
    ("companies", "deals"): 342,
    ("line_items", "deals"): 20,
    ("deals", "line_items"): 19,
}
# The company that a contact or deal belongs to first of all carries this as well.
PRIMARY_IDS: dict[tuple[str, str], int] = {
    ("contacts", "companies"): 1,
    ("companies", "contacts"): 2,
    ("deals", "companies"): 5,
    ("companies", "deals"): 6,
}
_ENGAGED = {
    "calls": (194, 182, 206),
    "emails": (198, 186, 210),
    "meetings": (200, 188, 212),
    "notes": (202, 190, 214),
    "tasks": (204, 192, 216),
    "communications": (81, 87, 85),
}
# The way back has the number before, but for communications, where it is the one after.
for _kind, _ids in _ENGAGED.items():
    for _to, _id in zip(("contacts", "companies", "deals"), _ids, strict=True):
        TYPE_IDS[_kind, _to] = _id
        TYPE_IDS[_to, _kind] = _id + 1 if _kind == "communications" else _id - 1


@dataclass(frozen=True, slots=True)
class Association:
    """A record at the other end and the types that say how; `label` where a type has one."""

    to_id: int
    types: tuple[tuple[int, str | None], ...]


class Associations:
    """All associations of one world; reads the tables for what stands."""

    def __init__(self, world: World, tables: Mapping[str, Table]) -> None:
        self._world = world
        self._tables = tables
        self._survivor: dict[int, int] = {}
        self._contacts_of: dict[int, list[int]] = {}
        for position, contact in enumerate(world.contacts):
            self._contacts_of.setdefault(contact.person_index, []).append(position)
            if contact.kind == "primary":
                self._survivor[contact.person_index] = position
        self._back: dict[tuple[str, str], dict[int, list[int]]] = {}

    def survivor(self, position: int, now: int) -> int:
        """Position of the contact that a contact was merged into by now, or its own."""
        contact = self._world.contacts[position]
        if contact.merged_at is None or int(self._tables["contacts"].gone[position]) > now:
            return position
        return self._survivor[contact.person_index]

    def of(self, kind: str, position: int, to: str, now: int) -> list[Association]:
        """What a record is associated with, of one type, in order of id."""
        if (kind, to) not in TYPE_IDS:
            return []
        table = self._tables[to]
        there = {
            other for other in self._others(kind, position, to, now) if table.stands(other, now)
        }
        types = _types(kind, to) if there else ()
        return [Association(int(table.ids[other]), types) for other in sorted(there)]

    def _others(self, kind: str, position: int, to: str, now: int) -> Iterator[int]:
        """Positions at the other end, standing or not, some twice."""
        if kind == "contacts":
            # What a survivor's losers were associated with is the survivor's.
            person = self._world.contacts[position].person_index
            group = [
                other
                for other in self._contacts_of[person]
                if self.survivor(other, now) == position
            ]
        else:
            group = [position]
        for member in group:
            told = self._told(kind, member, to)
            if to == "contacts":
                yield from (self.survivor(other, now) for other in told)
            else:
                yield from told

    def _told(self, kind: str, position: int, to: str) -> Sequence[int]:
        """The ends that the record itself names, or those that name it."""
        if (kind, to) in _FORWARD or kind in _ENGAGED:
            return self._forward(kind, position, to)
        key = (kind, to)
        if key not in self._back:
            back: dict[int, list[int]] = {}
            for other in range(len(self._tables[to].kind)):
                for end in self._forward(to, other, kind):
                    back.setdefault(end, []).append(other)
            self._back[key] = back
        return self._back[key].get(position, ())

    def _forward(self, kind: str, position: int, to: str) -> Sequence[int]:
        if kind == "contacts":
            person = self._world.people[self._world.contacts[position].person_index]
            return () if person.account_index is None else (person.account_index,)
        if kind == "line_items":
            lines = self._tables[kind].kind
            return (lines.deal(position),) if isinstance(lines, LineItems) else ()
        if kind == "deals":
            deal = self._world.deals[position]
            if to == "companies":
                return (deal.account_index,)
            return [end for index in deal.people for end in self._contacts_of[index][:1]]
        return self._of_engagement(kind, position, to)

    def _of_engagement(self, kind: str, position: int, to: str) -> Sequence[int]:
        engagements = self._tables[kind].kind
        if not isinstance(engagements, Engagements):
            return ()
        activity = engagements.activity(position)
        if to == "contacts":
            return activity.contacts
        if to == "deals":
            return () if activity.deal_index is None else (activity.deal_index,)
        if to != "companies":
            return ()
        if activity.deal_index is not None:
            return (self._world.deals[activity.deal_index].account_index,)
        people = (self._world.contacts[end].person_index for end in activity.contacts)
        accounts = (self._world.people[index].account_index for index in people)
        return [index for index in accounts if index is not None]


@cache
def _types(kind: str, to: str) -> tuple[tuple[int, str | None], ...]:
    types: list[tuple[int, str | None]] = []
    if (kind, to) in PRIMARY_IDS:
        types.append((PRIMARY_IDS[kind, to], "Primary"))
    if (kind, to) in TYPE_IDS:
        types.append((TYPE_IDS[kind, to], None))
    return tuple(types)


_FORWARD = (
    ("contacts", "companies"),
    ("deals", "companies"),
    ("deals", "contacts"),
    ("line_items", "deals"),
)


def type_name(kind: str, to: str) -> str:
    """How a list names an association.

    >>> type_name("deals", "contacts")
    'deal_to_contact'
    """
    return f"{OBJECT_TYPES[kind][1]}_to_{OBJECT_TYPES[to][1]}"


def list_names(kind: str, to: str, end: Association) -> list[str]:
    """How a list names an association's types: a primary one has the plain name as well.

    Seen in community.hubspot.com, "Object data fetch - sorting out associations".

    >>> list_names("deals", "companies", Association(1, ((5, "Primary"), (341, None))))
    ['deal_to_company', 'deal_to_company_unlabeled']
    >>> list_names("deals", "contacts", Association(1, ((3, None),)))
    ['deal_to_contact']
    """
    plain = type_name(kind, to)
    other = f"{plain}_unlabeled" if (kind, to) in PRIMARY_IDS else plain
    return [plain if label is not None else other for _, label in end.types]
