"""The report's charts as SVG text, drawn in a child process: the renderer takes 200 MB."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from typing import Any

from tidegate.errors import InternalError

INK, MUTED, GRID = "#1d2733", "#5b6875", "#e4e9ee"
HEAT = ["#eef3f6", "#c5dde4", "#efb36a", "#b5442d"]
SERIES = ["#0b6e8a", "#e07a1f", "#7a8794", "#6a4c93"]
VERSIONS = ["#0b6e8a", "#e07a1f", "#6a4c93", "#5a9367", "#c2506b", "#3f7cac", "#b08d2e", "#7a8794"]
MARKS = {
    "floor break": "#b5442d",
    "crown": "#1d2733",
    "rollback": "#c2506b",
    "step down": "#c2506b",
    "retraining, better": "#5a9367",
    "retraining, not better": "#a8b2bc",
}
_WIDTH, _HEIGHT = 620, 220
_QUARTERS = [0, 0.25, 0.5, 0.75, 1]

Rows = list[dict[str, Any]]


def draw(data: dict[str, Any]) -> dict[str, str]:
    """SVG text by the name of the chart, drawn in a child process.

    Args:
        data: what each chart is drawn from, as :func:`tidegate.replay.report.chart_rows` makes it. Charts
            without rows are left out.

    Raises:
        InternalError: the child failed; the message carries the last line of what it said.

    """
    asked = json.dumps({name: rows for name, rows in data.items() if _has_rows(rows)})
    done = subprocess.run(
        [sys.executable, "-m", __spec__.name], input=asked, capture_output=True, text=True, check=False
    )
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["it said nothing"]
        raise InternalError(f"the charts could not be drawn: {lines[-1]}")
    charts: dict[str, str] = json.loads(done.stdout)
    return charts


def inline(svg: str, name: str) -> str:
    """The SVG for use within a page: ids made unique to ``name``, since all charts share one document."""
    svg = re.sub(r"<\?xml[^>]*\?>|<!DOCTYPE[^>]*>", "", svg).strip()
    svg = re.sub(r'\bid="([^"]+)"', rf'id="{name}-\1"', svg)
    svg = re.sub(r"url\(#([^)]+)\)", rf"url(#{name}-\1)", svg)
    return re.sub(r'(xlink:href|href)="#([^"]+)"', rf'\1="#{name}-\2"', svg)


def _has_rows(data: Any) -> bool:
    return any(data.values()) if isinstance(data, dict) else bool(data)


def _base(rows: Rows) -> Any:
    import altair as alt

    return alt.Chart(alt.InlineData(values=rows))


def _lines(rows: Rows, value: str, title: str) -> Any:
    import altair as alt

    base = _base(rows).encode(
        x=alt.X("period:O", title=None, axis=alt.Axis(labelAngle=_tilt(rows), grid=False)),
        y=alt.Y(f"{value}:Q", title=title, scale=alt.Scale(zero=False, nice=True)),
        color=alt.Color("series:N", title=None, scale=alt.Scale(range=SERIES), sort=_order(rows)),
    )
    lines = base.mark_line(strokeWidth=2.2)
    return (lines + base.mark_point(filled=True, size=42, opacity=1)).properties(width=_WIDTH, height=_HEIGHT)


def _auc(rows: Rows) -> Any:
    return _lines(rows, "auc", "AUC")


def _brier(rows: Rows) -> Any:
    return _lines(rows, "brier", "Brier score (lower is better)")


def _traffic(data: dict[str, Rows], height: int = _HEIGHT) -> Any:
    """Who answered, as stacked areas, with the decisions as marks above them."""
    import altair as alt

    areas = (
        _base(data["shares"])
        .mark_area(interpolate="step-after")
        .encode(
            x=_time(),
            y=alt.Y(
                "share:Q", title="share of answers", stack="zero", axis=alt.Axis(format="%", values=_QUARTERS)
            ),
            color=alt.Color(
                "version:N",
                title="version",
                scale=alt.Scale(range=VERSIONS),
                sort=_order(data["shares"], "version"),
            ),
        )
    )
    kinds = [kind for kind in MARKS if any(mark["kind"] == kind for mark in data["marks"])]
    if not kinds:
        return areas.properties(width=_WIDTH, height=height)
    marks = (
        _base([mark | {"y": _level(mark)} for mark in data["marks"]])
        .mark_point(shape="triangle-down", filled=True, size=70, opacity=1, clip=False)
        .encode(
            x=_time(),
            y=alt.Y("y:Q", scale=alt.Scale(domain=[0, 1.2], nice=False)),
            color=alt.Color(
                "kind:N",
                title=None,
                legend=alt.Legend(orient="bottom"),
                scale=alt.Scale(domain=kinds, range=[MARKS[kind] for kind in kinds]),
            ),
        )
    )
    layers = alt.layer(areas, marks).resolve_scale(color="independent")
    return layers.properties(width=_WIDTH, height=height)


def _level(mark: dict[str, Any]) -> float:
    """Retrainings stand above the moves, so that neither hides the other."""
    return 1.16 if str(mark["kind"]).startswith("retraining") else 1.06


def _floor(data: dict[str, Rows], height: int = 170) -> Any:
    """The loss of each pane against the floor, and where it was found broken."""
    import altair as alt

    layers = [
        _base(data["losses"])
        .mark_line(strokeWidth=1.4, color=SERIES[0], interpolate="step-after")
        .encode(x=_time(), y=alt.Y("loss:Q", title="loss per pane (Brier)", scale=alt.Scale(zero=False)))
    ]
    if data["floor"]:
        line = _base(data["floor"]).mark_line(strokeDash=[5, 3], color=HEAT[3], strokeWidth=1.6)
        layers.append(line.encode(x=_time(), y="floor:Q"))
    if data["broken"]:
        layers.append(_base(data["broken"]).mark_rule(color=HEAT[3], strokeWidth=2).encode(x=_time()))
    return alt.layer(*layers).properties(width=_WIDTH, height=height)


def _gains(rows: Rows) -> Any:
    import altair as alt

    charts = []
    for name in _order(rows, "figure"):
        base = _base([row for row in rows if row["figure"] == name]).encode(
            x=alt.X("period:O", title=None, axis=alt.Axis(labelAngle=_tilt(rows), grid=False))
        )
        bars = base.mark_bar(color=SERIES[0], size=14).encode(y=alt.Y("gain:Q", title=f"{name}: gained"))
        errors = base.mark_rule(color=INK, strokeWidth=1.2).encode(y="low:Q", y2="high:Q")
        charts.append((bars + errors).properties(width=_WIDTH, height=110))
    return alt.vconcat(*charts)


def _psi(rows: Rows) -> Any:
    import altair as alt

    magnitudes = alt.Scale(domain=["negligible", "small", "moderate", "major"], range=HEAT)
    base = _base(rows).encode(
        x=alt.X(
            "period:O",
            title=None,
            axis=alt.Axis(labelAngle=_tilt(rows), orient="top", domain=False, ticks=False),
        ),
        y=alt.Y(
            "feature:N", title=None, sort=_order(rows, "feature"), axis=alt.Axis(domain=False, ticks=False)
        ),
    )
    cells = base.mark_rect(stroke="white", strokeWidth=1).encode(
        color=alt.Color("magnitude:N", title=None, scale=magnitudes)
    )
    alarms = base.transform_filter("datum.alarm").mark_point(filled=True, color=INK, size=26, opacity=1)
    return (cells + alarms).properties(width=_WIDTH, height=alt.Step(17))


def _bins(rows: Rows) -> Any:
    import altair as alt

    charts = [
        _histogram([row for row in rows if row["feature"] == feature]) for feature in _order(rows, "feature")
    ]
    return alt.concat(*charts, columns=2)


def _histogram(rows: Rows) -> Any:
    import altair as alt

    series = alt.Scale(domain=["reference", "live"], range=[SERIES[2], SERIES[0]])
    return (
        alt.Chart(alt.InlineData(values=rows), title=str(rows[0]["feature"]))
        .mark_bar()
        .encode(
            x=alt.X("bin:N", title=None, sort=None, axis=alt.Axis(labelAngle=-40, labelLimit=90)),
            xOffset=alt.XOffset("series:N", sort=["reference", "live"]),
            y=alt.Y("share:Q", title="share of rows", axis=alt.Axis(format="%", tickCount=4)),
            color=alt.Color("series:N", title=None, scale=series),
        )
        .properties(width=265, height=120)
    )


def _year(data: dict[str, Rows]) -> Any:
    """All in one picture: who answered and why, loss against the floor, AUC with and without, alarms."""
    import altair as alt

    over_time = [_traffic(data, 170)]
    if data["losses"]:
        over_time.append(_floor(data, 110))
    parts = [alt.vconcat(*over_time, spacing=14).resolve_scale(color="independent", x="shared")]
    if data["auc"]:
        parts.append(_lines(data["auc"], "auc", "AUC").properties(height=130))
    bars = _base(data["alarms"]).mark_bar(color=HEAT[2], size=18)
    parts.append(
        bars.encode(
            x=alt.X("period:O", title=None, axis=alt.Axis(labelAngle=_tilt(data["alarms"]))),
            y=alt.Y("alarms:Q", title="features in alarm", axis=alt.Axis(tickMinStep=1, tickCount=3)),
        ).properties(width=_WIDTH, height=60)
    )
    return alt.vconcat(*parts, spacing=14).resolve_scale(color="independent")


_CHARTS: dict[str, Callable[..., Any]] = {
    "traffic": _traffic,
    "floor": _floor,
    "auc": _auc,
    "brier": _brier,
    "gains": _gains,
    "psi": _psi,
    "bins": _bins,
    "year": _year,
}


def _time() -> Any:
    import altair as alt

    return alt.X("at:T", title=None, axis=alt.Axis(grid=False, tickCount=10, format="%b %d"))


def _tilt(rows: Rows) -> int:
    """Level labels where they fit."""
    names = _order(rows, "period")
    return 0 if sum(map(len, names)) <= 90 else -60


def _order(rows: Rows, column: str = "series") -> list[str]:
    """The values of ``column`` in the order in which they come."""
    return list(dict.fromkeys(str(row[column]) for row in rows))


def _svg(name: str, rows: Any) -> str:
    import vl_convert

    chart = (
        _CHARTS[name](rows)
        .configure(
            font="Liberation Sans, Helvetica, Arial, sans-serif",
            background="white" if name == "year" else "transparent",
        )
        .configure_view(stroke=None)
        .configure_axis(
            labelColor=MUTED,
            titleColor=MUTED,
            titleFontWeight="normal",
            gridColor=GRID,
            domainColor=GRID,
            tickColor=GRID,
        )
        .configure_legend(orient="top", labelColor=INK, titleColor=MUTED, titleFontWeight="normal")
        .configure_title(color=INK, fontSize=12, fontWeight="normal", anchor="start")
    )
    return inline(vl_convert.vegalite_to_svg(chart.to_json()), name)


def main() -> None:
    """Reads what is drawn, by chart, from standard input; writes SVG by chart to standard output, as JSON."""
    asked: dict[str, Any] = json.load(sys.stdin)
    json.dump({name: _svg(name, rows) for name, rows in asked.items()}, sys.stdout)


if __name__ == "__main__":
    main()
