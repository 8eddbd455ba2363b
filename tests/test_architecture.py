"""The arrows between the rooms: who may import whom, in Python and in Cargo, and that every file was read."""

from __future__ import annotations

import ast
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "python" / "tidegate"
RUST = ROOT / "rust"

# room -> the rooms of ours that it may import, beside itself
BASE = {"errors", "types"}
STORED = BASE | {"settings", "store"}
REGISTRY = STORED | {"registry", "lineage", "audit", "access"}
PROMOTED = REGISTRY | {"gates", "promotion"}
JUDGED = PROMOTED | {"ranking", "sealed", "_native", "features", "training", "monitoring"}
SERVED = JUDGED | {"rollout", "serving", "installation"}
PYTHON_ARROWS: dict[str, set[str]] = {
    "errors": set(),
    "types": {"errors"},
    "settings": BASE,
    "store": BASE,
    "audit": STORED,
    "lineage": STORED,
    "access": STORED | {"audit"},
    "sealed": BASE | {"store"},
    "registry": STORED | {"audit", "lineage"},
    "gates": BASE,
    "promotion": REGISTRY | {"gates"},
    "ranking": PROMOTED,
    "features": STORED | {"registry", "lineage", "_native"},
    "training": STORED | {"sealed", "registry", "lineage", "_native", "features"},
    "monitoring": STORED | {"registry", "lineage", "_native"},
    "rollout": JUDGED - {"features", "training"},
    "serving": STORED | {"registry", "access", "_native"},
    "scoring": STORED | {"training", "serving", "_native"},
    "installation": SERVED,
    "gateway": SERVED,
    "client": BASE | {"sealed", "settings", "store", "installation"},
    "cli": SERVED | {"scoring", "gateway", "client", "replay", "demo"},
    "replay": SERVED | {"gateway", "client"},
    "demo": SERVED | {"gateway", "client", "replay"},
    "__main__": {"cli"},
    "__init__": {"client", "errors", "installation", "scoring"},
}
"""ARCHITECTURE, "Arrows", with ``installation`` as the room of the verbs that the three faces share."""

OWN_WORKSPACE = {"fuzz"}
"""Folders under ``rust`` that are no crates of the product."""
CRATE_ARROWS: dict[str, set[str]] = {
    "model": set(),
    "drift": set(),
    "traffic": set(),
    "trees": {"model"},
    "onnx": {"model"},
    "engine": {"model", "drift", "traffic"},
    "server": {"engine", "model"},
    "python": {"model", "drift", "traffic", "trees", "onnx", "engine", "server"},
}
OUTSIDE_OWNERS = {
    "pyo3": {"python"},
    "numpy": {"python"},
    "ort": {"onnx"},
    "ort-sys": {"onnx"},
    "tokio": {"server"},
    "tonic": {"server"},
    "tonic-prost": {"server"},
    "hyper": {"server"},
    "hyper-util": {"server"},
    "rustls": {"server"},
    "tokio-rustls": {"server"},
    "governor": {"server"},
}
"""Libraries that only these crates may name."""

SERVING_BANS = {"onnxruntime", "onnx", "skl2onnx", "sklearn", "pickle", "joblib", "cloudpickle"}
WORKER_ROOMS = {"training", "replay", "demo"}


def tracked(pattern: str) -> list[Path]:
    """Files that git knows or would add, so that a scan of a folder that moved can't pass."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", pattern],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()
    return [ROOT / name for name in listed if (ROOT / name).exists()]


def room(path: Path) -> str:
    """The room a file of the package stands in."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py").removesuffix(".pyi")


def imports(path: Path) -> set[str]:
    """Every module that a file imports, at the top or within a function, relative ones made absolute."""
    found: set[str] = set()
    package = ("tidegate", *path.relative_to(PACKAGE).parts[:-1])
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            module = ".".join(part for part in (base, node.module) if part)
            found.add(module)
            if module == "tidegate":
                found.update(f"tidegate.{alias.name}" for alias in node.names)
    return found


PYTHON_FILES = [path for path in tracked("python/tidegate/*.py") if path.suffix == ".py"]


def test_every_python_file_is_read() -> None:
    on_disk = set(PACKAGE.rglob("*.py"))
    assert set(PYTHON_FILES) == on_disk
    assert len(PYTHON_FILES) >= 40


@pytest.mark.parametrize("path", PYTHON_FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_python_arrows(path: Path) -> None:
    here = room(path)
    assert here in PYTHON_ARROWS, f"{here} is no room of the architecture"
    ours = {name.split(".")[1] for name in imports(path) if name.startswith("tidegate.")}
    rooms = {name for name in ours if name in PYTHON_ARROWS or name == "_native"}
    assert rooms - {here} <= PYTHON_ARROWS[here]


@pytest.mark.parametrize("path", PYTHON_FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_serving_imports_no_model_tools(path: Path) -> None:
    if room(path) in WORKER_ROOMS:
        return
    tops = {name.split(".")[0] for name in imports(path)}
    assert not tops & SERVING_BANS


def manifests() -> dict[str, dict[str, object]]:
    found = {}
    for path in tracked("rust/*/Cargo.toml"):
        if path.parent.name in OWN_WORKSPACE:
            continue
        found[path.parent.name] = tomllib.loads(path.read_text())
    return found


def test_crate_arrows() -> None:
    crates = manifests()
    folders = {path.name for path in RUST.iterdir() if path.is_dir()}
    assert set(crates) == set(CRATE_ARROWS) == folders - OWN_WORKSPACE
    for crate, manifest in crates.items():
        dependencies = manifest["dependencies"]
        assert isinstance(dependencies, dict)
        ours = {name.removeprefix("tidegate-") for name in dependencies if name.startswith("tidegate-")}
        assert ours <= CRATE_ARROWS[crate], crate
        for library, owners in OUTSIDE_OWNERS.items():
            assert library not in dependencies or crate in owners, f"{crate} may not name {library}"


def test_every_crate_inherits_the_lints() -> None:
    for crate, manifest in manifests().items():
        assert manifest.get("lints") == {"workspace": True}, crate


def test_unsafe_stands_only_where_it_is_audited() -> None:
    allowed = ("rust/onnx/src/ffi", "rust/drift/src/simd", "rust/trees/src/simd")
    sources = tracked("rust/*.rs")
    assert len(sources) >= 50
    for path in sources:
        if "unsafe " in path.read_text().replace("unsafe_code", ""):
            assert str(path.relative_to(ROOT)).startswith(allowed), path


def test_what_fuzz_targets_call_is_in_no_normal_build() -> None:
    """The feature ``fuzzing`` is asked for by ``rust/fuzz`` alone, and every file of it stands behind it."""
    for path in (*tracked("*Cargo.toml"), ROOT / "pyproject.toml"):
        asked = [line for line in path.read_text().splitlines() if "fuzzing" in line]
        allowed = {"rust/fuzz/Cargo.toml": 1, "rust/server/Cargo.toml": 1}
        assert len(asked) == allowed.get(str(path.relative_to(ROOT)), 0), path
    server = tomllib.loads((RUST / "server" / "Cargo.toml").read_text())
    assert server["features"] == {"fuzzing": []}
    gates = 0
    for path in tracked("rust/server/src/*.rs"):
        lines = path.read_text().splitlines()
        for number, line in enumerate(lines):
            if line.endswith("mod fuzzing;"):
                assert lines[number - 1] == '#[cfg(feature = "fuzzing")]', path
                gates += 1
    assert gates == len(tracked("rust/server/src/*fuzzing.rs")) == 3
