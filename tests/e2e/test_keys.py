"""Keys, TLS and the audit of what was refused, by stock clients against a whole server."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path
from typing import Any

import grpc
import pytest
import tritonclient.grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from tests.e2e.servers import Servers
from tritonclient.utils import InferenceServerException

import tidegate


def curl(address: str, *arguments: str) -> int:
    """The status that curl saw."""
    command = [
        "curl",
        "-s",
        "-o",
        "/dev/null",
        "-w",
        "%{http_code}",
        *arguments,
        f"{address}/v2/models/flight",
    ]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def settings(home: Path, text: str) -> None:
    path = home / "tidegate.toml"
    path.write_text(f"{text}\n{path.read_text()}")


def test_a_key_counts_at_once_and_is_gone_within_a_second(
    served_home: Path, serve: Servers, wait_until: Any
) -> None:
    settings(served_home, "require_keys = true")
    ready = serve(served_home).ready
    with tidegate.Client(ready.control, (served_home / "owner.key").read_text().strip()) as client:
        key = client.create_key("bob", "scoring_client")["key"]
        bearer = f"authorization: Bearer {key}"
        assert curl(ready.data) == 401
        wait_until(lambda: curl(ready.data, "-H", bearer) == 200)
        triton = tritonclient.grpc.InferenceServerClient(ready.data.removeprefix("http://"))
        assert triton.is_server_live()
        assert (
            triton.get_model_metadata("flight", headers={"authorization": f"Bearer {key}"}).name == "flight"
        )
        with pytest.raises(InferenceServerException, match="UNAUTHENTICATED"):
            triton.get_model_metadata("flight")
        client.revoke_key(key.split("_")[1])
        revoked = time.monotonic()
        wait_until(lambda: curl(ready.data, "-H", bearer) == 401, deadline=1.0)
        assert time.monotonic() - revoked < 1.0


def test_tls_by_curl_and_grpc(served_home: Path, serve: Servers) -> None:
    make = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost"
    files = ["-keyout", str(served_home / "key.pem"), "-out", str(served_home / "certificate.pem")]
    names = ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    subprocess.run(["openssl", *make.split(), *files, *names], check=True, capture_output=True)
    (served_home / "key.pem").chmod(0o600)
    path = served_home / "tidegate.toml"
    path.write_text(
        path.read_text().replace("\n[tls]\n", '\n[tls]\ncertificate = "certificate.pem"\nkey = "key.pem"\n')
    )
    ready = serve(served_home).ready
    authority = str(served_home / "certificate.pem")
    assert ready.data.startswith("https://127.0.0.1:")
    assert curl(ready.data, "--cacert", authority, "--http2") == 200
    assert curl(ready.data, "--cacert", authority, "--http1.1", "--tlsv1.2", "--tls-max", "1.2") == 200
    address = ready.data.removeprefix("https://")
    triton = tritonclient.grpc.InferenceServerClient(address, ssl=True, root_certificates=authority)
    assert triton.is_model_ready("flight")
    credentials = grpc.ssl_channel_credentials(Path(authority).read_bytes())
    with grpc.secure_channel(address, credentials) as channel:
        answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest())
    assert answer.status == health_pb2.HealthCheckResponse.SERVING
