"""What every request passes first: a request id, the Host allow-list, the key, the size limit. Pure ASGI."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import structlog
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tidegate.errors import InternalError, PermissionDeniedError, TidegateError, UnauthenticatedError
from tidegate.gateway.failures import TABLE, public_text

OPEN_PATHS = frozenset({"/v1/health", "/openapi.json"})
"""Answered without a key; everything else, known or not, needs one."""
LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})
JSON_LIMIT = 8 * 1024 * 1024
ARTIFACT_PATH = "/v1/artifacts"
ARTIFACT_LIMIT = 1024 * 1024 * 1024

log = structlog.get_logger()


class Boundary:
    """Wraps the application; ``authenticate`` turns a key into a principal or raises."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        authenticate: Callable[[str], Any],
        home: Path,
        hosts: frozenset[str] = frozenset(),
    ) -> None:
        self._app = app
        self._authenticate = authenticate
        self._home = home
        self._hosts = LOOPBACK_NAMES | hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers, or hands on with ``principal`` and ``request_id`` in the request's state."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        request_id = _request_id(headers.get("x-request-id"))
        scope.setdefault("state", {})["request_id"] = request_id
        started = False

        async def send_named(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                message["headers"] = [*message.get("headers", []), (b"x-request-id", request_id.encode())]
            await send(message)

        limit = ARTIFACT_LIMIT if scope["path"] == ARTIFACT_PATH else JSON_LIMIT
        try:
            _check_single(scope)
            self._check_host(headers.get("host", ""))
            if scope["path"] not in OPEN_PATHS:
                scope["state"]["principal"] = await run_in_threadpool(self._authenticate, _bearer(headers))
            _check_length(headers, limit)
            await self._app(scope, _limited(receive, limit), send_named)
        except HTTPException as error:
            body = {"error": error.detail, "kind": "invalid_input", "request_id": request_id}
            await answer(send_named, error.status_code, body)
        except TidegateError as error:
            await refuse(send_named, error, request_id, self._home)
        except Exception:
            log.exception("request failed", request_id=request_id, path=scope["path"])
            if started:
                raise
            await refuse(send_named, InternalError(), request_id, self._home)

    def _check_host(self, host: str) -> None:
        """Against DNS rebinding: a page of another name that resolves to this address is refused."""
        name = host if host.endswith("]") else host.rpartition(":")[0] or host
        if name.lower() not in self._hosts:
            raise PermissionDeniedError("the Host header names another server")


def _check_single(scope: Scope) -> None:
    """Two hosts or two keys: whoever looks at the other one would decide otherwise."""
    names = [name for name, _ in scope["headers"]]
    for name in (b"host", b"authorization"):
        if names.count(name) > 1:
            raise HTTPException(400, f"the header {name.decode()} stands twice")


def _request_id(given: str | None) -> str:
    return given if given is not None and re.fullmatch(r"[\w.-]{1,64}", given, re.ASCII) else uuid.uuid4().hex


def _bearer(headers: dict[str, str]) -> str:
    scheme, _, key = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not key.strip():
        raise UnauthenticatedError("a key is needed: Authorization: Bearer tg_...")
    return key.strip()


def _check_length(headers: dict[str, str], limit: int) -> None:
    length = headers.get("content-length", "0")
    if not length.isdecimal() or int(length) > limit:
        raise HTTPException(413, f"the body may have at most {limit} bytes")


def _limited(receive: Receive, limit: int) -> Receive:
    """Counts what comes, whatever the headers said."""
    taken = 0

    async def counted() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > limit:
            raise HTTPException(413, f"the body may have at most {limit} bytes")
        return message

    return counted


async def refuse(send: Send, error: TidegateError, request_id: str, home: Path) -> None:
    """Sends an error by the table; the whole story of a hidden one goes to the log."""
    row = TABLE[error.kind]
    if row.text is not None:
        log.error("request refused", request_id=request_id, kind=error.kind, error=str(error))
    body = {"error": public_text(error, home), "kind": error.kind, "request_id": request_id}
    more = [(b"retry-after", str(row.retry_after).encode())] if row.retry_after is not None else []
    if row.status == 401:
        more.append((b"www-authenticate", b"Bearer"))
    await answer(send, row.status, body, more)


async def answer(
    send: Send, status: int, body: dict[str, Any], more: list[tuple[bytes, bytes]] | None = None
) -> None:
    """Sends a JSON answer."""
    content = json.dumps(body).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(content)).encode()),
        *(more or []),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})
