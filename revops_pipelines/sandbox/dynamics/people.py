"""Leads and contacts: which rows stand for whom, and how they change.

Belongs here: a person's way from lead to contact, merges, deletions. Does not: activities.

Who came by form, chat, booking page, event list or was prospected is a lead, qualified into a
contact when sales took the person on. Customers imported on the first day and people typed in for
a company are contacts at once; when such a contact raises a hand, the form makes a lead that is
connected to it (`parentcontactid`). A merged lead stays, inactive, with its master.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from revops_pipelines.sandbox.dynamics.company import BOOKINGS, COUNTRY_NAMES, WEB, Company
from revops_pipelines.sandbox.dynamics.ids import CONTACT_ORIGINS, guid, kept_numbers
from revops_pipelines.sandbox.dynamics.shapes import OWN
from revops_pipelines.sandbox.dynamics.story import Change, Ref, epoch_ms, in_order
from revops_pipelines.sandbox.world.company import Contact, Person
from revops_pipelines.sandbox.world.marketing_programs import Calendar
from revops_pipelines.sandbox.world.people import NOTICED_AFTER, archived_at, bulk_edited_at

ORIGIN_PLACES = {
    "form": 0,
    "meeting_link": 1,
    "chat": 2,
    "event_list": 3,
    "prospecting": 4,
    "manual": 4,
    "import": 5,
}
CHANNEL_PLACES = {
    "organic_search": 1,
    "paid_search": 2,
    "direct": 3,
    "referral": 4,
    "paid_social": 5,
    "email_marketing": 6,
    "organic_social": 7,
}
OFFLINE = 8
OPEN, QUALIFIED, DISQUALIFIED = (0, 1), (1, 3), (2, 7)
SPAM, INVALID = (2, OWN), (2, OWN + 1)
# The lead that a known contact's raised hand makes.
_RAISED = 1


@dataclass(frozen=True, slots=True)
class Record:
    """What of Dynamics stands for one contact of the world.

    `lead_at` and `contact_at` are when its rows appear (epoch milliseconds; never: null);
    `merged_at` when its lead was merged into `master`'s; `gone` when its rows were deleted.
    """

    contact: Contact
    person: Person
    number: int
    lead_number: int
    lead_at: int | None
    contact_at: int | None
    merged_at: int | None
    gone: int | None

    @property
    def lead(self) -> Ref:
        """Its lead."""
        name = f"{self.person.first_name} {self.person.last_name}"
        return Ref("lead", guid("lead", self.lead_number), name)

    @property
    def person_row(self) -> Ref:
        """Its contact."""
        name = f"{self.person.first_name} {self.person.last_name}"
        return Ref("contact", guid("contact", self.number), name)

    def at(self, moment: int) -> Ref:
        """The row that people used then: the contact once there is one."""
        if self.contact_at is not None and self.contact_at <= moment:
            return self.person_row
        return self.lead if self.lead_at is not None else self.person_row


class People:
    """All records of people, by the world's contacts."""

    def __init__(self, company: Company) -> None:
        self.company = company
        world = company.world
        self.world = world
        self._numbers = kept_numbers(world.contacts)
        self._primary = {
            each.person_index: each for each in world.contacts if each.kind == "primary"
        }
        self.by_contact: list[int] = []
        self.records: list[Record] = []
        self._main: dict[int, int] = {}
        for contact in world.contacts:
            if contact.kind == "primary" and contact.person_index in self._main:
                self.by_contact.append(self._main[contact.person_index])
                continue
            if contact.kind in ("primary", "former"):
                self._main[contact.person_index] = len(self.records)
            self.by_contact.append(len(self.records))
            self.records.append(self._record(contact))
        self._calendar = Calendar(world.marketing.programs)

    def _record(self, contact: Contact) -> Record:
        person = self.world.people[contact.person_index]
        number = self._numbers[contact.hubspot_id]
        is_main = contact.kind in ("primary", "former")
        born = epoch_ms(contact.exists_from)
        gone = archived_at(person, self._primary[person.index] if is_main else contact)
        merged = None if is_main or contact.merged_at is None else epoch_ms(contact.merged_at)
        lead_number = number
        lead_at: int | None = born
        contact_at: int | None = None
        if contact.origin in CONTACT_ORIGINS:
            contact_at = born
            lead_number = number + _RAISED
            lead_at = epoch_ms(person.raised_at) if person.raised_at else None
        elif is_main:
            contact_at = self.qualified_at(person)
        if gone is not None:
            lead_at = _before(lead_at, epoch_ms(gone))
            contact_at = _before(contact_at, epoch_ms(gone))
        return Record(
            contact,
            person,
            number,
            lead_number,
            lead_at,
            contact_at,
            merged,
            epoch_ms(gone) if gone else None,
        )

    def qualified_at(self, person: Person) -> int | None:
        """When sales first took the person on."""
        funnel = self.world.funnels[person.index]
        reached = (funnel.sales_qualified_at, funnel.opportunity_at, funnel.customer_at)
        first = min((at for at in reached if at is not None), default=None)
        return None if first is None else epoch_ms(first)

    def main(self, person_index: int) -> Record:
        """The record that others of the person are merged into."""
        return self.records[self._main[person_index]]

    def pointer(self, contact_position: int, recorded: int, name: str) -> list[Change]:
        """A column's pointer to who a contact of the world is, from a moment on.

        Merges move it to the master; a deletion empties it.
        """
        record = self.records[self.by_contact[contact_position]]
        main = self.main(record.person.index)
        changes = [Change(recorded, {name: record.at(recorded)})]
        gone = record.gone
        if record.merged_at is not None:
            moved = max(recorded, record.merged_at)
            changes.append(Change(moved, {name: main.lead}))
            gone = main.gone
        if gone is not None:
            changes.append(Change(max(recorded, gone), {name: None}))
        return in_order(changes)

    def campaign_of(self, person: Person, at: int) -> Ref:
        """The campaign that brought somebody in."""
        program = self._calendar.of_channel(person.channel, at // 1_000)
        return Ref("campaign", guid("campaign", program.program_id), program.name)

    def website(self) -> Ref:
        """The campaign of the website's own forms."""
        program = self._calendar.website
        return Ref("campaign", guid("campaign", program.program_id), program.name)


class _Persons:
    """What leads and contacts have in common."""

    def __init__(self, people: People, name: str, positions: Sequence[int]) -> None:
        self.name = name
        self._people = people
        self._company = people.company
        self._positions = positions

    def __len__(self) -> int:
        return len(self._positions)

    def _at(self, position: int) -> Record:
        return self._people.records[self._positions[position]]

    def gone(self, position: int) -> int | None:
        """When it was deleted."""
        return self._at(position).gone

    def moments(self, position: int) -> list[int]:
        """When it was made and changed."""
        return [change.at for change in self.story(position)]

    def story(self, position: int) -> list[Change]:
        """Its changes."""
        raise NotImplementedError

    def _begin(self, record: Record, born: int) -> dict[str, object]:
        person, contact = record.person, record.contact
        return {
            "firstname": person.first_name,
            "lastname": person.last_name,
            "fullname": f"{person.first_name} {person.last_name}",
            "emailaddress1": contact.email,
            "jobtitle": person.title,
            "address1_country": COUNTRY_NAMES[person.country],
            "leadsourcecode": CHANNEL_PLACES.get(person.channel, OFFLINE),
            "importsequencenumber": 2 if contact.origin in ("import", "event_list") else None,
            "merged": False,
            "createdby": self._maker(contact.origin, person),
            "ownerid": self._company.queue,
        }

    def _maker(self, origin: str, person: Person) -> Ref:
        if origin in ("form", "chat"):
            return self._company.machine(WEB)
        if origin == "meeting_link":
            return self._company.machine(BOOKINGS)
        return self._company.user(person.owner_index or 0)

    def _owners(self, record: Record, born: int) -> Iterator[Change]:
        """Who owns it, from its first moment on."""
        person, contact = record.person, record.contact
        if person.owner_index is None or person.assigned_at is None:
            return
        if contact.kind not in ("primary", "former"):
            owner = person.owner_at(contact.created_at)
            index = person.owner_index if owner is None else owner
            yield Change(born, {"ownerid": self._company.user(index)})
            return
        for at, index in ((person.assigned_at, person.owner_index), *person.reassigned):
            yield Change(max(born, epoch_ms(at)), {"ownerid": self._company.user(index)})

    def _edited(self, record: Record, born: int) -> Iterator[Change]:
        edited = bulk_edited_at(self._people.world.anchor_at, record.contact)
        if edited is not None and epoch_ms(edited) > born:
            code = f"{record.person.country}-{record.person.index % 9}"
            yield Change(epoch_ms(edited), {"new_regioncode": code})


class Leads(_Persons):
    """The leads, in order of number."""

    def __init__(self, people: People) -> None:
        chosen = [p for p, each in enumerate(people.records) if each.lead_at is not None]
        chosen.sort(key=lambda position: people.records[position].lead_number)
        super().__init__(people, "lead", chosen)

    def number(self, position: int) -> int:
        """The number in its identifier."""
        return self._at(position).lead_number

    def story(self, position: int) -> list[Change]:
        """Its changes."""
        record = self._at(position)
        return in_order(self._changes(record, record.lead_at or 0))

    def _changes(self, record: Record, born: int) -> Iterator[Change]:
        person = record.person
        known = record.number != record.lead_number
        values = self._begin(record, born)
        account = person.account_index
        values |= {
            "new_origin": OWN + (0 if known else ORIGIN_PLACES[record.contact.origin]),
            "subject": "Request by web form" if known else "New lead",
            "companyname": None if account is None else self._people.world.accounts[account].name,
            "campaignid": self._people.campaign_of(person, born),
            **_state(OPEN),
        }
        if known:
            values |= {"importsequencenumber": None, "createdby": self._company.machine(WEB)}
        yield Change(born, values)
        yield from self._company.account_then(account, born, "parentaccountid")
        yield from self._owners(record, born)
        yield from self._edited(record, born)
        yield from self._fate(record, born, known=known)

    def _fate(self, record: Record, born: int, *, known: bool) -> Iterator[Change]:
        noticed = max(born, epoch_ms(record.person.created_at + NOTICED_AFTER))
        if record.person.excluded_reason in ("spam", "invalid_email"):
            spam = record.person.excluded_reason == "spam"
            yield Change(noticed, _state(SPAM if spam else INVALID))
        if known:
            # Connected by whoever was on duty; it needs no qualifying.
            yield Change(born, {"parentcontactid": record.person_row})
        elif record.contact_at is not None:
            values = {**_state(QUALIFIED), "parentcontactid": record.person_row}
            yield Change(max(born, record.contact_at), values)
        if record.merged_at is not None:
            master = self._people.main(record.person.index).lead
            values = {"merged": True, "masterid": master, **_state(DISQUALIFIED)}
            yield Change(max(born, record.merged_at), values)


class Contacts(_Persons):
    """The contacts, in order of number."""

    def __init__(self, people: People) -> None:
        chosen = [p for p, each in enumerate(people.records) if each.contact_at is not None]
        chosen.sort(key=lambda position: people.records[position].number)
        super().__init__(people, "contact", chosen)

    def number(self, position: int) -> int:
        """The number in its identifier."""
        return self._at(position).number

    def story(self, position: int) -> list[Change]:
        """Its changes."""
        record = self._at(position)
        return in_order(self._changes(record, record.contact_at or 0))

    def _changes(self, record: Record, born: int) -> Iterator[Change]:
        was_lead = record.number == record.lead_number
        yield Change(born, {**self._begin(record, born), **_state((0, 1))})
        if was_lead:
            yield Change(born, {"originatingleadid": record.lead, "importsequencenumber": None})
        else:
            accepted = self._people.qualified_at(record.person)
            if accepted is not None:
                moment = datetime.fromtimestamp(accepted // 1_000, UTC)
                yield Change(max(born, accepted), {"new_acceptedon": moment})
        yield from self._company.account_then(record.person.account_index, born, "parentcustomerid")
        yield from self._owners(record, born)
        yield from self._edited(record, born)


def _state(state: tuple[int, int]) -> dict[str, object]:
    return {"statecode": state[0], "statuscode": state[1]}


def _before(at: int | None, gone: int) -> int | None:
    """A moment that comes before the record is gone, or none."""
    return at if at is not None and at < gone else None
