"""The company's books: what marketing, sales, success and serving cost, month by month.

Belongs here: the lines of the profit and loss sheet, made of who worked, what was sold, and who was
served. Does not: what was spent on media campaign by campaign (`marketing_programs`), the sheet's
form (`sandbox.sheets`).

A month is booked on the sixth day after it, once and for all. In its first months the company
booked its agencies' bills under media; since then media is only in the marketing system.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING

from revops_pipelines.sandbox.world.marketing_shapes import Marketing

if TYPE_CHECKING:
    from revops_pipelines.sandbox.world.world import World

BOOKED_AFTER = timedelta(days=6)
# A seller's month by country: currency and cost to the company.
SALARIES = {
    "US": ("USD", Decimal(7_900)),
    "GB": ("GBP", Decimal(5_100)),
    "DE": ("EUR", Decimal(5_900)),
    "JP": ("JPY", Decimal(690_000)),
}
ELSEWHERE = SALARIES["US"]
# Of the yearly value of new business and expansion that closed in the month.
COMMISSION_SHARE = Decimal("0.08")
SELLERS_PER_MARKETER, MARKETER = 4, Decimal(6_800)
CUSTOMERS_PER_KEEPER, KEEPER = 60, Decimal(5_600)
SEAT, MARKETING_TOOLS = Decimal("145.00"), Decimal("2350.00")
SERVING_PER_CUSTOMER, SERVING_AT_LEAST = Decimal("96.50"), Decimal("4200.00")
# What an agency charges on top of the media that it books.
MONTHS_WITH_AGENCY, AGENCY_SHARE = 3, Decimal("1.12")
CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Booking:
    """One line: who spent how much on what in a month."""

    month: date
    department: str
    kind: str
    currency: str
    amount: Decimal

    @property
    def number(self) -> str:
        """What the line is called in the sheet."""
        return f"{self.month:%Y-%m}-{self.department}-{self.kind}-{self.currency}".lower()


def bookings(world: World, now: datetime) -> Iterator[Booking]:
    """Every line of the months that were booked by then, the oldest first."""
    month, number = world.start.date().replace(day=1), 0
    while _instant(_next(month)) + BOOKED_AFTER <= now:
        yield from _sales(world, month)
        yield from _marketing(world, month, is_agency=number < MONTHS_WITH_AGENCY)
        yield from _success(world, month)
        month, number = _next(month), number + 1


def _sales(world: World, month: date) -> Iterator[Booking]:
    salaries: dict[str, Decimal] = {}
    sellers = [user for user in world.users if user.at_work(_instant(month))]
    for user in sellers:
        currency, amount = SALARIES.get(user.country, ELSEWHERE)
        salaries[currency] = salaries.get(currency, Decimal(0)) + amount
    yield from _lines(month, "sales", "salaries", salaries)
    yield from _lines(month, "sales", "commissions", _commissions(world, month))
    yield Booking(month, "sales", "tools", "USD", SEAT * len(sellers))


def _commissions(world: World, month: date) -> Mapping[str, Decimal]:
    begins, ends = _instant(month), _instant(_next(month))
    earned: dict[str, Decimal] = {}
    for deal in world.deals:
        last = deal.stages[-1]
        if deal.kind == "renewal" or not last.stage.is_won or not begins <= last.at < ends:
            continue
        amount = deal.amount_at(last.at) or Decimal(0)
        earned[deal.currency] = earned.get(deal.currency, Decimal(0)) + amount * COMMISSION_SHARE
    return earned


def _marketing(world: World, month: date, *, is_agency: bool) -> Iterator[Booking]:
    sellers = sum(user.at_work(_instant(month)) for user in world.users)
    marketers = max(1, sellers // SELLERS_PER_MARKETER)
    yield Booking(month, "marketing", "salaries", "USD", MARKETER * marketers)
    yield Booking(month, "marketing", "tools", "USD", MARKETING_TOOLS)
    if is_agency:
        marketing: Marketing = world.marketing
        spent = sum(
            cost.amount
            for program in marketing.programs
            for cost in program.costs
            if cost.month.replace(day=1) == month
        )
        yield from _lines(month, "marketing", "media", {"USD": spent * AGENCY_SHARE})


def _success(world: World, month: date) -> Iterator[Booking]:
    ends = _instant(_next(month))
    customers = sum(
        account.wins_at is not None and account.wins_at < ends for account in world.accounts
    )
    keepers = -(-customers // CUSTOMERS_PER_KEEPER)
    if keepers:
        yield Booking(month, "success", "salaries", "USD", KEEPER * keepers)
    served = max(SERVING_AT_LEAST, SERVING_PER_CUSTOMER * customers)
    yield Booking(month, "serving", "hosting", "USD", served)


def _lines(
    month: date, department: str, kind: str, amounts: Mapping[str, Decimal]
) -> Iterator[Booking]:
    for currency, amount in sorted(amounts.items()):
        rounded = amount.quantize(CENT, ROUND_HALF_UP)
        if rounded:
            yield Booking(month, department, kind, currency, rounded)


def _next(month: date) -> date:
    return (month + timedelta(days=32)).replace(day=1)


def _instant(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
