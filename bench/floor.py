"""How fast a backfill could be at best: what a vendor's limits leave for the requests it needs.

Belongs here: the limits as the vendors state them, and the arithmetic. Does not: measuring, or how
a connector keeps to the limits (its own options).

The floor is the longest of
- each limit's time for the requests that count to it, less those that a client may have saved up;
- all answers' latency, shared by the requests that may be under way at once;
- the longest chain of requests that each need the answer of the one before, where the API leaves
  no other way (a list with nothing but a cursor);
- the time that the simulated vendor's one processor works: no client can be served sooner. Real
  vendors have more than one; where this is the longest, no limit of the vendor binds at all.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True, slots=True)
class Rate:
    """`calls` in `seconds` to paths that match; `saved` of them may come at once at the start.

    Vendors count in windows and would let a whole window's calls through at once. `saved` is the
    share that the connector allows itself, so that the floor is that of a long backfill.
    """

    calls: float
    seconds: float
    saved: float = 0.0
    path: str = ""

    def time(self, paths: Iterable[str]) -> float:
        """Seconds that these calls take at the least.

        >>> Rate(10, 1.0, saved=5).time(["/a"] * 25)
        2.0
        """
        matching = sum(1 for path in paths if re.search(self.path, path))
        return max(0.0, matching - self.saved) * self.seconds / self.calls


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a vendor allows: rates, requests at once, and the lists that only a cursor walks.

    `at_once` is the vendor's where it states one; else what the connector asks for by default
    (`is_stated` False). `cursors` are parameters that name the next page; lists whose path matches
    `chained` cannot be split by any other. `why` says it in words, for the table.
    """

    rates: tuple[Rate, ...]
    at_once: int
    is_stated: bool = True
    cursors: tuple[str, ...] = ()
    chained: str | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Floor:
    """The least seconds by each of the bounds."""

    rate: float
    at_once: float
    chain: float
    server: float

    @property
    def seconds(self) -> float:
        """The floor."""
        return max(self.rate, self.at_once, self.chain, self.server)

    @property
    def bound(self) -> str:
        """Which of them is the longest."""
        named = {
            "rate": self.rate,
            "requests at once": self.at_once,
            "chain": self.chain,
            "simulator": self.server,
        }
        return max(named, key=lambda name: named[name])


Asked = tuple[str, str]


def floor(
    asked: Sequence[Asked],
    allowance: Allowance,
    latency_seconds: float,
    server_seconds: float = 0.0,
) -> Floor:
    """The floor of a backfill that had to ask all this: (method, URL) of each request.

    >>> allowance = Allowance((Rate(10, 1.0),), 2, cursors=("after",), chained="^/list")
    >>> asked = [("GET", "/list")] + [("GET", f"/list?after={n}") for n in range(9)]
    >>> floor(asked, allowance, 0.5)
    Floor(rate=1.0, at_once=2.5, chain=5.0, server=0.0)
    """
    paths = [urlsplit(url).path for _, url in asked]
    return Floor(
        max((rate.time(paths) for rate in allowance.rates), default=0.0),
        len(asked) * latency_seconds / allowance.at_once,
        longest_chain(asked, allowance) * latency_seconds,
        server_seconds,
    )


def longest_chain(asked: Iterable[Asked], allowance: Allowance) -> int:
    """Pages of the longest list that nothing but its cursor can walk; lists differ in their query.

    >>> lists = [("GET", "/l?of=1"), ("GET", "/l?of=1&after=8"), ("GET", "/l?of=2")]
    >>> longest_chain(lists, Allowance((), 1, cursors=("after",), chained="^/l"))
    2
    """
    if allowance.chained is None:
        return 0
    pages: Counter[tuple[str, str, tuple[tuple[str, str], ...]]] = Counter()
    for method, url in asked:
        parts = urlsplit(url)
        if re.search(allowance.chained, parts.path):
            query = tuple(
                (name, value)
                for name, value in parse_qsl(parts.query)
                if name not in allowance.cursors
            )
            pages[method, parts.path, query] += 1
    return max(pages.values(), default=0)


_HUBSPOT = Allowance(
    (
        Rate(190, 10.0, saved=9.5, path=r"(?<!/search)$"),
        Rate(5, 1.0, saved=1, path=r"/search$"),
    ),
    at_once=8,
    is_stated=False,
    cursors=("after", "offset"),
    chained=r"^/crm/objects/[^/]+/[^/]+$|^/marketing/|/memberships$|^/form-integrations/",
    why="lists only have a cursor; the search could split them, at 5 requests/s",
)

# What the vendors state (docs/systems says where), and what the connectors save up.
ALLOWANCES: Mapping[str, Allowance] = {
    "hubspot": _HUBSPOT,
    "hubspot_marketing": _HUBSPOT,
    "marketo": Allowance(
        (Rate(100, 20.0, saved=20, path="^/(rest|bulk)/"),),
        at_once=10,
        why="extracts are cut into months and run side by side",
    ),
    "stripe": Allowance(
        (
            Rate(100, 1.0, saved=20),
            *(
                Rate(25, 1.0, saved=5, path=f"^/v1/{name}(/|$)")
                for name in ("invoices", "invoice_payments", "charges", "balance_transactions")
            ),
        ),
        at_once=16,
        is_stated=False,
        why="lists are split by the time of creation",
    ),
    "salesforce": Allowance(
        (),
        at_once=25,
        cursors=("locator",),
        chained="/results$",
        why="no rate is stated; a job's result only has a locator",
    ),
    "dynamics": Allowance(
        (Rate(6_000, 300.0, saved=600, path="^/api/"),),
        at_once=52,
        cursors=("$skiptoken",),
        chained=r"^/api/data/v[0-9.]+/(?!activityparties)[a-z_]+$",
        why="a tracked table takes no filter, so it only has a link to its next page",
    ),
    "chargebee": Allowance(
        (Rate(150, 60.0, saved=30),),
        at_once=8,
        is_stated=False,
        why="150 requests a minute are less than one list asks in turn",
    ),
    "ga4": Allowance((), at_once=10, why="each day is a report of its own"),
    "plausible": Allowance(
        (Rate(600, 3_600.0, saved=60),), at_once=8, is_stated=False, why="windows of days"
    ),
}
