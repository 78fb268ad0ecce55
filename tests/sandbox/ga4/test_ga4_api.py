"""The simulated property's manners: signing in, refusals, paging, quota, what is blurred."""

from __future__ import annotations

from datetime import timedelta

import jwt
import pytest
import requests
from cryptography.hazmat.primitives.asymmetric import rsa
from ga4_caller import GRANT, REPORT, Ga4Caller, ga4_served

from revops_pipelines.sandbox.world.world import World


@pytest.fixture(scope="module")
def caller(small_world: World):
    with ga4_served(small_world, limits=False) as served:
        yield served


def test_a_token_lives_an_hour(small_world: World) -> None:
    with ga4_served(small_world) as caller:
        assert caller.ask(REPORT).status_code == 200
        caller.clock.advance(timedelta(minutes=61))
        assert caller.refusal(REPORT) == (401, "UNAUTHENTICATED")


@pytest.mark.parametrize(
    ("changed", "error", "said"),
    [
        ({"iss": "somebody@else.example"}, "invalid_grant", "account not found"),
        ({"aud": "https://elsewhere.example/token"}, "invalid_grant", "audience"),
        ({"scope": "https://www.googleapis.com/auth/drive"}, "invalid_scope", "scope"),
        ({"iat": 1, "exp": 3_000}, "invalid_grant", "short-lived"),
    ],
)
def test_assertions_are_judged(
    caller: Ga4Caller, changed: dict[str, object], error: str, said: str
) -> None:
    answer = caller.exchange(caller.claims(**changed))
    assert answer.status_code == 400
    assert answer.json()["error"] == error
    assert said in answer.json()["error_description"]


def test_an_assertion_that_lives_too_long_is_refused(caller: Ga4Caller) -> None:
    claims = caller.claims()
    answer = caller.exchange(claims | {"exp": claims["iat"] + 7_200})
    assert "short-lived" in answer.json()["error_description"]


def test_another_key_signs_nothing(caller: Ga4Caller) -> None:
    stranger = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
    form = {
        "grant_type": GRANT,
        "assertion": jwt.encode(caller.claims(), stranger, algorithm="RS256"),
    }
    answer = requests.post(f"{caller.url}/token", data=form, timeout=5)
    assert answer.json()["error_description"] == "Invalid JWT Signature."


def test_pages_are_disjoint_and_whole(caller: Ga4Caller) -> None:
    order = [{"dimension": {"dimensionName": name}} for name in ("date", "landingPage")]
    whole = caller.report(orderBys=order)
    pages = [
        caller.report(orderBys=order, limit="7", offset=str(at)).get("rows", [])
        for at in range(0, whole["rowCount"] + 7, 7)
    ]
    assert [row for page in pages for row in page] == whole["rows"]
    assert pages[-1] == []


def test_rows_are_sums(caller: Ga4Caller) -> None:
    """Fewer dimensions give fewer rows with the same totals."""
    fine = caller.report()
    coarse = caller.report(dimensions=[{"name": "date"}])
    for metric in (0, 1):
        totals = [
            sum(int(row["metricValues"][metric]["value"]) for row in report["rows"])
            for report in (fine, coarse)
        ]
        assert totals[0] == totals[1] > 0
    assert fine["rowCount"] > coarse["rowCount"] == 20


@pytest.mark.parametrize(
    "changed",
    [
        {"dimensions": [{"name": "favouriteColour"}]},
        {"metrics": [{"name": "luck"}]},
        {"limit": "250001"},
        {"dateRanges": [{"startDate": "2014-01-01", "endDate": "2014-01-02"}]},
        {"dateRanges": [{"startDate": "2026-06-02", "endDate": "2026-06-01"}]},
        {"orderBys": [{"dimension": {"dimensionName": "sessionMedium"}}]},
        {"unheardOf": 1},
    ],
)
def test_wrong_requests_are_refused(caller: Ga4Caller, changed: dict[str, object]) -> None:
    assert caller.refusal(REPORT | changed) == (400, "INVALID_ARGUMENT")


def test_another_property_is_forbidden(caller: Ga4Caller) -> None:
    assert caller.refusal(REPORT, "1") == (403, "PERMISSION_DENIED")


def test_a_disabled_api_says_so(small_world: World) -> None:
    with ga4_served(small_world, switches=frozenset({"ga4.api_disabled"})) as caller:
        error = caller.ask(REPORT).json()["error"]
        assert error["status"] == "PERMISSION_DENIED"
        assert error["details"][0]["reason"] == "SERVICE_DISABLED"


def test_tokens_are_spent_and_come_back(small_world: World) -> None:
    with ga4_served(small_world, rates={"ga4.tokens_per_hour": 10}) as caller:
        asked = REPORT | {"returnPropertyQuota": True}
        left = [
            caller.ask(asked).json()["propertyQuota"]["tokensPerProjectPerHour"]["remaining"]
            for _ in range(3)
        ]
        assert left == [2, 1, 0]
        assert caller.refusal(asked) == (429, "RESOURCE_EXHAUSTED")
        caller.clock.advance(timedelta(minutes=59))
        caller.sign_in()
        caller.clock.advance(timedelta(minutes=1))
        assert caller.ask(asked).status_code == 200


def test_the_last_two_days_are_restated(small_world: World) -> None:
    body = REPORT | {"dateRanges": [{"startDate": "2026-06-29", "endDate": "2026-06-29"}]}
    with ga4_served(small_world, limits=False) as caller:
        early = caller.ask(body).json()
        caller.clock.advance(timedelta(days=2))
        caller.sign_in()
        late = caller.ask(body).json()
        caller.clock.advance(timedelta(days=9))
        caller.sign_in()
        assert caller.ask(body).json() == late
    assert early["rows"] != late["rows"]
    assert "(not set)" in str(early["rows"])
    assert "(not set)" not in str(late["rows"])


def test_what_is_blurred_is_told(small_world: World) -> None:
    switches = frozenset({"ga4.other", "ga4.sampled", "ga4.thresholded"})
    with ga4_served(small_world, limits=False, switches=switches) as caller:
        report = caller.report()
    metadata = report["metadata"]
    assert metadata["dataLossFromOtherRow"] is True
    assert metadata["subjectToThresholding"] is True
    assert metadata["samplingMetadatas"][0]["samplesReadCount"] == "500000"
    assert any(row["dimensionValues"][2]["value"] == "(other)" for row in report["rows"])
