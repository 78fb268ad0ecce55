"""How long customers stay, when some are likelier to leave than others: a model and its fit.

Belongs here: the shifted-beta-geometric distribution, by P. S. Fader and B. G. S. Hardie, How to
project customer retention, Journal of Interactive Marketing 21 (2007) 76-90, fitted by maximum
likelihood. Does not: whose lives are fitted, or what they are worth (`ltv`).

Every customer leaves at each renewal with a chance of its own that never changes; the chances are
spread over customers as a beta distribution with `alpha` and `beta`. Those likeliest to leave go
first, so that of those who renewed t - 1 times the share alpha / (alpha + beta + t - 1) leaves at
the next renewal. So the likelihood needs no more than how many stood before their t-th renewal and
how many of them left, and customers who are still there count for as long as they have been.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.float64]

# Revenue further away than this is not counted: five years, beyond which a company as young as its
# data knows nothing.
HORIZON_MONTHS = 60
# Sums of alpha and beta that data can tell apart: customers of one mind, and of two.
LIKEST, UNLIKEST = 1000.0, 0.01
# Parameters are published with so many digits, and all else is computed from what is published.
DIGITS = 6
# A slope per customer at risk that rounding alone can make.
FLAT = 1e-10
_STEPS = 200


@dataclass(frozen=True, slots=True)
class Fit:
    """The likeliest parameters, and the months paid for of the next sixty: expected, and bounds.

    Where nobody or everybody left there is no likeliest pair, and the bounds are all there is.
    """

    alpha: float | None
    beta: float | None
    expected_months: float | None
    lower_months: float
    upper_months: float


def fit(at_risk: Counts, lost: Counts, z: float) -> Fit:
    """Fit to how many stood before their first, second, ... renewal and how many of them left.

    `z` is the half-width of the bounds in standard deviations. At least one customer must have
    been at risk.

    >>> stayed = np.array([1000, 631, 468, 382, 326, 289, 262, 241])  # the paper's Regular
    >>> found = fit(stayed[:-1].astype(float), -np.diff(stayed).astype(float), 1.96)
    >>> round(found.alpha, 3), round(found.beta, 3)
    (0.704, 1.182)
    """
    left, total = float(lost.sum()), float(at_risk.sum())
    if left in (0.0, total):
        return _unfitted(left, total, z)
    alpha, beta = (float(f"{each:.{DIGITS}g}") for each in likeliest(at_risk, lost))
    months = expected_months(alpha, beta)
    spread = float(np.exp(z * _deviation(at_risk, lost, alpha, beta)))
    return Fit(alpha, beta, months, max(1.0, months / spread), min(HORIZON_MONTHS, months * spread))


def survival(alpha: float, beta: float, renewals: int) -> Counts:
    """The share still there after 0, 1, ... renewals, one fewer than `renewals` in the end."""
    ages = np.arange(renewals - 1)
    return np.concatenate([[1.0], np.cumprod((beta + ages) / (alpha + beta + ages))])


def expected_months(alpha: float, beta: float) -> float:
    """Months that a new customer pays for within the horizon."""
    return float(survival(alpha, beta, HORIZON_MONTHS).sum())


def likeliest(at_risk: Counts, lost: Counts) -> tuple[float, float]:
    """The parameters of maximum likelihood, alpha + beta between `UNLIKEST` and `LIKEST`.

    Someone must have left and someone stayed.
    """
    for total, outwards in ((LIKEST, 1.0), (UNLIKEST, -1.0)):
        alpha, beta = _likeliest_of(total, at_risk, lost)
        slope = _slope(alpha, beta, at_risk, lost)
        if outwards * (slope[0] + slope[1]) >= -FLAT * at_risk.sum():
            return alpha, beta
    rate = lost.sum() / at_risk.sum()
    return _climbed(2 * rate, 2 * (1 - rate), at_risk, lost)


def _likeliest_of(total: float, at_risk: Counts, lost: Counts) -> tuple[float, float]:
    """The likeliest pair whose sum is given: halving, as the slope falls all the way."""
    low, high = 0.0, 1.0
    for _ in range(_STEPS):
        share = (low + high) / 2
        alpha, beta = share * total, (1 - share) * total
        if not (low < share < high and beta > 0):
            break
        slope = _slope(alpha, beta, at_risk, lost)
        low, high = (share, high) if slope[0] / alpha > slope[1] / beta else (low, share)
    return alpha, beta


def _slope(alpha: float, beta: float, at_risk: Counts, lost: Counts) -> Counts:
    """Slope of the log-likelihood in the logarithms of the parameters."""
    ages = np.arange(len(at_risk))
    every = (at_risk / (alpha + beta + ages)).sum()
    return np.array(
        [
            lost.sum() - alpha * every,
            beta * (((at_risk - lost) / (beta + ages)).sum() - every),
        ]
    )


def _bend(alpha: float, beta: float, at_risk: Counts, lost: Counts) -> Counts:
    """Second derivatives in the logarithms of the parameters."""
    ages = np.arange(len(at_risk))
    both = (at_risk / (alpha + beta + ages) ** 2).sum()
    every = (at_risk / (alpha + beta + ages)).sum()
    kept = at_risk - lost
    mixed = alpha * beta * both
    alone = alpha * alpha * both - alpha * every
    beside = beta * ((kept / (beta + ages)).sum() - every) + beta * beta * (
        both - (kept / (beta + ages) ** 2).sum()
    )
    return np.array([[alone, mixed], [mixed, beside]])


def _log_likelihood(alpha: float, beta: float, at_risk: Counts, lost: Counts) -> float:
    ages = np.arange(len(at_risk))
    return float(
        (lost * np.log(alpha) + (at_risk - lost) * np.log(beta + ages)).sum()
        - (at_risk * np.log(alpha + beta + ages)).sum()
    )


def _climbed(alpha: float, beta: float, at_risk: Counts, lost: Counts) -> tuple[float, float]:
    """Newton's steps uphill, shortened where they do not climb."""
    damping, height = 0.0, _log_likelihood(alpha, beta, at_risk, lost)
    for _ in range(_STEPS):
        slope, bend = _slope(alpha, beta, at_risk, lost), _bend(alpha, beta, at_risk, lost)
        size, steepest = float(np.abs(bend).max()), float(np.linalg.eigvalsh(bend)[-1])
        pull = max(damping, 1.1 * steepest + 1e-6 * size if steepest > -1e-9 * size else 0.0)
        step = np.linalg.solve(pull * np.eye(2) - bend, slope)
        longest = float(np.abs(step).max())
        if longest < 1e-13:
            break
        step *= min(1.0, 2.0 / longest)
        further = alpha * float(np.exp(step[0])), beta * float(np.exp(step[1]))
        reached = _log_likelihood(*further, at_risk, lost)
        if reached >= height - 1e-9 * abs(height):
            (alpha, beta), height, damping = further, max(reached, height), damping / 10
        else:
            damping = max(10 * damping, 1e-3 * size)
    return alpha, beta


def _deviation(at_risk: Counts, lost: Counts, alpha: float, beta: float) -> float:
    """Standard deviation of the logarithm of the expected months, by the delta method.

    Where the customers are of one mind, or two, only the share that leaves can vary.
    """
    ages = np.arange(HORIZON_MONTHS - 1)
    stays = survival(alpha, beta, HORIZON_MONTHS)
    by_alpha = np.concatenate([[0.0], -np.cumsum(alpha / (alpha + beta + ages))])
    by_beta = np.concatenate(
        [[0.0], np.cumsum(beta / (beta + ages) - beta / (alpha + beta + ages))]
    )
    months = stays.sum()
    slope = np.array([(stays * by_alpha).sum(), (stays * by_beta).sum()]) / months
    known = -_bend(alpha, beta, at_risk, lost)
    if not UNLIKEST * 1.001 < alpha + beta < LIKEST * 0.999:
        # Along the line of that sum: what alpha gains, beta loses.
        along = np.array([beta, -alpha]) / (alpha + beta)
        slope, known = np.array([slope @ along]), np.array([[along @ known @ along]])
    if float(np.linalg.eigvalsh(known)[0]) <= 0:
        return float("inf")
    return float(np.sqrt(slope @ np.linalg.solve(known, slope)))


def _unfitted(left: float, total: float, z: float) -> Fit:
    """Bounds alone, from Wilson's interval of the share that left, taken as the same for all."""
    share, width = left / total, z * z / total
    half = z * np.sqrt(share * (1 - share) / total + width / (4 * total))
    bounds = [float((share + width / 2 + sign * half) / (1 + width)) for sign in (1.0, -1.0)]
    if not left:
        bounds[1] = 0.0
    months = [float(((1 - min(1.0, rate)) ** np.arange(HORIZON_MONTHS)).sum()) for rate in bounds]
    return Fit(None, None, None, months[0], months[1])
