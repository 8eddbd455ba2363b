"""Wheel and sdist, installed into an environment of their own, serve a model."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from tests.e2e.servers import DATA

ROOT = Path(__file__).resolve().parents[2]


def run(*command: str | Path, cwd: Path) -> str:
    clean = {name: value for name, value in os.environ.items() if name not in {"VIRTUAL_ENV", "PYTHONPATH"}}
    done = subprocess.run(command, cwd=cwd, env=clean, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["wheel", "sdist"])
def test_an_installed_package_serves(kind: str, tmp_path: Path) -> None:
    maturin = Path(sys.executable).with_name("maturin")
    arguments = ["build", "--release"] if kind == "wheel" else ["sdist"]
    run(maturin, *arguments, "--out", tmp_path / "dist", cwd=ROOT)
    (package,) = (tmp_path / "dist").iterdir()
    run(sys.executable, "-m", "venv", tmp_path / "venv", cwd=tmp_path)
    scripts = tmp_path / "venv" / "bin"
    run(
        scripts / "python",
        "-m",
        "pip",
        "install",
        "--quiet",
        f"tidegate[training] @ file://{package}",
        cwd=tmp_path,
    )

    (tmp_path / "model.onnx").write_bytes((DATA / "matrix.onnx").read_bytes())
    frame = pl.DataFrame(
        {f"f{column}": [float((7 * row + column) % 11) for row in range(200)] for column in range(4)}
    )
    frame.cast(pl.Float32).write_parquet(tmp_path / "reference.parquet")
    where = run(scripts / "python", "-c", "import tidegate; print(tidegate.__file__)", cwd=tmp_path)
    assert where.startswith(str(tmp_path))
    ports = ["--port", "0", "--admin-port", "0", "--control-port", "0"]
    reference = ["--reference", "reference.parquet"]
    shown = run(
        scripts / "tidegate", "quickstart", "model.onnx", *reference, "--no-wait", *ports, cwd=tmp_path
    )
    assert "drift counts 1 rows" in shown
