"""The lineage of the versions as a picture: datasets, alarms, retrainings, approvals, who came from whom."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import Any

JSON = dict[str, Any]
_ROW, _TOP = 74, 34
_DATA_X, _CAUSE_X, _VERSION_X, _FATE_X = 8, 198, 470, 740
_WIDTHS = {"data": 160, "cause": 236, "version": 220}
_HEIGHT = 54
_COLOURS = {"data": "#eef3f6", "cause": "#fbf1e3", "version": "#e3f0f4", "refused": "#f3f4f6"}
_INK, _MUTED, _LINE, _WARM = "#1d2733", "#5b6875", "#9fb0bd", "#b5442d"


@dataclass(frozen=True)
class _Box:
    kind: str
    x: int
    y: int
    title: str
    lines: tuple[str, ...]

    def svg(self) -> str:
        width = _WIDTHS["version" if self.kind == "refused" else self.kind]
        texts = "".join(_text(self.x + 9, self.y + 33 + 14 * at, line) for at, line in enumerate(self.lines))
        return (
            f'<rect x="{self.x}" y="{self.y}" width="{width}" height="{_HEIGHT}" rx="6"'
            f' fill="{_COLOURS[self.kind]}" stroke="{_LINE}" stroke-width="0.8"/>'
            f"{_text(self.x + 9, self.y + 18, self.title, size=12.5, fill=_INK)}{texts}"
        )


def draw(result: JSON) -> str:
    """An SVG with one row per version and per retraining that made none, in order; escaped throughout."""
    rows = _rows(result)
    place = {row["version"]["version"]: at for at, row in enumerate(rows) if row["version"]}
    digests = {one["digest"]: one["version"] for one in result["versions"]}
    parts = [_text(x, 16, text) for x, text in _HEADINGS]
    lines: list[str] = []
    for at, row in enumerate(rows):
        y = _TOP + at * _ROW
        version, made = row["version"], row["retraining"]
        if row["dataset"]:
            parts.append(_Box("data", _DATA_X, y, _short(row["dataset"]), ("dataset",)).svg())
            lines.append(_arrow(_DATA_X + _WIDTHS["data"], y, _CAUSE_X if made else _VERSION_X, y))
        if made:
            parts.append(
                _Box(
                    "cause", _CAUSE_X, y, f"retraining {made['id']}: {made['outcome']}", _cause(result, made)
                ).svg()
            )
            parent = digests.get(made["parent"])
            if parent in place:
                lines.append(_bend(_TOP + place[parent] * _ROW, y))
        if version:
            kind = "version" if version["approved_by"] else "refused"
            figures = f"AUC {_figure(version['auc'])}, Brier {_figure(version['brier'])}"
            title = f"version {version['version']} {version['name']}".strip()
            parts.append(
                _Box(kind, _VERSION_X, y, title, (figures, f"made by {version['created_by']}")).svg()
            )
            if made:
                lines.append(_arrow(_CAUSE_X + _WIDTHS["cause"], y, _VERSION_X, y))
            parts.append(_fate(y, _fates(result, version)))
    height = _TOP + len(rows) * _ROW
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1010 {height}" width="1010" height="{height}"'
        ' font-family="Liberation Sans, Helvetica, Arial, sans-serif">'
        '<defs><marker id="tree-tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7"'
        ' orient="auto">'
        f'<path d="M0 0L8 4L0 8z" fill="{_LINE}"/></marker></defs>'
        f"{''.join(lines)}{''.join(parts)}</svg>"
    )


_HEADINGS = (
    (_DATA_X, "made from"),
    (_CAUSE_X, "because of"),
    (_VERSION_X, "version"),
    (_FATE_X, "what became of it"),
)


def _rows(result: JSON) -> list[JSON]:
    """One row per version, then one per retraining that made none, each where its time is."""
    made = {one["version"]: one for one in result["retrainings"] if one["version"]}
    rows = [
        {"version": one, "retraining": made.get(one["digest"]), "dataset": one["dataset"]}
        for one in result["versions"]
    ]
    none = [
        {"version": None, "retraining": one, "dataset": None}
        for one in result["retrainings"]
        if not one["version"]
    ]
    first = [row for row in rows if row["retraining"] is None]
    later = sorted(
        [row for row in [*rows, *none] if row["retraining"]], key=lambda row: row["retraining"]["id"]
    )
    return [*first, *later]


def _cause(result: JSON, made: JSON) -> tuple[str, ...]:
    alarm = next((one for one in result["alarms"] if one["id"] == made["alarm"]), None)
    if alarm is None:
        act = next((one for one in result["acts"] if one.get("retraining") == made["id"]), None)
        return (act["reason"] if act else "no alarm",)
    return (
        f"alarm {alarm['id']}: {alarm['feature']} ({alarm['stream']})",
        f"changed since {alarm['began'][:10]}",
    )


def _fates(result: JSON, version: JSON) -> list[str]:
    number = version["version"]
    found = [f"approved by {who}" for who in version["approved_by"]]
    for one in result["decisions"]:
        found += [
            f"{_FATES[event['rule']]} {one['at'][:10]}"
            for event in one["events"]
            if event["version"] == number and event["rule"] in _FATES
        ]
    first = next((one for one in result["candidates"] if one["version"] == number), None)
    if first is not None and first["work"] == "champion":
        found.append("first champion")
    if first is not None and first["refused"]:
        found.append("refused by a gate")
    elif not version["approved_by"]:
        found.append("not approved")
    return [*found, f"now {version['stage']}"]


_FATES = {
    "crown": "crowned",
    "rollback": "rolled back",
    "floor_break": "broke the floor",
    "drained": "drained",
}


def _fate(y: int, lines: list[str]) -> str:
    shown = [lines[at : at + 2] for at in range(0, len(lines), 2)][:4]
    return "".join(
        _text(_FATE_X, y + 14 + 14 * at, ", ".join(pair), fill=_WARM if "broke" in "".join(pair) else _INK)
        for at, pair in enumerate(shown)
    )


def _text(x: int, y: int, text: str, *, size: float = 11, fill: str = _MUTED) -> str:
    return f'<text x="{x}" y="{y}" font-size="{size:g}" fill="{fill}">{escape(text)}</text>'


def _arrow(x: int, y: int, to_x: int, to_y: int) -> str:
    middle = _HEIGHT // 2
    return (
        f'<path d="M{x} {y + middle}L{to_x - 2} {to_y + middle}" stroke="{_LINE}" fill="none"'
        ' marker-end="url(#tree-tip)"/>'
    )


def _bend(y: int, to_y: int) -> str:
    """From the side of a parent down to the retraining that it is the parent of."""
    x, to_x = _VERSION_X + 14, _CAUSE_X + _WIDTHS["cause"] - 24
    return (
        f'<path d="M{x} {y + _HEIGHT}C{x} {y + _HEIGHT + 16} {to_x} {to_y - 18} {to_x} {to_y - 2}"'
        f' stroke="{_LINE}" stroke-dasharray="3 3" fill="none" marker-end="url(#tree-tip)"/>'
    )


def _short(digest: str) -> str:
    return digest.removeprefix("sha256:")[:12]


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
