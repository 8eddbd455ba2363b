"""Calls the application in-process, without a socket."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
from fastapi import FastAPI

BASE = "http://127.0.0.1:8010"


class Caller:
    """Calls the application in-process; ``key`` goes along unless a call says otherwise."""

    def __init__(self, app: FastAPI, key: str | None) -> None:
        self._app = app
        self.key = key
        self._headers = {} if key is None else {"authorization": f"Bearer {key}"}

    def __call__(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        headers = self._headers | arguments.pop("headers", {})

        async def call() -> httpx.Response:
            transport = httpx.ASGITransport(app=self._app)
            async with httpx.AsyncClient(transport=transport, base_url=BASE) as client:
                return await client.request(method, path, headers=headers, **arguments)

        return asyncio.run(call())


class InProcess(httpx.BaseTransport):
    """Lets the synchronous client call the application without a socket."""

    def __init__(self, app: FastAPI) -> None:
        self._inner = httpx.ASGITransport(app=app)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        async def call() -> tuple[int, httpx.Headers, bytes]:
            asynchronous = httpx.Request(
                request.method, request.url, headers=request.headers, content=request.read()
            )
            answer = await self._inner.handle_async_request(asynchronous)
            return answer.status_code, answer.headers, await answer.aread()

        status, headers, content = asyncio.run(call())
        return httpx.Response(status, headers=headers, content=content)
