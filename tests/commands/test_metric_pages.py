"""The metric catalogue: shipped pages are those made of the declarations, and say all of it."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

import revops_pipelines.assets.metrics
from revops_pipelines.commands.metric_pages import (
    FOLDER,
    INDEX,
    SETTINGS,
    SETTINGS_OF_TABLES,
    page,
    pages,
    settings_of,
    write_pages,
)
from revops_pipelines.engine.metrics.declaration import Metric
from revops_pipelines.engine.metrics.parameters import PARAMETERS
from revops_pipelines.engine.registry import discover
from revops_pipelines.settings_tables import Document

SHIPPED = Path(__file__).parents[2] / FOLDER
METRICS = discover(revops_pipelines.assets.metrics, Metric)


@cache
def made() -> dict[str, str]:
    """All pages, made once."""
    return pages(METRICS)


NOT_SETTINGS = {"as_of_at", "as_of_on", "as_of_utc_on", "computed_at", "policy"}


@pytest.mark.parametrize("name", [INDEX, *(f"{metric}.md" for metric in sorted(METRICS))])
def test_the_shipped_page_is_the_generated_one(name: str) -> None:
    assert (SHIPPED / name).read_text(encoding="utf-8") == made()[name], "run `revops docs metrics`"


def test_no_page_is_left_of_a_metric_that_is_no_more() -> None:
    assert {each.name for each in SHIPPED.iterdir()} == set(made())


def test_writing_again_changes_nothing_and_removes_what_is_left(tmp_path: Path) -> None:
    (tmp_path / "gone.md").write_text("# Gone")
    first = {path.name: path.read_bytes() for path in write_pages(tmp_path)}
    again = {path.name: path.read_bytes() for path in write_pages(tmp_path)}
    assert again == first
    assert {each.name for each in tmp_path.iterdir()} == set(first)


def test_every_link_leads_somewhere() -> None:
    for name, text in made().items():
        for target in re.findall(r"\]\(([^)#:]+)\)", text):
            assert target in made() or (SHIPPED / target).resolve().exists(), (name, target)


def test_parameters_are_settings_or_the_moment() -> None:
    assert set(SETTINGS) | NOT_SETTINGS == set(PARAMETERS)
    for key in {*SETTINGS.values(), *(key for some in SETTINGS_OF_TABLES.values() for key in some)}:
        section, _, field = key.partition(".")
        model = Document.model_fields[section].annotation
        assert not field or field in getattr(model, "model_fields", {}), key


def test_a_page_names_the_settings_that_its_numbers_hang_on() -> None:
    assert "response.target_minutes" in settings_of(METRICS["speed_to_lead"])
    assert "calendars" in settings_of(METRICS["speed_to_lead"])
    assert "response.target_minutes" not in settings_of(METRICS["win_rate"])


def test_sections_without_content_are_not_there() -> None:
    metric = METRICS["duplicates"]
    told = page(metric, METRICS)
    for title in ("Formula", "Left out", "Worked example", "Published values", "SQL"):
        assert f"\n## {title}\n" in told
    assert "## Benchmark" not in told
    assert "None" not in told.split("## SQL")[0]


def test_a_metric_links_to_those_that_read_it() -> None:
    told = page(METRICS["mrr_movements"], METRICS)
    assert "Read by [`" in told
    assert "[`net_revenue_retention`](net_revenue_retention.md)" in told
