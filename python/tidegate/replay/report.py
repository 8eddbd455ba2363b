"""The HTML report: one file with its charts inside, no script, nothing from the network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tidegate.replay import charts
from tidegate.replay.view import drifted, figure, percent, shares

Rows = list[dict[str, Any]]


def write(result: dict[str, Any], path: Path) -> None:
    """Draws the charts and writes the report of ``result`` to ``path``."""
    path.write_text(render(result, charts.draw(chart_rows(result))), encoding="utf-8")


def render(result: dict[str, Any], drawn: dict[str, str]) -> str:
    """The page; ``drawn`` is SVG by name of the chart."""
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=PackageLoader("tidegate.replay", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"figure": figure, "percent": percent, "drifted": drifted, "shares": shares}
    # The SVG is this program's own; everything else on the page is escaped.
    safe = {name: Markup(svg) for name, svg in drawn.items()}  # noqa: S704
    return environment.get_template("report.html").render(result=result, charts=safe)


def chart_rows(result: dict[str, Any]) -> dict[str, Rows]:
    """The rows of each chart."""
    return {
        "auc": _by_version(result, "auc"),
        "brier": _by_version(result, "brier"),
        "rate": _rates(result),
        "share": _by_version(result, "answered"),
        "psi": _magnitudes(result),
        "bins": result["histograms"],
    }


def _by_version(result: dict[str, Any], name: str) -> Rows:
    """A figure of each version that answered or was scored along, by period."""
    rows: Rows = []
    for version in versions(result):
        for period in result["periods"]:
            value = period["versions"].get(version, {}).get(name)
            if value is not None:
                rows.append({"period": period["period"], "series": f"version {version}", name: value})
    return rows


def _rates(result: dict[str, Any]) -> Rows:
    """What the versions expected, beside how often it really was so."""
    rows: Rows = []
    for version in versions(result):
        for period in result["periods"]:
            one = period["versions"].get(version)
            if one is not None and one["answered"]:
                series = f"mean score of version {version}"
                rows.append({"period": period["period"], "series": series, "rate": one["mean_score"]})
    return rows + [
        {"period": period["period"], "series": f"really {result['target']}", "rate": period["rate"]}
        for period in result["periods"]
        if period["rate"] is not None
    ]


def versions(result: dict[str, Any]) -> list[str]:
    """The versions that scored a row, by number."""
    return sorted({version for period in result["periods"] for version in period["versions"]}, key=int)


def _magnitudes(result: dict[str, Any]) -> Rows:
    """Each feature's magnitude by period, the features that moved furthest first."""
    furthest: dict[str, float] = {}
    for period in result["periods"]:
        for one in period["features"]:
            size = one["psi_bias_corrected"]
            furthest[one["feature"]] = max(furthest.get(one["feature"], -1.0), -1.0 if size is None else size)
    order = sorted(furthest, key=lambda name: -furthest[name])
    return [
        {"period": period["period"], "feature": one["feature"], "magnitude": one["magnitude"]}
        for name in order
        for period in result["periods"]
        for one in period["features"]
        if one["feature"] == name and one["magnitude"] is not None
    ]
