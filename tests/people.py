"""The people of a house, each with the key of one role, and a version that passes the machine's gates."""

from __future__ import annotations

from typing import Any

from tests.delay import register

from tidegate import Installation

ROLES = {
    "ada": "data_scientist",
    "vera": "model_validator",
    "otto": "operator",
    "anna": "auditor",
    "ben": "business_analyst",
    "carl": "scoring_client",
}
GOOD = {
    "metrics": {"auc": 0.71, "rows": 1000},
    "conversion": {"rows": 1000, "max_difference": 2e-7, "labels_differing": 0, "ties": 0, "tolerance": 1e-5},
}


def keys(installation: Installation) -> dict[str, str]:
    """A key for everybody, by name."""
    return {name: installation.create_key(name, role)["key"] for name, role in ROLES.items()}


def submit(installation: Installation, text: str = "one", by: str = "ada", **changes: Any) -> dict[str, Any]:
    """A version of ``delay`` registered by ``by``."""
    if not installation.list_models():
        installation.create_model("delay")
    return register(_As(installation, by), text, **(GOOD | changes))  # type: ignore[arg-type]


def to_production(installation: Installation, number: str, *, stop_at: str = "production") -> None:
    """Takes a version through the gates: uat, vera's approval, production."""
    installation.promote_version("delay", number, "uat", "good on March", principal="otto")
    if stop_at == "production":
        installation.approve_version("delay", number, "production", "looked at it", principal="vera")
        installation.promote_version("delay", number, "production", "approved", principal="otto")


class _As:
    """An installation whose verbs are somebody's."""

    def __init__(self, installation: Installation, name: str) -> None:
        self._installation = installation
        self._name = name

    def __getattr__(self, verb: str) -> Any:
        method = getattr(self._installation, verb)
        if not callable(method):
            return method
        return lambda *given, **named: method(*given, **named, principal=self._name)
