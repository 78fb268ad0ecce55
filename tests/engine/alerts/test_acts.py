"""What people do to one alert, and what its standing is: pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revops_pipelines.engine.alerts.declaration import Verdict
from revops_pipelines.engine.alerts.lifecycle import (
    OPEN,
    Act,
    Doubt,
    EventKind,
    Patience,
    Standing,
    State,
    Status,
    Verb,
    act,
    standing,
    step,
)

START = datetime(2026, 1, 5, 9, tzinfo=UTC)
KEEP = Patience(keep_for=timedelta(minutes=30))
BREACH, CLEAR, UNKNOWN = Verdict.BREACH, Verdict.CLEAR, Verdict.UNKNOWN


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def firing() -> State:
    return step(State(), BREACH, "warning", START, KEEP)[0]


def asked(verb: Verb, minutes: float, until: float | None = None, episode: int = 1) -> Act:
    return Act(verb, episode, "ana", at(minutes), None if until is None else at(until))


def test_acknowledged_until_it_is_worse() -> None:
    state, event = act(firing(), asked(Verb.ACK, 5), at(6), KEEP)
    assert (standing(state, at(7)), event) == (Standing.ACKNOWLEDGED, None)
    assert act(state, asked(Verb.ACK, 5), at(6), KEEP)[0] == state, "twice changes nothing"
    state, _ = step(state, BREACH, "warning", at(10), KEEP)
    assert standing(state, at(10)) is Standing.ACKNOWLEDGED
    state, event = step(state, BREACH, "critical", at(15), KEEP)
    assert (standing(state, at(15)), event) == (Standing.FIRING, EventKind.ESCALATED)
    again, _ = act(state, asked(Verb.ACK, 5), at(16), KEEP)
    assert standing(again, at(16)) is Standing.FIRING, "what was acknowledged was less"
    again, _ = act(state, asked(Verb.ACK, 16), at(17), KEEP)
    assert standing(again, at(17)) is Standing.ACKNOWLEDGED


def test_a_snooze_has_an_end_and_the_later_wish_holds() -> None:
    state, _ = act(firing(), asked(Verb.SNOOZE, 5, until=65), at(6), KEEP)
    assert standing(state, at(64)) is Standing.SNOOZED
    assert standing(state, at(65)) is Standing.FIRING
    state, _ = act(state, asked(Verb.ACK, 4), at(7), KEEP)
    assert standing(state, at(8)) is Standing.SNOOZED


def test_resolved_by_hand_comes_back_only_after_its_keep_time() -> None:
    state, event = act(firing(), asked(Verb.RESOLVE, 10), at(12), KEEP)
    assert (event, standing(state, at(12))) == (EventKind.RESOLVED, Standing.RESOLVED)
    assert act(state, asked(Verb.RESOLVE, 10), at(12), KEEP) == (state, None)
    for minute in (12, 20, 39):
        state, event = step(state, BREACH, "warning", at(minute), KEEP)
        assert (state.status, event) == (Status.OK, None)
    state, event = step(state, BREACH, "warning", at(40), KEEP)
    assert (state.episode, event) == (2, EventKind.FIRED)


def test_what_clears_meanwhile_is_forgiven() -> None:
    state, _ = act(firing(), asked(Verb.RESOLVE, 10), at(10), KEEP)
    state, _ = step(state, CLEAR, "warning", at(15), KEEP)
    assert step(state, BREACH, "warning", at(16), KEEP)[1] is EventKind.FIRED


def test_another_episode_is_not_meant() -> None:
    state = firing()
    assert act(state, asked(Verb.ACK, 5, episode=2), at(6), KEEP) == (state, None)
    assert act(state, asked(Verb.RESOLVE, -5), at(6), KEEP) == (state, None), "of an older life"


@pytest.mark.parametrize("doubt", [Doubt.NO_DATA, Doubt.ERROR])
def test_no_data_and_error_are_states_that_end_nothing(doubt: Doubt) -> None:
    state, _ = act(firing(), asked(Verb.ACK, 1), at(2), KEEP)
    state, event = step(state, UNKNOWN, "warning", at(5), KEEP, doubt)
    assert (standing(state, at(5)), event, state.status) == (doubt, None, Status.FIRING)
    state, _ = step(state, BREACH, "warning", at(10), KEEP)
    assert standing(state, at(10)) is Standing.ACKNOWLEDGED


def test_a_clock_that_jumped_back_holds_nothing_back_for_ever() -> None:
    state, _ = act(firing(), asked(Verb.RESOLVE, 10), at(10), KEEP)
    state, event = step(state, BREACH, "warning", at(-5000), KEEP)
    assert event is EventKind.FIRED


@settings(max_examples=25, deadline=None)
@given(
    story=st.lists(
        st.tuples(
            st.sampled_from([*Verdict, *Verb]),
            st.integers(min_value=-20, max_value=40),
            st.integers(min_value=0, max_value=2),
        ),
        max_size=30,
    )
)
def test_whatever_people_do_episodes_begin_and_end_in_turn(
    story: list[tuple[Verdict | Verb, int, int]],
) -> None:
    state, now, told = State(), START, []
    for what, minutes, episode in story:
        now += timedelta(minutes=minutes)
        before = state
        if isinstance(what, Verb):
            until = now + timedelta(minutes=30) if what is Verb.SNOOZE else None
            state, event = act(state, Act(what, episode, "ana", now, until), now, KEEP)
            assert before.status in OPEN or state == before
        else:
            state, event = step(state, what, "warning", now, KEEP)
        told += [(event, state.episode)] if event else []
        assert (state.handling is None) or state.status in OPEN
        assert (standing(state, now) in (Standing.OK, Standing.RESOLVED)) == (
            state.status is Status.OK
        )
    kinds = [kind for kind, _ in told]
    assert kinds == [EventKind.FIRED, EventKind.RESOLVED] * (len(told) // 2) + (
        [EventKind.FIRED] if len(told) % 2 else []
    )
    assert [episode for kind, episode in told if kind is EventKind.FIRED] == list(
        range(1, (len(told) + 1) // 2 + 1)
    )
