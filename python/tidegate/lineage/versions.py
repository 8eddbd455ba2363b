"""What is kept about one version: its making, its moves with their gates, its blind verdicts, its cause."""

from __future__ import annotations

import json
from typing import Any

from tidegate.store.canonical import digest_of, parse
from tidegate.store.connection import Database, Row

JSON = dict[str, Any]

_ALARM = (
    "SELECT alarms.*, endpoints.name FROM edges "
    "JOIN alarms ON edges.object = 'alarm:' || alarms.id JOIN endpoints ON endpoints.id = alarms.endpoint "
    "WHERE edges.subject = ? AND edges.relation = 'caused_by' ORDER BY alarms.id"
)
_RETRAINING = (
    "SELECT retrainings.*, endpoints.name FROM edges "
    "JOIN retrainings ON edges.object = 'retraining:' || retrainings.id "
    "JOIN endpoints ON endpoints.id = retrainings.endpoint "
    "WHERE edges.subject = ? AND edges.relation = 'retrained_by' ORDER BY retrainings.id"
)
_DATASETS = "SELECT object FROM edges WHERE subject = ? AND relation = 'dataset' ORDER BY object"


def describe(database: Database, row: Row) -> JSON:
    """A row of ``versions`` with everything that leads to it but its parent, which is None.

    ``stages`` are its moves, oldest first, with the verdict of each gate; ``blind`` what sealed sets said of
    it; ``alarm`` and ``retraining`` what caused a version that was retrained.
    """
    manifest = parse(row["manifest"])
    return {
        "model": row["model"],
        "version": str(row["number"]),
        "digest": row["digest"],
        "stage": row["stage"],
        "created_at": row["created_at"],
        "created_by": row["created_by"],
        "stages": _moves(database, row["digest"]),
        "blind": _blind(database, row["digest"]),
        "onnx": manifest["onnx"],
        "profile": manifest["profile"],
        "metrics": manifest["metrics"],
        "conversion": manifest["conversion"],
        "datasets": _datasets(database, row["digest"]),
        "recipe": manifest["recipe"],
        "code": manifest["code"],
        "alarm": _alarm(database, row["digest"]),
        "retraining": _retraining(database, row["digest"]),
        "parent": None,
    }


def standing(database: Database, row: Row, moment: str) -> JSON:
    """Where the version of a row of ``versions`` stood at a moment at which it was registered."""
    moves = _moves(database, row["digest"])
    made = [move for move in moves if move["at"] <= moment]
    recipe = parse(row["manifest"])["recipe"]
    if made:
        last = made[-1]
        stage, since, by = last["to"], last["at"], last["by"]
        evidence = {name: last[name] for name in ("reason", "approvers", "gates")}
    else:
        stage, since, by = (moves[0]["from"] if moves else row["stage"]), row["created_at"], row["created_by"]
        evidence = {"reason": "", "approvers": [], "gates": []}
    return {
        "model": row["model"],
        "stage": stage,
        "since": since,
        "by": by,
        **evidence,
        "created_at": row["created_at"],
        "created_by": row["created_by"],
        "datasets": _datasets(database, row["digest"]),
        "recipe": digest_of(recipe) if recipe else None,
    }


def _moves(database: Database, digest: str) -> list[JSON]:
    """The moves of a version, oldest first, with what each gate said and who approved."""
    moves = []
    for row in database.query("SELECT * FROM promotions WHERE digest = ? ORDER BY id", [digest]):
        verdicts = json.loads(row["verdicts"])
        named = [verdict["figures"].get("approver") for verdict in verdicts]
        moves.append(
            {
                "from": row["from_stage"],
                "to": row["to_stage"],
                "at": row["created_at"],
                "by": row["created_by"],
                "reason": row["reason"],
                "approvers": [name for name in named if name],
                "gates": verdicts,
            }
        )
    return moves


def _datasets(database: Database, digest: str) -> list[JSON]:
    """What a version was trained on; one that was never registered has its digest alone."""
    return [
        _dataset(database, edge["object"].removeprefix("dataset:"))
        for edge in database.query(_DATASETS, [f"version:{digest}"])
    ]


def _dataset(database: Database, digest: str) -> JSON:
    row = database.one("SELECT * FROM datasets WHERE digest = ? ORDER BY created_at LIMIT 1", [digest])
    if row is None:
        return {"digest": digest}
    return {
        "name": row["name"],
        "version": row["version"],
        "digest": digest,
        "rows": row["rows"],
        "time_from": row["time_from"],
        "time_to": row["time_to"],
        "origin": json.loads(row["origin"]),
    }


def _blind(database: Database, digest: str) -> list[JSON]:
    """What sealed sets said of a version, oldest first."""
    rows = database.query("SELECT * FROM blind_results WHERE digest = ? ORDER BY id", [digest])
    kept = ("id", "blind_set", "created_at", "created_by")
    return [
        {name: row[name] for name in kept}
        | {name: json.loads(row[name]) for name in ("figures", "confinement")}
        for row in rows
    ]


def _alarm(database: Database, digest: str) -> JSON | None:
    """The drift alarm that a version was retrained for."""
    row = database.one(_ALARM, [f"version:{digest}"])
    if row is None:
        return None
    kept = ("id", "version", "role", "feature", "stream", "began", "alarmed_at", "ended_at")
    return {"endpoint": row["name"], "digest": row["variant"]} | {
        **{name: row[name] for name in kept},
        "shadow": bool(row["shadow"]),
        "verdict": json.loads(row["verdict"]),
    }


def _retraining(database: Database, digest: str) -> JSON | None:
    """The retraining that a version came from."""
    row = database.one(_RETRAINING, [f"version:{digest}"])
    if row is None:
        return None
    kept = ("id", "alarm", "parent", "outcome", "says", "created_at", "created_by")
    return {"endpoint": row["name"]} | {name: row[name] for name in kept}
