"""Which numbers head the pages: names that exist, in order, left out without a value."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from types import SimpleNamespace

import pytest

from revops_pipelines.assets import metrics as metric_plugins
from revops_pipelines.engine.metrics.declaration import Metric
from revops_pipelines.engine.metrics.parts import Group
from revops_pipelines.engine.registry import discover
from revops_pipelines.reporting.headlines import (
    HEADLINES,
    STAGE_TITLES,
    TEAMS,
    headlines_of,
    team_lines,
)
from revops_pipelines.reporting.moved import moved
from revops_pipelines.reporting.scorecard import STAGES, Point, ScoreLine
from revops_pipelines.reporting.team_lists import LISTS

METRICS = discover(metric_plugins, Metric)
MAY = Point(date(2026, 5, 1), Decimal("0.5"), 30, None, None, is_mature=True)


def line(name: str, *, has_value: bool = True) -> ScoreLine:
    return ScoreLine(
        metric=METRICS[name],
        points=(MAY,),
        latest=MAY if has_value else None,
        value="50.0%",
        change="+1.0 pts",
        target="–",
        n=30,
        interval="",
        verdict="",
        movement="good",
        is_thin=False,
        waiting=0,
    )


def test_every_name_is_a_metric_published_by_month():
    named = {name for names in HEADLINES.values() for name in names}
    named |= {name for team in TEAMS for name in team.metrics}
    assert {name for name in named if "month" not in METRICS[name].grains} == set()
    assert {listed.metric for listed in LISTS} <= METRICS.keys()
    assert {listed.team for listed in LISTS} == {team.name for team in TEAMS}


def test_every_stage_has_headlines_and_a_title():
    assert tuple(HEADLINES) == tuple(STAGE_TITLES) == STAGES


def test_headlines_keep_their_order_and_drop_what_has_no_value():
    lines = [line("win_rate"), line("mrr", has_value=False), line("net_new_arr"), line("arr")]
    found = headlines_of(lines)
    assert [each.metric.name for each in found["execute"]] == ["net_new_arr", "win_rate"]
    assert found["expand"] == []


def test_a_team_sees_its_metrics_by_stage():
    finance = next(team for team in TEAMS if team.name == "finance")
    found = team_lines(finance, [line("mrr"), line("net_new_arr"), line("win_rate")])
    assert {stage: [each.metric.name for each in of] for stage, of in found.items()} == {
        "execute": ["net_new_arr"],
        "expand": ["mrr"],
    }


def group(member: str, part: Fraction | None) -> Group:
    return SimpleNamespace(member=member, label="", part=part)


@pytest.fixture
def told():
    groups = {
        "owner": [group("hubspot:1", Fraction(9, 10))],
        "team": [group("A", Fraction(1, 50)), group("B", Fraction(-1, 10)), group("C", None)],
        "lead_source": [group("x", Fraction(1, 20)), group("y", Fraction(1, 100))],
    }
    return SimpleNamespace(groups=groups, series=SimpleNamespace(unit="share"))


def test_what_moved_a_headline_is_its_largest_parts_and_names_no_person(told):
    [found] = moved([line("win_rate")], {"win_rate": told}, "USD")
    assert found.parts == [
        "team B: -10.00 pts",
        "lead source x: +5.00 pts",
        "team A: +2.00 pts",
    ]


def test_what_did_not_move_or_cannot_be_taken_apart_is_left_out(told):
    still = replace(line("win_rate"), movement="")
    assert moved([still, line("mrr")], {"win_rate": told}, "USD") == []
