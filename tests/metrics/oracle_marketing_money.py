"""What the metrics of marketing's money should say of a random company, told row by row."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from oracle_attribution import HOUR, MODELS, _gone, credits, touches
from oracle_deals import Rows, Values, cents, rate_of
from oracle_leads import _lead
from oracle_rollup import Fact, Measured, Times, published, ratio

GRAINS = ("month", "quarter")


def expected(rows: Rows, times: Times) -> Values:
    """metric -> (grain, period, dimensions) -> value."""
    paid = costs(rows, times)
    media = [each for each in paid if each["kind"] == "media"]
    raised = hands(rows, times)
    by_media = (("campaign",), ("channel",))
    return {
        "marketing_cost": _costs(paid, times, (*by_media, ("kind",), ("currency",))),
        "marketing_cost_media": _costs(media, times, (*by_media, ("currency",))),
        "cost_per_lead": _per_lead(paid, raised, times, ()),
        "cost_per_lead_media": _per_lead(media, raised, times, by_media),
        "campaign_roi": _returned(rows, media, times),
    }


def costs(rows: Rows, times: Times) -> list[dict[str, Any]]:
    """Every cost in base currency; media that the books hold too is taken off their line."""
    channel = {each["campaign_id"]: each.get("channel") for each in rows.get("campaigns", ())}
    lines = []
    for row in rows.get("marketing_spend", ()):
        campaign = row.get("campaign_id")
        through = row.get("channel") or channel.get(campaign or "") or "unknown"
        lines.append(
            {"row": row, "entity": "spend", "kind": "media", "channel": through}
            | {"campaign": campaign or "no_campaign"}
        )
    for row in rows.get("expenses", ()):
        if row["department"] == "marketing":
            kind = (row.get("kind") or "unknown").lower()
            through = "books" if kind == "media" else "no_channel"
            lines.append(
                {"row": row, "entity": "books", "kind": kind, "channel": through}
                | {"campaign": "no_campaign"}
            )
    found = []
    for line in lines:
        row = line["row"]
        if row["spent_on"] > times.today:
            continue
        month = row["spent_on"].replace(day=1)
        rate = rate_of(rows, row["currency"], month)
        excluded = "deleted" if _gone(row, times) else None if rate else "missing_rate"
        worth = None if rate is None else cents(Decimal(row["amount"]) * rate)
        told = {"day": row["spent_on"], "month": month, "currency": row["currency"]}
        found.append(line | told | {"excluded": excluded, "amount": worth})
    booked = {
        each["month"]
        for each in found
        if each["entity"] == "books" and each["kind"] == "media" and not each["excluded"]
    }
    again = [
        each | {"channel": "books", "campaign": "no_campaign", "amount": -each["amount"]}
        for each in found
        if each["entity"] == "spend" and not each["excluded"] and each["month"] in booked
    ]
    return found + again


def hands(rows: Rows, times: Times) -> list[dict[str, Any]]:
    """Every inbound lead, with the campaign and channel of the last touch before it was raised."""
    met = touches(rows, times)
    window = timedelta(days=times.settings.engagement.lookback_days)
    found = []
    for row in rows["leads"]:
        if not row["is_inbound"] or row["raised_at"] > times.now:
            continue
        lead = _lead(row, {}, {}, times)
        before = [
            touch
            for touch in met.get(row["lead_id"], ())
            if row["raised_at"] - window <= touch["occurred_at"] <= row["raised_at"] + HOUR
        ]
        last = min(before, key=_nearest_to(row["raised_at"]), default={})
        found.append(
            {
                "day": times.day(row["raised_at"]),
                "excluded": lead["reason"],
                "campaign": last.get("campaign_id") or "no_campaign",
                "channel": last.get("channel") or row.get("channel") or "unknown",
            }
        )
    return found


def _nearest_to(raised: datetime) -> Callable[[Mapping[str, Any]], tuple[Any, ...]]:
    def nearest(touch: Mapping[str, Any]) -> tuple[Any, ...]:
        at = touch["occurred_at"]
        return abs(at - raised), at, touch["touchpoint_id"]

    return nearest


def _fact(row: Mapping[str, Any], **weighs: Any) -> Fact:
    return Fact(row["day"], row, row["excluded"], weighs)


def _costs(
    paid: Sequence[Mapping[str, Any]], times: Times, dimensions: Sequence[tuple[str, ...]]
) -> dict[Any, Any]:
    def measure(group: Sequence[Mapping[str, Any]]) -> Measured:
        total = sum((each["amount"] for each in group), Decimal(0))
        return Measured(total, None, total, len(group))

    facts = [_fact(each, amount=each["amount"]) for each in paid]
    return published(facts, times, measure, dimensions, grains=GRAINS)


def _per_lead(
    paid: Sequence[Mapping[str, Any]],
    raised: Sequence[Mapping[str, Any]],
    times: Times,
    dimensions: Sequence[tuple[str, ...]],
) -> dict[Any, Any]:
    def measure(group: Sequence[Mapping[str, Any]]) -> Measured:
        leads = sum(each["leads"] for each in group)
        return ratio(sum((each["cost"] for each in group), Decimal(0)), leads, leads)

    facts = [_fact(each, cost=each["amount"], leads=0) for each in paid]
    facts += [_fact(each, cost=Decimal(0), leads=1) for each in raised]
    return published(facts, times, measure, dimensions, grains=GRAINS)


def _returned(rows: Rows, media: Sequence[Mapping[str, Any]], times: Times) -> dict[Any, Any]:
    def measure(group: Sequence[Mapping[str, Any]]) -> Measured:
        won = sum((each["won"] for each in group), Decimal(0))
        spent = sum((each["spent"] for each in group), Decimal(0))
        return ratio(won, spent, len({each["deal"] for each in group if each["deal"]}))

    facts: dict[str, list[Fact]] = {model: [] for model in MODELS}
    for credit in credits(rows, times):
        if credit["basis"] == "won" and credit["touched_at"] is not None:
            row = credit | {"day": times.day(credit["touched_at"]), "excluded": None}
            row["campaign"] = credit["campaign_id"] or "no_campaign"
            told = _fact(row, won=credit["credit"], spent=Decimal(0), deal=credit["opportunity_id"])
            facts[credit["model"]].append(told)
    for model in MODELS:
        facts[model] += [
            _fact({**each, "model": model}, won=Decimal(0), spent=each["amount"], deal=None)
            for each in media
        ]
    age = times.settings.engagement.lookback_days
    told = published(facts["linear"], times, measure, (), grains=GRAINS, mature_after=age)
    everything = [fact for model in MODELS for fact in facts[model]]
    for grains, dimensions in (
        (GRAINS, (("channel", "model"), ("model",))),
        (("quarter",), (("campaign", "model"),)),
    ):
        more = published(everything, times, measure, dimensions, grains=grains, mature_after=age)
        told |= {key: value for key, value in more.items() if key[2] != "{}"}
    return told
