"""The company's page, and what all pages of the report share.

Belongs here: what each page is told of the installation, the templates, writing a page. Does not:
the data (`queries`, `scorecard`, `worklists`), the pictures (`drawings`) or the other pages
(`site`).
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import jinja2
from markupsafe import Markup

from revops_pipelines.engine.metrics.declaration import Metric
from revops_pipelines.engine.metrics.explain import Explanation
from revops_pipelines.reporting import drawings, queries
from revops_pipelines.reporting.headlines import STAGE_TITLES, TEAMS, headlines_of
from revops_pipelines.reporting.moved import moved
from revops_pipelines.reporting.scorecard import STAGES, ScoreLine, scorecard
from revops_pipelines.reporting.worklists import web_address

TREND_MONTHS = 18
STALE_AFTER = timedelta(hours=26)
NO_PAGES: Mapping[str, Explanation] = {}
# Every page of the report and what leads to it, in the order in which they are read.
PAGES = (
    ("index.html", "Company"),
    *((f"{team.name}.html", team.title) for team in TEAMS),
    ("maturity.html", "Maturity"),
)


@dataclass(frozen=True, slots=True)
class ReportSettings:
    """What the report needs to know of the installation."""

    company: str
    currency: str
    targets: Mapping[str, Decimal]
    min_n: int
    is_sandbox: bool


@dataclass(frozen=True, slots=True)
class Frame:
    """What every page is drawn from: the snapshot, its scorecard, and pictures already drawn."""

    connection: duckdb.DuckDBPyConnection
    settings: ReportSettings
    as_of: datetime
    lines: Sequence[ScoreLine]
    explained: Mapping[str, Explanation]
    _trends: dict[str, Markup | None] = field(default_factory=dict)

    @property
    def since(self) -> date:
        """First day of the first month that trends show."""
        months = self.as_of.year * 12 + self.as_of.month - 1 - TREND_MONTHS
        return date(months // 12, months % 12 + 1, 1)

    def trend(self, line: ScoreLine) -> Markup | None:
        """A metric by month; None where there is too little to draw."""
        name = line.metric.name
        if name not in self._trends:
            self._trends[name] = drawings.trend(
                line, self.settings.targets, self.settings.currency, self.since
            )
        return self._trends[name]

    def render(self, template: str, page: str, **told: Any) -> str:
        """A page's HTML; `page` is its file's name."""
        return (
            templates()
            .get_template(template)
            .render(
                settings=self.settings,
                as_of=self.as_of,
                pages=PAGES,
                page=page,
                stage_titles=STAGE_TITLES,
                explained=frozenset(self.explained),
                spark=drawings.spark,
                trend=self.trend,
                **told,
            )
        )


def framed(
    connection: duckdb.DuckDBPyConnection,
    metrics: Sequence[Metric],
    settings: ReportSettings,
    explained: Mapping[str, Explanation] = NO_PAGES,
) -> Frame:
    """Read what all pages share. `explained` has the metrics with a page under `explain/`."""
    return Frame(
        connection=connection,
        settings=settings,
        as_of=queries.as_of(connection),
        lines=scorecard(connection, metrics, settings.targets, settings.currency, settings.min_n),
        explained=explained,
    )


def company_page(frame: Frame) -> str:
    """The company's page: headlines, alerts, recurring revenue, all metrics, trust."""
    connection, currency = frame.connection, frame.settings.currency
    heads = headlines_of(frame.lines)
    flat = [line for stage in STAGES for line in heads[stage]]
    return frame.render(
        "company.html",
        "index.html",
        heads=heads,
        stages=[
            (stage, [line for line in frame.lines if line.metric.stage == stage])
            for stage in STAGES
        ],
        trends=[(line, drawn) for line in flat if (drawn := frame.trend(line))],
        moved=moved(flat, frame.explained, currency),
        restated=queries.restated(connection, currency),
        waterfall=drawings.waterfall(connection, currency),
        movements=drawings.movements(connection, currency, frame.since),
        alerts=queries.open_alerts(connection),
        silences=queries.silences(connection),
        web_address=web_address,
        sources=queries.sources(connection),
        stale_before=frame.as_of - STALE_AFTER,
        quarantined=queries.quarantined(connection),
        links=queries.links(connection),
    )


@cache
def templates() -> jinja2.Environment:
    """The pages' templates; everything put into them is escaped."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def write_report(html: str, path: Path) -> None:
    """Put the page in place by one rename, readable by its owner alone."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    beside = path.with_suffix(".new")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(html)
    beside.replace(path)
