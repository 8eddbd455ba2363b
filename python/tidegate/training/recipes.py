"""A declared way to train: features by kind, target, estimator, split and seed. What lineage stores."""

from __future__ import annotations

import re
from typing import Any, Literal, Self

from pydantic import Field, ValidationError, model_validator

from tidegate.errors import InvalidInputError
from tidegate.types import Contract, DataType, InputSpec, ScoreSpec, TensorSpec, Value

Estimator = Literal["logistic_regression", "random_forest", "gradient_boosting", "hist_gradient_boosting"]
LABEL = "label"
PROBABILITIES = "probabilities"

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class Recipe(Value):
    """Everything that a training run depends on besides the dataset and the code.

    The model's graph has one input per column, ``[-1, 1]``: numeric columns as FP32 (null is NaN), integer
    columns as INT64 (no nulls), categorical ones as BYTES (null is the token ``missing``). Its outputs are
    ``label`` (INT64, ``[-1]``) and ``probabilities`` (FP32, ``[-1, 2]``).
    """

    name: str
    estimator: Estimator
    params: dict[str, bool | int | float | str | None] = Field(default_factory=dict)
    """Arguments of the estimator, by scikit-learn's names."""
    numeric: list[str] = Field(default_factory=list)
    integer: list[str] = Field(default_factory=list)
    categorical: list[str] = Field(default_factory=list)
    target: str
    """A column of 0 and 1 (or false and true); rows where it is null are left out."""
    missing: str = ""
    """The string that stands for a missing value of a categorical column."""
    held_out: float | None = None
    """The share of rows, drawn by ``seed``, that metrics and conversion are judged on; 0.2 unless
    ``split_column`` is given."""
    split_column: str | None = None
    """A boolean column: true holds the row out."""
    weight_column: str | None = None
    """A column of weights for the fit, finite and not negative; rows of weight 0 that are not held out are
    left out altogether."""
    seed: int = Field(default=0, ge=0, lt=2**32)
    dtype: Literal["float32"] = "float32"
    threshold: float = Field(default=0.5, gt=0.0, lt=1.0)
    """A score above it decides for the positive class."""

    @model_validator(mode="before")
    @classmethod
    def _default_split(cls, data: Any) -> Any:
        if isinstance(data, dict) and data.get("held_out") is None and data.get("split_column") is None:
            return {**data, "held_out": 0.2}
        return data

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not self.columns:
            raise ValueError("a recipe needs at least one numeric, integer or categorical column")
        for column in self.columns:
            if not _NAME.fullmatch(column):
                raise ValueError(f"column {column!r} can't name an input: letters, digits and _ only")
            if column in {LABEL, PROBABILITIES}:
                raise ValueError(f"column {column!r} has the name of an output; rename it")
            if self.columns.count(column) > 1:
                raise ValueError(f"column {column!r} stands twice")
            if column in {self.target, self.split_column, self.weight_column}:
                raise ValueError(
                    f"column {column!r} is a feature and also the target, the split or the weight"
                )
        if (self.held_out is None) == (self.split_column is None):
            raise ValueError("give held_out or split_column, not both")
        if self.held_out is not None and not 0.0 < self.held_out < 1.0:
            raise ValueError(f"held_out is a share between 0 and 1, got {self.held_out}")
        return self

    @classmethod
    def from_json(cls, data: Any) -> Self:
        """A recipe from its JSON form (a dictionary or text).

        Raises:
            InvalidInputError: naming each field that does not fit.

        """
        try:
            return (
                cls.model_validate_json(data) if isinstance(data, str | bytes) else cls.model_validate(data)
            )
        except ValidationError as error:
            parts = [f"{'.'.join(map(str, e['loc'])) or 'recipe'}: {e['msg']}" for e in error.errors()]
            raise InvalidInputError("the recipe can't be used: " + "; ".join(parts)) from error

    @property
    def columns(self) -> list[str]:
        """The feature columns in the order of the graph's inputs."""
        return [*self.numeric, *self.integer, *self.categorical]

    def datatype(self, column: str) -> DataType:
        """The element type that the scorer receives for a feature column."""
        if column in self.numeric:
            return "FP32"
        return "INT64" if column in self.integer else "BYTES"

    def contract(self) -> Contract:
        """The contract of an endpoint that serves what this recipe trains."""
        inputs = [
            InputSpec(
                name=column,
                datatype=self.datatype(column),
                shape=[-1, 1],
                columns=[column],
                missing=self.missing if column in self.categorical else None,
            )
            for column in self.columns
        ]
        outputs = [
            TensorSpec(name=LABEL, datatype="INT64", shape=[-1]),
            TensorSpec(name=PROBABILITIES, datatype="FP32", shape=[-1, 2]),
        ]
        score = ScoreSpec(output=PROBABILITIES, column=1)
        return Contract(inputs=inputs, outputs=outputs, score=score, threshold=self.threshold)
