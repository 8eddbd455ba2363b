"""The settings of traces: which requests are traced, and the collector that is sent them."""

from __future__ import annotations

from urllib.parse import urlsplit

from pydantic import ConfigDict, Field, field_validator
from pydantic_core import PydanticCustomError

from tidegate.settings.section import Section


class TraceSettings(Section):
    """Traces of requests on the scoring port, with W3C context, by OTLP over HTTP."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    endpoint: str | None = Field(
        default=None,
        min_length=1,
        description="URL of an OTLP/HTTP collector, such as http://127.0.0.1:4318; without it there are no "
        "traces, unless OTEL_EXPORTER_OTLP_TRACES_ENDPOINT or OTEL_EXPORTER_OTLP_ENDPOINT names one",
    )
    sample_ratio: float = Field(
        default=1.0,
        ge=0,
        le=1,
        description="share of the requests without a traceparent that are traced; a parent decides",
    )
    service_name: str | None = Field(
        default=None, min_length=1, description="service.name of the spans; OTEL_SERVICE_NAME, else tidegate"
    )
    headers_file: str | None = Field(
        default=None,
        min_length=1,
        description="file of 'name: value' lines, headers for the collector, for its owner's eyes only",
    )
    timeout_seconds: float = Field(
        default=10, gt=0, le=600, description="time for which one batch is tried; then it is dropped"
    )
    interval_milliseconds: int = Field(default=1000, ge=1, le=600_000, description="time between two batches")
    queue_requests: int = Field(
        default=2048,
        ge=1,
        le=1 << 20,
        description="traced requests that may wait; then the newest is dropped",
    )

    @field_validator("endpoint")
    @classmethod
    def _is_url(cls, value: str | None) -> str | None:
        if value is not None and not is_url(value):
            raise PydanticCustomError("url", "expected http://host:port or https://host:port")
        return value


def is_url(text: str) -> bool:
    """Whether a collector can be reached there, as far as the text tells."""
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
