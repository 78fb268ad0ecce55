"""What a backtest counts: episodes, messages, receivers, and how rightly was told."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from revops_pipelines.engine.alerts.backtest import Backtest, Episode, episodes_of


def event(key: str, kind: str, day: int, episode: int = 1, **notice: Any) -> dict[str, Any]:
    return {
        "alert_key": key,
        "episode": episode,
        "kind": kind,
        "severity": "critical" if kind == "escalated" else "warning",
        "is_backlog": False,
        "notice": {"headline": f"{key} is late", "team": "East"} | notice,
        "occurred_at": datetime(2026, 6, day, 2, 30),
    }


def backtest(*episodes: Episode, **said: Any) -> Backtest:
    return Backtest("late", date(2026, 6, 1), date(2026, 6, 14), 14, episodes, **said)


def test_an_episode_is_told_from_its_beginning_to_its_end():
    found = episodes_of(
        [
            event("a", "fired", 2, owner="Ana Diaz"),
            event("b", "fired", 3),
            event("a", "escalated", 4),
            event("a", "resolved", 5, ended="answered"),
            event("a", "fired", 9, episode=2),
        ]
    )
    assert [(each.key, each.receiver, each.messages) for each in found] == [
        ("a", "Ana Diaz", 3),
        ("b", "East", 1),
        ("a", "East", 1),
    ]
    assert (found[0].severity, found[0].ended) == ("critical", "answered")
    assert found[1].ended_at is None
    told = backtest(*found)
    assert told.per_week() == {date(2026, 6, 1): 2, date(2026, 6, 8): 1}
    assert told.per_receiver() == {"East": 2, "Ana Diaz": 1}


def test_nobody_is_told_of_the_end_of_what_does_not_last():
    [found] = episodes_of(
        [event("a", "fired", 2, is_momentary=True), event("a", "resolved", 9, is_momentary=True)]
    )
    assert (found.messages, found.ended_at is None) == (1, False)


def test_precision_is_of_what_is_known_beside_the_usual_share():
    known = {"a": True, "c": False}
    found = episodes_of([event(key, "fired", 2) for key in ("a", "b", "c")])
    told = backtest(*(each.with_outcomes(known) for each in found), usual=0.25)
    assert (told.told, told.known, told.precision, told.usual) == (3, 2, 0.5, 0.25)
    assert backtest(found[1].with_outcomes(known)).precision is None


def test_a_list_counts_by_what_it_names_and_each_of_that_once():
    known = {"x": True, "y": False}
    lists = episodes_of(
        [
            event("1/East", "fired", 2, members=["x", "y"]),
            event("2/East", "fired", 9, members=["x"]),
        ]
    )
    told = backtest(*(each.with_outcomes(known) for each in lists))
    assert [dict(each.outcomes) for each in told.episodes] == [known, {"x": True}]
    assert (told.told, told.known, told.precision) == (2, 2, 0.5)
