"""What the billing system holds: bills, their lines, charges, refunds, and how records changed.

Belongs here: compact records, as full as the servers' objects need. Does not: how they come about
(`billing_till.py`) or how Stripe shows them (`sandbox/stripe`).

All instants are epoch seconds, all amounts integers in the currency's minor unit. A record is shown
from `created` on; `changed_at` lists the instants at which it looks different from then on.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from revops_pipelines.sandbox.world.billing_catalog import Coupon, Price
from revops_pipelines.sandbox.world.billing_story import Customer, Item, Rebate, Subscription


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a bill; `amount` before discount and tax.

    `kind`: period, trial, usage, unused (a credit), remaining, one_off. Prorations name the
    `rebate` they are net of; a credit the line it takes back, by its bill's core and its place.
    Prorations and one-off lines come from an invoice item, named by its core.
    """

    kind: str
    amount: int
    quantity: int
    price: Price
    start: int
    end: int
    item: str | None
    discount: int = 0
    tax: int = 0
    rebate: str | None = None
    credited: tuple[str, int] | None = None
    invoice_item: str | None = None

    @property
    def is_proration(self) -> bool:
        """A correction for a part of a period."""
        return self.kind in ("unused", "remaining")


@dataclass(slots=True)
class Invoice:
    """One bill. `attempts`: when payment was tried and refused. Null instants: not so far."""

    core: str
    customer: Customer
    subscription: Subscription | None
    created: int
    reason: str
    period_start: int
    period_end: int
    lines: tuple[Line, ...]
    rebate: Rebate | None
    starting_balance: int
    ending_balance: int
    amount_due: int
    number: int
    due_at: int | None = None
    finalized_at: int | None = None
    paid_at: int | None = None
    voided_at: int | None = None
    written_off_at: int | None = None
    attempts: tuple[int, ...] = ()
    # Instant and amount of each credit note on it.
    taken_back: list[tuple[int, int]] = field(default_factory=list)

    @property
    def id(self) -> str:
        """The bill's identifier."""
        return f"in_1{self.core}"

    @property
    def subtotal(self) -> int:
        """Before discount and tax."""
        return sum(line.amount for line in self.lines)

    @property
    def discount(self) -> int:
        """All discounts."""
        return sum(line.discount for line in self.lines)

    @property
    def tax(self) -> int:
        """All tax."""
        return sum(line.tax for line in self.lines)

    @property
    def total(self) -> int:
        """With discount and tax, before the customer's balance."""
        return self.subtotal - self.discount + self.tax

    @property
    def changed_at(self) -> tuple[int, ...]:
        """Creation, then every later look, in order."""
        marks = {self.created, *self.attempts, *(at for at, _ in self.taken_back)}
        for at in (self.finalized_at, self.paid_at, self.voided_at, self.written_off_at):
            if at is not None:
                marks.add(at)
        return tuple(sorted(marks))


@dataclass(slots=True)
class InvoiceItem:
    """A line before its bill: prorations and one-off sales; `invoice` null while it waits."""

    core: str
    customer: Customer
    subscription: Subscription | None
    created: int
    line: Line
    invoice: Invoice | None = None

    @property
    def id(self) -> str:
        """The invoice item's identifier."""
        return f"ii_1{self.core}"

    @property
    def changed_at(self) -> tuple[int, ...]:
        """Creation, and when it was billed."""
        if self.invoice is None or self.invoice.created == self.created:
            return (self.created,)
        return (self.created, self.invoice.created)


@dataclass(slots=True)
class Refund:
    """Money given back on a charge."""

    core: str
    charge: Charge
    created: int
    amount: int

    @property
    def id(self) -> str:
        """The refund's identifier."""
        return f"re_3{self.core}"

    @property
    def changed_at(self) -> tuple[int, ...]:
        """A refund does not change."""
        return (self.created,)


@dataclass(slots=True)
class Charge:
    """One attempt to collect a bill; `failure` is the reason of a refused one."""

    core: str
    invoice: Invoice
    created: int
    amount: int
    failure: str | None
    refunds: list[Refund] = field(default_factory=list)

    @property
    def id(self) -> str:
        """The charge's identifier."""
        return f"ch_3{self.core}"

    @property
    def changed_at(self) -> tuple[int, ...]:
        """Creation and each refund."""
        return (self.created, *sorted({refund.created for refund in self.refunds}))


@dataclass(slots=True)
class InvoicePayment:
    """The link between a bill and the payment intent that collects it."""

    invoice: Invoice
    created: int

    @property
    def id(self) -> str:
        """The link's identifier."""
        return f"inpay_1{self.invoice.core}"

    @property
    def changed_at(self) -> tuple[int, ...]:
        """Creation, and when it was paid or canceled."""
        ends = (self.invoice.paid_at, self.invoice.voided_at)
        return (self.created, *(at for at in ends if at is not None and at > self.created))


@dataclass(slots=True)
class CreditNote:
    """A paper that takes back (a part of) a paid bill, together with its refund."""

    core: str
    refund: Refund
    created: int
    number: int

    @property
    def id(self) -> str:
        """The credit note's identifier."""
        return f"cn_1{self.core}"

    @property
    def changed_at(self) -> tuple[int, ...]:
        """A credit note does not change."""
        return (self.created,)


@dataclass(frozen=True, slots=True)
class SubscriptionLook:
    """A subscription as it looks from `at` on."""

    at: int
    status: str
    items: tuple[Item, ...]
    period_start: int
    period_end: int
    anchor: int
    latest_invoice: str | None
    cancel_at_period_end: bool = False
    cancel_at: int | None = None
    canceled_at: int | None = None
    ended_at: int | None = None
    paused: bool = False
    resumes_at: int | None = None


@dataclass(slots=True)
class SubscriptionRecord:
    """A subscription and its looks; `item_created` says since when each item exists."""

    story: Subscription
    customer: Customer
    looks: list[SubscriptionLook]
    item_created: dict[str, int]

    @property
    def id(self) -> str:
        """The subscription's identifier."""
        return self.story.id

    @property
    def created(self) -> int:
        """When it was created."""
        return self.story.created

    @property
    def changed_at(self) -> tuple[int, ...]:
        """The instants of its looks."""
        return tuple(look.at for look in self.looks)


@dataclass(frozen=True, slots=True)
class CustomerLook:
    """A customer as it looks from `at` on; a negative balance is money we owe them."""

    at: int
    balance: int
    delinquent: bool
    next_number: int


@dataclass(slots=True)
class CustomerRecord:
    """A customer and its looks."""

    story: Customer
    looks: list[CustomerLook]

    @property
    def id(self) -> str:
        """The customer's identifier."""
        return self.story.id

    @property
    def created(self) -> int:
        """When it was created."""
        return self.story.created

    @property
    def changed_at(self) -> tuple[int, ...]:
        """The instants of its looks."""
        return tuple(look.at for look in self.looks)


@dataclass(slots=True)
class CouponRecord:
    """A coupon and when it was redeemed."""

    coupon: Coupon
    redeemed_at: list[int]

    @property
    def id(self) -> str:
        """The coupon's identifier."""
        return self.coupon.id

    @property
    def created(self) -> int:
        """When it was created."""
        return self.coupon.created

    @property
    def changed_at(self) -> tuple[int, ...]:
        """Creation, and each redemption."""
        return (self.coupon.created, *self.redeemed_at)


@dataclass(slots=True)
class Books:
    """Everything the billing system holds."""

    customers: list[CustomerRecord] = field(default_factory=list)
    subscriptions: list[SubscriptionRecord] = field(default_factory=list)
    invoices: list[Invoice] = field(default_factory=list)
    invoice_items: list[InvoiceItem] = field(default_factory=list)
    payments: list[InvoicePayment] = field(default_factory=list)
    charges: list[Charge] = field(default_factory=list)
    refunds: list[Refund] = field(default_factory=list)
    credit_notes: list[CreditNote] = field(default_factory=list)
    coupons: list[CouponRecord] = field(default_factory=list)
