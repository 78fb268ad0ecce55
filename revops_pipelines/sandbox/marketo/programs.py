"""Programs: browsed by offset, or one by id.

Belongs here: the answers under /rest/asset/v1/program(s). Under the switch `marketo.costs_by_id`
the list leaves out costs and tags, as its published schema does.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from revops_pipelines.sandbox.frame import Options
from revops_pipelines.sandbox.marketo.answers import MarketoError, batch_size, moment_of, success
from revops_pipelines.sandbox.marketo.database import Database
from revops_pipelines.sandbox.marketo.records import program_record

COSTS_BY_ID_SWITCH = "marketo.costs_by_id"
# The vendor returns 20 unless asked for more, and 200 at most.
PAGE, LARGEST_PAGE = "20", 200


class Programs:
    """The endpoints."""

    def __init__(self, database: Database, options: Options) -> None:
        self._database = database
        self._list_costs = not options.on(COSTS_BY_ID_SWITCH)

    async def browse(self, request: Request) -> Response:
        """GET /rest/asset/v1/programs.json; past the end there is a warning and no result."""
        query = {"maxReturn": PAGE, **request.query_params}
        most = batch_size(query, "maxReturn", LARGEST_PAGE)
        offset = query.get("offset", "0")
        if not offset.isdigit():
            raise MarketoError("701", "offset must be a number")
        since = moment_of(query["earliestUpdatedAt"]) if "earliestUpdatedAt" in query else 0
        now = self._database.now()
        found = [
            program
            for program in self._database.programs
            if program.created_at <= now
            and max([program.created_at, *(c.seen_at for c in program.costs if c.seen_at <= now)])
            >= since
        ]
        page = found[int(offset) : int(offset) + most]
        if not page:
            return success(warnings=["No assets found for the given search criteria."])
        return success(
            [program_record(each, now, browsed=True, costs=self._list_costs) for each in page]
        )

    async def by_id(self, request: Request) -> Response:
        """GET /rest/asset/v1/program/{id}.json."""
        now = self._database.now()
        for program in self._database.programs:
            if str(program.program_id) == request.path_params["number"]:
                if program.created_at <= now:
                    return success([program_record(program, now, browsed=False, costs=True)])
                break
        return success(warnings=["No assets found for the given search criteria."])
