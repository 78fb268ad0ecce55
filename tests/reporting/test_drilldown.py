"""A metric's page: the same numbers as the explanation, inert whatever the data say."""

from __future__ import annotations

import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "metrics"))
from metric_warehouse import METRICS, Warehouse, at

from revops_pipelines.reporting.drilldown import contributors, drilldown, explained

NASTY = "<script>alert('x')</script>\"&"


class Page(HTMLParser):
    """Collects what matters of a page: tags, addresses, text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.addresses += [v for k, v in attrs if k in ("src", "href") and v]

    def handle_data(self, data):
        self.text += data


@pytest.fixture(scope="module")
def told():
    """Of 60 deals closed in May 30 were won, of 60 in April 20; one left out; names are code."""
    warehouse = Warehouse()
    for number in range(121):
        month, is_won = ("05", number % 2 == 0) if number < 60 else ("04", number % 3 == 0)
        warehouse.put(
            "opportunities",
            {
                "opportunity_id": f"d{number}",
                "name": NASTY,
                "url": f"https://crm.example/{number}",
                "created_at": at("2026-01-01 00:00"),
                "closed_at": at(f"2026-{'05' if number == 120 else month}-06 10:00"),
                "is_closed": True,
                "is_won": is_won,
                "amount": 0 if number == 120 else 10,
            },
        )
    warehouse.build("win_rate", "sales_cycle")
    return explained(warehouse.connection, METRICS.values())


def test_each_metric_that_can_be_judged_has_a_page(told):
    assert told.keys() == {"win_rate", "sales_cycle"}


def test_it_shows_value_parts_change_and_what_is_left_out(told):
    page = Page(drilldown(told["win_rate"], "USD"))
    assert "50.0%" in page.text
    assert "30 / 60" in page.text
    assert "+16.67 pts" in page.text
    assert "zero amount" in page.text
    assert "d120" in page.text
    assert "revops explain win_rate --period 2026-05" in page.text
    assert "50 of 120" in page.text


def test_it_is_inert_and_leads_only_to_the_records(told):
    html = drilldown(told["win_rate"], "USD")
    page = Page(html)
    assert not {"script", "iframe", "object", "link"} & set(page.tags)
    assert all(
        address == "../index.html" or address.startswith("https://crm.example/")
        for address in page.addresses
    )
    assert NASTY in page.text
    assert "default-src 'none'" in html


def test_durations_are_shown_as_such(told):
    page = Page(drilldown(told["sales_cycle"], "USD"))
    assert "Lasted" in page.text
    assert "125.4 d" in page.text


def test_dagster_is_told_identifiers_and_numbers_alone(told):
    rows = contributors(told["win_rate"], 3)
    assert len(rows) == 3
    assert {tuple(row) for row in rows} == {
        ("record", "numerator", "denominator", "part_of_change")
    }
    assert NASTY not in repr(rows)
