"""The settings of a home, their meanings and defaults, and what is refused."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from tidegate.settings.port import LimitSettings, TlsSettings, is_loopback
from tidegate.settings.section import Section
from tidegate.settings.traces import TraceSettings
from tidegate.types import Move

PREFIX = "TIDEGATE_"


class LogSettings(Section):
    """How predictions and labels are written."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    fsync: Literal["os", "group", "durable"] = Field(
        default="group",
        description="when rows reach the disk: os, group (every second) or durable (every batch)",
    )
    ring_records: int = Field(
        default=8192, ge=64, description="records that may wait; then the newest is dropped"
    )
    ring_bytes: int = Field(default=16 << 20, ge=1 << 16, description="bytes that may wait")
    batch_rows: int = Field(default=4096, ge=1, description="rows after which a batch is written")
    batch_milliseconds: int = Field(default=250, ge=1, description="time after which a batch is written")
    segment_bytes: int = Field(default=64 << 20, ge=1 << 16, description="size at which a segment is sealed")
    segment_seconds: int = Field(default=3600, ge=1, description="age at which a segment is sealed")


_MOVES = (
    Move(source="development", to="uat", gates=("conversion", "auc >= 0.6")),
    Move(source="uat", to="production", gates=("conversion", "auc >= 0.6", "approval")),
    Move(source="uat", to="development"),
    Move(source="production", to="uat"),
    Move(source="development", to="archived"),
    Move(source="uat", to="archived"),
    Move(source="production", to="archived"),
    Move(source="archived", to="development"),
)


class StageSettings(Section):
    """Where versions stand, and what a move from one stage to another needs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    names: tuple[str, ...] = Field(
        default=("development", "uat", "production", "archived"),
        min_length=1,
        description="the stages; a new version stands in the first",
    )
    moves: tuple[Move, ...] = Field(
        default=_MOVES,
        validate_default=True,
        description="what is allowed; gates are conversion, approval and bounds such as auc >= 0.6",
    )
    answering: tuple[str, ...] = Field(
        default=("production",),
        validate_default=True,
        description="stages that may answer, unless require_production is false",
    )
    shadowing: tuple[str, ...] = Field(
        default=("uat", "production"),
        validate_default=True,
        description="stages that may shadow, unless require_production is false",
    )
    retired: str = Field(
        default="archived", description="the stage of retired versions: what stands there never serves"
    )
    approvers: tuple[str, ...] = Field(
        default=("model_validator",), min_length=1, description="roles whose approval counts"
    )
    conversion_tolerance: float = Field(
        default=1e-5, ge=0, description="largest difference of a converted model's probability"
    )
    require_metrics: bool = Field(
        default=False, description="whether a bound fails for a version that has no metrics at all"
    )
    best_only: bool = Field(
        default=False, description="whether of the versions that pass only the best moves where it may answer"
    )
    best_by: str = Field(
        default="blind.auc",
        min_length=1,
        description="by which metric; blind. means the newest blind set's figure",
    )

    @field_validator("moves", "answering", "shadowing")
    @classmethod
    def _names_stages(cls, value: tuple[Any, ...], info: ValidationInfo) -> tuple[Any, ...]:
        names = info.data.get("names", ())
        named = [
            stage
            for each in value
            for stage in ((each.source, each.to) if isinstance(each, Move) else (each,))
        ]
        unknown = next((stage for stage in named if stage not in names), None)
        if unknown is not None:
            raise ValueError(f"there is no stage {unknown!r}; there are {', '.join(names)}")
        return value

    @field_validator("retired")
    @classmethod
    def _serves_nowhere(cls, value: str, info: ValidationInfo) -> str:
        names = info.data.get("names", ())
        if value not in names:
            raise ValueError(f"there is no stage {value!r}; there are {', '.join(names)}")
        if value in (*info.data.get("answering", ()), *info.data.get("shadowing", ())):
            raise ValueError(f"the stage {value} may answer or shadow, so nothing can retire to it")
        return value

    @field_validator("moves")
    @classmethod
    def _each_once(cls, value: tuple[Move, ...]) -> tuple[Move, ...]:
        pairs = [(move.source, move.to) for move in value]
        for source, to in pairs:
            if source == to or pairs.count((source, to)) > 1:
                raise ValueError(f"the move from {source} to {to} leads nowhere or stands twice")
        return value


class Settings(Section, BaseSettings):
    """Everything that can be set; read it with :func:`load`."""

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", env_prefix=PREFIX, env_nested_delimiter="__"
    )

    host: str = Field(
        default="127.0.0.1",
        min_length=1,
        description="address that scoring listens on; another than loopback needs require_keys and [tls]",
    )
    port: int = Field(default=8000, ge=0, le=65535, description="scoring: gRPC and REST")
    admin_port: int = Field(default=8002, ge=0, le=65535, description="scoring: health and metrics")
    control_port: int = Field(default=8010, ge=0, le=65535, description="management API")
    require_keys: bool = Field(
        default=False,
        description="whether scoring asks for a key or a certificate; a bad one is always refused",
    )
    insecure_listen: bool = Field(
        default=False, description="lets host be another address than loopback without [tls]"
    )
    access_log: bool = Field(
        default=False, description="whether scoring writes a line for every request to access.log"
    )
    threads: int = Field(default=0, ge=0, le=1024, description="scoring threads; 0 is one per core")
    spin_microseconds: int = Field(
        default=50,
        ge=0,
        le=10_000,
        description="time that a scoring thread looks for the next request before it sleeps; 0: none",
    )
    body_limit_bytes: int = Field(default=4 << 20, ge=1024, description="largest request on the scoring port")
    deadline_milliseconds: int = Field(
        default=1000, ge=1, description="time that a request waits whose sender names none"
    )
    deadline_limit_milliseconds: int = Field(
        default=30_000, ge=1, description="time that a request waits whatever its sender names"
    )
    lanes: int = Field(default=0, ge=0, le=1024, description="threads for slow models; 0: cores less one")
    output_limit_bytes: int = Field(
        default=64 << 20, ge=1024, description="largest outputs of one run of a model"
    )
    allow_loops: bool = Field(
        default=False,
        description="whether models are taken that loop for as long as their inputs say; "
        "their runs are ended when nobody waits any more",
    )
    drain_seconds: float = Field(
        default=20, ge=0, le=3600, description="time for open requests when stopping"
    )
    default_endpoint: str | None = Field(
        default=None, min_length=1, description="endpoint of requests that name none"
    )
    pane_rows: int = Field(default=1000, ge=1, description="rows after which a drift pane may close")
    pane_seconds: float = Field(default=60, ge=0, description="event time after which a drift pane may close")
    steer_seconds: float = Field(
        default=60, ge=0, description="time between two looks for mature panes of outcomes; 0: when asked"
    )
    require_production: bool = Field(
        default=True, description="false lets traffic go to versions that passed no gate; see [stages]"
    )
    log: LogSettings = Field(
        default_factory=LogSettings, description="how predictions and labels are written"
    )
    tls: TlsSettings = Field(default_factory=TlsSettings, description="TLS on the scoring port")
    limits: LimitSettings = Field(
        default_factory=LimitSettings, description="what clients of the scoring port may cost"
    )
    traces: TraceSettings = Field(
        default_factory=TraceSettings, description="traces of requests on the scoring port"
    )
    stages: StageSettings = Field(
        default_factory=StageSettings, description="where versions stand, and what moves need"
    )

    @model_validator(mode="after")
    def _others_are_asked_who_they_are(self) -> Self:
        if is_loopback(self.host):
            return self
        if not self.require_keys:
            needed = "require_keys = true, and tls.certificate or insecure_listen = true"
            raise ValueError(f"host {self.host} is no loopback address, which needs {needed}")
        if self.tls.certificate is None and not self.insecure_listen:
            needed = "tls.certificate and tls.key, or insecure_listen = true"
            raise ValueError(f"host {self.host} is no loopback address, which needs {needed}")
        try:
            ip_address(self.host)
        except ValueError:
            raise ValueError(f"host {self.host} must be an IP address or localhost") from None
        return self

    @property
    def inner_host(self) -> str:
        """Where the admin port and the management API listen: always loopback."""
        return self.host if is_loopback(self.host) else "127.0.0.1"

    @model_validator(mode="after")
    def _ports_differ(self) -> Self:
        ports = [port for port in (self.port, self.admin_port, self.control_port) if port]
        if len(set(ports)) < len(ports):
            raise ValueError(f"port, admin_port and control_port must differ; they are {ports}")
        return self


SECTIONS: dict[str, type[BaseModel]] = {
    "log": LogSettings,
    "tls": TlsSettings,
    "limits": LimitSettings,
    "traces": TraceSettings,
    "stages": StageSettings,
}
"""The settings that have settings of their own."""
