"""Pulling campaigns: what they are, what belongs to them, what they cost.

Belongs here: those three streams, read by night. Does not: mails, forms and people (`pull.py`).

HubSpot lists campaigns with the sums of their budget and spend, but item by item only one campaign
a call. A campaign's items are read while it runs, for a while after, whenever the campaign says
that it changed, and all of them now and then.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from revops_pipelines.engine.declarations import Pull
from revops_pipelines.engine.ingest.errors import RequestRefusedError
from revops_pipelines.engine.ingest.guards import reconcile
from revops_pipelines.engine.ingest.nights import EARLY, tell_night
from revops_pipelines.resources.sources.hubspot.client import HubSpot
from revops_pipelines.resources.sources.hubspot.pull import Tally
from revops_pipelines.resources.sources.hubspot.reading import Page, batches, pages
from revops_pipelines.resources.sources.hubspot_marketing.client import options_of, paths_of

SUMS = ("hs_budget_items_sum_amount", "hs_spend_items_sum_amount")
# What HubSpot's own campaigns have; `hs_` properties are the same in every account.
PROPERTIES = (
    "hs_name",
    "hs_start_date",
    "hs_end_date",
    "hs_campaign_status",
    "hs_utm",
    "hs_currency_code",
    *SUMS,
    "hs_owner",
)
CAMPAIGNS = "campaigns"
# The types of assets by which a touch is told to be a campaign's.
LIST_ASSET = "OBJECT_LIST"
ASSET_TYPES = ("FORM", "MARKETING_EMAIL", LIST_ASSET)


class Campaign(msgspec.Struct, rename="camel"):
    """What of a campaign is read while pulling."""

    id: str
    updated_at: str = ""
    properties: dict[str, Any] = {}

    def is_open(self, since: datetime, still: datetime) -> bool:
        """It changed since a moment, or had not ended by `still`, or never says when."""
        ends = self.properties.get("hs_end_date")
        changed = not self.updated_at or datetime.fromisoformat(self.updated_at) >= since
        return changed or not ends or datetime.fromisoformat(ends).replace(tzinfo=UTC) >= still

    def has_money(self) -> bool:
        """Something was planned or spent; a campaign that does not say is asked.

        >>> Campaign("1", properties={"hs_budget_items_sum_amount": "0.0"}).has_money()
        True
        >>> Campaign("1", properties=dict.fromkeys(SUMS, "0")).has_money()
        False
        """
        sums = [self.properties.get(name) for name in SUMS]
        return any(total is None or float(total) != 0 for total in sums)


class _Asset(msgspec.Struct):
    id: str
    name: str | None = None


class _Assets(msgspec.Struct):
    results: list[_Asset] = []
    paging: dict[str, Any] | None = None


class Asset(msgspec.Struct, rename="camel"):
    """Something that belongs to a campaign, as it is landed."""

    campaign_id: str
    asset_type: str
    asset_id: str
    name: str | None


class _Whole(msgspec.Struct):
    id: str
    assets: dict[str, _Assets] = {}


class _Batch(msgspec.Struct):
    results: list[_Whole]


def pull_campaigns(job: Pull) -> None:
    """All campaigns. As the first stream that no pulse pulls, this one also tells the others so."""
    tell_night(job)
    known: list[Campaign] = []
    total = 0
    for page in _listed(job):
        total = page.total
        job.write(bytes(record) for record in page.results)
        known.extend(msgspec.json.decode(record, type=Campaign) for record in page.results)
        job.progress(len(known), page.total or None)
    job.promised(total)
    job.share(CAMPAIGNS, known)
    job.complete_ids((campaign.id,) for campaign in known)
    job.finish({})


def _listed(job: Pull) -> Iterator[Page]:
    """Pages of campaigns. Raises VolumeAlarmError when they are fewer than their total."""
    api: HubSpot = job.client
    options = options_of(api)
    own = (options.channel_property, *options.campaign_properties)
    wanted = dict.fromkeys((*PROPERTIES, *(name for name in own if name)))
    params = {"limit": options.page_records, "properties": ",".join(wanted)}
    tally = Tally(job)
    came, promised = 0, 0
    for page in pages(api, paths_of(api).campaigns(), params, tally.reject):
        came, promised = came + len(page.results), page.total
        yield page
    reconcile(CAMPAIGNS, promised, came + tally.rejected)


def _campaigns(job: Pull) -> list[Campaign]:
    """The campaigns that the first stream found, or listed anew where it did not run."""
    try:
        found: list[Campaign] = job.fetched[CAMPAIGNS]
    except KeyError:
        return [
            msgspec.json.decode(record, type=Campaign)
            for page in _listed(job)
            for record in page.results
        ]
    return found


def pull_money(job: Pull) -> None:
    """Budget and spend of the campaigns whose items may have changed."""
    api: HubSpot = job.client
    options = options_of(api)
    campaigns = [campaign for campaign in _campaigns(job) if campaign.has_money()]
    at = api.http.server_now() or job.now
    cursor = dict(job.cursor) | {"until": at.isoformat()}
    full_at, until = job.cursor.get("full_at"), job.cursor.get("until")
    every = timedelta(days=options.full_every_days) - EARLY
    if until is None or full_at is None or job.now - datetime.fromisoformat(full_at) >= every:
        due = campaigns
        cursor["full_at"] = job.now.isoformat()
    else:
        since = datetime.fromisoformat(until) - timedelta(minutes=options.look_back_minutes)
        still = job.now - timedelta(days=options.spend_open_days)
        due = [campaign for campaign in campaigns if campaign.is_open(since, still)]
    job.each(lambda campaign: _read_money(job, campaign.id), due)
    job.complete_ids((campaign.id,) for campaign in campaigns)
    job.finish(cursor)


def _read_money(job: Pull, campaign: str) -> None:
    api: HubSpot = job.client
    path = f"{paths_of(api).campaigns()}/{campaign}/budget/totals"
    try:
        record = api.get(msgspec.Raw, path)
    except RequestRefusedError as error:
        if error.status != 404:
            raise
        job.delete((campaign,), None, "deleted")
        return
    job.write([of_parent("campaignId", campaign, bytes(record))])


def of_parent(name: str, parent: str, record: bytes) -> bytes:
    """A record that does not say what it belongs to; the path that it was read from did.

    >>> of_parent("campaignId", "7", b'{"spendTotal":1}')
    b'{"campaignId":"7","spendTotal":1}'
    """
    head = msgspec.json.encode({name: parent})[:-1]
    rest = record.strip()[1:].lstrip()
    return head + (rest if rest.startswith(b"}") else b"," + rest)


def pull_assets(job: Pull) -> None:
    """Forms, mails and lists of every campaign."""
    lists: list[str] = []

    def read(some: Sequence[str]) -> None:
        found = list(_assets(job, some))
        job.write(msgspec.json.encode(asset) for asset in found)
        job.complete_ids((each.campaign_id, each.asset_type, each.asset_id) for each in found)
        lists.extend(each.asset_id for each in found if each.asset_type == LIST_ASSET)

    job.complete_ids([])
    job.each(read, _batched(job))
    job.share(LIST_ASSET, set(lists))
    job.finish({})


def lists_of_campaigns(job: Pull) -> set[str]:
    """The lists that belong to campaigns, from the stream of assets or read anew."""
    try:
        found: set[str] = job.fetched[LIST_ASSET]
    except KeyError:
        return {
            asset.asset_id
            for some in _batched(job)
            for asset in _assets(job, some)
            if asset.asset_type == LIST_ASSET
        }
    return found


def _batched(job: Pull) -> Iterator[Sequence[str]]:
    ids = [campaign.id for campaign in _campaigns(job)]
    return batches(ids, options_of(job.client).campaign_batch)


def _assets(job: Pull, ids: Sequence[str]) -> Iterator[Asset]:
    api: HubSpot = job.client
    body = {"inputs": [{"id": identifier} for identifier in ids]}
    batch = api.post(_Batch, f"{paths_of(api).campaigns()}/batch/read", body)
    for campaign in batch.results:
        for kind in ASSET_TYPES:
            first = campaign.assets.get(kind) or _Assets()
            cut = first.paging is not None and bool(first.paging.get("next"))
            for each in _all_assets(job, campaign.id, kind) if cut else first.results:
                yield Asset(campaign.id, kind, each.id, each.name)


def _all_assets(job: Pull, campaign: str, kind: str) -> list[_Asset]:
    """Assets of a type, from the first page on: a batch's cursor may not be a list's."""
    api: HubSpot = job.client
    path = f"{paths_of(api).campaigns()}/{campaign}/assets/{kind}"
    params = {"limit": api.options.page_records}
    return [
        msgspec.json.decode(record, type=_Asset)
        for page in pages(api, path, params, job.reject)
        for record in page.results
    ]
