"""A route per management verb, made from the verb table and the verb's own signature."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Body, Header, Path, Query, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, StringConstraints, create_model

from tidegate.installation import Installation
from tidegate.installation.verbs import DIGEST_PATTERN, VERBS, Verb

Digest = Annotated[str, StringConstraints(pattern=DIGEST_PATTERN)]
TRAVELS_IN_HEADERS = frozenset({"self", "principal", "idempotency_key"})
"""Parameters of every verb that no path, query or body holds."""


def verb_routes(installation: Installation) -> APIRouter:
    """The routes of all verbs but those whose body is no JSON."""
    router = APIRouter()
    for verb in VERBS:
        if verb.raw is None:
            method = getattr(installation, verb.name)
            router.add_api_route(
                verb.path,
                _handler(verb, method),
                methods=[verb.method],
                name=verb.name,
                operation_id=verb.name,
                summary=(inspect.getdoc(method) or "").partition("\n")[0],
                response_model=None,
            )
    return router


def parameters(verb: Verb) -> dict[str, inspect.Parameter]:
    """A verb's own parameters with their types; one that names a file takes a digest over HTTP."""
    function = getattr(Installation, verb.name)
    types = typing.get_type_hints(function, include_extras=True)
    found = {}
    for name, parameter in inspect.signature(function).parameters.items():
        if name in TRAVELS_IN_HEADERS:
            continue
        kind = types[name]
        if name in verb.files:
            kind = Digest | None if type(None) in typing.get_args(kind) else Digest
        found[name] = parameter.replace(annotation=kind, kind=inspect.Parameter.KEYWORD_ONLY)
    return found


def body_model(verb: Verb) -> type[BaseModel] | None:
    """What a verb's JSON body holds, or None when nothing is left for it."""
    if verb.method == "GET":
        return None
    fields: dict[str, Any] = {}
    for name, parameter in parameters(verb).items():
        if name not in verb.path_parameters:
            default = ... if parameter.default is inspect.Parameter.empty else parameter.default
            fields[name] = (parameter.annotation, default)
    made: type[BaseModel] = create_model(f"{verb.name}_body", __config__=ConfigDict(extra="forbid"), **fields)
    return made


def _handler(verb: Verb, method: Callable[..., Any]) -> Callable[..., JSONResponse]:
    """The function of a route; FastAPI reads its signature, which is put together here."""
    keyword = inspect.Parameter.KEYWORD_ONLY
    signature = [
        inspect.Parameter("request", keyword, annotation=Request),
        inspect.Parameter(
            "idempotency_key", keyword, annotation=Annotated[str | None, Header(max_length=200)], default=None
        ),
    ]
    own = parameters(verb)
    signature.extend(
        own[name].replace(annotation=Annotated[own[name].annotation, Path()]) for name in verb.path_parameters
    )
    body = body_model(verb)
    if body is not None:
        signature.append(inspect.Parameter("body", keyword, annotation=Annotated[body, Body()]))
    else:
        signature.extend(
            parameter.replace(annotation=Annotated[parameter.annotation, Query()])
            for name, parameter in own.items()
            if name not in verb.path_parameters
        )

    def handle(request: Request, idempotency_key: str | None, **arguments: Any) -> JSONResponse:
        given = arguments.pop("body", None)
        if given is not None:
            arguments |= {name: getattr(given, name) for name in type(given).model_fields}
        return JSONResponse(
            method(**arguments, principal=request.state.principal, idempotency_key=idempotency_key)
        )

    handle.__signature__ = inspect.Signature(signature)  # type: ignore[attr-defined]
    return handle
