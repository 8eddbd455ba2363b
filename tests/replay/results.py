"""A made result of a replay of two months, as the report and the tables are given it."""

from __future__ import annotations

from typing import Any

MONTHS = ["2013-03", "2013-04"]


def version(auc: float | None, share: float) -> dict[str, Any]:
    return {
        "rows": 100,
        "answered": int(200 * share),
        "share": share,
        "labelled": 90,
        "auc": auc,
        "brier": 0.16,
        "accuracy": 0.8,
        "mean_score": 0.21,
    }


def feature(name: str, size: float | None, magnitude: str | None) -> dict[str, Any]:
    return {
        "feature": name,
        "rows": 100,
        "missing": 0,
        "psi": size,
        "psi_bias_corrected": size,
        "magnitude": magnitude,
        "ks": 0.1,
        "drifted": magnitude == "major",
        "drifted_by": [],
    }


def figures(current: float, stale: float, error: float | None = 0.01, sign: int = 1) -> dict[str, Any]:
    gain = current - stale
    return {"current": current, "stale": stale, "gain": gain, "error": error, "better": sign * gain > 0}


def gained() -> dict[str, Any]:
    return {
        "rows": 180,
        "positives": 40,
        "auc": figures(0.71, 0.65),
        "brier": figures(0.155, 0.160, None, -1),
        "hits": figures(20.0, 22.0, 3.0),
    }


def kept(number: str, name: str, parent: str | None = None, *, approved: bool = True) -> dict[str, Any]:
    return {
        "version": number,
        "digest": f"sha256:{number}",
        "stage": "production" if approved else "development",
        "description": name,
        "created_by": "retrainer" if parent else "scientist",
        "name": name,
        "estimator": "x",
        "parent": parent,
        "dataset": "sha256:" + "cd" * 32,
        "profile": "sha256:" + "ef" * 32,
        "auc": 0.7,
        "brier": None,
        "approved_by": ["validator"] if approved else [],
    }


def decision(day: int, *events: tuple[str, str], month: int = 3) -> dict[str, Any]:
    rule = events[0][0]
    return {
        "id": day,
        "at": f"2013-{month:02}-{day:02}T00:00:00+00:00",
        "rule": rule,
        "action": rule,
        "says": f"because of <{rule}>",
        "generation": day,
        "before": {},
        "after": {},
        "events": [{"rule": name, "version": version, "says": ""} for name, version in events],
    }


def result_of_two_months() -> dict[str, Any]:
    model = {
        "estimator": "x",
        "digest": "sha256:" + "ab" * 32,
        "features": 28,
        "rows": {},
        "auc": 0.7,
        "brier": 0.16,
        "accuracy": 0.78,
        "conversion_rows": 100,
        "conversion_difference": 1.2e-7,
        "seconds": 3.2,
    }
    return {
        "format": 1,
        "started_at": "2026-11-24T18:00:00+00:00",
        "home": "/home/<someone>",
        "loop": True,
        "policy": {"floor": {"loss": "brier", "threshold": 0.2}},
        "versions": [
            kept("1", "linear"),
            kept("2", "forest <b>"),
            kept("3", "boosted"),
            kept("4", "weak", approved=False),
            kept("5", "again", "sha256:2"),
        ],
        "traffic": [
            {"at": f"2013-03-{day:02}T00:00:00-05:00", "version": version, "share": 0.5}
            for version in ("2", "3")
            for day in range(1, 20)
        ],
        "decisions": [
            {**decision(2, ("policy", "2")), "events": []},
            decision(9, ("floor_break", "2"), ("admit", "3")),
            decision(12, ("step_up", "3")),
            decision(14, ("step_up", "3")),
            decision(3, ("crown", "3"), ("hold", "2"), month=4),
        ],
        "acts": [
            {
                "at": "2013-03-29T00:00:00+00:00",
                "kind": "retraining",
                "version": None,
                "says": "R2 is better by 0.004",
                "retraining": 1,
                "outcome": "better",
                "reason": "temp (values) has changed",
            },
            {
                "at": "2013-04-05T00:00:00+00:00",
                "kind": "retired",
                "version": "2",
                "says": "version 2 is retired",
            },
        ],
        "floor": [
            {
                "begin": f"2013-03-{day:02}T00:00:00+00:00",
                "version": "2",
                "champion": "2",
                "loss": 0.1 + 0.01 * day,
                "ln_m": 1.0,
                "ln_alarm": 11.5,
                "threshold": 0.2,
                "broken": day > 8,
            }
            for day in range(1, 20)
        ],
        "alarms": [
            {
                "id": 4,
                "version": "2",
                "shadow": False,
                "role": "input",
                "feature": "temp",
                "stream": "values",
                "began": "2013-03-03T00:00:00+00:00",
                "alarmed_at": "2013-03-05T00:00:00+00:00",
                "ended_at": "2013-03-30T00:00:00+00:00",
                "psi_bias_corrected": 0.7,
                "magnitude": "major",
                "ln_m": 40.0,
            }
        ],
        "retrainings": [
            {
                "id": 1,
                "alarm": 4,
                "parent": "sha256:2",
                "outcome": "better",
                "version": "sha256:5",
                "dataset": "sha256:" + "cd" * 32,
                "says": "R2 is better by 0.004",
            },
            {
                "id": 2,
                "alarm": None,
                "parent": "sha256:2",
                "outcome": "not_better",
                "version": None,
                "dataset": None,
                "says": "R5 is no better",
            },
        ],
        "worth": {
            "flagged": 0.2,
            "periods": [{"period": month, **gained()} for month in MONTHS],
            "all": gained(),
        },
        "control": {"streams": 56, "checks": 280, "alarms": 0, "largest": 3.9, "ln_alarm": 15.5},
        "why": ["version 3 100.00%"],
        "name": "flight-delay",
        "noun": "flights",
        "target": "late",
        "question": "Is it late?",
        "zone": "UTC",
        "period": "month",
        "data": {
            "datasets": [{"name": "flights", "version": 1, "rows": 5, "digest": "sha256:" + "cd" * 32}],
        },
        "candidates": [
            {**model, "version": "1", "name": "linear", "work": "", "refused": None, "blind": {"auc": 0.68}},
            {
                **model,
                "version": "2",
                "name": "forest <b>",
                "work": "champion",
                "refused": None,
                "blind": {"auc": 0.69},
            },
            {
                **model,
                "version": "3",
                "name": "boosted",
                "work": "shadow",
                "refused": None,
                "blind": {"auc": 0.67},
            },
            {
                **model,
                "version": "4",
                "name": "weak",
                "work": "",
                "refused": "gate <auc> has not passed",
                "blind": None,
            },
        ],
        "replay": {
            "requests": {"gRPC": 10, "REST": 9},
            "rows": 200,
            "labels": 180,
            "milliseconds": {
                "gRPC": {"median": 1.0, "p99": 2.0},
                "REST": {"median": 1.5, "p99": 2.5},
            },
        },
        "log": {"accepted": 200, "logged": 200, "dropped": 0},
        "periods": [
            {
                "period": month,
                "rows": 200,
                "labelled": 180,
                "rate": 0.25,
                "answers": {"auc": None, "brier": 0.16, "accuracy": 0.8},
                "lead": "2",
                "versions": {
                    "2": version(0.7, 0.75),
                    "3": version(None, 0.25),
                    "4": version(0.6, 0.0),
                },
                "drifted": ["temp"],
                "features": [
                    feature("temp", 0.7, "major"),
                    feature("origin", 0.01, "negligible"),
                    feature("empty", None, None),
                ],
            }
            for month in MONTHS
        ],
        "histograms": [
            {"feature": "temp", "bin": name, "series": series, "share": 0.5}
            for series in ("reference", "live")
            for name in ("to 30", "over 30")
        ],
        "check": {
            "rows": 300,
            "gap": 0,
            "features": 5,
            "rows_difference": 0,
            "cells_differing": 0,
            "psi_difference": 1e-16,
            "ks_numerator_difference": 0,
            "ks_scipy_difference": 1e-17,
        },
        "seconds": {"data": 2.0, "serving": 40.0},
    }
