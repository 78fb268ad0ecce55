"""What marketing and routing did in a random company: owners, touches, campaigns, money, lists.

Belongs here: drawing rows. Does not: what they amount to (the oracles).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

CHANNELS = ("ads", "email", "webinar")
START = datetime(2024, 11, 1)

if TYPE_CHECKING:
    from random_company import Draw, Rows


def extend(draw: Draw, rows: Rows) -> None:
    """Add them to a company's rows."""
    for lead in rows["leads"]:
        lead["assigned_at"] = _assigned(draw, lead)
    rows.setdefault("target_accounts", []).extend(_wanted(draw, n) for n in range(45))
    _convert(draw, rows)
    rows["campaigns"] = [
        {"campaign_id": f"k{n}", "name": f"K{n}", "channel": draw.choice((*CHANNELS, None))}
        for n in range(8)
    ]
    rows["touchpoints"] = [_touch(draw, n, rows) for n in range(700)]
    for number in range(160):
        _invoice(draw, number, rows)
    rows.setdefault("marketing_spend", []).extend(_spend(draw, number) for number in range(120))


def _assigned(draw: Draw, lead: dict[str, Any]) -> Any:
    """Never, long before, at once, or after a while that may end in the future."""
    since = lead["raised_at"] or lead["created_at"]
    hours = draw.choice((-500, 0, 1, 20, 500, None))
    return (
        None if hours is None else since + timedelta(seconds=draw.randrange(1, 3600) + hours * 3600)
    )


def _convert(draw: Draw, rows: Rows) -> None:
    """More people on deals that came soon after they raised a hand, so that scores have a story."""
    known = {(each["opportunity_id"], each["lead_id"]) for each in rows["opportunity_contacts"]}
    for lead in rows["leads"]:
        since = lead["raised_at"]
        if since is None or draw.random() > (0.6 if lead["segment"] else 0.3):
            continue
        soon = [
            each["opportunity_id"]
            for each in rows["opportunities"]
            if since <= each["created_at"] < since + timedelta(days=60)
        ]
        pair = (draw.choice(soon), lead["lead_id"]) if soon else None
        if pair and pair not in known:
            contact = {"opportunity_id": pair[0], "lead_id": pair[1], "is_primary": False}
            rows["opportunity_contacts"].append(contact)


def _wanted(draw: Draw, number: int) -> dict[str, Any]:
    """Every company on one list, a few on another, too; some come late or leave again."""
    added = draw.perhaps(0.5, draw.day())
    return {
        "account_id": f"a{number % 40}",
        "list_name": "wanted" if number < 40 else "dreamt of",
        "added_on": added,
        "removed_on": draw.perhaps(0.2, (added or START.date()) + timedelta(days=120)),
        "_deleted_at": draw.perhaps(0.1, draw.instant()),
    }


def _touch(draw: Draw, number: int, rows: Rows) -> dict[str, Any]:
    """Of somebody, around a deal of theirs or any time; some at one instant with the one before."""
    deal = draw.choice(rows["opportunities"])
    around = draw.choice((deal["created_at"], deal["closed_at"] or deal["created_at"]))
    people = [
        each["lead_id"]
        for each in rows["opportunity_contacts"]
        if each["opportunity_id"] == deal["opportunity_id"]
    ]
    return {
        "touchpoint_id": f"t{number}",
        "lead_id": draw.choice((None, f"l{draw.randrange(220)}", *people, *people, *people)),
        "campaign_id": draw.perhaps(0.8, f"k{draw.randrange(9)}"),
        "channel": draw.perhaps(0.7, draw.choice(CHANNELS)),
        "kind": draw.choice(("form_fill", "email_click", "program_status")),
        "occurred_at": around - timedelta(hours=draw.choice((-30, 0, 0, 5, 300, 3000, 9000))),
        "_deleted_at": draw.perhaps(0.05, draw.instant()),
    }


def _spend(draw: Draw, number: int) -> dict[str, Any]:
    return {
        "spend_id": f"m{number}",
        "campaign_id": draw.perhaps(0.8, f"k{draw.randrange(8)}"),
        "channel": draw.perhaps(0.6, draw.choice(CHANNELS)),
        "spent_on": draw.day(),
        "amount": Decimal(draw.randrange(90_000)) / 100,
        "currency": draw.choice(("USD", "USD", "EUR", "JPY", "CHF")),
        "_deleted_at": draw.perhaps(0.05, draw.instant()),
    }


def _invoice(draw: Draw, number: int, rows: Rows) -> None:
    """A bill of some customer, and now and then a note that takes some of it back."""
    issued = draw.instant()
    status = draw.choice(("paid", "paid", "open", "uncollectible", "void", "draft"))
    total = Decimal(draw.randrange(200_000)) / 100
    bill = {
        "invoice_id": f"e{number}",
        "customer_id": f"c{draw.randrange(50)}",
        "status": status,
        "currency": draw.choice(("USD", "USD", "EUR", "JPY", "CHF")),
        "total": total,
        "tax": draw.perhaps(0.5, (total * Decimal("0.16")).quantize(Decimal("0.01"))),
        "issued_at": None if status == "draft" else issued,
        "voided_at": draw.perhaps(0.7, draw.instant()) if status == "void" else None,
        "uncollectible_at": draw.instant() if status == "uncollectible" else None,
        "_deleted_at": draw.perhaps(0.03, draw.instant()),
    }
    rows.setdefault("invoices", []).append(bill)
    if draw.random() < 0.2:
        rows.setdefault("credit_notes", []).append(
            {
                "credit_note_id": f"n{number}",
                "customer_id": bill["customer_id"],
                "invoice_id": bill["invoice_id"],
                "status": draw.choice((None, "issued", "void")),
                "currency": bill["currency"],
                "amount": (total * draw.randrange(1, 100) / 100).quantize(Decimal("0.01")),
                "issued_at": draw.instant(issued, issued + timedelta(days=90)),
                "_deleted_at": None,
            }
        )
