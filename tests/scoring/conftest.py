"""A home with two versions of a real model behind one name."""

from __future__ import annotations

import shutil
from pathlib import Path

import polars as pl
import pytest
from tests.e2e.servers import DATA, rows

import tidegate

SCHEMA = {"carrier": pl.String(), "distance": pl.Float32(), "hour": pl.Int64()}


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scoring")
    reference = folder / "reference.parquet"
    pl.DataFrame(rows(500), schema=SCHEMA).write_parquet(reference)
    home = Path(tidegate.init(folder / "home", trial=True)["home"])
    context = [
        {"name": "tail", "datatype": "BYTES", "role": "key"},
        {"name": "region", "datatype": "BYTES", "role": "segment"},
    ]
    with tidegate.open(home) as verbs:
        verbs.create_model("delay")
        for threshold in (0.5, 0.6):
            verbs.register_model_file("delay", DATA / "mixed.onnx", reference, threshold=threshold)
        verbs.create_endpoint("flight", "delay", "1", context=context)
        verbs.set_traffic("flight", {"1": 0.5, "2": 0.5})
    return home


@pytest.fixture
def home(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "home"))
