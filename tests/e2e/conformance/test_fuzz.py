"""Every decoder of what comes off a wire or a disk: a minute each under libFuzzer, from real messages."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.e2e.conformance.seeds import SEEDS

ROOT = Path(__file__).resolve().parents[3]
FUZZ = ROOT / "rust" / "fuzz"
TARGET = "x86_64-unknown-linux-gnu"
SECONDS = int(os.environ.get("TIDEGATE_FUZZ_SECONDS", "60"))
SIDE_BY_SIDE = 2
"""Targets that run at once: all of them take ten minutes."""
LONGEST = 65_536
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


@pytest.fixture(scope="session")
def runs(
    programs: Path, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Future[str]]]:
    """What went wrong with each target that was asked for, "" where nothing did."""
    items = [item for item in request.session.items if isinstance(item, pytest.Function)]
    asked = [item.callspec.params["name"] for item in items if item.originalname == "test_a_minute_of"]
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        yield {name: pool.submit(run, programs / name, tmp_path_factory.mktemp(name)) for name in asked}
        pool.shutdown(cancel_futures=True)


def run(program: Path, folder: Path) -> str:
    """Tries the seeds, then what becomes of them; what was found, and the end of the report."""
    corpus = folder / "corpus"
    corpus.mkdir()
    for number, seed in enumerate(SEEDS[program.name]()):
        (corpus / str(number)).write_bytes(seed)
    seeds = sorted(corpus.iterdir())
    assert seeds
    limits = ["-timeout=10", "-rss_limit_mb=1024", f"-max_len={LONGEST}"]
    read = subprocess.run(
        [program, *limits, *seeds],
        cwd=folder,
        env=os.environ | {"TIDEGATE_FUZZ_SEEDS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    if read.returncode:
        return f"a seed is refused: {read.stderr[-3000:]}"
    done = subprocess.run(
        [program, *limits, f"-max_total_time={SECONDS}", "-print_final_stats=1", corpus],
        cwd=folder,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode == 0 and "DONE" in done.stderr:
        return ""
    found = [path.read_bytes().hex() for path in folder.glob("*-*") if path.is_file()]
    return f"{found}\n{done.stderr[-3000:]}"


def test_every_target_has_seeds() -> None:
    assert {path.stem for path in (FUZZ / "src" / "bin").glob("*.rs")} == set(SEEDS)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(SEEDS))
def test_a_minute_of(name: str, runs: dict[str, Future[str]]) -> None:
    assert runs[name].result() == ""
