"""Products, prices, currencies, rates and forecast periods as Salesforce shows them.

Belongs here: what the whole company shares and nobody owns. Does not: deals.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal

from revops_pipelines.sandbox.salesforce import ids
from revops_pipelines.sandbox.salesforce.staff import AUTOMATED, BASE
from revops_pipelines.sandbox.salesforce.story import Change, day_text, epoch_ms
from revops_pipelines.sandbox.salesforce.table import Listed
from revops_pipelines.sandbox.world.billing_catalog import CURRENCIES, PLANS
from revops_pipelines.sandbox.world.fx import LEVELS
from revops_pipelines.sandbox.world.quotas import RAISED_AFTER, quotas
from revops_pipelines.sandbox.world.world import World

Row = tuple[int, Sequence[Change], int | None]
# A currency setting's six decimals.
RATE_STEP = Decimal("0.000001")
LAST_DAY = "9999-12-31"
ZERO_DECIMAL = ("JPY",)


@dataclass(frozen=True, slots=True)
class Product:
    """Something sold, by its place in the catalogue."""

    order: int
    key: str

    @property
    def id(self) -> str:
        """The Product2's id."""
        return ids.record_id("Product2", self.order + 1)

    @property
    def code(self) -> str:
        """Its code."""
        return f"NB-{self.key.upper()}"

    @property
    def name(self) -> str:
        """Its name."""
        return PLANS[self.key][0]

    def entry_number(self, currency: str) -> int:
        """The number of its standard price in a currency."""
        return self.order * 10 + list(CURRENCIES).index(currency) + 1

    def entry_id(self, currency: str) -> str:
        """The PricebookEntry of its standard price in a currency."""
        return ids.record_id("PricebookEntry", self.entry_number(currency))


PRODUCTS = {key: Product(order, key) for order, key in enumerate(PLANS)}


def product_of(segment: str, kind: str) -> Product:
    """What a deal sells."""
    if kind == "expansion":
        return PRODUCTS["support"]
    return PRODUCTS[{"SMB": "team", "MID": "business", "ENT": "enterprise"}[segment]]


def list_price(product: Product, currency: str) -> float:
    """The standard price of a month."""
    cents = Decimal(PLANS[product.key][2]) * CURRENCIES[currency] / 100
    if currency in ZERO_DECIMAL:
        return float((cents).quantize(Decimal(1), ROUND_HALF_UP))
    return float((cents / 100).quantize(Decimal("0.01"), ROUND_HALF_UP))


def catalog(world: World) -> Iterator[Listed]:
    """The objects of this module."""
    began = epoch_ms(world.start)
    yield Listed("Product2", list(_products(began)))
    book = {"Name": "Standard Price Book", "IsActive": True, "IsStandard": True}
    yield Listed("Pricebook2", [(1, [Change(began, book, AUTOMATED)], None)])
    yield Listed("PricebookEntry", list(_prices(began)))
    yield Listed("CurrencyType", list(_currencies(world)))
    yield Listed("DatedConversionRate", list(_rates(world)))
    yield Listed("Period", list(_periods(world)))
    kind = {
        "MasterLabel": "Opportunity Revenue",
        "DeveloperName": "OpportunityRevenue",
        "IsActive": True,
        "IsAmount": True,
        "IsQuantity": False,
    }
    yield Listed("ForecastingType", [(1, [Change(began, kind, AUTOMATED)], None)])
    yield Listed("ForecastingQuota", list(_quotas(world)))
    for empty in ("ForecastingItem", "Contract", "Order", "OrderItem"):
        yield Listed(empty)


def _products(began: int) -> Iterator[Row]:
    for product in PRODUCTS.values():
        values = {
            "Name": product.name,
            "ProductCode": product.code,
            "IsActive": True,
            "Family": "Subscription",
            "QuantityUnitOfMeasure": "Seats" if PLANS[product.key][1] else None,
            "CurrencyIsoCode": BASE,
        }
        yield product.order + 1, [Change(began, values, AUTOMATED)], None


def _prices(began: int) -> Iterator[Row]:
    for product in PRODUCTS.values():
        for currency in CURRENCIES:
            values = {
                "Name": product.name,
                "Pricebook2Id": ids.record_id("Pricebook2", 1),
                "Product2Id": product.id,
                "ProductCode": product.code,
                "UnitPrice": list_price(product, currency),
                "IsActive": True,
                "UseStandardPrice": False,
                "CurrencyIsoCode": currency,
            }
            yield product.entry_number(currency), [Change(began, values, AUTOMATED)], None


def per_dollar(world: World, currency: str, month: date) -> float:
    """How much of a currency a dollar is worth, to six decimals."""
    rate = world.fx.monthly_rate(currency, month)
    return float((1 / rate).quantize(RATE_STEP, ROUND_HALF_UP))


def _currencies(world: World) -> Iterator[Row]:
    for number, currency in enumerate((BASE, *LEVELS), 1):
        story: list[Change] = []
        for at, month, _ in _months(world):
            values: dict[str, object] = {"ConversionRate": per_dollar(world, currency, month)}
            if not story:
                values |= {
                    "IsoCode": currency,
                    "DecimalPlaces": 0 if currency in ZERO_DECIMAL else 2,
                    "IsActive": True,
                    "IsCorporate": currency == BASE,
                }
            if not story or currency != BASE:
                story.append(Change(at, values, AUTOMATED))
        yield number, story, None


def _rates(world: World) -> Iterator[Row]:
    for number, (at, month, following) in enumerate(_months(world)):
        for order, currency in enumerate((BASE, *LEVELS), 1):
            values = {
                "IsoCode": currency,
                "StartDate": month.isoformat(),
                "NextStartDate": LAST_DAY,
                "ConversionRate": per_dollar(world, currency, month),
            }
            ended = {"NextStartDate": day_text(following)}
            story = [Change(at, values, AUTOMATED), Change(following, ended, AUTOMATED)]
            yield number * 10 + order, story, None


def _months(world: World) -> Iterator[tuple[int, date, int]]:
    """Every month of the story: its first instant, its first day, the next one's first instant."""
    moment = world.start
    while moment < world.end:
        following = (moment + timedelta(days=32)).replace(day=1)
        yield epoch_ms(moment), moment.date(), epoch_ms(following)
        moment = following


def _periods(world: World) -> Iterator[Row]:
    began = epoch_ms(world.start)
    number = 0
    for year in range(world.start.year, world.end.year + 2):
        for kind, length in (("Year", 12), ("Quarter", 3), ("Month", 1)):
            for first in range(1, 13, length):
                number += 1
                start = date(year, first, 1)
                last = (start + timedelta(days=31 * length)).replace(day=1) - timedelta(days=1)
                values = {
                    "Type": kind,
                    "StartDate": start.isoformat(),
                    "EndDate": last.isoformat(),
                    "IsForecastPeriod": kind == "Quarter",
                    "Number": (first - 1) // length + 1,
                    "FullyQualifiedLabel": f"{kind} {(first - 1) // length + 1} FY {year}",
                }
                yield number, [Change(began, values, AUTOMATED)], None


def quarter_number(year: int, month: int, first_year: int) -> int:
    """The number of the Period of the quarter that a month lies in.

    >>> quarter_number(2025, 2, 2024), quarter_number(2025, 12, 2024)
    (19, 22)
    """
    return (year - first_year) * 17 + 2 + (month - 1) // 3


def _quotas(world: World) -> Iterator[Row]:
    for number, (user, target) in enumerate(quotas(world), 1):
        quarter, at = target.quarter, target.set_at
        period = quarter_number(quarter.year, quarter.month, world.start.year)
        values = {
            "ForecastingTypeId": ids.record_id("ForecastingType", 1),
            "PeriodId": ids.record_id("Period", period),
            "StartDate": quarter.isoformat(),
            "QuotaOwnerId": ids.user_id(user.hubspot_id),
            "QuotaAmount": float(target.amount),
            "IsAmount": True,
            "IsQuantity": False,
            "CurrencyIsoCode": BASE,
        }
        story = [Change(epoch_ms(at), values, AUTOMATED)]
        if target.raised_to is not None:
            raised = {"QuotaAmount": float(target.raised_to)}
            story.append(Change(epoch_ms(at + RAISED_AFTER), raised, AUTOMATED))
        gone = target.withdrawn_at
        yield number, story, None if gone is None else epoch_ms(gone)
