"""The report: numbers as published, self-contained, inert whatever the data say."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from html.parser import HTMLParser

import duckdb
import pytest

from revops_pipelines.assets import metrics as metric_plugins
from revops_pipelines.engine.metrics.declaration import Metric
from revops_pipelines.engine.registry import discover
from revops_pipelines.reporting import charts
from revops_pipelines.reporting.numbers import shown, shown_change
from revops_pipelines.reporting.page import PAGES, ReportSettings, write_report
from revops_pipelines.reporting.scorecard import scorecard
from revops_pipelines.reporting.site import build_site

METRICS = tuple(discover(metric_plugins, Metric).values())
NASTY = "<script>alert('x')</script>\"&"


@pytest.fixture
def published():
    """A snapshot with three months of one metric, and names that try to be code."""
    connection = duckdb.connect()
    for schema in ("metrics", "ops", "conformed"):
        connection.execute(f"CREATE SCHEMA {schema}")
    connection.execute(
        """
        CREATE TABLE metrics.metric_values (metric VARCHAR, grain VARCHAR, period_start_on DATE,
            dimensions JSON, value DECIMAL(28,8), n BIGINT, lower DECIMAL(28,8),
            upper DECIMAL(28,8), is_mature BOOLEAN);
        INSERT INTO metrics.metric_values VALUES
            ('win_rate', 'month', '2026-04-01', '{}', 0.30, 40, 0.2, 0.4, true),
            ('win_rate', 'month', '2026-05-01', '{}', 0.25, 44, 0.2, 0.3, true),
            ('win_rate', 'month', '2026-06-01', '{}', 0.90, 3, 0.1, 0.99, false),
            ('win_rate', 'month', '2026-05-01', '{"team":"A"}', 0.99, 4, 0.1, 0.99, true);
        CREATE TABLE ops.parameters AS SELECT TIMESTAMP '2026-06-30 12:00:00' AS as_of_at;
        CREATE TABLE ops.loads AS SELECT 'crm' AS source, 'deals' AS stream,
            TIMESTAMP '2026-06-01 00:00:00' AS loaded_at, 7 AS rows_changed;
        CREATE TABLE metrics.speed_to_lead AS SELECT 'l' AS lead_id, 'open_late' AS state,
            TIMESTAMP '2026-06-29 00:00:00' AS raised_at, 90.0 AS business_minutes;
        CREATE TABLE metrics.mrr_movements AS SELECT DATE '2026-05-01' AS period_start_on,
            'c' AS customer_id, 'new' AS movement, 12.5 AS amount, 0.0 AS opening_mrr;
        CREATE TABLE metrics.stage_conversion (pipeline VARCHAR, stage VARCHAR,
            stage_label VARCHAR, stage_order BIGINT);
        CREATE TABLE conformed.identity_links AS
            SELECT 'leads' AS entity, 'same mailbox' AS evidence;
        """
    )
    connection.execute(
        "CREATE TABLE ops.quarantine_counts AS SELECT 'leads' AS entity, ? AS rule, "
        "'email' AS column_name, 3 AS rows",
        [NASTY],
    )
    connection.execute(
        "CREATE TABLE ops.alert_states AS SELECT 'r' AS rule, 'firing' AS status, "
        "'critical' AS severity, TIMESTAMP '2026-06-30 11:00:00' AS fired_at, "
        "to_json({headline: ?, url: 'https://crm.example/1', observed: 'o', 'limit': 'l', "
        "owner: NULL, what_to_do: 'call'}) AS notice",
        [NASTY],
    )
    yield connection
    connection.close()


def settings(**changes) -> ReportSettings:
    given = {"company": "Acme & Sons", "currency": "USD", "targets": {}, "min_n": 20}
    return ReportSettings(**{**given, "is_sandbox": False, **changes})


class Page(HTMLParser):
    """Collects what matters of a page: tags, addresses, text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.texts: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.addresses += [v for k, v in attrs if k in ("src", "href", "xlink:href") and v]

    def handle_data(self, data):
        self.texts.append(data)


def text_of(connection, name="index.html", **changes) -> str:
    html = build_site(connection, METRICS, settings(**changes))[name]
    return " ".join("".join(Page(html).texts).split())


@pytest.mark.parametrize("name", [name for name, _ in PAGES])
def test_each_page_is_inert_and_leads_to_its_siblings_alone(published, name):
    html = build_site(published, METRICS, settings())[name]
    page = Page(html)
    assert not {"script", "iframe", "object", "link"} & set(page.tags)
    siblings = {sibling for sibling, _ in PAGES if sibling != name}
    out = ["https://crm.example/1"] if name == "index.html" else []
    assert sorted(page.addresses) == sorted([*siblings, *out]), "the CRM link is the only way out"
    assert "default-src 'none'" in html
    assert "url(" not in html.replace("url(#", "")


def test_names_that_try_to_be_code_are_shown_as_text(published):
    assert NASTY in text_of(published), "shown as text"


def test_an_alert_leads_to_web_addresses_alone(published):
    published.execute(
        "UPDATE ops.alert_states SET notice = json_merge_patch(notice, "
        """'{"url": "javascript:alert(1)"}')"""
    )
    addresses = Page(build_site(published, METRICS, settings())["index.html"]).addresses
    assert all(address.endswith(".html") for address in addresses)


def test_an_alert_says_who_minds_it_and_silences_are_told(published):
    published.execute(
        """
        ALTER TABLE ops.alert_states ADD COLUMN alert_key VARCHAR DEFAULT 'a';
        ALTER TABLE ops.alert_states ADD COLUMN episode INTEGER DEFAULT 2;
        CREATE TABLE ops.alert_actions AS
          SELECT * FROM (VALUES
            ('r', 'a', 1, 'ack', 'zoltan', TIMESTAMP '2026-06-30 11:30:00', NULL::TIMESTAMP),
            ('r', 'a', 2, 'ack', 'ana', TIMESTAMP '2026-06-30 11:30:00', NULL),
            ('r', 'a', 2, 'snooze', 'bo', TIMESTAMP '2026-06-30 11:40:00',
             TIMESTAMP '2026-07-01 09:00')
          ) AS t(rule, alert_key, episode, verb, asked_by, asked_at, until_at);
        CREATE TABLE ops.alert_silences AS
          SELECT '' AS rule, 'x' AS key_prefix, 'ana' AS asked_by, 'the fair' AS reason,
            ends_at FROM (VALUES (TIMESTAMP '2099-01-01 09:00'), (TIMESTAMP '2001-01-01 09:00'))
            AS t(ends_at);
        """
    )
    text = text_of(published)
    assert "snoozed by bo until 01 Jul 09:00" in text and "zoltan" not in text
    assert text.count("Silenced: every rule x until 01 Jan 09:00, by ana: the fair") == 1


def test_the_pages_show_what_is_published(published):
    for name in ("index.html", "sales.html"):
        assert "25.0%" in text_of(published, name)
        assert "-5.0 pts" in text_of(published, name)
        assert "n = 44, 20.0% to 30.0%" in text_of(published, name)


def test_every_metric_is_in_the_table_and_only_headlines_with_values_are_tiles(published):
    html = build_site(published, METRICS, settings())["index.html"]
    assert html.count('<tr class="metric">') == len([m for m in METRICS if "month" in m.grains])
    assert html.count('class="card tile"') == 1


def test_what_stands_now_is_shown_and_not_judged(published):
    published.execute(
        "INSERT INTO metrics.metric_values VALUES "
        "('stuck_deals', 'month', '2026-06-01', '{}', 7, 30, NULL, NULL, false)"
    )
    lines = scorecard(published, METRICS, {"stuck_deals": Decimal(1)}, "USD", 20)
    [line] = [line for line in lines if line.metric.name == "stuck_deals"]
    assert (line.value, line.is_now, line.verdict) == ("7", True, "")
    assert "as it stands now" in text_of(published)
    [other] = [line for line in lines if line.metric.name == "win_rate"]
    assert not other.is_now


def test_the_scorecard_shows_the_last_month_that_can_be_judged(published):
    [line] = [
        line
        for line in scorecard(published, METRICS, {"win_rate": Decimal("0.3")}, "USD", 20)
        if line.metric.name == "win_rate"
    ]
    assert line.latest.on == date(2026, 5, 1)
    assert (line.value, line.change, line.n) == ("25.0%", "-5.0 pts", 44)
    assert (line.verdict, line.movement, line.interval) == ("bad", "bad", "20.0% to 30.0%")
    assert line.waiting == 1


def test_too_few_cases_are_never_judged(published):
    lines = scorecard(published, METRICS, {"win_rate": Decimal("0.3")}, "USD", 50)
    [line] = [line for line in lines if line.metric.name == "win_rate"]
    assert line.is_thin
    assert line.verdict == ""


def test_the_page_shows_staleness_quarantine_and_the_sandbox(published):
    text = text_of(published, is_sandbox=True)
    assert "stale" in text
    assert "simulated company" in text
    assert "Acme & Sons" in text


def test_the_file_is_its_owners_alone(published, tmp_path):
    path = tmp_path / "report" / "index.html"
    write_report("<p>x</p>", path)
    assert path.stat().st_mode & 0o077 == 0
    assert [each.name for each in path.parent.iterdir()] == ["index.html"]


@pytest.mark.parametrize("draw", [charts.bars, charts.lying_bars])
def test_labels_in_pictures_are_escaped(draw):
    rows = [{"name": NASTY, "value": 1, "kind": "k", "label": NASTY}]
    extra = {"colours": {"k": "var(--good)"}} if draw is charts.bars else {}
    svg = str(draw(rows, NASTY, [NASTY], **extra))
    assert "<script" not in svg
    assert re.search(r"<title>[^<]*alert", svg)


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (Decimal("0.0123"), "share", "1.2%"),
        (Decimal("59.6"), "minutes", "60 min"),
        (Decimal("125"), "minutes", "2 h 5 min"),
        (Decimal("2880"), "minutes", "2.0 d"),
        (Decimal("-1234.5"), "money", "-$1.23k"),
        (Decimal("3333.33"), "money_per_day", "$3.33k/day"),
        (Decimal("7"), "count", "7"),
        (None, "money", "–"),
    ],
)
def test_numbers_as_people_read_them(value, unit, text):
    assert shown(value, unit, "USD") == text


def test_changes_are_points_for_shares_and_percent_for_the_rest():
    assert shown_change(Decimal("0.02"), Decimal("0.5"), "share", "USD") == "+2.0 pts"
    assert shown_change(Decimal("-10"), Decimal("40"), "money", "USD") == "-25.0%"
    assert shown_change(Decimal("10"), Decimal("0"), "money", "USD") == "+$10.00"
    assert shown_change(None, Decimal("0"), "money", "USD") == "–"
