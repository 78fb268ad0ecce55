"""Can every stream be read, and if not, what mends it.

Belongs here: one small request per stream. Does not: whether the data is good.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from revops_pipelines.engine.declarations import Reach
from revops_pipelines.engine.ingest.errors import CredentialsRefusedError, IngestError
from revops_pipelines.resources.sources.hubspot.check import remedy
from revops_pipelines.resources.sources.hubspot.client import HubSpot
from revops_pipelines.resources.sources.hubspot.reading import Page
from revops_pipelines.resources.sources.hubspot_marketing.client import (
    EVENTS,
    Found,
    options_of,
    paths_of,
)
from revops_pipelines.resources.sources.hubspot_marketing.streams import streams


class _Id(msgspec.Struct):
    id: str


class _ListId(msgspec.Struct, rename="camel"):
    list_id: str


def check(api: HubSpot) -> Sequence[Reach]:
    """One line per stream; a refused token ends the check, since nothing else can be told."""
    found: list[Reach] = []
    for stream in streams(options_of(api)):
        try:
            detail = _LOOKS[stream.name](api)
        except IngestError as error:
            found.append(Reach(stream.name, False, str(error), remedy(error, stream.scopes)))
            if isinstance(error, CredentialsRefusedError):
                break
        else:
            found.append(Reach(stream.name, True, detail))
    return found


def _first(api: HubSpot, path: str) -> str | None:
    """The identifier of a list's first entry."""
    page = api.get(Page, path, {"limit": 1})
    return msgspec.json.decode(page.results[0], type=_Id).id if page.results else None


def _campaigns(api: HubSpot) -> str:
    page = api.get(Page, paths_of(api).campaigns(), {"limit": 1})
    return f"readable; {page.total} campaigns"


def _money(api: HubSpot) -> str:
    campaign = _first(api, paths_of(api).campaigns())
    if campaign is None:
        return "no campaign to look at"
    api.get(msgspec.Raw, f"{paths_of(api).campaigns()}/{campaign}/budget/totals")
    return "readable"


def _assets(api: HubSpot) -> str:
    campaign = _first(api, paths_of(api).campaigns())
    if campaign is None:
        return "no campaign to look at"
    body = {"inputs": [{"id": campaign}]}
    api.post(msgspec.Raw, f"{paths_of(api).campaigns()}/batch/read", body)
    return "readable"


def _submissions(api: HubSpot) -> str:
    form = _first(api, paths_of(api).forms())
    if form is None:
        return "no form to look at"
    api.get(Page, paths_of(api).submissions(form), {"limit": 1})
    return "readable"


def _events(api: HubSpot) -> str:
    api.get(msgspec.Raw, EVENTS, {"limit": 1})
    return "readable; the API that it comes from has no dated version"


def _lists(api: HubSpot) -> Found:
    body = {"query": "", "count": 1, "offset": 0}
    return api.post(Found, f"{paths_of(api).lists()}/search", body)


def _members(api: HubSpot) -> str:
    lists = _lists(api).lists
    if not lists:
        return "no list to look at"
    first = msgspec.json.decode(lists[0], type=_ListId).list_id
    api.get(Page, f"{paths_of(api).lists()}/{first}/memberships", {"limit": 1})
    return "readable"


def _reads(path: Callable[[HubSpot], str]) -> Callable[[HubSpot], str]:
    def look(api: HubSpot) -> str:
        api.get(msgspec.Raw, path(api), {"limit": 1})
        return "readable"

    return look


_LOOKS: dict[str, Callable[[HubSpot], str]] = {
    "campaigns": _campaigns,
    "campaign_money": _money,
    "campaign_assets": _assets,
    "emails": _reads(lambda api: paths_of(api).emails()),
    "forms": _reads(lambda api: paths_of(api).forms()),
    "form_submissions": _submissions,
    "email_events": _events,
    "lists": lambda api: f"readable; {_lists(api).total} lists",
    "list_members": _members,
    "contacts": _reads(lambda api: api.paths.objects("contacts")),
    "properties": _reads(lambda api: api.paths.properties("contacts")),
    "account": _reads(lambda api: api.paths.account()),
}
