"""Marketo as the sandbox plays it: the app and its manners."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.applications import Starlette

from revops_pipelines.sandbox.clock import SandboxClock
from revops_pipelines.sandbox.frame import Framed, Manners, Options, framed

if TYPE_CHECKING:
    from revops_pipelines.sandbox.world.world import World


def build_app(world: World, clock: SandboxClock, options: Options) -> Framed:
    """Marketo's REST and bulk APIs over one simulated company."""
    manners = Manners(authenticate=lambda call: None)
    return framed("marketo", Starlette(), clock=clock, options=options, manners=manners)
