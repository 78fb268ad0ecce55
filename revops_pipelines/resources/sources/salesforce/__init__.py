"""Salesforce: the CRM's people, companies, opportunities with their history, and work."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from revops_pipelines.engine.declarations import Source
from revops_pipelines.resources.sources.salesforce.check import check
from revops_pipelines.resources.sources.salesforce.client import connect
from revops_pipelines.resources.sources.salesforce.offers import offers
from revops_pipelines.resources.sources.salesforce.options import SalesforceOptions
from revops_pipelines.resources.sources.salesforce.streams import streams
from revops_pipelines.resources.sources.salesforce.sums import sums


def _sandbox_options(urls: Mapping[str, str]) -> Mapping[str, Any]:
    """Where the simulated org is, and what its administrator would write into revops.toml."""
    return {
        "base_url": urls["salesforce"],
        "poll_seconds": 0.5,
        "internal_domains": ("northbeam.example",),
        "raised_field": "First_Inquiry_At__c",
        "qualified_field": "Sales_Qualified_At__c",
        "account_field": "Matched_Account__c",
        "lost_reason_field": "Loss_Reason__c",
        "imported_sources": ("Import", "Event List"),
        "channels": {"Import": "offline", "Event List": "offline", "Prospecting": "offline"},
        "automated_fields": ("Cadence_Name__c",),
        "meeting_outcome_field": "Meeting_Outcome__c",
        "booking_field": "Booked_Via__c",
        "small_below_employees": 200,
        "mid_below_employees": 1_500,
    }


SOURCE = Source(
    name="salesforce",
    title="Salesforce",
    area="CRM",
    secrets={
        "client_id": "SALESFORCE_CLIENT_ID",
        "client_secret": "SALESFORCE_CLIENT_SECRET",
    },
    options=SalesforceOptions,
    connect=connect,
    check=check,
    streams=streams,
    offers=offers,
    sandbox_options=_sandbox_options,
    sums=sums,
    follows={"currency": "company.base_currency"},
)
