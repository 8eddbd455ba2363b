"""Models, endpoints and segments by name."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conftest import Rooms
from registry.conftest import CONTRACT
from tidegate.errors import ConflictError, InvalidInputError, NotFoundError
from tidegate.registry.ledger import check_name
from tidegate.types import SegmentInfo


def test_a_model_is_made_once(rooms: Rooms) -> None:
    made = rooms.registry.models.create("flight-delay", "late?", principal="ada")
    assert rooms.registry.models.get("flight-delay") == made
    assert (made.description, made.created_by, made.created_at) == ("late?", "ada", rooms.clock())
    with pytest.raises(ConflictError, match="the model flight-delay exists already"):
        rooms.registry.models.create("flight-delay", principal="bob")
    rooms.registry.models.create("a", principal="ada")
    assert [model.name for model in rooms.registry.models.all()] == ["a", "flight-delay"]
    assert rooms.audit.verify()["entries"] == 2


def test_an_unknown_model_is_answered_with_those_that_are(rooms: Rooms) -> None:
    with pytest.raises(NotFoundError, match="no model 'x'; there are: none yet"):
        rooms.registry.models.get("x")
    rooms.registry.models.create("flight-delay", principal="ada")
    with pytest.raises(NotFoundError, match="no model 'x'; there are: flight-delay"):
        rooms.registry.models.get("x")


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a b", "-a", "é", "a\n", "a" * 101, "a\x00"])
def test_a_name_that_cannot_stand_in_a_path_is_refused(rooms: Rooms, name: str) -> None:
    with pytest.raises(InvalidInputError, match="not a name for a model"):
        rooms.registry.models.create(name, principal="ada")
    with pytest.raises(InvalidInputError, match="not a name for an endpoint"):
        rooms.registry.endpoints.create(name, "m", CONTRACT, principal="ada")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(name=st.text())
def test_no_name_that_is_taken_leads_elsewhere(name: str) -> None:
    try:
        check_name("a model", name)
    except InvalidInputError:
        return
    assert name.isascii()
    assert not set(name) & set("/\\ \n\0%?#")
    assert name not in {".", ".."}


def test_an_endpoint_has_an_id_that_salts_it(rooms: Rooms) -> None:
    rooms.registry.models.create("flight-delay", principal="ada")
    made = rooms.registry.endpoints.create("late", "flight-delay", CONTRACT, principal="olga")
    assert rooms.registry.endpoints.get("late") == made
    assert made.id.startswith("ep_")
    assert len(made.id) == 35
    assert made.salt == made.id
    assert made.contract == CONTRACT
    assert rooms.registry.endpoints.all() == [made]
    with pytest.raises(ConflictError, match="the endpoint late exists already"):
        rooms.registry.endpoints.create("late", "flight-delay", CONTRACT, principal="olga")
    with pytest.raises(NotFoundError, match="no model 'other'"):
        rooms.registry.endpoints.create("later", "other", CONTRACT, principal="olga")
    with pytest.raises(NotFoundError, match="no endpoint 'x'; there are: late"):
        rooms.registry.endpoints.get("x")


def segment(
    rooms: Rooms, path: str = "predictions/late/1.parquet", sha256: str = "sha256:" + "a" * 64
) -> SegmentInfo:
    return SegmentInfo(
        path=path,
        kind="predictions",
        endpoint="late",
        sha256=sha256,
        rows=3,
        time_from="2013",
        created_at=rooms.clock(),
    )


def test_a_segment_is_sealed_once(rooms: Rooms) -> None:
    sealed = rooms.registry.segments.seal(segment(rooms), principal="owner")
    assert rooms.registry.segments.seal(segment(rooms), principal="owner") == sealed
    assert rooms.registry.segments.all("predictions", "late") == [sealed]
    assert rooms.registry.segments.all("labels", "late") == []
    with pytest.raises(ConflictError, match="is sealed with sha256:aaa"):
        rooms.registry.segments.seal(segment(rooms, sha256="sha256:" + "b" * 64), principal="owner")
    assert rooms.audit.verify()["entries"] == 1


@pytest.mark.parametrize("path", ["/etc/passwd", "../x", "predictions/../../x"])
def test_a_segment_lies_in_the_home(rooms: Rooms, path: str) -> None:
    with pytest.raises(InvalidInputError, match="not a path inside the home"):
        rooms.registry.segments.seal(segment(rooms, path), principal="owner")
