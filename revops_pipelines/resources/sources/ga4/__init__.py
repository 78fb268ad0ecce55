"""Google Analytics 4: visits and conversions of a website, by day, origin and landing page.

Belongs here: the declaration. The parts: `options` what may be configured, `login` the service
account's sign-in, `client` how reports are asked for, `streams` and `pull` what is read and how,
`offers` what it gives to the conformed entities, `check` whether it can be read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from revops_pipelines.engine.declarations import Source
from revops_pipelines.resources.sources.ga4.check import check
from revops_pipelines.resources.sources.ga4.client import connect
from revops_pipelines.resources.sources.ga4.offers import offers
from revops_pipelines.resources.sources.ga4.options import Ga4Options
from revops_pipelines.resources.sources.ga4.streams import streams


def _sandbox_options(urls: Mapping[str, str]) -> Mapping[str, Any]:
    """The sandbox signs in at the same place where it reports."""
    url = urls["ga4"]
    return {"base_url": url, "token_url": f"{url}/token", "property_id": "412345678"}


SOURCE = Source(
    name="ga4",
    title="Google Analytics 4",
    area="web",
    secrets={"client_email": "GA4_CLIENT_EMAIL", "private_key": "GA4_PRIVATE_KEY"},
    options=Ga4Options,
    connect=connect,
    check=check,
    streams=streams,
    offers=offers,
    sandbox_options=_sandbox_options,
)
