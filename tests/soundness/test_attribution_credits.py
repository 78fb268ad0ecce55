"""Credit conserves money: whatever the journey and the amount, to the cent, under every model."""

from __future__ import annotations

import random
import sys
from collections import defaultdict
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "metrics"))
from metric_warehouse import METRICS, Warehouse, at

WON_AT = at("2026-05-20 09:00")
MODELS = 7
AMOUNTS = ("0.01", "0.06", "-0.05", "-999.99", "1.00", "100.01", "8333.33", "99999999999.99")


def test_credits_sum_to_the_amount_to_the_cent_under_every_model() -> None:
    draw = random.Random(20)
    warehouse = Warehouse()
    amounts, touches = {}, []
    for number in range(240):
        deal = f"d{number}"
        amounts[deal] = Decimal(
            draw.choice((*AMOUNTS, str(Decimal(draw.randrange(1, 10**7)) / 100)))
        )
        moments = [
            WON_AT - timedelta(minutes=draw.choice((0, 1, 60, 60, 1440, 30_000, 400_000, 525_600)))
            for _ in range(draw.randrange(13))
        ]
        touches += [
            {
                "touchpoint_id": f"{deal}.{place}",
                "lead_id": deal,
                "campaign_id": f"k{place}",
                "channel": "web",
                "occurred_at": moment,
            }
            for place, moment in enumerate(moments)
        ]
    warehouse.put("touchpoints", *touches)
    leads = [
        {"lead_id": deal, "raised_at": WON_AT - timedelta(days=draw.randrange(300))}
        for deal in amounts
    ]
    warehouse.put("leads", *leads)
    deals = [
        {
            "opportunity_id": deal,
            "lead_id": deal,
            "amount": amount,
            "created_at": WON_AT - timedelta(days=draw.randrange(200)),
            "is_closed": True,
            "is_won": True,
            "closed_at": WON_AT,
        }
        for deal, amount in amounts.items()
    ]
    warehouse.put("opportunities", *deals)
    warehouse.build("attribution")

    sums: dict[tuple[str, str, str], Decimal] = defaultdict(Decimal)
    for deal, basis, model, credit in warehouse.rows(
        "SELECT opportunity_id, basis, model, credit FROM metrics.attribution"
    ):
        sums[deal, basis, model] += credit
        # A part of an amount is not larger than it, but for the cents left over.
        assert abs(credit) <= abs(amounts[deal]) + Decimal("0.12")
    assert len(sums) == len(amounts) * MODELS * 2
    assert {key: total for key, total in sums.items() if total != amounts[key[0]]} == {}
    for identity in METRICS["attribution"].identities:
        assert warehouse.rows(identity.broken) == [], identity.name
