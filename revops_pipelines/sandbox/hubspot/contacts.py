"""Contacts and companies as HubSpot shows them.

Belongs here: their properties, changed by what happens to people and accounts. Does not: deals and
engagements, or how records are served.
"""

from __future__ import annotations

from collections.abc import Iterator

from revops_pipelines.sandbox.hubspot.story import (
    Change,
    epoch_ms,
    in_order,
    moment_text,
)
from revops_pipelines.sandbox.world.company import COUNTRIES, TEAMS, Account, Contact, Person
from revops_pipelines.sandbox.world.funnel import Funnel
from revops_pipelines.sandbox.world.people import NOTICED_AFTER, archived_at, bulk_edited_at
from revops_pipelines.sandbox.world.world import World

TEAM_IDS = {team.name: team.hubspot_id for team in TEAMS}
RECORD_SOURCES = {
    "form": "FORM",
    "meeting_link": "MEETINGS",
    "chat": "CONVERSATIONS",
    "import": "IMPORT",
    "event_list": "IMPORT",
    "manual": "CRM_UI",
    "prospecting": "CRM_UI",
}
ANALYTICS = {
    "organic_search": "ORGANIC_SEARCH",
    "paid_search": "PAID_SEARCH",
    "direct": "DIRECT_TRAFFIC",
    "referral": "REFERRALS",
    "paid_social": "PAID_SOCIAL",
    "email_marketing": "EMAIL_MARKETING",
    "organic_social": "SOCIAL_MEDIA",
}
CONVERSIONS = {"form": "Contact sales: Demo request", "meeting_link": "Meetings Link: intro call"}
COUNTRY_NAMES = {
    "US": "United States",
    "CA": "Canada",
    "BR": "Brazil",
    "MX": "Mexico",
    "GB": "United Kingdom",
    "IE": "Ireland",
    "DE": "Germany",
    "FR": "France",
    "NL": "Netherlands",
    "ES": "Spain",
    "JP": "Japan",
    "AU": "Australia",
    "IN": "India",
}


class Contacts:
    """The contacts, in order of id."""

    name = "contacts"
    modified = "lastmodifieddate"
    created = "createdate"

    def __init__(self, world: World) -> None:
        self._world = world
        self._siblings: dict[int, list[Contact]] = {}
        for contact in world.contacts:
            self._siblings.setdefault(contact.person_index, []).append(contact)

    def __len__(self) -> int:
        return len(self._world.contacts)

    def id(self, position: int) -> int:
        """The record's identifier."""
        return int(self._world.contacts[position].hubspot_id)

    def gone(self, position: int) -> tuple[int | None, bool]:
        """When it left the lists, and whether into the archive (else merged away)."""
        contact = self._world.contacts[position]
        if contact.merged_at is not None:
            return epoch_ms(contact.merged_at), False
        archived = archived_at(self._world.people[contact.person_index], contact)
        return (epoch_ms(archived), True) if archived else (None, False)

    def born(self, position: int) -> int:
        """When the record appeared, epoch milliseconds."""
        return epoch_ms(self._world.contacts[position].exists_from)

    def made(self, position: int) -> int:
        """The create date it shows."""
        return epoch_ms(self._world.contacts[position].created_at)

    def moments(self, position: int) -> list[int]:
        """When the record appeared and changed."""
        born = self.born(position)
        return [born, *(change.at for change in self.story(position) if change.at > born)]

    def story(self, position: int) -> list[Change]:
        """All its changes; a record made by a merge carries on the story of the former one."""
        contact = self._world.contacts[position]
        person = self._world.people[contact.person_index]
        return in_order(self._changes(contact, person))

    def _changes(self, contact: Contact, person: Person) -> Iterator[Change]:
        yield self._beginning(contact, person)
        yield from _raised(contact)
        if contact.kind in ("primary", "former"):
            yield from self._as_owned(person)
            yield from _as_seen(person, self._world.funnels[person.index])
        elif person.owner_index is not None and contact.raised_at is not None:
            owner = person.owner_at(contact.raised_at)
            yield self._owner(owner if owner is not None else person.owner_index, contact)
        if contact.kind == "primary":
            yield from self._merges(contact)
        edited = bulk_edited_at(self._world.anchor_at, contact)
        if edited is not None:
            value = {"region_code": f"{person.country}-{person.index % 9}"}
            yield Change(epoch_ms(edited), value, "CRM_UI_BULK_ACTION")

    def _beginning(self, contact: Contact, person: Person) -> Change:
        source = RECORD_SOURCES[contact.origin]
        hidden = contact.kind == "case"
        company = None
        if person.account_index is not None:
            company = self._world.accounts[person.account_index]
        values: dict[str, str | None] = {
            "hs_object_id": contact.hubspot_id,
            "createdate": moment_text(contact.created_at),
            "email": None if hidden else contact.email,
            "work_email": contact.email if hidden else None,
            "hs_email_domain": None if hidden else contact.email.split("@")[1],
            "firstname": person.first_name,
            "lastname": person.last_name,
            "jobtitle": person.title,
            "company": company.name if company else None,
            "associatedcompanyid": company.hubspot_id if company else None,
            "country": COUNTRY_NAMES[person.country],
            "hs_country_region_code": person.country,
            "hs_timezone": COUNTRIES[person.country][0].lower().replace("/", "_slash_"),
            "hs_object_source": "INTEGRATION" if hidden else source,
            "hs_object_source_label": "INTEGRATION" if hidden else source,
            "hs_analytics_source": ANALYTICS.get(person.channel, "OFFLINE"),
            "lifecyclestage": "subscriber" if source == "IMPORT" else "lead",
            "hs_lifecyclestage_lead_date": (
                None if source == "IMPORT" else moment_text(contact.created_at)
            ),
            "hs_lead_status": "NEW",
        }
        return Change(epoch_ms(contact.created_at), values, source)

    def _as_owned(self, person: Person) -> Iterator[Change]:
        if person.assigned_at is None or person.owner_index is None:
            return
        for at, index in ((person.assigned_at, person.owner_index), *person.reassigned):
            yield self._ownership(epoch_ms(at), index, moment_text(at))

    def _owner(self, index: int, contact: Contact) -> Change:
        return self._ownership(epoch_ms(contact.created_at), index, moment_text(contact.created_at))

    def _ownership(self, at: int, index: int, since: str) -> Change:
        user = self._world.users[index]
        values = {
            "hubspot_owner_id": user.hubspot_id,
            "hubspot_owner_assigneddate": since,
            "hubspot_team_id": TEAM_IDS[user.team],
        }
        return Change(at, values, "AUTOMATION_PLATFORM")

    def _merges(self, contact: Contact) -> Iterator[Change]:
        losers = [other for other in self._siblings[contact.person_index] if other.merged_at]
        if not losers:
            return
        merged_at = losers[0].merged_at
        if merged_at is None:
            return
        at = epoch_ms(merged_at)
        raised = [
            other.raised_at
            for other in (contact, *losers)
            if other.raised_at and other.origin != "chat"
        ]
        values = {
            "hs_merged_object_ids": ";".join(other.hubspot_id for other in losers),
            "hs_calculated_merged_vids": ";".join(f"{other.hubspot_id}:{at}" for other in losers),
            "hs_additional_emails": ";".join(
                other.email.lower() for other in losers if other.email != contact.email
            ),
            "num_conversion_events": str(len({*raised})),
        }
        if raised:
            values["first_conversion_date"] = moment_text(min(raised))
        yield Change(at, values, "MERGE_OBJECTS")


def _raised(contact: Contact) -> Iterator[Change]:
    """A form or a scheduling page counts as a conversion; a chat does not."""
    event = CONVERSIONS.get("form" if contact.origin in ("import", "manual") else contact.origin)
    if contact.raised_at is None or event is None:
        return
    when = moment_text(contact.raised_at)
    values = {
        "first_conversion_date": when,
        "first_conversion_event_name": event,
        "recent_conversion_date": when,
        "recent_conversion_event_name": event,
        "num_conversion_events": "1",
    }
    yield Change(epoch_ms(contact.raised_at), values, "FORM")


def _as_seen(person: Person, funnel: Funnel) -> Iterator[Change]:
    """Conversions after the first, what was noticed about the address, and the funnel."""
    if person.raised_again_at is not None:
        when = moment_text(person.raised_again_at)
        values = {
            "recent_conversion_date": when,
            "recent_conversion_event_name": CONVERSIONS["form"],
        }
        if person.origin == "chat":
            # The chat was no conversion, so this one is the first.
            values["first_conversion_date"] = when
            values["first_conversion_event_name"] = CONVERSIONS["form"]
        values["num_conversion_events"] = "1" if person.origin == "chat" else "2"
        yield Change(epoch_ms(person.raised_again_at), values, "FORM")
    noticed = epoch_ms(person.created_at + NOTICED_AFTER)
    if person.excluded_reason == "invalid_email":
        yield Change(noticed, {"hs_email_bad_address": "true"}, "EMAIL")
    if person.excluded_reason == "spam":
        yield Change(noticed, {"hs_lead_status": "SPAM"}, "AUTOMATION_PLATFORM")
    reached = (
        ("marketingqualifiedlead", funnel.marketing_qualified_at),
        ("salesqualifiedlead", funnel.sales_qualified_at),
        ("opportunity", funnel.opportunity_at),
        ("customer", funnel.customer_at),
    )
    for stage, at in reached:
        if at is not None:
            values = {"lifecyclestage": stage, f"hs_lifecyclestage_{stage}_date": moment_text(at)}
            yield Change(epoch_ms(at), values, "AUTOMATION_PLATFORM")


def is_wanted(account: Account) -> bool:
    """Marketing works a list of the larger companies, a third of them, since they are known."""
    return account.segment != "SMB" and account.index % 3 == 1


class Companies:
    """The companies, in order of id."""

    name = "companies"
    modified = "hs_lastmodifieddate"
    created = "createdate"

    def __init__(self, world: World) -> None:
        self._accounts = world.accounts
        self._owners: dict[str, list[str]] = {}
        for user in world.users:
            self._owners.setdefault(user.team, []).append(user.hubspot_id)

    def __len__(self) -> int:
        return len(self._accounts)

    def id(self, position: int) -> int:
        """The record's identifier."""
        return int(self._accounts[position].hubspot_id)

    def gone(self, position: int) -> tuple[int | None, bool]:
        """When it was archived."""
        deleted = self._accounts[position].is_deleted_at
        return (epoch_ms(deleted), True) if deleted else (None, False)

    def born(self, position: int) -> int:
        """When the record appeared, epoch milliseconds."""
        return epoch_ms(self._accounts[position].created_at)

    made = born

    def moments(self, position: int) -> list[int]:
        """When the record appeared and changed."""
        return [change.at for change in self.story(position)]

    def story(self, position: int) -> list[Change]:
        """All its changes."""
        return in_order(self._changes(self._accounts[position]))

    def _changes(self, account: Account) -> Iterator[Change]:
        owners = self._owners[account.team]
        values: dict[str, str | None] = {
            "hs_object_id": account.hubspot_id,
            "createdate": moment_text(account.created_at),
            "name": account.name,
            "domain": account.domain,
            "website": f"https://www.{account.domain}",
            "industry": account.industry,
            "numberofemployees": str(account.employees),
            "country": COUNTRY_NAMES[account.country],
            "hs_country_code": account.country,
            "timezone": account.time_zone,
            "lifecyclestage": "lead",
            "hs_object_source": "IMPORT" if account.path == "legacy" else "CRM_SETTING",
            "hubspot_owner_id": owners[account.index % len(owners)],
            "hubspot_team_id": TEAM_IDS[account.team],
            "hs_is_target_account": "true" if is_wanted(account) else None,
        }
        yield Change(epoch_ms(account.created_at), values, "CRM_SETTING")
        if account.wins_at is not None:
            tier = {"SMB": "bronze", "MID": "silver", "ENT": "gold"}[account.segment]
            won = {"lifecyclestage": "customer", "customer_tier": tier}
            yield Change(epoch_ms(account.wins_at), won, "AUTOMATION_PLATFORM")
