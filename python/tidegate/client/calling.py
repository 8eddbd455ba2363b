"""How a management verb travels: its arguments in path, query or body, its files as uploads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tidegate.client.records import plain
from tidegate.client.transport import Transport
from tidegate.errors import InvalidInputError
from tidegate.installation.verbs import BY_NAME, is_digest

JSON = dict[str, Any]


class Calling:
    """What the verbs of a client are made of."""

    _control: Transport

    def _call(self, name: str, arguments: JSON, idempotency_key: str | None) -> JSON:
        found: JSON = self._send(name, arguments, idempotency_key)
        return found

    def _list(self, name: str, arguments: JSON, idempotency_key: str | None) -> list[JSON]:
        found: list[JSON] = self._send(name, arguments, idempotency_key)
        return found

    def _send(self, name: str, arguments: JSON, idempotency_key: str | None) -> Any:
        verb = BY_NAME[name]
        headers = {} if idempotency_key is None else {"idempotency-key": idempotency_key}
        if verb.raw is not None:
            return self._control.request(verb.method, verb.path, content=arguments[verb.raw], headers=headers)
        given = {key: value for key, value in arguments.items() if value is not None}
        for parameter in verb.files & given.keys():
            given[parameter] = self._uploaded(given[parameter])
        url = verb.url(given)
        rest = {key: value for key, value in given.items() if key not in verb.path_parameters}
        if verb.method == "GET":
            return self._control.request(
                verb.method, url, query=rest, headers=headers, patience=verb.patience
            )
        return self._control.request(
            verb.method, url, json=plain(rest, name), headers=headers, patience=verb.patience
        )

    def _uploaded(self, file: str | Path) -> str:
        if is_digest(str(file)):
            return str(file)
        try:
            with Path(file).open("rb") as content:
                answer = self._control.request("POST", BY_NAME["put_artifact"].path, content=content)
        except OSError as error:
            raise InvalidInputError(f"{file} can't be read: {error.strerror}") from None
        return str(answer["digest"])
