"""The settings of the scoring port: who may come in, how, and what they may cost."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Self

from pydantic import ConfigDict, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from tidegate.settings.section import Section


class TlsSettings(Section):
    """TLS on the scoring port; the files are read again when they change."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    certificate: str | None = Field(
        default=None, min_length=1, description="PEM file of the server's certificate and its chain"
    )
    key: str | None = Field(
        default=None, min_length=1, description="PEM file of its private key, for its owner's eyes only"
    )
    client_ca: str | None = Field(
        default=None,
        min_length=1,
        description="PEM file of authorities; clients must then show a certificate of theirs",
    )
    principals: tuple[str, ...] = Field(
        default=(),
        description="pairs name=principal of what stands in client certificates (URI or DNS) and who that is",
    )

    @field_validator("principals")
    @classmethod
    def _are_pairs(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for pair in value:
            name, _, principal = pair.rpartition("=")
            if not name.strip() or not principal.strip():
                raise PydanticCustomError("pair", "expected 'name = principal'")
        return value

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("tls.certificate and tls.key are set together or not at all")
        if self.client_ca is not None and self.certificate is None:
            raise ValueError("tls.client_ca needs tls.certificate and tls.key")
        return self

    @property
    def names(self) -> dict[str, str]:
        """Principals by the name in the certificate."""
        pairs = (pair.rpartition("=") for pair in self.principals)
        return {name.strip(): principal.strip() for name, _, principal in pairs}


class LimitSettings(Section):
    """What clients of the scoring port may cost."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rate_per_second: float = Field(
        default=0,
        ge=0,
        le=1e6,
        description="requests a second of one principal over all its keys; 0: no limit",
    )
    burst: int = Field(default=100, ge=1, le=10**6, description="requests that a principal may have saved up")
    connections: int = Field(
        default=4096, ge=1, description="connections at once; never more than half of the open files allowed"
    )
    header_seconds: float = Field(
        default=75, gt=0, le=3600, description="time for a request's headers, the wait for them included"
    )
    body_seconds: float = Field(default=10, gt=0, le=3600, description="time for a request's body")
    stalled_seconds: float = Field(
        default=30,
        gt=0,
        le=3600,
        description="time that a client may take nothing of an answer that is ready",
    )
    handshake_seconds: float = Field(default=10, gt=0, le=3600, description="time for a TLS handshake")
    connection_seconds: float = Field(
        default=1800, gt=0, description="age at which a connection is asked to end; it then has 30 s"
    )
    bytes_in_flight: int = Field(
        default=64 << 20, ge=1 << 16, description="bytes of bodies at once; from 80 % on new ones are refused"
    )
    memory_bytes: int = Field(
        default=0, ge=0, description="memory of the scoring process; 0: the control group's limit, if any"
    )


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches what listens there."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
