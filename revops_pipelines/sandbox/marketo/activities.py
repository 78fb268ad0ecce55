"""Activities, lead changes and deleted leads, from a date's token on.

Belongs here: the answers under /rest/v1/activities. Does not: bulk extracts (`exports.py`).

A call looks at a stretch of the log and returns what fits of it, so a page may be short or empty
while `moreResult` is true.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from revops_pipelines.sandbox.marketo.answers import (
    MarketoError,
    batch_size,
    listed,
    moment_of,
    needed,
    parts_of,
    query_of,
    success,
    token_of,
)
from revops_pipelines.sandbox.marketo.database import Database
from revops_pipelines.sandbox.marketo.records import (
    activity_record,
    change_record,
    changed_field,
    type_record,
)
from revops_pipelines.sandbox.world.marketing_shapes import (
    ACTIVITY_TYPES,
    DELETE,
    NEW_LEAD,
    POSITION,
    Activity,
)

MOST_TYPES, MOST_LEADS = 10, 30
# How many entries of the log one call looks at.
STRETCH = 1_000
DELETIONS_KEPT_SECONDS = 14 * 86_400


class Activities:
    """The endpoints."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def paging_token(self, request: Request) -> Response:
        """GET /rest/v1/activities/pagingtoken.json."""
        since = moment_of(needed(request.query_params, "sinceDatetime"))
        return success(nextPageToken=token_of(self._database.position(since)))

    async def types(self, request: Request) -> Response:
        """GET /rest/v1/activities/types.json."""
        return success([type_record(kind) for kind in ACTIVITY_TYPES])

    async def activities(self, request: Request) -> Response:
        """GET /rest/v1/activities.json."""
        query = query_of(request)
        needed(query, "activityTypeIds")
        types = {int(each) for each in listed(query, "activityTypeIds") if each.isdigit()}
        leads = {int(each) for each in listed(query, "leadIds") if each.isdigit()}
        if len(types) > MOST_TYPES:
            raise MarketoError("1003", f"Too many activity type ids: more than {MOST_TYPES}")
        if len(leads) > MOST_LEADS:
            raise MarketoError("1003", f"Too many lead ids: more than {MOST_LEADS}")

        def wanted(activity: Activity) -> bool:
            return activity.type_id in types and (not leads or activity.lead_id in leads)

        return self._page(request, wanted, activity_record)

    async def lead_changes(self, request: Request) -> Response:
        """GET /rest/v1/activities/leadchanges.json."""
        query = query_of(request)
        needed(query, "fields")
        fields = set(listed(query, "fields"))
        unknown = sorted(fields - POSITION.keys())
        if unknown:
            raise MarketoError("1006", f"Field '{unknown[0]}' not found")
        leads = {int(each) for each in listed(query, "leadIds") if each.isdigit()}

        def wanted(activity: Activity) -> bool:
            if leads and activity.lead_id not in leads:
                return False
            if activity.type_id == NEW_LEAD:
                return True
            return activity.type_id == 13 and changed_field(activity) in fields

        return self._page(request, wanted, change_record)

    async def deleted_leads(self, request: Request) -> Response:
        """GET /rest/v1/activities/deletedleads.json; what is older than 14 days is forgotten."""
        kept_from = self._database.now() - DELETIONS_KEPT_SECONDS

        def wanted(activity: Activity) -> bool:
            return activity.type_id == DELETE and activity.at >= kept_from

        return self._page(request, wanted, activity_record)

    def _page(
        self,
        request: Request,
        wanted: Callable[[Activity], bool],
        shown: Callable[[Activity], dict[str, Any]],
    ) -> Response:
        most = batch_size(request.query_params)
        (position,) = parts_of(needed(request.query_params, "nextPageToken"))
        result: list[dict[str, Any]] = []
        more = False
        end = position + STRETCH
        for here, activity in self._database.from_position(position):
            if here >= end or len(result) == most:
                more = True
                break
            position = here + 1
            if wanted(activity):
                result.append(shown(activity))
        return success(result, nextPageToken=token_of(position), moreResult=more)
