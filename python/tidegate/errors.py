"""Every error that Tidegate raises: one closed tree, each class with the kind that the surfaces translate."""

from __future__ import annotations

from typing import ClassVar


class TidegateError(Exception):
    """Base of all errors of this package; ``kind`` is what gateway and client translate."""

    kind: ClassVar[str] = "internal"


class InvalidInputError(TidegateError):
    """What came does not fit: a name, a type, a shape, a weight. The message names it."""

    kind = "invalid_input"


class SettingsError(InvalidInputError):
    """A setting is unknown or has an unusable value."""

    kind = "settings"


class ModelRefusedError(InvalidInputError):
    """The bytes are no ONNX model, can't be served, or answer otherwise than the original model."""

    kind = "model_refused"


class NotFoundError(TidegateError):
    """No model, version, endpoint, dataset, artifact or prediction of that name."""

    kind = "not_found"


class ConflictError(TidegateError):
    """It exists already, somebody else was first, or an idempotency key came back with another request."""

    kind = "conflict"


class PreconditionError(TidegateError):
    """A rule refuses; the message says which and what would satisfy it."""

    kind = "precondition"


class UnauthenticatedError(TidegateError):
    """No key, or one that nobody knows."""

    kind = "unauthenticated"


class PermissionDeniedError(TidegateError):
    """The principal may not do this."""

    kind = "permission_denied"


class HomeMissingError(NotFoundError):
    """The folder is no home; ``tidegate init`` makes one."""

    kind = "home_missing"


class HomeLockedError(ConflictError):
    """Another process holds the home; the message names its pid."""

    kind = "home_locked"


class PortInUseError(ConflictError):
    """A port that the server needs is taken; the message names the address."""

    kind = "port_in_use"


class ArtifactCorruptError(TidegateError):
    """A file's bytes do not have the digest that names them."""

    kind = "artifact_corrupt"


class RegistryError(TidegateError):
    """The registry can't be read, is newer than this program, or was rolled back."""

    kind = "registry"


class UnavailableError(TidegateError):
    """Not now: no server answers, or it is draining; trying again later may help."""

    kind = "unavailable"


class ForkedProcessError(TidegateError):
    """Native code was called in a process that was forked after it had started; use spawn."""

    kind = "forked_process"


class InternalError(TidegateError):
    """A fault of Tidegate's own; the cause is in the log."""

    kind = "internal"


def by_kind() -> dict[str, type[TidegateError]]:
    """Every class by its kind (the base class shares ``internal`` with :class:`InternalError`)."""
    found: dict[str, type[TidegateError]] = {}
    queue: list[type[TidegateError]] = [TidegateError]
    while queue:
        cls = queue.pop()
        found[cls.kind] = cls
        queue.extend(cls.__subclasses__())
    found["internal"] = InternalError
    return found
