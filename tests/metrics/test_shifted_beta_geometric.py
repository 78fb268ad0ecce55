"""The shifted-beta-geometric fit: the paper's own numbers, and data made by the model."""

from __future__ import annotations

import math
import random

import numpy as np
import oracle_lifetimes
import pytest

from revops_pipelines.assets.metrics._shifted_beta_geometric import (
    HORIZON_MONTHS,
    Fit,
    expected_months,
    fit,
    likeliest,
    survival,
)

Z = 1.959963984540054
# Of 1,000 customers acquired, those left after each yearly renewal; the paper fits seven years and
# is judged by the five that follow (Fader & Hardie 2007).
REGULAR = (1000, 631, 468, 382, 326, 289, 262, 241, 223, 207, 194, 183, 173)
HIGH_END = (1000, 869, 743, 653, 593, 551, 517, 491, 468, 445, 427, 409, 394)
PAPER = {"regular": (REGULAR, 0.704, 1.182), "high end": (HIGH_END, 0.668, 3.806)}


def renewals(alive: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Before each renewal, and lost at it."""
    counts = np.array(alive, dtype=float)
    return counts[:-1], -np.diff(counts)


@pytest.mark.parametrize("segment", PAPER)
def test_the_papers_parameters_are_found(segment: str) -> None:
    alive, alpha, beta = PAPER[segment]
    found = fit(*renewals(alive[:8]), Z)
    assert (round(found.alpha or 0, 3), round(found.beta or 0, 3)) == (alpha, beta)


@pytest.mark.parametrize("segment", PAPER)
def test_the_years_that_followed_are_foretold(segment: str) -> None:
    alive, alpha, beta = PAPER[segment]
    told = survival(alpha, beta, 13)
    errors = [abs(share - count / 1000) for share, count in zip(told, alive, strict=True)]
    assert max(errors) < 0.035


def test_survival_is_a_quotient_of_beta_functions() -> None:
    alpha, beta = 0.668, 3.806

    def log_beta(a: float, b: float) -> float:
        return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)

    wanted = [math.exp(log_beta(alpha, beta + t) - log_beta(alpha, beta)) for t in range(60)]
    assert survival(alpha, beta, 60) == pytest.approx(wanted)
    assert expected_months(alpha, beta) == pytest.approx(sum(wanted))


def drawn(seed: int) -> tuple[list[int], list[int], float, float]:
    """Lives of a few hundred customers whose chances are beta distributed, seen for a while."""
    draw = random.Random(seed)
    alpha, beta = draw.uniform(0.1, 3), draw.uniform(0.5, 40)
    months, customers = draw.randrange(2, 25), draw.randrange(20, 400)
    at_risk, lost = [0] * months, [0] * months
    for _ in range(customers):
        chance, seen = draw.betavariate(alpha, beta), draw.randrange(1, months + 1)
        for age in range(seen):
            at_risk[age] += 1
            if draw.random() < chance:
                lost[age] += 1
                break
    return at_risk, lost, alpha, beta


@pytest.mark.parametrize("seed", range(25))
def test_the_climb_ends_where_halving_ends(seed: int) -> None:
    at_risk, lost, *_ = drawn(seed)
    found = likeliest(np.array(at_risk, float), np.array(lost, float))
    assert found == pytest.approx(oracle_lifetimes.likeliest(at_risk, lost), rel=1e-8)


def test_the_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    held = []
    for seed in range(120):
        at_risk, lost, alpha, beta = drawn(1000 + seed)
        if len(at_risk) >= 12 and at_risk[0] >= 100:
            found = fit(np.array(at_risk, float), np.array(lost, float), Z)
            held.append(found.lower_months <= expected_months(alpha, beta) <= found.upper_months)
    assert len(held) > 30
    assert 0.85 <= sum(held) / len(held) <= 1


def test_where_nobody_left_only_bounds_are_said() -> None:
    found = fit(np.array([50.0, 40.0]), np.array([0.0, 0.0]), Z)
    rate = Z * Z / (90 + Z * Z)
    assert found == Fit(
        None, None, None, pytest.approx(sum((1 - rate) ** t for t in range(60))), HORIZON_MONTHS
    )


def test_where_everybody_left_only_bounds_are_said() -> None:
    found = fit(np.array([50.0]), np.array([50.0]), Z)
    assert found.expected_months is None
    assert found.lower_months == pytest.approx(1)
    assert 1 < found.upper_months < 1.2


def test_customers_of_one_mind_are_geometric() -> None:
    found = fit(np.array([1000.0, 900.0, 810.0]), np.array([100.0, 90.0, 81.0]), Z)
    assert found.alpha is not None and found.beta is not None
    assert found.alpha + found.beta == pytest.approx(1000)
    assert found.expected_months == pytest.approx(10, rel=0.01)


def test_ages_that_nobody_reached_change_nothing() -> None:
    at_risk, lost = np.array([300.0, 200.0, 150.0]), np.array([60.0, 30.0, 10.0])
    longer = [np.concatenate([each, np.zeros(4)]) for each in (at_risk, lost)]
    assert fit(*longer, Z) == fit(at_risk, lost, Z)
