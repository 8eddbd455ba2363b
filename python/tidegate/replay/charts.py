"""The report's charts as SVG text, drawn in a child process: the renderer takes 200 MB."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import Any

from tidegate.errors import InternalError

INK, MUTED, GRID = "#1d2733", "#5b6875", "#e4e9ee"
HEAT = ["#eef3f6", "#c5dde4", "#efb36a", "#b5442d"]
SERIES = ["#0b6e8a", "#e07a1f", "#7a8794", "#6a4c93"]
_WIDTH, _HEIGHT = 620, 220

Rows = list[dict[str, Any]]


def draw(data: dict[str, Rows]) -> dict[str, str]:
    """SVG text by the name of the chart, drawn in a child process.

    Args:
        data: rows by name of the chart: ``auc``, ``brier``, ``share``, ``rate``, ``psi``, ``bins``, as
            :mod:`tidegate.replay.report` makes them. Charts without rows are left out.

    Raises:
        InternalError: the child failed; the message carries the last line of what it said.

    """
    asked = json.dumps({name: rows for name, rows in data.items() if rows})
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


def _lines(rows: Rows, value: str, title: str, *, zero: bool, colours: list[str] = SERIES) -> Any:
    import altair as alt

    base = alt.Chart(alt.InlineData(values=rows)).encode(
        x=alt.X("period:O", title=None, axis=alt.Axis(labelAngle=0, grid=False)),
        y=alt.Y(f"{value}:Q", title=title, scale=alt.Scale(zero=zero, nice=True)),
        color=alt.Color("series:N", title=None, scale=alt.Scale(range=colours), sort=_order(rows)),
    )
    lines = base.mark_line(strokeWidth=2.2)
    return (lines + base.mark_point(filled=True, size=42, opacity=1)).properties(width=_WIDTH, height=_HEIGHT)


def _auc(rows: Rows) -> Any:
    return _lines(rows, "auc", "AUC", zero=False)


def _brier(rows: Rows) -> Any:
    return _lines(rows, "brier", "Brier score (lower is better)", zero=False)


def _rate(rows: Rows) -> Any:
    return _lines(rows, "rate", "share", zero=True, colours=[*SERIES[:2], INK])


def _share(rows: Rows) -> Any:
    import altair as alt

    return (
        alt.Chart(alt.InlineData(values=rows))
        .mark_bar()
        .encode(
            x=alt.X("period:O", title=None, axis=alt.Axis(labelAngle=0)),
            y=alt.Y("answered:Q", title="rows answered", stack="zero"),
            color=alt.Color("series:N", title=None, scale=alt.Scale(range=SERIES), sort=_order(rows)),
        )
        .properties(width=_WIDTH, height=_HEIGHT)
    )


def _psi(rows: Rows) -> Any:
    import altair as alt

    magnitudes = alt.Scale(domain=["negligible", "small", "moderate", "major"], range=HEAT)
    return (
        alt.Chart(alt.InlineData(values=rows))
        .mark_rect(stroke="white", strokeWidth=1)
        .encode(
            x=alt.X(
                "period:O", title=None, axis=alt.Axis(labelAngle=0, orient="top", domain=False, ticks=False)
            ),
            y=alt.Y(
                "feature:N",
                title=None,
                sort=_order(rows, "feature"),
                axis=alt.Axis(domain=False, ticks=False),
            ),
            color=alt.Color("magnitude:N", title=None, scale=magnitudes),
        )
        .properties(width=_WIDTH, height=alt.Step(17))
    )


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


_CHARTS = {"auc": _auc, "brier": _brier, "rate": _rate, "share": _share, "psi": _psi, "bins": _bins}


def _order(rows: Rows, column: str = "series") -> list[str]:
    """The values of ``column`` in the order in which they come."""
    return list(dict.fromkeys(str(row[column]) for row in rows))


def _svg(name: str, rows: Rows) -> str:
    import vl_convert

    chart = (
        _CHARTS[name](rows)
        .configure(font="Liberation Sans, Helvetica, Arial, sans-serif", background="transparent")
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
    """Reads rows by chart from standard input and writes SVG by chart to standard output, both as JSON."""
    asked: dict[str, Rows] = json.load(sys.stdin)
    json.dump({name: _svg(name, rows) for name, rows in asked.items()}, sys.stdout)


if __name__ == "__main__":
    main()
