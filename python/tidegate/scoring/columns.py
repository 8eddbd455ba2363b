"""Named columns as the tensors of a contract, checked by name before a model sees them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import polars as pl
from numpy.typing import NDArray

from tidegate.errors import InvalidInputError
from tidegate.training.columns import as_input, feeds
from tidegate.types import Contract


def check(names: Iterable[str], contract: Contract, extra: Iterable[str] = ()) -> None:
    """Refuses columns that the contract lacks (those of ``extra`` aside) and features that are not there."""
    given = list(names)
    features = [name for spec in contract.inputs for name in spec.columns]
    known = {*features, *(spec.name for spec in contract.context), *extra}
    missing = [name for name in features if name not in given]
    if missing:
        raise InvalidInputError(f"column {_listed(missing)} missing; there are: {', '.join(given)}")
    unknown = [name for name in given if name not in known]
    if unknown:
        raise InvalidInputError(
            f"column {_listed(unknown)} unknown; the endpoint takes: {', '.join(sorted(known))}"
        )


def tensors(frame: pl.DataFrame, contract: Contract, extra: Iterable[str] = ()) -> dict[str, NDArray[Any]]:
    """The tensors of all inputs, and of the context columns that are there."""
    check(frame.columns, contract, extra)
    made = feeds(frame, contract.inputs)
    for spec in contract.context:
        if spec.name in frame.columns:
            made[spec.name] = as_input(frame[spec.name], spec.datatype)
    return made


def _listed(names: list[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:10])
    more = f" and {len(names) - 10} more" if len(names) > 10 else ""
    return f"{shown}{more} {'is' if len(names) == 1 else 'are'}"
