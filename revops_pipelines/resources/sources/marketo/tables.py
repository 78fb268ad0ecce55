"""Pulling what is small and read whole: activity types and programs with their costs.

Belongs here: those two streams, and what programs tell of the subscription's age. Does not: leads
and activities (`pull.py`).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec

from revops_pipelines.engine.declarations import Pull
from revops_pipelines.resources.sources.marketo.client import Marketo, Page


class _Type(msgspec.Struct):
    id: int


class _Program(msgspec.Struct, rename="camel"):
    """What of a program is read while pulling; the list of some subscriptions has no costs."""

    id: int
    updated_at: str = ""
    costs: msgspec.Raw = msgspec.Raw()


def pull_activity_types(job: Pull) -> None:
    """All types of activity, anew each time."""
    api: Marketo = job.client
    found = api.activity_types()
    job.write(bytes(record) for record in found)
    job.complete_ids((str(msgspec.json.decode(record, type=_Type).id),) for record in found)
    job.finish({})


def pull_programs(job: Pull) -> None:
    """All programs, anew each time; costs one by one where the list leaves them out."""
    api: Marketo = job.client
    since = job.cursor.get("until")
    known: list[str] = []
    for page in api.programs(job.reject):
        programs = [(msgspec.json.decode(record, type=_Program), record) for record in page]
        job.write(bytes(record) for program, record in programs if _is_whole(api, program))
        lacking = [program for program, _ in programs if not _is_whole(api, program)]
        job.each(
            lambda program: job.write(_one(api, program.id)),
            [program for program in lacking if _changed(api, program, since)],
        )
        known += [str(program.id) for program, _ in programs]
        job.progress(len(known))
    job.complete_ids((identifier,) for identifier in known)
    job.finish({"until": (api.http.server_now() or job.now).isoformat()})


def _is_whole(api: Marketo, program: _Program) -> bool:
    return bool(bytes(program.costs)) or not api.options.costs_by_id


def _changed(api: Marketo, program: _Program, since: str | None) -> bool:
    if since is None:
        return True
    look_back = timedelta(minutes=api.options.look_back_minutes)
    return asset_moment(program.updated_at) >= datetime.fromisoformat(since) - look_back


def _one(api: Marketo, program_id: int) -> list[bytes]:
    page: Page = api.get(Page, f"/rest/asset/v1/program/{program_id}.json")
    return [bytes(record) for record in page.result]


def asset_moment(text: str) -> datetime:
    """An asset's instant: the vendor adds an offset to one that ends in Z already.

    >>> asset_moment("2015-05-21T22:45:13Z+0000").isoformat()
    '2015-05-21T22:45:13+00:00'
    """
    return datetime.fromisoformat(text.replace("Z+0000", "+00:00")).astimezone(UTC)
