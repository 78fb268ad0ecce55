"""The organisation: all that the endpoints read from.

Belongs here: every object's table, made when it is first asked for, and the clock. Does not: HTTP
or the query language.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from functools import partial

from revops_pipelines.sandbox.clock import SandboxClock
from revops_pipelines.sandbox.frame import Options
from revops_pipelines.sandbox.salesforce.activities import Activities, Links
from revops_pipelines.sandbox.salesforce.campaigns import campaigns, members
from revops_pipelines.sandbox.salesforce.catalog import catalog
from revops_pipelines.sandbox.salesforce.children import Children, FieldHistory
from revops_pipelines.sandbox.salesforce.companies import Accounts
from revops_pipelines.sandbox.salesforce.deal_rows import DealRows, stages
from revops_pipelines.sandbox.salesforce.deals import Opportunities
from revops_pipelines.sandbox.salesforce.leads import Persons
from revops_pipelines.sandbox.salesforce.mails import Mails
from revops_pipelines.sandbox.salesforce.objects import SObject, schema
from revops_pipelines.sandbox.salesforce.people import People
from revops_pipelines.sandbox.salesforce.staff import INBOUND_QUEUE, staff, user_of
from revops_pipelines.sandbox.salesforce.story import epoch_ms
from revops_pipelines.sandbox.salesforce.table import Records, Table
from revops_pipelines.sandbox.world.world import World

WITHOUT = "salesforce.without:"
SINGLE_CURRENCY = "salesforce.single_currency"
KEEPS_DELETED = "salesforce.keeps_deleted"
CURRENCY_OBJECTS = ("CurrencyType", "DatedConversionRate")
CONTACT_HISTORY_BASE = 2_000_000_000


class Org:
    """One simulated organisation as one user may see it."""

    def __init__(self, world: World, clock: SandboxClock, options: Options) -> None:
        self.world = world
        self.clock = clock
        self.schema = _permitted(schema(), options.switches)
        self._keeps_deleted = options.on(KEEPS_DELETED)
        self._people: People | None = None
        self._makers = self._all()
        self._tables: dict[str, Table] = {}
        self._lock = threading.RLock()

    def now(self) -> int:
        """Epoch milliseconds of the sandbox's clock."""
        return epoch_ms(self.clock.now())

    def table(self, name: str) -> Table:
        """An object's records; the name must be of the schema."""
        with self._lock:
            table = self._tables.get(name)
            if table is None:
                records = self._makers[name]()
                table = Table(self.schema[name], records, keeps_deleted=self._keeps_deleted)
                self._tables[name] = table
            return table

    def people(self) -> People:
        """Everybody's records."""
        if self._people is None:
            self._people = People(self.world)
        return self._people

    def _all(self) -> dict[str, Callable[[], Records]]:
        """What makes each object's records."""
        fixed: dict[str, Records] = {
            each.sobject: each
            for each in (*staff(self.world), *catalog(self.world), *stages(self.world))
        }
        opportunities = Opportunities(self.world)
        deals = DealRows(self.world, opportunities)
        return {
            **{name: partial(_same, records) for name, records in fixed.items()},
            "Lead": lambda: Persons(self.people(), "Lead"),
            "Contact": lambda: Persons(self.people(), "Contact"),
            "LeadHistory": lambda: self._history("Lead", {"Status": "Status", "OwnerId": "Owner"}),
            "ContactHistory": lambda: self._history("Contact", {"OwnerId": "Owner"}),
            "Account": lambda: Accounts(self.world),
            "Opportunity": partial(_same, opportunities),
            "OpportunityHistory": deals.history,
            "OpportunityFieldHistory": deals.field_history,
            "OpportunityContactRole": deals.roles,
            "OpportunityLineItem": deals.items,
            "OpportunitySplit": deals.splits,
            "Task": lambda: Activities(Links(self.people()), "Task"),
            "Event": lambda: Activities(Links(self.people()), "Event"),
            "EventRelation": lambda: Activities(Links(self.people()), "Event").relations(),
            "EmailMessage": lambda: Mails(Links(self.people())),
            "EmailMessageRelation": lambda: Mails(Links(self.people())).relations(),
            "Campaign": lambda: campaigns(self.people()),
            "CampaignMember": lambda: members(self.people()),
        }

    def _history(self, parent: str, tracked: Mapping[str, str]) -> Children:
        persons = Persons(self.people(), parent)
        names = {user_of(self.world, user.index): user.name for user in self.world.users}
        names[user_of(self.world, None)] = "Platform Integration User"
        names[INBOUND_QUEUE] = "Inbound Leads"
        told = FieldHistory(persons, f"{parent}Id", persons.id, tracked, names.__getitem__).told
        base = 0 if parent == "Lead" else CONTACT_HISTORY_BASE
        return Children(f"{parent}History", len(persons), told, base)


def _same(records: Records) -> Records:
    return records


def _permitted(every: Mapping[str, SObject], switches: frozenset[str]) -> dict[str, SObject]:
    """The objects and fields that are left when switches take some away."""
    taken = {each.removeprefix(WITHOUT) for each in switches if each.startswith(WITHOUT)}
    if SINGLE_CURRENCY in switches:
        taken.update(CURRENCY_OBJECTS)
        taken.update(f"{name}.CurrencyIsoCode" for name in every)
        taken.add("User.DefaultCurrencyIsoCode")
    return {
        name: SObject(
            name,
            {
                field.name: field
                for field in sobject.fields.values()
                if f"{name}.{field.name}" not in taken
            },
            sobject.in_bulk,
        )
        for name, sobject in every.items()
        if name not in taken
    }
