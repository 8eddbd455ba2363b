"""The settings of a home: flag over environment over ``tidegate.toml`` over default; unknown ones refused."""

from tidegate.settings.loading import FILE, choose_home, load
from tidegate.settings.model import SECTIONS, LogSettings, Settings, StageSettings
from tidegate.settings.toml import template
from tidegate.settings.traces import TraceSettings, is_url

__all__ = [
    "FILE",
    "SECTIONS",
    "LogSettings",
    "Settings",
    "StageSettings",
    "TraceSettings",
    "choose_home",
    "is_url",
    "load",
    "template",
]
