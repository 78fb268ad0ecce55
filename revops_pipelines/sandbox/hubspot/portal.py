"""The portal: all that the endpoints read from.

Belongs here: tables, renderers and associations of one world, and the clock. Does not: HTTP.
"""

from __future__ import annotations

import re
from typing import Any

from revops_pipelines.sandbox.clock import SandboxClock
from revops_pipelines.sandbox.hubspot.associations import Associations
from revops_pipelines.sandbox.hubspot.contacts import Companies, Contacts
from revops_pipelines.sandbox.hubspot.deals import Deals
from revops_pipelines.sandbox.hubspot.engagements import engagements
from revops_pipelines.sandbox.hubspot.errors import not_found
from revops_pipelines.sandbox.hubspot.goals import Forecasts, GoalTargets
from revops_pipelines.sandbox.hubspot.line_items import LineItems
from revops_pipelines.sandbox.hubspot.marketing import MarketingShelf
from revops_pipelines.sandbox.hubspot.properties import object_type
from revops_pipelines.sandbox.hubspot.render import Renderer
from revops_pipelines.sandbox.hubspot.story import epoch_ms
from revops_pipelines.sandbox.hubspot.table import Kind, Table
from revops_pipelines.sandbox.world.world import World

VERSION = re.compile(r"^(v3|v4|\d{4}-\d{2})$")


class Portal:
    """One simulated HubSpot account."""

    def __init__(self, world: World, clock: SandboxClock, search_lag_seconds: float = 0.0) -> None:
        self.world = world
        self.clock = clock
        self._lag = int(search_lag_seconds * 1_000)
        kinds: list[Kind] = [Contacts(world), Companies(world), Deals(world), *engagements(world)]
        kinds += [LineItems(world), GoalTargets(world), Forecasts(world)]
        self.tables = {kind.name: Table(kind) for kind in kinds}
        self.renderers = {name: Renderer(table) for name, table in self.tables.items()}
        self.associations = Associations(world, self.tables)
        self._marketing: MarketingShelf | None = None

    @property
    def marketing(self) -> MarketingShelf:
        """Marketing's things, arranged when they are first asked for."""
        if self._marketing is None:
            self._marketing = MarketingShelf(self.world)
        return self._marketing

    def now(self) -> int:
        """Epoch milliseconds of the sandbox's clock."""
        return epoch_ms(self.clock.now())

    def seconds(self) -> int:
        """The same in whole seconds, as marketing counts."""
        return self.now() // 1_000

    def searched_now(self) -> int:
        """As far as the search index has come."""
        return self.now() - self._lag

    def kind(self, parameters: dict[str, Any], name: str = "object_type") -> str:
        """The type of record that a path names; 404 for one that does not exist."""
        if not VERSION.match(parameters.get("version", "v3")):
            raise not_found()
        kind = object_type(parameters[name])
        if kind is None:
            raise not_found(f"Unable to infer object type from: {parameters[name]}")
        return kind

    def resolve(self, kind: str, id_: str, now: int) -> int | None:
        """Position of a record by id; of a contact merged away, its survivor's."""
        if not id_.isdigit():
            return None
        position = self.tables[kind].find(int(id_))
        if position is None or int(self.tables[kind].born[position]) > now:
            return None
        return self.associations.survivor(position, now) if kind == "contacts" else position
