"""The moves between stages: which one is meant, which there are, and the way from here to there."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Sequence

from tidegate.types import Move


def find(moves: Sequence[Move], source: str, to: str) -> Move | None:
    """The move from ``source`` to ``to``; None when it isn't allowed."""
    return next((move for move in moves if (move.source, move.to) == (source, to)), None)


def leaving(moves: Sequence[Move], source: str) -> list[Move]:
    """The moves that lead away from a stage."""
    return [move for move in moves if move.source == source]


def way(moves: Sequence[Move], source: str, goals: Collection[str]) -> list[Move]:
    """The fewest moves from ``source`` to one of ``goals``; empty when it is one, or none can be reached."""
    reached: dict[str, list[Move]] = {source: []}
    queue = deque([source])
    while queue:
        here = queue.popleft()
        if here in goals:
            return reached[here]
        for move in leaving(moves, here):
            if move.to not in reached:
                reached[move.to] = [*reached[here], move]
                queue.append(move.to)
    return []
