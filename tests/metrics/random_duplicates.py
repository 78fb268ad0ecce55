"""Names, addresses and companies for the random company, some of them twice.

Belongs here: drawing them. Does not: which of them are found.
"""

from __future__ import annotations

from typing import Any

GIVEN = "Ada Ben Carla Dmitri Elif Farid Grete Hugo Ines Jürgen Kofi Lena".split()
SURNAMES = "Abel Brandt Castro Dubois Eklund Farrell Gupta Haas Ito Jansen Kaur Lang".split()
WORDS = "Acorn Birch Cedar Delta Ember Fjord".split()
TRADES = "Labs Foods Optics Media Power".split()


def extend(draw: Any, rows: dict[str, list[dict[str, Any]]]) -> None:
    """Give people and companies what they are recognised by."""
    for number, account in enumerate(rows["accounts"]):
        name = f"{draw.choice(WORDS)} {draw.choice(TRADES)} {number % 9}"
        account |= {
            "source": draw.choice(("crm", "crm", "billing")),
            "name": draw.choice((name, name.upper(), f"{name} Ltd.")),
            "domain": draw.perhaps(0.7, name.lower().replace(" ", "") + ".example"),
            "country": draw.choice(("DE", "US", None)),
            "parent_account_id": draw.perhaps(0.05, "a0"),
            "created_at": draw.perhaps(0.8, draw.instant()),
            "_deleted_at": draw.perhaps(0.05, draw.instant()),
        }
    for number, lead in enumerate(rows["leads"]):
        given, surname = draw.choice(GIVEN), draw.choice(SURNAMES)
        local = draw.choice((f"{given}.{surname}", f"{given[0]}{surname}", f"{given}{number}"))
        company = rows["accounts"][draw.randrange(40)]
        domain = draw.choice((company["domain"], "gmail.com")) or "gmx.de"
        lead |= {
            "source": draw.choice(("crm", "crm", "marketing")),
            "full_name": draw.perhaps(0.9, draw.choice((f"{given} {surname}",) * 3 + (surname,))),
            "email": draw.perhaps(0.9, f"{local}@{domain}".lower()),
            "country": draw.choice(("DE", "US", None)),
        }
        if number > 20 and draw.random() < 0.15:
            twin = rows["leads"][draw.randrange(number)]
            lead |= {name: twin[name] for name in ("full_name", "account_id", "country")}
