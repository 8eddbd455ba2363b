"""One HTTP connection to a port of the server; answers become values, errors the classes they were."""

from __future__ import annotations

from typing import Any

import httpx

from tidegate.errors import (
    ConflictError,
    InternalError,
    InvalidInputError,
    NotFoundError,
    PermissionDeniedError,
    PreconditionError,
    TidegateError,
    UnauthenticatedError,
    UnavailableError,
    by_kind,
)

BY_STATUS: dict[int, type[TidegateError]] = {
    400: InvalidInputError,
    401: UnauthenticatedError,
    403: PermissionDeniedError,
    404: NotFoundError,
    405: InvalidInputError,
    409: ConflictError,
    412: PreconditionError,
    413: InvalidInputError,
    415: InvalidInputError,
    429: UnavailableError,
    503: UnavailableError,
    504: UnavailableError,
    507: UnavailableError,
}
"""For answers that name no kind, as those of the data port."""


class Transport:
    """Requests to one base address. No request is ever repeated."""

    def __init__(
        self, url: str, key: str | None, timeout: float, transport: httpx.BaseTransport | None = None
    ) -> None:
        headers = {} if key is None else {"authorization": f"Bearer {key}"}
        # Loopback by default: a proxy from the environment must not see keys.
        self._http = httpx.Client(
            base_url=url, headers=headers, timeout=timeout, trust_env=False, transport=transport
        )

    def request(
        self,
        method: str,
        path: str,
        *,
        query: dict[str, Any] | None = None,
        json: Any = None,
        content: Any = None,
        headers: dict[str, str] | None = None,
        patience: float | None = None,
    ) -> Any:
        """The JSON of a 2xx answer; raises the error that the server names, or :class:`UnavailableError`.

        ``patience`` is how many seconds to wait for it; by default the timeout of the connection.
        """
        timeout = httpx.USE_CLIENT_DEFAULT if patience is None else patience
        try:
            answer = self._http.request(
                method, path, params=query, json=json, content=content, headers=headers, timeout=timeout
            )
        except httpx.TransportError as error:
            raise UnavailableError(
                f"no answer from {self._http.base_url}: {error or type(error).__name__}"
            ) from error
        if answer.is_success:
            return answer.json()
        raise failure(answer)

    def close(self) -> None:
        """Closes the connections."""
        self._http.close()


def failure(answer: httpx.Response) -> TidegateError:
    """The error that an answer stands for."""
    try:
        body = answer.json()
    except ValueError:
        body = {}
    if not isinstance(body, dict):
        body = {}
    kind = by_kind().get(str(body.get("kind"))) or BY_STATUS.get(answer.status_code, InternalError)
    text = str(body.get("error") or f"the server answered {answer.status_code}")
    if issubclass(kind, InternalError) and body.get("request_id"):
        text += f" (request {body['request_id']})"
    return kind(text)
