"""Pictures: Vega-Lite specifications drawn as SVG that takes its colours from the page.

Belongs here: the few chart forms that the report uses. Does not: the data (`queries`).

Colours are CSS variables, so one drawing serves light, dark and print. Every mark carries its value
as a `<title>`, which browsers show on hover and screen readers speak.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import vl_convert
from markupsafe import Markup

from revops_pipelines.reporting.numbers import Axis

Rows = Sequence[Mapping[str, Any]]

_LABELLED = re.compile(r'<(path|rect|line)( aria-label="([^"]*)"[^>]*?)/>')

_CONFIG = {
    "font": "system-ui, sans-serif",
    "view": {"stroke": None},
    "axis": {
        "labelColor": "var(--muted)",
        "titleColor": "var(--muted)",
        "titleFontWeight": "normal",
        "gridColor": "var(--line)",
        "domainColor": "var(--line)",
        "tickColor": "var(--line)",
        "labelFontSize": 11,
        "titleFontSize": 11,
    },
    "legend": {
        "labelColor": "var(--ink)",
        "titleColor": "var(--muted)",
        "orient": "top",
        "title": None,
        "labelFontSize": 11,
    },
    "header": {"labelColor": "var(--ink)"},
}


def trend(
    rows: Rows, title: str, axis: Axis, *, target: float | None = None, width: int = 340
) -> Markup:
    """A line by month with its interval as a band; unripe months are hollow.

    Rows: `on` (ISO day), `value`, `lower`, `upper`, `mature`, `label`; numbers as the axis says.
    """
    y = _y("value", axis.number, axis.suffix)
    layers: list[dict[str, Any]] = [
        {
            "transform": [{"filter": "isValid(datum.lower)"}],
            "mark": {"type": "area", "color": "var(--accent)", "opacity": 0.15},
            "encoding": {"y": {"field": "lower", "type": "quantitative"}, "y2": {"field": "upper"}},
        },
        {
            "mark": {"type": "line", "color": "var(--accent)", "strokeWidth": 2},
            "encoding": {"y": y},
        },
        {
            "mark": {"type": "point", "filled": True, "size": 34, "opacity": 1},
            "encoding": {
                "y": y,
                "fill": {
                    "condition": {"test": "datum.mature", "value": "var(--accent)"},
                    "value": "var(--page)",
                },
                "stroke": {"value": "var(--accent)"},
                "description": {"field": "label"},
            },
        },
    ]
    if target is not None:
        layers.append(
            {
                "data": {"values": [{"target": target}]},
                "mark": {"type": "rule", "color": "var(--good)", "strokeDash": [4, 4]},
                "encoding": {"y": {"field": "target", "type": "quantitative"}, "x": None},
            }
        )
    return _svg(
        {
            "data": {"values": list(rows)},
            "layer": layers,
            "encoding": {"x": _months("on")},
            "width": width,
            "height": 150,
        },
        title,
    )


def bars(
    rows: Rows, title: str, order: Sequence[str], *, colours: Mapping[str, str], width: int = 340
) -> Markup:
    """Vertical bars by name. Rows: `name`, `value`, `kind`, `label`."""
    return _svg(
        {
            "data": {"values": list(rows)},
            "mark": {"type": "bar", "cornerRadiusEnd": 3},
            "encoding": {
                "x": {
                    "field": "name",
                    "type": "nominal",
                    "sort": list(order),
                    "title": None,
                    "axis": {"labelAngle": -30},
                },
                "y": _y("value", ",.0f"),
                "color": _colours("kind", colours),
                "description": {"field": "label"},
            },
            "width": width,
            "height": 190,
        },
        title,
    )


def lying_bars(rows: Rows, title: str, order: Sequence[str], *, number: str = ".0%") -> Markup:
    """Horizontal bars by name, the value written at the end. Rows: `name`, `value`, `label`."""
    return _svg(
        {
            "data": {"values": list(rows)},
            "encoding": {
                "y": {"field": "name", "type": "nominal", "sort": list(order), "title": None},
                "x": {
                    "field": "value",
                    "type": "quantitative",
                    "title": None,
                    "axis": {"format": number, "tickCount": 4},
                },
            },
            "layer": [
                {
                    "mark": {"type": "bar", "color": "var(--accent)", "cornerRadiusEnd": 3},
                    "encoding": {"description": {"field": "label"}},
                },
                {
                    "mark": {"type": "text", "align": "left", "dx": 4, "color": "var(--ink)"},
                    "encoding": {"text": {"field": "label"}},
                },
            ],
            "width": 300,
            "height": {"step": 26},
        },
        title,
    )


def stacked(rows: Rows, title: str, colours: Mapping[str, str], *, width: int = 720) -> Markup:
    """Movements by month, gains above and losses below. Rows: `on`, `kind`, `value`, `label`."""
    return _svg(
        {
            "data": {"values": list(rows)},
            "layer": [
                {
                    "mark": {"type": "bar", "size": 18},
                    "encoding": {
                        "x": _months("on"),
                        "y": {**_y("value", "~s"), "stack": True},
                        "color": _colours("kind", colours),
                        "order": {"field": "kind"},
                        "description": {"field": "label"},
                    },
                },
                {
                    "data": {"values": [{"zero": 0}]},
                    "mark": {"type": "rule", "color": "var(--muted)"},
                    "encoding": {"y": {"field": "zero", "type": "quantitative"}},
                },
            ],
            "width": width,
            "height": 230,
        },
        title,
    )


def waterfall(rows: Rows, title: str, colours: Mapping[str, str]) -> Markup:
    """From opening to closing. Rows: `name`, `low`, `high`, `kind`, `label`, in order."""
    return _svg(
        {
            "data": {"values": list(rows)},
            "encoding": {
                "x": {
                    "field": "name",
                    "type": "nominal",
                    "sort": [row["name"] for row in rows],
                    "title": None,
                    "axis": {"labelAngle": -30},
                }
            },
            "layer": [
                {
                    "mark": {"type": "bar", "size": 34},
                    "encoding": {
                        "y": {**_y("low", "~s"), "scale": {"zero": False}},
                        "y2": {"field": "high"},
                        "color": {**_colours("kind", colours), "legend": None},
                        "description": {"field": "label"},
                    },
                },
                {
                    "mark": {"type": "text", "dy": -6, "color": "var(--ink)", "fontSize": 10},
                    "encoding": {
                        "y": {"field": "top", "type": "quantitative"},
                        "text": {"field": "short"},
                    },
                },
            ],
            "width": 420,
            "height": 230,
        },
        title,
    )


def lines(rows: Rows, title: str, number: str, colours: Mapping[str, str]) -> Markup:
    """Several lines by month. Rows: `on`, `kind`, `value`, `label`."""
    y = {**_y("value", number), "scale": {"zero": False}}
    return _svg(
        {
            "data": {"values": list(rows)},
            "encoding": {"x": _months("on"), "y": y, "color": _colours("kind", colours)},
            "layer": [
                {"mark": {"type": "line", "strokeWidth": 2}},
                {
                    "mark": {"type": "point", "filled": True, "size": 26},
                    "encoding": {"description": {"field": "label"}},
                },
            ],
            "width": 340,
            "height": 190,
        },
        title,
    )


def spark(values: Sequence[float | None]) -> Markup:
    """A line without axes, for a tile."""
    rows = [{"at": at, "value": value} for at, value in enumerate(values) if value is not None]
    if len(rows) < 2:
        return Markup()
    return _svg(
        {
            "data": {"values": rows},
            "mark": {"type": "line", "color": "var(--accent)", "strokeWidth": 1.5},
            "encoding": {
                "x": {"field": "at", "type": "quantitative", "axis": None},
                "y": {
                    "field": "value",
                    "type": "quantitative",
                    "axis": None,
                    "scale": {"zero": False},
                },
            },
            "width": 110,
            "height": 26,
            "padding": 2,
        },
        "",
    )


def _svg(spec: dict[str, Any], title: str) -> Markup:
    whole = {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "background": "transparent",
        "config": _CONFIG,
        **spec,
    }
    drawn = vl_convert.vegalite_to_svg(whole)
    titled = _LABELLED.sub(r"<\1\2><title>\3</title></\1>", drawn)
    label = f'role="img" aria-label="{escape(title)}"' if title else 'aria-hidden="true"'
    # The drawing library has escaped every text in it; see tests/reporting.
    return Markup(titled.replace("<svg ", f"<svg {label} ", 1))  # noqa: S704


def _y(field: str, number: str, suffix: str = "") -> dict[str, Any]:
    labels = {"labelExpr": f"datum.label + '{suffix}'"} if suffix else {}
    return {
        "field": field,
        "type": "quantitative",
        "title": None,
        "axis": {"format": number, "tickCount": 4, **labels},
    }


def _months(field: str) -> dict[str, Any]:
    return {
        "field": field,
        "type": "temporal",
        "timeUnit": "utcyearmonth",
        "title": None,
        "axis": {"format": "%b %y", "tickCount": 6, "grid": False},
    }


def _colours(field: str, colours: Mapping[str, str]) -> dict[str, Any]:
    return {
        "field": field,
        "type": "nominal",
        "scale": {"domain": list(colours), "range": list(colours.values())},
    }
