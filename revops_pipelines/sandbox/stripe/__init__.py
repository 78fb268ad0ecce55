"""A Stripe API over the simulated company, version 2026-10-28.endive.

Belongs here: putting the app into the frame. Does not: what it answers (`app.py`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from revops_pipelines.sandbox.clock import SandboxClock
from revops_pipelines.sandbox.frame import Framed, Options, framed
from revops_pipelines.sandbox.stripe.app import StripeApp
from revops_pipelines.sandbox.stripe.replies import MANNERS

if TYPE_CHECKING:
    from revops_pipelines.sandbox.world.world import World

# No vendor would issue such a key, so that nobody mistakes it for a real one.
KEYS = {"api_key": "sandbox-stripe-key"}


def build_app(world: World, clock: SandboxClock, options: Options) -> Framed:
    """The app in its frame: bearer key, 100 calls a second, 429 with `rate_limit`."""
    app = StripeApp(world.billing, clock, options.crm)
    return framed("stripe", app, clock=clock, options=options, manners=MANNERS)
