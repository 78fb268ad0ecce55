"""Who of the world's people is a Lead, who a Contact, and when that changes.

Belongs here: conversions, merges and deletions of a person's records, and the id that stands for a
person at any moment. Does not: what the records say (`leads.py`), or why people come and go.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from revops_pipelines.sandbox.salesforce import ids
from revops_pipelines.sandbox.salesforce.story import epoch_ms
from revops_pipelines.sandbox.world.company import Contact, Person
from revops_pipelines.sandbox.world.people import archived_at
from revops_pipelines.sandbox.world.world import World

DIRECT_ORIGINS = ("import", "manual")
# Salesforce's field is a picklist; the channels under the names that its users chose.
LEAD_SOURCES = {
    "organic_search": "Organic Search",
    "paid_search": "Paid Search",
    "direct": "Direct",
    "referral": "Referral",
    "paid_social": "Paid Social",
    "email_marketing": "Email Marketing",
    "organic_social": "Organic Social",
    "offline": "Import",
    "event": "Event List",
    "outbound": "Prospecting",
}
# The id that stands for a person from a moment on, null once deleted.
Step = tuple[int, str | None]


@dataclass(frozen=True, slots=True)
class Second:
    """A person's second record; `folded_at` when it was merged or converted into the first."""

    contact: Contact
    person_index: int
    is_contact: bool
    folded_at: int | None
    is_converted: bool
    gone: int | None

    @property
    def id(self) -> str:
        """Its id."""
        maker = ids.second_contact_id if self.is_contact else ids.second_lead_id
        return maker(self.contact.hubspot_id)


class People:
    """The records of everybody, worked out once."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.first_deal: dict[int, int] = {}
        for position, deal in enumerate(world.deals):
            for index in deal.people:
                self.first_deal.setdefault(index, position)
        self.primaries: dict[int, Contact] = {}
        self.firsts: dict[int, Contact] = {}
        for contact in world.contacts:
            if contact.kind == "primary":
                self.primaries[contact.person_index] = contact
            if contact.kind in ("primary", "former"):
                self.firsts.setdefault(contact.person_index, contact)
        self.is_direct = [self._is_direct(person) for person in world.people]
        self.converted_at = [self._converted_at(person) for person in world.people]
        self.seconds: dict[int, Second] = {
            position: self._second(contact)
            for position, contact in enumerate(world.contacts)
            if contact.kind in ("alias", "case")
        }
        self._second_of = {each.person_index: each for each in self.seconds.values()}
        self._steps: dict[int, tuple[Step, ...]] = {}

    def gone(self, person: Person) -> int | None:
        """When the person's first record, and the one it was converted to, were deleted."""
        return _ms(archived_at(person, self.primaries[person.index]))

    def second_of(self, person: Person) -> Second | None:
        """The person's second record, if there ever is one."""
        return self._second_of.get(person.index)

    def steps(self, contact_position: int) -> tuple[Step, ...]:
        """Which id stands for one of the world's contacts from when on, the first from ever."""
        steps = self._steps.get(contact_position)
        if steps is None:
            steps = self._steps[contact_position] = tuple(self._told(contact_position))
        return steps

    def id_at(self, contact_position: int, at: int) -> str | None:
        """The id that stands for one of the world's contacts at a moment."""
        standing: str | None = None
        for since, id_ in self.steps(contact_position):
            if since > at:
                break
            standing = id_
        return standing

    def _is_direct(self, person: Person) -> bool:
        if person.origin in DIRECT_ORIGINS:
            return True
        wins = self._wins_at(person)
        return wins is not None and wins <= person.created_at

    def _wins_at(self, person: Person) -> datetime | None:
        return (
            None
            if person.account_index is None
            else self.world.accounts[person.account_index].wins_at
        )

    def _converted_at(self, person: Person) -> int | None:
        """When the Lead became a Contact; null for those who never were one, or never ceased."""
        if self.is_direct[person.index]:
            return None
        reasons = [self._wins_at(person)]
        if person.index in self.first_deal:
            reasons.append(self.world.deals[self.first_deal[person.index]].created_at)
        at = min((_ms(each) or 0 for each in reasons if each is not None), default=None)
        gone = self.gone(person)
        return None if at is None or (gone is not None and gone <= at) else at

    def _second(self, contact: Contact) -> Second:
        person = self.world.people[contact.person_index]
        folded = _ms(contact.merged_at)
        converted = self.converted_at[person.index]
        # Whatever the first one was when the second was made.
        became = converted is not None and converted <= epoch_ms(contact.created_at)
        is_contact = self.is_direct[person.index] or became
        is_converted = (
            not is_contact and folded is not None and converted is not None and converted <= folded
        )
        gone = _ms(archived_at(person, contact)) if folded is None else folded
        return Second(
            contact, person.index, is_contact, folded, is_converted, None if is_converted else gone
        )

    def _told(self, contact_position: int) -> Iterator[Step]:
        contact = self.world.contacts[contact_position]
        person = self.world.people[contact.person_index]
        second = self.seconds.get(contact_position)
        if second is None:
            yield from self._of_first(person)
            return
        yield 0, second.id
        if second.folded_at is None:
            if second.gone is not None:
                yield second.gone, None
            return
        first = list(self._of_first(person))
        yield second.folded_at, [id_ for at, id_ in first if at <= second.folded_at][-1]
        yield from (step for step in first if step[0] > second.folded_at)

    def _of_first(self, person: Person) -> Iterator[Step]:
        converted, gone = self.converted_at[person.index], self.gone(person)
        if self.is_direct[person.index]:
            yield 0, ids.contact_id(person.index)
        else:
            yield 0, ids.lead_id(person.index)
            if converted is not None:
                yield converted, ids.contact_id(person.index)
        if gone is not None:
            yield gone, None


def _ms(moment: datetime | None) -> int | None:
    return None if moment is None else epoch_ms(moment)
