"""Drift alarms on record: each incident of a stream once, as it opened, and when it ended."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from tidegate.errors import NotFoundError
from tidegate.registry.ledger import Ledger
from tidegate.store.canonical import timestamp
from tidegate.store.connection import Row
from tidegate.types import AlarmInfo, Edge

_STREAM = ("variant", "shadow", "role", "feature", "stream")
_SELECT = (
    "SELECT alarms.*, endpoints.name AS named FROM alarms JOIN endpoints ON endpoints.id = alarms.endpoint"
)


class Alarms:
    """The table ``alarms``."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def record(
        self, endpoint: str, found: Iterable[Mapping[str, Any]], *, principal: str
    ) -> tuple[list[int], list[int]]:
        """Keeps what is not kept yet; the same incidents again change nothing.

        ``found`` are the verdicts of the opening checks of all incidents of the endpoint, with ``variant``,
        ``version``, ``shadow`` and the time at which the incident ended, if it did, as ``ended_at``. An
        incident is the one on record that opened at the same moment, else one of its stream that it overlaps
        in time. Answers the ids of the new ones and of those that have ended since.
        """
        new: list[int] = []
        ended: list[int] = []
        with self._ledger.database.transaction():
            identity = self._endpoint(endpoint)
            known: dict[tuple[Any, ...], list[Row]] = {}
            for row in self._ledger.database.query("SELECT * FROM alarms WHERE endpoint = ?", [identity]):
                known.setdefault(_stream(row), []).append(row)
            for verdict in sorted(found, key=_by_time):
                row = _row(identity, verdict)
                same = _same(row, known.get(_stream(row), []))
                if same is None:
                    new.append(self._insert(row, principal))
                elif same["ended_at"] != row["ended_at"]:
                    self._end(same, row["ended_at"], principal)
                    ended += [same["id"]] if row["ended_at"] is not None else []
        return new, ended

    def get(self, id: int) -> AlarmInfo:  # noqa: A002 -- what list_alarms calls it
        """The alarm with that id."""
        row = self._ledger.database.one(f"{_SELECT} WHERE alarms.id = ?", [id])
        if row is None:
            raise NotFoundError(f"there is no alarm {id}; see them with: tidegate alarm list ENDPOINT")
        return _info(row)

    def all(self, endpoint: str, *, open_only: bool = False) -> list[AlarmInfo]:
        """The alarms of an endpoint, oldest first; with ``open_only`` those that have not ended."""
        rows = self._ledger.database.query(
            f"{_SELECT} WHERE alarms.endpoint = ? AND (NOT ? OR ended_at IS NULL) ORDER BY alarms.id",
            [self._endpoint(endpoint), open_only],
        )
        return [_info(row) for row in rows]

    def _endpoint(self, name: str) -> str:
        row = self._ledger.database.one("SELECT id FROM endpoints WHERE name = ?", [name])
        if row is None:
            raise NotFoundError(f"there is no endpoint {name!r}")
        return str(row["id"])

    def _insert(self, row: Row, principal: str) -> int:
        found = self._ledger.database.query("SELECT coalesce(max(id), 0) + 1 AS n FROM alarms")
        identity = int(found[0]["n"])
        made = {"id": identity, **row, "created_at": self._ledger.now(), "created_by": principal}
        self._ledger.database.open_transaction.insert("alarms", made)
        node = f"alarm:{identity}"
        self._ledger.lineage.link([Edge(subject=node, relation="of", object=f"version:{row['variant']}")])
        detail = {name: row[name] for name in ("endpoint", *_STREAM, "began", "alarmed_at", "ended_at")}
        self._ledger.audit.append(principal, "check_drift", node, detail)
        return identity

    def _end(self, row: Row, ended_at: str | None, principal: str) -> None:
        transaction = self._ledger.database.open_transaction
        transaction.execute("UPDATE alarms SET ended_at = ? WHERE id = ?", [ended_at, row["id"]])
        self._ledger.audit.append(principal, "check_drift", f"alarm:{row['id']}", {"ended_at": ended_at})


def _row(endpoint: str, verdict: Mapping[str, Any]) -> Row:
    times = {name: _time(verdict[name]) for name in ("began", "alarmed_at", "ended_at")}
    opening = {**verdict, "ended_at": None}
    return {
        "endpoint": endpoint,
        "variant": verdict["variant"],
        "version": verdict["version"],
        "shadow": int(verdict["shadow"]),
        "role": verdict["role"],
        "feature": verdict["feature"],
        "stream": verdict["stream"],
        **times,
        "verdict": json.dumps(opening, sort_keys=True),
    }


def _same(row: Row, known: list[Row]) -> Row | None:
    """The incident on record that ``row`` is."""
    exact = [one for one in known if one["alarmed_at"] == row["alarmed_at"]]
    overlapping = [one for one in known if _before(one, row) and _before(row, one)]
    return next(iter([*exact, *overlapping]), None)


def _before(one: Row, other: Row) -> bool:
    """Whether ``one`` opened before ``other`` ended."""
    return other["ended_at"] is None or one["alarmed_at"] < other["ended_at"]


def _stream(row: Row) -> tuple[Any, ...]:
    return tuple(row[name] for name in _STREAM)


def _by_time(verdict: Mapping[str, Any]) -> tuple[Any, ...]:
    return (_time(verdict["alarmed_at"]), *(verdict[name] for name in _STREAM))


def _time(text: str | None) -> str | None:
    return None if text is None else timestamp(datetime.fromisoformat(text))


def _info(row: Row) -> AlarmInfo:
    facts = {name: value for name, value in row.items() if name != "named"}
    return AlarmInfo.model_validate(
        {
            **facts,
            "endpoint": row["named"],
            "shadow": bool(row["shadow"]),
            "verdict": json.loads(row["verdict"]),
        }
    )
