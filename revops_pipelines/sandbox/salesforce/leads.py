"""Leads, Contacts and their field histories as Salesforce shows them.

Belongs here: what happens to a person as changes of fields, and how a conversion or merge divides
them among records. Does not: when these happen (`people.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from revops_pipelines.sandbox.salesforce import ids
from revops_pipelines.sandbox.salesforce.names import COUNTRY_NAMES
from revops_pipelines.sandbox.salesforce.people import LEAD_SOURCES, People, Second
from revops_pipelines.sandbox.salesforce.staff import (
    AUTOMATED,
    BASE,
    INBOUND_QUEUE,
    INTEGRATION,
    user_of,
)
from revops_pipelines.sandbox.salesforce.story import (
    Change,
    born_with,
    day_text,
    epoch_ms,
    in_order,
    moments_of,
)
from revops_pipelines.sandbox.world.company import Contact, Person
from revops_pipelines.sandbox.world.people import NOTICED_AFTER, bulk_edited_at

INQUIRIES = {"chat": "Chat", "meeting_link": "Meeting link"}
# Fields that only a Lead has among those that a person's changes set.
LEAD_ONLY = ("Status",)


class Persons:
    """The Leads or the Contacts, in order of id: everybody's first record, then the second ones."""

    def __init__(self, people: People, sobject: str) -> None:
        self.sobject = sobject
        self._people = people
        self._is_lead = sobject == "Lead"
        firsts = [
            person.index
            for person in people.world.people
            if people.is_direct[person.index] != self._is_lead
            or (not self._is_lead and people.converted_at[person.index] is not None)
        ]
        self.firsts = firsts
        self.seconds = [
            second for second in people.seconds.values() if second.is_contact != self._is_lead
        ]

    def __len__(self) -> int:
        return len(self.firsts) + len(self.seconds)

    def number(self, position: int) -> int:
        """The number in its id."""
        if position < len(self.firsts):
            return self.firsts[position] + 1
        return ids.second_number(self._second(position).contact.hubspot_id)

    def id(self, position: int) -> str:
        """Its id."""
        return ids.record_id(self.sobject, self.number(position))

    def gone(self, position: int) -> int | None:
        """When it was deleted or merged away."""
        if position < len(self.firsts):
            return self._people.gone(self._people.world.people[self.firsts[position]])
        return self._second(position).gone

    def archived(self, position: int) -> int | None:
        """Never."""
        return None

    def moments(self, position: int) -> Sequence[int]:
        """When it appeared and changed."""
        return moments_of(self.story(position))

    def story(self, position: int) -> Sequence[Change]:
        """Its changes."""
        if position >= len(self.firsts):
            return self._of_second(self._second(position))
        person = self._people.world.people[self.firsts[position]]
        told = in_order(self._told(person))
        converted = self._people.converted_at[person.index]
        if converted is None:
            return self._kept(told)
        if self._is_lead:
            before = [change for change in told if change.at <= converted]
            return self._kept([*before, self._conversion(person, converted)])
        first = Change(converted, {}, user_of(self._people.world, person.owner_index))
        return self._kept(born_with(first, told))

    def _second(self, position: int) -> Second:
        return self.seconds[position - len(self.firsts)]

    def _kept(self, told: Sequence[Change]) -> list[Change]:
        """Without the fields of the other object."""
        story = in_order(told)
        if self._is_lead:
            return story
        return [
            Change(each.at, _without(each.values, LEAD_ONLY), each.by, each.is_silent)
            for each in story
        ]

    def _told(self, person: Person) -> Iterator[Change]:
        """All that happens to the person's first record."""
        world = self._people.world
        created = epoch_ms(person.created_at)
        yield Change(created, self._beginning(person, person.email), _maker(self._people, person))
        yield from self._owners(person, created)
        yield from _inquiries(person)
        yield from _funnel(self._people, person, created)
        yield from _noticed(person)
        edited = bulk_edited_at(world.anchor_at, self._people.firsts[person.index])
        if edited is not None:
            yield Change(epoch_ms(edited), _region(person), INTEGRATION)
        second = self._people.second_of(person)
        if second is not None and second.folded_at is not None:
            raised = second.contact.raised_at or second.contact.created_at
            values = {"Last_Inquiry_At__c": epoch_ms(raised)}
            yield Change(second.folded_at, values, user_of(world, person.owner_index))
        yield from self._lost_company(person)

    def _beginning(self, person: Person, email: str) -> dict[str, Any]:
        account = None
        if person.account_index is not None:
            account = self._people.world.accounts[person.account_index]
        country = COUNTRY_NAMES[person.country]
        values: dict[str, Any] = {
            "FirstName": person.first_name,
            "LastName": person.last_name,
            "Name": f"{person.first_name} {person.last_name}",
            "Title": person.title,
            "Email": email,
            "Phone": f"+1 555 01{person.index % 100:02d}" if person.index % 3 else None,
            "LeadSource": LEAD_SOURCES[person.channel],
            "OwnerId": INBOUND_QUEUE if self._is_lead else INTEGRATION,
            "CurrencyIsoCode": account.currency if account else BASE,
        }
        company = ids.account_id(account.hubspot_id) if account else None
        if self._is_lead:
            values |= {
                "Company": account.name if account else "[not provided]",
                "Status": "New",
                "Country": country,
                "CountryCode": person.country,
                "Address": {"country": country, "countryCode": person.country},
                "IsUnreadByOwner": person.assigned_at is None,
                "Matched_Account__c": company,
            }
        else:
            values |= {
                "AccountId": company,
                "MailingCountry": country,
                "MailingCountryCode": person.country,
                "MailingAddress": {"country": country, "countryCode": person.country},
            }
        return values

    def _owners(self, person: Person, created: int) -> Iterator[Change]:
        if person.assigned_at is None or person.owner_index is None:
            return
        world = self._people.world
        for at, index in ((person.assigned_at, person.owner_index), *person.reassigned):
            yield Change(max(epoch_ms(at), created), {"OwnerId": user_of(world, index)}, AUTOMATED)

    def _lost_company(self, person: Person) -> Iterator[Change]:
        """The lookup to a deleted Account becomes null by itself."""
        if person.account_index is None:
            return
        gone = self._people.world.accounts[person.account_index].is_deleted_at
        if gone is not None:
            name = "Matched_Account__c" if self._is_lead else "AccountId"
            at = max(epoch_ms(gone), epoch_ms(person.created_at) + 1)
            yield Change(at, {name: None}, AUTOMATED, is_silent=True)

    def _conversion(self, person: Person, at: int) -> Change:
        world = self._people.world
        account = world.accounts[person.account_index or 0]
        position = self._people.first_deal.get(person.index)
        deal = None if position is None else world.deals[position]
        by_deal = deal is not None and epoch_ms(deal.created_at) == at
        values = {
            "Status": "Converted",
            "IsConverted": True,
            "ConvertedDate": day_text(at),
            "ConvertedAccountId": ids.account_id(account.hubspot_id),
            "ConvertedContactId": ids.contact_id(person.index),
            "ConvertedOpportunityId": (
                ids.opportunity_id(deal.hubspot_id) if deal is not None and by_deal else None
            ),
        }
        return Change(at, values, user_of(world, person.owner_index))

    def _of_second(self, second: Second) -> list[Change]:
        """A second record: made by a form, known to one owner, folded into the first or not."""
        world = self._people.world
        person, contact = world.people[second.person_index], second.contact
        created = epoch_ms(contact.created_at)
        values = self._beginning(person, contact.email)
        raised = epoch_ms(contact.raised_at or contact.created_at)
        values |= {
            "First_Inquiry_At__c": raised,
            "Last_Inquiry_At__c": raised,
            "Inquiry_Type__c": "Form",
            "OwnerId": self._owner_of_second(person, contact),
        }
        story = [Change(created, values, INTEGRATION), *self._lost_company(person)]
        edited = bulk_edited_at(world.anchor_at, contact)
        if edited is not None:
            story.append(Change(epoch_ms(edited), _region(person), INTEGRATION))
        if second.folded_at is not None:
            story = [each for each in story if each.at < second.folded_at]
            story.append(self._folded(second, person, second.folded_at))
        return born_with(story[0], story[1:])

    def _folded(self, second: Second, person: Person, at: int) -> Change:
        by = user_of(self._people.world, person.owner_index)
        if second.is_converted:
            conversion = self._conversion(person, at).values
            return Change(at, {**conversion, "ConvertedOpportunityId": None}, by)
        maker = ids.contact_id if second.is_contact else ids.lead_id
        return Change(at, {"MasterRecordId": maker(person.index)}, by)

    def _owner_of_second(self, person: Person, contact: Contact) -> str:
        owner = person.owner_at(contact.created_at)
        owner = person.owner_index if owner is None else owner
        if owner is None:
            return INBOUND_QUEUE if self._is_lead else INTEGRATION
        return user_of(self._people.world, owner)


def _without(values: Mapping[str, Any], names: Sequence[str]) -> Mapping[str, Any]:
    return {name: value for name, value in values.items() if name not in names}


def _region(person: Person) -> dict[str, Any]:
    return {"Region_Code__c": f"{person.country}-{person.index % 9}"}


def _maker(people: People, person: Person) -> str:
    """Who typed it in: a salesperson, or a form's integration."""
    if person.origin in ("manual", "prospecting"):
        return user_of(people.world, person.owner_index)
    return INTEGRATION


def _inquiries(person: Person) -> Iterator[Change]:
    if person.raised_at is not None:
        at = epoch_ms(person.raised_at)
        values = {
            "First_Inquiry_At__c": at,
            "Last_Inquiry_At__c": at,
            "Inquiry_Type__c": INQUIRIES.get(person.origin, "Form"),
        }
        yield Change(at, values, INTEGRATION)
    if person.raised_again_at is not None:
        at = epoch_ms(person.raised_again_at)
        yield Change(at, {"Last_Inquiry_At__c": at}, INTEGRATION)


def _funnel(people: People, person: Person, created: int) -> Iterator[Change]:
    funnel = people.world.funnels[person.index]
    if funnel.marketing_qualified_at is not None:
        at = max(epoch_ms(funnel.marketing_qualified_at), created)
        yield Change(at, {"MQL_At__c": at, "Status": "Marketing Qualified"}, AUTOMATED)
    reached = (funnel.sales_qualified_at, funnel.opportunity_at, funnel.customer_at)
    moments = [epoch_ms(each) for each in reached if each is not None]
    if moments:
        at = max(min(moments), created)
        values = {"Sales_Qualified_At__c": at, "Status": "Sales Qualified"}
        yield Change(at, values, user_of(people.world, person.owner_index))


def _noticed(person: Person) -> Iterator[Change]:
    at = epoch_ms(person.created_at + NOTICED_AFTER)
    if person.excluded_reason == "spam":
        yield Change(at, {"Status": "Spam"}, AUTOMATED)
    if person.excluded_reason == "invalid_email":
        values = {"EmailBouncedDate": at, "EmailBouncedReason": "550 5.1.1 no such user"}
        yield Change(at, values, AUTOMATED)
