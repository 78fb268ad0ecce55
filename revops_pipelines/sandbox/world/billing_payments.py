"""How a bill is collected: at once, by transfer, after refused attempts, or never.

Belongs here: payment dates from the intentions, charges, refunds and credit notes. Does not: what a
bill is for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from revops_pipelines.sandbox.world.billing_calendar import DAY
from revops_pipelines.sandbox.world.billing_ids import core
from revops_pipelines.sandbox.world.billing_records import (
    Books,
    Charge,
    CreditNote,
    Invoice,
    InvoicePayment,
    Refund,
)
from revops_pipelines.sandbox.world.billing_story import Customer, Subscription

# Days after the first refused attempt on which it is tried again.
RETRY_DAYS = (3, 8, 15, 22)
FAILURES = ("card_declined", "insufficient_funds", "expired_card")


@dataclass(frozen=True, slots=True)
class Payment:
    """How one bill is meant to be paid. `refused_until`: attempts fail before this instant."""

    issued_at: int
    paid_at: int | None
    refused_until: int | None = None
    is_void: bool = False
    is_sent: bool = False
    voided_at: int | None = None
    written_off_at: int | None = None

    @classmethod
    def planned(cls, story: Subscription | None, reason: str, at: int) -> Payment:
        """What the intentions say of a bill that is made at an instant."""
        if story is None:
            return cls(at, at)
        is_draft_first = reason == "subscription_cycle" or story.pays_after is not None
        issued = at + story.issue_delay if is_draft_first else at
        if story.never_started and story.ending is not None:
            return cls(issued, None, refused_until=issued + 1, voided_at=story.ending.at)
        if reason == "subscription_cycle" and _is_paused(story, at):
            return cls(issued, None, is_void=True)
        for trouble in story.troubles:
            if trouble.start <= at and issued < (trouble.recovered_at or issued + 1):
                return _refused(story, issued, trouble.recovered_at)
        paid = issued if story.pays_after is None else issued + story.pays_after
        return cls(issued, paid, is_sent=story.pays_after is not None)


def _is_paused(story: Subscription, at: int) -> bool:
    return any(
        pause.start <= at and (pause.end is None or at < pause.end) for pause in story.pauses
    )


def _refused(story: Subscription, issued: int, recovered_at: int | None) -> Payment:
    ending = story.ending
    gives_up = recovered_at or (ending.at if ending else issued + DAY)
    written_off = ending.at if ending and recovered_at is None and ending.writes_off else None
    return Payment(issued, recovered_at, refused_until=gives_up, written_off_at=written_off)


def collect(
    invoice: Invoice, payment: Payment, until: int, random: Random, books: Books
) -> list[Charge]:
    """Try to collect a finalised bill; returns the charges that succeeded."""
    books.payments.append(InvoicePayment(invoice, payment.issued_at))
    attempts = []
    if payment.refused_until is not None:
        attempts = [payment.issued_at]
        attempts += [
            payment.issued_at + days * DAY
            for days in RETRY_DAYS
            if payment.issued_at + days * DAY < payment.refused_until
        ]
    invoice.attempts = tuple(attempts)
    invoice.paid_at = payment.paid_at
    invoice.voided_at = payment.voided_at
    invoice.written_off_at = payment.written_off_at
    failure = random.choice(FAILURES)
    for at in attempts:
        if at < until:
            books.charges.append(Charge(core(random, 22), invoice, at, invoice.amount_due, failure))
    if payment.paid_at is None or payment.paid_at >= until:
        return []
    charge = Charge(core(random, 22), invoice, payment.paid_at, invoice.amount_due, None)
    books.charges.append(charge)
    return [charge]


def give_back(
    story: Customer, paid: Sequence[Charge], until: int, random: Random, books: Books
) -> None:
    """Refund what the intentions name, of the payments that were made; some with a credit note."""
    for wanted in story.refunds:
        if wanted.place >= len(paid):
            continue
        charge = paid[wanted.place]
        at = charge.created + wanted.after
        if at >= until or (story.deleted_at is not None and at > story.deleted_at):
            continue
        amount = charge.amount * wanted.hundredths // 100
        refund = Refund(core(random, 22), charge, at, amount)
        charge.refunds.append(refund)
        books.refunds.append(refund)
        if wanted.with_credit_note:
            note = CreditNote(core(random, 21), refund, at, len(books.credit_notes) + 1)
            books.credit_notes.append(note)
            charge.invoice.taken_back.append((at, amount))
