"""What the scoring process is told of traces: the home's settings, then OpenTelemetry's own variables."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tidegate.errors import SettingsError
from tidegate.settings import TraceSettings, is_url

ENDPOINT = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
"""The whole URL for traces."""
BASE = "OTEL_EXPORTER_OTLP_ENDPOINT"
"""The URL for all signals, under which traces have a path."""
SERVICE = "OTEL_SERVICE_NAME"
PATH = "v1/traces"


def trace_settings(settings: TraceSettings, root: Path, environ: Mapping[str, str]) -> dict[str, Any] | None:
    """The settings of traces for the scoring process; None when there are to be none.

    A relative path is the home's. Raises :class:`SettingsError` for a variable that names no URL.
    """
    endpoint = settings.endpoint or _of_environment(environ)
    if endpoint is None:
        return None
    headers = settings.headers_file
    return settings.model_dump() | {
        "endpoint": endpoint,
        "service_name": settings.service_name or environ.get(SERVICE) or "tidegate",
        "headers_file": None if headers is None else str(root / headers),
    }


def _of_environment(environ: Mapping[str, str]) -> str | None:
    """The endpoint that OpenTelemetry's variables name, as its specification reads them."""
    off = (
        environ.get("OTEL_SDK_DISABLED", "").lower() == "true"
        or environ.get("OTEL_TRACES_EXPORTER") == "none"
    )
    whole, base = environ.get(ENDPOINT), environ.get(BASE)
    if off or not (whole or base):
        return None
    name, url = (ENDPOINT, whole) if whole else (BASE, f"{(base or '').rstrip('/')}/{PATH}")
    if url is None or not is_url(url):
        raise SettingsError(f"{name}: expected http://host:port or https://host:port; got {environ[name]!r}")
    return url
