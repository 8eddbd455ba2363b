"""The report: complete, self-contained, escaped, and drawn without a browser."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from tests.replay.results import figures, result_of_two_months

from tidegate.replay import charts, report, story, tree
from tidegate.replay.view import View, candidates_table, drifted, periods_table, worth_table


@pytest.fixture
def result() -> dict[str, Any]:
    return result_of_two_months()


@pytest.fixture(autouse=True)
def told(result: dict[str, Any]) -> None:
    story.tell(result)


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
    report.write(result, tmp_path)
    text = (tmp_path / "report.html").read_text()
    page = Page()
    page.feed(text)
    assert page.tags.count("svg") == 8
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
    assert sorted(drawn) == ["auc", "bins", "brier", "floor", "gains", "psi", "traffic", "year"]
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
    assert {row["series"] for row in rows["auc"]} == {report.WITH, report.WITHOUT}
    assert {row["feature"] for row in rows["psi"]} == {"temp", "origin"}
    console = Console(record=True, width=200)
    view = View(console)
    view.show(periods_table(result))
    view.show(candidates_table(result))
    view.show(worth_table(result))
    view.tell_story(result)
    view.conclude(result)
    shown = console.export_text()
    assert "2013-03" in shown
    assert "2 75%, 3 25%" in shown
    assert "refused by a gate" in shown
    assert "200 logged" in shown


def test_only_a_few_drifted_features_are_named() -> None:
    row = {"drifted": ["a", "b", "c", "d"], "features": [None] * 28}
    assert drifted(row) == "4 of 28: a, b, c, …"
    assert drifted({"drifted": [], "features": [None] * 28}) == "0 of 28"


def test_periods_tell_what_was_in_alarm_and_what_was_done(result: dict[str, Any]) -> None:
    march, april = result["periods"]
    assert march["alarms"] == ["temp"]
    assert april["alarms"] == []
    assert story.compact(march["story"]) == "floor_break 2, admit 3, step_up 3 x2, retraining 1 better"
    assert story.compact(april["story"]) == "crown 3, retired 2"


def test_an_alarm_of_a_version_that_does_not_lead_is_left_out(result: dict[str, Any]) -> None:
    result["alarms"][0]["version"] = "3"
    story.tell(result)
    assert [row["alarms"] for row in result["periods"]] == [[], []]


def test_the_worth_says_good_and_bad_and_what_can_not_be_told(result: dict[str, Any]) -> None:
    text = report.render(result, {"tree": tree.draw(result)})
    assert "AUC: 0.7100 with the loop, 0.6500 without, +0.0600 ± 0.0100: better" in text
    assert "late found: 20 with the loop, 22 without, -2 ± 3: no difference that can be told" in text
    result["worth"]["all"]["hits"] = figures(20.0, 40.0, 3.0)
    again = report.render(result, {"tree": tree.draw(result)})
    assert "-20 ± 3: worse" in again
    assert "shuffled control: the same rows in random order" in text.lower()


def test_the_tree_names_where_each_version_came_from(result: dict[str, Any]) -> None:
    drawn = tree.draw(result)
    ET.fromstring(drawn)
    for text in (
        "version 5 again",
        "retraining 1: better",
        "alarm 4: temp (values)",
        "retraining 2: not_better",
        "approved by validator",
        "crowned 2013-04-03",
        "broke the floor 2013-03-09",
        "refused by a gate",
    ):
        assert text in drawn, text
    assert "forest &lt;b&gt;" in drawn


def test_with_the_loop_off_there_is_no_worth_and_still_a_report(
    result: dict[str, Any], tmp_path: Path
) -> None:
    del result["worth"]
    result |= {"loop": False, "decisions": [], "acts": [], "floor": [], "retrainings": []}
    story.tell(result)
    report.write(result, tmp_path)
    text = (tmp_path / "report.html").read_text()
    assert "What the loop was worth" not in text
    assert "the loop was switched off" in text
    view = View(Console(record=True, width=200))
    view.show(periods_table(result))
    view.tell_story(result)
    view.conclude(result)
    assert "shuffled control" in view.console.export_text()


def test_the_picture_stands_alone(result: dict[str, Any], tmp_path: Path) -> None:
    report.write(result, tmp_path)
    picture = (tmp_path / "year.svg").read_text()
    ET.fromstring(picture)
    assert "share of answers" in picture
    assert "http" not in picture.replace("http://www.w3.org/", "")
    assert "<script" not in picture
