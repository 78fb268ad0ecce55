"""A subscription while its life is being told: steps are added in order, then it is frozen.

Belongs here: the steps a plot may take and the rules that keep them possible (a change never falls
into the two hours in which a renewal's bill is a draft, nor into a trial or a pause). Does not:
which steps are taken (`billing_plots.py`).
"""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Literal

from revops_pipelines.sandbox.world.billing_calendar import (
    DAY,
    HOUR,
    MONTHLY,
    Cycle,
    boundary,
    day_of,
    day_start,
)
from revops_pipelines.sandbox.world.billing_catalog import Catalog, Coupon, Price
from revops_pipelines.sandbox.world.billing_ids import core
from revops_pipelines.sandbox.world.billing_story import (
    Change,
    Ending,
    EndKind,
    Item,
    Pause,
    Rebate,
    Subscription,
    Trouble,
    cycles,
    items_at,
    period_at,
)

DRAFT_SECONDS = 2 * HOUR
FEEDBACK = ("too_expensive", "missing_features", "switched_service", "unused", "low_quality")


class Sketch:
    """One subscription under way. `settled_at`: later steps come after this instant."""

    def __init__(
        self, random: Random, catalog: Catalog, until: int, currency: str, created: int
    ) -> None:
        self.random = random
        self.catalog = catalog
        self.until = until
        self.currency = currency
        self.settled_at = created
        self.story = Subscription(
            id=f"sub_1{core(random, 23)}",
            created=created,
            trial_end=None,
            changes=(),
            issue_delay=HOUR + random.randrange(20, 600),
        )

    def price(self, plan: str, interval: str, at: int) -> Price:
        """The price of a plan on offer at an instant."""
        return self.catalog.price(plan, interval, self.currency, at)

    def item(self, plan: str, interval: str, quantity: int, at: int) -> Item:
        """A new item."""
        return Item(f"si_{core(self.random, 14)}", self.price(plan, interval, at), quantity)

    def begin(self, *items: Item) -> None:
        """Create it with these items."""
        first = Change(self.story.created, items, "at_once", resets=False)
        self.story = replace(self.story, changes=(first,))

    def trial(self, days: int) -> None:
        """Start with a trial."""
        self.settled_at = self.story.created + days * DAY
        self.story = replace(self.story, trial_end=self.settled_at)

    def rebate(self, coupon: Coupon) -> None:
        """Apply a coupon from the creation on."""
        created = self.story.created
        end = boundary(created, MONTHLY, coupon.months) if coupon.months else None
        rebate = Rebate(f"di_1{core(self.random, 23)}", coupon, created, end)
        self.story = replace(self.story, rebate=rebate)

    def paid_periods(self) -> list[Cycle]:
        """The paid periods that start after what was settled so far, in order."""
        return [
            cycle
            for cycle in cycles(self.story, self.until)
            if not cycle.is_trial and cycle.start >= self.settled_at
        ]

    def some_renewal(self, skip: int = 1) -> Cycle | None:
        """A random later period, at least `skip` after the first that is still open."""
        found = self.paid_periods()[skip:]
        return self.random.choice(found) if found else None

    def some_moment(self, spread: float = 1.0) -> int | None:
        """A moment inside a paid period, past its draft hours; null when life is too short.

        It lies in the first `spread` of the time that is left, so that more steps may follow.
        """
        first = self.settled_at + DAY // 2
        last = first + int((self.until - first) * spread)
        if self.story.ended_at is not None:
            last = min(last, self.story.ended_at)
        if last - first < DAY:
            return None
        return self.clear_of_drafts(self.random.randrange(first, last))

    def clear_of_drafts(self, at: int) -> int:
        """The same moment, or one shortly after where bills are being drafted or renewed."""
        period = period_at(self.story, at)
        if at - period.start < DRAFT_SECONDS:
            return period.start + DRAFT_SECONDS + self.random.randrange(60, HOUR)
        if period.end - at < DRAFT_SECONDS:
            return period.end + DRAFT_SECONDS + self.random.randrange(60, HOUR)
        return at

    def items(self) -> tuple[Item, ...]:
        """The items as of the last step."""
        return self.story.changes[-1].items

    def change(
        self,
        at: int,
        items: tuple[Item, ...],
        bills: Literal["at_once", "cycle"] = "at_once",
        resets: bool = False,
    ) -> None:
        """From `at` it has these items."""
        step = Change(at, items, bills, resets)
        self.story = replace(self.story, changes=(*self.story.changes, step))
        self.settled_at = at

    def pause(self, renewal: Cycle, periods: int | None) -> None:
        """Void the bills of so many periods from a renewal on; null: nobody ever resumes."""
        found = [cycle for cycle in self.paid_periods() if cycle.start >= renewal.start]
        last = found[periods - 1] if periods is not None and periods <= len(found) else None
        end = last.end if last else None
        pause = Pause(
            set_at=self._shortly_before(renewal.start),
            start=renewal.start,
            end=end,
            unset_at=self._shortly_before(end) if end is not None else None,
        )
        self.story = replace(self.story, pauses=(*self.story.pauses, pause))
        self.settled_at = end if end is not None else self.until

    def _shortly_before(self, at: int) -> int:
        return max(day_start(day_of(at)), at - self.random.randrange(60, 4 * HOUR))

    def fail(self, renewal: Cycle, recovers_after_days: float | None) -> Trouble:
        """Let payments fail from a renewal on."""
        issued = renewal.start + self.story.issue_delay
        recovered = None
        if recovers_after_days is not None:
            recovered = issued + int(recovers_after_days * DAY)
            self.settled_at = recovered
        trouble = Trouble(renewal.start, issued, recovered)
        self.story = replace(self.story, troubles=(*self.story.troubles, trouble))
        return trouble

    def end(
        self,
        kind: EndKind,
        at: int,
        requested_at: int | None = None,
        credits: bool = False,
        writes_off: bool = False,
    ) -> None:
        """End it at an instant."""
        said = kind in ("at_once", "at_period_end") and self.random.random() < 0.6
        ending = Ending(
            kind=kind,
            requested_at=at if requested_at is None else requested_at,
            at=at,
            credits=credits,
            feedback=self.random.choice(FEEDBACK) if said else None,
            writes_off=writes_off,
        )
        self.story = replace(self.story, ending=ending)
        self.settled_at = at

    def end_with_period(self) -> bool:
        """Ask for the end in some period and end with it; False when life is too short."""
        at = self.some_moment()
        if at is None or period_at(self.story, at).end >= self.until:
            return False
        self.end("at_period_end", period_at(self.story, at).end, requested_at=at)
        return True

    def end_at_once(self, credits: bool) -> bool:
        """End at some moment; False when life is too short."""
        at = self.some_moment()
        if at is None:
            return False
        self.end("at_once", at, credits=credits)
        return True

    def items_then(self, at: int) -> tuple[Item, ...]:
        """The items in force at an instant."""
        return items_at(self.story, at)
