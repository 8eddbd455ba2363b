"""Blind judgements: the figures are right, and nothing but figures comes out of the worker."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from sklearn.metrics import accuracy_score, brier_score_loss, log_loss, roc_auc_score
from tests.training.blind_sets import CANARY, MATRIX, contract, key, rows, write

from tidegate import sealed
from tidegate.errors import InternalError, InvalidInputError, PreconditionError
from tidegate.training import blind, blind_rows
from tidegate.training.blind import BlindFigures, judge_blind
from tidegate.training.blind_figures import figures
from tidegate.training.confinement import tight
from tidegate.training.jobs import GIB, Limits
from tidegate.types import Contract


def test_the_figures_are_scikit_learn_s_and_rounded(tmp_path: Path) -> None:
    identity, recipient = key(tmp_path)
    frame = rows(403)
    found = judge_blind(write(tmp_path / "s.age", frame, recipient), MATRIX, contract(), identity)
    x = frame.select("f0", "f1", "f2", "f3").to_numpy()
    scores = onnxruntime.InferenceSession(MATRIX.read_bytes()).run(["probabilities"], {"x": x})[0][:, 1]
    late = frame["late"].to_numpy()
    assert found.figures == BlindFigures(
        rows=400,
        positive_rate=round(float(late.mean()), 3),
        auc=round(float(roc_auc_score(late, scores)), 3),
        brier=round(float(brier_score_loss(late, scores)), 3),
        log_loss=round(float(log_loss(late, scores)), 3),
        accuracy=round(float(accuracy_score(late, scores > 0.5)), 3),
    )
    assert found.figures.auc > 0.8
    assert tight(found.confinement)
    assert found.confinement["cpu_seconds"] == 120


@settings(max_examples=60, deadline=None)
@given(
    scores=arrays.arrays(np.float64, 60, elements=st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.5001, 0.9, 1.0])),
    positive=arrays.arrays(np.bool_, 60).filter(lambda each: 0 < each.sum() < 60),
    threshold=st.sampled_from([0.3, 0.5]),
)
def test_figures_with_ties_and_certain_scores(scores: Any, positive: Any, threshold: float) -> None:
    found = figures(scores, positive, threshold)
    pairs = [(one > zero) + (one == zero) / 2 for one in scores[positive] for zero in scores[~positive]]
    assert found["auc"] == pytest.approx(np.mean(pairs), abs=1e-12)
    assert found["brier"] == pytest.approx(brier_score_loss(positive, scores), abs=1e-12)
    assert found["log_loss"] == pytest.approx(log_loss(positive, scores), abs=1e-9)
    assert found["accuracy"] == pytest.approx(((scores > threshold) == positive).mean())
    shown = BlindFigures.model_validate(found).rounded().to_json()
    assert all(round(value, 3) == value for value in shown.values())
    assert shown["rows"] % 10 == 0


def test_the_identity_stands_in_no_argument_and_no_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    identity, recipient = key(tmp_path)
    monkeypatch.setenv("A_SECRET_OF_THE_SERVER", "s3cret")
    seen: list[str] = []
    start: Any = subprocess.Popen

    def watched(command: list[str], **given: Any) -> Any:
        seen.extend([*command, *given["env"], *given["env"].values(), str(given["cwd"])])
        assert given["stderr"] is subprocess.DEVNULL
        return start(command, **given)

    monkeypatch.setattr("tidegate.training.blind.subprocess.Popen", watched)
    assert judge_blind(write(tmp_path / "s.age", rows(), recipient), MATRIX, contract(), identity).figures
    assert str(os.getpid()) in seen
    assert not any(identity in word or "s3cret" in word for word in seen)


def test_another_identity_opens_nothing(tmp_path: Path) -> None:
    _, recipient = key(tmp_path)
    (tmp_path / "other").mkdir()
    other, _ = key(tmp_path / "other")
    for wrong in (other, "nonsense"):
        with pytest.raises(InvalidInputError, match=r"^the identity does not open the blind set; expected"):
            judge_blind(write(tmp_path / "s.age", rows(), recipient), MATRIX, contract(), wrong)


POISON = f"poison-{CANARY}"


@pytest.mark.parametrize(
    "frame",
    [
        rows().with_columns(f2=pl.lit(POISON)),
        rows().with_columns(f2=pl.Series([POISON, *["1.5"] * 402])),
        rows().with_columns(f2=pl.lit([CANARY])),
        rows().rename({"extra": POISON}).with_columns(f2=pl.col("f2").cast(pl.String)),
    ],
)
def test_a_set_that_makes_scoring_fail_says_nothing_of_its_rows(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture, frame: pl.DataFrame
) -> None:
    identity, recipient = key(tmp_path)
    found = judge_blind(write(tmp_path / "s.age", frame, recipient), MATRIX, contract(), identity)
    assert found.figures is None
    said = [found.model_dump_json(), *capfd.readouterr(), caplog.text]
    assert not any("poison" in text or "8675309" in text for text in said)


def test_a_column_that_lacks_is_named_by_the_contract(tmp_path: Path) -> None:
    identity, recipient = key(tmp_path)
    path = write(tmp_path / "s.age", rows().rename({"f3": POISON}), recipient)
    with pytest.raises(InvalidInputError) as refused:
        judge_blind(path, MATRIX, contract(), identity)
    assert str(refused.value) == "the blind set has no column 'f3', which the version takes"


def test_what_is_sealed_without_tidegate_is_no_set(tmp_path: Path) -> None:
    identity, recipient = key(tmp_path)
    rows().write_parquet(tmp_path / "plain.parquet")
    plain = (tmp_path / "plain.parquet").read_bytes()
    few = blind_rows.packed(rows(), "late")
    for data in (b"no table", plain, few[: len(few) // 2]):
        (tmp_path / "s.age").write_bytes(sealed.seal(data, [recipient]))
        with pytest.raises(InvalidInputError, match="as tidegate blind seal writes them"):
            judge_blind(tmp_path / "s.age", MATRIX, contract(), identity)


def test_a_model_that_fails_or_grows_is_told_apart_from_a_set_that_stays_closed(tmp_path: Path) -> None:
    identity, recipient = key(tmp_path)
    path = write(tmp_path / "s.age", rows(), recipient)
    (tmp_path / "broken.onnx").write_bytes(MATRIX.read_bytes()[:400])
    assert judge_blind(path, tmp_path / "broken.onnx", contract(), identity).figures is None
    labels = contract(score={"output": "label", "column": 5})
    assert judge_blind(path, MATRIX, labels, identity).figures is None
    with pytest.raises(InternalError, match="ended before it had opened the set"):
        judge_blind(path, tmp_path / "absent.onnx", contract(), identity)
    with pytest.raises(InternalError, match="ended before it had opened the set"):
        judge_blind(path, MATRIX, contract(), identity, Limits(address_space=4 * GIB, wall_seconds=0.0))
    with pytest.raises(PreconditionError, match="names no score"):
        judge_blind(path, MATRIX, contract(score=None), identity)


def test_a_machine_that_can_t_confine_leaves_the_set_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = {"no_file_written": True, "seccomp": False}
    assert not tight(held)
    told = "\n".join(json.dumps(each) for each in ({"confinement": held}, {"problem": "confinement"}))
    monkeypatch.setattr(blind, "_run", lambda _: told.encode())
    with pytest.raises(PreconditionError, match="can't confine the worker"):
        judge_blind(tmp_path / "s.age", MATRIX, contract(), "identity")


FIGURES = {"rows": 403, "positive_rate": 0.5, "auc": 0.7, "brier": 0.2, "log_loss": 0.6, "accuracy": 0.7}
OPEN = [{"confinement": {"seccomp": True}}, {"scoring": True}]


@pytest.mark.parametrize(
    "said",
    [
        [{"figures": FIGURES | {"row": [1.5, 2.5]}}],
        [{"figures": FIGURES | {"auc": 8675309.125}}],
        [{"figures": FIGURES | {"auc": "8675309"}}],
        [{"figures": FIGURES | {"rows": 86753091258675309125}}],
        [{"figures": {"auc": 0.7}}],
        [{"figures": {}}, {"figures": FIGURES}],
        [{"problem": POISON}],
        [POISON],
        [],
    ],
)
def test_a_worker_that_was_taken_over_gets_no_other_words_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: list[Any]
) -> None:
    output = "\n".join(json.dumps(each) for each in [*OPEN, *said]).encode()
    monkeypatch.setattr(blind, "_run", lambda _: output)
    found = judge_blind(tmp_path / "s.age", MATRIX, contract(), "identity")
    assert found.figures is None
    assert found.confinement == {"seccomp": True}


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        (rows(199), "at least 200 rows and 20 of each class; this one has 199 rows"),
        (rows(400).with_columns(late=(pl.int_range(400) < 19).cast(pl.Int8)), "19 of them positive"),
        (rows(400).with_columns(late=pl.int_range(400) < 381), "381 of them positive"),
        (rows(400).with_columns(late=pl.lit(2)), "has 400 values other than 0 and 1"),
        (rows(400).with_columns(late=pl.lit(None, dtype=pl.Int8)), "has 400 values other than 0 and 1"),
        (rows(400).with_columns(late=pl.lit("1")), "has type String, expected 0 and 1"),
        (rows(400).rename({"late": "y"}), "no target column 'late'"),
    ],
)
def test_rows_that_make_no_set(frame: pl.DataFrame, said: str) -> None:
    with pytest.raises(InvalidInputError, match=said):
        blind_rows.packed(frame, "late")


def test_rows_come_back_without_their_target() -> None:
    frame = rows(200).with_columns(late=pl.col("late").cast(pl.Boolean))
    again, late = blind_rows.unpacked(blind_rows.packed(frame, "late"))
    assert again.equals(frame.drop("late"))
    assert late.tolist() == frame["late"].to_list()


def test_a_text_column_and_missing_values_are_scored_as_they_would_be_served(tmp_path: Path) -> None:
    identity, recipient = key(tmp_path)
    random = np.random.default_rng(5)
    frame = pl.DataFrame(
        {
            "carrier": random.choice(["AA", "B6", "UA"], 300),
            "distance": [None if row % 7 == 3 else 100.0 + row for row in range(300)],
            "hour": random.integers(0, 24, 300),
            "late": random.integers(0, 2, 300),
        }
    ).with_columns(carrier=pl.when(pl.col("hour") == 3).then(None).otherwise("carrier"))
    inputs = [
        {"name": name, "datatype": kind, "shape": [-1, 1], "columns": [name], "missing": missing}
        for name, kind, missing in (
            ("carrier", "BYTES", ""),
            ("distance", "FP32", None),
            ("hour", "INT64", None),
        )
    ]
    mixed = Contract.model_validate(
        {
            "inputs": inputs,
            "outputs": [{"name": "probabilities", "datatype": "FP32", "shape": [-1, 2]}],
            "score": {"output": "probabilities", "column": 1},
        }
    )
    path = write(tmp_path / "s.age", frame, recipient)
    found = judge_blind(path, MATRIX.with_name("mixed.onnx"), mixed, identity)
    assert found.figures is not None
    assert 0.3 < found.figures.auc < 0.7
