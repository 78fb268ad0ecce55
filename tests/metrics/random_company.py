"""A random company as conformed rows: small, crowded with oddities, the same for the same seed.

Belongs here: drawing rows. Does not: what they amount to (the oracles).
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from typing import Any

from metric_warehouse import AS_OF, Warehouse

from revops_pipelines.settings import Settings
from revops_pipelines.settings_tables import BusinessCalendar, Company, Response

Rows = dict[str, list[dict[str, Any]]]

START = datetime(2024, 11, 1)
END = datetime(2026, 7, 10)
NOW = AS_OF.replace(tzinfo=None)
TEAMS = ("north", "west", "east", None)
STAGES = (("new", 0, False), ("demo", 1, True), ("offer", 2, True))
CURRENCIES = ("USD", "USD", "EUR", "JPY", "CHF")


class Draw(random.Random):
    """Random values of the kinds that rows hold."""

    def instant(self, since: datetime = START, until: datetime = END) -> datetime:
        """A moment to the second."""
        return since + timedelta(seconds=self.randrange(int((until - since).total_seconds())))

    def day(self) -> date:
        """A day."""
        return self.instant().date()

    def perhaps(self, share: float, value: Any) -> Any:
        """The value, in that share of cases; else None."""
        return value if self.random() < share else None


def settings_of(seed: int) -> Settings:
    """Settings that differ by seed: reporting zone, week, clock, calendars."""
    zones = ("America/New_York", "Asia/Kolkata", "UTC")
    calendars = {
        "default": BusinessCalendar(),
        "west": BusinessCalendar(time_zone="America/Los_Angeles", holidays="US"),
        "east": BusinessCalendar(time_zone="Asia/Tokyo", opens="22:00", closes="06:00"),
    }
    company = Company(
        time_zone=zones[seed % 3],
        week_starts_on=("mon", "sun", "sat")[seed % 3],
        fiscal_year_starts_in=(1, 2, 4)[seed % 3],
    )
    response = Response(clock=("business", "business", "calendar")[seed % 3])
    return Settings(home=Path("unused"), company=company, calendars=calendars, response=response)


def company_of(seed: int) -> Rows:
    """All rows of a company; each `random_*.py` with `extend(draw, rows)` adds entities to it."""
    draw = Draw(seed)
    rows: Rows = {
        "users": [
            {"user_id": f"u{n}", "name": f"U{n}", "team": draw.choice(TEAMS)} for n in range(6)
        ],
        "accounts": [_account(draw, n) for n in range(40)],
        "leads": [_lead(draw, n) for n in range(220)],
    }
    rows["activities"] = [_activity(draw, n, rows["leads"]) for n in range(900)]
    rows["fx_rates"] = _rates(draw)
    _sell(draw, rows)
    _bill(draw, rows)
    for path in sorted(Path(__file__).parent.glob("random_*.py")):
        extend = getattr(import_module(path.stem), "extend", None)
        if extend is not None:
            extend(Draw(f"{seed}:{path.stem}"), rows)
    return rows


def filled(seed: int, rows: Mapping[str, list[dict[str, Any]]]) -> Warehouse:
    """A warehouse that holds the rows."""
    warehouse = Warehouse(settings_of(seed))
    for entity, records in rows.items():
        warehouse.put(entity, *records)
    return warehouse


def _account(draw: Draw, number: int) -> dict[str, Any]:
    return {
        "account_id": f"a{number}",
        "name": f"A{number}",
        "segment": draw.choice(("SMB", "MID", None)),
        "owner_id": draw.perhaps(0.8, f"u{draw.randrange(6)}"),
    }


def _lead(draw: Draw, number: int) -> dict[str, Any]:
    is_waiting = draw.random() < 0.05
    created = draw.instant(NOW - timedelta(minutes=70), NOW) if is_waiting else draw.instant()
    is_inbound = is_waiting or draw.random() < 0.7
    return {
        "lead_id": f"l{number}",
        "account_id": draw.perhaps(0.7, f"a{draw.randrange(40)}"),
        "owner_id": draw.perhaps(0.8, f"u{draw.randrange(6)}"),
        "segment": draw.choice(("SMB", None)),
        "is_inbound": is_inbound,
        "raised_at": _raised(draw, created, is_waiting) if is_inbound else None,
        "created_at": created,
        "qualified_at": draw.perhaps(0.4, created + timedelta(days=draw.randrange(40))),
        "excluded_reason": draw.choice((None,) * 8 + ("test", "spam")),
        "_deleted_at": draw.perhaps(0.05, draw.instant()),
    }


def _raised(draw: Draw, created: datetime, is_waiting: bool) -> datetime:
    return created if is_waiting else draw.instant(created, created + timedelta(days=9))


def _activity(draw: Draw, number: int, leads: list[dict[str, Any]]) -> dict[str, Any]:
    lead = draw.choice(leads)
    around = lead["raised_at"] or lead["created_at"]
    hours = draw.choice((1, 5, 100, 2000))
    return {
        "activity_id": f"v{number}",
        "lead_id": lead["lead_id"],
        "kind": draw.choice(("call", "email", "meeting", "message", "task", "note", "form")),
        "direction": draw.choice(("outbound", "outbound", "inbound", "internal")),
        "is_human": draw.random() < 0.8,
        "is_two_way": draw.random() < 0.3,
        "outcome": draw.choice((None, None, "connected", "voicemail", "Bounced")),
        "occurred_at": draw.instant(around - timedelta(hours=3), around + timedelta(hours=hours)),
        "_deleted_at": draw.perhaps(0.03, draw.instant()),
    }


def _rates(draw: Draw) -> list[dict[str, Any]]:
    """Monthly for the euro, now and then for the yen, late and once for the franc."""
    rows = []
    month = date(2024, 9, 1)
    while month < END.date():
        for currency, share in (("EUR", 1.0), ("JPY", 0.4)):
            if draw.random() < share:
                rate = Decimal(draw.randrange(8000, 13000)) / (
                    10_000 if currency == "EUR" else 10**6
                )
                rows.append({"currency": currency, "rate": rate, "valid_on": month})
        month = (month + timedelta(days=32)).replace(day=1)
    rows.append({"currency": "CHF", "rate": Decimal("1.0937"), "valid_on": date(2025, 9, 20)})
    return rows


def _sell(draw: Draw, rows: Rows) -> None:
    rows["opportunities"] = []
    rows["opportunity_contacts"] = []
    rows["opportunity_stage_history"] = []
    for number in range(160):
        created = draw.instant()
        deal: dict[str, Any] = {
            "opportunity_id": f"o{number}",
            "account_id": f"a{draw.randrange(40)}",
            "lead_id": draw.perhaps(0.5, f"l{draw.randrange(220)}"),
            "owner_id": f"u{draw.randrange(6)}",
            "kind": draw.choice(("new", "new", "expansion", "renewal", "other")),
            "pipeline": draw.choice(("sales", "sales", "partners")),
            "amount": draw.choice((None, 0, *(Decimal(draw.randrange(10**6)) / 100,) * 8)),
            "currency": draw.choice((*CURRENCIES, None)),
            "created_at": created,
            "lost_reason": draw.choice((None, "price", "No decision")),
            "_deleted_at": draw.perhaps(0.06, draw.instant()),
        }
        _walk(draw, deal, rows["opportunity_stage_history"])
        rows["opportunities"].append(deal)
        rows["opportunity_contacts"] += [
            {"opportunity_id": deal["opportunity_id"], "lead_id": f"l{lead}"}
            for lead in draw.sample(range(220), draw.randrange(4))
        ]


def _walk(draw: Draw, deal: dict[str, Any], history: list[dict[str, Any]]) -> None:
    """Lead a deal through stages: skips, steps back, reopening, another pipeline, no history."""
    now, stays = deal["created_at"], []
    for _ in range(draw.randrange(1, 6)):
        stays.append((now, deal["pipeline"], *draw.choice(STAGES), False, False))
        now += timedelta(seconds=draw.randrange(1, 40 * 86400))
        if draw.random() < 0.1:
            stays.append((now, deal["pipeline"], "lost", 4, False, True, False))
            now += timedelta(days=draw.randrange(1, 20))
        if draw.random() < 0.05:
            deal["pipeline"] = "sales" if deal["pipeline"] == "partners" else "partners"
    ended = draw.choice(("won", "lost", None))
    if ended:
        place = (3, True, True, True) if ended == "won" else (4, False, True, False)
        stays.append((now, deal["pipeline"], ended, *place))
    qualified = [stay[0] for stay in stays if stay[4]]
    deal["qualified_at"] = min(qualified) if qualified else None
    deal["stage"] = stays[-1][2]
    deal["is_closed"], deal["is_won"] = bool(ended), ended == "won"
    deal["closed_at"] = stays[-1][0] if ended else None
    if draw.random() < 0.1:
        return
    ends = [*(stay[0] for stay in stays[1:]), None]
    for (entered, pipeline, stage, order, is_qualified, is_closed, is_won), left in zip(
        stays, ends, strict=True
    ):
        history.append(
            {
                "opportunity_id": deal["opportunity_id"],
                "pipeline": pipeline,
                "stage": stage,
                "stage_label": stage.title(),
                "stage_order": order,
                "is_qualified": is_qualified,
                "is_closed": is_closed,
                "is_won": is_won,
                "entered_at": entered,
                "left_at": left,
            }
        )


def _bill(draw: Draw, rows: Rows) -> None:
    rows["customers"], rows["subscriptions"], rows["subscription_periods"] = [], [], []
    for number in range(50):
        rows["customers"].append(
            {
                "customer_id": f"c{number}",
                "account_id": draw.perhaps(0.8, f"a{number % 40}"),
                "segment": draw.choice(("SMB", None)),
                "_deleted_at": draw.perhaps(0.05, draw.instant()),
            }
        )
        for agreement in range(draw.randrange(1, 4)):
            _subscribe(draw, rows, f"c{number}", f"s{number}.{agreement}")


def _subscribe(draw: Draw, rows: Rows, customer: str, subscription: str) -> None:
    currency = draw.choice(CURRENCIES)
    since = draw.day()
    for period in range(draw.randrange(1, 7)):
        until = since + timedelta(days=draw.choice((1, 20, 31, 60, 200)))
        status = draw.choice(("active",) * 6 + ("past_due", "trialing", "unpaid", "paused", "free"))
        is_paid = status not in ("trialing", "free")
        rows["subscription_periods"].append(
            {
                "subscription_id": subscription,
                "customer_id": customer,
                "item_id": f"{subscription}.{draw.randrange(2)}.{period}",
                "status": status,
                "monthly_amount": Decimal(draw.randrange(50_000)) / 100 if is_paid else 0,
                "currency": currency,
                "valid_from_on": since,
                "valid_to_on": draw.perhaps(0.9, until),
                "_deleted_at": draw.perhaps(0.03, draw.instant()),
            }
        )
        since = until + timedelta(days=draw.choice((0, 0, 0, 10, 70)))
    rows["subscriptions"].append(
        {
            "subscription_id": subscription,
            "customer_id": customer,
            "ended_on": draw.perhaps(0.6, since),
            "cancel_reason": draw.choice((None, "voluntary", "involuntary")),
        }
    )
