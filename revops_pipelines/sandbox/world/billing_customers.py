"""Who is billed: customers made from accounts that win, with the traces that link them to the CRM.

Belongs here: a customer's record and which plot it leads. Does not: the plots themselves
(`billing_deck.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from random import Random

from revops_pipelines.sandbox.world.billing_calendar import DAY, HOUR, day_of, epoch
from revops_pipelines.sandbox.world.billing_catalog import Catalog, TaxRate
from revops_pipelines.sandbox.world.billing_deck import DECK, deal
from revops_pipelines.sandbox.world.billing_ids import core
from revops_pipelines.sandbox.world.billing_life import Life
from revops_pipelines.sandbox.world.billing_story import (
    Customer,
    GivenBack,
    Link,
    OneOff,
    Subscription,
)
from revops_pipelines.sandbox.world.company import Account

# Of twenty customers, so many are linked so; 85% carry the CRM company's id.
LINKS: Mapping[Link, int] = {"metadata": 17, "email_domain": 2, "generic_email": 1}
# Every so many-th of those with a generic address has no address at all.
NOTHING_EVERY = 2
TAXED_SHARE = 0.7
MONTH_END_SHARE = 0.5
ONE_OFF_SHARE = 0.5
# Every so many-th customer is given money back, every other time with a credit note.
REFUNDED_EVERY = 11
GENERIC_DOMAINS = ("gmail.com", "outlook.com", "yahoo.com")
MAILBOXES = ("billing", "accounts", "finance", "ap", "invoices")


def make_customers(
    seed: int, accounts: Sequence[Account], catalog: Catalog, until: int
) -> Iterator[Customer]:
    """One customer for each account that wins before `until`, in the accounts' order."""
    winners = [account for account in accounts if account.wins_at is not None]
    plots = deal(seed, len(winners))
    links = _links(seed, len(winners))
    dealt = zip(winners, plots, links, strict=True)
    for number, (account, plot, link) in enumerate(dealt):
        random = Random(f"{seed}:billing:customer:{account.index}")
        created = _created(account, random)
        if created < until:
            refunds = _refunds(number, random)
            yield _customer(account, plot, link, created, until, catalog, refunds, random)


def _links(seed: int, count: int) -> list[Link]:
    cards: list[Link] = [link for link, number in LINKS.items() for _ in range(number)]
    dealt: list[Link] = []
    strangers = 0
    while len(dealt) < count:
        random = Random(f"{seed}:billing:links:{len(dealt)}")
        for link in random.sample(cards, len(cards)):
            if link == "generic_email":
                strangers += 1
                link = "nothing" if strangers % NOTHING_EVERY == 0 else link
            dealt.append(link)
    return dealt[:count]


def _created(account: Account, random: Random) -> int:
    """Within two hours of winning, not around midnight, at times moved to the month's last day."""
    if account.wins_at is None:
        raise ValueError(f"account {account.index} never pays")
    at = epoch(account.wins_at) + random.randrange(60, 2 * HOUR)
    if at % DAY < 2 * HOUR:
        at += 2 * HOUR
    return month_end(at, random)


def month_end(at: int, random: Random) -> int:
    """Half of those in a month's last ten days move to its last, so that anniversaries fall short.

    A customer who begins on the 31st renews on the 28th of February and on the 31st of March.
    """
    following = day_of(at + 10 * DAY)
    if following.month != day_of(at).month and random.random() < MONTH_END_SHARE:
        return at + (10 - following.day) * DAY
    return at


def _customer(
    account: Account,
    plot: str,
    link: Link,
    created: int,
    until: int,
    catalog: Catalog,
    refunds: tuple[GivenBack, ...],
    random: Random,
) -> Customer:
    identity = f"cus_{core(random, 14)}"
    life = Life(random, account, catalog, created, until)
    DECK[plot][1](life)
    return Customer(
        id=identity,
        account=account,
        created=created,
        email=_email(account, link, random),
        link=link,
        metadata=_metadata(account, link, random),
        prefix=core(random, 8).upper(),
        tax=_tax(account, catalog, random),
        plot=plot,
        subscriptions=tuple(life.subscriptions),
        one_offs=_one_offs(account, catalog, created, life.subscriptions, random),
        refunds=refunds,
        deleted_at=life.deleted_at,
    )


def _email(account: Account, link: Link, random: Random) -> str | None:
    if link == "nothing":
        return None
    mailbox = random.choice(MAILBOXES)
    if link == "generic_email":
        return f"{mailbox}.{account.domain.partition('.')[0]}@{random.choice(GENERIC_DOMAINS)}"
    # Stripe keeps addresses as they were typed.
    address = f"{mailbox}@{account.domain}"
    return address.title() if random.random() < 0.05 else address


def _metadata(account: Account, link: Link, random: Random) -> tuple[tuple[str, str], ...]:
    pairs = []
    if link == "metadata":
        pairs.append(("hubspot_company_id", account.hubspot_id))
    if random.random() < 0.4:
        pairs.append(("billing_contact_role", random.choice(("cfo", "office", "founder"))))
    if random.random() < 0.2:
        pairs.append(("po_number", f"PO-{random.randrange(10_000, 99_999)}"))
    return tuple(pairs)


def _tax(account: Account, catalog: Catalog, random: Random) -> TaxRate | None:
    rate = catalog.taxes.get(account.country)
    return rate if rate is not None and random.random() < TAXED_SHARE else None


def _one_offs(
    account: Account,
    catalog: Catalog,
    created: int,
    subscriptions: Sequence[Subscription],
    random: Random,
) -> tuple[OneOff, ...]:
    """Larger customers pay for their onboarding once, on a bill of its own."""
    if account.segment == "SMB" or not subscriptions or random.random() > ONE_OFF_SHARE:
        return ()
    at = created + random.randrange(DAY, 5 * DAY)
    return (OneOff(at, catalog.price("onboarding", "once", account.currency, at)),)


def _refunds(number: int, random: Random) -> tuple[GivenBack, ...]:
    turn, rest = divmod(number, REFUNDED_EVERY)
    if rest:
        return ()
    return (
        GivenBack(
            place=random.randrange(0, 4),
            hundredths=random.choice((100, 100, 50, 25)),
            after=random.randrange(HOUR, 20 * DAY),
            with_credit_note=turn % 2 == 0,
        ),
    )
