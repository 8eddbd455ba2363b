"""The HTML report: one file with its charts inside, no script, nothing from the network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tidegate.demo import charts
from tidegate.demo.view import drifted, figure, percent

Rows = list[dict[str, Any]]


def write(result: dict[str, Any], path: Path) -> None:
    """Draws the charts and writes the report of ``result`` to ``path``."""
    path.write_text(render(result, charts.draw(chart_rows(result))), encoding="utf-8")


def render(result: dict[str, Any], drawn: dict[str, str]) -> str:
    """The page; ``drawn`` is SVG by name of the chart."""
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=PackageLoader("tidegate.demo", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"figure": figure, "percent": percent, "drifted": drifted}
    # The SVG is this program's own; everything else on the page is escaped.
    safe = {name: Markup(svg) for name, svg in drawn.items()}  # noqa: S704
    return environment.get_template("report.html").render(result=result, charts=safe)


def chart_rows(result: dict[str, Any]) -> dict[str, Rows]:
    """The rows of each chart."""
    return {
        "auc": _by_version(result, "auc"),
        "brier": _by_version(result, "brier"),
        "rate": _rates(result),
        "share": _by_version(result, "rows", answering=True),
        "psi": _magnitudes(result),
        "bins": result["histograms"],
    }


def _by_version(result: dict[str, Any], name: str, *, answering: bool = False) -> Rows:
    rows: Rows = []
    for one in result["models"]:
        shadow = one["work"] == "shadow"
        if not one["work"] or (answering and shadow):
            continue
        series = f"{one['version']} {one['name']}{' (shadow)' if shadow else ''}"
        for month in result["months"]:
            value = month["versions"].get(one["version"], {}).get(name)
            if value is not None:
                rows.append({"month": month["month"], "series": series, name: value})
    return rows


def _rates(result: dict[str, Any]) -> Rows:
    """What the answering versions expected, beside how many really were late."""
    rows: Rows = []
    for one in result["models"]:
        if not one["work"] or one["work"] == "shadow":
            continue
        for month in result["months"]:
            mean = month["versions"].get(one["version"], {}).get("mean_score")
            if mean is not None:
                series = f"mean score of {one['version']} {one['name']}"
                rows.append({"month": month["month"], "series": series, "rate": mean})
    return rows + [
        {"month": month["month"], "series": "really late", "rate": month["late_rate"]}
        for month in result["months"]
        if month["late_rate"] is not None
    ]


def _magnitudes(result: dict[str, Any]) -> Rows:
    """Each feature's magnitude by month, the features that moved furthest first."""
    furthest: dict[str, float] = {}
    for month in result["months"]:
        for one in month["features"]:
            size = one["psi_bias_corrected"]
            furthest[one["feature"]] = max(furthest.get(one["feature"], -1.0), -1.0 if size is None else size)
    order = sorted(furthest, key=lambda name: -furthest[name])
    return [
        {"month": month["month"], "feature": one["feature"], "magnitude": one["magnitude"]}
        for name in order
        for month in result["months"]
        for one in month["features"]
        if one["feature"] == name and one["magnitude"] is not None
    ]
