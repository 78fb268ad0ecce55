"""How long customers stay and what they are worth, told customer by customer.

The shifted-beta-geometric fit is found by halving intervals along the ridge of the likelihood,
where the product climbs by Newton's steps.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from fractions import Fraction
from typing import Any

from oracle_economics import Economics, per_customer
from oracle_revenue import DIMENSIONS, Books, books_of, who_is
from oracle_rollup import Fact, Key, Measured, Times, published, ratio

Rows = Mapping[str, Sequence[Mapping[str, Any]]]
Values = dict[str, dict[Key, dict[str, Any]]]
Measure = Callable[[Sequence[Mapping[str, Any]]], Measured]
ALL = "(all)"
HORIZON = 60


def expected(rows: Rows, times: Times) -> Values:
    """metric -> (grain, period, dimensions) -> value."""
    books = books_of(rows, times)
    return _by_churn(books) | _by_fit(books) | _to_cost(rows, times)


def _is_known(line: Mapping[str, Any]) -> bool:
    return bool(line["known"] and line["was_known"])


def _by_churn(books: Books) -> Values:
    facts, measure = _churn_facts(books), _churn_measure(books)
    return {"ltv": published(facts, books.times, measure, DIMENSIONS, grains=("month",))}


def _churn_facts(books: Books) -> list[Fact]:
    facts = []
    for customer, lines in books.lines.items():
        who = who_is(books.rows, customer)
        months = list(lines.items())
        for place, (month, line) in enumerate(months):
            year = [each for _, each in months[max(0, place - 11) : place + 1] if _is_known(each)]
            at_risk = [each for each in year if each["opening"] > 0]
            weighs = {
                "pays": line["closing"],
                "at_risk": len(at_risk),
                "lost": sum(1 for each in at_risk if each.get("churn")),
            }
            if not _is_known(line):
                facts.append(Fact(month, who, "missing_rate"))
            elif line["closing"] > 0 or at_risk:
                facts.append(Fact(month, who, None, weighs))
    return facts


def _churn_measure(books: Books) -> Measure:
    margin = Fraction(books.times.settings.economics.gross_margin_share)

    def measure(group: Sequence[Mapping[str, Any]]) -> Measured:
        paying = [row["pays"] for row in group if row["pays"] > 0]
        at_risk = sum(row["at_risk"] for row in group)
        lost = sum(row["lost"] for row in group)
        profit = Fraction(sum(paying)) * margin / len(paying) if paying else None
        churn = Fraction(lost, at_risk) if at_risk else None
        if profit is None or not churn:
            return Measured(profit, churn, None, len(group))
        return ratio(profit, churn, len(group))

    return measure


def _by_fit(books: Books) -> Values:
    months, measure = fitted(books), _fit_measure(books)
    whole = published(_fit_facts(books, months), books.times, measure, (), grains=("month",))
    parts = published(
        _fit_facts(books, months, segmented=True),
        books.times,
        measure,
        (("segment",),),
        grains=("month",),
    )
    return {"ltv_cohort": whole | {key: value for key, value in parts.items() if key[2] != "{}"}}


def _fit_facts(
    books: Books, months: Mapping[tuple[date, str], Any], *, segmented: bool = False
) -> list[Fact]:
    facts = []
    for customer, lines in books.lines.items():
        segment = str(who_is(books.rows, customer)["segment"] or "unknown")
        for month, line in lines.items():
            found = months.get((month, segment if segmented else ALL))
            why = None if found else "too_few_customers"
            if not _is_known(line):
                why = "missing_rate"
            elif line["closing"] <= 0:
                continue
            weighs = {"pays": line["closing"], "fit": found}
            facts.append(Fact(month, {"segment": segment}, why, weighs))
    return facts


def _fit_measure(books: Books) -> Measure:
    margin = float(books.times.settings.economics.gross_margin_share)

    def measure(group: Sequence[Mapping[str, Any]]) -> Measured:
        stays = group[0]["fit"]["months"]
        if stays is None:
            return Measured(None, len(group), None, len(group))
        total = float(sum(row["pays"] for row in group)) * margin * stays
        return Measured(total, len(group), total / len(group), len(group))

    return measure


def _to_cost(rows: Rows, times: Times) -> Values:
    """Worth of a life by cost of winning one, of the same month."""
    economics = Economics(rows, times)
    books = economics.books
    costs = [
        Fact(cost["for"], {}, economics.why(cost), {"cost": cost["worth"]})
        for cost in economics.costs
    ]
    costs += [Fact(month, {}, None, {"new": 1}) for month, _, _ in economics.new]

    def of(lives: list[Fact], worth_of: Measure) -> dict[Key, dict[str, Any]]:
        def measure(group: Sequence[Mapping[str, Any]]) -> Measured:
            living = [row for row in group if "pays" in row]
            cac = per_customer([row for row in group if "pays" not in row])
            worth = worth_of(living).value if living else None
            if worth is None or cac.value is None:
                return Measured(worth, cac.value, None, cac.n)
            return ratio(worth, cac.value, cac.n)

        return published([*costs, *lives], times, measure, (), grains=("month",))

    return {
        "ltv_to_cac": of(_churn_facts(books), _churn_measure(books)),
        "ltv_to_cac_cohort": of(_fit_facts(books, fitted(books)), _fit_measure(books)),
    }


def fitted(books: Books) -> dict[tuple[date, str], dict[str, Any]]:
    """(month, segment) -> lives, losses, alpha, beta and expected months, of renewals so far."""
    lives = [
        (str(who_is(books.rows, customer)["segment"] or "unknown"), _life(lines))
        for customer, lines in books.lines.items()
    ]
    found: dict[tuple[date, str], dict[str, Any]] = {}
    least = books.times.settings.statistics.min_n
    for segment in {ALL, *(segment for segment, _ in lives)}:
        own = [life for of, life in lives if segment in (ALL, of)]
        for month in sorted({month for life in own for month, _, _ in life}):
            at_risk: dict[int, int] = defaultdict(int)
            lost: dict[int, int] = defaultdict(int)
            for life in own:
                for when, age, is_lost in life:
                    if when <= month:
                        at_risk[age] += 1
                        lost[age] += is_lost
            if at_risk[1] >= least:
                found[month, segment] = _fit(at_risk, lost)
    return found


def _life(lines: Mapping[date, Mapping[str, Any]]) -> list[tuple[date, int, bool]]:
    """(month, which renewal it is, left at it), from the first paid month until it ended."""
    renewals: list[tuple[date, int, bool]] = []
    age = None
    for month, line in lines.items():
        if age is None:
            if "new" in line:
                age = 0
            continue
        age += 1
        if not _is_known(line):
            break
        renewals.append((month, age, "churn" in line))
        if "churn" in line:
            break
    return renewals


def _fit(at_risk: Mapping[int, int], lost: Mapping[int, int]) -> dict[str, Any]:
    ages = range(1, max(at_risk) + 1)
    stood = [at_risk.get(age, 0) for age in ages]
    left = [lost.get(age, 0) for age in ages]
    counts = {"lives": stood[0], "losses": sum(left)}
    if sum(left) in (0, sum(stood)):
        return counts | {"alpha": None, "beta": None, "months": None}
    alpha, beta = (float(f"{each:.6g}") for each in likeliest(stood, left))
    stays, months = 1.0, 0.0
    for age in range(HORIZON):
        months += stays
        stays *= (beta + age) / (alpha + beta + age)
    return counts | {"alpha": alpha, "beta": beta, "months": months}


def likeliest(stood: Sequence[int], left: Sequence[int]) -> tuple[float, float]:
    """Maximum likelihood, for sums of the parameters between 0.01 and 1,000."""
    flat = 1e-10 * sum(stood)
    for total, outwards in ((1000.0, 1), (0.01, -1)):
        slope, share = _ridge(total, stood, left)
        if outwards * slope >= -flat:
            return share * total, (1 - share) * total
    low, high = math.log(0.01), math.log(1000)
    for _ in range(100):
        middle = (low + high) / 2
        slope, share = _ridge(math.exp(middle), stood, left)
        low, high = (middle, high) if slope > 0 else (low, middle)
    total = math.exp(middle)
    return share * total, (1 - share) * total


def _ridge(total: float, stood: Sequence[int], left: Sequence[int]) -> tuple[float, float]:
    """The slope in the logarithm of the parameters' sum, at the likeliest share for it."""
    kept = [n - d for n, d in zip(stood, left, strict=True)]
    gone = sum(left)
    low, high, share = 0.0, 1.0, gone / sum(stood)
    for _ in range(100):
        beta = (1 - share) * total
        pull = gone / share - total * math.fsum(n / (beta + age) for age, n in enumerate(kept))
        bend = gone / share**2 + total**2 * math.fsum(
            n / (beta + age) ** 2 for age, n in enumerate(kept)
        )
        low, high = (share, high) if pull > 0 else (low, share)
        ahead = share + pull / bend
        ahead = ahead if low < ahead < high else (low + high) / 2
        if abs(ahead - share) <= 1e-16 * share:
            break
        share = ahead
    beta = (1 - share) * total
    terms = [float(gone)]
    terms += [beta * n / (beta + age) for age, n in enumerate(kept)]
    terms += [-total * n / (total + age) for age, n in enumerate(stood)]
    return math.fsum(terms), share
