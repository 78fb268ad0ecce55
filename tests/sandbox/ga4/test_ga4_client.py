"""Google's own client drains the simulated property and agrees with the truth.

The client speaks REST to loopback: its transport is made by hand with `url_scheme="http"` and our
host, since its options only know https. Its credentials are those of a service account whose token
address is the sandbox's; google-auth signs by the machine's clock, so that is the sandbox's here.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

import pytest
from ga4_caller import REPORT, Ga4Caller, ga4_served
from google.analytics.data_v1beta import BetaAnalyticsDataClient
from google.analytics.data_v1beta import types as messages
from google.analytics.data_v1beta.services.beta_analytics_data.transports.rest import (
    BetaAnalyticsDataRestTransport,
)
from google.api_core.exceptions import BadRequest, Forbidden
from google.auth import _helpers
from google.oauth2 import service_account

from revops_pipelines.sandbox.ga4 import KEYS
from revops_pipelines.sandbox.ga4.app import PROPERTY
from revops_pipelines.sandbox.ga4.facts import CHANNEL_GROUPS
from revops_pipelines.sandbox.world.truth_web import web_rows
from revops_pipelines.sandbox.world.world import World

SETTLED = date(2026, 6, 28)


@pytest.fixture(scope="module")
def caller(small_world: World) -> Iterator[Ga4Caller]:
    with ga4_served(small_world, limits=False) as served:
        yield served


@pytest.fixture
def client(caller: Ga4Caller, monkeypatch: pytest.MonkeyPatch) -> BetaAnalyticsDataClient:
    def now() -> datetime:
        return caller.clock.now().replace(tzinfo=None)

    monkeypatch.setattr(_helpers, "utcnow", now)
    # It would ask Google at which locations the account may be used.
    monkeypatch.setattr(
        service_account.Credentials,
        "_is_regional_access_boundary_lookup_required",
        lambda self: False,
    )
    credentials = service_account.Credentials.from_service_account_info(
        {
            "client_email": KEYS["client_email"],
            "private_key": KEYS["private_key"],
            "token_uri": f"{caller.url}/token",
        },
        scopes=["https://www.googleapis.com/auth/analytics.readonly"],
    )
    transport = BetaAnalyticsDataRestTransport(
        host=caller.url.removeprefix("http://"), credentials=credentials, url_scheme="http"
    )
    return BetaAnalyticsDataClient(transport=transport)


def asked(first: date, last: date, **more: Any) -> messages.RunReportRequest:
    names = ("date", "sessionDefaultChannelGroup", "sessionSource", "landingPage")
    return messages.RunReportRequest(
        property=f"properties/{PROPERTY}",
        date_ranges=[{"start_date": first.isoformat(), "end_date": last.isoformat()}],
        dimensions=[{"name": name} for name in names],
        metrics=[{"name": "sessions"}, {"name": "totalUsers"}, {"name": "keyEvents"}],
        order_bys=[{"dimension": {"dimension_name": name}} for name in names],
        **more,
    )


def drained(client: BetaAnalyticsDataClient, first: date, last: date) -> dict[Any, Any]:
    rows: dict[Any, Any] = {}
    size, total = 500, 1
    while len(rows) < total:
        page = client.run_report(asked(first, last, limit=size, offset=len(rows)))
        total = page.row_count
        assert page.rows
        for row in page.rows:
            day, channel, source, landing = (each.value for each in row.dimension_values)
            key = (date.fromisoformat(day), channel, source, landing)
            assert key not in rows
            rows[key] = tuple(int(each.value) for each in row.metric_values)
    return rows


def test_it_drains_the_property(
    client: BetaAnalyticsDataClient, caller: Ga4Caller, small_world: World
) -> None:
    truth: dict[Any, tuple[int, int, int]] = {}
    for row in web_rows(small_world, caller.clock.now()):
        if row["visited_on"] <= SETTLED:
            channel = CHANNEL_GROUPS[row["channel"]]
            source = row["traffic_source"] or "(direct)"
            key = (row["visited_on"], channel, source, row["landing_page"])
            before = truth.get(key, (0, 0, 0))
            counts = (row["sessions"], row["users"], row["conversions"])
            truth[key] = tuple(a + b for a, b in zip(before, counts, strict=True))  # type: ignore[assignment]
    assert len(truth) > 1_000
    assert drained(client, date(2024, 1, 1), SETTLED) == truth


def test_it_understands_the_quota(client: BetaAnalyticsDataClient) -> None:
    report = client.run_report(asked(SETTLED, SETTLED, return_property_quota=True))
    assert report.property_quota.tokens_per_day.remaining == 200_000
    assert report.property_quota.tokens_per_project_per_hour.remaining == 14_000
    assert report.metadata.time_zone == "Etc/UTC"


def test_it_understands_refusals(client: BetaAnalyticsDataClient) -> None:
    with pytest.raises(BadRequest, match="is not a valid metric"):
        client.run_report(
            messages.RunReportRequest(
                property=f"properties/{PROPERTY}",
                date_ranges=[{"start_date": "today", "end_date": "today"}],
                metrics=[{"name": "luck"}],
            )
        )
    with pytest.raises(Forbidden, match="permissions"):
        client.run_report(messages.RunReportRequest(property="properties/1"))


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"dimensions": []},
        {"returnPropertyQuota": True},
        {"dateRanges": [{"startDate": "2015-09-01", "endDate": "2015-09-02"}]},
    ],
)
def test_answers_are_the_published_message(caller: Ga4Caller, changed: dict[str, Any]) -> None:
    """An unknown field or a value of another type would not parse."""
    text = caller.ask(REPORT | changed).text
    message = messages.RunReportResponse.from_json(text, ignore_unknown_fields=False)
    assert message.kind == "analyticsData#runReport"
    assert message.row_count == len(message.rows)


def test_blurred_answers_are_the_published_message(small_world: World) -> None:
    switches = frozenset({"ga4.other", "ga4.sampled", "ga4.thresholded"})
    with ga4_served(small_world, limits=False, switches=switches) as caller:
        text = caller.ask(REPORT).text
    message = messages.RunReportResponse.from_json(text, ignore_unknown_fields=False)
    assert message.metadata.data_loss_from_other_row
    assert message.metadata.subject_to_thresholding
    assert message.metadata.sampling_metadatas[0].sampling_space_size == 2_000_000
