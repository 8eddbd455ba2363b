"""First loadings: every version is loaded in a process of its own before a plan may name it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any

import structlog
from pydantic import ValidationError

import tidegate
from tidegate.errors import ModelRefusedError
from tidegate.installation.opened import OpenHome
from tidegate.serving import library
from tidegate.store.files import write_atomically
from tidegate.training.loading import Loading, LoadReport, first_loading
from tidegate.types import Contract, Signature, VersionInfo

log = structlog.get_logger()


def require_loadable(opened: OpenHome, versions: Iterable[VersionInfo], actor: str) -> None:
    """Refuses versions that can't be loaded and run; those without a report of this program are probed now.

    Several at a time, one on each core. A refusal is in the audit trail, and the next plan that names the
    version probes it again.
    """
    wanted = [version for version in versions if not _fresh(opened, version)]
    if not wanted:
        return
    with ThreadPoolExecutor(max_workers=min(len(wanted), os.cpu_count() or 1)) as pool:
        reports = list(pool.map(lambda version: probe(opened, version), wanted))
    refused = [pair for pair in zip(wanted, reports, strict=True) if not pair[1].ok]
    if not refused:
        return
    with opened.registry.transaction():
        for version, report in refused:
            detail = {"code": report.code, "reason": report.reason}
            opened.audit.append(actor, "probe_refused", f"version:{version.digest}", detail)
    version, report = refused[0]
    raise ModelRefusedError(
        f"version {version.version} of {version.model} can't be served: {report.code} {report.reason}; "
        "no plan was changed"
    )


def probe(opened: OpenHome, version: VersionInfo) -> LoadReport:
    """Loads a version in a process of its own and keeps the report."""
    manifest = version.manifest
    artifact = opened.artifacts.path
    golden = (manifest.get("conversion", {}).get("golden") or {}).get("answers")
    found = first_loading(
        Loading(
            onnx=artifact(manifest["onnx"]),
            library=library(),
            signature=Signature.model_validate(manifest["signature"]),
            contract=Contract.model_validate(manifest["contract"]),
            profile=artifact(manifest["profile"]) if manifest.get("profile") else None,
            golden=artifact(golden) if golden else None,
            allow_loops=opened.settings.allow_loops,
        )
    )
    report = bound(version, found, opened.clock())
    keep(opened, report)
    log.info("probed", model=version.model, version=version.version, ok=report.ok, code=report.code)
    return report


def keep(opened: OpenHome, report: LoadReport) -> None:
    """Writes ``probes/<hex of the version's digest>.json``."""
    opened.home.probes.mkdir(mode=0o700, exist_ok=True)
    write_atomically(_file(opened, report.version), report.model_dump_json(indent=2).encode(), 0o600)


def known(opened: OpenHome, version: VersionInfo) -> LoadReport | None:
    """The last report about a version, whichever program made it."""
    try:
        return LoadReport.model_validate_json(_file(opened, version.digest).read_bytes())
    except (OSError, ValidationError):
        return None


def shown(opened: OpenHome, version: VersionInfo) -> dict[str, Any] | None:
    """The last report as JSON, with whether it still counts."""
    report = known(opened, version)
    return None if report is None else report.to_json() | {"counts": _fresh(opened, version)}


def _fresh(opened: OpenHome, version: VersionInfo) -> bool:
    """Whether a good report is there of these bytes, this program and this runtime."""
    report = known(opened, version)
    if report is None or not report.ok or (report.loops and not opened.settings.allow_loops):
        return False
    binding = _binding(version)
    return {name: getattr(report, name) for name in binding} == binding


def bound(version: VersionInfo, found: dict[str, Any], at: datetime) -> LoadReport:
    """A report of what was found about a version by this program with this runtime."""
    return LoadReport.model_validate(found | _binding(version) | {"probed_at": at})


def _binding(version: VersionInfo) -> dict[str, Any]:
    runtime = library()
    return {
        "version": version.digest,
        "onnx": version.manifest["onnx"],
        "profile": version.manifest.get("profile"),
        "tidegate": tidegate.__version__,
        "runtime": f"{runtime.resolve().name} of {runtime.stat().st_size} bytes",
    }


def _file(opened: OpenHome, digest: str) -> Path:
    return opened.home.probes / f"{digest.removeprefix('sha256:')}.json"
