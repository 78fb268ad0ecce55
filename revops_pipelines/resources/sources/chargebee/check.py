"""Can every stream be read with the key at hand, and if not, what mends it.

Belongs here: one line per list for `revops check`. Does not: pulling.
"""

from __future__ import annotations

from collections.abc import Sequence

from revops_pipelines.engine.declarations import Reach
from revops_pipelines.engine.ingest.errors import (
    CredentialsRefusedError,
    IngestError,
    PermissionMissingError,
    RequestRefusedError,
)
from revops_pipelines.engine.ingest.http import HttpClient
from revops_pipelines.resources.sources.chargebee.pull import Page
from revops_pipelines.resources.sources.chargebee.streams import (
    FEEDS,
    FIRST_CATALOG,
    SECOND_CATALOG,
)

# What a read-only key may be restricted to, in the words of Chargebee's settings.
# Source: https://www.chargebee.com/docs/api_keys.html
_CATALOG = frozenset({"coupons", "items", "item_prices", "plans", "addons"})


def check(client: HttpClient) -> Sequence[Reach]:
    """Ask each list for one record; of the two catalogs one answers."""
    found = [_reach(client, feed.path) for feed in FEEDS.values()]
    second = [_reach(client, feed.path) for feed in SECOND_CATALOG.values()]
    if all(reach.ok for reach in second):
        return [*found, *second]
    first = [_reach(client, feed.path) for feed in FIRST_CATALOG.values()]
    if not all(reach.ok for reach in first):
        return [*found, *second]
    told = 'readable; set product_catalog = "1.0" if it is not'
    return [*found, *(Reach(reach.subject, True, told) for reach in first)]


def _reach(client: HttpClient, path: str) -> Reach:
    try:
        client.read(Page, f"/api/v2/{path}", params={"limit": "1"})
    except PermissionMissingError as error:
        return Reach(path, False, str(error), _grant(path))
    except CredentialsRefusedError as error:
        return Reach(path, False, str(error), "set CHARGEBEE_API_KEY to a key of this very site")
    except RequestRefusedError as error:
        return Reach(path, False, str(error), _remedy(error))
    except IngestError as error:
        return Reach(path, False, str(error), "check site and base_url, then try again")
    return Reach(path, True, "readable")


def _grant(path: str) -> str:
    kind = "product catalog data" if path in _CATALOG else "transactional data"
    return f"use a Read-only key with access to {kind} (or Read all), not a publishable key"


def _remedy(error: RequestRefusedError) -> str:
    if error.code == "configuration_incompatible":
        return 'set product_catalog to the one that the site has: "1.0" or "2.0"'
    return "check site and base_url: the site does not know this list"
