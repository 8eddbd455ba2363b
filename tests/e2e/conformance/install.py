"""Brings the programs that the slow tests try into ``target/tools``: ``make tools-slow`` runs it.

Go builds most of them. perf_analyzer and the CUDA library that it is linked with come out of wheels on PyPI:
the package named perf-analyzer there is empty, wheels of tritonclient up to 2.56 carry the program, that of
2.50 still runs on Debian 12.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

TOOLS = Path(__file__).resolve().parents[3] / "target" / "tools"
GO = {
    "grpcurl": "github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.4",
    "grpc-health-probe": "github.com/grpc-ecosystem/grpc-health-probe@v0.4.61",
    "h2spec": "github.com/summerwind/h2spec/cmd/h2spec@v2.2.1+incompatible",
    "ghz": "github.com/bojand/ghz/cmd/ghz@v0.121.0",
}
WHEELS = {
    "perf_analyzer": ("tritonclient==2.50.0", "perf_analyzer"),
    "libcudart.so.12": ("nvidia-cuda-runtime-cu12==12.9.79", "libcudart.so.12"),
}


def main() -> int:
    """Installs what is missing; the exit code is the number of programs that could not be had."""
    TOOLS.mkdir(parents=True, exist_ok=True)
    missing = 0
    for name, module in GO.items():
        if not (TOOLS / name).is_file():
            missing += not _said(name, _go(module))
    for name, (requirement, member) in WHEELS.items():
        if not (TOOLS / name).is_file():
            missing += not _said(name, _wheel(requirement, member, TOOLS / name))
    return missing


def _said(name: str, error: str) -> bool:
    print(f"{name}: {error or 'installed'}", file=sys.stderr if error else sys.stdout)
    return not error


def _go(module: str) -> str:
    if shutil.which("go") is None:
        return "Go is missing (https://go.dev/dl)"
    done = subprocess.run(
        ["go", "install", module],
        env=os.environ | {"GOBIN": str(TOOLS)},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stderr.strip()[-400:] if done.returncode else ""


def _wheel(requirement: str, member: str, target: Path) -> str:
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, requirement],
            env={name: value for name, value in os.environ.items() if name != "PIP_CONSTRAINT"},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            return done.stderr.strip()[-400:]
        (wheel,) = Path(folder).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            (entry,) = (name for name in archive.namelist() if Path(name).name == member)
            target.write_bytes(archive.read(entry))
    target.chmod(0o755)
    return ""


if __name__ == "__main__":
    sys.exit(main())
