"""Can every stream be read with the key at hand, and if not, what mends it.

Belongs here: one line per endpoint for `revops check`. Does not: pulling.
"""

from __future__ import annotations

from collections.abc import Sequence

from revops_pipelines.engine.declarations import Reach
from revops_pipelines.engine.ingest.errors import (
    CredentialsRefusedError,
    IngestError,
    PermissionMissingError,
)
from revops_pipelines.engine.ingest.http import HttpClient
from revops_pipelines.resources.sources.stripe.streams import FEEDS
from revops_pipelines.resources.sources.stripe.walk import Page

# What Stripe's dashboard calls the permission behind an endpoint of a restricted key.
_PERMISSIONS = {
    "balance_transactions": "Balance",
    "charges": "Charges and Refunds",
    "coupons": "Coupons",
    "credit_notes": "Credit notes",
    "customers": "Customers",
    "disputes": "Disputes",
    "events": "Events",
    "invoice_payments": "Invoices",
    "invoiceitems": "Invoices",
    "invoices": "Invoices",
    "prices": "Prices",
    "products": "Products",
    "refunds": "Charges and Refunds",
    "subscription_schedules": "Subscriptions",
    "subscriptions": "Subscriptions",
}


def check(client: HttpClient) -> Sequence[Reach]:
    """Ask each endpoint for one record."""
    endpoints = sorted({"events", *(feed.endpoint for feed in FEEDS.values())})
    return [_reach(client, endpoint) for endpoint in endpoints]


def _reach(client: HttpClient, endpoint: str) -> Reach:
    try:
        client.read(Page, f"/v1/{endpoint}", params={"limit": "1"}, endpoint=endpoint)
    except PermissionMissingError as error:
        remedy = f"give the key read access to {_PERMISSIONS[endpoint]}"
        return Reach(endpoint, False, str(error), remedy)
    except CredentialsRefusedError as error:
        return Reach(endpoint, False, str(error), "set STRIPE_API_KEY to a valid restricted key")
    except IngestError as error:
        return Reach(endpoint, False, str(error), "check base_url and version, then try again")
    return Reach(endpoint, True, "readable")
