"""Line items as HubSpot shows them: what a deal is made of.

Belongs here: splitting a deal's amount into lines, and their properties. Does not: the deal.

A deal with an amount has one to three lines, whose amounts add up to the deal's at any moment: the
platform (seats at a price), from the second on support, then onboarding, paid once. Lines come with
the deal's first amount, follow each change of it, and are archived with the deal.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from revops_pipelines.sandbox.hubspot.deals import plain
from revops_pipelines.sandbox.hubspot.story import Change, epoch_ms, in_order, moment_text
from revops_pipelines.sandbox.world.deals import Deal
from revops_pipelines.sandbox.world.world import World

LINE_IDS_FROM, LINE_ID_STEP, MOST_LINES = 9_100_000_000, 7, 3
# Name, stock-keeping unit, product, share of the amount in tenths, how often it is billed.
PRODUCTS = (
    ("Platform", "NB-PLATFORM", "1400010001", None, "annually"),
    ("Premium support", "NB-SUPPORT", "1400010002", 2, "annually"),
    ("Onboarding", "NB-ONBOARD", "1400010003", 1, None),
)
_SEATS = (25, 10, 5, 4, 2)


def lines_of(position: int) -> int:
    """How many lines the deal at a position has.

    >>> [lines_of(position) for position in range(4)]
    [1, 2, 3, 1]
    """
    return 1 + position % MOST_LINES


def line_id(position: int, number: int) -> int:
    """Identifier of a deal's line."""
    return LINE_IDS_FROM + (position * MOST_LINES + number) * LINE_ID_STEP


def shares(amount: Decimal, count: int) -> list[Decimal]:
    """An amount split over so many lines; they add up to it.

    >>> [str(share) for share in shares(Decimal("1005.50"), 3)]
    ['704.50', '201', '100']
    """
    others = [amount * (product[3] or 0) // 10 for product in PRODUCTS[1:count]]
    return [amount - sum(others), *others]


class LineItems:
    """The line items, in order of id."""

    name = "line_items"
    modified = "hs_lastmodifieddate"
    created = "createdate"

    def __init__(self, world: World) -> None:
        self._deals = world.deals
        self._lines = [
            (position, number)
            for position, deal in enumerate(world.deals)
            if any(amount is not None for _, amount in deal.amounts)
            for number in range(lines_of(position))
        ]

    def __len__(self) -> int:
        return len(self._lines)

    def deal(self, position: int) -> int:
        """Position of the deal that a line belongs to."""
        return self._lines[position][0]

    def id(self, position: int) -> int:
        """The record's identifier."""
        return line_id(*self._lines[position])

    def gone(self, position: int) -> tuple[int | None, bool]:
        """When it was archived."""
        deleted = self._deals[self.deal(position)].deleted_at
        return (epoch_ms(deleted), True) if deleted else (None, False)

    def born(self, position: int) -> int:
        """When the record appeared, epoch milliseconds."""
        amounts = self._deals[self.deal(position)].amounts
        return epoch_ms(next(at for at, amount in amounts if amount is not None))

    made = born

    def moments(self, position: int) -> list[int]:
        """When the record appeared and changed."""
        return [change.at for change in self.story(position)]

    def story(self, position: int) -> list[Change]:
        """All its changes."""
        index, number = self._lines[position]
        return in_order(self._changes(self._deals[index], index, number))

    def _changes(self, deal: Deal, index: int, number: int) -> Iterator[Change]:
        name, unit, product, _, billed = PRODUCTS[number]
        begun = False
        for at, amount in deal.amounts:
            if amount is None and not begun:
                continue
            values: dict[str, str | None] = _priced(amount, lines_of(index), number)
            if not begun:
                values |= {
                    "hs_object_id": str(line_id(index, number)),
                    "createdate": moment_text(at),
                    "name": name,
                    "hs_sku": unit,
                    "hs_product_id": product,
                    "hs_line_item_currency_code": deal.currency,
                    "recurringbillingfrequency": billed,
                    "hs_recurring_billing_period": f"P{deal.term_months}M" if billed else None,
                    "hs_object_source": "CRM_UI",
                    "hs_object_source_label": "CRM_UI",
                }
                begun = True
            yield Change(epoch_ms(at), values, "CRM_UI")


def _priced(amount: Decimal | None, count: int, number: int) -> dict[str, str | None]:
    if amount is None:
        return {"quantity": "1", "price": None, "amount": None}
    share = shares(amount, count)[number]
    cents = int(share * 100)
    seats = next((many for many in _SEATS if number == 0 and cents and cents % many == 0), 1)
    return {"quantity": str(seats), "price": plain(share / seats), "amount": plain(share)}
