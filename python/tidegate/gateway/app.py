"""The management API as an ASGI application."""

from __future__ import annotations

import asyncio
import re
from typing import Annotated, Any

from fastapi import FastAPI, Header, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse, Response
from starlette.exceptions import HTTPException

import tidegate
from tidegate.access import Principal, is_node, require
from tidegate.errors import NotFoundError, PermissionDeniedError
from tidegate.gateway.boundary import Boundary
from tidegate.gateway.routes import verb_routes
from tidegate.gateway.uploads import received
from tidegate.installation import Installation
from tidegate.serving import Announcements, ScoringKeys

LONGEST_WAIT = 30.0
"""Seconds that a long poll may ask for."""
NODE = "node"
"""The principal of scoring processes, which show the node key."""
_NODE_PATHS = re.compile(r"/v1/(deployment|scoring-keys|artifacts/[^/]+)")


def create_app(
    installation: Installation, announcements: Announcements, keys: ScoringKeys | None = None
) -> FastAPI:
    """The application over an open installation.

    ``announcements`` and ``keys`` feed the scoring processes' long polls.
    """
    app = FastAPI(
        title="Tidegate management API",
        version=tidegate.__version__,
        docs_url=None,
        redoc_url=None,
        separate_input_output_schemas=False,
    )
    node_key = installation.home.node_key()

    def authenticate(key: str) -> Principal:
        if is_node(key, node_key):
            return Principal(name=NODE, roles=frozenset())
        return installation.access.authenticate(key)

    hosts = frozenset({installation.settings.inner_host})
    app.add_middleware(Boundary, authenticate=authenticate, home=installation.home.root, hosts=hosts)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.include_router(verb_routes(installation))
    _add_uploads(app, installation)
    keys = keys or ScoringKeys(installation.access.scoring_table)
    installation.access.on_change = keys.changed
    _add_node_routes(app, installation, announcements)
    _add_key_route(app, keys)
    _add_health(app, installation)
    return app


def _add_health(app: FastAPI, installation: Installation) -> None:
    @app.get("/v1/health", operation_id="health")
    def health() -> dict[str, Any]:
        """Whether control serves, and where scoring listens. Needs no key."""
        serving = installation.serving
        return {"live": True, "data": None if serving is None else serving.about()["data"]}


def _add_uploads(app: FastAPI, installation: Installation) -> None:
    @app.post("/v1/artifacts", operation_id="put_artifact")
    async def put_artifact(
        request: Request, idempotency_key: Annotated[str | None, Header(max_length=200)] = None
    ) -> dict[str, Any]:
        """Stores the body, as it is, under its digest."""
        principal = request.state.principal
        await run_in_threadpool(require, principal, "put_artifact")
        async with received(request, installation.home.artifacts / "tmp") as path:
            return await run_in_threadpool(
                installation.put_artifact, path, principal=principal, idempotency_key=idempotency_key
            )


def _add_node_routes(app: FastAPI, installation: Installation, announcements: Announcements) -> None:
    @app.get("/v1/deployment", operation_id="deployment", response_model=None)
    async def deployment(
        request: Request,
        after: Annotated[int, Query(ge=0)] = 0,
        wait: Annotated[float, Query(ge=0, le=LONGEST_WAIT)] = 0,
    ) -> Response:
        """The newest deployment if its generation is above ``after`` within ``wait`` seconds; else 204."""
        _only_nodes(request.state.principal)
        found = await _until_gone(request, announcements.newer(after, wait))
        return Response(status_code=204) if found is None else Response(found, media_type="application/json")

    @app.get("/v1/artifacts/{digest}", operation_id="get_artifact", response_model=None)
    def get_artifact(request: Request, digest: str) -> FileResponse:
        """An artifact's bytes; the reader verifies them."""
        principal = request.state.principal
        if installation.registry.blind.holds(digest):  # no scoring process needs one either
            require(principal, "get_sealed_artifact")
        elif principal.name != NODE:
            require(principal, "get_artifact")
        path = installation.artifacts.path(digest)
        return FileResponse(
            path, media_type="application/octet-stream", filename=digest.removeprefix("sha256:")
        )


def _add_key_route(app: FastAPI, keys: ScoringKeys) -> None:
    @app.get("/v1/scoring-keys", operation_id="scoring_keys", response_model=None)
    async def scoring_keys(
        request: Request,
        known: Annotated[str, Query(max_length=80)] = "",
        wait: Annotated[float, Query(ge=0, le=LONGEST_WAIT)] = 0,
    ) -> Response:
        """The scoring port's key table, unless its digest stays ``known`` for ``wait`` seconds; else 204."""
        _only_nodes(request.state.principal)
        found = await _until_gone(request, keys.other(known, wait))
        return Response(status_code=204) if found is None else Response(found, media_type="application/json")


def _only_nodes(principal: Principal) -> None:
    if principal.name != NODE:
        raise PermissionDeniedError("only scoring processes follow the deployment; they show the node key")


async def _until_gone(request: Request, waiting: Any) -> bytes | None:
    """The answer of a long poll, given up when the caller hangs up."""
    task = asyncio.ensure_future(waiting)
    gone = asyncio.ensure_future(_hung_up(request))
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        found: bytes | None = task.result() if task.done() else None
        return found
    finally:
        for pending in (task, gone):
            pending.cancel()


async def _hung_up(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    """A body, query or path that does not fit the verb; names the first member that is wrong."""
    first = error.errors()[0] if isinstance(error, RequestValidationError) else {}
    place = ".".join(str(part) for part in first.get("loc", ()) if part not in {"body", "query", "path"})
    message = str(first.get("msg", "the request can't be read"))
    text = f"{place}: {message}" if place else message
    return JSONResponse(_body(request, text, "invalid_input"), 400)


async def _http(request: Request, error: Exception) -> JSONResponse:
    """Unknown paths and wrong verbs, in the form of all errors."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    headers = error.headers if isinstance(error, HTTPException) else None
    texts = {404: "there is no such call", 405: f"{request.method} is no verb of this call"}
    detail = error.detail if isinstance(error, HTTPException) else ""
    kind = NotFoundError.kind if status == 404 else "invalid_input"
    return JSONResponse(_body(request, texts.get(status, str(detail)), kind), status, headers=headers)


def _body(request: Request, text: str, kind: str) -> dict[str, str]:
    return {"error": text, "kind": kind, "request_id": request.state.request_id}
