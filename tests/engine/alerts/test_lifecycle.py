"""One alert between evaluations: the rules of its life, and a machine that looks for exceptions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revops_pipelines.engine.alerts.declaration import Severity, Verdict
from revops_pipelines.engine.alerts.lifecycle import (
    OPEN,
    EventKind,
    Patience,
    State,
    Status,
    step,
)

START = datetime(2026, 1, 5, 9, tzinfo=UTC)
BREACH, HOLD, CLEAR, UNKNOWN = Verdict.BREACH, Verdict.HOLD, Verdict.CLEAR, Verdict.UNKNOWN
FIRED, ESCALATED, RESOLVED = EventKind.FIRED, EventKind.ESCALATED, EventKind.RESOLVED


def live(verdicts: list[Verdict], patience: Patience, every: int = 5) -> list[tuple[int, str]]:
    """(evaluation, event) of one alert judged every few minutes."""
    state, told = State(), []
    for place, verdict in enumerate(verdicts):
        now = START + timedelta(minutes=every * place)
        state, event = step(state, verdict, "warning", now, patience)
        if event is not None:
            told.append((place, str(event)))
    return told


def patience(pending: int = 0, keep: int = 0) -> Patience:
    return Patience(timedelta(minutes=pending), timedelta(minutes=keep))


@pytest.mark.parametrize(
    ("verdicts", "patience_", "told"),
    [
        pytest.param([BREACH, CLEAR], patience(), [(0, "fired"), (1, "resolved")], id="at once"),
        pytest.param([BREACH] * 4, patience(10), [(2, "fired")], id="pending for ten minutes"),
        pytest.param([BREACH, CLEAR] * 3, patience(10), [], id="never long enough"),
        pytest.param([BREACH, HOLD, BREACH], patience(10), [], id="the band starts nothing"),
        pytest.param([BREACH, HOLD, HOLD], patience(), [(0, "fired")], id="the band ends nothing"),
        pytest.param(
            [BREACH, CLEAR, CLEAR, CLEAR],
            patience(keep=10),
            [(0, "fired"), (3, "resolved")],
            id="clear for the keep window",
        ),
        pytest.param(
            [BREACH, CLEAR, BREACH, CLEAR, HOLD, CLEAR, CLEAR],
            patience(keep=10),
            [(0, "fired")],
            id="anything but clear starts the window anew",
        ),
        pytest.param([BREACH, UNKNOWN, UNKNOWN, UNKNOWN], patience(), [(0, "fired")], id="no data"),
        pytest.param(
            [BREACH, CLEAR, UNKNOWN, CLEAR, CLEAR, CLEAR],
            patience(keep=10),
            [(0, "fired"), (5, "resolved")],
            id="no data interrupts a recovery",
        ),
        pytest.param(
            [BREACH, UNKNOWN, BREACH], patience(10), [(2, "fired")], id="no data keeps pending"
        ),
    ],
)
def test_life(verdicts: list[Verdict], patience_: Patience, told: list[tuple[int, str]]) -> None:
    assert live(verdicts, patience_) == told


def test_episodes_count_up_and_severity_only_rises() -> None:
    state = State()
    story: list[tuple[Verdict, Severity, EventKind | None, int]] = [
        (BREACH, "info", FIRED, 1),
        (BREACH, "critical", ESCALATED, 1),
        (BREACH, "warning", None, 1),
        (BREACH, "critical", None, 1),
        (CLEAR, "info", RESOLVED, 1),
        (BREACH, "info", FIRED, 2),
        (BREACH, "warning", ESCALATED, 2),
    ]
    for place, (verdict, severity, expected, episode) in enumerate(story):
        now = START + timedelta(minutes=place)
        state, event = step(state, verdict, severity, now, Patience())
        assert (event, state.episode) == (expected, episode)


def test_clock_that_jumps_back_counts_from_there() -> None:
    state, _ = step(State(), BREACH, "warning", START, patience(10))
    state, event = step(state, BREACH, "warning", START - timedelta(days=1), patience(10))
    assert (state.status, event) == (Status.PENDING, None)
    later = START - timedelta(days=1) + timedelta(minutes=10)
    state, event = step(state, BREACH, "warning", later, patience(10))
    assert event is FIRED


@settings(max_examples=300, deadline=None)
@given(
    story=st.lists(
        st.tuples(
            st.sampled_from(list(Verdict)),
            st.sampled_from(["info", "warning", "critical"]),
            st.integers(min_value=-30, max_value=60),
        ),
        max_size=60,
    ),
    pending=st.integers(min_value=0, max_value=30),
    keep=st.integers(min_value=0, max_value=30),
)
def test_whatever_happens(
    story: list[tuple[Verdict, Severity, int]], pending: int, keep: int
) -> None:
    state, now, open_episode, last = State(), START, 0, ""
    clear_since: datetime | None = None
    for verdict, severity, minutes in story:
        now += timedelta(minutes=minutes)
        clear_since = (clear_since or now) if verdict is CLEAR else None
        if clear_since is not None and clear_since > now:
            clear_since = now
        before = state
        state, event = step(state, verdict, severity, now, patience(pending, keep))
        if event is FIRED:
            assert last in ("", "resolved") and verdict is BREACH
            assert state.episode == open_episode + 1
            open_episode = state.episode
        if event is ESCALATED:
            assert last in ("fired", "escalated") and verdict is BREACH
        if event is RESOLVED:
            assert last in ("fired", "escalated") and verdict is CLEAR
            assert clear_since is not None and now - clear_since >= timedelta(minutes=keep)
            assert state.episode == open_episode
        if verdict is UNKNOWN:
            assert event is None and (before.status in OPEN) == (state.status in OPEN)
        if event is not None:
            last = str(event)
        assert (state.status in OPEN) == (last in ("fired", "escalated"))
        assert state.since is None or state.since <= now
