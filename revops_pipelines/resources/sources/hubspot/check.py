"""Can every stream be read, and if not, what mends it.

Belongs here: one small request per stream. Does not: whether the data is good.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import msgspec

from revops_pipelines.engine.declarations import Reach
from revops_pipelines.engine.ingest.errors import (
    CredentialsRefusedError,
    IngestError,
    PermissionMissingError,
    QuotaExhaustedError,
    RequestRefusedError,
)
from revops_pipelines.resources.sources.hubspot.client import HubSpot
from revops_pipelines.resources.sources.hubspot.options import HubSpotOptions
from revops_pipelines.resources.sources.hubspot.streams import OBJECT_KINDS, streams

_APP = "HubSpot > Settings > Integrations > Private Apps"


def check(api: HubSpot) -> Sequence[Reach]:
    """One line per stream; a refused token ends the check, since nothing else can be told."""
    found: list[Reach] = []
    # `connect` was given no others.
    for stream in streams(cast(HubSpotOptions, api.options)):
        try:
            detail = _look_at(api, stream.name)
        except IngestError as error:
            found.append(Reach(stream.name, False, str(error), remedy(error, stream.scopes)))
            if isinstance(error, CredentialsRefusedError):
                break
        else:
            found.append(Reach(stream.name, True, detail))
    return found


def _look_at(api: HubSpot, stream: str) -> str:
    """Ask for as little as shows that the stream can be read."""
    paths = api.paths
    single = {
        "owners": paths.owners(),
        "pipelines": paths.pipelines("deals"),
        "properties": paths.properties("contacts"),
        "exchange_rates": paths.exchange_rates(),
        "account": paths.account(),
    }
    if stream not in OBJECT_KINDS:
        api.get(msgspec.Raw, single[stream])
        return "readable"
    api.get(msgspec.Raw, paths.objects(stream), {"limit": 1})
    try:
        api.get(msgspec.Raw, paths.objects(stream), {"limit": 1, "archived": "true"})
    except RequestRefusedError as error:
        if error.status != 400:
            raise
        days = f"{api.options.full_every_days:g}"
        return f"readable; archived ones are not listed, deletes are found every {days} days"
    return "readable"


def remedy(error: IngestError, scopes: Sequence[str]) -> str:
    """What to do about an error, in words for who runs this."""
    if isinstance(error, CredentialsRefusedError):
        return f"make a new access token in {_APP} and put it into HUBSPOT_ACCESS_TOKEN"
    if isinstance(error, PermissionMissingError):
        return f"grant {' and '.join(scopes) or 'the scope'} to the private app in {_APP}"
    if isinstance(error, QuotaExhaustedError):
        return "wait until midnight in the account's time zone, or ask less often"
    return "look at status.hubspot.com and at base_url in revops.toml"
