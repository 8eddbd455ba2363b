"""Stages and gates: which moves there are, and what a gate says of a version. Pure: evidence is passed in."""

from tidegate.gates.judging import Evidence, agree, judge
from tidegate.gates.moves import find, leaving, way

__all__ = ["Evidence", "agree", "find", "judge", "leaving", "way"]
