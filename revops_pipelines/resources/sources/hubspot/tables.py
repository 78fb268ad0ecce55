"""Pulling what is small: owners, pipelines, properties, rates, the account. Read whole each time.

Belongs here: one function per table. Does not: CRM records (`pull.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from revops_pipelines.engine.declarations import Pull
from revops_pipelines.engine.ingest.nights import tell_night
from revops_pipelines.resources.sources.hubspot.client import HubSpot
from revops_pipelines.resources.sources.hubspot.reading import Page, pages

_PAGE = {"limit": 100}


class _Named(msgspec.Struct):
    name: str


def pull_owners(job: Pull) -> None:
    """Owners who are active and, in a list of their own, those who were deactivated."""
    api: HubSpot = job.client
    for archived in ("false", "true"):
        for page in pages(api, api.paths.owners(), {**_PAGE, "archived": archived}, job.reject):
            job.write(bytes(record) for record in page.results)
    job.finish({})


def pull_pipelines(job: Pull) -> None:
    """Pipelines of deals. Deleted ones are no longer listed and stay as they were last seen.

    As the first stream that no pulse pulls, this one also tells the others so.
    """
    tell_night(job)
    api: HubSpot = job.client
    page = api.get(Page, api.paths.pipelines("deals"), None, job.reject)
    job.write(bytes(record) for record in page.results)
    job.finish({})


def property_puller(kinds: Sequence[str]) -> Callable[[Pull], None]:
    """The pull of the fields of those types of record."""

    def pull(job: Pull) -> None:
        api: HubSpot = job.client
        known: list[tuple[str, str]] = []

        for kind in kinds:
            page = api.get(Page, api.paths.properties(kind), None, job.reject)
            job.write(_of_kind(kind, bytes(record)) for record in page.results)
            known.extend(
                (kind, msgspec.json.decode(record, type=_Named).name) for record in page.results
            )
        job.complete_ids(known)
        job.finish({})

    return pull


def _of_kind(kind: str, record: bytes) -> bytes:
    """A property does not say what it is a property of; its path did.

    >>> _of_kind("deals", b'{"name":"amount"}')
    b'{"objectType":"deals","name":"amount"}'
    """
    return b'{"objectType":"%b",%b' % (kind.encode(), record.lstrip()[1:])


def pull_exchange_rates(job: Pull) -> None:
    """All rates there ever were, into the company's currency."""
    api: HubSpot = job.client
    for page in pages(api, api.paths.exchange_rates(), _PAGE, job.reject):
        job.write(bytes(record) for record in page.results)
    job.finish({})


def pull_account(job: Pull) -> None:
    """The account's own record."""
    api: HubSpot = job.client
    job.write([bytes(api.get(msgspec.Raw, api.paths.account()))])
    job.finish({})
