"""Speaking to HubSpot about marketing: where things are, and their envelopes.

Belongs here: paths by API version, the shapes of pages that differ from the CRM's. Does not: limits
and the reading of errors, which are the CRM connector's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, cast

import msgspec

from revops_pipelines.resources.sources.hubspot.client import HubSpot, connect
from revops_pipelines.resources.sources.hubspot_marketing.options import HubSpotMarketingOptions

__all__ = ["Events", "Found", "MarketingPaths", "connect", "options_of", "paths_of"]

EVENTS = "/email/public/v1/events"


class _Listed(msgspec.Struct, rename="camel"):
    list_id: str


class _Event(msgspec.Struct):
    id: str
    created: int


class Events(msgspec.Struct, rename="camel"):
    """A page of e-mail events."""

    RECORD: ClassVar[type] = _Event

    events: list[msgspec.Raw]
    has_more: bool = False
    offset: str = ""


class Found(msgspec.Struct, rename="camel"):
    """A page of lists."""

    RECORD: ClassVar[type] = _Listed

    lists: list[msgspec.Raw]
    has_more: bool = False
    offset: int = 0
    total: int = 0


@dataclass(frozen=True, slots=True)
class MarketingPaths:
    """Where things are in one version of the API.

    >>> MarketingPaths("2026-09", "v3").campaigns(), MarketingPaths("v3", "v3").campaigns()
    ('/marketing/campaigns/2026-09', '/marketing/v3/campaigns')
    """

    version: str
    forms_version: str

    def campaigns(self) -> str:
        """Campaigns; `/batch/read`, `/{id}/assets/{type}`, `/{id}/budget/totals` hang below."""
        return _marketing("campaigns", self.version)

    def emails(self) -> str:
        """Marketing e-mails."""
        return _marketing("emails", self.version)

    def forms(self) -> str:
        """Forms."""
        return _marketing("forms", self.forms_version)

    def submissions(self, form: str) -> str:
        """What was sent in by a form; there is one version only."""
        return f"/form-integrations/v1/submissions/forms/{form}"

    def lists(self) -> str:
        """Lists; `/search` and `/{id}/memberships` hang below."""
        return "/crm/v3/lists" if self.version == "v3" else f"/crm/lists/{self.version}"


def _marketing(kind: str, version: str) -> str:
    return f"/marketing/v3/{kind}" if version == "v3" else f"/marketing/{kind}/{version}"


def options_of(api: HubSpot) -> HubSpotMarketingOptions:
    """The options of a connected account; `connect` was given no others."""
    return cast(HubSpotMarketingOptions, api.options)


def paths_of(api: HubSpot) -> MarketingPaths:
    """Where the account's things are."""
    options = options_of(api)
    return MarketingPaths(options.api_version, options.forms_version)
