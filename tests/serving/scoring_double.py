"""A stand-in for the scoring process: answers on the admin port from the deployment files of the home.

A deployment whose reason is ``refuse`` is refused; one whose reason is ``crash`` ends the process.
"""

import http.server
import json
import os
import signal
import sys
from pathlib import Path

settings = json.load(sys.stdin)
host, port = settings["admin"].rsplit(":", 1)
folder = Path(settings["home"]) / "deployments"
if settings.get("fail_at_start"):
    sys.exit("the double was told to fail")


def status() -> dict[str, object]:
    generation, failed, endpoints = 0, None, []
    for path in sorted(folder.glob("*.json"), key=lambda path: int(path.stem)):
        deployment = json.loads(path.read_bytes())
        if deployment.get("reason") == "refuse":
            failed = {"generation": deployment["generation"], "error": "the double refuses"}
        elif deployment.get("reason") == "crash":
            os._exit(7)
        else:
            generation, endpoints = deployment["generation"], deployment["endpoints"]
    return {"pid": os.getpid(), "generation": generation, "failed": failed, "endpoints": endpoints}


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        found = {"/v2/health/ready": lambda: {"ready": True}, "/status": status}.get(self.path)
        if self.path == "/drift/flight-delay":
            self.answer(200, b"counts")
        elif found is None:
            self.answer(404, b"{}")
        else:
            self.answer(200, json.dumps(found()).encode())

    def answer(self, code: int, body: bytes) -> None:
        self.send_response(code)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
http.server.ThreadingHTTPServer((host, int(port)), Handler).serve_forever()
