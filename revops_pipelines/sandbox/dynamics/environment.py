"""One world as a Dataverse environment: a shelf of rows for every table.

Belongs here: putting the tables together, each when it is first asked for. Does not: answers.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import RLock

from revops_pipelines.sandbox.clock import SandboxClock
from revops_pipelines.sandbox.dynamics import deals, marketing
from revops_pipelines.sandbox.dynamics.activities import Parties, Told, activities
from revops_pipelines.sandbox.dynamics.audits import AUDITED, Audits
from revops_pipelines.sandbox.dynamics.company import Company
from revops_pipelines.sandbox.dynamics.deals import Opportunities
from revops_pipelines.sandbox.dynamics.people import Contacts, Leads, People
from revops_pipelines.sandbox.dynamics.shelf import Kind, Rows, Shelf
from revops_pipelines.sandbox.dynamics.story import epoch_ms
from revops_pipelines.sandbox.world.world import World


class Environment:
    """The tables of one world, by logical name; safe across threads."""

    def __init__(self, world: World, clock: SandboxClock) -> None:
        self.world = world
        self.clock = clock
        self._lock = RLock()
        self._shelves: dict[str, Shelf] = {}
        self._parts: dict[str, Callable[[], Kind]] | None = None

    def now(self) -> int:
        """Epoch milliseconds by the sandbox's clock."""
        return epoch_ms(self.clock.now())

    def shelf(self, name: str) -> Shelf:
        """A table's rows."""
        with self._lock:
            if self._parts is None:
                self._parts = self._makers()
            if name not in self._shelves:
                self._shelves[name] = Shelf(self._parts[name]())
            return self._shelves[name]

    def parties(self) -> Parties:
        """Who took part in activities, to be found by activity."""
        kind = self.shelf("activityparty").kind
        assert isinstance(kind, Parties)
        return kind

    def _makers(self) -> dict[str, Callable[[], Kind]]:
        company = Company(self.world)
        people = People(company)
        told = Told(people)
        makers: dict[str, Callable[[], Kind]] = {
            "lead": lambda: Leads(people),
            "contact": lambda: Contacts(people),
            "opportunity": lambda: Opportunities(people),
            "activityparty": lambda: Parties(told),
            "audit": lambda: Audits([self.shelf(name) for name in AUDITED]),
        }
        for kind in activities(told):
            makers[kind.name] = lambda kind=kind: kind  # type: ignore[misc]
        for name, rows in company.tables().items():
            makers[name] = lambda name=name, rows=rows: Rows(name, rows)  # type: ignore[misc]
        made = {
            "opportunityclose": lambda: deals.closes(company, self.world.deals),
            "opportunityproduct": lambda: deals.lines(company, self.world.deals),
            "product": lambda: deals.products(company),
            "connection": lambda: deals.stakeholders(people),
            "connectionrole": lambda: deals.roles(company),
            "campaign": lambda: marketing.campaigns(company),
            "campaignresponse": lambda: marketing.responses(people),
            "goal": lambda: marketing.goals(company),
            "metric": lambda: marketing.metrics(company),
        }
        for name, rows_of in made.items():
            makers[name] = lambda name=name, rows_of=rows_of: Rows(name, list(rows_of()))  # type: ignore[misc]
        return makers
