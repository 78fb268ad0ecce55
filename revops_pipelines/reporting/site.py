"""All pages of the report that stand beside each other.

Belongs here: the teams' pages and the page of maturity; the set of files. Does not: the company's
page (`page`) or the pages of single metrics (`drilldown`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import duckdb
from markupsafe import Markup

from revops_pipelines.engine.metrics.declaration import Metric
from revops_pipelines.engine.metrics.explain import Explanation
from revops_pipelines.reporting import drawings, queries
from revops_pipelines.reporting.headlines import HEADLINES, TEAMS, Team, team_lines
from revops_pipelines.reporting.maturity import LEVELS, TOP, judge, reached, score
from revops_pipelines.reporting.maturity_billing import BILLING
from revops_pipelines.reporting.maturity_operations import OPERATIONS
from revops_pipelines.reporting.page import (
    NO_PAGES,
    Frame,
    ReportSettings,
    company_page,
    framed,
)
from revops_pipelines.reporting.team_lists import LISTS
from revops_pipelines.reporting.worklists import filled

# A picture on a team's page: its title, a word on it, the drawing.
Picture = tuple[str, str, Markup]


def build_site(
    connection: duckdb.DuckDBPyConnection,
    metrics: Sequence[Metric],
    settings: ReportSettings,
    explained: Mapping[str, Explanation] = NO_PAGES,
) -> dict[str, str]:
    """File's name -> HTML, of every page. `connection` reads the published snapshot."""
    frame = framed(connection, metrics, settings, explained)
    return {
        "index.html": company_page(frame),
        **{f"{team.name}.html": team_page(frame, team) for team in TEAMS},
        "maturity.html": maturity_page(frame),
    }


def team_page(frame: Frame, team: Team) -> str:
    """A team's few numbers by stage with their trends, and its lists to work off."""
    lists = [listed for listed in LISTS if listed.team == team.name]
    return frame.render(
        "team.html",
        f"{team.name}.html",
        team=team,
        stages=team_lines(team, frame.lines),
        pictures=_pictures(frame, team),
        funnel=queries.stages(frame.connection) if team.name == "sales" else [],
        lists=filled(frame.connection, lists, frame.settings.currency),
    )


def maturity_page(frame: Frame) -> str:
    """Billing maturity and RevOps maturity, each criterion with its evidence."""
    heads = [name for names in HEADLINES.values() for name in names]
    known = {line.metric.name for line in frame.lines}
    targets = [name for name in heads if name in known and name in frame.settings.targets]
    given = {"targets_set": (len(targets), len([name for name in heads if name in known]))}
    billing = judge(frame.connection, BILLING, given)
    operations = judge(frame.connection, OPERATIONS, given)
    passed = reached(billing)
    return frame.render(
        "maturity.html",
        "maturity.html",
        models=(
            (
                "Billing maturity",
                f"reached: {passed.area.title.lower()}" if passed else "no stage passed yet",
                billing,
            ),
            (
                "RevOps maturity",
                f"{score(f.level for each in operations for f in each.findings)} of {TOP}",
                operations,
            ),
        ),
        levels=LEVELS,
        top=TOP,
    )


def _pictures(frame: Frame, team: Team) -> list[Picture]:
    connection, currency = frame.connection, frame.settings.currency
    if team.name == "marketing":
        about = f"leads of the last {queries.RESPONSE_DAYS} days, working minutes"
        return [("Time to first human touch", about, drawings.response(connection))]
    if team.name == "success":
        about = "customers of twelve months before"
        return [("Retention", about, drawings.retention(connection, frame.since))]
    if team.name == "finance":
        return [
            ("MRR of the last closed month", currency, drawings.waterfall(connection, currency))
        ]
    return []
