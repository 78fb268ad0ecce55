"""The company's books as Chargebee would have written them: invoices, credit notes, transactions.

Belongs here: which documents come of each bill of the world. Does not: how they look
(`shapes_documents.py`).

The world bills as Stripe does: one bill holds charges and credits, and what it leaves over becomes
the customer's balance. Chargebee keeps invoices free of credits:

- what a change gives back is a refundable credit note, used up by invoices, the oldest note first;
- while a subscription is paused, or in trial, there are no invoices;
- a subscription whose first payment is refused is not created; the refused payment remains;
- every refund has a credit note; what is written off has an adjustment.

Source: https://www.chargebee.com/docs/billing/2.0/invoices-credit-notes-and-quotes/credit-notes
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from revops_pipelines.sandbox.chargebee import ids
from revops_pipelines.sandbox.world.billing_records import (
    Books,
    Charge,
    Invoice,
    Line,
    Refund,
)
from revops_pipelines.sandbox.world.billing_story import Customer, Subscription

CREDITS = ("unused",)
NOT_BILLED = ("unused", "trial")


@dataclass(slots=True)
class Bill:
    """An invoice. `applied`: the credit notes used on it, and how much of each."""

    source: Invoice
    lines: tuple[tuple[int, Line], ...]
    applied: list[tuple[Note, int]] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    receipts: list[Receipt] = field(default_factory=list)

    @property
    def id(self) -> str:
        """The number on it."""
        return ids.invoice_id(self.source.customer.prefix, self.source.number)

    @property
    def total(self) -> int:
        """With discount and tax, before credits."""
        return sum(line.amount - line.discount + line.tax for _, line in self.lines)

    @property
    def issued_at(self) -> int:
        """When it was closed; until then it is pending."""
        return self.source.finalized_at or self.source.created

    @property
    def looks(self) -> tuple[int, ...]:
        """Since when it looks how."""
        return self.source.changed_at


@dataclass(slots=True)
class Note:
    """A credit note. `kind`: change, refund or write_off; `allocated`: invoices it was used on."""

    kind: str
    core: str
    customer: Customer
    subscription: Subscription | None
    created: int
    amount: int
    bill: Bill | None
    lines: tuple[Line, ...] = ()
    allocated: list[tuple[Bill, int, int]] = field(default_factory=list)
    refund: Receipt | None = None
    is_ending: bool = False

    @property
    def id(self) -> str:
        """The credit note's identifier."""
        return ids.note_id(self.core, self.kind)

    @property
    def looks(self) -> tuple[int, ...]:
        """Creation, and each use."""
        return tuple(sorted({self.created, *(at for _, _, at in self.allocated)}))


@dataclass(slots=True)
class Receipt:
    """A transaction: an attempt to pay, or money given back."""

    source: Charge | Refund
    customer: Customer
    bill: Bill | None
    note: Note | None = None
    refunds: list[Receipt] = field(default_factory=list)
    payment: Receipt | None = None

    @property
    def id(self) -> str:
        """The transaction's identifier."""
        return ids.transaction_id(self.source.core)

    @property
    def looks(self) -> tuple[int, ...]:
        """Since when it looks how."""
        return self.source.changed_at


@dataclass(slots=True)
class _Open:
    """A credit note that is not used up yet."""

    note: Note
    left: int


@dataclass(slots=True)
class Papers:
    """All documents."""

    bills: list[Bill] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    receipts: list[Receipt] = field(default_factory=list)


def write_papers(books: Books) -> Papers:
    """Every document of the simulation."""
    papers = Papers()
    written: dict[str, Bill] = {}
    for _, theirs in groupby(books.invoices, key=lambda invoice: invoice.customer.id):
        for bill in _billed(theirs, papers, written):
            written[bill.source.core] = bill
            papers.bills.append(bill)
    _collect(books, papers, written)
    return papers


def _billed(
    invoices: Iterable[Invoice], papers: Papers, written: dict[str, Bill]
) -> Iterator[Bill]:
    """One customer's invoices, with its credit notes used up in their order."""
    open_notes: deque[_Open] = deque()
    for invoice in invoices:
        if is_left_out(invoice):
            continue
        note = _change_note(invoice, written)
        if note is not None:
            papers.notes.append(note)
            open_notes.append(_Open(note, note.amount))
        lines = tuple(
            (place, line)
            for place, line in enumerate(invoice.lines)
            if line.kind not in NOT_BILLED and not (line.kind == "usage" and line.amount == 0)
        )
        if lines:
            bill = Bill(invoice, lines)
            _apply(bill, open_notes)
            if invoice.written_off_at is not None:
                papers.notes.append(_write_off(bill, invoice.written_off_at))
            yield bill


def is_left_out(invoice: Invoice) -> bool:
    """Chargebee bills nobody who is paused, and nothing that was never begun."""
    story = invoice.subscription
    never_started = story is not None and story.never_started
    is_pause = invoice.voided_at is not None and invoice.voided_at == invoice.finalized_at
    return never_started or is_pause


def _change_note(invoice: Invoice, written: dict[str, Bill]) -> Note | None:
    lines = tuple(line for line in invoice.lines if line.kind in CREDITS)
    amount = -sum(line.amount + line.tax for line in lines)
    if amount <= 0:
        return None
    credited = next((line.credited for line in lines if line.credited is not None), None)
    story = invoice.subscription
    return Note(
        kind="change",
        core=invoice.core,
        customer=invoice.customer,
        subscription=story,
        created=invoice.created,
        amount=amount,
        bill=written.get(credited[0]) if credited is not None else None,
        lines=lines,
        is_ending=story is not None and story.ended_at == invoice.created,
    )


def _apply(bill: Bill, open_notes: deque[_Open]) -> None:
    """Use up credits, the oldest first, as far as the world's bill was not paid in money."""
    wanted = bill.total - bill.source.amount_due
    while wanted > 0 and open_notes:
        oldest = open_notes[0]
        used = min(oldest.left, wanted)
        if used:
            bill.applied.append((oldest.note, used))
            oldest.note.allocated.append((bill, used, bill.issued_at))
        wanted -= used
        oldest.left -= used
        if not oldest.left:
            open_notes.popleft()


def _write_off(bill: Bill, at: int) -> Note:
    invoice = bill.source
    note = Note(
        kind="write_off",
        core=invoice.core,
        customer=invoice.customer,
        subscription=invoice.subscription,
        created=at,
        amount=invoice.amount_due,
        bill=bill,
    )
    bill.notes.append(note)
    return note


def _collect(books: Books, papers: Papers, written: dict[str, Bill]) -> None:
    payments: dict[str, Receipt] = {}
    for charge in books.charges:
        bill = written.get(charge.invoice.core)
        payment = Receipt(charge, charge.invoice.customer, bill)
        payments[charge.core] = payment
        papers.receipts.append(payment)
        if bill is not None:
            bill.receipts.append(payment)
    for refund in books.refunds:
        payment = payments[refund.charge.core]
        receipt = Receipt(refund, payment.customer, payment.bill, payment=payment)
        note = _refund_note(receipt, refund)
        receipt.note, note.refund = note, receipt
        payment.refunds.append(receipt)
        if payment.bill is not None:
            payment.bill.notes.append(note)
        papers.receipts.append(receipt)
        papers.notes.append(note)


def _refund_note(receipt: Receipt, refund: Refund) -> Note:
    invoice = refund.charge.invoice
    return Note(
        kind="refund",
        core=refund.core,
        customer=invoice.customer,
        subscription=invoice.subscription,
        created=refund.created,
        amount=refund.amount,
        bill=receipt.bill,
    )


def by_subscription(bills: Sequence[Bill]) -> dict[str, list[Bill]]:
    """Each subscription's invoices, oldest first."""
    found: dict[str, list[Bill]] = {}
    for bill in bills:
        if bill.source.subscription is not None:
            found.setdefault(bill.source.subscription.id, []).append(bill)
    return found
