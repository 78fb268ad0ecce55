"""Where money leaks between what was sold and what came in, told family by family."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from oracle_deals import cents, rate_of
from oracle_rollup import Fact, Key, Measured, Times, published

Rows = Mapping[str, Sequence[Mapping[str, Any]]]
Values = dict[str, dict[Key, dict[str, Any]]]
NEVER = date.max
YEAR = timedelta(days=365)
LOST = {
    "won_not_billed",
    "billed_less_than_contracted",
    "discount_past_its_end",
    "failed_payment_not_recovered",
}
DIMENSIONS = tuple((name,) for name in ("type", "segment", "industry", "region", "owner", "team"))


def expected(rows: Rows, times: Times) -> Values:
    """metric -> (grain, period, dimensions) -> value."""
    facts = []
    for finding in findings(rows, times):
        why = None if finding["type"] in LOST else finding["type"]
        if why is None and finding["amount"] is None:
            why = "missing_rate"
        dimensions = _who(rows, finding) | {"type": finding["type"]}
        for grain in ("month", "quarter"):
            place = (grain, times.period(times.today, grain)[0])
            facts.append(Fact(None, dimensions, why, finding, place))

    def amount(group: Sequence[Mapping[str, Any]]) -> Measured:
        total = sum((row["amount"] for row in group), Decimal(0))
        return Measured(total, None, total, len(group))

    def count(group: Sequence[Mapping[str, Any]]) -> Measured:
        return Measured(len(group), None, len(group), len(group))

    return {
        "revenue_leakage": published(facts, times, amount, DIMENSIONS),
        "revenue_leakage_findings": published(facts, times, count, DIMENSIONS),
    }


def findings(rows: Rows, times: Times) -> list[dict[str, Any]]:
    """Every row of the ledger: type, party, customer, amount and both sides."""
    ledger = Ledger(rows, times)
    found = []
    for party in sorted(ledger.deals.keys() | ledger.lines.keys()):
        found += ledger.of(party)
    return found + ledger.unpaid()


class Ledger:
    """Deals and lines of bills by family, of the last 365 days."""

    def __init__(self, rows: Rows, times: Times) -> None:
        self.rows, self.times = rows, times
        self.today = times.now.date()
        self.since = self.today - YEAR
        self.parents = {row["account_id"]: row.get("parent_account_id") for row in rows["accounts"]}
        self.party = {
            row["customer_id"]: self._family(row["account_id"]) or row["customer_id"]
            for row in rows["customers"]
        }
        self.deals = self._deals()
        self.lines = self._lines()

    def _family(self, account: str | None) -> str | None:
        if account not in self.parents:
            return None
        for _ in range(3):
            parent = self.parents[account]
            if parent not in self.parents:
                break
            account = parent
        return account

    def _is_gone(self, row: Mapping[str, Any]) -> bool:
        gone = row.get("_deleted_at")
        return gone is not None and gone <= self.times.now

    def _worth(self, amount: Any, currency: str | None) -> Decimal | None:
        rate = currency and rate_of(self.rows, currency, self.today.replace(day=1))
        return None if amount is None or not rate else cents(Decimal(amount) * rate)

    def _deals(self) -> dict[str, list[dict[str, Any]]]:
        won: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for row in self.rows["opportunities"]:
            family = self._family(row["account_id"])
            known = row["is_won"] and row["closed_at"] and row["closed_at"] <= self.times.now
            if not family or not known or self._is_gone(row) or row["kind"] == "other":
                continue
            won[family].append(dict(row) | {"worth": self._worth(row["amount"], row["currency"])})
        for family, deals in won.items():
            gone = self._gone_on(family)
            for deal in deals:
                closed = deal["closed_at"].date()
                later = [
                    each["closed_at"].date()
                    for each in deals
                    if each["kind"] == "renewal" and each["closed_at"] > deal["closed_at"]
                ]
                end = min(later, default=NEVER)
                deal["ends"] = min(end, gone) if gone > closed else end
                deal["days"] = self._days(closed, deal["ends"])
        return won

    def _gone_on(self, family: str) -> date:
        """When the family's last subscription ended."""
        ends = [
            row["ended_on"] if row["ended_on"] and row["ended_on"] <= self.today else NEVER
            for row in self.rows["subscriptions"]
            if self.party.get(row["customer_id"]) == family
            and row.get("started_on", date.min) <= self.today
        ]
        return max(ends, default=NEVER)

    def _days(self, starts: date, ends: date) -> int:
        return max((min(ends, self.today) - max(starts, self.since)).days, 0)

    def _bills(self) -> dict[str, Mapping[str, Any]]:
        found = {}
        for row in self.rows["invoices"]:
            issued, voided = row["issued_at"], row.get("voided_at")
            is_void = voided <= self.times.now if voided else row["status"] == "void"
            if issued is None or issued > self.times.now or row["status"] == "draft" or is_void:
                continue
            if not self._is_gone(row) and row["customer_id"] in self.party:
                found[row["invoice_id"]] = row
        return found

    def _lines(self) -> dict[str, list[dict[str, Any]]]:
        bills = self._bills()
        found: dict[str, list[dict[str, Any]]] = defaultdict(list)
        granted: dict[str, date] = {}
        for row in self.rows["invoice_lines"]:
            bill = bills.get(row["invoice_id"])
            if bill is None or row["subscription_id"] is None or self._is_gone(row):
                continue
            starts, ends = row.get("period_start_on"), row.get("period_end_on")
            starts = starts or bill["issued_at"].date()
            if row.get("period_start_on") is None or ends is None or ends <= starts:
                ends = starts + timedelta(days=1)
            discount = row["discount_amount"] or Decimal(0)
            line = {
                "customer": bill["customer_id"],
                "subscription": row["subscription_id"],
                "starts": starts,
                "share": Fraction(self._days(starts, ends), (ends - starts).days),
                "net": self._worth(row["amount"] - discount, row["currency"]),
                "discount": self._worth(discount, row["currency"]),
            }
            found[self.party[bill["customer_id"]]].append(line)
            if line["discount"] and line["discount"] > 0:
                before = granted.get(line["subscription"], NEVER)
                granted[line["subscription"]] = min(before, starts)
        for line in (each for lines in found.values() for each in lines):
            line["late"] = self._is_late(line, granted.get(line["subscription"]))
        return found

    def _is_late(self, line: dict[str, Any], granted: date | None) -> bool:
        """Whether the line's discount is past its end, which is noted."""
        if granted is None:
            return False
        ends = [
            row["ends_on"]
            for row in self.rows["contracts"]
            if row.get("subscription_id") == line["subscription"]
            and row["ends_on"] is not None
            and row["starts_on"] <= granted < row["ends_on"]
        ]
        return bool(line["starts"] >= max([granted + YEAR, *ends]))

    def of(self, party: str) -> list[dict[str, Any]]:
        """The findings of one family between sale and bill."""
        deals, lines = self.deals.get(party, []), self.lines.get(party, [])
        contracted = {deal["opportunity_id"]: self._contracted(deal) for deal in deals}
        sold = sum(contracted.values(), Decimal(0))
        billed = sum((_part(line["net"], line) for line in lines), Decimal(0))
        late: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
        for line in lines:
            if line["late"]:
                late[line["customer"], line["subscription"]] += _part(line["discount"], line)
        rest = sold - billed - sum(late.values())
        both = {"party": party, "contracted": sold, "billed": billed}
        found = [
            both | {"type": "discount_past_its_end", "customer": customer, "amount": amount}
            for (customer, _), amount in late.items()
            if amount > 0
        ]
        kind = self._kind(deals, lines, sold, billed, rest, bool(sum(late.values())))
        if kind == "won_not_billed":
            parts = [(None, amount) for amount in contracted.values() if amount > 0]
        elif kind == "billed_without_crm":
            parts = [
                (
                    customer,
                    -sum(
                        (
                            _part(line["net"], line)
                            + (_part(line["discount"], line) if line["late"] else 0)
                            for line in lines
                            if line["customer"] == customer
                        ),
                        Decimal(0),
                    ),
                )
                for customer in sorted({line["customer"] for line in lines})
            ]
        else:
            parts = [(None, rest)]
        found += [
            both | {"type": kind, "customer": customer, "amount": amount}
            for customer, amount in parts
            if amount
        ]
        return found

    def _contracted(self, deal: Mapping[str, Any]) -> Decimal:
        if deal["worth"] is None:
            return Decimal(0)
        return cents(deal["worth"] * deal["days"] / 365)

    def _kind(
        self,
        deals: Sequence[Mapping[str, Any]],
        lines: Sequence[Mapping[str, Any]],
        sold: Decimal,
        billed: Decimal,
        rest: Decimal,
        is_discounted: bool,
    ) -> str:
        if not deals:
            return "billed_without_crm"
        if any(deal["worth"] is None for deal in deals) or any(
            line["net"] is None for line in lines
        ):
            return "not_comparable"
        economics = self.times.settings.economics
        running = sum((deal["worth"] for deal in deals if deal["ends"] > self.today), Decimal(0))
        tolerance = cents(
            sold * economics.leakage_tolerance_share + running * economics.leakage_grace_days / 365
        )
        if abs(rest) <= tolerance:
            return "within_tolerance"
        if billed == 0 and not is_discounted:
            return "won_not_billed"
        return "billed_less_than_contracted" if rest > 0 else "billed_more_than_contracted"

    def unpaid(self) -> list[dict[str, Any]]:
        """Bills with a failed payment that the grace has passed over."""
        grace = timedelta(days=self.times.settings.economics.leakage_grace_days)
        attempts: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
        for row in self.rows["payments"]:
            if (
                row["occurred_at"] <= self.times.now
                and not self._is_gone(row)
                and row["invoice_id"]
            ):
                attempts[row["invoice_id"]].append(row)
        found = []
        for bill in self.rows["invoices"]:
            tries = attempts.get(bill["invoice_id"], [])
            failed = [row["occurred_at"].date() for row in tries if row["status"] == "failed"]
            paid = sum(
                (Decimal(row["amount"]) for row in tries if row["status"] == "succeeded"),
                Decimal(0),
            )
            voided, settled = bill.get("voided_at"), bill.get("paid_at")
            is_void = voided <= self.times.now if voided else bill["status"] == "void"
            is_paid = settled is not None and settled <= self.times.now
            if not failed or max(failed) > self.today - grace or is_void or is_paid:
                continue
            if (
                bill["total"] <= paid
                or self._is_gone(bill)
                or bill["customer_id"] not in self.party
            ):
                continue
            found.append(
                {
                    "type": "failed_payment_not_recovered",
                    "party": self.party[bill["customer_id"]],
                    "customer": bill["customer_id"],
                    "amount": self._worth(bill["total"] - paid, bill["currency"]),
                }
            )
        return [each for each in found if each["amount"] is None or each["amount"]]


def _part(amount: Decimal | None, line: Mapping[str, Any]) -> Decimal:
    """The part of an amount whose service lies in the year, in whole cents."""
    if amount is None:
        return Decimal(0)
    exact = Fraction(amount) * 100 * line["share"]
    sign = -1 if exact < 0 else 1
    whole = (2 * abs(exact.numerator) + exact.denominator) // (2 * exact.denominator)
    return Decimal(sign * whole) / 100


def _who(rows: Rows, finding: Mapping[str, Any]) -> dict[str, Any]:
    company = next((row for row in rows["accounts"] if row["account_id"] == finding["party"]), {})
    payer = (
        next((row for row in rows["customers"] if row["customer_id"] == finding["customer"]), {})
        if finding.get("customer")
        else {}
    )
    owner = company.get("owner_id")
    team = next((user["team"] for user in rows["users"] if user["user_id"] == owner), None)
    return {
        **{
            name: company.get(name) or payer.get(name) for name in ("segment", "industry", "region")
        },
        "owner": owner,
        "team": team,
    }
