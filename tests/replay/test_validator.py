"""The validator: the identity alone opens what is sealed, and nothing worse than the champion is approved."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from tests.replay.recordings import recording

from tidegate import sealed
from tidegate.errors import InvalidInputError
from tidegate.replay import plan
from tidegate.replay.files import Reading, read
from tidegate.replay.panel import FEWEST, Panel
from tidegate.replay.rules import pace
from tidegate.replay.source import Source
from tidegate.replay.validator import Validator
from tidegate.training import blind_rows

JSON = dict[str, Any]


class Server:
    """Takes the sealed file, tells prepared figures, and writes down approvals."""

    def __init__(self) -> None:
        self.file = b""
        self.figures: dict[str, JSON] = {}
        self.approved: list[tuple[str, str, str]] = []
        self.identities: list[str] = []
        self.judged: list[tuple[str, str]] = []

    def add_blind_set(
        self, name: str, model: str, source: Path, budget: int = 20, description: str = ""
    ) -> JSON:
        self.file = source.read_bytes()
        return {"artifact": "sha256:x", "description": description}

    def judge_blind(self, name: str, number: str, identity: str) -> JSON:
        self.judged.append((name, number))
        self.identities.append(identity)
        return {"figures": self.figures[number]}

    def approve_version(self, model: str, number: str, stage: str, reason: str = "") -> JSON:
        self.approved.append((number, stage, reason))
        return {}


@pytest.fixture
def source(tmp_path: Path) -> Source:
    recording().write_parquet(tmp_path / "shop.parquet")
    return read(tmp_path / "shop.parquet", Reading(target="left"))


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def panel(source: Source) -> Panel:
    return Panel.drawn(plan.make(source), pace(source))


@pytest.fixture
def validator(source: Source, panel: Panel, server: Server, tmp_path: Path) -> Validator:
    return Validator(server, source, panel, tmp_path / "validator")  # type: ignore[arg-type]


def test_the_rows_that_no_maker_saw_are_sealed(
    validator: Validator, source: Source, server: Server, tmp_path: Path
) -> None:
    told = validator.seal()
    assert (told["name"], told["rows"]) == ("shop-blind-1", 200)
    assert b"usage" not in server.file
    identity = sealed.identity_in((tmp_path / "validator" / "identity.txt").read_text())
    rows, labels = blind_rows.unpacked(sealed.unseal(server.file, identity))
    assert rows["usage"].to_list() == source.blind()["usage"].to_list()
    assert labels.sum() == source.blind()["left"].sum()
    makers = set(source.makers().select(source.time).to_series())
    assert not makers & set(pl.Series(rows[source.time]))
    other = sealed.identity_in(_another(tmp_path))
    with pytest.raises(InvalidInputError, match="does not open"):
        sealed.unseal(server.file, other)


def _another(folder: Path) -> str:
    sealed.keygen(folder / "another.txt")
    return (folder / "another.txt").read_text()


@pytest.mark.parametrize(
    ("mine", "approved"), [(0.70, True), (0.695, True), (0.694, True), (0.693, False), (0.5, False)]
)
def test_a_version_that_is_worse_than_the_champion_is_not_approved(
    validator: Validator, server: Server, mine: float, approved: bool
) -> None:
    validator.seal()
    server.figures = {"4": {"auc": 0.695}, "6": {"auc": mine}}
    validator.judge("4")
    validator.judge("6")
    refusal = validator.approve("6", against="4")
    assert (refusal is None) == approved == bool(server.approved)
    if refusal is not None:
        assert f"is {mine:.3f}, that of version 4 is 0.695" in refusal


def test_without_figures_there_is_no_approval(validator: Validator, server: Server) -> None:
    validator.seal()
    server.figures = {"6": {"failed": "it could not score the rows"}}
    validator.judge("6")
    assert validator.approve("6") == "the sealed set has no auc of version 6"
    assert server.approved == []


def test_a_label_is_told_to_everybody_or_to_the_validator(panel: Panel) -> None:
    told = set(panel.told.label_rows.tolist())
    kept = panel.rows(0, 2**62)
    assert len(told) + kept.height == len(panel.plan.label_rows)
    assert 0.15 < kept.height / len(panel.plan.label_rows) < 0.3
    both = panel.plan.events[sorted(told)].join(kept, on="replay_time")
    assert both.height == 0
    by_request = {int(panel.plan.request_of[row]) for row in told}
    mine = panel.plan.label_rows[panel.withheld]
    assert by_request.isdisjoint(panel.plan.request_of[mine].tolist())


def test_nothing_is_sealed_before_it_is_known_nor_twice(panel: Panel) -> None:
    times = panel.plan.label_times
    middle = int(times[len(times) // 2])
    early, late = panel.rows(0, middle), panel.rows(middle, 2**62)
    assert early["replay_known"].max() <= late["replay_known"].min()  # type: ignore[operator]
    assert early.height + late.height == int(panel.withheld.sum())


def test_where_rows_are_few_the_newest_are_taken_however_old(panel: Panel) -> None:
    times = panel.plan.label_times[panel.withheld]
    sparse = replace(panel, stretch=1)
    at = int(times[600])
    rows = sparse.newest(at)
    assert rows.height >= FEWEST
    assert rows["replay_known"].dt.epoch("us").min() == times[601 - FEWEST]
    assert sparse.newest(int(times[100])).height == int((times <= times[100]).sum())


def test_a_new_set_is_sealed_from_the_panel_and_the_champion_judged_by_it(
    validator: Validator, server: Server, panel: Panel
) -> None:
    validator.seal()
    server.figures = {"4": {"auc": 0.7}, "6": {"auc": 0.71}}
    validator.judge("4")
    first = int(panel.plan.label_times[30])
    assert validator.renew(first, "4") is None, "too few rows"
    assert [one["name"] for one in validator.sets] == ["shop-blind-1"]
    at = int(panel.plan.label_times[2500])
    said = validator.renew(at, "4")
    assert said is not None
    assert said.startswith(f"shop-blind-2: {validator.sets[1]['rows']:,} rows sealed")
    validator.judge("6")
    assert server.judged[1:] == [("shop-blind-2", "4"), ("shop-blind-2", "6")]
    rows, _ = blind_rows.unpacked(sealed.unseal(server.file, server.identities[0]))
    assert rows.height == panel.rows(at - panel.stretch, at).height < panel.rows(0, at).height, "lately alone"
    assert validator.approve("6", against="4") is None


def test_figures_of_an_older_set_are_no_figures_of_the_newer(
    validator: Validator, server: Server, panel: Panel
) -> None:
    validator.seal()
    server.figures = {"4": {"auc": 0.7}, "6": {"auc": 0.71}}
    validator.judge("6")
    validator.renew(int(panel.plan.label_times[2500]), "4")
    assert validator.approve("6") == "the sealed set has no auc of version 6"
