"""The management verbs, once: the gateway makes its routes from this table and the client its requests.

What a verb takes and does stands in :class:`tidegate.installation.Installation`; here stands how it travels.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import quote

DIGEST_PATTERN = r"^sha256:[0-9a-f]{64}$"


@dataclass(frozen=True)
class Verb:
    """A verb's way over HTTP.

    ``{names}`` in ``path`` are parameters; the others travel as query (GET) or as members of a JSON body.
    ``files`` are parameters that name a file on the caller's side: over HTTP they hold the digest of an
    uploaded artifact.
    """

    name: str
    method: Literal["GET", "POST", "PUT"]
    path: str
    files: frozenset[str] = frozenset()
    raw: str | None = None
    """The parameter that is the request's body as it stands."""
    patience: float | None = None
    """Seconds that a client waits for the answer, where its usual ones are too few."""

    @property
    def path_parameters(self) -> tuple[str, ...]:
        """The parameters that stand in the path, in its order."""
        return tuple(re.findall(r"\{(\w+)\}", self.path))

    def url(self, arguments: dict[str, Any]) -> str:
        """The path with its parameters filled in and escaped."""
        filled = {name: quote(str(arguments[name]), safe="") for name in self.path_parameters}
        return self.path.format(**filled)


VERBS: tuple[Verb, ...] = (
    Verb("status", "GET", "/v1/status"),
    Verb("create_model", "POST", "/v1/models"),
    Verb("list_models", "GET", "/v1/models"),
    Verb("get_model", "GET", "/v1/models/{name}"),
    Verb("put_artifact", "POST", "/v1/artifacts", raw="data"),
    Verb("register_dataset", "POST", "/v1/datasets", files=frozenset({"source"})),
    Verb("list_datasets", "GET", "/v1/datasets"),
    Verb("register_version", "POST", "/v1/models/{model}/versions"),
    Verb(
        "register_model_file",
        "POST",
        "/v1/models/{model}/versions/from-file",
        files=frozenset({"onnx", "reference"}),
    ),
    Verb("list_versions", "GET", "/v1/models/{model}/versions"),
    Verb("get_version", "GET", "/v1/models/{model}/versions/{number}"),
    Verb("probe_version", "POST", "/v1/models/{model}/versions/{number}/probe", patience=60.0),
    Verb("release_version", "POST", "/v1/models/{model}/versions/{number}/release"),
    Verb("promote_version", "POST", "/v1/models/{model}/versions/{number}/promote"),
    Verb("approve_version", "POST", "/v1/models/{model}/versions/{number}/approve"),
    Verb("version_gates", "GET", "/v1/models/{model}/versions/{number}/gates"),
    Verb("retire_version", "POST", "/v1/models/{model}/versions/{number}/retire"),
    Verb("as_of", "GET", "/v1/as-of"),
    Verb("add_blind_set", "POST", "/v1/blind-sets", files=frozenset({"source"})),
    Verb("list_blind_sets", "GET", "/v1/blind-sets"),
    Verb("judge_blind", "POST", "/v1/blind-sets/{name}/judge"),
    Verb("rank_versions", "GET", "/v1/models/{model}/ranking"),
    Verb("create_endpoint", "POST", "/v1/endpoints"),
    Verb("list_endpoints", "GET", "/v1/endpoints"),
    Verb("get_endpoint", "GET", "/v1/endpoints/{name}"),
    Verb("set_traffic", "PUT", "/v1/endpoints/{endpoint}/traffic"),
    Verb("get_traffic", "GET", "/v1/endpoints/{endpoint}/traffic"),
    Verb("set_rules", "PUT", "/v1/endpoints/{endpoint}/traffic/rules"),
    Verb("set_log", "PUT", "/v1/endpoints/{endpoint}/log"),
    Verb("get_log", "GET", "/v1/endpoints/{endpoint}/log"),
    Verb("undo_traffic", "POST", "/v1/endpoints/{endpoint}/traffic/undo"),
    Verb("set_policy", "PUT", "/v1/endpoints/{endpoint}/policy"),
    Verb("get_policy", "GET", "/v1/endpoints/{endpoint}/policy"),
    Verb("challenge", "POST", "/v1/endpoints/{endpoint}/challengers"),
    Verb("steer", "POST", "/v1/endpoints/{endpoint}/steer"),
    Verb("list_decisions", "GET", "/v1/endpoints/{endpoint}/decisions"),
    Verb("why", "GET", "/v1/endpoints/{endpoint}/why"),
    Verb("drift", "GET", "/v1/endpoints/{endpoint}/drift"),
    Verb("check_drift", "POST", "/v1/endpoints/{endpoint}/drift/check"),
    Verb("list_alarms", "GET", "/v1/endpoints/{endpoint}/alarms"),
    Verb("retrain", "POST", "/v1/endpoints/{endpoint}/retrainings", patience=3600.0),
    Verb("list_retrainings", "GET", "/v1/endpoints/{endpoint}/retrainings"),
    Verb("diagnose", "GET", "/v1/endpoints/{endpoint}/diagnosis", patience=600.0),
    Verb("performance", "GET", "/v1/endpoints/{endpoint}/performance"),
    Verb("lineage", "GET", "/v1/predictions/{prediction_id}/lineage"),
    Verb("audit_verify", "GET", "/v1/audit/verify"),
    Verb("create_key", "POST", "/v1/keys"),
    Verb("list_keys", "GET", "/v1/keys"),
    Verb("revoke_key", "POST", "/v1/keys/{id}/revoke"),
)

BY_NAME: dict[str, Verb] = {verb.name: verb for verb in VERBS}


def is_digest(text: str) -> bool:
    """Whether ``text`` names an artifact rather than a file."""
    return re.fullmatch(DIGEST_PATTERN, text) is not None
