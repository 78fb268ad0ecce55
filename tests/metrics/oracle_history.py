"""How a deal stood on a day, told by looking at its snapshots one by one; shared by oracles.

Belongs here: a deal's state at a day's end, and a company's deals with their histories. Does not:
any metric.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from oracle_deals import cents, rate_of
from oracle_rollup import Times

Rows = Mapping[str, Sequence[Mapping[str, Any]]]
ONE = timedelta(days=1)


@dataclass(frozen=True)
class State:
    """A deal at a day's end; `kind` is open, won, lost, deleted, unknown or unseen."""

    kind: str
    since: date
    row: Mapping[str, Any] = field(default_factory=dict)

    def due_in(self, start: date, end: date) -> bool:
        """Open and expected to close within the period."""
        close_on = self.row.get("close_on")
        return self.kind == "open" and close_on is not None and start <= close_on < end


@dataclass(frozen=True)
class History:
    """A deal and everything that was told of it up to the instant of knowledge."""

    deal: Mapping[str, Any]
    snapshots: Sequence[Mapping[str, Any]]
    created_on: date
    deleted_on: date | None
    closed_on: date | None

    @property
    def id(self) -> str:
        """The deal."""
        return str(self.deal["opportunity_id"])

    def at(self, day: date) -> State | None:
        """How it stood at the end of the day; none before it was there."""
        if self.deleted_on is not None and day >= self.deleted_on:
            return State("deleted", self.deleted_on)
        told = [row for row in self.snapshots if row["snapshot_on"] <= day]
        if told:
            return self._told(told)
        if self.snapshots and self.snapshots[0]["snapshot_on"] <= self.created_on + ONE:
            return None
        if day < self.created_on:
            return None
        if not self.snapshots and self.closed_on is not None and day >= self.closed_on:
            return State("unseen", max(self.closed_on, self.created_on))
        return State("unknown", self.created_on)

    def _told(self, told: Sequence[Mapping[str, Any]]) -> State:
        kind = _kind(told[-1])
        since = told[-1]["snapshot_on"]
        for row in reversed(told):
            if _kind(row) != kind:
                break
            since = row["snapshot_on"]
        return State(kind, since, told[-1])

    def changes(self, first: date, last: date) -> Iterator[tuple[date, State | None, State]]:
        """(day, before, after) of every day within the span on which something changed."""
        days = {row["snapshot_on"] for row in self.snapshots}
        if self.deleted_on is not None:
            days.add(self.deleted_on)
        for day in sorted(days):
            after = self.at(day)
            if first <= day <= last and after is not None:
                yield day, self.at(day - ONE), after


def _kind(row: Mapping[str, Any]) -> str:
    return "won" if row["is_won"] else "lost" if row["is_closed"] else "open"


def histories(rows: Rows, deals: Sequence[Mapping[str, Any]], times: Times) -> list[History]:
    """The histories of deals (as `oracle_deals` tells them) that were there by now."""
    told = defaultdict(list)
    for row in rows["opportunity_snapshots"]:
        if row["snapshot_on"] <= times.today:
            told[row["opportunity_id"]].append(row)
    return [
        History(
            deal,
            sorted(told[deal["opportunity_id"]], key=lambda row: row["snapshot_on"]),
            times.day(deal["created_at"]),
            times.day(deal["_deleted_at"]) if deal["is_deleted"] else None,
            times.day(deal["closed_at"]) if deal["is_decided"] else None,
        )
        for deal in deals
        if deal["created_at"] <= times.now
    ]


def dimensions(rows: Rows, history: History, owner: str | None) -> dict[str, Any]:
    """The deal's dimensions, with the owner that it had."""
    people = {user["user_id"]: user for user in rows["users"]}
    team = people.get(owner or "", {}).get("team")
    return {**history.deal["dimensions"], "owner": owner, "team": team}


def owner_of(history: History, state: State | None) -> str | None:
    """Whose it was: by the snapshot where there is one, else by the record."""
    named = state.row if state is not None and state.row else history.deal
    owner: str | None = named["owner_id"]
    return owner


def worth(rows: Rows, row: Mapping[str, Any], month: date) -> Decimal | str:
    """An amount in the base currency at the rate of a month, or why it cannot be told."""
    amount, currency = row.get("amount"), row.get("currency")
    if not amount:
        return Decimal(0)
    if currency is None:
        return "no_currency"
    rate = rate_of(rows, currency, month)
    return "missing_rate" if rate is None else cents(Decimal(amount) * rate)


@dataclass(frozen=True)
class Period:
    """A month or quarter that deals are asked about."""

    grain: str
    start: date
    end: date
    last: date

    @property
    def place(self) -> tuple[str, date]:
        """How facts are placed."""
        return self.grain, self.start


def periods(found: Sequence[History], times: Times) -> list[Period]:
    """From the first in which any deal was there to the present one."""
    if not found:
        return []
    firsts = [min([h.created_on, *(row["snapshot_on"] for row in h.snapshots[:1])]) for h in found]
    listed = []
    for grain in ("month", "quarter"):
        start, end = times.period(min(firsts), grain)
        while start <= times.today:
            listed.append(Period(grain, start, end, min(end - ONE, times.today)))
            start, end = times.period(end, grain)
    return listed
