"""Which traces the scoring process is told to send, and where to."""

from __future__ import annotations

from pathlib import Path

import pytest

from tidegate.errors import SettingsError
from tidegate.gateway.traces import trace_settings
from tidegate.settings import TraceSettings, load

ROOT = Path("/home")


def endpoint(environ: dict[str, str], settings: TraceSettings | None = None) -> str | None:
    told = trace_settings(settings or TraceSettings(), ROOT, environ)
    return None if told is None else told["endpoint"]


def test_without_an_endpoint_there_are_none() -> None:
    assert endpoint({}) is None
    assert endpoint({"OTEL_SERVICE_NAME": "x"}) is None


def test_the_setting_goes_over_the_variables() -> None:
    whole, base = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"
    assert endpoint({base: "http://c:4318/"}) == "http://c:4318/v1/traces"
    assert endpoint({base: "http://c:4318/otlp"}) == "http://c:4318/otlp/v1/traces"
    assert endpoint({base: "http://c:4318", whole: "https://t/own"}) == "https://t/own"
    assert endpoint({base: "http://c"}, TraceSettings(endpoint="http://mine")) == "http://mine"
    for off in ({"OTEL_SDK_DISABLED": "true"}, {"OTEL_TRACES_EXPORTER": "none"}):
        assert endpoint({base: "http://c"} | off) is None
    with pytest.raises(SettingsError, match=r"OTEL_EXPORTER_OTLP_ENDPOINT: expected http.*'c:4317'"):
        endpoint({base: "c:4317"})


def test_names_and_paths_are_whole() -> None:
    settings = TraceSettings(endpoint="http://c", headers_file="headers", sample_ratio=0.5)
    told = trace_settings(settings, ROOT, {"OTEL_SERVICE_NAME": "flights"})
    assert told == {
        "endpoint": "http://c",
        "sample_ratio": 0.5,
        "service_name": "flights",
        "headers_file": "/home/headers",
        "timeout_seconds": 10,
        "interval_milliseconds": 1000,
        "queue_requests": 2048,
    }


@pytest.mark.parametrize("url", ["c:4318", "grpc://c", "http://", "http://c:x"])
def test_what_is_no_url_is_refused_by_name(url: str) -> None:
    with pytest.raises(SettingsError, match=r"traces.endpoint.*expected http://host:port"):
        load(flags={"traces.endpoint": url})
