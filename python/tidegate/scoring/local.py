"""The engine of a home in this process."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from tidegate import settings as configured
from tidegate._native import Engine
from tidegate.errors import HomeMissingError
from tidegate.serving import library
from tidegate.store.home import is_home
from tidegate.types import Contract

if TYPE_CHECKING:
    import polars as pl

    from tidegate._native import Prediction


class LocalEngine(Engine):
    """Scores the deployment of a home in this process, with routing, drift and the prediction log on.

    The same engine as a server's, without one: :meth:`score` takes arrays by input name,
    :meth:`score_columns` columns by feature name. It holds the home's scoring lock, so a home has either a
    server or one of these::

        with tidegate.LocalEngine("home") as engine:
            answer = engine.score("flight-delay", {"x": row}, routing_key="N14228")
            answer.version, answer.score
    """

    def __new__(cls, home: str | Path | None = None, *, threads: int = 0) -> Self:
        """Opens the home at ``home`` (default: where every command looks), for so many threads at once."""
        root = configured.choose_home(None if home is None else Path(home)).absolute()
        if not is_home(root):
            raise HomeMissingError(f"there is no home at {root}; make one with: tidegate init --home {root}")
        found = configured.load(root, None)
        given = {
            "home": str(root),
            "library": str(library()),
            "threads": threads or found.threads,
            "pane_rows": found.pane_rows,
            "pane_seconds": int(found.pane_seconds),
            "log": found.log.model_dump(),
        }
        return super().__new__(cls, json.dumps(given))

    def score_columns(
        self,
        endpoint: str,
        columns: Mapping[str, Sequence[Any]] | pl.DataFrame,
        **how: Any,
    ) -> Prediction:
        """Scores named columns, features and context, of equal length; ``how`` as in :meth:`score`.

        Values are cast as a server casts those of JSON: null is NaN in floating columns, the contract's
        missing string in text, and refused elsewhere. A wrong, missing or unknown column is refused by name.
        """
        import polars as pl

        from tidegate.scoring.columns import tensors

        contract = Contract.model_validate_json(self.contract(endpoint))
        frame = columns if isinstance(columns, pl.DataFrame) else pl.DataFrame(columns, strict=False)
        return self.score(endpoint, tensors(frame, contract), **how)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
