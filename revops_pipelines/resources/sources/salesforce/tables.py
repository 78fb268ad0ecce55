"""Pulling what is small: stages, record types, currencies, fields. Read whole each time.

Belongs here: one function per kind of table. Does not: records that grow (`pull.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from revops_pipelines.engine.declarations import Pull
from revops_pipelines.engine.ingest.errors import RequestRefusedError
from revops_pipelines.engine.ingest.nights import tell_night
from revops_pipelines.resources.sources.salesforce.client import Salesforce
from revops_pipelines.resources.sources.salesforce.pull import end_empty, read_whole
from revops_pipelines.resources.sources.salesforce.schema import (
    Described,
    describe,
    gap_of,
)


def table_puller(name: str, needed: Sequence[str]) -> Callable[[Pull], None]:
    """The `pull` of an object that is read whole; what is not in it any more is gone."""

    def pull(job: Pull) -> None:
        api: Salesforce = job.client
        described = describe(api, name)
        if isinstance(described, Described):
            try:
                read_whole(job, api, described, needed)
                return
            except RequestRefusedError as error:
                gap = gap_of(name, error)
                if gap is None:
                    raise
                described = gap
        end_empty(job, described)

    return pull


def pull_organization(job: Pull) -> None:
    """The org's own record.

    As the first stream that no pulse pulls, this one also tells the others so.
    """
    tell_night(job)
    table_puller("Organization", ())(job)


def field_puller(names: Sequence[str]) -> Callable[[Pull], None]:
    """The pull of the fields of those objects, as far as this user sees them."""

    def pull(job: Pull) -> None:
        api: Salesforce = job.client
        for name in names:
            described = describe(api, name)
            if isinstance(described, Described):
                job.write(
                    [
                        msgspec.json.encode({"object": name, **msgspec.to_builtins(each)})
                        for each in described.fields
                    ]
                )
        job.complete_ids(())
        job.finish({})

    return pull
