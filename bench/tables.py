"""The outcomes as tables for people and as JSON for machines.

Belongs here: layout. Does not: any figure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.suites import Outcome, Way

_TITLES = {
    "ingest": "Ingest: HubSpot contacts over HTTP into DuckDB",
    "nights": "The nightly job",
    "metrics": "All metrics rebuilt",
    "steps": "What a step costs in Dagster",
    "volume": "Volume: every metric of a large company",
    "volume_night": "Volume: after a night's changes, and in another order",
    "volume_by_hand": "Volume: each metric by the engine and by hand",
    "volume_pandas": "Volume: three metrics by us and in pandas",
}
_MICRO = 1e6


def show(out: Console, outcome: Outcome) -> None:
    """Print one outcome."""
    runs = f"median of {outcome.runs}" if outcome.runs > 1 else "one run"
    table = Table(
        title=f"{_TITLES[outcome.suite]} (scale {outcome.scale:g}, {runs})",
        title_justify="left",
        header_style="bold",
    )
    table.add_column("")
    for name in ("n", f"CPU, {outcome.unit}", f"wall, {outcome.unit}", "ratio CPU", "ratio wall"):
        table.add_column(name, justify="right")
    table.add_column("of which")
    for way in outcome.ways:
        table.add_row(*_cells(way, outcome.unit))
    table.caption = "; ".join(outcome.notes)
    table.caption_justify = "left"
    out.print(table)
    for aim in outcome.aims:
        colour, word = ("green", "met") if aim.met else ("red", "missed")
        out.print(f"  {aim.text}: {aim.found:.3g}, aim {aim.most:.3g}: [{colour}]{word}[/]")
    out.print()


def _cells(way: Way, unit: str) -> Sequence[str]:
    def number(value: float) -> str:
        return f"{value * _MICRO:.1f}" if unit.startswith("µs") else f"{value:.2f}"

    def share(value: float | None) -> str:
        return "" if value is None else f"{value:.2f}"

    return (
        way.name,
        f"{way.records:,}",
        number(way.cpu),
        number(way.wall),
        share(way.cpu_share),
        share(way.wall_share),
        way.note,
    )


def document(outcomes: Sequence[Outcome], machine: dict[str, Any]) -> dict[str, Any]:
    """All outcomes; times in seconds."""
    return {
        "machine": machine,
        "outcomes": [
            {
                **asdict(outcome),
                "aims": [{**asdict(aim), "met": aim.met} for aim in outcome.aims],
            }
            for outcome in outcomes
        ],
    }
