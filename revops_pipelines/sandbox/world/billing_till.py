"""The till: plays a customer's intentions as Stripe would bill them.

Belongs here: the order of what happens to one customer and its consequences for bills, payments,
balances and looks. Does not: the lines' arithmetic (`billing_lines.py`), or what anything is worth
a month, which the truth says from the intentions alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from random import Random

from revops_pipelines.sandbox.world.billing_calendar import DAY, Cycle
from revops_pipelines.sandbox.world.billing_ids import core
from revops_pipelines.sandbox.world.billing_lines import (
    period_lines,
    proration_lines,
    settled,
    usage_line,
)
from revops_pipelines.sandbox.world.billing_payments import Payment, collect, give_back
from revops_pipelines.sandbox.world.billing_records import (
    Books,
    Charge,
    CustomerLook,
    CustomerRecord,
    Invoice,
    InvoiceItem,
    Line,
    SubscriptionLook,
    SubscriptionRecord,
)
from revops_pipelines.sandbox.world.billing_story import (
    Change,
    Customer,
    Item,
    OneOff,
    Pause,
    Rebate,
    Subscription,
    cycles,
    period_at,
)

DUE_DAYS = 30
USAGE = (1_000, 90_000)


@dataclass(slots=True)
class Tab:
    """A subscription under way: its period, and prorations that wait for the next bill."""

    record: SubscriptionRecord
    cycle: Cycle
    pending: list[Line] = field(default_factory=list)
    # The line that last charged each item, by its bill's core and its place there.
    charged: dict[str, tuple[str, int]] = field(default_factory=dict)

    @property
    def story(self) -> Subscription:
        """What is meant to happen to it."""
        return self.record.story

    def rebate(self, at: int) -> Rebate | None:
        """The rebate on a bill made at an instant."""
        rebate = self.story.rebate
        return rebate if rebate is not None and rebate.holds(at) else None

    @property
    def look(self) -> SubscriptionLook:
        """How it looks now."""
        return self.record.looks[-1]


class Till:
    """Plays one customer's story into the books."""

    def __init__(self, story: Customer, until: int, random: Random, books: Books) -> None:
        self._story = story
        self._until = until
        self._random = random
        self._books = books
        self._number = 0
        self._paid: list[Charge] = []
        self._waiting: dict[str, InvoiceItem] = {}
        self._record = CustomerRecord(story, [CustomerLook(story.created, 0, False, 1)])
        self._queue: list[tuple[int, int, int, Callable[[], None]]] = []

    def play(self) -> None:
        """Everything that happens before the end of the simulation, in order."""
        self._books.customers.append(self._record)
        for story in self._story.subscriptions:
            self._plan(story)
        for one_off in self._story.one_offs:
            self._at(one_off.at, 5, lambda one_off=one_off: self._sell(one_off))  # type: ignore[misc]
        for at, _, _, happen in sorted(self._queue, key=lambda entry: entry[:3]):
            if at < self._until and not self._gone(at):
                happen()
        give_back(self._story, self._paid, self._until, self._random, self._books)

    def _gone(self, at: int) -> bool:
        deleted = self._story.deleted_at
        return deleted is not None and at > deleted

    def _at(self, at: int, rank: int, happen: Callable[[], None]) -> None:
        self._queue.append((at, rank, len(self._queue), happen))

    def _plan(self, story: Subscription) -> None:
        """Queue a subscription's moments; of one second, ends come first and bills last."""
        if story.created >= self._until:
            return
        first, *renewals = cycles(story, self._until)
        record = SubscriptionRecord(story, self._story, [], {})
        tab = Tab(record, first)
        resets = {change.at for change in story.changes[1:] if change.resets}
        self._at(story.created, 1, lambda: self._open(tab))
        for cycle in renewals:
            if cycle.start not in resets:
                self._at(cycle.start, 4, lambda cycle=cycle: self._renew(tab, cycle))  # type: ignore[misc]
        for change in story.changes[1:]:
            self._at(change.at, 2, lambda change=change: self._change(tab, change))  # type: ignore[misc]
        for pause in story.pauses:
            self._plan_pause(tab, pause)
        for trouble in story.troubles:
            self._at(trouble.issued_at, 3, lambda: self._fail(tab))
            if trouble.recovered_at is not None:
                self._at(trouble.recovered_at, 3, lambda: self._recover(tab))
        self._plan_end(tab)

    def _plan_pause(self, tab: Tab, pause: Pause) -> None:
        self._at(pause.set_at, 3, lambda: self._look(tab, pause.set_at, paused=True))
        unset = pause.unset_at
        if unset is not None:
            self._at(unset, 3, lambda: self._look(tab, unset, paused=False))

    def _plan_end(self, tab: Tab) -> None:
        ending = tab.story.ending
        if ending is None:
            return
        if ending.kind == "at_period_end":
            self._at(
                ending.requested_at,
                3,
                lambda: self._look(
                    tab,
                    ending.requested_at,
                    cancel_at_period_end=True,
                    cancel_at=ending.at,
                    canceled_at=ending.requested_at,
                ),
            )
        self._at(ending.at, 0, lambda: self._end(tab))

    # What happens.

    def _open(self, tab: Tab) -> None:
        story, cycle = tab.story, tab.cycle
        status = "trialing" if cycle.is_trial else "active"
        if story.never_started:
            status = "incomplete"
        items = story.changes[0].items
        tab.record.item_created.update((item.id, story.created) for item in items)
        # The classic billing mode shows metered items at nothing on the first bill.
        metered = [usage_line(item, cycle, 0) for item in items if item.price.is_metered]
        lines = [*period_lines(items, cycle), *metered]
        invoice = self._bill(tab, lines, "subscription_create", story.created)
        tab.record.looks.append(
            SubscriptionLook(
                at=story.created,
                status=status,
                items=items,
                period_start=cycle.start,
                period_end=cycle.end,
                anchor=cycle.end if cycle.is_trial else cycle.start,
                latest_invoice=invoice.id,
            )
        )
        self._books.subscriptions.append(tab.record)

    def _renew(self, tab: Tab, cycle: Cycle) -> None:
        before, tab.cycle = tab.cycle, cycle
        items = tab.look.items
        lines = [*period_lines(items, cycle)]
        if not before.is_trial:
            lines += [
                usage_line(item, before, self._random.randrange(*USAGE))
                for item in items
                if item.price.is_metered
            ]
        lines += tab.pending
        tab.pending = []
        invoice = self._bill(tab, lines, "subscription_cycle", cycle.start, since=before.start)
        status = "active" if tab.look.status == "trialing" else tab.look.status
        self._look(
            tab,
            cycle.start,
            status=status,
            period_start=cycle.start,
            period_end=cycle.end,
            latest_invoice=invoice.id,
        )

    def _change(self, tab: Tab, change: Change) -> None:
        at, before, since = change.at, tab.look.items, tab.cycle.start
        for item in change.items:
            tab.record.item_created.setdefault(item.id, at)
        kept = () if change.resets else change.items
        lines = self._prorations(tab, before, kept, at)
        looks: dict[str, object] = {"items": change.items}
        if change.resets:
            tab.cycle = period_at(tab.story, at)
            lines += period_lines(change.items, tab.cycle)
            looks |= {"period_start": at, "period_end": tab.cycle.end, "anchor": at}
        if change.bills == "at_once":
            lines = [*tab.pending, *lines]
            tab.pending = []
            invoice = self._bill(tab, lines, "subscription_update", at, since=since)
            looks["latest_invoice"] = invoice.id
        else:
            tab.pending += lines
        self._look(tab, at, **looks)

    def _fail(self, tab: Tab) -> None:
        trouble = tab.story.troubles[-1]
        self._look(tab, trouble.issued_at, status="past_due")
        self._customer(trouble.issued_at, delinquent=True)

    def _recover(self, tab: Tab) -> None:
        at = tab.story.troubles[-1].recovered_at
        if at is not None and tab.look.ended_at is None:
            self._look(tab, at, status="active")
            self._customer(at, delinquent=False)

    def _end(self, tab: Tab) -> None:
        ending = tab.story.ending
        if ending is None:
            return
        looks: dict[str, object] = {
            "status": "incomplete_expired" if ending.kind == "expired" else "canceled",
            "canceled_at": ending.requested_at,
            "ended_at": ending.at,
        }
        if ending.credits:
            lines = [*tab.pending, *self._prorations(tab, tab.look.items, (), ending.at)]
            invoice = self._bill(
                tab, lines, "subscription_update", ending.at, since=tab.cycle.start
            )
            looks["latest_invoice"] = invoice.id
        self._look(tab, ending.at, **looks)

    def _sell(self, one_off: OneOff) -> None:
        price, at = one_off.price, one_off.at
        line = Line("one_off", price.amount(1), 1, price, at, at, None)
        self._bill(None, [self._itemised(line, None, at)], "manual", at)

    # Their consequences.

    def _prorations(
        self, tab: Tab, before: Sequence[Item], after: Sequence[Item], at: int
    ) -> list[Line]:
        """Prorations as invoice items; what is charged but not billed yet has no line to credit."""
        lines = proration_lines(
            before, after, tab.cycle, at, tab.rebate(tab.cycle.start), tab.rebate(at)
        )
        found = []
        for line in lines:
            if line.kind == "unused" and line.item is not None:
                line = replace(line, credited=tab.charged.pop(line.item, None))
            found.append(self._itemised(line, tab.story, at))
        return found

    def _itemised(self, line: Line, story: Subscription | None, at: int) -> Line:
        line = replace(line, invoice_item=core(self._random, 21))
        item = InvoiceItem(line.invoice_item or "", self._story, story, at, line)
        self._waiting[item.core] = item
        self._books.invoice_items.append(item)
        return line

    def _look(self, tab: Tab, at: int, **changes: object) -> None:
        """A new look; several of one second become one."""
        look = replace(tab.look, at=at, **changes)  # type: ignore[arg-type]
        if tab.look.at == at:
            tab.record.looks[-1] = look
        else:
            tab.record.looks.append(look)

    def _customer(
        self, at: int, balance: int | None = None, delinquent: bool | None = None
    ) -> None:
        last = self._record.looks[-1]
        look = CustomerLook(
            at,
            last.balance if balance is None else balance,
            last.delinquent if delinquent is None else delinquent,
            self._number + 1,
        )
        if (look.balance, look.delinquent) == (last.balance, last.delinquent):
            return
        if last.at == at:
            self._record.looks[-1] = look
        else:
            self._record.looks.append(look)

    def _bill(
        self,
        tab: Tab | None,
        lines: Sequence[Line],
        reason: str,
        at: int,
        since: int | None = None,
    ) -> Invoice:
        story, rebate = (tab.story, tab.rebate(at)) if tab else (None, None)
        balance = self._record.looks[-1].balance
        self._number += 1
        invoice = Invoice(
            core=core(self._random, 21),
            customer=self._story,
            subscription=story,
            created=at,
            reason=reason,
            period_start=at if since is None else since,
            period_end=at,
            lines=settled(lines, rebate.coupon if rebate else None, self._story.tax),
            rebate=rebate,
            starting_balance=balance,
            ending_balance=balance,
            amount_due=0,
            number=self._number,
        )
        self._settle(invoice, Payment.planned(story, reason, at))
        self._books.invoices.append(invoice)
        for place, line in enumerate(invoice.lines):
            if line.invoice_item is not None:
                self._waiting.pop(line.invoice_item).invoice = invoice
            if tab is not None and line.item is not None and line.kind != "unused":
                tab.charged[line.item] = (invoice.core, place)
        return invoice

    def _settle(self, invoice: Invoice, payment: Payment) -> None:
        """Finalise it, use the customer's balance, and collect what is left."""
        issued = payment.issued_at
        invoice.finalized_at = issued
        if payment.is_void:
            invoice.amount_due = max(0, invoice.total)
            invoice.voided_at = issued
            return
        owed = invoice.total + invoice.starting_balance
        invoice.amount_due = max(0, owed)
        invoice.ending_balance = min(0, owed)
        self._customer(issued, balance=invoice.ending_balance)
        if invoice.amount_due == 0:
            invoice.paid_at = issued
            return
        if payment.is_sent:
            invoice.due_at = issued + DUE_DAYS * DAY
        self._paid += collect(invoice, payment, self._until, self._random, self._books)
