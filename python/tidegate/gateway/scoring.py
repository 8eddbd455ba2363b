"""What the control process tells the scoring process at its start."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

from tidegate.gateway.traces import trace_settings
from tidegate.installation import Installation
from tidegate.serving import library, ports
from tidegate.settings import Settings

LIMITS = ("connections", "header_seconds", "body_seconds")
"""Limits that stand beside the section of the others."""


def scoring_settings(installation: Installation, control_port: int) -> dict[str, Any]:
    """What the scoring process reads on its standard input."""
    settings = installation.settings
    root = installation.home.root
    limits = settings.limits.model_dump()
    return {
        "home": str(root),
        "listen": ports.join(settings.host, settings.port),
        "admin": ports.join(settings.inner_host, settings.admin_port),
        "control": f"http://{ports.join(settings.inner_host, control_port)}",
        "node_key": installation.home.node_key(),
        "pepper": installation.home.pepper().decode(),
        "require_keys": settings.require_keys,
        "tls": _tls(settings, root),
        "threads": settings.threads,
        "spin_microseconds": settings.spin_microseconds,
        "body_limit": settings.body_limit_bytes,
        "deadline_milliseconds": settings.deadline_milliseconds,
        "deadline_limit_milliseconds": settings.deadline_limit_milliseconds,
        "lanes": settings.lanes,
        "output_limit": settings.output_limit_bytes,
        "drain_seconds": math.ceil(settings.drain_seconds),
        **{name: limits.pop(name) for name in LIMITS},
        "limits": limits,
        "access_log": settings.access_log,
        "traces": trace_settings(settings.traces, root, os.environ),
        "pane_rows": settings.pane_rows,
        "pane_seconds": math.ceil(settings.pane_seconds),
        "log": settings.log.model_dump(),
        "library": str(library()),
    }


def _tls(settings: Settings, root: Path) -> dict[str, Any] | None:
    """Relative paths are the home's."""
    tls = settings.tls
    if tls.certificate is None or tls.key is None:
        return None
    return {
        "certificate": str(root / tls.certificate),
        "key": str(root / tls.key),
        "client_ca": None if tls.client_ca is None else str(root / tls.client_ca),
        "principals": tls.names,
    }
