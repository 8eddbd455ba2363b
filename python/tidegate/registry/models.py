"""Models: named lines of versions that answer the same question."""

from __future__ import annotations

from tidegate.errors import ConflictError, NotFoundError
from tidegate.registry.ledger import Ledger, check_name
from tidegate.types import ModelInfo


class Models:
    """The table ``models``."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def create(self, name: str, description: str = "", *, principal: str) -> ModelInfo:
        """Names a model; a name that exists is a :class:`ConflictError`."""
        check_name("a model", name)
        with self._ledger.database.transaction() as transaction:
            if self._ledger.database.one("SELECT 1 FROM models WHERE name = ?", [name]):
                raise ConflictError(f"the model {name} exists already")
            row = {
                "name": name,
                "description": description,
                "created_at": self._ledger.now(),
                "created_by": principal,
            }
            transaction.insert("models", row)
            self._ledger.audit.append(
                principal, "create_model", f"model:{name}", {"description": description}
            )
        return ModelInfo.model_validate(row)

    def get(self, name: str) -> ModelInfo:
        """The model of that name."""
        row = self._ledger.database.one("SELECT * FROM models WHERE name = ?", [name])
        if row is None:
            known = ", ".join(model.name for model in self.all()[:10]) or "none yet"
            raise NotFoundError(f"there is no model {name!r}; there are: {known}")
        return ModelInfo.model_validate(row)

    def all(self) -> list[ModelInfo]:
        """All models by name."""
        rows = self._ledger.database.query("SELECT * FROM models ORDER BY name")
        return [ModelInfo.model_validate(row) for row in rows]
