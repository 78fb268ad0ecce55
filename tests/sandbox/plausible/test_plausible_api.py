"""The simulated site's manners, and a plain reader of the published rules that drains it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any

import pytest
import requests

from revops_pipelines.sandbox.clock import SandboxClock, opening
from revops_pipelines.sandbox.frame import Options
from revops_pipelines.sandbox.plausible import KEYS, build_app
from revops_pipelines.sandbox.plausible.app import SITE
from revops_pipelines.sandbox.plausible.facts import CHANNELS
from revops_pipelines.sandbox.server import serving
from revops_pipelines.sandbox.world.truth_web import web_rows
from revops_pipelines.sandbox.world.world import World

ANCHOR = date(2026, 6, 30)
QUERY: dict[str, Any] = {
    "site_id": SITE,
    "metrics": ["visits", "visitors"],
    "dimensions": ["time:day", "visit:channel", "visit:entry_page"],
    "date_range": ["2026-06-01", "2026-06-20"],
}


@dataclass
class PlausibleCaller:
    url: str
    clock: SandboxClock
    key: str = KEYS["api_key"]

    def ask(self, **changed: Any) -> requests.Response:
        return requests.post(
            f"{self.url}/api/v2/query",
            json=QUERY | changed,
            headers={"authorization": f"Bearer {self.key}"},
            timeout=10,
        )

    def query(self, **changed: Any) -> dict[str, Any]:
        answer = self.ask(**changed)
        assert answer.status_code == 200, answer.text
        return answer.json()


@contextmanager
def served(world: World, **options: Any) -> Iterator[PlausibleCaller]:
    clock = SandboxClock(opening(ANCHOR))
    app = build_app(world, clock, Options(**options))
    with serving({"plausible": app}) as urls:
        yield PlausibleCaller(urls["plausible"], clock)


@pytest.fixture(scope="module")
def caller(small_world: World) -> Iterator[PlausibleCaller]:
    with served(small_world, limits=False) as caller:
        yield caller


def test_all_days_are_the_truth(caller: PlausibleCaller, small_world: World) -> None:
    found: dict[Any, Any] = {}
    offset, total = 0, 1
    while offset < total:
        page = caller.query(
            date_range="all",
            include={"total_rows": True},
            pagination={"limit": 400, "offset": offset},
            order_by=[[name, "asc"] for name in QUERY["dimensions"]],
        )
        total = page["meta"]["total_rows"]
        offset += 400
        found |= {tuple(row["dimensions"]): row["metrics"] for row in page["results"]}
    truth: dict[Any, list[int]] = {}
    for row in web_rows(small_world, caller.clock.now()):
        key = (row["visited_on"].isoformat(), CHANNELS[row["channel"]], row["landing_page"])
        counts = truth.setdefault(key, [0, 0])
        counts[0] += row["sessions"]
        counts[1] += row["users"]
    assert len(found) == total > 1_000
    assert found == truth


def test_events_of_goals_are_the_leads_raised(caller: PlausibleCaller, small_world: World) -> None:
    query = {"metrics": ["events"], "dimensions": ["event:goal"], "date_range": "all"}
    goals = {row["dimensions"][0]: row["metrics"][0] for row in caller.query(**query)["results"]}
    now = caller.clock.now()
    raised = sum(
        person.raised_at is not None and person.raised_at <= now for person in small_world.people
    )
    assert goals.pop("Newsletter") > 0
    assert sum(goals.values()) == raised
    one = caller.query(
        **query | {"dimensions": [], "filters": [["is", "event:goal", ["Start a Trial"]]]}
    )
    assert one["results"] == [{"dimensions": [], "metrics": [goals["Start a Trial"]]}]


def test_the_query_is_told_back(caller: PlausibleCaller) -> None:
    answer = caller.query()
    assert set(answer) == {"results", "meta", "query"}
    assert answer["query"]["metrics"] == QUERY["metrics"]
    assert answer["query"]["pagination"] == {"limit": 10_000, "offset": 0}
    assert answer["results"][0]["dimensions"][0] == "2026-06-01"


@pytest.mark.parametrize(
    "changed",
    [
        {"metrics": []},
        {"metrics": ["luck"]},
        {"dimensions": ["visit:luck"]},
        {"date_range": ["2026-06-02", "2026-06-01"]},
        {"date_range": "yesteryear"},
        {"order_by": [["visit:source", "asc"]]},
        {"pagination": {"limit": 10_001}},
        {"filters": [["is", "visit:country", ["DE"]]]},
        {"unheard_of": 1},
    ],
)
def test_wrong_queries_are_refused(caller: PlausibleCaller, changed: dict[str, Any]) -> None:
    answer = caller.ask(**changed)
    assert answer.status_code == 400
    assert answer.json()["error"]


def test_wrong_keys_and_sites_are_refused_alike(caller: PlausibleCaller) -> None:
    stranger = PlausibleCaller(caller.url, caller.clock, "another-key").ask()
    elsewhere = caller.ask(site_id="elsewhere.example")
    assert stranger.status_code == elsewhere.status_code == 401
    assert stranger.json() == elsewhere.json()


def test_a_plan_without_the_api_is_told(small_world: World) -> None:
    with served(small_world, switches=frozenset({"plausible.no_stats_api"})) as caller:
        assert caller.ask().status_code == 402


def test_the_hour_has_an_end(small_world: World) -> None:
    with served(small_world, rates={"plausible.hour": 3}) as caller:
        statuses = [caller.ask().status_code for _ in range(4)]
    assert statuses == [200, 200, 200, 429]
