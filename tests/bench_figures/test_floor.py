"""The floor of a backfill: what the vendors' limits leave for the requests that it needs."""

from __future__ import annotations

from bench.floor import ALLOWANCES, Allowance, Rate, floor, longest_chain


def test_each_limit_counts_its_own_paths() -> None:
    rates = (Rate(10, 1.0, path="^/a"), Rate(2, 1.0, saved=1, path="^/b"))
    asked = [("GET", "http://host/a")] * 30 + [("POST", "http://host/b?x=1")] * 9
    found = floor(asked, Allowance(rates, at_once=100), 0.1)
    assert found.rate == 4.0
    assert (found.seconds, found.bound) == (4.0, "rate")


def test_a_chain_is_the_longest_list_that_only_a_cursor_walks() -> None:
    allowance = Allowance((), at_once=10, cursors=("after",), chained="^/lists/")
    asked = [
        *(("GET", f"http://host/lists/one?of=1&after={n}") for n in range(7)),
        *(("GET", f"http://host/lists/one?of=2&after={n}") for n in range(5)),
        *(("GET", f"http://host/windows?from={n}") for n in range(50)),
    ]
    assert longest_chain(asked, allowance) == 7
    assert floor(asked, allowance, 1.0).bound == "chain"


def test_without_limits_the_latency_of_all_requests_is_shared() -> None:
    found = floor([("GET", "http://host/x")] * 40, Allowance((), at_once=8), 0.15, 0.5)
    assert round(found.at_once, 9) == 0.75
    assert found.bound == "requests at once"


def test_hubspot_s_searches_do_not_count_as_its_other_requests() -> None:
    lists = [("GET", "http://host/crm/objects/2026-09/deals?after=1")] * 199
    searches = [("POST", "http://host/crm/objects/2026-09/deals/search")] * 101
    found = floor([*lists, *searches], ALLOWANCES["hubspot"], 0.0)
    assert found.rate == 20.0
