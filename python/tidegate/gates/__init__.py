"""Stages and gates: which moves there are, and what a gate says of a version. Pure: evidence is passed in."""

from tidegate.gates.judging import BLIND, BlindEvidence, Evidence, agree, judge
from tidegate.gates.moves import find, leaving, way
from tidegate.gates.ranking import Candidate, figure, ranked

__all__ = [
    "BLIND",
    "BlindEvidence",
    "Candidate",
    "Evidence",
    "agree",
    "figure",
    "find",
    "judge",
    "leaving",
    "ranked",
    "way",
]
