"""The report: complete, self-contained, escaped, and drawn without a browser."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from tidegate.replay import charts, report
from tidegate.replay.view import View, candidates_table, drifted, periods_table

MONTHS = ["2013-03", "2013-04"]


def version(auc: float | None, share: float) -> dict[str, Any]:
    return {
        "rows": 100,
        "answered": int(200 * share),
        "share": share,
        "labelled": 90,
        "auc": auc,
        "brier": 0.16,
        "accuracy": 0.8,
        "mean_score": 0.21,
    }


def feature(name: str, size: float | None, magnitude: str | None) -> dict[str, Any]:
    return {
        "feature": name,
        "rows": 100,
        "missing": 0,
        "psi": size,
        "psi_bias_corrected": size,
        "magnitude": magnitude,
        "ks": 0.1,
        "drifted": magnitude == "major",
        "drifted_by": [],
    }


@pytest.fixture
def result() -> dict[str, Any]:
    model = {
        "estimator": "x",
        "digest": "sha256:" + "ab" * 32,
        "features": 28,
        "rows": {},
        "auc": 0.7,
        "brier": 0.16,
        "accuracy": 0.78,
        "conversion_rows": 100,
        "conversion_difference": 1.2e-7,
        "seconds": 3.2,
    }
    return {
        "format": 1,
        "started_at": "2026-11-24T18:00:00+00:00",
        "home": "/home/<someone>",
        "name": "flight-delay",
        "noun": "flights",
        "target": "late",
        "question": "Is it late?",
        "zone": "UTC",
        "period": "month",
        "data": {
            "datasets": [{"name": "flights", "version": 1, "rows": 5, "digest": "sha256:" + "cd" * 32}],
        },
        "candidates": [
            {**model, "version": "1", "name": "linear", "work": "", "refused": None},
            {**model, "version": "2", "name": "forest <b>", "work": "champion", "refused": None},
            {**model, "version": "3", "name": "boosted", "work": "challenger", "refused": None},
            {**model, "version": "4", "name": "weak", "work": "", "refused": "gate <auc> has not passed"},
        ],
        "replay": {
            "requests": {"gRPC": 10, "REST": 9},
            "rows": 200,
            "labels": 180,
            "milliseconds": {
                "gRPC": {"median": 1.0, "p99": 2.0},
                "REST": {"median": 1.5, "p99": 2.5},
            },
        },
        "log": {"accepted": 200, "logged": 200, "dropped": 0},
        "periods": [
            {
                "period": month,
                "rows": 200,
                "labelled": 180,
                "rate": 0.25,
                "answers": {"auc": None, "brier": 0.16, "accuracy": 0.8},
                "lead": "2",
                "versions": {
                    "2": version(0.7, 0.75),
                    "3": version(None, 0.25),
                    "4": version(0.6, 0.0),
                },
                "drifted": ["temp"],
                "features": [
                    feature("temp", 0.7, "major"),
                    feature("origin", 0.01, "negligible"),
                    feature("empty", None, None),
                ],
            }
            for month in MONTHS
        ],
        "histograms": [
            {"feature": "temp", "bin": name, "series": series, "share": 0.5}
            for series in ("reference", "live")
            for name in ("to 30", "over 30")
        ],
        "check": {
            "rows": 300,
            "gap": 0,
            "features": 5,
            "rows_difference": 0,
            "cells_differing": 0,
            "psi_difference": 1e-16,
            "ks_numerator_difference": 0,
            "ks_scipy_difference": 1e-17,
        },
        "seconds": {"data": 2.0, "serving": 40.0},
    }


class Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs


def test_the_report_is_one_file_that_asks_the_network_for_nothing(
    result: dict[str, Any], tmp_path: Path
) -> None:
    path = tmp_path / "report.html"
    report.write(result, path)
    text = path.read_text()
    page = Page()
    page.feed(text)
    assert page.tags.count("svg") == 6
    assert not {"script", "link", "img", "iframe", "object", "image", "use", "foreignobject"} & set(page.tags)
    loading = [value for name, value in page.attributes if name in {"src", "href", "xlink:href", "srcset"}]
    assert loading == []
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    assert "url(" not in re.sub(r"url\(#[a-z]+-[^)]+\)", "", text)
    assert "@import" not in text
    policy = dict(page.attributes)["content"]
    assert "default-src 'none'; style-src 'unsafe-inline'" in [value for _, value in page.attributes], policy
    assert "forest &lt;b&gt;" in text
    assert "forest <b>" not in text


def test_ids_of_different_charts_never_meet(result: dict[str, Any]) -> None:
    drawn = charts.draw(report.chart_rows(result))
    assert sorted(drawn) == ["auc", "bins", "brier", "psi", "rate", "share"]
    seen: set[str] = set()
    for name, svg in drawn.items():
        ET.fromstring(svg)
        ids = re.findall(r'\bid="([^"]+)"', svg)
        assert set(re.findall(r"url\(#([^)]+)\)", svg)) <= set(ids), name
        assert not seen & set(ids)
        seen |= set(ids)


def test_inline_renames_ids_and_what_points_at_them() -> None:
    svg = '<?xml version="1.0"?><svg><clipPath id="c0"/><g clip-path="url(#c0)"/><use href="#c0"/></svg>'
    assert charts.inline(svg, "auc") == (
        '<svg><clipPath id="auc-c0"/><g clip-path="url(#auc-c0)"/><use href="#auc-c0"/></svg>'
    )


def test_undefined_figures_are_left_out_of_charts_and_dashes_in_tables(result: dict[str, Any]) -> None:
    rows = report.chart_rows(result)
    assert {row["series"] for row in rows["auc"]} == {"version 2", "version 4"}
    assert {row["feature"] for row in rows["psi"]} == {"temp", "origin"}
    console = Console(record=True, width=200)
    view = View(console)
    view.show(periods_table(result))
    view.show(candidates_table(result))
    view.conclude(result)
    shown = console.export_text()
    assert "2013-03" in shown
    assert "2 75%, 3 25%" in shown
    assert "refused by a gate" in shown
    assert "–" in shown
    assert "1/3" in shown
    assert "200 logged" in shown


def test_only_a_few_drifted_features_are_named() -> None:
    row = {"drifted": ["a", "b", "c", "d"], "features": [None] * 28}
    assert drifted(row) == "4 of 28: a, b, c, …"
    assert drifted({"drifted": [], "features": [None] * 28}) == "0 of 28"
