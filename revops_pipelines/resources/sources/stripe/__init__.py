"""Stripe: customers, subscriptions and bills, and the ledger of recurring revenue made of them.

Belongs here: the declaration. The parts: `options` what may be configured, `client` how it is
reached, `streams` and `tables` what is read, `walk` and `pull` how, `offers`, `ledger` and `money`
what it gives to the conformed entities, `check` whether it can be read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from revops_pipelines.engine.declarations import Source
from revops_pipelines.resources.sources.stripe.check import check
from revops_pipelines.resources.sources.stripe.client import connect
from revops_pipelines.resources.sources.stripe.offers import offers
from revops_pipelines.resources.sources.stripe.options import StripeOptions
from revops_pipelines.resources.sources.stripe.streams import STREAMS
from revops_pipelines.resources.sources.stripe.sums import sums


def _sandbox_options(urls: Mapping[str, str]) -> Mapping[str, Any]:
    return {"base_url": urls["stripe"]}


SOURCE = Source(
    name="stripe",
    title="Stripe",
    area="billing",
    secrets={"api_key": "STRIPE_API_KEY"},
    options=StripeOptions,
    connect=connect,
    check=check,
    streams=lambda _: STREAMS,
    offers=offers,
    sandbox_options=_sandbox_options,
    sums=sums,
    follows={"past_due_days": "billing.past_due_days"},
)
