"""Can every stream be read, and if not, what mends it.

Belongs here: two small requests per object. Does not: whether the data is good.
"""

from __future__ import annotations

from collections.abc import Sequence

from revops_pipelines.engine.declarations import Reach, Stream
from revops_pipelines.engine.ingest.errors import (
    AddressRefusedError,
    CredentialsRefusedError,
    IngestError,
    PermissionMissingError,
    QuotaExhaustedError,
    RequestRefusedError,
)
from revops_pipelines.resources.sources.salesforce.client import Salesforce
from revops_pipelines.resources.sources.salesforce.objects import OBJECTS
from revops_pipelines.resources.sources.salesforce.reading import Query, seen
from revops_pipelines.resources.sources.salesforce.schema import (
    Gap,
    describe,
    gap_of,
    hidden_fields,
)
from revops_pipelines.resources.sources.salesforce.streams import streams

_APP = "Salesforce > Setup > External Client Apps"
_RIGHTS = "the integration user's permission set (Setup > Permission Sets)"
_NAMES = {each.stream: each for each in OBJECTS}


def check(api: Salesforce) -> Sequence[Reach]:
    """One line per stream; a refused login ends the check, since nothing else can be told."""
    found: list[Reach] = []
    for stream in streams(api.options):
        try:
            found.append(_look_at(api, stream))
        except IngestError as error:
            found.append(Reach(stream.name, False, str(error), _remedy(api, error, stream.scopes)))
            if isinstance(error, CredentialsRefusedError | AddressRefusedError):
                break
    return found


def _look_at(api: Salesforce, stream: Stream) -> Reach:
    """Ask for as little as shows that the stream can be read, and what of it is hidden."""
    if stream.name == "fields":
        return Reach(stream.name, True, "readable, with each object's description")
    each = _NAMES.get(stream.name)
    name = each.name if each is not None else "Organization"
    described = describe(api, name)
    if isinstance(described, Gap):
        return Reach(stream.name, False, described.reason, _grant(stream.scopes))
    try:
        seen(api, Query(name, described.fields[:1], ""))
    except RequestRefusedError as error:
        gap = gap_of(name, error)
        if gap is None:
            raise
        return Reach(stream.name, False, gap.reason, _grant(stream.scopes))
    needed = [field.field for field in each.columns if not field.is_optional] if each else []
    hidden = hidden_fields(described, needed)
    if hidden:
        detail = f"readable, but not {', '.join(hidden)}"
        return Reach(stream.name, False, detail, f"grant these fields of {name} in {_RIGHTS}")
    return Reach(stream.name, True, f"readable, {len(described.fields)} fields")


def _grant(scopes: Sequence[str]) -> str:
    return f"grant {', '.join(scopes)} in {_RIGHTS}; without, the stream stays empty"


def _remedy(api: Salesforce, error: IngestError, scopes: Sequence[str]) -> str:
    if isinstance(error, CredentialsRefusedError):
        return (
            f"see the app's key, secret, flow and user in {_APP}, and SALESFORCE_CLIENT_ID and "
            "SALESFORCE_CLIENT_SECRET"
        )
    if isinstance(error, PermissionMissingError):
        return f"grant API Enabled and {', '.join(scopes) or 'the object'} in {_RIGHTS}"
    if isinstance(error, QuotaExhaustedError):
        return "wait: calls of the last 24 hours count; or buy more, or lower spare_calls"
    return f"look at status.salesforce.com, and at base_url and api_version in [sources.{api.name}]"
