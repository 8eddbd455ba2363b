"""The text of a new home's ``tidegate.toml``."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from tidegate.settings.model import SECTIONS, Settings
from tidegate.types import Move

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
