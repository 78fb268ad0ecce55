"""Can the property be read, and if not, what mends it.

Belongs here: the sign-in and two small reports. Does not: whether the data is good.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import msgspec

from revops_pipelines.engine.declarations import Reach
from revops_pipelines.engine.ingest.errors import (
    CredentialsRefusedError,
    IngestError,
    PermissionMissingError,
    QuotaExhaustedError,
    RequestRefusedError,
    ThrottledError,
)
from revops_pipelines.resources.sources.ga4.client import Analytics

_RECENT = timedelta(days=28)


class _Value(msgspec.Struct):
    value: str = "0"


class _Totals(msgspec.Struct, rename="camel"):
    metric_values: list[_Value]


class _Metadata(msgspec.Struct, rename="camel"):
    subject_to_thresholding: bool = False


def check(api: Analytics) -> Sequence[Reach]:
    """The sign-in, the reports, and whether anything counts as a conversion."""
    try:
        api.tokens.headers()
    except CredentialsRefusedError as error:
        return [Reach("sign-in", False, str(error), _KEY)]
    except IngestError as error:
        return [Reach("sign-in", False, str(error), "look at token_url in [sources.ga4]")]
    found = [Reach("sign-in", True, "the service account is taken")]
    try:
        found.append(_traffic(api))
        found.append(_conversions(api))
    except IngestError as error:
        subject = "traffic" if len(found) == 1 else "conversions"
        found.append(Reach(subject, False, str(error), _remedy(error)))
    return found


def _traffic(api: Analytics) -> Reach:
    report = api.report(_asked("landingPage", "sessions"))
    metadata = msgspec.json.decode(report.metadata, type=_Metadata)
    hidden = (
        "; rows of few users are hidden: choose Admin > Reporting identity > Device-based"
        if metadata.subject_to_thresholding
        else ""
    )
    return Reach("traffic", True, f"readable, {api.gauge.said()}{hidden}")


def _conversions(api: Analytics) -> Reach:
    """Sessions without one key event in four weeks: none is marked, or another than is asked."""
    metric = api.options.conversion_metric
    report = api.report(_asked(None, "sessions", metric))
    totals = [msgspec.json.decode(row, type=_Totals).metric_values for row in report.rows]
    sessions, conversions = (float(each.value) for each in totals[0]) if totals else (0.0, 0.0)
    if sessions and not conversions:
        return Reach(
            "conversions",
            False,
            f"no {metric} in {sessions:,.0f} sessions of the last {_RECENT.days} days",
            "mark the events that raise a hand in Admin > Events > Key events, or set "
            "conversion_metric",
        )
    return Reach("conversions", True, f"{conversions:,.0f} in the last {_RECENT.days} days")


def _asked(dimension: str | None, *metrics: str) -> dict[str, object]:
    return {
        "dateRanges": [{"startDate": f"{_RECENT.days}daysAgo", "endDate": "today"}],
        "dimensions": [] if dimension is None else [{"name": dimension}],
        "metrics": [{"name": metric} for metric in metrics],
        "limit": "1",
    }


_KEY = (
    "create a key for the service account (Google Cloud > IAM > Service accounts > Keys, JSON) and "
    "copy client_email and private_key into GA4_CLIENT_EMAIL and GA4_PRIVATE_KEY"
)


def _remedy(error: IngestError) -> str:
    if isinstance(error, CredentialsRefusedError):
        return _KEY
    if isinstance(error, PermissionMissingError):
        return (
            "enable the Google Analytics Data API in the service account's project, and add the "
            "service account as a Viewer in Admin > Property access management"
        )
    if isinstance(error, (QuotaExhaustedError, ThrottledError)):
        return "wait for the next hour; tokens are shared by all that read the property"
    if isinstance(error, RequestRefusedError):
        return "look at property_id and conversion_metric in [sources.ga4]"
    return "look at base_url in [sources.ga4], then try again"
