"""The verbs of blind validation over the management API."""

from __future__ import annotations

from pathlib import Path

from tidegate import sealed
from tidegate.client.calling import JSON, Calling
from tidegate.installation.verbs import is_digest


class Blinding(Calling):
    """Sealed sets, judgements by them and the ranking, as :class:`tidegate.Installation` has them."""

    def add_blind_set(
        self,
        name: str,
        model: str,
        source: str | Path,
        budget: int = 20,
        description: str = "",
        *,
        idempotency_key: str | None = None,
    ) -> JSON:
        """Adds a sealed file (it is uploaded; one that is not sealed never leaves) as a blind set."""
        if not is_digest(str(source)):
            sealed.check_sealed(Path(source))
        arguments = {
            "name": name,
            "model": model,
            "source": source,
            "budget": budget,
            "description": description,
        }
        return self._call("add_blind_set", arguments, idempotency_key)

    def list_blind_sets(self, *, idempotency_key: str | None = None) -> list[JSON]:
        """All blind sets with what they may still judge and what they said."""
        return self._list("list_blind_sets", {}, idempotency_key)

    def judge_blind(
        self, name: str, number: str, identity: str, *, idempotency_key: str | None = None
    ) -> JSON:
        """Judges a version by a set, which the identity (AGE-SECRET-KEY-1...) opens in a confined process."""
        arguments = {"name": name, "number": number, "identity": identity}
        return self._call("judge_blind", arguments, idempotency_key)

    def rank_versions(
        self, model: str, stage: str, by: str = "blind.auc", *, idempotency_key: str | None = None
    ) -> JSON:
        """The versions that may move to a stage, best first by a metric, and why the others may not."""
        return self._call("rank_versions", {"model": model, "stage": stage, "by": by}, idempotency_key)
