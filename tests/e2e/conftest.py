"""A home with a real model, and a way to serve it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
from tests.e2e.servers import DATA, Servers, rows

import tidegate


@pytest.fixture
def serve() -> Iterator[Servers]:
    servers = Servers()
    yield servers
    servers.end()


@pytest.fixture(scope="session")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("reference") / "reference.parquet"
    schema = {"carrier": pl.String(), "distance": pl.Float32(), "hour": pl.Int64()}
    pl.DataFrame(rows(500), schema=schema).write_parquet(path)
    return path


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory, reference: Path) -> Path:
    home = Path(tidegate.init(tmp_path_factory.mktemp("made") / "home", trial=True)["home"])
    with tidegate.open(home) as verbs:
        verbs.create_model("delay")
        for threshold in (0.5, 0.6):
            verbs.register_model_file("delay", DATA / "mixed.onnx", reference, threshold=threshold)
        verbs.create_endpoint(
            "flight", "delay", "1", context=[{"name": "tail", "datatype": "BYTES", "role": "key"}]
        )
        verbs.set_traffic("flight", {"1": 0.5, "2": 0.5})
    return home


@pytest.fixture
def served_home(made_once: Path, tmp_path: Path) -> Path:
    """A trial home whose endpoint ``flight`` is answered by two versions of a real model."""
    return Path(shutil.copytree(made_once, tmp_path / "home"))
