"""A collector of OTLP over HTTP that keeps the spans it is sent, decoded with OpenTelemetry's own package."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

PATIENCE = 30.0


class Collector:
    """Serves on a free port until it is closed."""

    def __init__(self) -> None:
        self._spans: list[Any] = []
        self._came = threading.Condition()
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                sent = ExportTraceServiceRequest.FromString(
                    self.rfile.read(int(self.headers["content-length"]))
                )
                assert self.path == "/v1/traces"
                collector.take(sent)
                body = ExportTraceServiceResponse().SerializeToString()
                self.send_response(200)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def take(self, sent: Any) -> None:
        """Keeps the spans of one post and wakes who waits for them."""
        with self._came:
            for of_resource in sent.resource_spans:
                for scope in of_resource.scope_spans:
                    self._spans.extend(scope.spans)
            self._came.notify_all()

    def trace(self, trace_id: str) -> list[Any]:
        """All spans of that trace, once the server span is among them."""
        with self._came:
            assert self._came.wait_for(
                lambda: any(span.kind == span.SPAN_KIND_SERVER for span in self._of(trace_id)), PATIENCE
            ), f"no server span of {trace_id}"
            return list(self._of(trace_id))

    def seen(self) -> list[Any]:
        """All spans so far."""
        with self._came:
            return list(self._spans)

    def close(self) -> None:
        """Ends the server and its thread."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _of(self, trace_id: str) -> Iterator[Any]:
        return (span for span in self._spans if span.trace_id.hex() == trace_id)


def attributes(span: Any) -> dict[str, Any]:
    """A span's attributes by name."""
    return {pair.key: getattr(pair.value, str(pair.value.WhichOneof("value"))) for pair in span.attributes}
