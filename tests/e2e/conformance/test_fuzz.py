"""Every decoder of what comes off a wire or a disk: a minute each under libFuzzer, from real messages."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.e2e.conformance.seeds import SEEDS

ROOT = Path(__file__).resolve().parents[3]
FUZZ = ROOT / "rust" / "fuzz"
TARGET = "x86_64-unknown-linux-gnu"
SECONDS = 60
COVERAGE = (
    "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 "
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table "
    "-Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1 --cfg fuzzing"
)
"""What libFuzzer needs of the compiler; the same on stable and nightly Rust."""


@pytest.fixture(scope="session")
def programs() -> Path:
    """The folder of the built targets."""
    cargo = shutil.which("cargo")
    assert cargo, "cargo is missing: install Rust with rustup (https://rustup.rs)"
    folder = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "fuzz"
    environment = os.environ | {"RUSTFLAGS": COVERAGE, "CARGO_TARGET_DIR": str(folder)}
    command = [cargo, "build", "--quiet", "--locked", "--release", "--target", TARGET]
    built = subprocess.run(command, cwd=FUZZ, env=environment, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr[-4000:]
    return folder / TARGET / "release"


def test_every_target_has_seeds() -> None:
    assert {path.stem for path in (FUZZ / "targets").glob("*.rs")} == set(SEEDS)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(SEEDS))
def test_a_minute_of(name: str, programs: Path, tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    seeds = list(SEEDS[name]())
    for number, seed in enumerate(seeds):
        (corpus / str(number)).write_bytes(seed)
    limits = [f"-max_total_time={SECONDS}", "-timeout=10", "-rss_limit_mb=1024", "-max_len=65536"]
    done = subprocess.run(
        [programs / name, *limits, corpus], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    found = [path.read_bytes().hex() for path in tmp_path.glob("*-*") if path.is_file()]
    assert done.returncode == 0, f"{found}\n{done.stderr[-3000:]}"
    assert seeds
    assert "DONE" in done.stderr
