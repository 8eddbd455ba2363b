"""The HTML report and the picture: charts inside, no script, nothing from the network."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from tidegate.replay import charts, tree
from tidegate.replay.story import compact
from tidegate.replay.view import (
    PICTURE,
    control_in_words,
    drifted,
    few,
    figure,
    gain,
    percent,
    sentences,
    shares,
    worth_in_words,
)

JSON = dict[str, Any]
Rows = list[JSON]
WITH, WITHOUT = "with the loop", "first champion alone"


def write(result: JSON, folder: Path) -> None:
    """Draws the charts of ``result`` and writes ``report.html`` and the picture to ``folder``."""
    drawn = charts.draw(chart_rows(result))
    (folder / PICTURE).write_text(drawn.pop("year"), encoding="utf-8")
    drawn["tree"] = tree.draw(result)
    (folder / "report.html").write_text(render(result, drawn), encoding="utf-8")


def render(result: JSON, drawn: dict[str, str]) -> str:
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
    environment.filters |= {
        "figure": figure,
        "percent": percent,
        "drifted": drifted,
        "shares": shares,
        "few": few,
        "compact": compact,
        "gain": gain,
    }
    # The SVG is this program's own; everything else on the page is escaped.
    safe = {name: Markup(svg) for name, svg in drawn.items()}  # noqa: S704
    words = {
        "sentences": sentences(result),
        "worth": worth_in_words(result) if "worth" in result else [],
        "control": control_in_words(result["control"]),
    }
    return environment.get_template("report.html").render(result=result, charts=safe, words=words)


def chart_rows(result: JSON) -> dict[str, Any]:
    """What each chart is drawn from."""
    traffic = {"shares": _shares(result), "marks": _marks(result)}
    floor = _floor(result)
    auc = _lines(result, "auc")
    return {
        "traffic": traffic,
        "floor": floor,
        "auc": auc,
        "brier": _lines(result, "brier"),
        "gains": _gains(result),
        "psi": _magnitudes(result),
        "bins": result["histograms"],
        "year": {**traffic, **floor, "auc": auc, "alarms": _alarms(result)},
    }


def _shares(result: JSON) -> Rows:
    names = {one["version"]: f"{one['version']} {one['name']}" for one in result["versions"]}
    return [
        {"at": one["at"], "share": one["share"], "version": names.get(one["version"], one["version"])}
        for one in result["traffic"]
    ]


def _marks(result: JSON) -> Rows:
    """The decisions that a reader looks for above the traffic."""
    kinds = {"crown": "crown", "rollback": "rollback", "floor_break": "floor break", "step_down": "step down"}
    moves = [
        {"at": one["at"], "kind": kinds[event["rule"]]}
        for one in result["decisions"]
        for event in one["events"]
        if event["rule"] in kinds
    ]
    acts = [
        {
            "at": one["at"],
            "kind": "retraining, better" if one["outcome"] == "better" else "retraining, not better",
        }
        for one in result["acts"]
        if one["kind"] == "retraining"
    ]
    return sorted([*moves, *acts], key=lambda one: datetime.fromisoformat(one["at"]))


def _floor(result: JSON) -> dict[str, Rows]:
    """The loss of each pane, the floor, and the panes in which it was found broken."""
    losses = [{"at": one["begin"], "loss": one["loss"]} for one in result["floor"] if one["loss"] is not None]
    floor = (result["policy"].get("floor") or {}).get("threshold")
    line = (
        []
        if floor is None or not losses
        else [{"at": at["at"], "floor": floor} for at in (losses[0], losses[-1])]
    )
    broken = [
        {"at": one["at"]}
        for one in result["decisions"]
        if any(event["rule"] == "floor_break" for event in one["events"])
    ]
    return {"losses": losses, "floor": line, "broken": broken}


def _lines(result: JSON, name: str) -> Rows:
    """A figure of the answers by period, and that of the first champion alone on the same rows."""
    if "worth" not in result:
        told = [(row["period"], "answers", row["answers"][name]) for row in result["periods"]]
    else:
        told = [
            (row["period"], series, row[name][which])
            for series, which in ((WITH, "current"), (WITHOUT, "stale"))
            for row in result["worth"]["periods"]
        ]
    return [
        {"period": period, "series": series, name: value}
        for period, series, value in told
        if value is not None
    ]


def _gains(result: JSON) -> Rows:
    """What the loop gained by period, with two standard errors either side; up is better."""
    names = {"auc": ("AUC", 1), "brier": ("Brier score, turned round", -1), "hits": ("found", 1)}
    return [
        {
            "period": row["period"],
            "figure": shown,
            "gain": sign * row[name]["gain"],
            "low": sign * row[name]["gain"] - 2 * (row[name]["error"] or 0.0),
            "high": sign * row[name]["gain"] + 2 * (row[name]["error"] or 0.0),
        }
        for row in (result["worth"]["periods"] if "worth" in result else [])
        for name, (shown, sign) in names.items()
        if row[name]["gain"] is not None
    ]


def _magnitudes(result: JSON) -> Rows:
    """Each feature's magnitude by period and whether it was in alarm, those that moved furthest first."""
    furthest: dict[str, float] = {}
    for row in result["periods"]:
        for one in row["features"]:
            size = one["psi_bias_corrected"]
            furthest[one["feature"]] = max(furthest.get(one["feature"], -1.0), -1.0 if size is None else size)
    order = sorted(furthest, key=lambda name: -furthest[name])
    return [
        {
            "period": row["period"],
            "feature": one["feature"],
            "magnitude": one["magnitude"],
            "alarm": one["feature"] in row["alarms"],
        }
        for name in order
        for row in result["periods"]
        for one in row["features"]
        if one["feature"] == name and one["magnitude"] is not None
    ]


def _alarms(result: JSON) -> Rows:
    return [{"period": row["period"], "alarms": len(row["alarms"])} for row in result["periods"]]
