"""Can the site be read, and if not, what mends it.

Belongs here: two small queries. Does not: whether the data is good.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from revops_pipelines.engine.declarations import Reach
from revops_pipelines.engine.ingest.errors import (
    CredentialsRefusedError,
    IngestError,
    PermissionMissingError,
    RequestRefusedError,
    ThrottledError,
)
from revops_pipelines.resources.sources.plausible.client import Plausible
from revops_pipelines.resources.sources.plausible.pull import GOAL

_RECENT = "30d"


class _Row(msgspec.Struct):
    dimensions: list[Any]
    metrics: list[Any]


def check(api: Plausible) -> Sequence[Reach]:
    """The site's visits, and whether the goals that count are there."""
    found: list[Reach] = []
    try:
        found.append(_visits(api))
        found.append(_goals(api))
    except IngestError as error:
        subject = "conversions" if found else "visits"
        found.append(Reach(subject, False, str(error), _remedy(error)))
    return found


def _visits(api: Plausible) -> Reach:
    page = api.page({"metrics": ["visits"], "date_range": _RECENT})
    rows = [msgspec.json.decode(row, type=_Row) for row in page.results]
    visits = rows[0].metrics[0] if rows else 0
    return Reach("visits", True, f"readable; {visits:,} in the last 30 days")


def _goals(api: Plausible) -> Reach:
    query = {"metrics": ["events"], "dimensions": [GOAL], "date_range": _RECENT}
    rows = [msgspec.json.decode(row, type=_Row) for row in api.page(query).results]
    there = {str(row.dimensions[0]) for row in rows}
    silent = [goal for goal in api.options.goals if goal not in there]
    if silent or not there:
        which = ", ".join(silent) if silent else "any goal"
        return Reach(
            "conversions",
            False,
            f"no conversion of {which} in the last 30 days",
            "add the goals in Site settings > Goals, or correct goals in [sources.plausible]",
        )
    counted = ", ".join(api.options.goals or sorted(there))
    return Reach("conversions", True, f"counted are {counted}")


def _remedy(error: IngestError) -> str:
    if isinstance(error, CredentialsRefusedError):
        return (
            "make a Stats API key in Account settings > API keys for somebody who may see the "
            "site, and set PLAUSIBLE_API_KEY"
        )
    if isinstance(error, PermissionMissingError):
        return "the Stats API belongs to the Business plan: see Account settings > Subscription"
    if isinstance(error, ThrottledError):
        return "wait for the next hour, or ask Plausible for more requests"
    if isinstance(error, RequestRefusedError):
        return "look at site_id in [sources.plausible]"
    return "look at base_url in [sources.plausible], then try again"
