"""The settings of a home: flag over environment over ``tidegate.toml`` over default; unknown ones refused."""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, EnvSettingsSource, InitSettingsSource, SettingsConfigDict

from tidegate.errors import SettingsError
from tidegate.types import Move

FILE = "tidegate.toml"
_HEADER = re.compile(r"\s*\[\s*([^\[\]]+?)\s*\]")
_KEY = re.compile(r"\s*\"?([A-Za-z0-9_.-]+)\"?\s*=")
_PREFIX = "TIDEGATE_"
_OTHER_NAMES = ("TIDEGATE_HOME", "TIDEGATE_URL", "TIDEGATE_KEY", "TIDEGATE_ORT_LIBRARY")
"""Names of the environment that are no settings and mean something elsewhere."""


class _Section(BaseModel):
    """Settings that are what they are written as."""

    @field_validator("*", mode="before")
    @classmethod
    def _is_no_boolean(cls, value: Any, info: ValidationInfo) -> Any:
        if isinstance(value, bool) and cls.model_fields[str(info.field_name)].annotation is not bool:
            # pydantic would read true as 1
            raise PydanticCustomError("no_boolean", "expected a number or a text")
        return value


class LogSettings(_Section):
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


class StageSettings(_Section):
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


class Settings(_Section, BaseSettings):
    """Everything that can be set; read it with :func:`load`."""

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", env_prefix=_PREFIX, env_nested_delimiter="__"
    )

    host: str = Field(default="127.0.0.1", min_length=1, description="loopback address or name to listen on")
    port: int = Field(default=8000, ge=0, le=65535, description="scoring: gRPC and REST")
    admin_port: int = Field(default=8002, ge=0, le=65535, description="scoring: health and metrics")
    control_port: int = Field(default=8010, ge=0, le=65535, description="management API")
    threads: int = Field(default=0, ge=0, le=1024, description="scoring threads; 0 is one per core")
    body_limit_bytes: int = Field(default=4 << 20, ge=1024, description="largest request on the scoring port")
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
    stages: StageSettings = Field(
        default_factory=StageSettings, description="where versions stand, and what moves need"
    )

    @field_validator("host")
    @classmethod
    def _is_loopback(cls, value: str) -> str:
        """Refuses other addresses: the scoring port asks nobody for a key."""
        try:
            loopback = ip_address(value).is_loopback
        except ValueError:
            loopback = value == "localhost"
        if not loopback:
            raise PydanticCustomError(
                "loopback", "expected a loopback address, since the scoring port takes requests without a key"
            )
        return value

    @model_validator(mode="after")
    def _ports_differ(self) -> Self:
        ports = [port for port in (self.port, self.admin_port, self.control_port) if port]
        if len(set(ports)) < len(ports):
            raise ValueError(f"port, admin_port and control_port must differ; they are {ports}")
        return self


SECTIONS: dict[str, type[BaseModel]] = {"log": LogSettings, "stages": StageSettings}
"""The settings that have settings of their own."""


def load(home: Path | None = None, flags: Mapping[str, Any] | None = None) -> Settings:
    """The settings of the home at ``home``; without one, of flags and environment alone.

    ``flags`` are named like the settings, ``log.fsync`` for one of a section; None is a flag not given.
    Raises :class:`SettingsError` naming what is unknown or unusable and where it was found.
    """
    given = _nested({name: value for name, value in (flags or {}).items() if value is not None})
    path = None if home is None else home / FILE
    text = "" if path is None or not path.is_file() else _read(path)
    file = _parse(path, text)
    places = _Places(path, text, file, given)
    places.refuse_unknown()
    sources = (
        InitSettingsSource(Settings, given),
        EnvSettingsSource(Settings),
        InitSettingsSource(Settings, file),
    )
    try:
        arguments: dict[str, Any] = {"_build_sources": (sources, {})}
        return Settings(**arguments)
    except ValidationError as error:
        problems = [
            f"{places.of('.'.join(map(str, fault['loc'])))}: {fault['msg']}; got {_shown(fault['input'])}"
            for fault in error.errors(include_url=False)
        ]
        raise SettingsError("; ".join(problems)) from error


def choose_home(flag: Path | None = None, folder: Path | None = None) -> Path:
    """Which home is meant: ``flag``, else ``TIDEGATE_HOME``, else ``tidegate.toml``'s, else ``.tidegate``.

    The file is looked for in ``folder`` (default: the working directory). It either names the home, with its
    one key ``home``, or lies in the home itself. The home need not exist.
    """
    folder = Path.cwd() if folder is None else folder
    if flag is not None:
        return flag
    if named := os.environ.get("TIDEGATE_HOME"):
        return Path(named)
    if (folder / "registry.db").is_file():
        return folder
    path = folder / FILE
    if not path.is_file():
        return folder / ".tidegate"
    pointer = _parse(path, _read(path))
    others = sorted(pointer.keys() - {"home"})
    if others:
        raise SettingsError(
            f"{path}: {others[0]!r} has no place here; only 'home' does, all else is in the home's own {FILE}"
        )
    home = pointer.get("home", ".tidegate")
    if not isinstance(home, str) or not home:
        raise SettingsError(f"{path}: home must be a path; got {_shown(home)}")
    return folder / home


_TRIAL = """# A home to try things out: versions answer that passed no gate. Without this line none would.
require_production = false

"""


def template(*, trial: bool = False) -> str:
    """The text of a new home's ``tidegate.toml``: every setting, its meaning and default, commented out.

    That of a trial home sets ``require_production`` to false before them.
    """
    lines = [
        "# Settings of this home. A flag goes over the environment (TIDEGATE_PORT, TIDEGATE_LOG__FSYNC),"
    ]
    lines += ["# the environment over this file, this file over the defaults, which are shown here.", ""]
    lines += _described(Settings)
    for section, model in SECTIONS.items():
        lines += ["", f"[{section}]", *_described(model)]
    return (_TRIAL if trial else "") + "\n".join(lines) + "\n"


class _Places:
    """Where settings were found, to name them in errors."""

    def __init__(self, path: Path | None, text: str, file: dict[str, Any], flags: dict[str, Any]) -> None:
        self._path = path
        self._text = text
        self._in_file = set(_keys(file))
        self._in_flags = set(_keys(flags))
        self._in_environment = {name.upper() for name in os.environ if name.upper().startswith(_PREFIX)}

    def of(self, key: str) -> str:
        """The place that ``key``, or what holds it, was read from, the strongest first."""
        found = key
        while found:
            if found in self._in_flags:
                return _flag(key)
            if _variable(found) in self._in_environment:
                return _variable(found)
            if found in self._in_file:
                return self._line(found, key)
            found = found.rpartition(".")[0]
        return f"settings: {key}" if key else "settings"

    def refuse_unknown(self) -> None:
        """Raises :class:`SettingsError` for every name that is no setting, with the nearest that is."""
        known = sorted(_known())
        variables = {_variable(key): _variable(key) for key in known} | {name: name for name in _OTHER_NAMES}
        problems = _unknown(self._in_flags, {key: _flag(key) for key in known}, _flag)
        problems += _unknown(self._in_environment, variables, str)
        problems += _unknown(self._in_file, {key: key for key in known}, self._line)
        if problems:
            raise SettingsError("; ".join(problems))

    def _line(self, found: str, key: str | None = None) -> str:
        line = _line_of(self._text, found)
        return f"{self._path}{'' if line is None else f':{line}'}: {key or found}"


def _unknown(found: set[str], known: Mapping[str, str], place: Callable[[str], str]) -> list[str]:
    """A sentence for each name that is not known; ``known`` maps names to how they are shown."""
    problems = []
    for name in sorted(found - known.keys() - Settings.model_fields.keys()):
        nearest = difflib.get_close_matches(name, known, n=1, cutoff=0.0)
        problems.append(f"{place(name)} is no setting; the nearest is {known[nearest[0]]}")
    return problems


def _known() -> Iterator[str]:
    """The names of all settings, those of a section dotted."""
    yield from (name for name in Settings.model_fields if name not in SECTIONS)
    yield from (f"{section}.{name}" for section, model in SECTIONS.items() for name in model.model_fields)


def _keys(values: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _keys(value, f"{prefix}{name}.")
        else:
            yield prefix + name


def _nested(values: Mapping[str, Any]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, value in values.items():
        *sections, name = key.split(".")
        place = result
        for section in sections:
            place = place.setdefault(section, {})
        place[name] = value
    return result


def _flag(key: str) -> str:
    return "--" + key.replace("_", "-").replace(".", "-")


def _variable(key: str) -> str:
    return _PREFIX + key.upper().replace(".", "__")


def _line_of(text: str, key: str) -> int | None:
    """The line of a dotted key, counted from 1; None where the file writes it in some rarer way."""
    section = ""
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _HEADER.match(line):
            section = header[1].strip() + "."
        elif (name := _KEY.match(line)) and section + name[1] == key:
            return number
    return None


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} can't be read: {error}") from error


def _parse(path: Path | None, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path}: {error}") from error


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _described(model: type[BaseModel]) -> list[str]:
    return [
        line
        for name, field in model.model_fields.items()
        if name not in SECTIONS
        for line in (f"# {field.description}", f"# {name} = {_toml(field.get_default())}")
    ]


def _toml(value: Any) -> str:
    if value is None:
        return '"..."'
    if isinstance(value, Move):
        return f"{{ from = {_toml(value.source)}, to = {_toml(value.to)}, gates = {_toml(value.gates)} }}"
    if isinstance(value, tuple):
        between = ",\n#    " if value and isinstance(value[0], Move) else ", "
        return f"[{between.join(map(_toml, value))}]"
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else str(value)
