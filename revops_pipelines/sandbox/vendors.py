"""Which vendors the sandbox can play: every package in its folder that has an app and keys.

Belongs here: finding them. Does not: what they answer. A vendor's package exposes `build_app(world,
clock, options)`, its server's app in the frame, and `KEYS`, the credentials by the names that the
source's secrets have. A CRM's package also exposes `CRM`: how other systems refer to its accounts.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Protocol, cast

from revops_pipelines import sandbox
from revops_pipelines.sandbox.clock import SandboxClock
from revops_pipelines.sandbox.frame import Crm, Framed, Options

if TYPE_CHECKING:
    from revops_pipelines.sandbox.world.world import World

# What most companies of this size run, and what the demo shows.
USUAL = ("hubspot", "marketo", "stripe")


class UnknownVendorError(Exception):
    """The sandbox plays no such vendor; the message names those that it does."""


class Vendor(Protocol):
    """A vendor's package."""

    KEYS: Mapping[str, str]

    def build_app(self, world: World, clock: SandboxClock, options: Options) -> Framed:
        """The vendor's API over one company."""


def vendors() -> tuple[str, ...]:
    """Names of all vendors that the sandbox can play."""
    folders = (each.name for each in pkgutil.iter_modules(sandbox.__path__) if each.ispkg)
    return tuple(sorted(name for name in folders if name != "world"))


def vendor(name: str) -> Vendor:
    """A vendor's package, imported when it is asked for. Raises UnknownVendorError."""
    if name not in vendors():
        raise UnknownVendorError(f"the sandbox plays no {name!r}; it has {', '.join(vendors())}")
    return cast(Vendor, importlib.import_module(f"{sandbox.__name__}.{name}"))


def crm_of(chosen: Iterable[Vendor]) -> Crm:
    """The CRM among them, the first if there are two; HubSpot where there is none."""
    stated = (getattr(each, "CRM", None) for each in chosen)
    return next((crm for crm in stated if isinstance(crm, Crm)), Crm())
