"""Identifiers of marketing's things in HubSpot, each a pure function of the simulation's own.

Belongs here: nothing else. Tests map the truth, told in the simulation's ids, by these.
"""

from __future__ import annotations

from uuid import NAMESPACE_URL, uuid5

EMAILS_FROM, EMAIL_CAMPAIGNS_FROM, LISTS_FROM = 170_000_000_000, 320_000_000, 2_000


def campaign_id(program_id: int) -> str:
    """The campaign that stands for a program.

    >>> campaign_id(1001)
    '27ce6ff2-711a-5d30-a31d-87b412511d89'
    """
    return str(uuid5(NAMESPACE_URL, f"campaign:{program_id}"))


def form_id(name: str) -> str:
    """The form of a name."""
    return str(uuid5(NAMESPACE_URL, f"form:{name}"))


def conversion_id(guid: int) -> str:
    """The submission that stands for an entry of the activity log."""
    return str(uuid5(NAMESPACE_URL, f"submission:{guid}"))


def event_id(guid: int) -> str:
    """The e-mail event that stands for an entry of the activity log."""
    return str(uuid5(NAMESPACE_URL, f"event:{guid}"))


def email_id(mailing_id: int) -> str:
    """The marketing e-mail that stands for a mailing."""
    return str(EMAILS_FROM + mailing_id * 7)


def email_campaign_id(mailing_id: int) -> int:
    """The number under which a mailing's events are kept."""
    return EMAIL_CAMPAIGNS_FROM + mailing_id


def list_id(program_id: int) -> str:
    """The list of a program's members."""
    return str(LISTS_FROM + program_id)


def utm_of(name: str) -> str:
    """What a campaign's links say of it.

    >>> utm_of("2026-05 Paid Search")
    '2026-05-paid-search'
    """
    return name.lower().replace(" ", "-")
