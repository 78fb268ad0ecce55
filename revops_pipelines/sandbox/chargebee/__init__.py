"""A Chargebee API (v2) over the simulated company: the bills that Stripe's shows, in its shapes.

Belongs here: putting the app into the frame. Does not: what it answers (`app.py`).

Switches of `Options`: `chargebee.catalog_1` makes it a site on Product Catalog 1.0;
`chargebee.all_events` keeps events for ever instead of 90 days; with `chargebee.short_lists`
invoices show four of their lines at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from revops_pipelines.sandbox.chargebee.app import ChargebeeApp
from revops_pipelines.sandbox.chargebee.replies import API_KEY, MANNERS
from revops_pipelines.sandbox.clock import SandboxClock
from revops_pipelines.sandbox.frame import Framed, Options, framed

if TYPE_CHECKING:
    from revops_pipelines.sandbox.world.world import World

KEYS: Mapping[str, str] = {"api_key": API_KEY}
CATALOG_1, ALL_EVENTS = "chargebee.catalog_1", "chargebee.all_events"
SHORT_LISTS = "chargebee.short_lists"
MOST_LINES, FEW_LINES = 300, 4


def build_app(world: World, clock: SandboxClock, options: Options) -> Framed:
    """The app in its frame: basic auth, 3,500 calls a minute, 429 `api_request_limit_exceeded`."""
    app = ChargebeeApp(
        world.billing,
        clock,
        is_first_catalog=options.on(CATALOG_1),
        keeps_events=options.on(ALL_EVENTS),
        lines_shown=FEW_LINES if options.on(SHORT_LISTS) else MOST_LINES,
        crm=options.crm,
    )
    return framed("chargebee", app, clock=clock, options=options, manners=MANNERS)
