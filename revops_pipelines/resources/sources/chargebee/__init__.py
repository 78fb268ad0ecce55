"""Chargebee: customers, subscriptions, documents, and the ledger of recurring revenue of them.

Belongs here: the declaration. The parts: `options` what may be configured, `client` how it is
reached, `streams` and `tables` what is read, `pull` how, `offers`, `ledger*` and `money` what it
gives to the conformed entities, `check` whether it can be read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from revops_pipelines.engine.declarations import Source
from revops_pipelines.resources.sources.chargebee.check import check
from revops_pipelines.resources.sources.chargebee.client import connect
from revops_pipelines.resources.sources.chargebee.offers import offers
from revops_pipelines.resources.sources.chargebee.options import ChargebeeOptions
from revops_pipelines.resources.sources.chargebee.streams import streams
from revops_pipelines.resources.sources.chargebee.sums import sums


def _sandbox_options(urls: Mapping[str, str]) -> Mapping[str, Any]:
    # The sandbox is a site on the largest plan.
    return {"base_url": urls["chargebee"], "requests_per_minute": 3_500}


SOURCE = Source(
    name="chargebee",
    title="Chargebee",
    area="billing",
    secrets={"api_key": "CHARGEBEE_API_KEY"},
    options=ChargebeeOptions,
    connect=connect,
    check=check,
    streams=streams,
    offers=offers,
    sandbox_options=_sandbox_options,
    sums=sums,
    follows={"past_due_days": "billing.past_due_days"},
)
