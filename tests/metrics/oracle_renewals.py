"""What renewal_rate and upsell_rate should say, told term by term."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from oracle_revenue import DIMENSIONS, books_of, who_is
from oracle_rollup import Fact, Key, Measured, Times, published, ratio
from oracle_terms import DAY, NEVER, Agreements, agreements_of

Rows = Mapping[str, Sequence[Mapping[str, Any]]]
Values = dict[str, dict[Key, dict[str, Any]]]
Group = Sequence[Mapping[str, Any]]
ZERO = Decimal(0)
FLOWS = ("month", "quarter")
RENEWED = ("early", "on_time")


def expected(rows: Rows, times: Times) -> Values:
    """metric -> (grain, period, dimensions) -> value."""
    found = agreements_of(rows, times)
    told = outcomes(found)
    return _renewals(found, told) | _upsells(rows, times, told)


def outcomes(found: Agreements) -> list[dict[str, Any]]:
    """Every term whose end has come, with what became of it."""
    window = timedelta(days=found.times.settings.economics.renewal_window_days)
    due = [dict(term) for term in found.terms if term["ends_on"] <= found.today]
    for term in due:
        _value(found, term, window)
    _replace(found, [term for term in due if term["is_unanswered"]], window)
    for term in due:
        _judge(found, term, window)
    return due


def _value(found: Agreements, term: dict[str, Any], window: timedelta) -> None:
    """What was due, and what its own subscription goes on with."""
    term["judged_on"], term["late_on"] = term["ends_on"] + window, term["ends_on"] + 3 * window
    term["over_on"] = term["ended_on"] or term["ends_on"]
    term["followers"] = []
    if term["subscription_id"] is None:
        term["due"] = term["annual_amount"] and (term["currency"], Decimal(term["annual_amount"]))
    else:
        paid = found.last_worth(term["subscription_id"], term["starts_on"], term["over_on"])
        term["due"] = paid and (paid[0], 12 * paid[1])
    term["goes_on"] = _at(found, term, term["judged_on"])
    term["is_unanswered"] = (
        not any(amount for amount in _based(found, term, term["goes_on"]) if amount)
        and term["judged_on"] <= found.today
        and not term["is_evergreen"]
        and not term["is_signed_elsewhere"]
    )


def _at(found: Agreements, term: Mapping[str, Any], day: date) -> list[tuple[str, Decimal]]:
    if term["subscription_id"] is None:
        return []
    worth = found.worth(term["subscription_id"], day)
    return [(currency, 12 * amount) for currency, amount in worth.items()]


def _based(found: Agreements, term: Mapping[str, Any], worths: Any) -> list[Decimal | None]:
    return [found.base(amount, currency, term["ends_on"]) for currency, amount in worths]


def _replace(found: Agreements, waiting: list[dict[str, Any]], window: timedelta) -> None:
    """Give each new agreement to the first that it renews on time, else to the first at all."""
    wanted: dict[Any, list[Any]] = {}
    for term in waiting:
        for key, begins in _candidates(found, term):
            if term["over_on"] - window <= begins <= term["late_on"]:
                rank = (begins > term["judged_on"], term["ends_on"], term["contract_id"])
                wanted.setdefault((key, begins), []).append((rank, term))
    for (key, begins), terms in wanted.items():
        min(terms, key=lambda each: each[0])[1]["followers"].append((key, begins))


def _candidates(found: Agreements, term: Mapping[str, Any]) -> list[tuple[Any, date]]:
    if term["subscription_id"] is None:
        return [
            (("contract", other["contract_id"]), other["starts_on"])
            for other in found.terms
            if other["subscription_id"] is None
            and other["party"] == term["party"]
            and other["contract_id"] != term["contract_id"]
            and other["starts_on"] > term["starts_on"]
        ]
    return [
        (("subscription", other), found.first_day(other))  # type: ignore[misc]
        for other, payer in found.payer.items()
        if payer == term["customer_id"]
        and other != term["subscription_id"]
        and found.first_day(other) is not None
    ]


def _followers_at(found: Agreements, term: Any, day: date) -> list[tuple[str, Decimal]]:
    """What the followers are worth a year on a day."""
    worths = []
    for (kind, key), begins in term["followers"]:
        if kind == "subscription":
            worth = found.worth(key, day)
            worths += [(currency, 12 * amount) for currency, amount in worth.items()]
            continue
        (other,) = [each for each in found.terms if each["contract_id"] == key]
        if begins <= day < (other["ended_on"] or NEVER) and other["annual_amount"] is not None:
            worths.append((other["currency"], Decimal(other["annual_amount"])))
    return worths


def _judge(found: Agreements, term: dict[str, Any], window: timedelta) -> None:
    own = _based(found, term, term["goes_on"])
    by_others = _based(found, term, _followers_at(found, term, term["judged_on"]))
    now = sum((amount or ZERO for amount in own), ZERO)
    starts = [begins for _, begins in term["followers"]]
    followed_on = min(starts) if starts else None
    if now:
        followed_on = _next_start(found, term)
    else:
        now = sum((amount or ZERO for amount in by_others), ZERO)
    late = ZERO
    if term["late_on"] <= found.today:
        again = _at(found, term, term["late_on"])
        again += _followers_at(found, term, term["late_on"])
        late = sum((amount or ZERO for amount in _based(found, term, again)), ZERO)
    if term["judged_on"] > found.today:
        outcome = "pending"
    elif now:
        assert followed_on is not None
        outcome = "early" if followed_on < term["ends_on"] - window else "on_time"
    else:
        outcome = "late" if late else "lost"
    due = term["due"] and found.base(term["due"][1], term["due"][0], term["ends_on"])
    reasons = (
        (term["is_evergreen"], "evergreen"),
        (term["is_signed_elsewhere"], "signed_elsewhere"),
        (term["due"] is None and term["subscription_id"] is not None, "nothing_paid"),
        (not term["due"] or term["due"][1] <= 0, "no_amount"),
        (due is None, "missing_rate"),
        (None in own or None in by_others, "missing_rate"),
        (outcome == "pending", "pending"),
    )
    renewed = now if outcome in RENEWED else ZERO
    term["outcome"] = outcome
    term["why"] = next((reason for holds, reason in reasons if holds), None)
    if term["why"] is None:
        term["weighs"] = {
            "party": term["party"],
            "outcome": outcome,
            "due": due,
            "renewed": min(renewed, due),
            "growth": max(renewed - due, ZERO),
            "late": min(late, due) if outcome == "late" else ZERO,
        }


def _next_start(found: Agreements, term: Mapping[str, Any]) -> date:
    later = [
        other["starts_on"]
        for other in found.terms
        if other["subscription_id"] == term["subscription_id"]
        and other["starts_on"] > term["starts_on"]
    ]
    return min(later) if later else term["ends_on"]


def _facts(told: Sequence[Mapping[str, Any]]) -> list[Fact]:
    return [
        Fact(term["ends_on"], term["dimensions"], term["why"], term.get("weighs", {}))
        for term in told
    ]


def _evergreen(found: Agreements) -> list[Fact]:
    """Subscriptions without terms, in each closed month at whose end they pay."""
    bound = {term["subscription_id"] for term in found.terms}
    facts = []
    books = books_of(found.rows, found.times)
    for month in books.closed:
        last = found.times.period(month, "month")[1] - DAY
        for subscription, payer in found.payer.items():
            if subscription not in bound:
                facts += [
                    Fact(month, found.who(payer), "evergreen")
                    for _ in found.worth(subscription, last)
                ]
    return facts


def _renewals(found: Agreements, told: Sequence[Mapping[str, Any]]) -> Values:
    times = found.times
    window = times.settings.economics.renewal_window_days

    def part(name: str, *kept: str) -> Any:
        def measure(group: Group) -> Measured:
            whole = sum(row["due"] for row in group)
            some = sum((row[name] for row in group if row["outcome"] in kept), ZERO)
            return ratio(some, whole, len(group))

        return measure

    def logos(group: Group) -> Measured:
        parties = {row["party"] for row in group}
        renewed = {row["party"] for row in group if row["outcome"] in RENEWED}
        return ratio(len(renewed), len(parties), len(parties))

    def of(measure: Any, facts: list[Fact], windows: int = 1) -> dict[Key, dict[str, Any]]:
        age = windows * window
        return published(facts, times, measure, DIMENSIONS, grains=FLOWS, mature_after=age)

    facts = _facts(told)
    return {
        "renewal_rate": of(part("renewed", *RENEWED), facts + _evergreen(found)),
        "renewal_rate_logo": of(logos, facts),
        "renewal_rate_early": of(part("renewed", "early"), facts),
        "renewal_rate_on_time": of(part("renewed", "on_time"), facts),
        "renewal_rate_late": of(part("late", "late"), facts, 3),
    }


def _upsells(rows: Rows, times: Times, told: Sequence[Mapping[str, Any]]) -> Values:
    window = times.settings.economics.renewal_window_days
    facts = _facts(told)
    renewed = [
        fact
        if fact.excluded or fact.weighs["outcome"] in RENEWED
        else Fact(fact.day, fact.dimensions, "not_renewed")
        for fact in facts
    ]

    def growth(group: Group) -> Measured:
        return ratio(sum(row["growth"] for row in group), sum(r["due"] for r in group), len(group))

    def count(group: Group) -> Measured:
        return ratio(sum(1 for row in group if row["growth"] > 0), len(group), len(group))

    def any_time(group: Group) -> Measured:
        more = sum((row.get("expansion", ZERO) for row in group), ZERO)
        return ratio(more, sum(row["opening"] for row in group), len(group))

    books = books_of(rows, times)
    opened = [
        Fact(
            month,
            who_is(rows, customer),
            None if line["known"] and line["was_known"] else "missing_rate",
            line,
        )
        for customer, lines in books.lines.items()
        for month, line in lines.items()
        if line["opening"] > 0
    ]
    at_renewal = {"grains": FLOWS, "mature_after": window}
    return {
        "upsell_rate": published(facts, times, growth, DIMENSIONS, **at_renewal),
        "upsell_rate_count": published(renewed, times, count, DIMENSIONS, **at_renewal),
        "upsell_rate_any_time": published(opened, times, any_time, DIMENSIONS, grains=("month",)),
    }
