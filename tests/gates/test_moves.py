from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tidegate.gates import find, leaving, way
from tidegate.settings import StageSettings
from tidegate.types import Move

MOVES = StageSettings().moves
STAGES = "abcd"


def test_the_moves_that_there_are() -> None:
    move = find(MOVES, "uat", "production")
    assert move is not None
    assert move.gates == ("conversion", "auc >= 0.6", "approval")
    assert find(MOVES, "development", "production") is None
    assert [move.to for move in leaving(MOVES, "production")] == ["uat", "archived"]
    assert [move.to for move in way(MOVES, "development", ["production"])] == ["uat", "production"]
    assert way(MOVES, "production", ["production"]) == []


@given(
    pairs=st.sets(st.tuples(st.sampled_from(STAGES), st.sampled_from(STAGES)), max_size=8),
    source=st.sampled_from(STAGES),
    goal=st.sampled_from(STAGES),
)
def test_a_way_is_made_of_moves_and_is_found_when_there_is_one(
    pairs: set[tuple[str, str]], source: str, goal: str
) -> None:
    moves = [Move(source=a, to=b) for a, b in sorted(pairs)]
    reached = {source}
    for _ in STAGES:
        reached |= {b for a, b in pairs if a in reached}
    found = way(moves, source, [goal])
    assert bool(found) == (goal in reached and goal != source)
    here = source
    for move in found:
        assert move.source == here
        here = move.to
    assert not found or here == goal
