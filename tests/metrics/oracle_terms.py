"""Terms and what their subscriptions were worth on any day, in plain Python.

Belongs here: what the oracles of renewals and commitments share. Does not: any metric.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from oracle_deals import cents, rate_of
from oracle_rollup import Times
from whole_rows import whole

Rows = Mapping[str, Sequence[Mapping[str, Any]]]
DAY = timedelta(days=1)
NEVER = date(9999, 12, 31)
SHORTEST = 84


class Agreements:
    """Subscriptions day by day, and the terms known by now."""

    def __init__(self, rows: Rows, times: Times) -> None:
        self.rows, self.times = rows, times
        self.today = times.now.date()
        self.customers = {row["customer_id"]: row for row in rows["customers"]}
        self.accounts = {row["account_id"]: row for row in rows["accounts"]}
        self.users = {row["user_id"]: row for row in rows["users"]}
        self.stays: dict[str, list[tuple[date, date, str, Decimal]]] = defaultdict(list)
        self.payer: dict[str, str] = {}
        for period in rows["subscription_periods"]:
            self.payer[period["subscription_id"]] = period["customer_id"]
            stay = self._stay(period)
            if stay is not None:
                self.stays[period["subscription_id"]].append(stay)
        self.contracts = whole(rows, "contracts")
        self.terms = [
            self._term(row)
            for row in self.contracts
            if row["starts_on"] <= self.today
            and row["ends_on"] is not None
            and row["ends_on"] > row["starts_on"]
            and not self.is_past(row["_deleted_at"])
        ]
        signed = [term for term in self.terms if term["subscription_id"] is None]
        for term in self.terms:
            term["is_signed_elsewhere"] = term["subscription_id"] is not None and any(
                other["party"] == term["party"]
                and other["starts_on"] < term["ends_on"]
                and (other["ended_on"] or other["ends_on"]) >= term["ends_on"]
                for other in signed
            )

    def is_past(self, moment: datetime | None) -> bool:
        """Has it happened by now?"""
        return moment is not None and moment <= self.times.now

    def _stay(self, period: Mapping[str, Any]) -> tuple[date, date, str, Decimal] | None:
        """First day, first day after (NEVER while open), currency, amount."""
        amount = Decimal(period["monthly_amount"])
        if period["status"] not in ("active", "past_due") or amount <= 0:
            return None
        gone = self.customers.get(period["customer_id"], {}).get("_deleted_at")
        ends = [period["valid_to_on"]]
        ends += [moment and moment.date() for moment in (period["_deleted_at"], gone)]
        if period["status"] == "past_due":
            grace = timedelta(days=self.times.settings.billing.past_due_days)
            ends.append(period["valid_from_on"] + grace)
        end = min((each for each in ends if each is not None), default=NEVER)
        first = period["valid_from_on"]
        if end <= first or first > self.today:
            return None
        return first, end if end <= self.today else NEVER, period["currency"], amount

    def worth(self, subscription: str, day: date) -> dict[str, Decimal]:
        """Currency -> worth a month on a day."""
        found: dict[str, Decimal] = defaultdict(Decimal)
        for first, end, currency, amount in self.stays.get(subscription, ()):
            if first <= day < end:
                found[currency] += amount
        return found

    def last_worth(self, subscription: str, since: date, until: date) -> tuple[str, Decimal] | None:
        """Currency and worth on the last paid day of `[since, until)`."""
        days = {until - DAY} | {end - DAY for _, end, _, _ in self.stays.get(subscription, ())}
        for day in sorted((day for day in days if since <= day < until), reverse=True):
            worth = self.worth(subscription, day)
            if worth:
                return min(worth.items())
        return None

    def first_day(self, subscription: str) -> date | None:
        """The first paid day."""
        return min((first for first, *_ in self.stays.get(subscription, ())), default=None)

    def base(self, amount: Decimal, currency: str, month: date) -> Decimal | None:
        """In base currency at the month's rate."""
        rate = rate_of(self.rows, currency, month.replace(day=1))
        return None if rate is None else cents(amount * rate)

    def _term(self, row: Mapping[str, Any]) -> dict[str, Any]:
        account = row["account_id"] or self.customers.get(row["customer_id"], {}).get("account_id")
        ended = row["ended_on"]
        return {
            **row,
            "account_id": account,
            "party": account or row["customer_id"],
            "ended_on": ended if ended is not None and ended <= self.today else None,
            "is_evergreen": (row["ends_on"] - row["starts_on"]).days < SHORTEST,
            "dimensions": self.who(row["customer_id"], account),
        }

    def who(self, customer: str | None, account: str | None = None) -> dict[str, Any]:
        """Dimensions of a customer, or of a company where no customer says."""
        record = self.customers.get(customer or "", {})
        company = self.accounts.get(account or record.get("account_id") or "", {})
        owner = company.get("owner_id")
        return {
            **{
                name: record.get(name) or company.get(name)
                for name in ("segment", "industry", "region")
            },
            "owner": owner,
            "team": self.users.get(owner or "", {}).get("team"),
        }


_KEPT: list[tuple[Rows, Times, Agreements]] = []


def agreements_of(rows: Rows, times: Times) -> Agreements:
    """The agreements of these rows; kept, because several oracles read them."""
    for known, then, agreements in _KEPT:
        if known is rows and then is times:
            return agreements
    _KEPT.append((rows, times, Agreements(rows, times)))
    return _KEPT[-1][2]
