"""Which code ran: the git commit of the running source, or the package's version and its files' digest."""

from __future__ import annotations

import hashlib
import importlib.metadata
import subprocess
from pathlib import Path
from typing import Any

import tidegate

LIBRARIES = ("numpy", "polars", "scikit-learn", "skl2onnx", "onnx", "onnxruntime")


def code_state(package: Path | None = None) -> dict[str, Any]:
    """Names the code of ``package`` (the running ``tidegate`` by default).

    Returns:
        ``version``, and ``commit`` and ``dirty`` where git tracks the package's files, else ``files_sha256``
        (over the relative names and contents of the package's files, sorted by name).

    """
    package = package or Path(tidegate.__file__).parent
    state: dict[str, Any] = {"package": "tidegate", "version": tidegate.__version__}
    commit = _git(package, "rev-parse", "HEAD") if _git(package, "ls-files", "--", ".") else None
    if commit:
        dirty = bool(_git(package, "status", "--porcelain", "--untracked-files=normal", "--", "."))
        return state | {"commit": commit, "dirty": dirty}
    return state | {"files_sha256": _files_digest(package)}


def library_versions() -> dict[str, str]:
    """The versions of the libraries that a trained model depends on, of those that are installed."""
    found = {}
    for name in LIBRARIES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def _git(folder: Path, *arguments: str) -> str | None:
    """The output of a git command in ``folder``; None without git or outside of a repository."""
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=20, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _files_digest(package: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(package.rglob("*")):
        if path.is_file() and path.suffix in {".py", ".pyi", ".so", ".html", ".css", ".js"}:
            digest.update(f"{path.relative_to(package).as_posix()}\0{path.stat().st_size}\0".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()
