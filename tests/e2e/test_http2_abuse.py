"""HTTP/2 clients that mean harm: after each, the server answers others and holds no more memory."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from hpack import Encoder
from hyperframe.frame import ContinuationFrame, DataFrame, HeadersFrame, PingFrame, SettingsFrame
from tests.e2e.servers import Servers

HEADERS = [(":method", "GET"), (":scheme", "http"), (":authority", "h"), (":path", "/v2")]
POST = [(":method", "POST"), *HEADERS[1:3], (":path", "/v2/models/flight/infer")]
GROWTH = 32 << 20
"""Bytes of memory that an attack may leave behind."""
FLOOD = 20_000


def begin(sock: socket.socket) -> None:
    connection = H2Connection(H2Configuration(client_side=True))
    connection.initiate_connection()
    sock.sendall(connection.data_to_send())


def headers(stream: int, fields: list[tuple[str, str]], *flags: str) -> bytes:
    frame = HeadersFrame(stream, data=Encoder().encode(fields), flags=["END_HEADERS", *flags])
    return bytes(frame.serialize())


def rapid_reset(sock: socket.socket) -> None:
    for number in range(FLOOD):
        stream = 2 * number + 1
        reset = b"\x00\x00\x04\x03\x00" + stream.to_bytes(4, "big") + (8).to_bytes(4, "big")
        sock.sendall(headers(stream, HEADERS, "END_STREAM") + reset)


def endless_continuation(sock: socket.socket) -> None:
    block = Encoder().encode([("x-a", "b" * 1000)])
    sock.sendall(HeadersFrame(1, data=Encoder().encode(HEADERS)).serialize())
    for _ in range(FLOOD):
        sock.sendall(ContinuationFrame(1, data=block).serialize())


def settings(sock: socket.socket) -> None:
    for number in range(FLOOD):
        sock.sendall(
            SettingsFrame(0, settings={SettingsFrame.INITIAL_WINDOW_SIZE: 65_535 + number}).serialize()
        )


def pings(sock: socket.socket) -> None:
    for number in range(FLOOD):
        sock.sendall(PingFrame(0, opaque_data=number.to_bytes(8, "big")).serialize())


def empty_data(sock: socket.socket) -> None:
    sock.sendall(headers(1, POST))
    for _ in range(FLOOD):
        sock.sendall(DataFrame(1, data=b"").serialize())


def many_streams(sock: socket.socket) -> None:
    for number in range(100_000):
        sock.sendall(headers(2 * number + 1, POST))


def header_bomb(sock: socket.socket) -> None:
    encoder = Encoder()
    first = encoder.encode([*HEADERS, ("x-bomb", "b" * 3900)])
    again = encoder.encode([("x-bomb", "b" * 3900)])
    assert len(again) == 1, "the field is in the table"
    sock.sendall(HeadersFrame(1, data=first, flags=["END_HEADERS", "END_STREAM"]).serialize())
    for number in range(1, 50):
        block = encoder.encode(HEADERS) + again * 10_000
        sock.sendall(
            HeadersFrame(2 * number + 1, data=block, flags=["END_HEADERS", "END_STREAM"]).serialize()
        )


def window_overflow(sock: socket.socket) -> None:
    sock.sendall(headers(1, POST))
    update = b"\x00\x00\x04\x08\x00\x00\x00\x00\x01\x7f\xff\xff\xff"
    sock.sendall(update * 2)


def drain(sock: socket.socket) -> None:
    """Reads until the server hangs up, so that its answers don't hold up the attack."""
    with contextlib.suppress(OSError):
        while sock.recv(1 << 16):
            pass


def resident(pid: int) -> int:
    fields = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return int(fields["VmRSS"].split()[0]) * 1024


@pytest.mark.parametrize(
    "attack",
    [
        rapid_reset,
        endless_continuation,
        settings,
        pings,
        empty_data,
        many_streams,
        header_bomb,
        window_overflow,
    ],
)
def test_an_attack_ends_with_a_server_that_lives(
    attack: Callable[[socket.socket], None], served_home: Path, serve: Servers
) -> None:
    ready = serve(served_home).ready
    host, port = ready.data.removeprefix("http://").rsplit(":", 1)
    assert httpx.get(f"{ready.data}/v2").status_code == 200
    before = resident(ready.scoring_pid)
    with socket.create_connection((host, int(port)), timeout=20) as sock:
        try:
            begin(sock)
            reader = threading.Thread(target=drain, args=(sock,))
            reader.start()
            attack(sock)
            sock.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # to hang up is what the server may do with such a client
        reader.join()
    assert httpx.get(f"{ready.data}/v2").status_code == 200
    assert httpx.get(f"{ready.admin}/v2/health/live").status_code == 200
    assert resident(ready.scoring_pid) - before < GROWTH
